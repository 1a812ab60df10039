"""Mistakes that learners make, planted in otherwise right solutions: what is replaced, by what.

Each row ends with words that the third hint must contain, so that it names this mistake and no other.
"""

Planted = tuple[str, str, str]

SOLUTIONS = {
    "values-back": """
def values_back(d_out, weights, value):
    dw = d_out @ value.T
    dv = weights.T @ d_out
    return dw, dv
""",
    "softmax-back": """
def softmax_back(d_weights, weights):
    dot = np.sum(d_weights * weights, axis=1, keepdims=True)
    ds = weights * (d_weights - dot)
    return ds
""",
    "score-back": """
def score_back(d_scores, query, key):
    c = 1 / np.sqrt(query.shape[1])
    dq = c * d_scores @ key
    dk = c * d_scores.T @ query
    return dq, dk
""",
    "attention-back": """
def attention_back(d_out, query, key, value, visible):
    c = 1 / np.sqrt(query.shape[1])
    s = np.where(visible, c * query @ key.T, -np.inf)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    w = e / e.sum(axis=1, keepdims=True)
    dv = w.T @ d_out
    dw = d_out @ value.T
    dot = np.sum(w * dw, axis=1, keepdims=True)
    ds = w * (dw - dot)
    dq = c * ds @ key
    dk = c * ds.T @ query
    return dq, dk, dv
""",
    "layer-norm-back": """
def layer_norm_back(d_out, x, weight, eps):
    mu = x.mean(axis=1, keepdims=True)
    sd = np.sqrt(((x - mu) ** 2).mean(axis=1, keepdims=True) + eps)
    u = (x - mu) / sd
    du = d_out * weight
    dx = (du - du.mean(axis=1, keepdims=True) - u * (u * du).mean(axis=1, keepdims=True)) / sd
    dw = (d_out * u).sum(axis=0)
    db = d_out.sum(axis=0)
    return dx, dw, db
""",
    "grouped-back": """
def grouped_back(d_scores, query, key):
    H, G = len(query), len(key)
    keys = np.repeat(key, H // G, axis=0)
    dq = d_scores @ keys
    dk = d_scores.transpose(0, 2, 1) @ query
    dk = dk.reshape(G, H // G, *key.shape[1:]).sum(axis=1)
    return dq, dk
""",
    "rotary-back": """
def rotary_back(d_out, positions):
    D = d_out.shape[1]
    t = positions[:, None] * 10000.0 ** (-np.arange(0, D, 2) / D)
    a, b = d_out[:, 0::2], d_out[:, 1::2]
    d = np.zeros(d_out.shape)
    d[:, 0::2] = a * np.cos(t) + b * np.sin(t)
    d[:, 1::2] = b * np.cos(t) - a * np.sin(t)
    return d
""",
    "cross-entropy-back": """
def cross_entropy_back(d_loss, logits, targets):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    ok = targets != -1
    y = np.zeros(logits.shape)
    y[np.arange(len(y))[ok], targets[ok]] = 1
    g = (p - y) * ok[:, None]
    g = g / ok.sum()
    return d_loss * g
""",
    "embedding-back": """
def embedding_back(d_out, indices, rows):
    d = np.zeros((rows, d_out.shape[1]))
    for t in range(len(indices)):
        d[indices[t]] += d_out[t]
    return d
""",
}

PLANTED: dict[str, tuple[Planted, ...]] = {
    "values-back": (
        ("value.T", "value", "value is not transposed"),
        ("weights.T", "weights", "weights is not transposed"),
        ("return dw, dv", "return dv, dw", "d_weights and d_value are returned in the wrong order"),
        ("dw = d_out @ value.T", "dw = -d_out @ value.T", "d_weights has the wrong sign"),
        ("dv = weights.T @ d_out", "dv = weights.T @ d_out / len(weights)",
         "The terms of d_value are averaged, not added"),
        ("dv = weights.T @ d_out", "dv = weights.T @ np.ones(d_out.shape)",
         "d_out is ignored, as if all were ones"),
        ("dw = d_out @ value.T", "dw = np.ones(d_out.shape) @ value.T",
         "d_out is ignored, as if all were ones"),
        ("dv = weights.T @ d_out", "dv = weights.T @ (weights @ value)",
         "The output is used in place of d_out"),
        ("dw = d_out @ value.T", "dw = (weights @ value) @ value.T",
         "The output is used in place of d_out"),
        ("dw = d_out @ value.T", "dw = weights * (d_out @ value.T)",
         "The product of weights and d_weights is used as d_weights"),
        ("dv = weights.T @ d_out", "dv = (weights.T @ d_out) * value", "d_value is multiplied by value"),
        ("dw = d_out @ value.T", "dw = d_out @ value.T / value.shape[1]",
         "The terms of d_weights are averaged, not added"),
        ("return dw, dv", "return dw, 2 * dv", "d_value is multiplied by two"),
        ("dv = weights.T @ d_out", "dv = np.ones(weights.T.shape) @ d_out",
         "The transposed weights are ignored, as if all were ones"),
        ("dv = weights.T @ d_out", "dv = dw.T @ d_out", "d_weights is used in place of weights"),
    ),
    "softmax-back": (
        ("axis=1, keepdims=True", "axis=0, keepdims=True",
         "The product of weights and d_weights is summed down the columns, not along the rows"),
        ("np.sum(d_weights * weights", "np.mean(d_weights * weights",
         "The mean of the product of weights and d_weights along each row is taken, not the sum"),
        ("np.sum(d_weights * weights", "np.sum(d_weights", "d_weights is not multiplied by weights"),
        ("weights * (d_weights - dot)", "d_weights - dot",
         "d_weights minus the row's average is not multiplied by weights"),
        ("d_weights - dot", "d_weights + dot",
         "The row's weighted average of d_weights is added to d_weights, not subtracted"),
        ("d_weights - dot", "dot - d_weights",
         "d_weights is subtracted from the row's weighted average of d_weights, not the other way round"),
        (", axis=1, keepdims=True", "",
         "The product of weights and d_weights is summed over the whole array, not row by row"),
        ("weights * (d_weights - dot)", "weights * d_weights",
         "The row's weighted average of d_weights is not subtracted from d_weights"),
        ("weights * (d_weights - dot)", "d_weights", "d_weights is used as d_scores"),
        ("np.sum(d_weights * weights", "np.mean(d_weights",
         "The plain mean of d_weights is subtracted, not the mean weighted by the weights"),
        ("weights * (d_weights - dot)", "weights * (d_weights - dot) / len(weights)",
         "d_scores is divided by the number of queries"),
        ("weights * (d_weights - dot)", "weights * (d_weights - dot) / weights.shape[1]",
         "d_scores is divided by the number of keys"),
        ("weights * (d_weights - dot)", "weights * (1 - weights) * d_weights",
         "The product of weights and d_weights is not summed along the row"),
        ("weights * (d_weights - dot)", "weights - d_weights",
         "d_weights is subtracted from the weights, as if this were a cross-entropy"),
        ("np.sum(d_weights * weights", "np.sum(d_weights * weights**2", "weights is multiplied in twice"),
    ),
    "score-back": (
        ("dq = c * d_scores", "dq = d_scores", "d_scores is not divided by the square root of the width"),
        ("dk = c * d_scores", "dk = d_scores", "d_scores is not divided by the square root of the width"),
        ("c = 1 / np.sqrt(query.shape[1])", "c = 1",
         "d_scores is not divided by the square root of the width"),
        ("1 / np.sqrt(query.shape[1])", "1 / query.shape[1]", "divided by the width, not by its square root"),
        ("1 / np.sqrt(query.shape[1])", "np.sqrt(query.shape[1])",
         "d_scores is multiplied by the square root of the width, not divided"),
        ("d_scores.T @", "d_scores @", "The scaled d_scores is not transposed"),
        ("return dq, dk", "return dk, dq", "d_query and d_key are returned in the wrong order"),
        ("@ key", "@ query", "query is used in place of key"),
        ("d_scores.T @ query", "d_scores.T @ key", "key is used in place of query"),
        ("return dq, dk", "return -dq, -dk", "The scaled d_scores has the wrong sign"),
        ("return dq, dk", "return dq, c * dk", "d_key is divided by the root of the width"),
        ("return dq, dk", "return c * dq, c * dk", "divided by the width, not by its square root"),
        ("np.sqrt(query.shape[1])", "np.sqrt(len(query))",
         "The square root of the number of rows is taken, not of the width"),
        ("c * d_scores @ key", "c * d_scores @ np.ones(key.shape)",
         "key is ignored, as if all were ones"),
        ("return dq, dk", "return dq / len(query), dk / len(query)",
         "d_query and d_key are divided by the number of queries"),
    ),
    "attention-back": (
        ("axis=1, keepdims=True)\n    ds", "axis=0, keepdims=True)\n    ds",
         "The product of weights and d_weights is summed down the columns, not along the rows"),
        ("dot = np.sum(w * dw", "dot = np.mean(w * dw",
         "The mean of the product of weights and d_weights along each row is taken, not the sum"),
        ("dot = np.sum(w * dw", "dot = np.sum(dw", "d_weights is not multiplied by weights"),
        ("w * (dw - dot)", "dw - dot", "d_weights minus the row's average is not multiplied by weights"),
        ("dw - dot", "dw + dot",
         "The row's weighted average of d_weights is added to d_weights, not subtracted"),
        ("w * (dw - dot)", "w * dw",
         "The row's weighted average of d_weights is not subtracted from d_weights"),
        ("w * (dw - dot)", "w * (1 - w) * dw",
         "The product of weights and d_weights is not summed along the row"),
        ("dq = c * ds", "dq = ds", "d_scores is not divided by the square root of the width"),
        ("dk = c * ds.T", "dk = ds.T", "d_scores is not divided by the square root of the width"),
        ("np.where(visible, c * query @ key.T, -np.inf)", "c * query @ key.T", "The mask is ignored"),
        ("c = 1 / np.sqrt(query.shape[1])", "c = 1 / query.shape[1]",
         "divided by the width, not by its square root"),
        ("return dq, dk, dv", "return dq, dk, ds.T @ d_out", "d_scores is used in place of weights"),
        ("ds.T @ query", "w.T @ query", "The gradient of the keys is made of the weights, not of d_scores"),
        ("-np.inf", "0.0", "Hidden scores become zero, not minus infinity, and keep a share"),
        ("s - s.max(axis=1, keepdims=True)", "s",
         "The largest of the masked scores in the row is not subtracted before the exponential, which o"),
    ),
    "layer-norm-back": (
        ("du - du.mean(axis=1, keepdims=True) - u", "du - u",
         "The row's mean of d_out times the weight is not subtracted from d_out times the weight"),
        (" - u * (u * du).mean(axis=1, keepdims=True)", "",
         "The part along the normalised row is not subtracted from the gradient minus its mean"),
        (") / sd\n    dw", ")\n    dw",
         "The sum of the three terms is not divided by the standard deviation"),
        ("du = d_out * weight", "du = d_out", "d_out is not multiplied by the weight"),
        ("(d_out * u).sum(axis=0)", "(d_out * x).sum(axis=0)", "x is used in place of the normalised row"),
        ("d_out.sum(axis=0)", "d_out.mean(axis=0)", "The mean of d_out over the rows is taken, not the sum"),
        ("(d_out * u).sum(axis=0)", "(du * u).sum(axis=0)",
         "d_out times the weight is used in place of d_out"),
        ("u * (u * du).mean", "(u * du).mean",
         "The row's mean of the normalised row times its gradient is not multiplied by the normalised row"),
        ("(u * du).mean", "(u * du).sum",
         "The sum of the normalised row times its gradient along each row is taken, not the mean"),
        ("du.mean(axis=1", "du.sum(axis=1",
         "The sum of d_out times the weight along each row is taken, not the mean"),
        ("du.mean(axis=1", "d_out.mean(axis=1", "d_out is used in place of d_out times the weight"),
        ("keepdims=True) + eps)", "keepdims=True)) + eps",
         "Epsilon is added to the standard deviation, not to the variance"),
        ("(d_out * u).sum(axis=0)", "(d_out * u).sum(axis=1)",
         "d_out times the normalised row is summed along the rows, not down the columns"),
        ("u * (u * du)", "u * (x * du)", "x is used in place of the normalised row"),
        ("(du - du.mean(axis=1, keepdims=True) - u * (u * du).mean(axis=1, keepdims=True))",
         "weight * (d_out - d_out.mean(axis=1)[:, None] - u * (u * d_out).mean(axis=1)[:, None])",
         "The weight stands outside the means"),
    ),
    "grouped-back": (
        (".sum(axis=1)", ".mean(axis=1)", "The gradients of a group's query heads are averaged, not added"),
        (".sum(axis=1)", "[:, 0]",
         "Only the first query head of each group is taken, not the sum over the group"),
        (".sum(axis=1)", "[:, -1]", "Only the last query head of each group is taken"),
        ("np.repeat(key, H // G, axis=0)", "np.tile(key, (H // G, 1, 1))",
         "query head h reads key head h modulo G"),
        ("reshape(G, H // G, *key.shape[1:]).sum(axis=1)", "reshape(H // G, G, *key.shape[1:]).sum(axis=0)",
         "The heads are summed as if query head h read key head h modulo G"),
        ("dk = dk.reshape(G, H // G, *key.shape[1:]).sum(axis=1)", "dk = dk[:G]",
         "Only the first query heads are taken, one for each key head"),
        ("    dk = dk.reshape(G, H // G, *key.shape[1:]).sum(axis=1)\n", "",
         "The gradients of a group's query heads are not added up"),
        ("dq = d_scores @ keys", "dq = -d_scores @ keys", "d_query has the wrong sign"),
        ("d_scores.transpose(0, 2, 1)", "d_scores", "d_scores is not transposed"),
        ("return dq, dk", "return dk, dq", "d_query and d_key are returned in the wrong order"),
        ("return dq, dk", "return dq, dk * (H // G)",
         "The gradient of each query head's key is multiplied by the size of a group"),
        ("return dq, dk", "return dq / np.sqrt(key.shape[2]), dk / np.sqrt(key.shape[2])",
         "d_query and d_key are divided by the root of the width"),
        ("np.repeat(key, H // G, axis=0)", "np.repeat(key[:1], H, axis=0)",
         "All query heads read the first key head"),
        ("d_scores @ keys", "np.ones(d_scores.shape) @ keys",
         "d_scores is ignored, as if all were ones"),
        ("return dq, dk", "return dq, dk / G",
         "The gradient of each query head's key is divided by the number of key heads"),
    ),
    "rotary-back": (
        ("a * np.cos(t) + b * np.sin(t)", "a * np.cos(t) - b * np.sin(t)",
         "The second entry times the sine is subtracted from the first entry times the cosine, not added"),
        ("b * np.cos(t) - a * np.sin(t)", "b * np.cos(t) + a * np.sin(t)",
         "The first entry times the sine is added to the second entry times the cosine, not subtracted"),
        ("t = positions", "t = -positions", "The gradient is turned by the same angle as x, not back"),
        ("np.arange(0, D, 2) / D", "np.arange(0, D // 2) / D", "The rates fall half as fast"),
        ("np.arange(0, D, 2) / D", "2 * np.arange(0, D, 2) / D", "The rates fall twice as fast"),
        ("return d\n", "return d_out\n", "d_out is used as d_x"),
        ("(-np.arange", "(np.arange", "The rates rise"),
        ("positions[:, None]", "np.arange(len(d_out))[:, None]", "The given positions are ignored"),
        ("positions[:, None]", "(positions[:, None] + 1)",
         "positions are counted from one, or the given ones are ignored"),
        ("a, b = d_out[:, 0::2], d_out[:, 1::2]", "b, a = d_out[:, 0::2], d_out[:, 1::2]",
         "The two entries of each pair are exchanged; and the angle has the wrong sign"),
        ("b * np.cos(t) - a * np.sin(t)", "b * np.cos(t)",
         "The first entry times the sine is not subtracted from the second entry times the cosine"),
        ("a * np.cos(t) + b * np.sin(t)", "a * np.sin(t) + b * np.cos(t)", ""),
        ("10000.0 ** (-np.arange(0, D, 2) / D)", "np.ones(D // 2)", "All pairs turn equally fast"),
        ("b * np.cos(t) - a * np.sin(t)", "a * np.sin(t) - b * np.cos(t)",
         "The second entry times the cosine is subtracted from the first entry times the sine"),
        ("return d\n", "return 2 * d\n", "d_x is multiplied by two"),
    ),
    "cross-entropy-back": (
        ("g = (p - y) * ok[:, None]", "g = p * ok[:, None]",
         "The one of the target's class is not subtracted"),
        ("g = g / ok.sum()", "g = g",
         "The difference in rows that count is not divided by the number of targets that count"),
        ("ok.sum()", "len(ok)", "The mean counts the ignored targets too"),
        (" * ok[:, None]", "", "Rows whose target is ignored have a gradient"),
        ("(p - y)", "(y - p)",
         "The softmax is subtracted from the target's 1, not the other way round"),
        ("(p - y)", "(p + y)", "The target's 1 is added to the softmax, not subtracted"),
        ("return d_loss * g", "return g", "The gradient of the mean is not multiplied by d_loss"),
        ("(p - y)", "(logits - y)", "logits is used in place of the softmax"),
        ("(p - y)", "(p * (p - y))", "d_logits is multiplied by the softmax"),
        ("targets[ok]] = 1", "targets[ok] - 1] = 1",
         "The one stands one column before the target's, around the edge"),
        ("ok.sum()", "logits.size", "The gradient is divided by the number of all logits, not of targets"),
        ("ok.sum()", "logits.shape[1]", "The gradient is divided by the number of classes, not of targets"),
        ("(p - y)", "y", "The difference in rows that count is used in place of the target's 1"),
        ("logits - logits.max(axis=1, keepdims=True)", "logits", "An exponential overflows"),
        ("e.sum(axis=1, keepdims=True)", "e.sum()",
         "The exponential is divided by the sum over the whole array, not of its row"),
    ),
    "embedding-back": (
        ("+= d_out[t]", "= d_out[t]", "Where an index occurs several times only its last gradient is kept"),
        ("d[indices[t]]", "d[t]", "The gradients stand at the positions, not at the indices"),
        ("+= d_out[t]", "+= 1", "The indices are counted; their gradients are ignored"),
        ("+= d_out[t]", "-= d_out[t]", "The gradients are subtracted from the table"),
        ("return d\n", "return d / np.maximum(np.bincount(indices, minlength=rows), 1)[:, None]\n",
         "Where an index occurs several times its gradients are averaged, not added"),
        ("return d\n", "return d / len(indices)\n", "d_weight is divided by the number of indices"),
        ("return d\n", "return d / rows\n", "d_weight is divided by the number of rows"),
        ("return d\n", "return d * np.bincount(indices, minlength=rows)[:, None]\n",
         "A gradient is added once more for each occurrence of its index"),
        ("d[indices[t]]", "d[indices[t] - 1]", "Indices are counted from one"),
        ("range(len(indices))", "range(len(indices) - 1)", "The last token is left out"),
        ("range(len(indices))", "range(1, len(indices))", "The first token is left out"),
        ("rows, d_out.shape[1]", "max(indices) + 1, d_out.shape[1]",
         "The table ends at the largest index that occurs"),
        ("d[indices[t]]", "d[np.unique(indices, return_inverse=True)[1][t]]",
         "The rows of the table are in the order in which indices first occur"),
        ("return d\n", "return 2 * d\n", "d_weight is multiplied by two"),
        ("+= d_out[t]", "+= d_out.sum(axis=0)", ""),
    ),
}  # fmt: skip
