"""Parameters: nested dicts of arrays, their shapes, their initial values, and their validation."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ..functional.base.admission import Array, admit, explained
from ..functional.base.arrays import cotangent
from ..functional.base.wording import some_names
from ..optim.trees import flatten
from ..optim.updates import leaves, path_text

Params: TypeAlias = dict[str, Any]
"""{"features": {"weight": …, "bias": …}, …}: names as PyTorch's state_dict has them."""
Shapes: TypeAlias = dict[str, Any]
"""The same with a shape in the place of each array."""

_Class = TypeVar("_Class", bound=type)

SHARPNESS = 5.0
"""Initial sharpness of the cosine score: its scores then lie between -5 and 5."""


def explained_layer(cls: _Class) -> _Class:
    """Class decorator of layers: their constructor, init, forward and backward are `explained`."""
    for name in ("__new__" if issubclass(cls, tuple) else "__init__", "init", "forward", "backward"):
        method = explained(getattr(cls, name))
        setattr(cls, name, staticmethod(method) if name == "__new__" else method)
    return cls


def admit_rng(rng: object) -> None:
    """TypeError unless `rng` is a Generator."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is {type(rng).__name__}; a Generator is expected: np.random.default_rng(seed)")


def init_params(rng: np.random.Generator, shapes: Shapes, part: str = "") -> Params:
    """Initial parameters, drawn in the order of `shapes`; `part` is the name of the enclosing dict."""
    admit_rng(rng)
    return {
        name: init_params(rng, inside, name) if isinstance(inside, dict) else _init(rng, part, name, inside)
        for name, inside in shapes.items()
    }


def parameter_count(shapes: Shapes) -> int:
    """Total number of entries.

    Examples
    --------
    >>> parameter_count({"classifier": {"weight": (2, 3), "bias": (2,)}})
    8
    """
    return sum(math.prod(shape) for shape in flatten(shapes).values())


def count_parameters(params: Mapping[str, Any]) -> int:
    """Total number of entries of all arrays.

    Parameters
    ----------
    params : nested dicts of arrays.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> count_parameters({"linear1": {"weight": np.ones((2, 3)), "bias": np.ones(2)}})
    8
    """
    return sum(np.size(array) for array in leaves("params", params).values())


def check_params(params: Any, shapes: Shapes) -> None:
    """Raise unless `params` has exactly the names and shapes of `shapes`.

    Raises
    ------
    TypeError
        If a dict or a floating array is expected and something else is there.
    ValueError
        If a parameter is missing or unknown, or has another shape.
    """
    if not isinstance(params, Mapping):
        raise TypeError(
            f"params is {type(params).__name__}; a dict of arrays, as init returns it, is expected"
        )
    arrays, expected = leaves("params", params), leaves("shapes", shapes)
    for path, shape in expected.items():
        if path not in arrays:
            raise ValueError(f"{path_text('params', path)} is missing; an array {shape} is expected")
        if isinstance(arrays[path], (list, tuple)):
            came = type(arrays[path]).__name__
            raise TypeError(f"{path_text('params', path)} is {came}; an array {shape} is expected")
        if np.shape(arrays[path]) != shape:
            raise ValueError(
                f"{path_text('params', path)} has shape {np.shape(arrays[path])}; {shape} is expected"
            )
        admit(path_text("params", path), arrays[path])
    for path in arrays:
        if path not in expected:
            names = some_names([".".join(known) for known in expected])
            raise ValueError(f"{path_text('params', path)} is unknown; one of {names} is expected")


def admit_tokens(x: Any, width: int, tokens: int | None = None) -> Array:
    """x (B, T, width), T being `tokens` if there is one; TypeError or ValueError for anything else."""
    array = admit("x", x, 3)
    if array.ndim != 3 or array.shape[2] != width or tokens not in (None, array.shape[1]):
        expected = f"(B, {'T' if tokens is None else tokens}, {width})"
        raise ValueError(f"x has shape {array.shape}; {expected} is expected")
    return array


def admit_d_logits(d_logits: Any, batch: int, outputs: int) -> Array:
    """The cotangent (B,), or (B, K), of a classifier's logits as (B, K)."""
    shape = (batch,) if outputs == 1 else (batch, outputs)
    return cotangent("d_logits", d_logits, shape).reshape(batch, outputs)


def check_saved(saved: Any, own: type) -> None:
    """Raise TypeError unless `saved` is what the layer's own forward returned."""
    if not isinstance(saved, own):
        raise TypeError(f"saved is {type(saved).__name__}; {own.__name__} is expected")


def glorot(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Weights uniform between ±sqrt(6 / (fan_in + fan_out)), after Glorot & Bengio 2010, equation 16.

    fan_in is the last axis; fan_out the one before it, 1 if there is none.
    """
    fan_out, fan_in = (1, *shape)[-2:]
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


def _init(rng: np.random.Generator, part: str, name: str, shape: tuple[int, ...]) -> Array:
    """Biases 0, temperatures 1, weights of a norm 1, all other weights by `glorot`."""
    if name.endswith("bias") or name == "log_temperature":
        return np.zeros(shape)
    if part.endswith("norm"):
        return np.ones(shape)
    return np.array(SHARPNESS) if name == "sharpness" else glorot(rng, shape)


def summed(one: Params, other: Params, order: Iterable[str] = ()) -> Params:
    """Gradients of the same nested parameters, added up where both have one; in this order of names."""
    both = {**one, **other}
    for name in one.keys() & other.keys():
        mine, yours = one[name], other[name]
        both[name] = summed(mine, yours) if isinstance(mine, dict) else mine + yours
    return {name: both[name] for name in order or both if name in both}
