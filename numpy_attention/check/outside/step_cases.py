"""How the cases of attention's steps are drawn: see `cases`.

The plain shape has a batch and heads, (B, H, L, S) or (B, H, L, S, D). Others have neither, or grouped heads,
(B, H, G, …), and are left out where a candidate refuses them. alibi and relative have L = S: how else they
are aligned is a convention. Few rows are at a kink of sparsemax, where a score is τ; their gradients are not
judged.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...functional.base.admission import Array

Rng = np.random.Generator
Shape = tuple[int, ...]

SCORES = ((2, 3, 5, 7), (1, 2, 9, 65), (2, 2, 5, 5), (5, 7), (1, 1, 1, 1), (2, 4, 3, 64), (0, 3, 5, 7))
GROUPED = (*SCORES, (2, 4, 2, 5, 7))
QUERIES = ((2, 3, 5, 7, 4), (1, 2, 9, 33, 80), (2, 2, 4, 4, 4), (5, 7, 4), (1, 1, 1, 1, 1), (0, 3, 5, 7, 4),
           (2, 4, 2, 5, 7, 4))  # fmt: skip
SQUARE = ((2, 3, 5, 5, 4), (1, 2, 33, 33, 16), (5, 5, 4), (1, 1, 1, 1, 1), (0, 3, 5, 5, 4),
          (2, 4, 2, 5, 5, 4))  # fmt: skip
PARTS = ((2, 3, 5, 4), (1, 2, 33, 16), (5, 4), (1, 1, 1, 2), (0, 3, 5, 4))
"""(…, L, E)."""
ROWS = ((3, 5), (2, 65), (7,), (1, 1), (2, 1), (2, 17), (3, 64), (0, 5), (2, 3, 5), (2, 1, 3, 4))

PLAIN = ("normal", "huge", "tiny", "zeros", "equal")
LOGITS = (*PLAIN, "wide", "one entry dominating", "mean 1e4", "mean -1e4", "mean -6e4")
HIDDEN = (*LOGITS, "constant rows", "-inf entries")


def leading_axes(shape: Shape) -> tuple[Shape, Shape]:
    """The axes of queries and of keys before their rows: none, (B, H) for both, or (B, H) and (B, G)."""
    return (shape[:2], (shape[0], shape[2])) if len(shape) == 3 else (shape, shape)


def one_group(shape: Shape, ungrouped: int, x: Array) -> Array:
    """x without the axis of groups."""
    return x[:, :, 0] if len(shape) > ungrouped else x


def _queries(rng: Rng, shape: Shape, x: Array) -> dict[str, Any]:
    keys = (*leading_axes(shape[:-3])[1], *shape[-2:])
    return {"query": one_group(shape, 5, x)[..., 0, :].copy(), "key": rng.standard_normal(keys)}


def _with_value(name: str) -> Any:
    def make(rng: Rng, shape: Shape, x: Array) -> dict[str, Any]:
        keys = (*leading_axes(shape[:-2])[1], shape[-1], 3)
        return {name: one_group(shape, 4, x).copy(), "value": rng.standard_normal(keys)}

    return make


def _softmax(rng: Rng, shape: Shape, x: Array) -> dict[str, Any]:
    """Sinks near the scores: a sink far above them would hide what is wrong with them."""
    middle = np.median(x[np.isfinite(x)]) if x.size else 0.0
    return {"masked": x, "sinks": middle + _normal(rng, shape[-3:-2])}


def _merge(rng: Rng, shape: Shape, x: Array) -> dict[str, Any]:
    """The values are those of lse; the first is finite, the second may be -inf."""
    first, second = rng.standard_normal((2, *shape))
    return {"out_1": first, "lse_1": x[..., 0].copy(), "out_2": second, "lse_2": x[..., -1].copy()}


def _alibi(rng: Rng, shape: Shape, x: Array) -> dict[str, Any]:
    arguments = _queries(rng, shape, x)
    slopes = np.asarray(rng.random(shape[1:2] if len(shape) > 3 else ()))
    return arguments | {"value": rng.standard_normal(arguments["key"].shape), "slopes": slopes}


def _relative(rng: Rng, shape: Shape, x: Array) -> dict[str, Any]:
    distance = np.arange(shape[-2]) - np.arange(shape[-3])[:, None]
    arguments = _alibi(rng, shape, x)
    table = rng.standard_normal((*arguments.pop("slopes").shape, 6))
    return arguments | {"table": table, "buckets": np.clip(distance, -2, 3) + 2}


def _normal(rng: Rng, shape: Shape) -> Array:
    return np.asarray(rng.standard_normal(shape))


def _fixed(*shape: int) -> Array:
    return _normal(np.random.default_rng(shape), shape)


_SOME = np.where(_fixed(5, 7) > 0.6, -np.inf, _fixed(1, 5, 7)[0])
_CAUSAL, _PADDING = np.tri(5, 7, 2, dtype=bool), np.arange(7) < np.array([4, 7]).reshape(2, 1, 1, 1)
_MULTIPLIERS = 2.0 * (_fixed(2, 3, 5, 7) < 0.3)
_ATTEND: tuple[Mapping[str, Any], ...] = (
    {"mask": _CAUSAL}, {"mask": _PADDING}, {"bias": _fixed(3, 1, 7)}, {"bias": _SOME}, {"softcap": 1.5},
    {"sinks": _fixed(3)}, {"dropout": _MULTIPLIERS}, {"mask": _CAUSAL, "sinks": _fixed(3)},
    {"softcap": 1.5, "bias": _fixed(5, 7), "mask": _PADDING},
    {"mask": _CAUSAL, "bias": _fixed(3, 1, 7), "softcap": 1.5, "sinks": _fixed(2, 3),
     "dropout": _MULTIPLIERS},
)  # fmt: skip

STEP_RECIPES: dict[str, tuple[Any, ...]] = {
    "score": (
        lambda rng, shape, x: _queries(rng, shape, x) | {"scale": 0.75}, QUERIES, PLAIN,
        ({"scale": np.array(0.75)}, {"scale": np.array([0.5, 0.75, 1.5]).reshape(3, 1, 1)}, {"scale": -0.5}),
    ),
    "softcap": (
        lambda rng, shape, x: {"scores": x, "softcap": 1.5}, SCORES, LOGITS,
        ({"softcap": 30.0}, {"softcap": 1.0}),
    ),
    "bias": (
        lambda rng, shape, x: {"capped": x, "bias": _normal(rng, shape)}, SCORES, PLAIN,
        tuple({"bias": x} for x in (_fixed(7), _fixed(5, 7), _SOME, _fixed(3, 1, 1), _fixed(2, 1, 5, 7))),
    ),
    "mask": (
        lambda rng, shape, x: {"biased": x, "visible": rng.random(shape) < 0.65}, SCORES, PLAIN,
        tuple({"visible": x} for x in (_CAUSAL, _PADDING, np.ones((2, 3, 5, 7), dtype=bool))),
    ),
    "softmax_step": (
        _softmax, SCORES, HIDDEN,
        ({"sinks": None}, {"sinks": _fixed(2, 3)}, {"sinks": np.array([20.0, 1e4, -np.inf])}),
    ),
    "dropout": (
        lambda rng, shape, x: {"weights": x, "multipliers": 2.0 * (rng.random(shape) < 0.5)}, SCORES, PLAIN,
        ({"multipliers": 4.0 * (_fixed(5, 7) < 0)},),
    ),
    "values": (_with_value("thinned"), GROUPED, PLAIN, ()),
    "attend": (_with_value("scores"), GROUPED, HIDDEN, _ATTEND),
    "merge of attention": (_merge, PARTS, (*LOGITS, "-inf entries"), ()),
    "alibi": (_alibi, SQUARE, PLAIN, ({"offset": 3},)),
    "relative": (_relative, SQUARE, PLAIN, ({"buckets": np.arange(25).reshape(5, 5) % 6},)),
    **dict.fromkeys(
        ("sigmoid weights", "sparsemax", "entmax"),
        (lambda rng, shape, x: {"masked": x}, ROWS, HIDDEN, ()),
    ),
}  # fmt: skip
"""make, shapes, values and options of each rule, as in `cases.Recipe`."""
