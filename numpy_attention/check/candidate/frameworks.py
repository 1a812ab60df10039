"""Convert to and from the arrays of NumPy, PyTorch and JAX, and differentiate with the latter two.

Nothing is imported here: a framework is used if the process has loaded it, and recognised by the arrays that
a candidate returns. Any other array is read through __array__ or __dlpack__.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..rounding.formats import Format
from .sandbox import CandidateError

FRAMEWORKS = ("numpy", "torch", "jax")
"""Frameworks whose arrays can be passed to a candidate."""

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


class NumPy:
    """NumPy, and any array that it can read. Formats that NumPy lacks are passed as float32."""

    name = "numpy"

    def dtype(self, kept: Format) -> str:
        """Name of the dtype that holds a format."""
        return kept.name if kept.name in ("float64", "float32", "float16") else "float32"

    def from_numpy(self, x: Any, kept: Format) -> Any:
        """A new array of this framework; booleans stay booleans."""
        return np.array(x, dtype=bool if np.asarray(x).dtype == bool else self.dtype(kept))

    def to_numpy(self, x: Any) -> CandidateArray:
        """A float64 copy of an array, with the name of its dtype."""
        if not isinstance(x, np.ndarray | np.generic):
            x = np.asarray(x) if hasattr(x, "__array__") else np.from_dlpack(x)
        x = np.asarray(x)
        return CandidateArray(np.array(x, dtype=np.float64), FORMAT_NAMES.get(x.dtype.name, x.dtype.name))

    def differentiate(self, function: Differentiable, leaves: Sequence[Any], d_out: Any) -> Differentiated:
        """Raise: NumPy has no automatic differentiation."""
        raise NotDifferentiable("NumPy cannot differentiate: the candidate must return its own gradients")


class Torch(NumPy):
    """PyTorch, on any device."""

    name = "torch"

    def __init__(self, device: str | None = None) -> None:
        self.torch: Any = sys.modules["torch"]
        self.device = device

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
        numbers = x.detach().to("cpu").to(self.torch.float64).numpy()
        return CandidateArray(np.array(numbers), FORMAT_NAMES.get(name, name))

    def differentiate(self, function: Differentiable, leaves: Sequence[Any], d_out: Any) -> Differentiated:
        """By torch.autograd; None for leaves without a gradient."""
        leaves = [leaf.requires_grad_() for leaf in leaves]
        out, rest = function(*leaves)
        if not isinstance(out, self.torch.Tensor) or not out.requires_grad:
            raise NotDifferentiable("the output carries no gradient (requires_grad is False)")
        if out.shape != d_out.shape:
            return out, rest, [None] * len(leaves)
        grads = self.torch.autograd.grad(out, leaves, d_out.to(out.dtype), allow_unused=True)
        return out, rest, list(grads)


class Jax(NumPy):
    """JAX, on its default device."""

    name = "jax"

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

    def differentiate(self, function: Differentiable, leaves: Sequence[Any], d_out: Any) -> Differentiated:
        """By jax.vjp."""
        out, back, rest = self.jax.vjp(function, *leaves, has_aux=True)
        if out.shape != d_out.shape:
            return out, rest, [None] * len(leaves)
        return out, rest, list(back(d_out.astype(out.dtype)))


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


def loaded_frameworks() -> tuple[str, ...]:
    """The frameworks that this process has imported."""
    return ("numpy", *(name for name in ("torch", "jax") if name in sys.modules))


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
    return Jax() if name == "jax" else NumPy()
