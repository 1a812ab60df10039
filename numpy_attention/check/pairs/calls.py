"""A call of a pair: its arguments by name, its outputs and gradients in whichever form they come."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array


class Call(NamedTuple):
    """A pair with its arguments, all of them by name, the differentiable ones in float64."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    arguments: dict[str, Any]
    positional: tuple[str, ...]

    def outputs(self, **changed: Any) -> tuple[Any, Any]:
        """What forward gives when some arguments are changed."""
        arguments = self.arguments | changed
        args = [arguments[name] for name in self.positional]
        rest = {name: x for name, x in arguments.items() if name not in self.positional}
        out, saved = self.forward(*args, **rest)
        return out, saved

    def gradients(self, cotangents: Any, **changed: Any) -> dict[str, Any]:
        """What backward gives, by the names of the arguments."""
        _, saved = self.outputs(**changed)
        return named(self.backward(cotangents, saved), self)


def size_of(x: Array) -> float:
    """How large the finite entries of an array are; 1 where they are 0."""
    return float(np.abs(x[np.isfinite(x)]).max(initial=0)) or 1.0


def direction_of(x: Array, rng: np.random.Generator) -> Array:
    """A random direction, each entry of the array's own size there; of its largest where that is 0."""
    own = np.where(np.isfinite(x) & (x != 0), np.abs(x), size_of(x))
    return np.asarray(own * rng.standard_normal(x.shape))


def over(error: Any, allowed: Any) -> Any:
    """error / allowed; 0 where both are 0."""
    with np.errstate(all="ignore"):
        return np.where(np.equal(error, 0), 0.0, np.divide(error, allowed))[()]


def as_tuple(out: Any) -> tuple[Any, ...]:
    """A result as a tuple of arrays."""
    return tuple(out) if isinstance(out, tuple) else (out,)


def as_outputs(out: Any, arrays: Sequence[Any]) -> Any:
    """Arrays in the form that the outputs have: one, a tuple, or a NamedTuple."""
    if not isinstance(out, tuple):
        return arrays[0]
    return type(out)(*arrays) if hasattr(out, "_fields") else tuple(arrays)


def like_outputs(out: Any, make: Callable[[Array], Any]) -> Any:
    """One thing for each output array, in the form that the outputs have."""
    return as_outputs(out, [make(np.asarray(array)) for array in as_tuple(out)])


def is_float_array(x: Any) -> bool:
    """Whether `x` is an array that can be differentiated with respect to."""
    return isinstance(x, (np.ndarray, np.floating)) and x.dtype.kind == "f"


def named(gradients: Any, call: Call) -> dict[str, Any]:
    """Gradients by the names of their arguments, in whichever form backward returned them."""
    if hasattr(gradients, "_fields"):
        gradients = gradients._asdict()
    if isinstance(gradients, dict):
        return {name.removeprefix("d_"): gradient for name, gradient in gradients.items()}
    arrays = [name for name, x in call.arguments.items() if is_float_array(x)]
    if isinstance(gradients, (tuple, list)):
        if len(gradients) != len(arrays):
            raise ValueError(
                f"backward returned {len(gradients)} gradients for the {len(arrays)} arrays "
                f"{', '.join(arrays)}; return a NamedTuple with d_<argument> fields"
            )
        return dict(zip(arrays, gradients, strict=True))
    return {arrays[0]: gradients} if arrays else {}


def call_of(
    forward: Callable[..., Any], backward: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Call:
    """The call with its arguments by name, float arrays in float64."""
    import inspect  # 10 ms that only a check needs

    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in plain]
    names += [f"argument_{n}" for n in range(len(names), len(args))]
    given = dict(zip(names, args, strict=False)) | dict(kwargs)
    declared = [parameter.name for parameter in parameters if parameter.name in given]
    arguments = {name: given[name] for name in (*declared, *given)}  # in the order that forward names them
    wide = {
        name: np.asarray(x).astype(np.float64) if is_float_array(x) else x for name, x in arguments.items()
    }
    return Call(forward, backward, wide, tuple(names[: len(args)]))
