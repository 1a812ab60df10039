"""From the tokens of a sequence to one vector: the first token, or the mean of the real ones.

first  out = x_0                  mean  out = Σ x_t / n over the n tokens that some query may attend to
"""

from typing import Any, NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.arrays import accurate_sum, cotangent, gradient_like, round_to, shape_repr, upcast
from ..functional.masks.mask import Mask, check_mask

POOLINGS = ("first", "mean")


@shape_repr
class TokenPoolingSaved(NamedTuple):
    """The tokens x (..., T, C), and each one's share (..., T, 1) in the mean; None for the first token."""

    x: Array
    shares: Array | None


def real_tokens(mask: Mask | None, x: Array) -> Array | None:
    """True for tokens (..., T) of x (..., T, C) that some query may attend to; None for all."""
    if mask is None:
        return None
    T = x.shape[-2]
    check_mask(mask, (*x.shape[:-2], 1, T, T))
    seen: Array = np.any(mask.array(T, T, heads=True), axis=-2)  # (..., 1, T), or (T,)
    return np.broadcast_to(seen if seen.ndim == 1 else np.any(seen, axis=-2), x.shape[:-1])


def pool_forward(kind: str, x: Array, mask: Mask | None) -> tuple[Any, TokenPoolingSaved]:
    """out (..., C) of x (..., T, C); 0 where there is no real token."""
    if kind == "first":
        return x[..., :1, :].sum(axis=-2), TokenPoolingSaved(x, None)
    real = real_tokens(mask, x)
    (inner,) = upcast(x)
    if real is None:
        real = np.ones(x.shape[:-1], bool)
    count = np.maximum(real.sum(axis=-1, keepdims=True), 1)
    shares = (real / count)[..., None].astype(inner.real.dtype)
    out = accurate_sum(np.where(real[..., None], inner, 0) * shares, axis=-2)
    return round_to(out, x, fresh=True), TokenPoolingSaved(x, shares)


def pool_backward(d_out: Array, saved: TokenPoolingSaved) -> Any:
    """Undo `pool_forward`: d_x (..., T, C), 0 for tokens that were left out."""
    x, shares = saved
    d_out = cotangent("d_out", d_out, (*x.shape[:-2], x.shape[-1]), x)
    if shares is None:
        d_x = np.zeros(x.shape, d_out.dtype)
        d_x[..., :1, :] = d_out[..., None, :]
    else:
        d_x = d_out[..., None, :] * shares
    return gradient_like(d_x, x, fresh=True)
