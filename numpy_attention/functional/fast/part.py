"""Attention over one part of the keys, to be merged with others, and its backward from the merged whole.

    out_i, lse_i = attend_to_part(query, key_i, value_i, …)         out, lse = attention_merge of all parts
    gradients_i  = gradients_of_part(d_out, less, lse, query, key_i, value_i, …)

A part needs two numbers about the rest of each row: the whole's lse, from which its weights follow, and
`less` = d_out · out - d_lse, which the softmax's backward subtracts. Gradients of all parts add up to those
of the whole. lse is in float64: some write scores of -1e9 for a mask, and beside them float32 has no digits
left for the number of keys.
"""

from typing import Any

import numpy as np

from ..attention.attention import AttentionGradients
from ..base.admission import Array, quiet
from ..base.arrays import keep_visible, unbroadcast
from ..base.stable import finite_shift
from .fast import FastSaved, admit_fast, differentiate, is_supported, run_backward, run_forward
from .kernels import UNIT, RowStatistics, power
from .nonfinite import options_are_finite
from .plan import workload_of

FAR = 2.0**30
"""Size of lse from which its rounding in float64 moves weights by more than about 2**-22."""


@quiet
def attend_to_part(
    query: Array, key: Array, value: Array, *, mask: Any = None, bias: Any = None, scale: Any = None,
    softcap: Any = None, dropout: Any = None, block: Any = None, threads: Any = None,
) -> tuple[Array, Array]:  # fmt: skip
    """out (..., H, L, E), not rounded to float16, and lse (..., H, L) in float64: a part for a merge."""
    problem, settings = admit_fast(
        query, key, value, mask, bias, scale, softcap, None, dropout, block, threads, 0
    )
    out, saved = run_forward(problem, settings)
    return out, _wide_lse(saved)


def _wide_lse(saved: FastSaved) -> Array:
    """lse (..., H, L) of a forward without sinks, in float64 or complex128."""
    statistics, blockwise = saved.statistics, saved.blockwise
    lse: Any = None
    if statistics is not None:
        lse = np.log(statistics.summed, dtype=np.float64) + finite_shift(statistics.shift) / np.float64(UNIT)
    if blockwise is None:
        return np.asarray(lse)
    exact = blockwise.lse + blockwise.lse_rest.astype(_wide(blockwise.lse))
    return np.asarray(exact if saved.good is None else np.where(saved.good, lse, exact))


def _wide(x: Array) -> Any:
    return np.result_type(x, np.float64)


@quiet
def gradients_of_part(
    d_out: Array, less: Array, lse: Array, query: Array, key: Array, value: Array, *, mask: Any = None,
    bias: Any = None, scale: Any = None, softcap: Any = None, dropout: Any = None, block: Any = None,
    threads: Any = None,
) -> AttentionGradients:  # fmt: skip
    """What a part adds to the gradients of the whole, in the shapes of its arguments, not rounded to float16.

    From weights = exp(scores - lse), d_scores = weights * (d_weights - less): five products, by the kernels
    of `fast_attention`. What they do not take, and rows whose lse is `FAR` or more, are a merge of
    this part and the rest, whose backward is

        share = exp(lse_i - lse)      d_out_i = share d_out      d_lse_i = share (d_out · out_i - less)

    d_out (..., H, L, E); less (..., H, L) = d_out · out - d_lse; lse (..., H, L) of the whole.
    """
    problem, settings = admit_fast(
        query, key, value, mask, bias, scale, softcap, None, dropout, block, threads, 0
    )
    dtype = problem.query.dtype
    real = all(x.dtype.kind == "f" for x in (d_out, less, lse))
    if (
        real
        and (np.isneginf(lse) | (np.abs(lse) < FAR)).all()
        and is_supported(problem)
        and options_are_finite(problem)
    ):
        out = np.zeros(d_out.shape, dtype)  # d_out · out is in less
        work, statistics = workload_of(problem, settings), _statistics(lse, dtype)
        whole = FastSaved(out, problem, settings, None, work, statistics)
        gradients, usable = differentiate(whole, d_out.astype(dtype, copy=False), (-less).astype(dtype))
        if usable:
            return _in_own_shapes(gradients, problem.arguments)
    out, saved = run_forward(problem, settings)
    lse_part = _wide_lse(saved)
    nonempty = lse_part.real != -np.inf
    share = keep_visible(np.exp(lse_part - lse), nonempty)
    d_lse_part = keep_visible(share * ((d_out * out).sum(axis=-1) - less), nonempty)
    d_out_part = keep_visible(share[..., None] * d_out, nonempty[..., None])
    dtype = np.result_type(dtype, *(np.complex64 for x in (d_out_part, d_lse_part) if x.dtype.kind == "c"))
    gradients = run_backward(d_out_part.astype(dtype), d_lse_part.astype(dtype), saved)
    return _in_own_shapes(gradients, problem.arguments)


def _statistics(lse: Array, dtype: np.dtype[Any]) -> RowStatistics:
    """Statistics whose exponentials are the weights: the shift is lse, the sum what its rounding lost.

    No weight counts as a peak, because what a row's other parts add up to is not known.
    """
    exact = finite_shift(lse) * UNIT
    shift = exact.astype(dtype)
    return RowStatistics(shift, power(exact - shift).astype(dtype), np.zeros_like(shift))


def _in_own_shapes(gradients: Any, arguments: Any) -> AttentionGradients:
    """Summed to the arguments' shapes; a sum stays in float64, because parts of it may cancel."""

    def summed(gradient: Any, argument: Any) -> Any:
        shape = getattr(argument, "parameter", argument).shape
        if gradient.shape == shape:
            return gradient
        return unbroadcast(gradient.astype(_wide(gradient), copy=False), shape)

    pairs = zip(gradients, arguments, strict=True)
    return AttentionGradients(*(None if d is None else summed(d, x) for d, x in pairs))
