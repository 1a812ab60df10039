"""Convert to and from the arrays of NumPy, PyTorch and JAX, and differentiate with the latter two.

Nothing is imported here, ml_dtypes aside: a framework is used if the process has loaded it, and recognised by
the arrays that a candidate returns. Any other array is read through __array__ or __dlpack__.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..rounding.formats import Format
from .sandbox import CandidateError

FRAMEWORKS = ("numpy", "torch", "jax", "emulated")
"""Frameworks whose arrays can be passed to a candidate; emulated: NumPy's float32 for formats it lacks."""

OWN_FORMATS = ("float64", "float32", "float16")
"""The formats that NumPy has."""

FORMAT_NAMES = {"float8_e4m3fn": "float8_e4m3", "double": "float64", "float": "float32", "half": "float16"}


class CandidateArray(NamedTuple):
    """A candidate's array, copied into float64, and the name of its own dtype."""

    numbers: Array
    dtype: str


class NotDifferentiable(CandidateError):
    """The framework cannot differentiate the candidate's output; the message says why."""


Differentiable = Callable[..., tuple[Any, Any]]
"""(leaves) -> (out, other results by name)."""

Differentiated = tuple[Any, Any, list[Any]]
"""(out, other results by name, gradients of the leaves)."""


@contextmanager
def after_result() -> Iterator[None]:
    """Mark exceptions as raised in backward, after a first result."""
    try:
        yield
    except Exception as error:
        with suppress(Exception):
            error.after_result = True  # type: ignore[attr-defined]
        raise


class NumPy:
    """NumPy, and any array that it can read. Formats that NumPy lacks are those of ml_dtypes."""

    name = "numpy"
    layouts: tuple[str, ...] = ("transposed", "expanded", "sliced", "reversed", "read-only")
    differentiates = False

    def dtype(self, kept: Format) -> str:
        """Name of the dtype that holds a format."""
        return kept.name

    def from_numpy(self, x: Any, kept: Format) -> Any:
        """A new array of this framework; booleans stay booleans."""
        if np.asarray(x).dtype == bool:
            return np.array(x, dtype=bool)
        name = self.dtype(kept)
        return np.array(x, dtype=name if name in OWN_FORMATS else _small_float(name))

    def to_numpy(self, x: Any) -> CandidateArray:
        """A float64 copy of an array, with the name of its dtype."""
        if not isinstance(x, np.ndarray | np.generic):
            x = np.asarray(x) if hasattr(x, "__array__") else np.from_dlpack(x)
        x = np.asarray(x)
        if x.dtype.kind not in "fiub" and not x.dtype.type.__module__.startswith("ml_dtypes"):
            raise CandidateError(f"returns an array of {x.dtype}, where real numbers are expected")
        return CandidateArray(np.array(x, dtype=np.float64), FORMAT_NAMES.get(x.dtype.name, x.dtype.name))

    def laid_out(self, x: Any, layout: str) -> Any:
        """The same numbers in a memory layout of LAYOUTS; unchanged where entries to be expanded differ."""
        if layout == "transposed":
            return self.copy(x.swapaxes(-3, -2)).swapaxes(-3, -2)
        if layout == "expanded":
            equal = x.shape[0] > 1 and bool((x == x[:1]).all())
            return self.broadcast(self.copy(x[:1]), x.shape) if equal else x
        if layout == "sliced":
            outer = self.filled(tuple(n + 3 for n in x.shape), x)
            part = outer[tuple(slice(2, 2 + n) for n in x.shape)]
            part[...] = x
            return part
        if layout == "reversed":
            return self.copy(x[..., ::-1, ::-1])[..., ::-1, ::-1]
        x = self.copy(x)
        x.setflags(write=False)
        return x

    def copy(self, x: Any) -> Any:
        """A contiguous copy."""
        return x.copy(order="C")

    def broadcast(self, x: Any, shape: tuple[int, ...]) -> Any:
        """A view of stride 0 along the first axis."""
        return np.broadcast_to(x, shape)

    def filled(self, shape: tuple[int, ...], like: Any) -> Any:
        """An array of NaN."""
        return np.full(shape, np.nan).astype(like.dtype)

    def forward(self, function: Differentiable, leaves: Sequence[Any]) -> tuple[Any, Any]:
        """The function's results where no gradient is wanted."""
        return function(*leaves)

    def differentiate(
        self, function: Differentiable, leaves: Sequence[Any], d_out: Any,
        wanted: Sequence[int] | None = None, times: int = 1,
    ) -> Differentiated:  # fmt: skip
        """Results, and gradients of the leaves `wanted` (indices; None for all) by the last of `times`."""
        raise NotDifferentiable("NumPy cannot differentiate: the candidate must return its own gradients")


class Emulated(NumPy):
    """NumPy's float32 for the formats that NumPy lacks; all numbers are exact in the format."""

    name = "emulated"

    def dtype(self, kept: Format) -> str:
        """Name of the dtype that holds a format."""
        return kept.name if kept.name in OWN_FORMATS else "float32"


def _small_float(name: str) -> Any:
    """The dtype of ml_dtypes for bfloat16 or float8."""
    try:
        ml_dtypes = import_module("ml_dtypes")
    except ImportError as error:
        raise ValueError(
            f"dtype is {name}, which NumPy has only with ml_dtypes: install it, or add "
            "--framework emulated for float32 arrays of such numbers"
        ) from error
    return np.dtype(getattr(ml_dtypes, {"float8_e4m3": "float8_e4m3fn"}.get(name, name)))


class Torch(NumPy):
    """PyTorch, on any device."""

    name = "torch"
    layouts = ("transposed", "expanded", "sliced")
    differentiates = True

    def __init__(self, device: str | None = None) -> None:
        self.torch: Any = sys.modules["torch"]
        self.device = device
        try:
            _ = None if device is None else self.torch.empty(0, device=device)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"device is {device!r}, which torch cannot use: {reason[:90]}") from error

    def dtype(self, kept: Format) -> str:
        """The format itself: PyTorch has them all."""
        return kept.name

    def from_numpy(self, x: Any, kept: Format) -> Any:
        """A tensor on the device."""
        x = np.asarray(x)
        own = "bool" if x.dtype == bool else {"float8_e4m3": "float8_e4m3fn"}.get(kept.name, kept.name)
        # cast before the transfer: some devices lack float64
        return self.torch.tensor(x).to(getattr(self.torch, own)).to(self.device or "cpu")

    def to_numpy(self, x: Any) -> CandidateArray:
        """Cast to float64 first, which holds bfloat16 and float8 exactly; NumPy lacks both."""
        if not isinstance(x, self.torch.Tensor):
            return super().to_numpy(x)
        name = str(x.dtype).removeprefix("torch.")
        if x.is_complex() or x.layout != self.torch.strided:
            raise CandidateError(f"returns a tensor of {name}, {x.layout}, where real numbers are expected")
        numbers = x.detach().to("cpu").to(self.torch.float64).numpy()
        return CandidateArray(np.array(numbers), FORMAT_NAMES.get(name, name))

    def copy(self, x: Any) -> Any:
        """A contiguous copy."""
        return x.clone(memory_format=self.torch.contiguous_format)

    def broadcast(self, x: Any, shape: tuple[int, ...]) -> Any:
        """A view of stride 0 along the first axis."""
        return x.expand(shape)

    def filled(self, shape: tuple[int, ...], like: Any) -> Any:
        """A tensor of NaN."""
        return self.torch.full(shape, float("nan")).to(like.dtype).to(like.device)

    def forward(self, function: Differentiable, leaves: Sequence[Any]) -> tuple[Any, Any]:
        """Without requires_grad, and under torch.no_grad."""
        with self.torch.no_grad():
            return function(*leaves)

    def differentiate(
        self, function: Differentiable, leaves: Sequence[Any], d_out: Any,
        wanted: Sequence[int] | None = None, times: int = 1,
    ) -> Differentiated:  # fmt: skip
        """By out.backward(d_out); None for leaves without a gradient."""
        chosen = range(len(leaves)) if wanted is None else wanted
        leaves = [leaf.requires_grad_() if n in chosen else leaf for n, leaf in enumerate(leaves)]
        out, rest = function(*leaves)
        if not isinstance(out, self.torch.Tensor) or not out.requires_grad:
            raise NotDifferentiable("the output carries no gradient (requires_grad is False)")
        if out.shape != d_out.shape:
            return out, rest, [None] * len(leaves)
        for left in reversed(range(times)):
            for leaf in leaves:
                leaf.grad = None
            with after_result():
                out.backward(d_out.to(out.dtype), retain_graph=left > 0)
        return out, rest, [leaf.grad for leaf in leaves]


class Jax(NumPy):
    """JAX, on its default device."""

    name = "jax"
    layouts = ()
    differentiates = True

    def __init__(self) -> None:
        self.jax: Any = sys.modules["jax"]

    def dtype(self, kept: Format) -> str:
        """The format itself, but float32 for float64 without x64."""
        return "float32" if kept.name == "float64" and not self.x64 else kept.name

    @property
    def x64(self) -> bool:
        """True if JAX keeps float64."""
        return bool(self.jax.config.jax_enable_x64)

    def from_numpy(self, x: Any, kept: Format) -> Any:
        """An array on the default device."""
        x = np.asarray(x)
        if x.dtype == bool:
            return self.jax.numpy.asarray(x)
        own = {"float8_e4m3": "float8_e4m3fn"}.get(kept.name, self.dtype(kept))
        exact = own if own in ("float64", "float16") else "float32"
        return self.jax.numpy.asarray(x.astype(exact)).astype(own)

    def differentiate(
        self, function: Differentiable, leaves: Sequence[Any], d_out: Any,
        wanted: Sequence[int] | None = None, times: int = 1,
    ) -> Differentiated:  # fmt: skip
        """By jax.vjp."""
        chosen = list(range(len(leaves)) if wanted is None else wanted)

        def of_chosen(*values: Any) -> tuple[Any, Any]:
            arrays = dict(enumerate(leaves)) | dict(zip(chosen, values, strict=True))
            return function(*(arrays[n] for n in range(len(leaves))))

        out, back, rest = self.jax.vjp(of_chosen, *(leaves[n] for n in chosen), has_aux=True)
        grads: dict[int, Any] = {}
        if out.shape == d_out.shape:
            with after_result():
                for _ in range(times):
                    grads = dict(zip(chosen, back(d_out.astype(out.dtype)), strict=True))
        return out, rest, [grads.get(n) for n in range(len(leaves))]


def framework_of(x: Any) -> str:
    """The framework of an array: "torch", "jax", or "numpy" for any other that NumPy can read.

    Raises
    ------
    TypeError
        If x is not an array.
    """
    library = type(x).__module__.partition(".")[0]
    if library in ("torch", "jax", "jaxlib"):
        return "jax" if library == "jaxlib" else library
    if isinstance(x, np.ndarray | np.generic) or hasattr(x, "__dlpack__") or hasattr(x, "__array__"):
        return "numpy"
    raise TypeError(f"{type(x).__name__} is not an array")


def to_numpy(x: Any) -> CandidateArray:
    """A float64 copy of an array of any framework, with the name of its dtype."""
    return get_framework(framework_of(x)).to_numpy(x)


def emulating(dtype: str) -> str | None:
    """The framework for a NumPy candidate: "emulated" for a dtype that NumPy lacks, else None."""
    return None if dtype in OWN_FORMATS else "emulated"


def loaded_frameworks() -> tuple[str, ...]:
    """The frameworks that this process has imported."""
    return ("numpy", "emulated", *(name for name in ("torch", "jax") if name in sys.modules))


def get_framework(name: str, device: str | None = None) -> NumPy:
    """The framework of a name, with torch's tensors on `device`.

    Raises
    ------
    ValueError
        If the name is unknown, or the framework has not been imported.
    """
    if name not in FRAMEWORKS:
        raise ValueError(f"framework is {name!r}; one of {', '.join(FRAMEWORKS)} is expected")
    if name not in loaded_frameworks():
        raise ValueError(f"framework is {name!r}, which the candidate does not import")
    if name == "torch":
        return Torch(device)
    if device is not None:
        raise ValueError(f"device is {device!r}, which is for torch; the candidate's framework is {name}")
    return {"numpy": NumPy, "emulated": Emulated, "jax": Jax}[name]()
