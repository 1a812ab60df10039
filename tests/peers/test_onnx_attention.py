"""All Attention cases of the onnx package, and the mistakes that they detect."""

from collections import Counter

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.attention.steps import softmax_step_forward
from tests.support.peers.onnx_attention import allowed, outputs_of, translated
from tests.support.peers.onnx_cases import cases_of, disagreements, expanded_twins

CASES = 93
DTYPES = {"float32": 82, "float16": 6, "bfloat16": 5}
OUTPUTS = {"Y": 93, "present_key": 21, "present_value": 21, "qk_matmul_output": 18}


@pytest.fixture(scope="module")
def cases(peer):
    onnx, _ = peer("onnx"), peer("ml_dtypes")
    return cases_of(onnx, "Attention")


def disagreeing(cases, translate=translated, forward=na.attention_forward):
    """One line for each output outside its tolerance."""
    wrong = []
    for case in cases:
        bounds, got = allowed(case, translated(case)), outputs_of(case, translate(case), forward)
        wrong += disagreements(case, {name: (got[name], bounds[name]) for name in case.outputs})
    return wrong


def test_every_case_agrees(cases):
    assert len(cases) == CASES
    wrong = disagreeing(cases)
    assert not wrong, "\n".join(wrong)


def test_coverage_of_the_cases(cases, peer):
    """Counts that change if a case, or one of its outputs, is not read."""
    assert Counter(str(case.inputs["Q"].dtype) for case in cases) == DTYPES
    assert Counter(output for case in cases for output in case.outputs) == OUTPUTS
    assert expanded_twins(peer("onnx"), cases) == CASES


# ------------------------------------------------------------------------- mistakes that the cases detect


def _other_corner(case):
    """Bottom-right causal alignment, although there is no cache."""
    if not case.attribute("is_causal") or {"past_key", "nonpad_kv_seqlen"} & set(case.inputs):
        return translated(case)
    call, corner = translated(case.but(is_causal=0)), na.causal("bottom_right")
    return call._replace(mask=corner if call.mask is None else call.mask & corner)


def _forgets(*names):
    """Translate without the named options."""

    def translate(case):
        return translated(case)._replace(**dict.fromkeys(names))

    return translate


def _inverted(case):
    """The mask inverted."""
    call = translated(case)
    return call if call.mask is None else call._replace(mask=~call.mask)


def _tiled(case):
    """Query head h reads key head h % G."""
    call = translated(case)
    group = call.query.shape[1] // call.key.shape[1]
    return call._replace(key=np.tile(call.key, (1, group, 1, 1)), value=np.tile(call.value, (1, group, 1, 1)))


def _past_at_the_end(case):
    """The new keys before the past keys."""
    call = translated(case)
    n = case.inputs["past_key"].shape[-2] if "past_key" in case.inputs else 0
    return call._replace(key=np.roll(call.key, -n, axis=-2), value=np.roll(call.value, -n, axis=-2))


def _without_root(case):
    """The default scale is 1 / D."""
    call = translated(case)
    return call._replace(scale=1 / call.query.shape[-1]) if call.scale is None else call


def _narrow_window(case):
    """A window whose left size includes the query's own position."""
    left = case.attribute("left_window_size", -1)
    return translated(case.but(left_window_size=left - 1) if left > 0 else case)


TRANSLATIONS = {
    "the other causal corner": _other_corner,
    "no mask": _forgets("mask"),
    "no bias": _forgets("bias"),
    "no softcap": _forgets("softcap"),
    "no scale argument": _forgets("scale"),
    "an inverted mask": _inverted,
    "tiled heads": _tiled,
    "the past at the end": _past_at_the_end,
    "a default scale without the root": _without_root,
    "a window that counts its own position": _narrow_window,
}


@pytest.mark.parametrize("mistake", TRANSLATIONS)
def test_a_mistaken_convention_is_detected(mistake, cases):
    assert disagreeing(cases, TRANSLATIONS[mistake])


def _capped_mask(biased, visible=None):
    """The mask before softcap = 2: tanh(-inf) = -1 gives -2."""
    return (biased if visible is None else np.where(visible, biased, -2.0)), None


def _without_visible(masked, sinks=None, visible=None):
    """A softmax without `visible`: only -inf hides."""
    return softmax_step_forward(masked, sinks, None)


def _mean_of_nothing(masked, sinks=None, visible=None):
    """-1e30 instead of -inf: a fully masked row gets the mean of all values."""
    return softmax_step_forward(np.maximum(masked, -1e30), sinks, None)


def _unchanged(x, *rest):
    return x, None


STEPS = {
    "softcap after the mask": na.STEPS._replace(
        mask=na.Pair(_capped_mask, None), softmax=na.Pair(_without_visible, None)
    ),
    "the mean for a fully masked row": na.STEPS._replace(softmax=na.Pair(_mean_of_nothing, None)),
    "no softcap": na.STEPS._replace(softcap=na.Pair(_unchanged, None)),
}


@pytest.mark.parametrize("mistake", STEPS)
def test_a_mistaken_step_is_detected(mistake, cases):
    assert disagreeing(cases, forward=na.attention_with(STEPS[mistake]).forward)
