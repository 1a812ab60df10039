"""Mistakes of learners who write loops: what is replaced in a right solution, by what, words of a hint."""

SOLUTIONS = {
    "values-back": """
def values_back(d_out, weights, value):
    (L, S), E = weights.shape, value.shape[1]
    dw, dv = np.zeros((L, S)), np.zeros((S, E))
    for l in range(L):
        for s in range(S):
            for e in range(E):
                dw[l, s] += d_out[l, e] * value[s, e]
                dv[s, e] += weights[l, s] * d_out[l, e]
    return dw, dv
""",
    "softmax-back": """
def softmax_back(d_weights, weights):
    L, S = weights.shape
    ds = np.zeros((L, S))
    for l in range(L):
        dot = 0.0
        for t in range(S):
            dot += weights[l, t] * d_weights[l, t]
        for s in range(S):
            ds[l, s] = weights[l, s] * (d_weights[l, s] - dot)
    return ds
""",
    "score-back": """
def score_back(d_scores, query, key):
    (L, S), D = d_scores.shape, query.shape[1]
    dq, dk = np.zeros((L, D)), np.zeros((S, D))
    for l in range(L):
        for s in range(S):
            dq[l] += d_scores[l, s] * key[s] / np.sqrt(D)
            dk[s] += d_scores[l, s] * query[l] / np.sqrt(D)
    return dq, dk
""",
    "attention-back": """
def attention_back(d_out, query, key, value, visible):
    (L, S), (D, E) = visible.shape, (query.shape[1], value.shape[1])
    scores, weights, dw, dv = np.zeros((L, S)), np.zeros((L, S)), np.zeros((L, S)), np.zeros((S, E))
    for l in range(L):
        biggest, total, dot = -np.inf, 0.0, 0.0
        for s in range(S):
            for d in range(D):
                scores[l, s] += query[l, d] * key[s, d]
            scores[l, s] /= np.sqrt(D)
            if not visible[l, s]:
                scores[l, s] = -np.inf
            biggest = max(biggest, scores[l, s])
        for s in range(S):
            weights[l, s] = np.exp(scores[l, s] - biggest)
            total += weights[l, s]
        for s in range(S):
            weights[l, s] /= total
            for e in range(E):
                dw[l, s] += d_out[l, e] * value[s, e]
                dv[s, e] += weights[l, s] * d_out[l, e]
            dot += weights[l, s] * dw[l, s]
        for s in range(S):
            scores[l, s] = weights[l, s] * (dw[l, s] - dot) / np.sqrt(D)
    return scores @ key, scores.T @ query, dv
""",
}

PLANTED = {
    "values-back": (
        ("range(L)", "range(L - 1)", "The last row of d_weights is left 0: a loop ends one step too early."),
        ("range(E)", "range(1, E)", "The sum for d_weights lacks its first term: a loop begins one step too"),
        ("range(S)", "range(min(l + 1, S))", "The entries of d_weights right of its diagonal are left 0"),
        ("dv[s, e] += ", "dv[s, e] = ", "The sum for d_value keeps its last term alone"),
        ("d_out[l, e] * value", "d_out[s % L, e] * value",
         "Row s of d_out stands where row l belongs, in d_weights."),
        ("weights[l, s] * d_out", "dw[l, s] * d_out",
         "d_weights_ls stands where weights_ls belongs, in d_value, and is still being summed."),
        ("    return dw", "        return dw", "All rows of d_weights but the first are left 0"),
        ("dw, dv = np.zeros((L, S))", "dw, dv = np.zeros((L, S), int)",
         "d_weights is an array of int64, where float64 is expected: its fractions are cut off."),
    ),
    "softmax-back": (
        ("dot += weights[l, t] * d_weights[l, t]", "dot += (t != 0) * weights[l, t] * d_weights[l, t]",
         "The sum for the row's weighted average of d_weights lacks its first term"),
        ("    for l in range(L):\n        dot = 0.0\n", "    dot = 0.0\n    for l in range(L):\n",
         "is not set back to zero for each row, and runs on"),
        ("        for s in range(S):\n            ds[l, s] = weights[l, s] * (d_weights[l, s] - dot)",
         "            ds[l, t] = weights[l, t] * (d_weights[l, t] - dot)", "is used before it is complete"),
        ("- dot)", "- dot + weights[l, s] * d_weights[l, s])", "lacks the entry's own term"),
        ("        for s in range(S):\n", "        dot = 0.0\n        for s in range(S):\n            "
         "dot += weights[l] @ d_weights[l]\n",
         "The sum for d_scores is not set back to zero for each entry of a row, and runs on"),
        ("np.zeros((L, S))", "np.full((L, S), np.nan)\n    L -= L > 1",
         "The last row of d_scores is left NaN"),
    ),
    "score-back": (
        ("range(S)", "range(S - 1)", "The last column of the scaled d_scores is left 0"),
        ("dq[l] += d_scores[l, s] * key[s] / np.sqrt(D)",
         "dq[l] = (dq[l] + d_scores[l, s] * key[s]) / np.sqrt(D)",
         "d_query is divided by the square root of the width at each step of its sum"),
        ("key[s] / np.sqrt(D)", "key[s] * np.sqrt(D)",
         "d_scores is multiplied by the square root of the width, not divided, in d_query."),
        ("query[l] / np.sqrt(D)", "key[s] / np.sqrt(D)",
         "key_sd stands where query_ld belongs, in d_key."),
    ),
    "attention-back": (
        ("    for l in range(L):\n        biggest, total",
         "    biggest = -np.inf\n    for l in range(L):\n        _, total",
         "The largest of the masked scores is carried over from the row before"),
        ("            scores[l, s] /= np.sqrt(D)", "                scores[l, s] /= np.sqrt(D)",
         "The scores are divided by the square root of the width at each step of their sum."),
    ),
}  # fmt: skip
