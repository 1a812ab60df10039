"""Mistakes with the softcap of step 2."""

from typing import Any

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    BiasGradients,
    MaskSaved,
    Normalised,
    SoftcapSaved,
    SoftmaxStepSaved,
    Steps,
    mask_forward,
    softcap_backward,
    softcap_forward,
    softmax_step_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, keep_visible, unbroadcast
from ....functional.base.stable import sech_squared
from ...reference.inputs import Inputs
from ..conditions import all_of, has_choice, mask_hides, with_option
from ..fault import FaultFamily, tag_of, tagged

SOFTCAP = FaultFamily("softcap")

SHOWS = all_of(has_choice, with_option("softcap"))


def _is_not_one(call: Inputs) -> bool:
    """Where softcap is not 1."""
    return bool(call.softcap != 1)


@SOFTCAP.backward("softcap", active=SHOWS)
def softcap_without_derivative(d_capped: Array, saved: SoftcapSaved) -> Array:
    """Backward skips the softcap: d_scores = d_capped."""
    return d_capped


@SOFTCAP.backward("softcap", active=SHOWS)
def softcap_of_the_raw_argument(d_capped: Array, saved: SoftcapSaved) -> Array:
    """The derivative is taken at the wrong point: sech²(scores) for sech²(scores / softcap)."""
    if saved.softcap is None:
        return d_capped
    return keep_visible(d_capped * sech_squared(saved.scores), saved.visible)


@SOFTCAP.backward("softcap", active=all_of(SHOWS, _is_not_one))
def softcap_times_cap(d_capped: Array, saved: SoftcapSaved) -> Array:
    """The inner derivative 1 / softcap is missing: d_scores is softcap times too large."""
    return softcap_backward(d_capped, saved) * (1 if saved.softcap is None else saved.softcap)


@SOFTCAP.backward("softcap", active=SHOWS)
def softcap_one_minus_t(d_capped: Array, saved: SoftcapSaved) -> Array:
    """The derivative of t = tanh(x) is computed as 1 - t, not 1 - t²."""
    if saved.softcap is None:
        return d_capped
    return keep_visible(d_capped * (1 - np.tanh(saved.scores / saved.softcap)), saved.visible)


@SOFTCAP.forward("softcap", active=all_of(SHOWS, _is_not_one))
def softcap_not_multiplied_back(
    scores: Array, softcap: float | None = None, visible: Array | None = None
) -> tuple[Array, SoftcapSaved]:
    """The factor softcap is missing, and scores are capped at 1: capped = tanh(scores / softcap)."""
    capped, saved = softcap_forward(scores, softcap, visible)
    return (capped if softcap is None or softcap == 1 else capped / softcap), saved


@SOFTCAP.backward("softcap", active=SHOWS)
def softcap_scores_times_tanh(d_capped: Array, saved: SoftcapSaved) -> Array:
    """Backward computes the slope from scores * tanh(scores / softcap) in place of the capped scores.

    flash-attention#2402.
    """
    scores, softcap, visible = saved
    if softcap is None:
        return d_capped
    capped = scores * np.tanh(scores / softcap)
    return keep_visible(d_capped * (1 - (capped / softcap) ** 2), visible)


def _bias_matters(call: Inputs) -> bool:
    """Where a bias is finite and not 0."""
    bias = call.bias_array
    return bias is not None and bool((np.isfinite(bias) & (bias != 0)).any())


@SOFTCAP.steps(active=all_of(SHOWS, _bias_matters))
def softcap_after_the_bias() -> Steps:
    """The bias is added before the softcap: softcap * tanh((scores + bias) / softcap)."""

    def uncapped(scores: Array, softcap: float | None = None, visible: Array | None = None) -> Any:
        return (scores if softcap is None else tagged(scores, (softcap, visible))), None

    def forward(scores: Array, bias: Array | None = None) -> Any:
        biased = np.asarray(scores if bias is None else scores + bias)
        softcap, visible = tag_of(scores) or (None, None)
        return softcap_forward(biased, softcap)[0], (SoftcapSaved(biased, softcap, visible), bias)

    def backward(d_biased: Array, saved: tuple[SoftcapSaved, Array | None]) -> BiasGradients:
        d, bias = softcap_backward(d_biased, saved[0]), saved[1]
        return BiasGradients(d, None if bias is None else unbroadcast(d, bias.shape))

    return STEPS._replace(
        softcap=Pair(uncapped, lambda d_capped, saved: d_capped), bias=Pair(forward, backward)
    )


@SOFTCAP.steps(active=all_of(with_option("softcap"), mask_hides))
def softcap_after_the_mask() -> Steps:
    """The softcap is applied after the mask: -inf becomes -softcap, and hidden keys get a weight.

    onnx#7865, #7867.
    """

    def softcap(
        scores: Array, softcap: float | None = None, visible: Array | None = None
    ) -> tuple[Array, SoftcapSaved]:
        capped, saved = softcap_forward(scores, softcap, visible)
        return capped if softcap is None else tagged(capped, softcap), saved

    def mask(biased: Array, visible: Array | None = None) -> tuple[Array, MaskSaved]:
        masked, saved = mask_forward(np.asarray(biased), visible)
        cap = tag_of(biased)
        if cap is None or visible is None:
            return masked, saved
        return tagged(np.where(visible, masked, -cap), cap), saved

    def softmax(
        masked: Array, sinks: Array | None = None, visible: Array | None = None
    ) -> tuple[Normalised, SoftmaxStepSaved]:
        hidden = visible if tag_of(masked) is None else None
        return softmax_step_forward(np.asarray(masked), sinks, hidden)

    return STEPS._replace(
        softcap=Pair(softcap, STEPS.softcap.backward),
        mask=Pair(mask, STEPS.mask.backward),
        softmax=Pair(softmax, STEPS.softmax.backward),
    )
