"""Arrays of other libraries: given, taken back, differentiated. None is imported; one that is there is used.

A framework is recognised from the arrays that come back. What has __dlpack__ or __array__ is read through it.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..rounding.formats import Format
from .sandbox import Said

FRAMEWORKS = ("numpy", "torch", "jax")
"""Whose arrays can be given; of others, arrays can be taken back."""

SAME = {"float8_e4m3fn": "float8_e4m3", "double": "float64", "float": "float32", "half": "float16"}


class Taken(NamedTuple):
    """An array that came back: its numbers in float64, and the name of its own dtype."""

    numbers: Array
    dtype: str


class Detached(Said):
    """What came back cannot be differentiated; the text says why."""


Differentiable = Callable[..., tuple[Any, Any]]
"""(leaves) -> (out, whatever else came back)."""


class NumPy:
    """NumPy's arrays, and whatever can be read as one. Formats that NumPy lacks travel in float32."""

    name = "numpy"

    def dtype(self, kept: Format) -> str:
        """The dtype in which numbers of a format travel."""
        return kept.name if kept.name in ("float64", "float32", "float16") else "float32"

    def give(self, x: Any, kept: Format) -> Any:
        """An array of this framework, a new one; booleans stay booleans."""
        return np.array(x, dtype=bool if np.asarray(x).dtype == bool else self.dtype(kept))

    def take(self, x: Any) -> Taken:
        """What came back, as numbers of our own."""
        if not isinstance(x, np.ndarray | np.generic):
            x = np.asarray(x) if hasattr(x, "__array__") else np.from_dlpack(x)
        x = np.asarray(x)
        return Taken(np.array(x, dtype=np.float64), SAME.get(x.dtype.name, x.dtype.name))

    def differentiated(
        self, function: Differentiable, leaves: Sequence[Any], d_out: Any
    ) -> tuple[Any, Any, list[Any]]:
        """Nothing here differentiates."""
        raise Detached("NumPy does not differentiate: a candidate gives its gradients itself")


class Torch(NumPy):
    """PyTorch, on any device."""

    name = "torch"

    def __init__(self, device: str | None = None) -> None:
        self.torch: Any = sys.modules["torch"]
        self.device = device

    def dtype(self, kept: Format) -> str:
        """Every format is there."""
        return kept.name

    def give(self, x: Any, kept: Format) -> Any:
        """A tensor on the device."""
        x = np.asarray(x)
        own = "bool" if x.dtype == bool else {"float8_e4m3": "float8_e4m3fn"}.get(kept.name, kept.name)
        # on its way it has the dtype that it will have: not every device knows float64
        return self.torch.tensor(x).to(getattr(self.torch, own)).to(self.device or "cpu")

    def take(self, x: Any) -> Taken:
        """bfloat16 and the like go through float64, which holds them exactly."""
        if not isinstance(x, self.torch.Tensor):
            return super().take(x)
        name = str(x.dtype).removeprefix("torch.")
        numbers = x.detach().to("cpu").to(self.torch.float64).numpy()
        return Taken(np.array(numbers), SAME.get(name, name))

    def differentiated(
        self, function: Differentiable, leaves: Sequence[Any], d_out: Any
    ) -> tuple[Any, Any, list[Any]]:
        """out, the rest, and torch.autograd's gradients; None where none arrives."""
        leaves = [leaf.requires_grad_() for leaf in leaves]
        out, rest = function(*leaves)
        if not isinstance(out, self.torch.Tensor) or not out.requires_grad:
            raise Detached("what came back carries no gradient (requires_grad is False)")
        if out.shape != d_out.shape:
            return out, rest, [None] * len(leaves)
        found = self.torch.autograd.grad(out, leaves, d_out.to(out.dtype), allow_unused=True)
        return out, rest, list(found)


class Jax(NumPy):
    """JAX."""

    name = "jax"

    def __init__(self) -> None:
        self.jax: Any = sys.modules["jax"]

    def dtype(self, kept: Format) -> str:
        """Every format is there, but for float64 where x64 is off."""
        return "float32" if kept.name == "float64" and not self.x64 else kept.name

    @property
    def x64(self) -> bool:
        """Whether float64 stays float64."""
        return bool(self.jax.config.jax_enable_x64)

    def give(self, x: Any, kept: Format) -> Any:
        """An array on the default device."""
        x = np.asarray(x)
        if x.dtype == bool:
            return self.jax.numpy.asarray(x)
        own = {"float8_e4m3": "float8_e4m3fn"}.get(kept.name, self.dtype(kept))
        return self.jax.numpy.asarray(x.astype(own if own in ("float64", "float16") else "float32")).astype(
            own
        )

    def differentiated(
        self, function: Differentiable, leaves: Sequence[Any], d_out: Any
    ) -> tuple[Any, Any, list[Any]]:
        """out, the rest, and jax.vjp's gradients."""
        out, back, rest = self.jax.vjp(function, *leaves, has_aux=True)
        if out.shape != d_out.shape:
            return out, rest, [None] * len(leaves)
        return out, rest, list(back(d_out.astype(out.dtype)))


def framework_of(x: Any) -> str:
    """The framework an array belongs to: "torch", "jax", or "numpy" for all that can be read as an array.

    Raises
    ------
    TypeError
        For what is no array.
    """
    library = type(x).__module__.partition(".")[0]
    if library in ("torch", "jax", "jaxlib"):
        return "jax" if library == "jaxlib" else library
    if isinstance(x, np.ndarray | np.generic) or hasattr(x, "__dlpack__") or hasattr(x, "__array__"):
        return "numpy"
    raise TypeError(f"{type(x).__name__} came back, where an array is expected")


def taken(x: Any) -> Taken:
    """The numbers of an array of any framework."""
    return framework(framework_of(x)).take(x)


def present() -> tuple[str, ...]:
    """The frameworks that this process has loaded."""
    return ("numpy", *(name for name in ("torch", "jax") if name in sys.modules))


def framework(name: str, device: str | None = None) -> NumPy:
    """A framework by name.

    Raises
    ------
    ValueError
        For one that is not known, or that nobody has imported.
    """
    if name not in FRAMEWORKS:
        raise ValueError(f"framework is {name!r}; one of {', '.join(FRAMEWORKS)} is expected")
    if name not in present():
        raise ValueError(f"framework is {name!r}, which the candidate does not import")
    if name == "torch":
        return Torch(device)
    return Jax() if name == "jax" else NumPy()
