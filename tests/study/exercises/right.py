"""Right solutions of every exercise, in the styles in which learners write them."""

SOLUTIONS = {
    "softmax": (
        """
def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
""",
        """
def softmax(x):
    out = np.zeros(x.shape)
    for i in range(x.shape[0]):
        biggest = max(x[i])
        total = 0.0
        for j in range(x.shape[1]):
            out[i, j] = np.exp(x[i, j] - biggest)
            total += out[i, j]
        out[i] /= total
    return out
""",
    ),
    "scale": (
        """
def scale(query, key):
    return query @ key.T / np.sqrt(query.shape[-1])
""",
        """
def scale(q, k):
    d = q.shape[1] ** 0.5
    return np.einsum("ld,sd->ls", q / d, k)
""",
        """
def scale(query, key):
    return [[sum(a * b for a, b in zip(q, k)) / len(q) ** 0.5 for k in key] for q in query]
""",
    ),
    "causal-mask": (
        """
def causal_mask(scores, offset):
    L, S = scores.shape
    return np.where(np.tri(L, S, offset, dtype=bool), scores, -np.inf)
""",
        """
def causal_mask(scores, offset):
    out = scores.copy()
    for i in range(len(out)):
        for j in range(len(out[0])):
            if j > i + offset:
                out[i, j] = float("-inf")
    return out
""",
    ),
    "attention": (
        """
def attention(query, key, value, visible):
    s = query @ key.T / np.sqrt(query.shape[1])
    s[~visible] = -np.inf
    w = np.exp(s - s.max(axis=1, keepdims=True))
    w /= w.sum(axis=1, keepdims=True)
    return w @ value
""",
        """
def attention(q, k, v, visible):
    rows = []
    for i in range(len(q)):
        keys = [j for j in range(len(k)) if visible[i, j]]
        s = np.array([q[i].dot(k[j]) for j in keys]) * len(q[i]) ** -0.5
        w = np.exp(s - max(s))
        rows.append(sum(w[n] * v[j] for n, j in enumerate(keys)) / sum(w))
    return np.array(rows)
""",
    ),
    "values-back": (
        """
def values_back(d_out, weights, value):
    return d_out @ value.T, weights.T @ d_out
""",
        """
def values_back(do, w, v):
    return np.einsum("le,se->ls", do, v), np.einsum("ls,le->se", w, do)
""",
        """
def values_back(d_out, weights, value):
    d_value = np.zeros_like(value)
    d_weights = np.zeros_like(weights)
    for l in range(len(weights)):
        for s in range(len(value)):
            d_value[s] += weights[l, s] * d_out[l]
            d_weights[l, s] = (d_out[l] * value[s]).sum()
    return {"d_value": d_value, "d_weights": d_weights}
""",
    ),
    "softmax-back": (
        """
def softmax_back(d_weights, weights):
    dot = np.sum(d_weights * weights, axis=1, keepdims=True)
    return weights * (d_weights - dot)
""",
        """
def softmax_back(d_weights, weights):
    out = np.empty(weights.shape)
    for i, w in enumerate(weights):
        jacobian = np.diag(w) - np.outer(w, w)
        out[i] = jacobian @ d_weights[i]
    return out
""",
        """
def softmax_back(d, p):
    return p * d - p * np.einsum("ij,ij->i", p, d)[:, None]
""",
        """
def softmax_back(d_weights, weights):
    rows, keys = weights.shape
    d_scores = np.zeros((rows, keys))
    for i in range(rows):
        for j in range(keys):
            for k in range(keys):
                same = 1.0 if j == k else 0.0
                d_scores[i, j] += d_weights[i, k] * weights[i, k] * (same - weights[i, j])
    return d_scores
""",
    ),
    "score-back": (
        """
def score_back(d_scores, query, key):
    d_scores = d_scores / np.sqrt(query.shape[-1])
    return d_scores @ key, d_scores.T @ query
""",
        """
def score_back(ds, q, k):
    scale = q.shape[1] ** -0.5
    return np.einsum("ls,sd->ld", ds, k) * scale, scale * np.einsum("ls,ld->sd", ds, q)
""",
        """
def score_back(d_scores, query, key):
    dq, dk = np.zeros(query.shape), np.zeros(key.shape)
    for l in range(query.shape[0]):
        for s in range(key.shape[0]):
            dq[l] += d_scores[l, s] * key[s] / query.shape[1] ** 0.5
            dk[s] += d_scores[l, s] * query[l] / query.shape[1] ** 0.5
    return dq, dk
""",
    ),
    "attention-back": (
        """
def attention_back(d_out, query, key, value, visible):
    scale = 1 / np.sqrt(query.shape[1])
    s = np.where(visible, query @ key.T * scale, -np.inf)
    w = np.exp(s - s.max(axis=1, keepdims=True))
    w = w / w.sum(axis=1, keepdims=True)
    dw = d_out @ value.T
    ds = w * (dw - (w * dw).sum(axis=1, keepdims=True)) * scale
    return ds @ key, ds.T @ query, w.T @ d_out
""",
        """
def attention_back(d_out, query, key, value, visible):
    D = query.shape[1]
    dq, dk, dv = np.zeros(query.shape), np.zeros(key.shape), np.zeros(value.shape)
    for i in range(len(query)):
        seen = np.flatnonzero(visible[i])
        s = key[seen] @ query[i] / D**0.5
        p = np.exp(s - s.max())
        p /= p.sum()
        out = p @ value[seen]
        dp = value[seen] @ d_out[i]
        ds = p * (dp - out @ d_out[i])
        for n, j in enumerate(seen):
            dv[j] += p[n] * d_out[i]
            dq[i] += ds[n] * key[j] / D**0.5
            dk[j] += ds[n] * query[i] / D**0.5
    return dq, dk, dv
""",
        """
def attention_back(do, q, k, v, visible):
    q = q / q.shape[1] ** 0.5
    s = np.einsum("ld,sd->ls", q, k) + np.where(visible, 0.0, -np.inf)
    p = np.exp(s - np.log(np.exp(s - s.max(1)[:, None]).sum(1))[:, None] - s.max(1)[:, None])
    dp = np.einsum("le,se->ls", do, v)
    ds = p * dp - p * np.einsum("ls,ls->l", p, dp)[:, None]
    dq = np.einsum("ls,sd->ld", ds, k) / k.shape[1] ** 0.5
    return dq, np.einsum("ls,ld->sd", ds, q), np.einsum("ls,le->se", p, do)
""",
    ),
    "layer-norm-back": (
        """
def layer_norm_back(d_out, x, weight, eps):
    mean = x.mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(axis=1, keepdims=True) + eps)
    norm = (x - mean) * rstd
    dnorm = d_out * weight
    along = norm * (dnorm * norm).mean(axis=1, keepdims=True)
    dx = rstd * (dnorm - dnorm.mean(axis=1, keepdims=True) - along)
    return dx, (d_out * norm).sum(axis=0), d_out.sum(axis=0)
""",
        """
def layer_norm_back(dout, x, gamma, eps):
    N, D = x.shape
    mu = x.sum(axis=1) / D
    xmu = x - mu[:, None]
    var = (xmu**2).sum(axis=1) / D
    sqrtvar = np.sqrt(var + eps)
    ivar = 1.0 / sqrtvar
    xhat = xmu * ivar[:, None]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    dxhat = dout * gamma
    divar = (dxhat * xmu).sum(axis=1)
    dvar = 0.5 / sqrtvar * (-1 / sqrtvar**2 * divar)
    dxmu = dxhat * ivar[:, None] + 2 * xmu * (dvar / D)[:, None]
    dmu = -dxmu.sum(axis=1)
    return dxmu + (dmu / D)[:, None], dgamma, dbeta
""",
    ),
    "adam": (
        """
def adam(param, grad, first, second, t, lr, beta1, beta2, eps):
    first = beta1 * first + (1 - beta1) * grad
    second = beta2 * second + (1 - beta2) * grad**2
    m = first / (1 - beta1**t)
    v = second / (1 - beta2**t)
    return param - lr * m / (np.sqrt(v) + eps), first, second
""",
        """
def adam(p, g, m, v, t, lr, b1, b2, eps):
    m = m + (1 - b1) * (g - m)
    v = v + (1 - b2) * (g * g - v)
    return p - lr / (1 - b1**t) * m / (np.sqrt(v / (1 - b2**t)) + eps), m, v
""",
    ),
    "heads": (
        """
def heads(query, key, value, heads):
    size = query.shape[1] // heads
    outs = []
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        s = query[:, part] @ key[:, part].T / np.sqrt(size)
        w = np.exp(s - s.max(axis=1, keepdims=True))
        outs.append(w / w.sum(axis=1, keepdims=True) @ value[:, part])
    return np.concatenate(outs, axis=1)
""",
        """
def heads(query, key, value, heads):
    q, k, v = (x.reshape(len(x), heads, -1) for x in (query, key, value))
    s = np.einsum("lhd,shd->hls", q, k) * q.shape[-1] ** -0.5
    w = np.exp(s - s.max(-1, keepdims=True))
    w /= w.sum(-1, keepdims=True)
    return np.einsum("hls,shd->lhd", w, v).reshape(query.shape)
""",
    ),
    "grouped-back": (
        """
def grouped_back(d_scores, query, key):
    n = len(query) // len(key)
    d_keys = d_scores.swapaxes(1, 2) @ query
    return d_scores @ np.repeat(key, n, axis=0), d_keys.reshape(len(key), n, *key.shape[1:]).sum(axis=1)
""",
        """
def grouped_back(d_scores, query, key):
    dq, dk = np.zeros(query.shape), np.zeros(key.shape)
    for h in range(len(query)):
        g = h // (len(query) // len(key))
        dq[h] = d_scores[h] @ key[g]
        dk[g] += d_scores[h].T @ query[h]
    return dq, dk
""",
    ),
    "rotary-back": (
        """
def rotary_back(d_out, positions):
    D = d_out.shape[1]
    angle = positions[:, None] * 10000.0 ** (-np.arange(0, D, 2) / D)
    a, b = d_out[:, 0::2], d_out[:, 1::2]
    d_x = np.empty(d_out.shape)
    d_x[:, 0::2] = a * np.cos(angle) + b * np.sin(angle)
    d_x[:, 1::2] = b * np.cos(angle) - a * np.sin(angle)
    return d_x
""",
        """
def rotary_back(d_out, positions):
    d = np.zeros(d_out.shape)
    for n, p in enumerate(positions):
        for i in range(d_out.shape[1] // 2):
            t = p / 10000 ** (2 * i / d_out.shape[1])
            turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
            d[n, 2 * i : 2 * i + 2] = turn.T @ d_out[n, 2 * i : 2 * i + 2]
    return d
""",
    ),
    "online-softmax": (
        """
def online_softmax(top, total, out, scores, value):
    new = np.maximum(top, scores.max(axis=1, keepdims=True))
    old = np.exp(top - new)
    e = np.exp(scores - new)
    return new, total * old + e.sum(axis=1, keepdims=True), out * old + e @ value
""",
        """
def online_softmax(top, total, out, scores, value):
    top, total, out = top.copy(), total.copy(), out.copy()
    for j in range(scores.shape[1]):
        new = np.maximum(top[:, 0], scores[:, j])
        keep, add = np.exp(top[:, 0] - new), np.exp(scores[:, j] - new)
        total[:, 0] = total[:, 0] * keep + add
        out = out * keep[:, None] + add[:, None] * value[j]
        top[:, 0] = new
    return top, total, out
""",
    ),
    "cross-entropy-back": (
        """
def cross_entropy_back(d_loss, logits, targets):
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    kept = targets >= 0
    p[np.arange(len(p))[kept], targets[kept]] -= 1
    p[~kept] = 0
    return d_loss * p / kept.sum()
""",
        """
def cross_entropy_back(d_loss, logits, targets):
    d, n = [], sum(t != -1 for t in targets)
    for row, t in zip(logits, targets):
        e = np.exp(row - row.max())
        grad = e / e.sum() - np.eye(len(row))[t]
        d.append(grad * d_loss / n if t != -1 else 0 * row)
    return np.array(d)
""",
    ),
    "embedding-back": (
        """
def embedding_back(d_out, indices, rows):
    d = np.zeros((rows, d_out.shape[1]))
    np.add.at(d, indices, d_out)
    return d
""",
        """
def embedding_back(d_out, indices, rows):
    return (np.arange(rows)[:, None] == indices).astype(float) @ d_out
""",
        """
def embedding_back(d_out, indices, rows):
    d = np.zeros((rows, d_out.shape[1]))
    for t, i in enumerate(indices):
        d[i] += d_out[t]
    return d
""",
    ),
}
