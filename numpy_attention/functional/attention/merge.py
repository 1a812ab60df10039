"""Merging: attention over all keys, from partial results over disjoint sets of keys.

    lse = log Σ_i exp(lse_i)      share_i = exp(lse_i - lse)      out = Σ_i share_i out_i

exp(lse_i) is the normaliser of part i. So a merge is attention again: the parts are its keys, their lse its
scores, their out its values. The same formula adds a tile in tiled attention, and joins keys on several
machines, or a long cache with the newest tokens.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base.admission import Array, admit, compute_dtype, explained, quiet
from ..base.arrays import (
    backward_of,
    cotangent,
    gradient_like,
    keep_visible,
    promote,
    round_to,
    shape_repr,
    upcast,
)
from .steps import SoftmaxStepSaved, softmax_step_backward, softmax_step_forward


class Merged(NamedTuple):
    """out (..., L, E) and lse (..., L): a result, which can be a part of another merge."""

    out: Any
    lse: Any


@shape_repr
class MergeSaved(NamedTuple):
    """The arguments, the shares (..., L, n) of the n parts, and lse (..., L)."""

    outs: tuple[Array, ...]
    lses: tuple[Array, ...]
    shares: Array
    lse: Array


@shape_repr
class PartGradients(NamedTuple):
    """Gradients of one part."""

    d_out: Any
    d_lse: Any


@quiet
def attention_merge_forward(*parts: Any) -> tuple[Merged, MergeSaved]:
    """Attention over all keys from parts, with what its backward needs: see `attention_merge`."""
    outs, lses = _admit_parts(parts)
    shape = _common_shape(outs, lses)
    _refuse_plus_infinity(outs, lses)
    scores = _stack_lses(lses, outs)  # (..., L, n)
    (shares, lse), _ = softmax_step_forward(scores, None, _nonempty(scores))
    out = np.zeros(shape, shares.dtype)
    for i, part in enumerate(outs):
        out = out + keep_visible(shares[..., i, None] * part, _nonempty(scores[..., i, None]))
    return Merged(round_to(out, *outs), round_to(lse, *lses)), MergeSaved(outs, lses, shares, lse)


@backward_of(MergeSaved)
def attention_merge_backward(
    d_out: npt.ArrayLike, saved: MergeSaved, *, d_lse: npt.ArrayLike | None = None
) -> tuple[PartGradients, ...]:
    """The gradients of <d_out, out> + <d_lse, lse>: see `attention_merge`.

    From out = Σ_i share_i out_i:

        d_out_i = share_i d_out            d_share_i = d_out · out_i

    From share = softmax(lse_1, …, lse_n), and ∂lse/∂lse_i = share_i:

        d_lse_i = share_i (d_share_i - Σ_j share_j d_share_j + d_lse)

    The bracket cancels where one share is nearly 1. So d_share of the largest share is first subtracted from
    all of them, which changes nothing but the rounding, since the shares sum to 1.

    Parameters
    ----------
    d_out : the shape of out, (..., L, E)
    saved : returned by attention_merge_forward
    d_lse : the shape of lse, (..., L), or None for zero

    Returns
    -------
    A tuple of PartGradients(d_out, d_lse), one for each part, in the forward's order, each in its argument's
    shape and dtype. Those of an empty part are 0.

    Raises
    ------
    TypeError, ValueError
        For a saved of another function, and for cotangents of a wrong shape or dtype.

    Examples
    --------
    >>> _, saved = attention_merge_forward((np.ones((1, 2)), np.zeros(1)), (np.zeros((1, 2)), np.zeros(1)))
    >>> first, second = attention_merge_backward(np.array([[1.0, 3.0]]), saved)
    >>> first.d_out, first.d_lse, second.d_lse
    (array([[0.5, 1.5]]), array([1.]), array([-1.]))
    """
    outs, lses, shares, lse = saved
    shape = _common_shape(outs, lses)
    d_lse = np.zeros(lse.shape, shares.dtype) if d_lse is None else d_lse
    d_out, d_lse, *values = upcast(
        cotangent("d_out", d_out, shape, shares), cotangent("d_lse", d_lse, shape[:-1], shares), *outs
    )
    nonempty = _nonempty(_stack_lses(lses, outs))
    d_shares = np.stack([(d_out * part).sum(axis=-1) for part in values], axis=-1)  # (..., L, n)
    softmax_saved = SoftmaxStepSaved(shares, None, None, nonempty)
    d_scores = keep_visible(softmax_step_backward((d_shares, d_lse), softmax_saved).d_masked, nonempty)
    gradients = []
    for i, (out, lse) in enumerate(zip(outs, lses, strict=True)):
        d_part = keep_visible(shares[..., i, None] * d_out, nonempty[..., i, None])
        gradients.append(PartGradients(gradient_like(d_part, out), gradient_like(d_scores[..., i], lse)))
    return tuple(gradients)


@explained
def attention_merge(*parts: Any) -> Merged:
    """Attention over all keys, from attention over disjoint parts of them.

        lse = log Σ_i exp(lse_i)      share_i = exp(lse_i - lse)      out = Σ_i share_i out_i

    Merging is associative and commutative, up to rounding; the result can be merged again.

    Parameters
    ----------
    *parts : one or more pairs (out, lse), each from the same queries over other keys: out (..., L, E), and
        lse (..., L), the log-sum-exp of its scores, `saved.lse` of every attention here. All axes broadcast
        together. A row with lse -inf is empty, and its out has no influence, not even NaN. Parts must not
        include sinks, which would count once for each part: add one more part whose out is 0 and whose lse
        is the sink's score.

    Returns
    -------
    Merged(out, lse)
        out in the result_type of the parts' outs, lse in that of their lses; both complex if any array is.
        Where all parts are empty, out is 0 and lse -inf.

    Raises
    ------
    TypeError, ValueError
        Without parts, for a part that is not a pair, for dtypes and shapes that do not fit, and for an lse of
        +inf beside an out without NaN (FlashAttention-2 marks rows without a key so).

    Examples
    --------
    >>> from numpy_attention import attention, attention_forward
    >>> query, key, value = np.eye(2), np.array([[1.0, 0], [0, 1], [1, 1]]), np.array([[1.0], [2], [4]])
    >>> parts = []
    >>> for keys in (slice(0, 2), slice(2, 3)):
    ...     out, saved = attention_forward(query, key[keys], value[keys])
    ...     parts.append((out, saved.lse))
    >>> attention_merge(*parts).out
    array([[2.40111209],
           [2.60444837]])
    >>> attention(query, key, value)
    array([[2.40111209],
           [2.60444837]])

    Sinks with the scores (..., H) are the part (zeros, sinks[..., None]); here one head's, with the score 0:

    >>> attention_merge(*parts, (np.zeros((1, 1)), np.zeros(1))).out
    array([[2.00464232],
           [2.17440387]])
    >>> attention(query, key, value, sinks=0.0)
    array([[2.00464232],
           [2.17440387]])

    References
    ----------
    Milakov, Gimelshein 2018, section 3.1; Dao et al. 2022, section 3.1 (FlashAttention); Juravsky et al. 2024
    (Hydragen), for a prefix that many queries share.
    """
    plain = [tuple(map(promote, part)) if _is_pair(part) else part for part in parts]
    return attention_merge_forward(*plain)[0]


# -------------------------------------------------------------------------------------------- admission


def _is_pair(part: object) -> bool:
    return isinstance(part, (tuple, list)) and len(part) == 2


def _admit_parts(parts: tuple[Any, ...]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """All out and all lse; errors name the number of the part."""
    if not parts:
        raise TypeError(f"parts is {parts}; one pair (out, lse) or more are expected")
    for n, part in enumerate(parts, start=1):
        if not _is_pair(part):
            length = f" of {len(part)}" if isinstance(part, (tuple, list)) else ""
            raise TypeError(f"part {n} is {type(part).__name__}{length}; a pair (out, lse) is expected")
    outs = tuple(admit(f"part {n}'s out", out, 2) for n, (out, _) in enumerate(parts, start=1))
    lses = tuple(admit(f"part {n}'s lse", lse, 1) for n, (_, lse) in enumerate(parts, start=1))
    for n, (out, lse) in enumerate(zip(outs, lses, strict=True), start=1):
        if lse.shape == (*out.shape[:-1], 1):
            raise ValueError(
                f"part {n}'s lse has shape {lse.shape} beside out {out.shape}; {lse.shape[:-1]} is expected "
                "(write lse[..., 0])"
            )
    return outs, lses


def _refuse_plus_infinity(outs: tuple[Array, ...], lses: tuple[Array, ...]) -> None:
    """ValueError for an lse of +inf, except beside NaN in out: there a score was +inf, and NaN propagates."""
    for n, (out, lse) in enumerate(zip(outs, lses, strict=True), start=1):
        if (np.isposinf(lse.real) & ~np.isnan(out).any(axis=-1)).any():
            raise ValueError(
                f"part {n}'s lse holds +inf, with which FlashAttention-2 marks rows without a key; here that "
                "is -inf: write np.where(np.isposinf(lse), -np.inf, lse)"
            )


def _common_shape(outs: tuple[Array, ...], lses: tuple[Array, ...]) -> tuple[int, ...]:
    """(..., L, E), to which all parts broadcast; an lse has the axes of out without the last."""
    try:
        return np.broadcast_shapes(*(out.shape for out in outs), *((*lse.shape, 1) for lse in lses))
    except ValueError:
        shapes = ", ".join(
            f"part {n}'s out {out.shape} and lse {lse.shape}"
            for n, (out, lse) in enumerate(zip(outs, lses, strict=True), start=1)
        )
        raise ValueError(
            f"the parts do not broadcast together to (..., L, E) and (..., L): {shapes}"
        ) from None


def _stack_lses(lses: tuple[Array, ...], outs: tuple[Array, ...]) -> Array:
    """The scores of attention over the n parts, their lses (..., L, n), in the compute dtype."""
    shape = _common_shape(outs, lses)[:-1]
    return np.stack([np.broadcast_to(lse, shape) for lse in lses], axis=-1, dtype=compute_dtype(*lses, *outs))


def _nonempty(scores: Array) -> Array:
    """True where a part has at least one visible key."""
    return np.asarray(scores.real != -np.inf)
