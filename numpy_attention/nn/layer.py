"""What all layers share: a layer is a frozen value of its sizes, its parameters stand outside.

    params = layer.init(rng)
    out, saved = layer.forward(params, *inputs, **options)
    d_inputs, d_params = layer.backward(d_out, saved)

A layer states `own_shapes`, the shapes of its own arrays, and `parts`, the layers inside it by name. Initial
values, the check of params, the count of parameters and the printed tree follow from these two.
"""

import inspect
import threading
from collections.abc import Callable
from dataclasses import fields
from functools import cached_property, wraps
from importlib import import_module
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from ..functional.base.admission import FLOATS, Array, admit, one_of, real_number, shown
from ..functional.base.arrays import cotangent, gradient_like, shape_repr, whole_number
from ..functional.base.memory import added
from ..optim.trees import flatten
from .parameters import Params, Shapes, admit_rng, check_params, glorot, parameter_count

_Class = TypeVar("_Class", bound=type)


class _Call(threading.local):
    """The calls of layers in this thread: how many inside each other, and whether params are checked."""

    depth = 0
    checked = False


_call = _Call()


class Layer:
    """Base class of layers. A subclass is a frozen dataclass under `@layer` with a forward and a backward."""

    def own_shapes(self) -> Shapes:
        """The shapes of the arrays that are not inside a part."""
        return {}

    def parts(self) -> dict[str, "Layer"]:
        """The layers inside this one, by the names of their parameters."""
        return {}

    def own_heads(self) -> list[dict[str, Any]]:
        """For each head of an attention, the entries that are its alone: see `head_entries`; else []."""
        return []

    def shapes(self) -> Shapes:
        """The shape of every parameter, nested as the parameters are."""
        inside = {name: part.shapes() for name, part in self.parts().items()}
        return self.own_shapes() | {name: shapes for name, shapes in inside.items() if shapes}

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters in float64, drawn in the order of `shapes`."""
        admit_rng(rng)
        own = {name: self.initial(rng, name, shape) for name, shape in self.own_shapes().items()}
        inside = {name: part.init(rng) for name, part in self.parts().items()}
        return own | {name: params for name, params in inside.items() if params}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        """The initial value of one array: biases 0, all others by `glorot`."""
        return np.zeros(shape) if name.endswith("bias") else glorot(rng, shape)

    @cached_property
    def expected_shapes(self) -> Shapes:
        """`shapes`, computed once."""
        return self.shapes()

    def check(self, params: Any) -> None:
        """Raise unless `params` has exactly the names and shapes of `shapes`; once for all parts."""
        if _call.checked:
            return
        if not _fits(params, self.expected_shapes):
            check_params(params, self.expected_shapes)
        _call.checked = _call.depth > 0

    def __str__(self) -> str:
        return "\n".join(_tree(self, ""))


def _fits(params: Any, shapes: Shapes) -> bool:
    """True for dicts of arrays of these names and shapes: the common case, decided in microseconds."""
    if type(params) is not dict or len(params) != len(shapes):
        return False
    for name, shape in shapes.items():
        x = params.get(name)
        if type(shape) is dict:
            if not _fits(x, shape):
                return False
        elif type(x) is not np.ndarray or x.shape != shape or x.dtype not in FLOATS:
            return False
    return True


def _tree(layer: Layer, name: str) -> list[str]:
    """A line for the layer, and below it, indented, one for each array and those of each part."""
    head = f"{name}: {summary(layer)}" if name else summary(layer)
    count = parameter_count(layer.expected_shapes)
    lines = [f"{head}  {count:,} parameters" if count else head]
    lines += [f"  {own} {shape}" for own, shape in flatten(layer.own_shapes()).items()]
    for part_name, part in layer.parts().items():
        lines += [f"  {line}" for line in _tree(part, part_name)]
    return lines


def summary(layer: Layer) -> str:
    """The class and the sizes that are not their defaults; a layer among them by its class."""
    given = {f.name: getattr(layer, f.name) for f in fields(layer)}  # type: ignore[arg-type]
    defaults = {f.name: f.default for f in fields(layer)}  # type: ignore[arg-type]
    sizes = [
        f"{name}={type(size).__name__ if isinstance(size, Layer) else repr(size)}"
        for name, size in given.items()
        if size != defaults[name] and not isinstance(size, tuple)
    ]
    return f"{type(layer).__name__}({', '.join(sizes)})"


def layer(cls: _Class) -> _Class:
    """Class decorator: constructor, init, forward and backward name the layer in what they raise."""
    for name in ("__init__", "init", "forward", "backward", "encode", "decode"):
        if hasattr(cls, name):
            setattr(cls, name, _naming(cls, name))
    return cls


def _naming(cls: type, name: str) -> Callable[..., Any]:
    """The method, quiet (inf and NaN pass under any errstate), with the layer's name in what it raises."""
    method = getattr(cls, name)

    @wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        _call.depth += 1
        try:
            if _call.depth > 1:
                return method(*args, **options)  # quiet already
            with np.errstate(all="ignore"):
                return method(*args, **options)
        except (TypeError, ValueError) as error:
            if hasattr(error, "of_layer"):
                raise
            raise _named(cls, call, args, options, error) from error
        finally:
            _call.depth -= 1
            _call.checked = _call.checked and _call.depth > 0

    call.__qualname__ = f"{cls.__name__}.{name}"
    return call


def _named(
    cls: type, call: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], error: Exception
) -> Exception:
    """The error, or what to write where a call does not fit, after the name of the innermost layer."""
    said = import_module("..functional.base.hints", __package__).explain(call, args, options, error) or error
    text = str(said)
    named: Any = type(said)(text if text.startswith(cls.__name__) else f"{cls.__name__}: {text}")
    named.of_layer = True
    return cast(Exception, named)


# ------------------------------------------------------------------------------------------------- options


MOST, MOST_LAYERS = 2**31, 10_000
"""The largest size, and the largest number of layers: a slip of the keys is a sentence, not a full memory."""


def admit_sizes(**sizes: int) -> None:
    """Raise unless every size is a whole number from 1 to MOST, or MOST_LAYERS for a number of layers."""
    for name, size in sizes.items():
        most = MOST_LAYERS if name.endswith("layers") else MOST
        if whole_number(name, size, 1) > most:
            raise ValueError(f"{name} is {size}; at most {most:,} are expected")


def admit_flags(**flags: object) -> None:
    """Raise unless every flag is True or False."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise TypeError(f"{name} is {shown(flag)}; True or False is expected")


def admit_rate(name: str, rate: float) -> None:
    """Raise unless the rate of dropout lies in [0, 1)."""
    if not 0 <= real_number(name, rate) < 1:
        raise ValueError(f"{name} is {rate}; a probability in [0, 1) is expected")


def admit_choice(name: str, choice: object, known: Any) -> None:
    """Raise unless the choice is one of the known names."""
    one_of(name, choice, tuple(known))


def admit_width(name: str, x: object, width: int) -> Array:
    """An input (..., width), floating or complex."""
    array = admit(name, x, 1)
    if array.shape[-1] != width:
        raise ValueError(f"{name} has shape {array.shape}; (..., {width}) is expected")
    return array


def child_seeds(seed: int | None, count: int) -> list[int | None]:
    """A seed for each child of a layer: child i draws from SeedSequence((seed, i)). None: no dropout.

    Examples
    --------
    >>> child_seeds(None, 2), child_seeds(7, 3)[:2] == child_seeds(7, 2)
    ([None, None], True)
    """
    if seed is None:
        return [None] * count
    seed = whole_number("seed", seed, least=0)
    states = (np.random.SeedSequence((seed, child)).generate_state(1, np.uint64) for child in range(count))
    return [int(state[0]) for state in states]


def takes(cls: Any, option: str) -> bool:
    """True if the forward of this class of layers has the option."""
    return option in inspect.signature(cls.forward).parameters


def as_one(d_inputs: Any) -> Any:
    """The gradient of a layer's only input: bare, or the first of several of which the others are None."""
    return d_inputs[0] if isinstance(d_inputs, tuple) else d_inputs


# --------------------------------------------------------------------------------------- steps of a forward


@shape_repr
class SumSaved(NamedTuple):
    """x, and the branch; None where its shape and dtype are those of x: no more is needed of it."""

    x: Array
    branch: Array | None


def sum_forward(x: Any, branch: Any) -> tuple[Any, SumSaved]:
    """The residual connection: x + branch."""
    alike = x.shape == branch.shape and x.dtype == branch.dtype
    return added(x, branch), SumSaved(x, None if alike else branch)


def sum_backward(d_sum: Array, saved: SumSaved) -> tuple[Any, Any]:
    """Undo x + branch: d_x = d_branch = d_sum."""
    x = saved.x
    branch = x if saved.branch is None else saved.branch
    d_sum = cotangent("d_out", d_sum, np.broadcast_shapes(x.shape, branch.shape), x, branch)
    return gradient_like(d_sum, x, fresh=True), gradient_like(d_sum, branch, fresh=True)


def either(condition: bool, inner: Any, params: Params, x: Any) -> tuple[Any, Any]:
    """inner(x) where the condition holds, else x itself, with None saved."""
    return inner.forward(params, x) if condition else (x, None)


def either_backward(inner: Any, d_out: Array, saved: Any) -> tuple[Any, Params]:
    """Undo `either`."""
    return (d_out, {}) if saved is None else inner.backward(d_out, saved)
