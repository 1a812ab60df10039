"""Tasks of words: sequences of symbols to classify, to translate, or to go on with.

Read word_task.py first, the kind of task; then vocabulary (text to ids and back), examples (what is trained
on), objectives (what the loop trains: a language model, an encoder-decoder; labelling has classes of texts);
then the tasks, a file each, and their baselines: ngrams, translation_baselines, naive_bayes.
"""
