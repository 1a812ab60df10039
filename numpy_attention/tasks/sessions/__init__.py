"""Tasks of sessions: which item is next, after those that somebody had before.

Read next_item first. `process` draws sessions and knows the probability of every next item, `ratings` reads a
file of one's own; `ranking` has the model and its figures, hit rate and NDCG over all items, `counts` the
baselines.
"""
