"""NaN and infinity in sinks, bias, scale and keys: alike on every path, forward and backward."""

from typing import Any

import numpy as np
import pytest

import numpy_attention as na
from tests.support.known_numbers import drawn

INF = np.inf
H, L, S, D, E = 2, 3, 5, 2, 7


def at(shape: tuple[int, ...], place: tuple[int, ...], value: float) -> Any:
    array = np.ones(shape)
    array[place] = value
    return array


PAIR = (0, 0, 1)  # of head 0, query 0 and key 1; head 1 is finite in every case
SINK = np.array([INF, 0.0])
CASES: dict[str, dict[str, Any]] = {
    "sink": dict(sinks=SINK),
    "sink of both heads": dict(sinks=np.array(INF)),
    "sink of a fully masked row": dict(sinks=SINK, mask=na.hidden(np.arange(L)[:, None] == 1)),
    "sink, causal, softcap, dropout": dict(
        sinks=SINK, mask=na.causal("top_left"), softcap=2.0, dropout=na.dropout(0, 0.5)
    ),
    "sink and bias": dict(sinks=SINK, bias=at((H, L, S), PAIR, INF)),
    "sink and bias of -inf": dict(sinks=SINK, bias=at((H, L, S), PAIR, -INF)),
    "sink of NaN": dict(sinks=np.array([np.nan, 0.0])),
    "bias": dict(bias=at((H, L, S), PAIR, INF)),
    "bias of NaN": dict(bias=at((H, L, S), PAIR, np.nan)),
    "scale of a row": dict(scale=at((H, L, 1), (0, 0, 0), INF)),
    "scale of a pair": dict(scale=at((H, L, S), PAIR, INF)),
    "key": dict(key=INF),
    "key of -inf": dict(key=-INF),
    "key of NaN": dict(key=np.nan),
    "value": dict(value=INF),
    "key, softcap": dict(key=INF, softcap=2.0),
    "slope": dict(bias=na.alibi([INF, 1.0], "top_left")),
    "slope of -inf": dict(bias=na.alibi([-INF, 1.0], "top_left")),
    "table of -inf": dict(
        bias=na.relative([[0.0, -INF], [0, 1]], np.tile([0, 1, 0, 0, 0], (L, 1))),
        key=np.nan,
    ),
}
PATHS = {
    "blockwise": (na.blockwise_attention_forward, na.blockwise_attention_backward, {}),
    "blockwise in tiles": (
        na.blockwise_attention_forward,
        na.blockwise_attention_backward,
        dict(block=(2, 2)),
    ),
    "fast": (na.fast_attention_forward, na.fast_attention_backward, {}),
    "fast in tiles": (na.fast_attention_forward, na.fast_attention_backward, dict(block=(2, 2))),
}


def numbers(forward: Any, backward: Any, **options: Any) -> list[Any]:
    """out, lse and all gradients of one call."""
    query, key, value, d_out, d_lse = drawn((H, L, D), (H, S, D), (H, S, E), (H, L, E), (H, L))
    key[0, 1, 0] = options.pop("key", key[0, 1, 0])
    value[0, 1, 0] = options.pop("value", value[0, 1, 0])
    with np.errstate(all="raise"):
        out, saved = forward(query, key, value, **options)
        gradients = backward(d_out, saved, d_lse=d_lse)
    flat = [d[0] if isinstance(d, tuple) else d for d in gradients if d is not None]
    return [out, saved.lse, *flat]


@pytest.mark.parametrize("case", CASES)
def test_every_path_gives_the_same(case: str) -> None:
    reference = numbers(na.attention_forward, na.attention_backward, **CASES[case])
    for forward, backward, block in PATHS.values():
        for got, right in zip(numbers(forward, backward, **CASES[case], **block), reference, strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-13)


def test_a_sink_of_plus_infinity_takes_all_the_weight() -> None:
    """The limit of a growing sink: out 0, lse +inf, no gradient but that of the sink, which is d_lse."""
    out, lse, d_query, d_key, d_value, d_sinks = numbers(
        na.attention_forward, na.attention_backward, sinks=SINK
    )
    assert not any(x[0].any() for x in (out, d_query, d_key, d_value))
    assert (lse[0] == INF).all()
    large = numbers(na.attention_forward, na.attention_backward, sinks=np.array([1e3, 0.0]))
    np.testing.assert_allclose(d_sinks, large[-1], rtol=1e-15)
