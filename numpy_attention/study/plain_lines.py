"""The seven steps as the plain lines of the README's table, forward and backward, and what options add."""

PLAIN = {
    "score": (
        "scores = scale * query @ key.T",
        "d_query, d_key = scale * d_scores @ key, scale * d_scores.T @ query",
    ),
    "softcap": (
        "capped = softcap * tanh(scores / softcap)",
        "d_scores = d_capped / cosh(scores / softcap) ** 2",
    ),
    "bias": ("biased = capped + bias", "d_capped = d_bias = d_biased"),
    "mask": ("masked = where(visible, biased, -inf)", "d_biased = where(visible, d_masked, 0)"),
    "softmax": (
        "weights = exp(masked - logsumexp(masked))",
        "d_masked = weights * (d_weights - rowsum(weights * d_weights))",
    ),
    "dropout": ("thinned = weights * multipliers", "d_weights = d_thinned * multipliers"),
    "values": ("out = thinned @ value", "d_thinned, d_value = d_out @ value.T, thinned.T @ d_out"),
}
"""Step -> its forward and its backward, for one head."""

STEP_0 = {
    "x": (
        "query, key, value = x @ W_Q.T, x @ W_K.T, x @ W_V.T",
        "d_W_Q, d_W_K, d_W_V = d_query.T @ x, d_key.T @ x, d_value.T @ x\n"
        "    d_x = d_query @ W_Q + d_key @ W_K + d_value @ W_V",
    ),
    "memory": (
        "query, key, value = x @ W_Q.T, memory @ W_K.T, memory @ W_V.T",
        "d_W_Q, d_W_K, d_W_V = d_query.T @ x, d_key.T @ memory, d_value.T @ memory\n"
        "    d_x = d_query @ W_Q\n"
        "    d_memory = d_key @ W_K + d_value @ W_V",
    ),
}
"""The tokens of key and value -> step 0 forward and backward, for one head."""

DOWN, UP = 0, 1

ADDED = {
    ("score", UP, "scale"): "d_scale = sum(d_scores * (query @ key.T))",
    ("softmax", DOWN, ""): "lse = logsumexp(masked) = log(rowsum(exp(masked)))",
    ("softmax", DOWN, "sinks"): "with sinks, logsumexp is log(rowsum(exp(masked)) + exp(sinks))",
    ("softmax", UP, "sinks"): "d_sinks = -sum(exp(sinks - lse) * rowsum(weights * d_weights))",
    ("softmax", UP, "d_lse"): "with d_lse, d_lse - rowsum(…) stands for -rowsum(…)",
    ("bias", UP, "bias"): "d_bias is summed where the bias is broadcast",
}
"""(step, direction, option) -> what the option adds to the plain line; "" adds always."""


def plain_line(step: str, direction: int, options: frozenset[str]) -> str:
    """The plain line of a step, and an indented line for each option that adds to it.

    Examples
    --------
    >>> plain_line("mask", DOWN, frozenset())
    'masked = where(visible, biased, -inf)'
    """
    used = options | {""}
    added = [text for key, text in ADDED.items() if key[:2] == (step, direction) and key[2] in used]
    return "\n".join([PLAIN[step][direction], *(f"    {text}" for text in added)])
