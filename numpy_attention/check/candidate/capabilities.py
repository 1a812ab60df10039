"""Find a candidate's framework and the calls it supports, by calling it on small cases."""

import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..cases.capabilities import Capabilities
from ..cases.drawing import draw_case
from ..cases.specification import Specification
from ..reference.evaluation import results
from ..reference.inputs import Shape
from ..rounding.formats import FORMATS
from .candidate import TENSORS, Candidate
from .conventions import KEY_MASKS
from .frameworks import Jax, NumPy, get_framework, loaded_frameworks
from .refusals import CALLS, REFUSALS, may_refuse
from .returned import ReturnError, in_base_two
from .sandbox import SandboxResult

NO_X64 = "jax without x64 turns float64 into float32 (set JAX_ENABLE_X64=1)"

USUAL_LENGTH, USUAL_WIDTH = 128, 64
"""Sizes that kernels for accelerators take."""


class Constraints(NamedTuple):
    """The sizes that a candidate accepts, its framework and its device, as stated by the user."""

    head_dims: tuple[int, ...] = ()
    length_multiple: int = 1
    empty_rows: bool = True
    framework: str | None = None
    device: str | None = None


class ProbeResult(NamedTuple):
    """Framework, capabilities, reasons for what is left out; `failure` if every first call failed.

    not_implemented : True if the first call raised NotImplementedError.
    error : the first exception, if every first call failed.
    """

    framework: NumPy
    capabilities: Capabilities
    left_out: dict[str, str]
    notes: tuple[str, ...] = ()
    failure: str = ""
    not_implemented: bool = False
    error: BaseException | None = None


def probe(
    candidate: Candidate, constraints: Constraints, dtype: str, seed: int, timeout: float
) -> ProbeResult:
    """Call a candidate on a plain case, then with each size, option, memory layout and mode alone.

    Raises
    ------
    TypeError, ValueError
        If it cannot be called, refuses the dtype or a width that was asked for, or returns no known form.
    """
    return _Probe(candidate, constraints, dtype, seed, timeout).result()


class _Probe:
    """The trial calls of one candidate."""

    def __init__(
        self, candidate: Candidate, constraints: Constraints, dtype: str, seed: int, timeout: float
    ) -> None:
        self.candidate, self.constraints, self.timeout = candidate, constraints, timeout
        stated, m = candidate.convention, constraints.length_multiple
        L, D = 5 if m == 1 else m, (constraints.head_dims or (4,))[0]
        self.plain = Specification(
            "a first call", Shape(1 if stated.layout == "HLD" else 2, 2, 2, L, L, D, D),
            (stated.always,) if stated.always else (), dtype=dtype, corner=stated.causal or "top_left",
            window=stated.window,
        )  # fmt: skip
        self.capabilities = Capabilities(
            candidate.options, corner=stated.causal, empty_rows=constraints.empty_rows, dtype=dtype,
            seed=seed, head_dims=constraints.head_dims, length_multiple=m,
            always=stated.always, window=stated.window,
                     key_masks=stated.mask in KEY_MASKS, one_entry=stated.layout == "HLD",
        )  # fmt: skip
        self.left_out = dict(candidate.left_out)
        self.notes: tuple[str, ...] = ()

    def result(self) -> ProbeResult:
        self.framework, failed = self._find_framework()
        if failed:
            self._refuse_wrong_usage(failed)
            result = ProbeResult(self.framework, self.capabilities, self.left_out, failure=failed.failure)
            not_implemented = isinstance(failed.error, NotImplementedError)
            return result._replace(not_implemented=not_implemented, error=failed.error)
        dtype = self.framework.dtype(FORMATS[self.plain.dtype])
        if isinstance(self.framework, Jax) and dtype != self.plain.dtype:
            self.notes += (NO_X64,)
            self.plain = self.plain._replace(dtype=dtype)
            self._has(dtype=dtype)
        self._try_widths()
        self._try_shapes()
        self._try_options()
        self._try_hidden_nan()
        self._try_layouts_and_modes()
        self.left_out |= self.candidate.reading.unread
        return ProbeResult(self.framework, self.capabilities, self.left_out, self.notes)

    def _has(self, **changes: Any) -> None:
        self.capabilities = self.capabilities._replace(**changes)

    def _call(self, framework: NumPy, **changes: Any) -> SandboxResult:
        """A call on the plain case, with some fields of its specification or axes of its shape changed."""
        axes = {name: n for name, n in changes.items() if name in Shape._fields}
        fields = {name: x for name, x in changes.items() if name not in axes}
        spec = self.plain._replace(shape=self.plain.shape._replace(**axes), **fields)
        return self.candidate.run(draw_case(spec), framework, self.timeout)

    # ------------------------------------------------------------------------------ the first call

    def _find_framework(self) -> tuple[NumPy, SandboxResult | None]:
        """The first framework whose arrays the candidate accepts and returns; None or the first failure."""
        stated, device = self.constraints.framework, self.constraints.device
        failures: dict[str, SandboxResult] = {}
        no_dtype: ValueError | None = None
        while name := next((n for n in self._frameworks_to_try() if n not in failures), ""):
            framework = get_framework(name, device)
            try:
                framework.from_numpy(np.zeros(1), FORMATS[self.plain.dtype])
            except ValueError as error:
                no_dtype = error
                failures[name] = SandboxResult(None, error, "", 0.0, False)
                continue
            result = self._call(framework)
            if not result.failure:
                returned = result.value.framework
                if returned != name and returned in loaded_frameworks() and not stated:
                    other = get_framework(returned, device)
                    framework = framework if self._call(other).failure else other
                self._look_at_lse(result)
                return framework, None
            failures[name] = result
            if result.hung:
                break
        if no_dtype is not None:
            raise no_dtype
        first = next(iter(failures))
        return get_framework(first, device), failures[first]

    def _frameworks_to_try(self) -> tuple[str, ...]:
        """The loaded frameworks, with those that the candidate's own module uses first."""
        if self.constraints.framework:
            return (self.constraints.framework,)
        if self.constraints.device is not None and "torch" in loaded_frameworks():
            return ("torch",)
        used = _modules_used(self.candidate.function)
        others = [name for name in loaded_frameworks() if name not in ("numpy", "emulated")]
        first = [name for name in others if name in used]
        return (*first, "numpy", *(name for name in others if name not in first))

    def _look_at_lse(self, result: SandboxResult) -> None:
        """Note an lse in base 2: it is judged as the natural one."""
        lse = result.value.tensors.get("lse")
        right = results(draw_case(self.plain)).lse
        if lse is not None and in_base_two(lse.numbers, right):
            self.notes += ("lse is in base 2: return ln 2 times it, or leave it out",)

    def _refuse_wrong_usage(self, failed: SandboxResult) -> None:
        """Raise TypeError or ValueError if the first call failed by the way it was called."""
        error, failure = failed.error, failed.failure
        if isinstance(error, ReturnError):
            raise ValueError(f"the candidate {error}") from error
        if isinstance(error, TypeError) and _raised_by_the_call(error):
            raise TypeError(f"the candidate cannot be called: {failure}") from error
        if not may_refuse(error):
            return
        dtype = self.plain.dtype
        if dtype != "float32" and not self._call(self.framework, dtype="float32").failure:
            raise ValueError(f"dtype is {dtype}, which the candidate refuses: {failure}") from error
        L, D = self.plain.shape.L, self.plain.shape.D
        n, width = USUAL_LENGTH, USUAL_WIDTH
        if not self._call(self.framework, L=n, S=n, D=width, E=width).failure:
            raise ValueError(
                f"the candidate takes {n} positions of width {width}, and refuses {L} of width {D}: add "
                f"--length-multiple and --head-dims ({failure})"
            ) from error

    # ----------------------------------------------------------------------------- what it supports

    def _try_widths(self) -> None:
        """Raise ValueError for a width that was asked for and is refused."""
        for width in self.constraints.head_dims[1:]:
            if failure := self._call(self.framework, D=width, E=width).failure:
                raise ValueError(f"head_dims has {width}, which the candidate refuses: {failure}")

    def _try_shapes(self) -> None:
        """Leave out grouped heads, L != S and D != E, where they are refused or stated to be."""
        stated, shape = self.candidate.convention, self.plain.shape
        if not stated.groups:
            self._leave_out("groups", "grouped heads", "stated not to be supported")
        elif failure := self._call(self.framework, H=4, G=2).failure:
            self._leave_out("groups", "grouped heads", failure)
        if stated.square:
            self._leave_out("unequal_lengths", "L != S", "stated not to be supported")
        elif stated.always and stated.causal is None:
            self._leave_out("unequal_lengths", "L != S", "alignment unknown: set --causal")
        elif failure := self._call(self.framework, S=2 * shape.L).failure:
            self._leave_out("unequal_lengths", "L != S", failure)
        if self.constraints.head_dims:
            self._has(unequal_widths=False)
        elif failure := self._call(self.framework, E=shape.D - 1).failure:
            self._leave_out("unequal_widths", "D != E", failure)
        banded = {"causal", "window"} & set(self.capabilities.options)
        aligned = self.capabilities.corner is not None or "q_offset" in self.capabilities.options
        if banded and self.capabilities.unequal_lengths and not aligned:
            reason = "alignment unknown: set --causal to top_left or bottom_right"
            self.left_out[" and ".join(sorted(banded)) + " with L != S"] = reason

    def _leave_out(self, capability: str, label: str, reason: str) -> None:
        self._has(**{capability: False})
        self.left_out[label] = reason

    def _try_options(self) -> None:
        """Leave out each option that is refused alone."""
        for option in self.capabilities.options:
            if option not in self.capabilities.options:
                continue
            options = (*self.plain.options, *self._with(option))
            result = self._call(self.framework, options=options, **self._form_of(option))
            if isinstance(result.error, NotImplementedError) or may_refuse(result.error):
                left = [name for name in self.capabilities.options if name != option]
                if not {"causal", "window"} & {*left} and "q_offset" in left:
                    left.remove("q_offset")
                self._has(options=tuple(left))
                self.left_out[option] = result.failure

    def _form_of(self, option: str) -> dict[str, Any]:
        """The form of a mask of keys alone."""
        of_keys = option == "mask" and self.candidate.convention.mask in KEY_MASKS
        return {"variants": (("mask", "of keys"),)} if of_keys else {}

    def _try_hidden_nan(self) -> None:
        """Leave out NaN in fully masked keys and values if it leaves a trace."""
        if "mask" not in self.capabilities.options:
            return
        options, form = (*self.plain.options, "mask"), self._form_of("mask")
        result = self._call(self.framework, options=options, hidden="nan", **form)
        tensors = {} if result.failure else result.value.tensors
        clean = bool(tensors) and all(np.isfinite(x.numbers).all() for x in tensors.values())
        self._has(hidden_nan=clean)
        if not clean:
            self.left_out["NaN in hidden keys and values"] = "leaves a trace, as 0 times NaN does"

    def _with(self, option: str) -> tuple[str, ...]:
        """The option, and for an offset one that it shifts."""
        if option != "q_offset":
            return (option,)
        return (next(name for name in ("causal", "window") if name in self.capabilities.options), option)

    def _try_layouts_and_modes(self) -> None:
        """Leave out each memory layout and each mode that is refused in a plain call."""
        layouts, modes = self.candidate.layouts(self.framework), self.candidate.modes(self.framework)
        kept = []
        for layout in layouts:
            result = self._call(self.framework, layouts=tuple((tensor, layout) for tensor in TENSORS))
            if isinstance(result.error, REFUSALS):
                self.left_out[f"{layout} arrays"] = result.failure
            else:
                kept.append(layout)
        possible = []
        for mode in modes:
            error = None if mode in ("all gradients", *CALLS) else self._call(self.framework, mode=mode)
            refused = error is not None and isinstance(error.error, REFUSALS)
            if error is not None and refused and (mode == "backward twice" or may_refuse(error.error)):
                self.left_out[f"mode {mode!r}"] = error.failure
            else:
                possible.append(mode)
        self._has(layouts=tuple(kept), modes=tuple(possible))


def _modules_used(function: Any) -> set[str]:
    """The top-level names of the modules that a function's own module uses."""
    own = [*getattr(function, "__globals__", {}).values()]
    for cell in getattr(function, "__closure__", None) or ():
        try:
            own.append(cell.cell_contents)
        except ValueError:  # an empty cell
            continue
    used = {x.__name__.partition(".")[0] for x in own if isinstance(x, ModuleType)}
    owner = type(function).__module__, getattr(function, "__module__", None)
    used |= {str(name).partition(".")[0] for name in owner}
    for base in type(function).__mro__:  # an instance of a class such as torch.nn.Module
        used.add(base.__module__.partition(".")[0])
        used |= _modules_of(base.__module__)
    return used


def _modules_of(name: str) -> set[str]:
    module = sys.modules.get(name)
    values = vars(module).values() if module is not None and name != "builtins" else ()
    return {x.__name__.partition(".")[0] for x in values if isinstance(x, ModuleType)}


def _raised_by_the_call(error: BaseException) -> bool:
    """True if an exception was raised by the call itself: its arguments do not fit the signature."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).name == "conventions.py"
