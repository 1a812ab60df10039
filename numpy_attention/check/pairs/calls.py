"""One call of a pair: arguments by name, and outputs and gradients in any form that a pair may use."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import cut


class Call(NamedTuple):
    """A pair and its arguments by name, float arrays in float64.

    `real`: why it does not take complex arguments, so that differences replace the complex step; "" if it
    does.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    arguments: dict[str, Any]
    positional: tuple[str, ...]
    real: str = ""

    def outputs(self, **changed: Any) -> tuple[Any, Any]:
        """(out, saved) of forward with some arguments changed."""
        arguments = self.arguments | changed
        args = [arguments[name] for name in self.positional]
        rest = {name: x for name, x in arguments.items() if name not in self.positional}
        out, saved = self.forward(*args, **rest)
        return out, saved

    def gradients(self, cotangents: Any, **changed: Any) -> dict[str, Any]:
        """Gradients of backward by argument name, with some arguments changed."""
        _, saved = self.outputs(**changed)
        return by_name(self.backward(cotangents, saved), self)

    def weighted(self, cotangents: Any, part: Callable[[Any], Array] = np.asarray, **changed: Any) -> Array:
        """Every entry of (a part of) the outputs times that of its cotangent, in one row."""
        out, _ = self.outputs(**changed)
        pairs = zip(as_tuple(cotangents), as_tuple(out), strict=True)
        return np.concatenate([np.ravel(c * part(array)) for c, array in pairs])


def size_of(x: Array) -> float:
    """Largest finite |x|; 1 if that is 0."""
    return float(np.abs(x[np.isfinite(x)]).max(initial=0)) or 1.0


def direction_of(x: Array, rng: np.random.Generator) -> Array:
    """Random direction, each entry scaled by |x| there, or by the largest |x| where x is 0 or not finite."""
    own = np.where(np.isfinite(x) & (x != 0), np.abs(x), size_of(x))
    return np.asarray(own * rng.standard_normal(x.shape))


def over(error: Any, allowed: Any) -> Any:
    """error / allowed; 0 where both are 0."""
    with np.errstate(all="ignore"):
        return np.where(np.equal(error, 0), 0.0, np.divide(error, allowed))[()]


def refusal_of_complex(call: Call) -> str:
    """Why forward does not take complex arguments, in a few words; "" if it does."""
    moved = {name: x + 0j for name, x in call.arguments.items() if is_float_array(x)}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            out, _ = call.outputs(**moved)
    except Exception as error:
        return cut(f"forward raises {type(error).__name__}: {' '.join(str(error).split())}", 90)
    return "" if all(np.iscomplexobj(x) for x in as_tuple(out)) else "forward returns real numbers"


def as_tuple(out: Any) -> tuple[Any, ...]:
    """A result as a tuple of arrays."""
    return tuple(out) if isinstance(out, tuple) else (out,)


def as_outputs(out: Any, arrays: Sequence[Any]) -> Any:
    """Arrays in the form of the outputs: one array, a tuple, or a NamedTuple."""
    if not isinstance(out, tuple):
        return arrays[0]
    return type(out)(*arrays) if hasattr(out, "_fields") else tuple(arrays)


def like_outputs(out: Any, make: Callable[[Array], Any]) -> Any:
    """make(array) for each output array, in the form of the outputs."""
    return as_outputs(out, [make(np.asarray(array)) for array in as_tuple(out)])


def is_float_array(x: Any) -> bool:
    """True if `x` is an array of floating dtype."""
    return isinstance(x, (np.ndarray, np.floating)) and x.dtype.kind == "f"


def by_name(gradients: Any, call: Call) -> dict[str, Any]:
    """Gradients by argument name, from any form that backward may return."""
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
    """Bind the arguments to forward's parameter names, float arrays in float64."""
    import inspect  # 10 ms that only a check needs

    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [parameter.name for parameter in parameters if parameter.kind in plain]
    names += [f"argument_{n}" for n in range(len(names), len(args))]
    unordered = dict(zip(names, args, strict=False)) | dict(kwargs)
    declared = [parameter.name for parameter in parameters if parameter.name in unordered]
    arguments = {name: unordered[name] for name in (*declared, *unordered)}  # in forward's order
    for name, x in arguments.items():
        arguments[name] = np.asarray(x).astype(np.float64) if is_float_array(x) else x
    return Call(forward, backward, arguments, tuple(names[: len(args)]))
