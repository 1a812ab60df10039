"""The words of the page: what each step does, forward and backward, in a sentence or two."""

THERE = {
    "project": """One row of tokens becomes three: what each token asks (query), what it answers to (key),
        and what it hands on (value). With heads, the rows are cut into pieces, one for each head.""",
    "score": "A score says how well a key fits a query. A row for each query, a column for each key.",
    "softcap": """tanh keeps every score within ±softcap: small ones pass almost as they are, large ones
        flatten.""",
    "bias": "A number is added to every score, whatever the query and the key say.",
    "mask": "Where a query may not look, its score becomes −∞, so that its weight will be exactly 0.",
    "softmax": "exp makes every score positive; divided by the sum of their row they are shares of 1.",
    "dropout": """Some weights become 0; the others grow by 1 / (1 − rate), so that on average nothing
        changes.""",
    "values": "Each row of out is the mean of the values, each counted by its weight.",
}
"""Step -> what its forward does."""

BACK = {
    "project": "Each matrix collects over all tokens.",
    "score": """Each d_query is a sum of keys and each d_key a sum of queries, counted by d_scores. A step
        against the gradient turns query and key to each other where d_scores is negative, away from each
        other where it is positive.""",
    "softcap": """What arrives is multiplied by the slope of the curve at its score: where it is flat, nothing
        comes through.""",
    "bias": "A sum hands its gradient on unchanged, to the scores and to the bias.",
    "mask": "Nothing comes back through a hidden pair: its gradient is exactly 0, whatever arrived.",
    "softmax": """A score gets the gradient weight × (d_weight − the average of its row): positive if its
        value agrees with d_out more than the row does on average. What one gains the others lose, so a row
        sums to 0. (The lines first subtract the d_weight at the row's largest weight: that changes no result,
        only its rounding.)""",
    "dropout": "The gradient passes through the same multipliers: what was dropped gets none.",
    "values": """d_weights asks of every value how far it agrees with d_out: a dot product. d_value hands
        d_out to the values, each by its weight.""",
}
"""Step -> what its backward does."""

CHAIN_RULE = "d_scores goes back through the formula of the score, to query, key and its parameters."
"""In the place of BACK["score"], where scores are no dot products."""

NOT_ZERO = """(Here the sink is an entry of the row with a d_weight of 0; and d_lse, if the loss depends on
    lse, stands beside minus the average.)"""

LEAD = """Read the left column downwards: query, key and value become out. Read the right column upwards:
    d_out, the gradient of a loss by out, becomes a gradient for each of them. Below each equation are the
    numbers, and the laws that they must keep whatever the inputs are; <code>numpy-attention laws N</code>
    proves law N. Each gradient is compared with the complex step, which needs no backward: add 1e-100 i to an
    input, run forward, and the imaginary part of the loss, divided by 1e-100, is the derivative."""

LOSS = "The loss is Σ d_out × out, so d_out is its gradient by out: any loss looks like this from close by."

LOSS_OF_LSE = (
    "The loss is Σ d_out × out + Σ d_lse × lse: any loss of out and lse looks like this from close by."
)

FAULTS = """Each of these mistakes is made by somebody somewhere. Planted here, in the step that it concerns,
    it changes these numbers and breaks these laws."""

ROOT_D = """A dot product of D random numbers grows with √D. Without the scale 1 / √D one weight takes all,
    and where a weight is 0 or 1 no gradient comes back."""

NOT_DRAWN = """Without drawings: with them the page would be too large. Fewer tokens or fewer heads bring them
    back."""
