"""One call of a candidate for a rule: its arguments in its framework, its results by name."""

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..candidate.candidate import as_function, as_pair
from ..candidate.frameworks import (
    CandidateArray,
    NumPy,
    emulating,
    framework_of,
    loaded_frameworks,
    to_numpy,
)
from ..candidate.returned import ReturnError
from ..pairs.function_rules import Rule
from ..rounding.formats import Format
from .names import NEUTRAL, Parameters, gradient_named, match


class RuleCall(NamedTuple):
    """A call to be made: arguments by the forward's names, the cotangents, the differentiable arguments.

    `d_lse` is None where a rule returns out alone.
    """

    arguments: Mapping[str, Any]
    d_out: Array
    leaves: tuple[str, ...]
    kept: Format
    d_lse: Array | None = None

    @property
    def cotangents(self) -> tuple[Array, ...]:
        """Of out, and of lse if there is one."""
        return (self.d_out,) if self.d_lse is None else (self.d_out, self.d_lse)


class RuleResults(NamedTuple):
    """Results by name, "out", "lse", "d_<argument>"; arguments that the call changed; the framework."""

    tensors: dict[str, CandidateArray]
    changed: tuple[str, ...]
    framework: str


class RuleCandidate:
    """A candidate for a rule: a function differentiated by its framework, or with gradients, or a pair."""

    def __init__(self, candidate: Any, rule: Rule, names: Mapping[str, str]) -> None:
        if inspect.isclass(candidate) and not callable(getattr(candidate, "apply", None)):
            raise TypeError(f"the candidate is a class, {candidate.__name__}; a function is expected")
        self.rule = rule
        self.pair = as_pair(candidate)
        self.function = self.pair[0] if self.pair else as_function(candidate)
        self.wanted = [*inspect.signature(rule.forward).parameters.values()]
        self.known = tuple(parameter.name for parameter in self.wanted)
        self.parameters: Parameters = match(rule.name, self.wanted, self.function, names)
        self.takes_d_out = "d_out" in self.parameters.names
        self.takes_d_lse = "d_lse" in (
            inspect.signature(self.pair[1]).parameters if self.pair else self.parameters.names
        )
        self.returns_gradients = bool(self.pair) or self.takes_d_out
        self.uses_d_lse = self.takes_d_lse or not self.takes_d_out

    def supported(self, needs: tuple[str, ...]) -> str:
        """The first option in use that the candidate does not take; "" if it takes all."""
        neutral = NEUTRAL.get(self.rule.name, {})
        return next((n for n in needs if n in self.parameters.absent and n not in neutral), "")

    def adapted(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, neutral where the candidate takes none."""
        neutral = NEUTRAL.get(self.rule.name, {})
        absent = [name for name in self.parameters.absent if name in neutral]
        return dict(arguments) | {name: neutral[name](arguments) for name in absent}

    def call(self, call: RuleCall, framework: NumPy) -> RuleResults:
        """Call the candidate, without catching its exceptions."""
        native = {name: native_of(x, framework, call.kept) for name, x in call.arguments.items()}
        native = {name: x for name, x in native.items() if x is not None}
        before = {name: to_numpy(x).numbers for name, x in native.items() if _is_array(x)}
        results = self._results(call, native, framework)
        changed = [n for n, x in before.items() if to_numpy(native[n]).numbers.tobytes() != x.tobytes()]
        arrays = {name: x for name, x in results.items() if x is not None}
        frameworks = [framework_of(x) for x in arrays.values()]
        return RuleResults({n: to_numpy(x) for n, x in arrays.items()}, tuple(changed), frameworks[0])

    def _results(self, call: RuleCall, native: Mapping[str, Any], framework: NumPy) -> dict[str, Any]:
        defaults = {p.name: p.default for p in self.wanted if p.default not in (p.empty, None)}
        d_out, *d_lse = (framework.from_numpy(d, call.kept) for d in call.cotangents)
        leaves = [name for name in call.leaves if name in self.parameters.names and name in native]

        def run(values: Mapping[str, Any]) -> Any:
            extra = {"d_out": d_out} if self.takes_d_out else {}
            extra |= {"d_lse": d_lse[0]} if self.takes_d_lse and not self.pair and d_lse else {}
            args, named = self.parameters.arguments(defaults | dict(values) | extra, call.arguments)
            return self.function(*args, **named)

        if self.pair:
            out, saved = _two(run(native), "saved")
            outputs = _outputs(out, call)
            if self.takes_d_lse and d_lse:
                return outputs | self._gradients(self.pair[1](d_out, saved, d_lse=d_lse[0]), leaves)
            cotangents = (d_out, *d_lse) if len(outputs) > 1 else d_out
            return outputs | self._gradients(self.pair[1](cotangents, saved), leaves)
        if self.returns_gradients or not framework.differentiates:
            result = run(native)
            if not self.returns_gradients and (d_lse or not isinstance(result, tuple | list)):
                return _outputs(result, call)
            out, gradients = _two(result, "gradients")
            self._accept(out)
            return _outputs(out, call) | self._gradients(gradients, leaves)

        def differentiable(*values: Any) -> tuple[Any, dict[str, Any]]:
            """out, or with an lse the number whose derivatives are those of both."""
            outputs = _outputs(run({**native, **dict(zip(leaves, values, strict=True))}), call)
            if not d_lse:
                return outputs["out"], outputs
            products = zip(outputs.values(), (d_out, *d_lse), strict=False)
            return sum((out * d).sum() for out, d in products), outputs

        d_total = framework.from_numpy(np.ones(()), call.kept) if d_lse else d_out
        _, outputs, gradients = framework.differentiate(differentiable, [native[n] for n in leaves], d_total)
        return {**outputs, **{f"d_{name}": d for name, d in zip(leaves, gradients, strict=True)}}

    def _accept(self, out: Any) -> None:
        """Without d_out, gradients can only be those of a single number."""
        if not self.returns_gradients and np.ndim(out):
            raise ReturnError("returns (out, gradients) but takes no d_out: add the parameter d_out")

    def _gradients(self, gradients: Any, leaves: list[str]) -> dict[str, Any]:
        """Gradients by name, from a mapping, a named tuple, a tuple in order, or the first alone."""
        if hasattr(gradients, "_asdict"):
            gradients = gradients._asdict()
        if isinstance(gradients, Mapping):
            named = {gradient_named(name, self.known): x for name, x in gradients.items()}
            if None in named:
                word = next(name for name in gradients if gradient_named(name, self.known) is None)
                raise ReturnError(f"returns {word!r}, the gradient of no argument; d_{leaves[0]} is expected")
            return {f"d_{name}": x for name, x in named.items() if x is not None}
        if not isinstance(gradients, tuple | list):
            gradients = (gradients,)
        if len(gradients) not in (1, len(leaves)):
            wanted = ", ".join(f"d_{name}" for name in leaves)
            raise ReturnError(f"returns {len(gradients)} gradients; {wanted} are expected")
        return {f"d_{name}": x for name, x in zip(leaves, gradients, strict=False)}


def native_of(x: Any, framework: NumPy, kept: Format) -> Any:
    """An argument for the candidate: floating arrays in the format, whole numbers as they are."""
    if not isinstance(x, np.ndarray):
        return x
    if x.dtype.kind == "f":
        return framework.from_numpy(x, kept)
    library: Any = getattr(framework, framework.name, None)
    if framework.name == "torch":
        return library.tensor(x).to(getattr(framework, "device", None) or "cpu")
    return library.numpy.asarray(x) if framework.name == "jax" else x.copy()


def frameworks_of(function: Any, dtype: str) -> tuple[str, ...]:
    """The loaded frameworks, in the order to be tried: those that the function's module uses first."""
    own = [*getattr(function, "__globals__", {}).values()]
    own += [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    used = {x.__name__.partition(".")[0] for x in own if isinstance(x, ModuleType)}
    used |= {str(getattr(x, "__module__", "")).partition(".")[0] for x in (function, type(function), *own)}
    others = [name for name in loaded_frameworks() if name in ("torch", "jax")]
    first = [name for name in others if name in used]
    return (*first, emulating(dtype) or "numpy", *(name for name in others if name not in first))


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _outputs(out: Any, call: RuleCall) -> dict[str, Any]:
    """out by name, and lse where the rule has one and the candidate returns it."""
    if call.d_lse is not None and isinstance(out, tuple | list):
        return dict(zip(("out", "lse"), _two(out, "lse"), strict=True))
    return {"out": out}


def _two(result: Any, second: str) -> tuple[Any, Any]:
    """The two entries of (out, `second`)."""
    if isinstance(result, tuple | list) and len(result) == 2:
        return result[0], result[1]
    form = (
        f"{type(result).__name__} of {len(result)}"
        if isinstance(result, tuple | list)
        else type(result).__name__
    )
    raise ReturnError(f"returns {form}; (out, {second}) is expected")
