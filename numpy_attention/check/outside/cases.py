"""The calls on which a candidate for a rule is judged: shapes, values and options, as a table.

The first shape with normal numbers is the plain case, which every candidate must take. Each other shape,
kind of values and option is tried with the plain form of the rest; every kind of values on a long row too.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..rounding.formats import Format
from .step_cases import STEP_RECIPES

Rng = np.random.Generator


class RuleCase(NamedTuple):
    """A call of a rule: arguments by the forward's names; `needs` are the options in use.

    `optional`: an unusual number of axes, or an empty array, which a candidate may refuse; `number`: its
    place.
    """

    name: str
    arguments: dict[str, Any]
    needs: tuple[str, ...] = ()
    optional: bool = False
    number: int = 0


class Recipe(NamedTuple):
    """How a rule's cases are drawn: `make(rng, shape, x)` from values x of that shape."""

    make: Callable[[Rng, tuple[int, ...], Array], dict[str, Any]]
    shapes: tuple[tuple[int, ...], ...]
    values: tuple[str, ...]
    options: tuple[Mapping[str, Any], ...] = ()


def _dominating(rng: Rng, shape: tuple[int, ...]) -> Array:
    x = rng.standard_normal(shape)
    x[..., shape[-1] // 2 : shape[-1] // 2 + 1] += 50.0
    return x


def _hidden(rng: Rng, shape: tuple[int, ...]) -> Array:
    """About a third of the entries -inf, the first of each row finite."""
    x = rng.standard_normal(shape)
    return np.where((rng.random(shape) < 0.35) & (np.arange(shape[-1]) > 0), -np.inf, x)


VALUES: dict[str, Callable[[Rng, tuple[int, ...]], Array]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "wide": lambda rng, shape: 8 * rng.standard_normal(shape),
    "small": lambda rng, shape: 3e-3 * rng.standard_normal(shape),
    "tiny": lambda rng, shape: 1e-6 * rng.standard_normal(shape),
    "huge": lambda rng, shape: 1e4 * rng.standard_normal(shape),
    "equal": lambda rng, shape: np.full(shape, 0.75),
    "zeros": lambda rng, shape: np.zeros(shape),
    "one entry dominating": _dominating,
    "constant rows": lambda rng, shape: rng.standard_normal((*shape[:-1], 1)) + np.zeros(shape),
    "mean 1e4": lambda rng, shape: 1e4 + rng.standard_normal(shape),
    "mean -1e4": lambda rng, shape: rng.standard_normal(shape) - 1e4,
    "mean -6e4": lambda rng, shape: rng.standard_normal(shape) - 6e4,
    "-inf entries": _hidden,
    "within (0, 1)": lambda rng, shape: rng.uniform(0.01, 0.99, shape),
    "near 0 and 1": lambda rng, shape: np.where(rng.random(shape) < 0.5, 1e-3, 1 - 2.0**-8),
}
"""Kinds of values by name."""

ROWS = ((3, 5), (2, 65), (7,), (1, 1), (2, 1), (2, 17), (3, 63), (3, 64), (0, 5), (2, 3, 5), (2, 1, 3, 4))
PAIRS = ((3, 5, 4), (17, 9, 33), (1, 1, 1), (4, 4, 1), (2, 31, 16), (0, 3, 4), (2, 3, 5, 4), (2, 1, 3, 5, 4))
"""(…, L, S, D)."""
TOKENS = ((5, 4), (17, 66), (1, 2), (8, 64), (2, 3, 6), (0, 4), (2, 3, 5, 8))

_PLAIN = ("normal", "huge", "tiny", "zeros", "equal")
_LOGITS = (
    "normal",
    "wide",
    "huge",
    "tiny",
    "equal",
    "zeros",
    "one entry dominating",
    "mean 1e4",
    "mean -1e4",
)
_NORMS = (*_LOGITS, "small", "constant rows")
_AXES = ({"axis": 0}, {"axis": -2})


def _distributions(rng: Rng, shape: tuple[int, ...]) -> Array:
    shares = rng.random(shape)
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _x(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"x": x}


def _norm(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    n = shape[-1]
    return {"x": x, "weight": 1 + rng.standard_normal(n) / 2, "bias": rng.standard_normal(n)}


def _rms_norm(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"x": x, "weight": 1 + rng.standard_normal(shape[-1]) / 2}


def _linear(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    n = shape[-1]
    return {"x": x, "weight": rng.standard_normal((n + 2, n)), "bias": rng.standard_normal(n + 2)}


def _embedding(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"indices": rng.integers(0, 7, shape), "weight": rng.standard_normal((7, 3))}


def _rotary(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"x": x, "positions": np.arange(shape[-2])}


def _queries(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    """Query and key; x has the shape (…, L, S, D)."""
    return {"query": x[..., 0, :].copy(), "key": rng.standard_normal((*shape[:-3], *shape[-2:]))}


def _general(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return _queries(rng, shape, x) | {"weight": rng.standard_normal((shape[-1], shape[-1]))}


def _additive(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    wide, n = 3, shape[-1]
    weights = {"weight_query": (wide, n), "weight_key": (wide, n), "bias": (wide,), "vector": (wide,)}
    return _queries(rng, shape, x) | {name: rng.standard_normal(size) for name, size in weights.items()}


def _concat(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return _queries(rng, shape, x) | {"weight": rng.standard_normal(2 * shape[-1])}


def _cosine(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return _queries(rng, shape, x) | {"sharpness": np.array(3.0)}


def _location(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"x": x, "weight": rng.standard_normal(shape[-1]), "bias": np.array(0.5)}


def _classes(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"logits": x, "targets": rng.integers(0, shape[-1], shape[:-1])}


def _shares(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"logits": x, "targets": _distributions(rng, shape)}


def _yes_no(name: str) -> Callable[[Rng, tuple[int, ...], Array], dict[str, Any]]:
    return lambda rng, shape, x: {name: x, "targets": (rng.random(shape) < 0.5).astype(float)}


def _predictions(rng: Rng, shape: tuple[int, ...], x: Array) -> dict[str, Any]:
    return {"predictions": x, "targets": rng.standard_normal(shape)}


_SUM = ({"reduction": "sum"}, {"reduction": "none"})
_LOSS_ROWS = tuple(shape for shape in ROWS if 0 not in shape)  # the mean of nothing is 0, or NaN
_FEW_AXES = tuple(shape for shape in _LOSS_ROWS if len(shape) < 3)  # torch has the classes on axis 1
_SEVERAL_AXES = tuple(shape for shape in ROWS if len(shape) > 1)
_IGNORED = {"ignore_index": 1}
_SMOOTHED = {"label_smoothing": 0.25}
_WEIGHTED = {"weight": np.array([0.25, 3.0, 0.5, 1.5, 1.0])}

RECIPES = {
    **{name: Recipe(_x, ROWS, (*_LOGITS, "constant rows", "-inf entries"), _AXES)
       for name in ("softmax", "log_softmax", "logsumexp")},
    **{name: Recipe(_x, ROWS, _LOGITS)
       for name in ("tanh", "sigmoid", "relu", "gelu", "gelu_tanh", "silu", "softplus")},
    "leaky_relu": Recipe(_x, ROWS, _LOGITS, ({"slope": 0.25},)),
    "layer_norm": Recipe(_norm, ROWS, _NORMS, ({"eps": 0.125}, {"eps": 2.0**-40})),
    "rms_norm": Recipe(_rms_norm, ROWS, _NORMS, ({"eps": 0.125}, {"eps": 2.0**-40})),
    "linear": Recipe(_linear, ROWS, _PLAIN, ({"bias": None},)),
    "embedding": Recipe(_embedding, ROWS, ("normal",)),
    "rotary": Recipe(_rotary, TOKENS, _PLAIN, (
        {"layout": "halves"}, {"width": 2}, {"base": 100.0}, {"positions": np.arange(5) + 7},
        {"positions": np.arange(5) * 37 % 11})),
    "dot_scores": Recipe(_queries, PAIRS, _PLAIN, ({"scale": np.array(0.75)},)),
    "general_scores": Recipe(_general, PAIRS, _PLAIN),
    "additive_scores": Recipe(_additive, PAIRS, _PLAIN),
    "concat_scores": Recipe(_concat, PAIRS, _PLAIN, tuple(
        {"activation": name} for name in ("sigmoid", "relu", "leaky_relu", "identity"))),
    "cosine_scores": Recipe(_cosine, PAIRS, ("normal", "huge", "equal")),
    "location_scores": Recipe(_location, _SEVERAL_AXES, _PLAIN, ({"bias": None},)),
    "cross_entropy": Recipe(_classes, _LOSS_ROWS, _LOGITS, (
        *_SUM, _IGNORED, _SMOOTHED, _WEIGHTED, _IGNORED | {"reduction": "sum"}, _SMOOTHED | _IGNORED,
        _IGNORED | {"reduction": "none"})),
    "cross_entropy of distributions": Recipe(_shares, _FEW_AXES, _LOGITS, (*_SUM, _SMOOTHED, _WEIGHTED)),
    "binary_cross_entropy": Recipe(_yes_no("probabilities"), _LOSS_ROWS, ("within (0, 1)", "near 0 and 1"), (
        *_SUM, {"targets": 0.25})),
    "binary_cross_entropy_with_logits": Recipe(_yes_no("logits"), _LOSS_ROWS, _LOGITS, (
        *_SUM, {"targets": 0.25}, {"pos_weight": np.array(3.0)})),
    "mean_absolute_error": Recipe(_predictions, _LOSS_ROWS, _PLAIN, _SUM),
    "mean_squared_error": Recipe(_predictions, _LOSS_ROWS, _PLAIN, _SUM),
    **{name: Recipe(*recipe) for name, recipe in STEP_RECIPES.items()},
}  # fmt: skip
"""Recipes by the names of rules."""


SIZES = {
    "normal gradients": np.ones(10),
    "tiny gradients": np.full(10, 1e-7),
    "vanishing gradients": np.full(10, 1e-20),
    "huge gradients": np.full(10, 1e15),
    "zero gradients": np.zeros(10),
    "zeros between": np.arange(10) % 3 != 1,
    "zeros at first": np.arange(10) > 1,
    "gradients of many sizes": 10.0 ** (np.arange(10) * 7 % 10 - 6),
    "gradients near epsilon": np.full(10, 3e-8),
}
"""Size of the gradient at each of ten steps."""

_ADAM = ({"lr": 0.25}, {"betas": (0.5, 0.75)}, {"eps": 1e-3})
STEP_OPTIONS: dict[str, tuple[Mapping[str, Any], ...]] = {
    "adam": _ADAM,
    "adamw": (*_ADAM, {"weight_decay": 0.5}, {"weight_decay": 0.0}, {"lr": 0.25, "weight_decay": 0.5}),
    "sgd": ({"lr": 0.25}, {"momentum": 0.9}, {"lr": 0.25, "momentum": 0.5}),
}


def draw_steps(optimizer: str, kept: Format, seed: int = 0) -> list[RuleCase]:
    """The cases of an optimizer: gradients of every size, with a large lr so that they show; each option."""
    drawn: list[tuple[str, Mapping[str, Any]]] = [(name, {"lr": 0.125}) for name in SIZES]
    drawn += [("normal gradients", option) for option in ({}, *STEP_OPTIONS[optimizer])]
    drawn += [("gradients near epsilon", option) for option in STEP_OPTIONS[optimizer]]
    cases = []
    for number, (name, options) in enumerate(drawn):
        rng = np.random.default_rng([seed, number])
        size = np.minimum(SIZES[name], kept.largest**0.5 / 1e3)  # no square overflows
        arrays = {"params": rng.standard_normal(20), "grads": size[:, None] * rng.standard_normal((10, 20))}
        title = ", ".join([name, *(f"{option}={x}" for option, x in options.items())])
        rounded: dict[str, Any] = {key: kept.rounded(x) for key, x in arrays.items()}
        cases.append(RuleCase(title, rounded | dict(options), tuple(options), number=number))
    return cases


def draw_cases(rule: str, kept: Format, seed: int = 0) -> list[RuleCase]:
    """The cases of a rule, every number exact in a format; the plain one comes first."""
    recipe = RECIPES[rule]
    plain, long, *_ = recipe.shapes
    drawn: list[tuple[tuple[int, ...], str, Mapping[str, Any]]] = [
        (plain, kind, {}) for kind in recipe.values
    ]
    drawn += [(shape, recipe.values[0], {}) for shape in recipe.shapes[1:]]
    drawn += [(long, kind, {}) for kind in recipe.values[1:]]
    drawn += [(plain, recipe.values[0], option) for option in recipe.options]
    cases = []
    for number, (shape, kind, option) in enumerate(drawn):
        rng = np.random.default_rng([seed, number])
        arguments = recipe.make(rng, shape, VALUES[kind](rng, shape))
        for name, x in option.items():
            own: Any = arguments.get(name)
            arguments[name] = np.full(np.shape(own), x) if np.ndim(own) and np.isscalar(x) else x
        words = [f"{name}={_short(x)}" for name, x in option.items()]
        title = f"{' x '.join(map(str, shape))}, {', '.join(words) or kind}"
        rounded = {name: kept.rounded(x) if _is_float(x) else x for name, x in arguments.items()}
        optional = len(shape) != len(plain) or 0 in shape
        cases.append(RuleCase(title, rounded, tuple(option), optional, number))
    return cases


def _is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _short(x: Any) -> str:
    if np.ndim(x) and np.asarray(x).dtype == bool:
        return f"{np.sum(x)} True"
    return f"[{np.ravel(x)[0]:g}, …]" if np.ndim(x) else f"{x:g}" if isinstance(x, float) else str(x)
