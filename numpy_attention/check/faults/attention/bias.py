"""Mistakes with the bias of step 3."""

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    BiasGradients,
    BiasSaved,
    Steps,
    bias_backward,
    bias_forward,
    score_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, transposed, unbroadcast
from ...reference.inputs import Inputs
from ..conditions import all_of, array_of, has_choice, has_option, is_broadcast
from ..fault import FaultFamily, tag_of, tagged

BIAS = FaultFamily("bias")


def _of_several_heads(call: Inputs) -> bool:
    """Where each head has its own bias."""
    bias = array_of(call, "bias")
    return bias is not None and bias.ndim > 2 and bias.shape[-3] > 1


def _of_all_pairs(call: Inputs) -> bool:
    """Where the bias has shape (..., L, S), and L = S."""
    bias, n = array_of(call, "bias"), call.lengths
    return bias is not None and bias.shape[-2:] == (n.L, n.S) and n.L == n.S > 1


def _varies_along_keys(call: Inputs) -> bool:
    """Where the bias differs between keys."""
    bias = array_of(call, "bias")
    return bias is not None and bool((bias != bias[..., :1]).any())


def _has_gradient(call: Inputs) -> bool:
    """Where a bias has a key axis, or sinks or d_lse are in use."""
    bias = array_of(call, "bias")
    varies = bias is not None and (
        bias.shape[-1:] != (1,) or has_option(call, "sinks") or has_option(call, "d_lse")
    )
    return varies and has_choice(call)


def _is_scaled(call: Inputs) -> bool:
    """Where the scale is not 1."""
    return has_option(call, "scale") or call.lengths.D > 1


@BIAS.backward("bias", active=all_of(_has_gradient, is_broadcast("bias")))
def bias_gradient_not_summed(d_biased: Array, saved: BiasSaved) -> BiasGradients:
    """The gradient of a broadcast bias is taken from its first copy, not summed over all of them.

    xformers#636, #783, jax#30593.
    """
    right = bias_backward(d_biased, saved)
    if saved.bias is None or not d_biased.size:
        return right
    first = d_biased[(0,) * (d_biased.ndim - saved.bias.ndim)]
    kept = tuple(slice(0, n) for n in saved.bias.shape)
    return right._replace(d_bias=first[kept].copy())


@BIAS.backward("bias", active=all_of(_has_gradient, is_broadcast("bias")))
def bias_gradient_averaged(d_biased: Array, saved: BiasSaved) -> BiasGradients:
    """The gradient of a broadcast bias is averaged over its copies, not summed."""
    right = bias_backward(d_biased, saved)
    if right.d_bias is None:
        return right
    return right._replace(d_bias=right.d_bias * (right.d_bias.size / max(d_biased.size, 1)))


@BIAS.backward("bias", active=_has_gradient)
def bias_without_gradient(d_biased: Array, saved: BiasSaved) -> BiasGradients:
    """The gradient of the bias is zero.

    xformers#636.
    """
    right = bias_backward(d_biased, saved)
    return right if saved.bias is None else right._replace(d_bias=np.zeros(saved.bias.shape))


@BIAS.steps(active=all_of(has_choice, _is_scaled, _varies_along_keys))
def bias_scaled() -> Steps:
    """The bias is added before the scale: scale * (query @ keyᵀ + bias)."""

    def score(query: Array, key: Array, scale: Array, visible: Array | None = None) -> tuple[Array, object]:
        scores, saved = score_forward(query, key, scale, visible)
        return tagged(scores, scale), saved

    def forward(capped: Array, bias: Array | None = None) -> tuple[Array, BiasSaved | tuple[object, ...]]:
        scale = tag_of(capped)
        if bias is None or scale is None:
            return bias_forward(capped, bias)
        return np.where(np.isneginf(bias.real), -np.inf, np.asarray(capped) + scale * bias), (bias, scale)

    def backward(d_biased: Array, saved: tuple[Array, Array]) -> BiasGradients:
        if isinstance(saved, BiasSaved):
            return bias_backward(d_biased, saved)
        return BiasGradients(d_biased, unbroadcast(saved[1] * d_biased, saved[0].shape))

    return STEPS._replace(score=Pair(score, STEPS.score.backward), bias=Pair(forward, backward))


def _first_head(bias: Array | None) -> Array | None:
    several = bias is not None and bias.ndim > 2 and bias.shape[-3] > 1
    return bias[..., :1, :, :] if several and bias is not None else bias


@BIAS.forward("bias", active=all_of(has_choice, _of_several_heads, _varies_along_keys))
def bias_of_the_first_head(capped: Array, bias: Array | None = None) -> tuple[Array, BiasSaved]:
    """Every head reads the first head's bias: the head axis has stride 0."""
    return bias_forward(capped, _first_head(bias))[0], BiasSaved(bias)


@BIAS.backward("bias", active=all_of(_has_gradient, _of_several_heads))
def bias_gradient_per_head_lost(d_biased: Array, saved: BiasSaved) -> BiasGradients:
    """The gradient of every head's bias is the sum over all heads."""
    right = bias_backward(d_biased, saved)
    d = right.d_bias
    if d is None or d.ndim < 3:
        return right
    return right._replace(d_bias=np.broadcast_to(d.sum(axis=-3, keepdims=True), d.shape).copy())


@BIAS.forward("bias", active=all_of(has_choice, _of_all_pairs))
def bias_transposed(capped: Array, bias: Array | None = None) -> tuple[Array, BiasSaved]:
    """The bias is transposed, which has the right shape where L = S."""
    fits = bias is not None and bias.shape[-2:] == capped.shape[-2:] and bias.shape[-1] == bias.shape[-2]
    turned = transposed(bias) if fits and bias is not None else bias
    return bias_forward(capped, turned)[0], BiasSaved(bias)
