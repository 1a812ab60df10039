"""Gradient checks of other libraries applied to a pair: torch's gradcheck and jax's check_grads.

Each returns True if the pair passes. They receive output and gradients through autograd, as a user's would.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from numpy_attention.check.pairs.calls import as_outputs, as_tuple, by_name, call_of, is_float_array
from numpy_attention.functional.base.admission import Array
from numpy_attention.functional.base.arrays import Pair

# ------------------------------------------------------------------------------- finite differences


class Differentiable(NamedTuple):
    """A call of a pair as a function of its arrays that have a gradient."""

    arrays: list[Array]
    forward: Callable[..., tuple[Any, Any]]
    backward: Callable[[Any, Any], list[Array]]

    @property
    def outputs(self) -> tuple[Array, ...]:
        """The outputs as a tuple of arrays."""
        return tuple(map(np.asarray, as_tuple(self.forward(*self.arrays)[0])))


def differentiable(pair: Pair, args: Any, kwargs: Any) -> Differentiable:
    """A pair with its arguments; those without a gradient are held fixed."""
    call = call_of(*pair, args, kwargs)
    out, saved = call.outputs()
    ones = as_outputs(out, [np.ones(np.shape(x)) for x in as_tuple(out)])
    gradients = by_name(call.backward(ones, saved), call)
    names = [n for n, x in call.arguments.items() if is_float_array(x) and gradients.get(n) is not None]

    def forward(*arrays: Array) -> tuple[Any, Any]:
        return call.outputs(**dict(zip(names, arrays, strict=True)))

    def backward(d_out: Any, saved: Any) -> list[Array]:
        gradients = by_name(call.backward(d_out, saved), call)
        return [np.asarray(gradients[name]) for name in names]

    return Differentiable([call.arguments[name].copy() for name in names], forward, backward)


def torch_gradcheck(pair: Pair, args: Any, kwargs: Any, *, fast: bool) -> bool:
    """torch.autograd.gradcheck with its own settings, in float64."""
    torch: Any = import_module("torch")
    it = differentiable(pair, args, kwargs)

    class PairFunction(torch.autograd.Function):  # type: ignore[misc,name-defined]
        """The pair as a user wraps a hand-written backward."""

        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            """The output or outputs."""
            out, ctx.saved_by_pair = it.forward(*(x.detach().numpy() for x in tensors))
            ctx.like = out
            outs = tuple(torch.from_numpy(np.array(x, ndmin=0)) for x in as_tuple(out))
            return outs if isinstance(out, tuple) else outs[0]

        @staticmethod
        def backward(ctx: Any, *d_out: Any) -> Any:
            """The gradients."""
            cotangents = as_outputs(ctx.like, [d.numpy() for d in d_out])
            return tuple(torch.from_numpy(np.asarray(x)) for x in it.backward(cotangents, ctx.saved_by_pair))

    tensors = [torch.from_numpy(x.copy()).requires_grad_() for x in it.arrays]
    try:
        return bool(torch.autograd.gradcheck(PairFunction.apply, tensors, fast_mode=fast))
    except Exception:
        return False


def jax_check_grads(pair: Pair, args: Any, kwargs: Any) -> bool:
    """jax.test_util.check_grads in reverse mode with its own settings, in float64."""
    jax: Any = import_module("jax")
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    it = differentiable(pair, args, kwargs)
    several = isinstance(it.forward(*it.arrays)[0], tuple)

    def shaped(x: Any) -> Any:
        return jax.ShapeDtypeStruct(np.shape(x), np.float64)

    def numbers(*arrays: Any) -> Any:
        out, _ = it.forward(*(np.array(x) for x in arrays))
        return tuple(np.asarray(x, dtype=float) for x in as_tuple(out))

    def slopes(*arrays: Any) -> Any:
        *inputs, d = [*arrays[: len(it.arrays)], arrays[len(it.arrays) :]]
        out, saved = it.forward(*(np.array(x) for x in inputs))
        return tuple(it.backward(as_outputs(out, [np.array(x) for x in d]), saved))

    @jax.custom_vjp
    def function(*arrays: Any) -> Any:
        outs = jax.pure_callback(numbers, tuple(map(shaped, it.outputs)), *arrays)
        return outs if several else outs[0]

    def down(*arrays: Any) -> Any:
        return function(*arrays), arrays

    def up(arrays: Any, d_out: Any) -> Any:
        cotangents = d_out if several else (d_out,)
        return jax.pure_callback(slopes, tuple(map(shaped, it.arrays)), *arrays, *cotangents)

    function.defvjp(down, up)
    try:
        check_grads(function, [x.copy() for x in it.arrays], order=1, modes=("rev",))
    except Exception:
        return False
    return True
