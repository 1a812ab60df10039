"""An attention problem small enough to print in full: default numbers, or the user's own."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.attention.dropout import dropout as dropout_of
from ..functional.base.admission import Array, one_of, real_number
from ..functional.base.arrays import shape_repr
from ..functional.masks.builders import causal as causal_mask
from ..functional.scores.concat import ACTIVATIONS

TOKENS = ((1.0, 0.0), (1.0, 2.0), (-1.0, 1.0))
QUERY = TOKENS
KEY = ((1.0, 1.0), (0.0, 1.0), (2.0, -1.0))
VALUE = ((1.0, 2.0), (3.0, -1.0), (0.0, 4.0))

PATTERN = (0.5, -1.0, 1.0, 0.25, -0.5, 2.0, -2.0)
"""Default numbers of parameters and cotangents; seven of them, so that neither rows nor columns repeat."""

HIDDEN_WIDTH = 2
"""The width A of the additive score's hidden layer."""


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


@shape_repr
class WalkExample(NamedTuple):
    """The inputs of a walk.

    query (L, D), key (S, D), value (S, E), d_out (L, E); `options` are those of `attention_forward`, with
    the scale of dot scores; `parameters` and `settings` belong to the other scores. With `shared`, query, key
    and value are the same tokens.
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


def build_example(
    arrays: Mapping[str, npt.ArrayLike] | None = None,
    *,
    score: str = "dot",
    activation: str | None = None,
    causal: bool | None = None,
    softcap: float | None = None,
    bias: bool = False,
    sinks: float | None = None,
    dropout: float | None = None,
    seed: int = 0,
) -> WalkExample:
    """A small attention problem; missing arrays get simple default numbers.

    Parameters
    ----------
    arrays : by name, any of tokens (query, key and value at once), or query, key and value; d_out; and the
        score's parameters (for dot: scale).
    score : dot, general, additive, concat, cosine or location.
    activation : of the concat score; tanh if None.
    causal : True if a token attends only to itself and earlier tokens. None: True, unless the score is concat
        or location, whose formulas sum over all tokens, or the numbers of queries and keys differ.
    softcap, sinks : as in `attention`.
    bias : True to add a bias in step 3.
    dropout, seed : the rate of step 6, or None, and the seed of its multipliers.

    Raises
    ------
    ValueError
        For an unknown score, arrays that it does not take, or shapes that do not fit.

    Examples
    --------
    >>> build_example({"tokens": [[1, 2], [3, 4], [5, 6]]}, score="general").parameters
    {'weight': array([[-2. ,  0.5],
           [-1. ,  1. ]])}
    """
    one_of("score", score, tuple(SCORES))
    given: dict[str, Array] = {name: np.asarray(x, dtype=float) for name, x in (arrays or {}).items()}
    kind = SCORES[score]
    query, key, value, shared = _query_key_value(given, kind.on_tokens)
    parameters = _parameters(given, score, query.shape[-1], key.shape[-1])
    rows, width = len(query), value.shape[-1]
    options: dict[str, Any] = {"mask": _mask(causal, kind.on_tokens, rows, len(key)), "softcap": softcap}
    options["bias"] = filled((rows, len(key)), 2) if bias else None
    options["sinks"] = None if sinks is None else np.array(real_number("sinks", sinks))
    options["dropout"] = None if dropout is None else dropout_of(seed, dropout)
    if not kind.rule:
        options |= parameters
        parameters = {}
    settings = _settings(score, activation)
    d_out = given.get("d_out", filled((rows, width), 1))
    return WalkExample(query, key, value, d_out, score, parameters, settings, options, shared)


def filled(shape: tuple[int, ...], start: int) -> Array:
    """An array filled by repeating PATTERN from its entry `start`."""
    return np.resize(np.roll(PATTERN, -start), shape)


def _query_key_value(given: Mapping[str, Array], on_tokens: bool) -> tuple[Array, Array, Array, bool]:
    """query, key, value, and True if they are the same tokens."""
    names = [name for name in ("query", "key", "value") if name in given]
    if "tokens" in given and names:
        raise ValueError(f"tokens are query, key and value at once; got {names[0]} beside them")
    if names:
        if len(names) < 3:
            raise ValueError(f"got {', '.join(names)} alone; give query, key and value, or tokens")
        return given["query"], given["key"], given["value"], False
    if "tokens" in given or on_tokens:
        tokens = given.get("tokens", np.array(TOKENS))
        return tokens.copy(), tokens.copy(), tokens.copy(), True
    return np.array(QUERY), np.array(KEY), np.array(VALUE), False


def _parameters(given: Mapping[str, Array], score: str, Dq: int, Dk: int) -> dict[str, Array]:
    """The score's parameters, given or default; raise for unknown names."""
    shapes = SCORES[score].shapes(Dq, Dk)
    known = ["tokens", "query", "key", "value", "d_out", *shapes]
    for name in given:
        if name not in known:
            raise ValueError(f"{name!r} is unknown to {score} scores; they take {', '.join(known)}")
    defaults = {name: filled(shape, n - 1) for n, (name, shape) in enumerate(shapes.items())}
    defaults |= {"sharpness": np.array(2.0), "scale": np.array(1 / math.sqrt(Dq))}
    return {name: given.get(name, defaults[name]) for name in shapes}


def _mask(causal: bool | None, on_tokens: bool, queries: int, keys: int) -> Any:
    if causal and queries != keys:
        raise ValueError(
            f"causal=True needs as many queries as keys, not {queries} and {keys}: otherwise "
            "their alignment is unknown"
        )
    is_causal = queries == keys and not on_tokens if causal is None else causal
    return causal_mask() if is_causal else None


def _settings(score: str, activation: str | None) -> dict[str, Any]:
    if score == "concat":
        return {"activation": one_of("activation", activation or "tanh", tuple(ACTIVATIONS))}
    if activation is not None:
        raise ValueError(f"activation is {activation!r}, but {score} scores have none; concat scores do")
    return {}
