"""Keys and values that every query sees besides those of the sequence: learned ones, and one of zeros.

    keys = [k; bias_k; 0],  values = [v; bias_v; 0]          add_bias_kv, add_zero_attn, as in PyTorch

A mask leaves them visible, and a bias adds nothing to them.
"""

from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.biases import Bias
from ..functional.base.admission import Array
from ..functional.base.arrays import gradient_like, shape_repr
from ..functional.masks.builders import visible
from ..functional.masks.mask import Mask, check_mask
from .heads import split_heads
from .parameters import Params


@shape_repr
class ExtraKeysSaved(NamedTuple):
    """The keys and values (B, G, S, D) before, and the learned ones (1, 1, G * D); None if there are none."""

    key: Array
    value: Array
    bias_k: Array | None
    bias_v: Array | None


def extra_keys_forward(
    params: Params, key: Array, value: Array, zero: bool
) -> tuple[Array, Array, ExtraKeysSaved]:
    """key and value (B, G, S + extra, D)."""
    learned = params.get("bias_k"), params.get("bias_v")
    keys, values = (_extended(x, row, zero) for x, row in zip((key, value), learned, strict=True))
    return keys, values, ExtraKeysSaved(key, value, *learned)


def _extended(x: Array, row: Array | None, zero: bool) -> Array:
    *batch, groups, _, columns = x.shape
    added = [] if row is None else [split_heads(row[0], groups)]
    added += [np.zeros((groups, 1, columns), x.dtype)] * zero
    return np.concatenate([x, *(np.broadcast_to(y, (*batch, *y.shape)) for y in added)], axis=-2)


def extra_keys_backward(d_key: Array, d_value: Array, saved: ExtraKeysSaved) -> tuple[Any, Any, Params]:
    """d_key, d_value (B, G, S, D), and the gradients of bias_k and bias_v."""
    S = saved.key.shape[-2]
    d_params = {
        name: gradient_like(d[..., S, :].reshape(-1, row.shape[-1])[:, None, None], row)
        for name, d, row in (("bias_k", d_key, saved.bias_k), ("bias_v", d_value, saved.bias_v))
        if row is not None
    }
    return d_key[..., :S, :], d_value[..., :S, :], d_params


def bias_of_sequence(d_bias: Any, saved: ExtraKeysSaved) -> Any:
    """Of the gradient of `bias_beside`'s result that of the keys of the sequence."""
    return None if d_bias is None else d_bias[..., : saved.key.shape[-2]]


def mask_beside(mask: Mask | None, shape: tuple[int, ...], extra: int) -> Mask | None:
    """The mask over the keys of the sequence, of scores `shape`, and over `extra` visible keys after them."""
    if mask is None or not extra:
        return mask
    check_mask(mask, shape)
    array = mask.array(*shape[-2:], heads=len(shape) > 2)
    return visible(np.concatenate([array, np.ones((*array.shape[:-1], extra), dtype=bool)], axis=-1))


def bias_beside(bias: Any, shape: tuple[int, ...], extra: int) -> Any:
    """The bias of the keys of the sequence, and 0 for `extra` keys after them."""
    if bias is None or not extra:
        return bias
    array = bias.array(*shape[-2:]) if isinstance(bias, Bias) else bias
    array = np.broadcast_to(array, (*array.shape[:-2], *shape[-2:]))
    return np.concatenate([array, np.zeros((*array.shape[:-1], extra), array.dtype)], axis=-1)
