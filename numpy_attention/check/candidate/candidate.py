"""A candidate: somebody's attention, called on a case, and what came back as numbers by name.

It is a function that returns the output, and its framework differentiates it; or that takes the cotangent as
d_out and returns (output, gradients); or a pair, forward and backward, in this project's form. A dict, or a
tuple whose fields have names, may come back instead: what is in it is judged.
"""

import inspect
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..cases.cases import EXTRAS, OPTIONS, Case
from ..reference.oracle import Results
from .conventions import Binding, Convention, bind
from .frameworks import NumPy, Taken, framework_of, taken
from .sandbox import Said

DIFFERENTIABLE = ("query", "key", "value", "bias", "scale", "sinks")
LAID_OUT = ("query", "key", "value", "d_out", "out", "d_query", "d_key", "d_value")
TENSORS = Results._fields


KEPT, SMALL = 64, 1 << 16
"""So many arrays that came back, of at most so many numbers, are looked at again after later calls."""


class Outcome(NamedTuple):
    """What came of a call: numbers by name, in this project's order of axes, and what is wrong besides."""

    tensors: dict[str, Taken]
    problems: tuple[str, ...] = ()
    framework: str = "numpy"


class Misshapen(Said):
    """What came back is not of a form that a candidate may return; the text says what it is."""


class Candidate:
    """Somebody's attention, and how it is called."""

    def __init__(self, given: Any, said: Convention, *, forward_only: bool = False) -> None:
        self.said, self.forward_only = said, forward_only
        self.pair = as_pair(given)
        self.function = self.pair[0] if self.pair else as_function(given)
        self.binding: Binding = bind(self.function, said)
        self.values = self.pair is not None and said.mask is None and "mask" in self.binding.names
        self.backward_takes = _names_of(self.pair[1]) if self.pair else ()
        self.given_back: deque[tuple[str, Any, Array]] = deque(maxlen=KEPT)

    @property
    def form(self) -> str:
        """In which of the three ways it gives gradients."""
        if self.pair:
            return "pair"
        return "gradients" if "d_out" in self.binding.names else "function"

    @property
    def options(self) -> tuple[str, ...]:
        """What it can be asked, of OPTIONS and EXTRAS."""
        taken = {name for name in self.binding.names if name in OPTIONS}
        if self.values:
            taken |= {"causal", "window", "mask", "q_offset"}
        elif self.said.mask is None:
            taken.discard("mask")
        if not taken & {"causal", "window"}:
            taken.discard("q_offset")
        taken |= {
            name for name in ("d_lse", "d_weights") if name in (*self.backward_takes, *self.binding.names)
        }
        if "scale" in taken and (self.values or "scale_array" in (self.said.supports or ())):
            taken.add("scale_array")
        return tuple(name for name in (*OPTIONS, *EXTRAS) if name in taken)

    @property
    def left_out(self) -> dict[str, str]:
        """The options that cannot be set, each with the reason."""
        reasons = {}
        for name in OPTIONS:
            if name in self.options:
                continue
            reasons[name] = "not taken"
            if name == "mask" and "mask" in self.binding.names:
                reasons[name] = "which way its booleans are was not said: --mask visible, hidden or additive"
            elif self.binding.unread and self.said.supports is None and not self.said.names:
                reasons[name] = "there is no signature to read: say --supports or --map"
        return reasons

    # -------------------------------------------------------------------------------------- one call

    def call(self, case: Case, framework: NumPy) -> Outcome:
        """The candidate on a case; what it raises is raised."""
        tensors = self._given(case, framework)
        before = {name: framework.take(x).numbers for name, x in tensors.items()}
        native = self._judged(self._call(case, tensors, framework))
        problems = [
            f"changes its input {name}"
            for name, x in tensors.items()
            if framework.take(x).numbers.tobytes() != before[name].tobytes()
        ]
        problems += self._overwritten()
        found = {}
        for name, x in native.items():
            if x is None:
                problems.append(f"gives no gradient for {name[2:]}")
                continue
            own = taken(x)
            if own.numbers.size <= SMALL:
                self.given_back.append((name, x, own.numbers))
            found[name] = own._replace(numbers=self._turned(name, own.numbers))
        seen = [framework_of(x) for x in native.values() if x is not None]
        return Outcome(found, tuple(problems), seen[0] if seen else "numpy")

    def _overwritten(self) -> list[str]:
        """What a call has done to arrays that were given back by those before it."""
        changed = {name for name, x, was in self.given_back if taken(x).numbers.tobytes() != was.tobytes()}
        if changed:
            self.given_back.clear()
        return [f"changes the {name} that an earlier call gave" for name in sorted(changed)]

    def native(self, case: Case, framework: NumPy) -> dict[str, Any]:
        """What comes back as it comes back, in this project's order of axes; the inputs are not watched."""
        found = self._judged(self._call(case, self._given(case, framework), framework))
        if self.said.layout == "BLHD":
            return {n: x.swapaxes(1, 2) if n in LAID_OUT and x is not None else x for n, x in found.items()}
        return found

    def _judged(self, native: dict[str, Any]) -> dict[str, Any]:
        return {n: x for n, x in native.items() if not (self.forward_only and n.startswith("d_"))}

    def _given(self, case: Case, framework: NumPy) -> dict[str, Any]:
        arrays = {name: x for name, x in case.arrays.items() if isinstance(x, np.ndarray)}
        return {name: framework.give(self._turned(name, x), case.format) for name, x in arrays.items()}

    def _turned(self, name: str, x: Array) -> Array:
        """Between (B, H, L, D) and the candidate's own layout."""
        if self.said.layout == "BLHD" and name in LAID_OUT and x.ndim == 4:
            return np.ascontiguousarray(np.swapaxes(x, 1, 2))
        return x

    def _options(self, case: Case, tensors: Mapping[str, Any], framework: NumPy) -> dict[str, Any]:
        """Options as this candidate takes them."""
        options = {name: tensors.get(name, x) for name, x in case.options.items() if name not in EXTRAS}
        if self.values:
            options = {n: x for n, x in options.items() if n not in ("causal", "window", "q_offset", "mask")}
            return options if case.mask is None else options | {"mask": case.mask}
        if "mask" in options:
            pairs = case.options["mask"]
            if self.said.mask == "hidden":
                options["mask"] = framework.give(~pairs, case.format)
            elif self.said.mask == "additive":
                options["mask"] = framework.give(np.where(pairs, 0.0, -np.inf), case.format)
        return options

    def _call(self, case: Case, tensors: Mapping[str, Any], framework: NumPy) -> dict[str, Any]:
        options = self._options(case, tensors, framework)
        extra = {name: tensors[name] for name in ("d_lse", "d_weights") if name in tensors}
        width = case.query.shape[-1]
        leaves = {name: options[name] if name in options else tensors[name] for name in DIFFERENTIABLE
                  if name in tensors}  # fmt: skip
        if self.pair:
            args, named = self.binding.arguments(options, width)
            out, saved = _two(self.function(*_first(tensors), *args, **named))
            found = {"out": out} | {
                name: x for name in ("lse", "weights") if (x := getattr(saved, name, None)) is not None
            }
            return found | gradients(self.pair[1](tensors["d_out"], saved, **extra), case, leaves)
        if self.form == "gradients":
            options = options | {"d_out": tensors["d_out"]} | extra
            args, named = self.binding.arguments(options, width)
            return returned(self.function(*_first(tensors), *args, **named), case, leaves)

        def differentiable(*values: Any) -> tuple[Any, Any]:
            given = dict(zip(leaves, values, strict=True))
            own = options | {name: x for name, x in given.items() if name in options}
            args, named = self.binding.arguments(own, width)
            result = self.function(given["query"], given["key"], given["value"], *args, **named)
            rest = returned(result, case, leaves)
            if "out" not in rest:
                raise Misshapen("gives no out")
            return rest.pop("out"), rest

        if framework.name == "numpy" or self.forward_only:
            out, rest = differentiable(*leaves.values())
            return {"out": out, **rest}
        out, rest, slopes = framework.differentiated(differentiable, [*leaves.values()], tensors["d_out"])
        return {"out": out, **{f"d_{name}": x for name, x in zip(leaves, slopes, strict=True)}, **rest}


def _first(tensors: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return tensors["query"], tensors["key"], tensors["value"]


def _names_of(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def as_pair(given: Any) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """forward and backward, of a tuple of two or of what has both; None for anything else."""
    if isinstance(given, tuple) and len(given) == 2 and all(map(callable, given)):
        return given[0], given[1]
    if inspect.isclass(given):
        return None
    forward, backward = getattr(given, "forward", None), getattr(given, "backward", None)
    return (forward, backward) if callable(forward) and callable(backward) else None


def as_function(given: Any) -> Callable[..., Any]:
    """What is called; of a torch.autograd.Function its apply."""
    if inspect.isclass(given) and callable(apply := getattr(given, "apply", None)):
        given = apply
    if not callable(given):
        raise TypeError(
            f"the candidate is {type(given).__name__}; a function, or a pair forward and backward, "
            "is expected"
        )
    function: Callable[..., Any] = given
    return function


# ------------------------------------------------------------------------------------- what came back


def returned(result: Any, case: Case, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by name, from whatever form a candidate may return."""
    if result is None:
        raise Misshapen("returns nothing")
    named = _by_name(result)
    if named is not None:
        found = {name: x for name, x in named.items() if name in TENSORS and x is not None}
        if not found:
            told = ", ".join(map(repr, named)) or "nothing"
            raise Misshapen(f"returns {told} by name, and none of {', '.join(TENSORS)}")
        return found
    if isinstance(result, tuple | list):
        out, grads = _two(result)
        return {"out": out} | gradients(grads, case, leaves)
    framework_of(result)  # refuses what is no array
    return {"out": result}


def _by_name(result: Any) -> Mapping[str, Any] | None:
    if isinstance(result, Mapping):
        return result
    if isinstance(result, tuple) and hasattr(result, "_asdict"):
        named: Mapping[str, Any] = result._asdict()
        return named
    return None


def _two(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        told = f"{type(result).__name__} of {len(result)}" if isinstance(result, tuple | list) else (
            "nothing" if result is None else type(result).__name__)  # fmt: skip
        raise Misshapen(f"returns {told}, where two things are expected: the output, and the gradients")
    return result[0], result[1]


def gradients(grads: Any, case: Case, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients by name: as they are named, or in the order of DIFFERENTIABLE, as far as it has them."""
    named = _by_name(grads)
    if named is not None:
        able = {*leaves, *case.options}
        return {n: x for n, x in named.items() if n.startswith("d_") and n in TENSORS and n[2:] in able}
    if not isinstance(grads, tuple | list):
        raise Misshapen(f"returns {type(grads).__name__}, where gradients are expected")
    numbers = [n for n in DIFFERENTIABLE if n in leaves or n in case.options]
    for expected in (list(leaves), numbers, list(DIFFERENTIABLE), ["query", "key", "value"]):
        if len(grads) == len(expected):
            pairs = zip(expected, grads, strict=True)
            return {
                f"d_{name}": x for name, x in pairs if name in leaves or (name in numbers and x is not None)
            }
    wanted = ", ".join(f"d_{name}" for name in leaves)
    raise Misshapen(f"returns {len(grads)} gradients, where {len(leaves)} are expected: {wanted}")
