"""An attention problem small enough to print in full: default numbers, or the user's own."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.attention.arguments import admit_softcap
from ..functional.attention.dropout import dropout as dropout_of
from ..functional.base.admission import Array, one_of, real_number, shown
from ..functional.base.arrays import shape_repr, whole_number
from ..functional.masks.builders import causal as causal_mask
from ..functional.masks.builders import window as window_mask
from ..functional.scores.concat import ACTIVATIONS
from .defaults import KEY, TOKENS, VALUE, filled
from .projection import MATRICES, Projection, build_projection, project_forward, split_heads

HIDDEN_WIDTH = 2
"""The width A of the additive score's hidden layer."""

LEAST_CAP, MOST_CAP = 1e-50, 1e150
"""Softcaps by which the complex step, 1e-100, can be divided without losing digits."""


class ScoreKind(NamedTuple):
    """A kind of score, and the parameters it needs."""

    rule: str
    """Its name in `check.pairs.rules`; "" for step 1 itself."""
    shapes: Callable[[int, int], dict[str, tuple[int, ...]]]
    """shapes(Dq, Dk) of its parameters, by name."""
    on_tokens: bool = False
    """True if its examples use tokens h that are query, key and value at once."""


SCORES = {
    "dot": ScoreKind("", lambda Dq, Dk: {"scale": ()}),
    "general": ScoreKind("general_scores", lambda Dq, Dk: {"weight": (Dq, Dk)}),
    "additive": ScoreKind(
        "additive_scores",
        lambda Dq, Dk: {
            "weight_query": (HIDDEN_WIDTH, Dq),
            "weight_key": (HIDDEN_WIDTH, Dk),
            "bias": (HIDDEN_WIDTH,),
            "vector": (HIDDEN_WIDTH,),
        },
    ),
    "concat": ScoreKind("concat_scores", lambda Dq, Dk: {"weight": (Dq + Dk,)}, on_tokens=True),
    "cosine": ScoreKind("cosine_scores", lambda Dq, Dk: {"sharpness": ()}),
    "location": ScoreKind("location_scores", lambda Dq, Dk: {"weight": (Dk,), "bias": ()}, on_tokens=True),
}
"""The scores by the names of `--score`."""

ALL_OPTIONS: Mapping[str, Any] = {
    "heads": 4, "kv_heads": 2, "cross": True, "window": (1, 0), "softcap": 2.0, "bias": True, "sinks": 0.5,
    "dropout": 0.25, "lse": True,
}  # fmt: skip
"""The second example: every option of `build_example` at once."""


@shape_repr
class WalkExample(NamedTuple):
    """The inputs of a walk.

    query (H, L, D), key (G, S, D), value (G, S, E), d_out (H, L, E), or all four without the first axis;
    d_lse (H, L), the cotangent of lse, or None. `options` are those of `attention_forward`, with the scale
    of dot scores; `parameters` and `settings` belong to the other scores. With `shared`, query, key and value
    are the same tokens; with `projection`, step 0 makes them of tokens.
    """

    query: Array
    key: Array
    value: Array
    d_out: Array
    score: str
    parameters: dict[str, Array]
    settings: dict[str, Any]
    options: dict[str, Any]
    shared: bool
    projection: Projection | None = None
    d_lse: Array | None = None

    def with_projection(self, projection: Projection) -> "WalkExample":
        """The example with query, key and value made by another step 0."""
        query, key, value = project_forward(projection)
        return self._replace(query=query, key=key, value=value, projection=projection)


def build_example(
    arrays: Mapping[str, npt.ArrayLike] | None = None,
    *,
    score: str = "dot",
    activation: str | None = None,
    heads: int | None = None,
    kv_heads: int | None = None,
    cross: bool = False,
    causal: bool | None = None,
    window: tuple[int, int] | None = None,
    align: str | None = None,
    softcap: float | None = None,
    bias: bool = False,
    sinks: float | None = None,
    dropout: float | None = None,
    lse: bool = False,
    seed: int = 0,
) -> WalkExample:
    """A small attention problem; missing arrays get simple default numbers.

    Parameters
    ----------
    arrays : by name, any of tokens (W_Q, W_K and W_V make query, key and value of them), memory (the tokens
        of key and value, if they are others), W_Q, W_K, W_V, or query, key and value; d_out; and the score's
        parameters (for dot: scale). The tokens of concat and location scores are query, key and value at
        once, unless heads or matrices are given.
    score : dot, general, additive, concat, cosine or location.
    activation : of the concat score; tanh if None.
    heads, kv_heads : query heads and key heads; step 0 makes them. None: one head without an axis; kv_heads:
        as many as heads.
    cross : True for keys and values from other tokens than the queries.
    causal : True if a token attends only to itself and earlier tokens. None: True, unless there is a window,
        the score is concat or location, whose formulas sum over all tokens, or keys are other tokens.
    window : (left, right), the keys that a query sees on each side besides its own.
    align : "top_left" or "bottom_right", the corner from which a mask counts if queries and keys differ in
        number. The default example counts from the bottom right: its queries are the last tokens.
    softcap, sinks : as in `attention`; the softcap from 1e-50 to 1e150; each head has this sink.
    bias : True to add a bias in step 3; with heads, one for each head and key.
    dropout, seed : the rate of step 6, or None, and the seed of its multipliers.
    lse : True if the loss also depends on lse, as when attention over some of the keys is merged later.

    Raises
    ------
    ValueError
        For an unknown score, arrays that it does not take, shapes that do not fit, or a softcap out of range.

    Examples
    --------
    >>> build_example({"tokens": [[1, 2], [3, 4], [5, 6]]}, score="general").parameters
    {'weight': array([[-2. ,  0.5],
           [-1. ,  1. ]])}
    """
    one_of("score", score, tuple(SCORES))
    _admit_flags(cross=cross, causal=causal is not None and causal, bias=bias, lse=lse)
    heads, kv_heads = _admit_heads("heads", heads), _admit_heads("kv_heads", kv_heads)
    given: dict[str, Array] = {name: np.asarray(x, dtype=float) for name, x in (arrays or {}).items()}
    kind = SCORES[score]
    if kind.rule and kv_heads not in (None, heads):
        raise ValueError(f"kv_heads is {kv_heads}, but only dot scores share key heads here; leave it out")
    query, key, value, shared, projection = _query_key_value(given, kind, heads, kv_heads, cross)
    parameters = _parameters(given, score, query.shape[-1], key.shape[-1])
    batch, rows, columns = query.shape[:-2], query.shape[-2], key.shape[-2]
    own = any(name in given for name in ("tokens", "query"))
    if align is None and not own and rows != columns:
        align = "bottom_right"
    if causal is None:
        of_other_tokens = cross or "memory" in given or (own and rows != columns)
        causal = window is None and not kind.on_tokens and not of_other_tokens
    options: dict[str, Any] = {
        "mask": _mask(causal, window, align, rows, columns),
        "softcap": _softcap(softcap),
    }
    options["bias"] = filled((*batch, 1 if batch else rows, columns), 2) if bias else None
    options["sinks"] = None if sinks is None else np.full(batch, real_number("sinks", sinks))
    options["dropout"] = None if dropout is None else dropout_of(seed, dropout)
    if not kind.rule:
        options |= parameters
        parameters = {}
    settings = _settings(score, activation)
    d_out = _d_out(given.get("d_out"), (*batch, rows, value.shape[-1]))
    d_lse = filled((*batch, rows), 3) if lse else None
    return WalkExample(
        query, key, value, d_out, score, parameters, settings, options, shared, projection, d_lse
    )


def _admit_flags(**flags: object) -> None:
    for name, flag in flags.items():
        if not isinstance(flag, (bool, np.bool_)):
            raise TypeError(f"{name} is {shown(flag)}; True or False is expected")


def _admit_heads(name: str, heads: int | None) -> int | None:
    return None if heads is None else whole_number(name, heads, 1)


def _query_key_value(
    given: Mapping[str, Array], kind: ScoreKind, heads: int | None, kv_heads: int | None, cross: bool
) -> tuple[Array, Array, Array, bool, Projection | None]:
    """query, key, value; True if they are the same tokens; and step 0, if there is one."""
    names = [name for name in ("query", "key", "value") if name in given]
    of_step_0 = [name for name in ("tokens", "memory", *MATRICES) if name in given]
    if names and of_step_0:
        raise ValueError(f"query, key and value come from {of_step_0[0]}; got {names[0]} beside it")
    if names and len(names) < 3:
        raise ValueError(f"got {', '.join(names)} alone; give query, key and value, or tokens")
    if names and (heads or kv_heads or cross):
        option = "cross" if cross else "heads"
        raise ValueError(f"{option} belongs to tokens; got query, key and value, which are used as they are")
    if names:
        for name in names:
            if given[name].ndim not in (2, 3):
                expected = "rows (L, width) of one call, or (heads, L, width), are expected"
                raise ValueError(f"{name} has shape {given[name].shape}; {expected}")
        return given["query"], given["key"], given["value"], False, None
    if cross and "tokens" in given and "memory" not in given:
        raise ValueError("cross needs the tokens of keys and values: give memory beside tokens")
    memory = given.get("memory", np.array(KEY) if cross else None)
    tokens = given.get("tokens", np.array(TOKENS if memory is None else TOKENS[1:]))
    if kind.on_tokens and memory is None and not heads and not set(MATRICES) & given.keys():
        return tokens.copy(), tokens.copy(), tokens.copy(), True, None
    if of_step_0 or heads or kv_heads:
        step_0 = build_projection(tokens, memory, given, heads, kv_heads)
        return *project_forward(step_0), False, step_0
    keys = len(KEY) if cross else len(TOKENS)
    return np.array(TOKENS[1:]), np.array(KEY[:keys]), np.array(VALUE[:keys]), False, None


def _d_out(given: Array | None, shape: tuple[int, ...]) -> Array:
    """The cotangent of the output; that of several heads is given as rows (L, H*E)."""
    if given is None:
        return filled(shape, 1)
    if len(shape) == 2:
        return given
    heads, rows, width = shape
    if given.shape != (rows, heads * width):
        raise ValueError(
            f"d_out has shape {given.shape}; {(rows, heads * width)}, all heads in a row, is expected"
        )
    return split_heads(given, heads)


def _parameters(given: Mapping[str, Array], score: str, Dq: int, Dk: int) -> dict[str, Array]:
    """The score's parameters, given or default; raise for unknown names."""
    shapes = SCORES[score].shapes(Dq, Dk)
    known = ["tokens", "memory", *MATRICES, "query", "key", "value", "d_out", *shapes]
    for name in given:
        if name not in known:
            raise ValueError(f"{name!r} is unknown to {score} scores; they take {', '.join(known)}")
    defaults = {name: filled(shape, n - 1) for n, (name, shape) in enumerate(shapes.items())}
    defaults |= {"sharpness": np.array(2.0), "scale": np.array(1 / math.sqrt(Dq))}
    return {name: given.get(name, defaults[name]) for name in shapes}


def _mask(causal: bool, window: tuple[int, int] | None, align: str | None, queries: int, keys: int) -> Any:
    """The mask, causal or a window; None for neither."""
    if not causal and window is None:
        return None
    if window is not None and (not isinstance(window, (tuple, list)) or len(window) != 2):
        raise TypeError(f"window is {shown(window)}; (left, right), the keys on each side, is expected")
    if causal and window is not None:
        raise ValueError("causal and window are two masks; a causal window is window=(LEFT, 0)")
    if align is not None:
        one_of("align", align, ("top_left", "bottom_right"))
    if queries != keys and align is None:
        name = "causal=True" if causal else f"window={window}"
        raise ValueError(
            f"{name} needs as many queries as keys, not {queries} and {keys}, or align='bottom_right' (the "
            "queries are the last tokens) or 'top_left'"
        )
    align = align if queries != keys else None
    return causal_mask(align) if window is None else window_mask(*window, align)


def _softcap(softcap: float | None) -> float | None:
    cap = admit_softcap(softcap)
    if cap is not None and not LEAST_CAP <= cap <= MOST_CAP:
        raise ValueError(
            f"softcap is {cap}; a number from {LEAST_CAP:g} to {MOST_CAP:g} is expected, for which the "
            "complex step, beside which gradients are shown, is exact"
        )
    return cap


def _settings(score: str, activation: str | None) -> dict[str, Any]:
    if score == "concat":
        return {"activation": one_of("activation", activation or "tanh", tuple(ACTIVATIONS))}
    if activation is not None:
        raise ValueError(f"activation is {activation!r}, but {score} scores have none; concat scores do")
    return {}
