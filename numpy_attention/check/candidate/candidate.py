"""Call a candidate attention on a case and read its results by name.

A candidate is a function that returns the output, differentiated by its framework; or a function that also
takes d_out and returns (output, gradients); or a pair (forward, backward) in this project's form. Each may
return a dict, or a tuple with field names, of which the known names are judged.
"""

import inspect
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..cases.cases import Case
from ..cases.specification import EXTRAS, OPTIONS
from ..reference.oracle import Results
from .conventions import Binding, Convention, bind
from .frameworks import CandidateArray, NumPy, framework_of, to_numpy
from .sandbox import CandidateError

DIFFERENTIABLE = ("query", "key", "value", "bias", "scale", "sinks")
LAYOUT_TENSORS = ("query", "key", "value", "d_out", "out", "d_query", "d_key", "d_value")
TENSORS = Results._fields

RECENT_ARRAYS, RECENT_SIZE = 64, 1 << 16
"""Number and largest size of the results remembered, to detect a later call that overwrites them."""


class CandidateOutput(NamedTuple):
    """Results of a call by name, axes in this project's order; problems besides wrong numbers."""

    tensors: dict[str, CandidateArray]
    problems: tuple[str, ...] = ()
    framework: str = "numpy"


class ReturnError(CandidateError):
    """The candidate returned something of no accepted form; the message describes it."""


class Candidate:
    """An attention to be judged, and the convention by which it is called."""

    def __init__(self, candidate: Any, convention: Convention, *, forward_only: bool = False) -> None:
        self.convention, self.forward_only = convention, forward_only
        self.pair = as_pair(candidate)
        self.function = self.pair[0] if self.pair else as_function(candidate)
        self.binding: Binding = bind(self.function, convention)
        self.takes_mask_values = bool(self.pair) and convention.mask is None and "mask" in self.binding.names
        self.backward_parameters = _parameter_names(self.pair[1]) if self.pair else ()
        self.recent: deque[tuple[str, Any, Array]] = deque(maxlen=RECENT_ARRAYS)

    @property
    def form(self) -> str:
        """The form: "pair", "gradients" (it takes d_out) or "function"."""
        if self.pair:
            return "pair"
        return "gradients" if "d_out" in self.binding.names else "function"

    @property
    def options(self) -> tuple[str, ...]:
        """The supported ones of OPTIONS and EXTRAS."""
        supported = {name for name in self.binding.names if name in OPTIONS}
        if self.takes_mask_values:
            supported |= {"causal", "window", "mask", "q_offset"}
        elif self.convention.mask is None:
            supported.discard("mask")
        if not supported & {"causal", "window"}:
            supported.discard("q_offset")
        parameters = (*self.backward_parameters, *self.binding.names)
        supported |= {name for name in ("d_lse", "d_weights") if name in parameters}
        array = self.takes_mask_values or "scale_array" in (self.convention.supports or ())
        if "scale" in supported and array:
            supported.add("scale_array")
        return tuple(name for name in (*OPTIONS, *EXTRAS) if name in supported)

    @property
    def left_out(self) -> dict[str, str]:
        """The unsupported options, each with the reason."""
        reasons = {name: "not supported" for name in OPTIONS if name not in self.options}
        if self.binding.no_signature and self.convention.supports is None and not self.convention.names:
            reasons = dict.fromkeys(reasons, "the signature cannot be read: use --supports or --map")
        if "mask" in reasons and "mask" in self.binding.names:
            reasons["mask"] = "meaning of its booleans unknown: set --mask to visible, hidden or additive"
        return reasons

    # -------------------------------------------------------------------------------------- one call

    def call(self, case: Case, framework: NumPy) -> CandidateOutput:
        """Call the candidate on a case, without catching its exceptions."""
        inputs = self._inputs(case, framework)
        before = {name: framework.to_numpy(x).numbers for name, x in inputs.items()}
        native = self._judged(self._results(case, inputs, framework))
        after = {name: framework.to_numpy(x).numbers for name, x in inputs.items()}
        changed = [name for name in before if after[name].tobytes() != before[name].tobytes()]
        problems = [f"changes its input {name}" for name in changed] + self._overwritten()
        tensors = {}
        for name, x in native.items():
            if x is None:
                problems.append(f"returns no gradient for {name[2:]}")
                continue
            array = to_numpy(x)
            if array.numbers.size <= RECENT_SIZE:
                self.recent.append((name, x, array.numbers))
            tensors[name] = array._replace(numbers=self._transposed(name, array.numbers))
        frameworks = [framework_of(x) for x in native.values() if x is not None]
        return CandidateOutput(tensors, tuple(problems), frameworks[0] if frameworks else "numpy")

    def _overwritten(self) -> list[str]:
        """Problems: results of earlier calls that have changed since."""
        changed = {name for name, x, was in self.recent if to_numpy(x).numbers.tobytes() != was.tobytes()}
        if changed:
            self.recent.clear()
        return [f"overwrites the {name} that an earlier call returned" for name in sorted(changed)]

    def native(self, case: Case, framework: NumPy) -> dict[str, Any]:
        """Native outputs, axes reordered; mutation unchecked, missing gradients dropped."""
        native = self._judged(self._results(case, self._inputs(case, framework), framework))
        results = {name: x for name, x in native.items() if x is not None}
        if self.convention.layout == "BLHD":
            return {n: x.swapaxes(1, 2) if n in LAYOUT_TENSORS else x for n, x in results.items()}
        return results

    def _judged(self, native: dict[str, Any]) -> dict[str, Any]:
        """The results without their gradients if only the forward is judged."""
        return {n: x for n, x in native.items() if not (self.forward_only and n.startswith("d_"))}

    def _inputs(self, case: Case, framework: NumPy) -> dict[str, Any]:
        """The case's arrays in the candidate's framework and layout."""
        arrays = {name: x for name, x in case.arrays.items() if isinstance(x, np.ndarray)}
        return {n: framework.from_numpy(self._transposed(n, x), case.format) for n, x in arrays.items()}

    def _transposed(self, name: str, x: Array) -> Array:
        """Swap heads and positions if the candidate's layout is BLHD."""
        if self.convention.layout == "BLHD" and name in LAYOUT_TENSORS and x.ndim == 4:
            return np.ascontiguousarray(np.swapaxes(x, 1, 2))
        return x

    def _options(self, case: Case, inputs: Mapping[str, Any], framework: NumPy) -> dict[str, Any]:
        """The case's options, its mask in the candidate's form."""
        options = {name: inputs.get(name, x) for name, x in case.options.items() if name not in EXTRAS}
        if self.takes_mask_values:
            options = {n: x for n, x in options.items() if n not in ("causal", "window", "q_offset", "mask")}
            return options if case.mask is None else options | {"mask": case.mask}
        if "mask" in options:
            visible = case.options["mask"]
            if self.convention.mask == "hidden":
                options["mask"] = framework.from_numpy(~visible, case.format)
            elif self.convention.mask == "additive":
                options["mask"] = framework.from_numpy(np.where(visible, 0.0, -np.inf), case.format)
        return options

    def _results(self, case: Case, inputs: Mapping[str, Any], framework: NumPy) -> dict[str, Any]:
        """Output and gradients by name, as the candidate or its framework returns them."""
        options = self._options(case, inputs, framework)
        cotangents = {name: inputs[name] for name in ("d_lse", "d_weights") if name in inputs}
        leaves = {name: options.get(name, inputs[name]) for name in DIFFERENTIABLE if name in inputs}
        d_out = inputs["d_out"]

        def forward(options: Mapping[str, Any], query: Any, key: Any, value: Any) -> Any:
            args, named = self.binding.arguments(options, case.query.shape[-1])
            return self.function(query, key, value, *args, **named)

        qkv = (inputs["query"], inputs["key"], inputs["value"])
        if self.pair:
            out, saved = _unpacked(forward(options, *qkv), "saved")
            kept = {name: getattr(saved, name, None) for name in ("lse", "weights")}
            results = {"out": out} | {name: x for name, x in kept.items() if x is not None}
            return results | named_gradients(self.pair[1](d_out, saved, **cotangents), case, leaves)
        if self.form == "gradients":
            return named_tensors(forward(options | {"d_out": d_out} | cotangents, *qkv), case, leaves)

        def differentiable(*values: Any) -> tuple[Any, dict[str, Any]]:
            arrays = dict(zip(leaves, values, strict=True))
            own = options | {name: x for name, x in arrays.items() if name in options}
            result = forward(own, arrays["query"], arrays["key"], arrays["value"])
            results = named_tensors(result, case, leaves)
            if "out" not in results:
                raise ReturnError("returns no out")
            return results.pop("out"), results

        if framework.name == "numpy" or self.forward_only:
            out, rest = differentiable(*leaves.values())
            return {"out": out, **rest}
        out, rest, grads = framework.differentiate(differentiable, [*leaves.values()], d_out)
        return {"out": out, **{f"d_{name}": x for name, x in zip(leaves, grads, strict=True)}, **rest}


def _parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


def as_pair(candidate: Any) -> tuple[Callable[..., Any], Callable[..., Any]] | None:
    """(forward, backward) from a tuple of two, or from an object that has both; None otherwise."""
    if isinstance(candidate, tuple) and len(candidate) == 2 and all(map(callable, candidate)):
        return candidate[0], candidate[1]
    if inspect.isclass(candidate):
        return None
    forward, backward = getattr(candidate, "forward", None), getattr(candidate, "backward", None)
    return (forward, backward) if callable(forward) and callable(backward) else None


def as_function(candidate: Any) -> Callable[..., Any]:
    """The candidate itself; for a torch.autograd.Function, its `apply`."""
    if inspect.isclass(candidate) and callable(apply := getattr(candidate, "apply", None)):
        candidate = apply
    if not callable(candidate):
        name = type(candidate).__name__
        raise TypeError(f"the candidate is {name}; a function, or a pair (forward, backward), is expected")
    function: Callable[..., Any] = candidate
    return function


# ---------------------------------------------------------------------------------------- returned forms


def named_tensors(result: Any, case: Case, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays by name, from any form in which a candidate may return output and gradients."""
    if result is None:
        raise ReturnError("returns nothing")
    if (named := _as_mapping(result)) is not None:
        known = {name: x for name, x in named.items() if name in TENSORS and x is not None}
        if not known:
            names = ", ".join(map(repr, named)) or "nothing"
            raise ReturnError(f"returns {names} by name; known names are {', '.join(TENSORS)}")
        return known
    if isinstance(result, tuple | list):
        out, grads = _unpacked(result, "gradients")
        return {"out": out} | named_gradients(grads, case, leaves)
    framework_of(result)  # raises unless it is an array
    return {"out": result}


def _as_mapping(result: Any) -> Mapping[str, Any] | None:
    if isinstance(result, Mapping):
        return result
    if isinstance(result, tuple) and hasattr(result, "_asdict"):
        named: Mapping[str, Any] = result._asdict()
        return named
    return None


def _unpacked(result: Any, second: str) -> tuple[Any, Any]:
    """The two entries of (output, `second`)."""
    if isinstance(result, tuple | list) and len(result) == 2:
        return result[0], result[1]
    form = "nothing" if result is None else type(result).__name__
    length = f" of {len(result)}" if isinstance(result, tuple | list) else ""
    raise ReturnError(f"returns {form}{length}; (output, {second}) is expected")


def named_gradients(grads: Any, case: Case, leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients by name: their own, or that of their position in the first order of the same length."""
    if (named := _as_mapping(grads)) is not None:
        inputs = {*leaves, *case.options}
        return {n: x for n, x in named.items() if n.startswith("d_") and n in TENSORS and n[2:] in inputs}
    if not isinstance(grads, tuple | list):
        raise ReturnError(f"returns {type(grads).__name__}, where gradients are expected")
    numbers = [n for n in DIFFERENTIABLE if n in leaves or n in case.options]
    for order in (list(leaves), numbers, list(DIFFERENTIABLE), ["query", "key", "value"]):
        if len(grads) == len(order):
            return {
                f"d_{name}": x
                for name, x in zip(order, grads, strict=True)
                if name in leaves or (name in numbers and x is not None)
            }
    expected = ", ".join(f"d_{name}" for name in leaves)
    raise ReturnError(f"returns {len(grads)} gradients; {len(leaves)} are expected: {expected}")
