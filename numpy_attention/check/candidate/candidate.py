"""Call a candidate attention on a case and read its results by name.

A candidate is a function that returns the output, differentiated by its framework; or a function that also
takes d_out and returns (output, gradients); or a pair (forward, backward) in this project's form.
"""

import inspect
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..cases.cases import Case
from ..cases.specification import EXTRAS, LAYOUTS, MODES, OPTIONS, SUBSETS
from .axes import NO_FORM, from_layout, mask_of_meaning, to_layout
from .conventions import Binding, Convention, bind
from .frameworks import CandidateArray, NumPy, after_result, framework_of, to_numpy
from .process_state import RandomStates
from .returned import DIFFERENTIABLE, Reading, ReturnError, named_gradients, named_tensors, unpacked
from .sandbox import SandboxResult, run_sandboxed

RECENT_ARRAYS, RECENT_SIZE = 64, 1 << 16
"""Number and largest size of the results remembered, to detect a later call that overwrites them."""

TENSORS = ("query", "key", "value", "d_out")


class CandidateOutput(NamedTuple):
    """Results of a call by name, axes in this project's order; problems besides wrong numbers."""

    tensors: dict[str, CandidateArray]
    problems: tuple[str, ...] = ()
    framework: str = "numpy"


class Candidate:
    """An attention to be judged, and the convention by which it is called."""

    def __init__(self, candidate: Any, convention: Convention, *, forward_only: bool = False) -> None:
        self.convention, self.forward_only = convention, forward_only
        self.pair = as_pair(candidate)
        self.function = self.pair[0] if self.pair else as_function(candidate)
        self.binding: Binding = bind(self.function, convention)
        self.takes_mask_values = bool(self.pair) and convention.mask is None and "mask" in self.binding.names
        self.backward_parameters = _parameter_names(self.pair[1]) if self.pair else ()
        self.reading = Reading(convention.layout, takes_d_out=self.form == "gradients")
        self.recent: deque[tuple[str, Any, Array]] = deque(maxlen=RECENT_ARRAYS)
        self.side_effects: dict[str, None] = {}
        self.random_states = RandomStates()
        if convention.always in self.binding.names:
            raise ValueError(f"always is {convention.always}, but the candidate has an option of that name")
        if convention.layout == "BLC" and "heads" not in self.binding.names:
            raise ValueError("layout is BLC, which needs the number of heads: add --map NAME=heads")

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
            supported |= {"causal", "window", "mask", "q_offset"} - {self.convention.always}
        elif self.convention.mask is None:
            supported.discard("mask")
        if not supported & {"causal", "window"}:
            supported.discard("q_offset")
        parameters = (*self.backward_parameters, *self.binding.names)
        supported |= {name for name in ("d_lse", "d_weights") if name in parameters}
        array = self.takes_mask_values or "scale_array" in (self.convention.supports or ())
        if "scale" in supported and array:
            supported.add("scale_array")
        supported -= {*NO_FORM.get(self.convention.layout, ())}
        return tuple(name for name in (*OPTIONS, *EXTRAS) if name in supported)

    @property
    def left_out(self) -> dict[str, str]:
        """The unsupported options, each with the reason."""
        reasons = {name: "not supported" for name in OPTIONS if name not in self.options}
        if self.binding.no_signature and self.convention.supports is None and not self.convention.names:
            reasons = dict.fromkeys(reasons, "the signature cannot be read: use --supports or --map")
        if "mask" in reasons and "mask" in self.binding.names:
            meanings = "visible, hidden, additive, padding or real_keys"
            reasons["mask"] = f"meaning of its booleans unknown: set --mask to {meanings}"
        for name in NO_FORM.get(self.convention.layout, ()):
            if name in self.binding.names:
                reasons[name] = f"has no form in the layout {self.convention.layout}"
        reasons.pop(self.convention.always, None)
        return reasons

    def layouts(self, framework: NumPy) -> tuple[str, ...]:
        """The memory layouts that the framework's arrays can have."""
        return tuple(name for name in LAYOUTS if name in framework.layouts)

    def modes(self, framework: NumPy) -> tuple[str, ...]:
        """The modes in which a candidate of this form can be called."""
        possible = {"all gradients", "called before", "in threads"}
        optional = "d_out" in self.binding.defaults or "d_out" not in self.binding.required
        if not self.forward_only:
            if self.form == "pair":
                possible |= {"no gradient", "backward twice"}
            elif self.form == "gradients":
                possible |= {"no gradient"} if optional else set()
            elif framework.differentiates:
                possible |= {"no gradient", *SUBSETS, "backward twice"}
        return tuple(mode for mode in MODES if mode in possible)

    # -------------------------------------------------------------------------------------- one call

    @property
    def notes(self) -> tuple[str, ...]:
        """What it has changed in the process so far, and what there is to say of the form of its results."""
        return (*self.reading.notes, *self.side_effects, *self.random_states.changed())

    def run(self, case: Case, framework: NumPy, timeout: float, *, native: bool = False) -> SandboxResult:
        """Call the candidate on a case in a thread; errors are returned, and what it changes is noted."""
        call = self.native if native else self.call
        result = run_sandboxed(partial(call, case, framework), timeout)
        self.side_effects |= dict.fromkeys(result.changed)
        return result

    def call(self, case: Case, framework: NumPy) -> CandidateOutput:
        """Call the candidate on a case, without catching its exceptions."""
        inputs = self._inputs(case, framework)
        before = {name: framework.to_numpy(x).numbers for name, x in inputs.items()}
        if case.specification.mode == "called before":
            self._other_call(case, framework)
        with self._beside(case, framework):
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
            numbers = from_layout(name, array.numbers, self.convention.layout, case.specification.shape)
            tensors[name] = array._replace(numbers=numbers)
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
        layout, shape = self.convention.layout, case.specification.shape
        return {n: from_layout(n, x, layout, shape) for n, x in native.items() if x is not None}

    def _judged(self, native: dict[str, Any]) -> dict[str, Any]:
        """The results without their gradients if only the forward is judged."""
        return {n: x for n, x in native.items() if not (self.forward_only and n.startswith("d_"))}

    # ---------------------------------------------------------------------------------- other calls

    def _other_call(self, case: Case, framework: NumPy) -> None:
        """A call with other numbers of the same shape and options."""
        other = rolled(case)
        self._results(other, self._inputs(other, framework), framework)

    @contextmanager
    def _beside(self, case: Case, framework: NumPy) -> Iterator[None]:
        """Beside other calls in a second thread, in that mode; at least one."""
        if case.specification.mode != "in threads":
            yield
            return
        over, errors = threading.Event(), []

        def others() -> None:
            try:
                self._other_call(case, framework)
                while not over.is_set():
                    self._other_call(case, framework)
            except Exception as error:
                errors.append(error)

        interval = sys.getswitchinterval()
        thread = threading.Thread(target=others, daemon=True)
        sys.setswitchinterval(1e-6)
        thread.start()
        try:
            yield
        finally:
            over.set()
            sys.setswitchinterval(interval)
            thread.join(THREAD_SECONDS)
        if errors:
            raise errors[0]

    # --------------------------------------------------------------------------------- its arguments

    def _inputs(self, case: Case, framework: NumPy) -> dict[str, Any]:
        """The case's arrays in the candidate's framework, axes and memory layout."""
        arrays = {name: x for name, x in case.arrays.items() if isinstance(x, np.ndarray)}
        if "mask" in arrays:
            arrays["mask"] = mask_of_meaning(arrays["mask"], self.convention.mask or "visible")
        layout, spec = self.convention.layout, case.specification
        memory = {name: of for name, of in spec.layouts if of in framework.layouts}
        inputs = {}
        for name, x in arrays.items():
            own = framework.from_numpy(to_layout(name, x, layout, spec.shape), case.format)
            inputs[name] = framework.laid_out(own, memory[name]) if name in memory else own
        return inputs

    def _options(self, case: Case, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The case's options, its mask in the candidate's form; the number of heads if it is a parameter."""
        _, H, G, *_ = case.specification.shape
        options = {name: inputs.get(name, x) for name, x in case.options.items() if name not in EXTRAS}
        options.pop(self.convention.always, None)
        if self.takes_mask_values:
            options = {n: x for n, x in options.items() if n not in ("causal", "window", "q_offset", "mask")}
            mask = case.without(self.convention.always).mask if self.convention.always else case.mask
            options |= {} if mask is None else {"mask": mask}
        heads = {"heads": H, "kv_heads": G}
        return options | {name: n for name, n in heads.items() if name in self.binding.names}

    def _results(self, case: Case, inputs: Mapping[str, Any], framework: NumPy) -> dict[str, Any]:
        """Output and gradients by name, as the candidate or its framework returns them."""
        options, mode = self._options(case, inputs), case.specification.mode
        cotangents = {name: inputs[name] for name in ("d_lse", "d_weights") if name in inputs}
        leaves = {name: options.get(name, inputs[name]) for name in DIFFERENTIABLE if name in inputs}
        wanted = [n for n, name in enumerate(leaves) if mode not in SUBSETS or name in mode.split(", ")]
        times = 2 if mode == "backward twice" else 1

        def forward(options: Mapping[str, Any], query: Any, key: Any, value: Any) -> Any:
            return self.binding.call(self.function, (query, key, value), options, case.query.shape[-1])

        qkv = (inputs["query"], inputs["key"], inputs["value"])
        if self.pair:
            out, saved = unpacked(forward(options, *qkv))
            kept = {name: getattr(saved, name, None) for name in ("lse", "weights")}
            results = {"out": out} | {name: x for name, x in kept.items() if x is not None}
            for _ in range(0 if mode == "no gradient" else times):
                with after_result():
                    grads = self.pair[1](inputs["d_out"], saved, **cotangents)
                results |= named_gradients(grads, case, leaves, self.reading)
            return results
        if self.form == "gradients":
            options = options if mode == "no gradient" else options | {"d_out": inputs["d_out"]} | cotangents
            results = named_tensors(forward(options, *qkv), case, leaves, self.reading)
            return {n: x for n, x in results.items() if mode != "no gradient" or not n.startswith("d_")}

        def differentiable(*values: Any) -> tuple[Any, dict[str, Any]]:
            arrays = dict(zip(leaves, values, strict=True))
            own = options | {name: x for name, x in arrays.items() if name in options}
            result = forward(own, arrays["query"], arrays["key"], arrays["value"])
            results = named_tensors(result, case, leaves, self.reading)
            if "out" not in results:
                raise ReturnError("returns no out")
            return results.pop("out"), results

        if not framework.differentiates or self.forward_only or mode == "no gradient":
            out, rest = framework.forward(differentiable, [*leaves.values()])
            return {"out": out, **rest}
        out, rest, grads = framework.differentiate(
            differentiable, [*leaves.values()], inputs["d_out"], wanted, times
        )
        names = list(leaves)
        return {"out": out, **{f"d_{names[n]}": grads[n] for n in wanted}, **rest}


THREAD_SECONDS = 10.0
"""Longest wait for the second thread of a call in threads."""


def rolled(case: Case) -> Case:
    """A case of the same shape and options with other numbers: all are moved, and some change their sign.

    query and key, value and d_out are moved along different axes, or their products would be the same.
    """
    arrays = {name: -np.roll(getattr(case, name), 1, axis=-1) for name in ("query", "value")}
    arrays |= {name: np.roll(getattr(case, name), 1, axis=-2) for name in ("key", "d_out")}
    options = {
        name: np.roll(x, 1, axis=-1) if isinstance(x, np.ndarray) else x for name, x in case.options.items()
    }
    plain = case.specification._replace(layouts=(), mode="all gradients")
    return case.rebuilt(**arrays, options=options, specification=plain)


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
    if inspect.isclass(candidate):
        apply = getattr(candidate, "apply", None)
        if getattr(apply, "__self__", None) is not candidate:
            raise TypeError(
                f"the candidate is the class {candidate.__name__}; a function is expected: make an instance "
                f"first, in a line such as attention = {candidate.__name__}(…)"
            )
        candidate = apply
    if not callable(candidate):
        name = type(candidate).__name__
        raise TypeError(f"the candidate is {name}; a function, or a pair (forward, backward), is expected")
    if inspect.iscoroutinefunction(candidate):
        raise TypeError("the candidate is a coroutine function; one that returns its results is expected")
    function: Callable[..., Any] = candidate
    return function
