"""A problem small enough to be looked at number by number: the defaults, and one's own tokens."""

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
"""Whatever nobody chose is filled from here; seven of them, so that neither rows nor columns repeat."""

HIDDEN_WIDTH = 2
"""The width A of the additive score's hidden layer."""


class Score(NamedTuple):
    """A way of scoring: what it asks for, and how it is written."""

    rule: str
    """Its row in the list of rules; "" is step 1 as it stands."""
    shapes: Callable[[int, int], dict[str, tuple[int, ...]]]
    """shapes(Dq, Dk) of its parameters."""
    on_tokens: bool = False
    """Whether it is mostly seen with tokens h that are query, key and value at once."""


SCORES = {
    "dot": Score("", lambda Dq, Dk: {"scale": ()}),
    "general": Score("general_scores", lambda Dq, Dk: {"weight": (Dq, Dk)}),
    "additive": Score(
        "additive_scores",
        lambda Dq, Dk: {
            "weight_query": (HIDDEN_WIDTH, Dq),
            "weight_key": (HIDDEN_WIDTH, Dk),
            "bias": (HIDDEN_WIDTH,),
            "vector": (HIDDEN_WIDTH,),
        },
    ),
    "concat": Score("concat_scores", lambda Dq, Dk: {"weight": (Dq + Dk,)}, on_tokens=True),
    "cosine": Score("cosine_scores", lambda Dq, Dk: {"sharpness": ()}),
    "location": Score("location_scores", lambda Dq, Dk: {"weight": (Dk,), "bias": ()}, on_tokens=True),
}
"""The scores by the names that users call them by."""


@shape_repr
class Example(NamedTuple):
    """All that a walk starts from.

    query (L, D), key (S, D), value (S, E), d_out (L, E); `options` as `attention_forward` takes them, with
    the scale among them if the score has one; `parameters` and `settings` of any other score. With `shared`,
    query, key and value are the same tokens.
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


def example(
    given: Mapping[str, npt.ArrayLike] | None = None,
    *,
    score: str = "dot",
    activation: str | None = None,
    causal: bool | None = None,
    softcap: float | None = None,
    bias: bool = False,
    sinks: float | None = None,
    dropout: float | None = None,
    seed: int = 0,
) -> Example:
    """A problem, filled up with numbers that are easy on the eye.

    Parameters
    ----------
    given : any of tokens (which are query, key and value at once), or query, key and value; d_out; and the
        score's own parameters (for dot: scale) by name. What is missing is filled in.
    score : dot, general, additive, concat, cosine or location.
    activation : of the concat score; tanh if None.
    causal : whether a token sees those before it only. None: yes, unless the score is concat or location,
        whose formulas sum over all tokens, or there are not as many queries as keys.
    softcap, sinks : as `attention` takes them, or None.
    bias : whether step 3 adds a bias.
    dropout, seed : the rate of step 6, or None, and what is drawn.

    Raises
    ------
    ValueError
        For an unknown score, names that it does not know, or shapes that do not fit.

    Examples
    --------
    >>> example({"tokens": [[1, 2], [3, 4], [5, 6]]}, score="general").parameters
    {'weight': array([[-2. ,  0.5],
           [-1. ,  1. ]])}
    """
    one_of("score", score, tuple(SCORES))
    arrays: dict[str, Array] = {name: np.asarray(x, dtype=float) for name, x in (given or {}).items()}
    kind = SCORES[score]
    query, key, value, shared = _three(arrays, kind.on_tokens)
    parameters = _parameters(arrays, score, query.shape[-1], key.shape[-1])
    rows, width = len(query), value.shape[-1]
    options: dict[str, Any] = {"mask": _mask(causal, kind.on_tokens, rows, len(key)), "softcap": softcap}
    options["bias"] = pattern((rows, len(key)), 2) if bias else None
    options["sinks"] = None if sinks is None else np.array(real_number("sinks", sinks))
    options["dropout"] = None if dropout is None else dropout_of(seed, dropout)
    if not kind.rule:
        options |= parameters
        parameters = {}
    settings = _settings(score, activation)
    d_out = arrays.get("d_out", pattern((rows, width), 1))
    return Example(query, key, value, d_out, score, parameters, settings, options, shared)


def pattern(shape: tuple[int, ...], start: int) -> Array:
    """An array filled with PATTERN over and over, from its entry `start` on."""
    return np.resize(np.roll(PATTERN, -start), shape)


def _three(given: Mapping[str, Array], on_tokens: bool) -> tuple[Array, Array, Array, bool]:
    """query, key, value, and whether they are the same tokens."""
    names = [name for name in ("query", "key", "value") if name in given]
    if "tokens" in given and names:
        raise ValueError(f"tokens are query, key and value at once; {names[0]} cannot be given beside them")
    if names:
        if len(names) < 3:
            raise ValueError(f"{', '.join(names)} without the rest: give query, key and value, or tokens")
        return given["query"], given["key"], given["value"], False
    if "tokens" in given or on_tokens:
        tokens = given.get("tokens", np.array(TOKENS))
        return tokens.copy(), tokens.copy(), tokens.copy(), True
    return np.array(QUERY), np.array(KEY), np.array(VALUE), False


def _parameters(given: Mapping[str, Array], score: str, Dq: int, Dk: int) -> dict[str, Array]:
    """The score's own arrays, as given or filled in; whatever else is given must be known."""
    shapes = SCORES[score].shapes(Dq, Dk)
    known = ["tokens", "query", "key", "value", "d_out", *shapes]
    for name in given:
        if name not in known:
            raise ValueError(f"{name!r} is unknown to {score} scores; they take {', '.join(known)}")
    filled = {name: pattern(shape, n - 1) for n, (name, shape) in enumerate(shapes.items())}
    filled |= {"sharpness": np.array(2.0), "scale": np.array(1 / math.sqrt(Dq))}
    return {name: given.get(name, filled[name]) for name in shapes}


def _mask(causal: bool | None, on_tokens: bool, queries: int, keys: int) -> Any:
    if causal and queries != keys:
        raise ValueError(
            f"a causal mask needs as many queries as keys here, not {queries} and {keys}: which query comes "
            "before which key cannot be told otherwise"
        )
    wanted = queries == keys and not on_tokens if causal is None else causal
    return causal_mask() if wanted else None


def _settings(score: str, activation: str | None) -> dict[str, Any]:
    if score == "concat":
        return {"activation": one_of("activation", activation or "tanh", tuple(ACTIVATIONS))}
    if activation is not None:
        raise ValueError(f"activation is {activation!r}, but {score} scores have none; concat scores do")
    return {}
