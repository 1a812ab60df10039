"""Attention, its scores, loss and optimizer, forward and backward: the whole mathematics, in NumPy alone.

Read a forward down and its backward up: each line of a backward names the step, or quotes the line, it
undoes. d_x is the gradient of the loss by x. Axes: ... batch, H query heads, G key heads, L queries, S keys,
widths D and E. These are the textbook forms. The library gives the same numbers, and stays accurate
where these lose digits: rows with one weight near 1, NaN or inf in the inputs, exponentials out of range.
"""
# mypy: disable-error-code="type-arg, no-any-return"

import numpy as np

Array = np.ndarray


def softmax_forward(x: Array) -> tuple[Array, Array]:
    """weights_s = exp(x_s) / Σ_t exp(x_t) along the last axis, as output and as what the backward needs."""
    peak = x.max(axis=-1, keepdims=True, initial=-np.inf)    # -inf for a row without entries or of -inf only
    exps = np.exp(x - np.where(np.isfinite(peak), peak, 0))  # any shift cancels; this avoids overflow
    total = exps.sum(axis=-1, keepdims=True)
    weights = exps / np.where(total == 0, 1, total)          # a row of nothing but -inf has weights 0
    return weights, weights


def softmax_backward(d_weights: Array, weights: Array) -> Array:
    """From ∂weights_s/∂x_t = weights_s (δ_st - weights_t); cancels where one weight is near 1."""
    return weights * (d_weights - (weights * d_weights).sum(axis=-1, keepdims=True))


def attention_forward(
    query: Array,                      # (..., H, L, D)
    key: Array,                        # (..., G, S, D); G divides H, query head h reads key head h // (H / G)
    value: Array,                      # (..., G, S, E)
    scale: Array | float | None = None,  # 1 / sqrt(D)
    softcap: float | None = None,
    bias: Array | None = None,         # broadcasts to (..., H, L, S), as visible and dropout do
    visible: Array | None = None,      # the mask: True = may attend
    sinks: Array | None = None,        # (..., H): the score of one more key, whose value is 0
    dropout: Array | None = None,      # multipliers: each 0 or 1 / (1 - rate)
) -> tuple[Array, tuple]:
    """out = softmax(scale * query @ keyᵀ) @ value with options, and what the backward needs."""
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    keys, values = repeat_heads(key, query), repeat_heads(value, query)           # (..., H, S, D or E)
    products = query @ keys.mT                                                    # (..., H, L, S)
    scores = scale * products                                                     # 1 score
    capped = scores if softcap is None else softcap * np.tanh(scores / softcap)   # 2 softcap
    biased = capped if bias is None else capped + bias                            # 3 bias
    masked = biased if visible is None else np.where(visible, biased, -np.inf)    # 4 mask
    shares, _ = softmax_forward(masked if sinks is None else append_column(masked, sinks))  # 5 softmax
    weights = shares[..., :key.shape[-2]]                                         # without the sink's share
    thinned = weights if dropout is None else weights * dropout                   # 6 dropout
    out = thinned @ values                                                        # 7 values   (..., H, L, E)
    return out, (query, key, value, scale, softcap, bias, visible, sinks, dropout, products, shares, thinned)


def attention_backward(d_out: Array, saved: tuple) -> tuple[Array | None, ...]:
    """(d_query, d_key, d_value, d_bias, d_scale, d_sinks); None for a bias or sinks that were None."""
    query, key, value, scale, softcap, bias, visible, sinks, dropout, products, shares, thinned = saved
    keys, values = repeat_heads(key, query), repeat_heads(value, query)
    d_thinned, d_values = d_out @ values.mT, thinned.mT @ d_out                   # 7 out = thinned @ values
    d_weights = d_thinned if dropout is None else d_thinned * dropout             # 6 thinned = weights * …
    d_shares = d_weights if sinks is None else append_column(d_weights, np.zeros_like(sinks))
    d_columns = softmax_backward(d_shares, shares)                                # 5 shares = softmax(…)
    d_masked = d_columns[..., :key.shape[-2]]
    d_biased = d_masked if visible is None else np.where(visible, d_masked, 0)    # 4 masked = where(…)
    d_capped = d_biased                                                           # 3 biased = capped + bias
    d_scores = d_capped if softcap is None else d_capped / np.cosh(scale * products / softcap) ** 2  # 2
    d_products, d_scale = scale * d_scores, sum_to(d_scores * products, np.shape(scale))  # 1 scale * products
    d_query, d_keys = sum_to(d_products @ keys, query.shape), d_products.mT @ query       # products = …
    d_bias = None if bias is None else sum_to(d_biased, bias.shape)
    d_sinks = None if sinks is None else sum_to(d_columns[..., -1].sum(axis=-1), sinks.shape)
    return d_query, sum_heads(d_keys, key), sum_heads(d_values, value), d_bias, d_scale, d_sinks


def repeat_heads(key: Array, query: Array) -> Array:
    """(..., G, S, D) -> (..., H, S, D): each key head once for every query head that reads it."""
    return key if key.ndim < 3 else np.repeat(key, query.shape[-3] // key.shape[-3], axis=-3)


def sum_heads(d_keys: Array, key: Array) -> Array:
    """Undo repeat_heads: the gradients of a group's query heads add up."""
    H, G = (1, 1) if key.ndim < 3 else (d_keys.shape[-3], key.shape[-3])
    return sum_to(d_keys.reshape(*d_keys.shape[:-3], G, H // G, *d_keys.shape[-2:]).sum(axis=-3), key.shape)


def append_column(scores: Array, sinks: Array) -> Array:
    """(..., H, L, S) -> (..., H, L, S + 1): the sink, one more column, is the same for every query."""
    return np.append(scores, np.broadcast_to(sinks[..., None, None], (*scores.shape[:-1], 1)), axis=-1)


def sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: sum over every axis along which an array of `shape` was repeated."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    return gradient.sum(axis=tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)


def concat_scores_forward(query: Array, key: Array, weight: Array, act: str = "tanh") -> tuple[Array, tuple]:
    """scores_ls = act(weight · [query_l; key_s]), act "tanh" or "sigmoid", weight (Dq + Dk,)."""
    for_query, for_key = weight[:query.shape[-1]], weight[query.shape[-1]:]
    inner = (query @ for_query)[..., :, None] + (key @ for_key)[..., None, :]      # (..., L, S)
    scores = np.tanh(inner) if act == "tanh" else 1 / (1 + np.exp(-inner))
    return scores, (query, key, for_query, for_key, act, scores)


def concat_scores_backward(d_scores: Array, saved: tuple) -> tuple[Array, Array, Array]:
    """(d_query, d_key, d_weight)."""
    query, key, for_query, for_key, act, scores = saved
    d_inner = d_scores * (1 - scores**2 if act == "tanh" else scores * (1 - scores))  # scores = act(…)
    d_rows, d_columns = d_inner.sum(axis=-1)[..., None], d_inner.sum(axis=-2)[..., None]
    d_weight = [sum_to(d_rows * query, for_query.shape), sum_to(d_columns * key, for_key.shape)]
    return d_rows * for_query, d_columns * for_key, np.concatenate(d_weight)


def additive_scores_forward(query: Array, key: Array, weight_query: Array, weight_key: Array,
                            bias: Array, vector: Array) -> tuple[Array, tuple]:
    """scores_ls = vector · tanh(weight_query @ query_l + weight_key @ key_s + bias), A numbers in tanh."""
    rows, columns = query @ weight_query.T + bias, key @ weight_key.T              # (..., L, A), (..., S, A)
    hidden = np.tanh(rows[..., :, None, :] + columns[..., None, :, :])             # (..., L, S, A)
    return hidden @ vector, (query, key, weight_query, weight_key, vector, hidden)


def additive_scores_backward(d_scores: Array, saved: tuple) -> tuple[Array, ...]:
    """(d_query, d_key, d_weight_query, d_weight_key, d_bias, d_vector)."""
    query, key, weight_query, weight_key, vector, hidden = saved
    d_inner = d_scores[..., None] * vector * (1 - hidden**2)        # scores = tanh(inner) @ vector
    d_rows, d_columns = d_inner.sum(axis=-2), d_inner.sum(axis=-3)  # inner = rows + columns
    d_weight_query = sum_to(d_rows.mT @ query, weight_query.shape)  # rows = query @ weight_queryᵀ + …
    d_weight_key = sum_to(d_columns.mT @ key, weight_key.shape)     # columns = key @ weight_keyᵀ
    d_bias, d_vector = sum_to(d_rows, vector.shape), sum_to(d_scores[..., None] * hidden, vector.shape)
    return d_rows @ weight_query, d_columns @ weight_key, d_weight_query, d_weight_key, d_bias, d_vector


def binary_cross_entropy_with_logits_forward(logits: Array, targets: Array) -> tuple[float, tuple]:
    """The mean of -y log σ(z) - (1 - y) log(1 - σ(z)), computed as max(z, 0) - y z + log(1 + exp(-|z|))."""
    losses = np.maximum(logits, 0) - targets * logits + np.log1p(np.exp(-np.abs(logits)))
    return losses.mean(), (logits, targets)


def binary_cross_entropy_with_logits_backward(d_loss: float, saved: tuple) -> Array:
    """d_logits = d_loss * (σ(z) - y) / N."""
    logits, targets = saved
    return d_loss * (1 / (1 + np.exp(-logits)) - targets) / logits.size


def adam_step(param: Array, grad: Array, first: Array, second: Array, t: int, lr: float = 1e-3,
              betas: tuple = (0.9, 0.999), eps: float = 1e-8) -> tuple[Array, Array, Array]:
    """Step t = 1, 2, … of Adam: the new param, and both moments, which start at 0."""
    first = betas[0] * first + (1 - betas[0]) * grad            # running mean of grad
    second = betas[1] * second + (1 - betas[1]) * grad**2       # running mean of its square
    first_hat, second_hat = first / (1 - betas[0]**t), second / (1 - betas[1]**t)  # both started at 0
    return param - lr * first_hat / (np.sqrt(second_hat) + eps), first, second
