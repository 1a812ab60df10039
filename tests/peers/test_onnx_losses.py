"""The onnx package's cases of losses; all float32, each count asserted.

Features that the package lacks are composed of those it has:

    classes on axis 1        moved last
    class weights            single losses times their targets' weights; a mean divides by the weights' sum
    log_prob                 log_softmax
    negative log-likelihood  -x[target] = cross_entropy(x) - logsumexp(x), for cross_entropy(x) is
                             logsumexp(x) - x[target]. For log-probabilities logsumexp is 0, but the inputs of
                             these cases are arbitrary numbers.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

import numpy_attention as na
from tests.support.peers.onnx_cases import cases_of, disagreements, double, expanded_twins
from tests.support.peers.onnx_layers import F32, F64, softmax_bounds


def classes_last(x):
    return np.moveaxis(x, 1, -1)


def summed(terms, bounds):
    """(Σ terms, tolerance) in float32: linear in the roundings if they are few, else probabilistic."""
    n = terms.size
    return terms.sum(), bounds.sum() + min(n, 4 * math.sqrt(n + 4)) * F32 * np.abs(terms).sum()


def reduced(losses, bounds, weights, reduction):
    """(value, tolerance) of losses with the given bounds, weighted in float32."""
    terms, bounds = weights * losses, weights * bounds + F32 * np.abs(weights * losses)
    if reduction == "none":
        return terms, bounds + F32 * np.abs(terms)
    value, bound = summed(terms, bounds)
    if reduction == "mean":
        total, e_total = summed(weights, 0 * weights)
        value, bound = value / total, bound / total + np.abs(value) * e_total / total**2
    return value, bound + 2 * F32 * np.abs(value)


def weights_of(case, targets, name):
    """(weight per target: its class's or 1, 0 where ignored; classes, 0 where ignored)."""
    counted = targets != case.attribute("ignore_index", -100)
    classes = np.where(counted, targets, 0)
    given = double(case.inputs[name])[classes] if name in case.inputs else 1.0
    return np.where(counted, given, 0.0), classes


def at(rows, classes):
    return np.take_along_axis(rows, classes[..., None], axis=-1)[..., 0]


def cross_entropy(case):
    logits, targets = classes_last(case.inputs["scores"]), case.inputs["labels"]
    ignored, reduction = case.attribute("ignore_index"), case.attribute("reduction", "mean")
    weights, classes = weights_of(case, targets, "weights")
    e_log = softmax_bounds(double(logits), -1)[1]
    losses = double(na.cross_entropy(logits, targets, ignore_index=ignored, reduction="none"))
    value, bound = reduced(losses, at(e_log, classes), weights, reduction)
    if "weights" not in case.inputs:
        value = na.cross_entropy(logits, targets, ignore_index=ignored, reduction=reduction)
    computed = {"output": (value, bound)}
    if "log_prob" in case.outputs:
        computed["log_prob"] = [np.moveaxis(x, -1, 1) for x in (na.log_softmax(logits), e_log)]
    return computed


def negative_log_likelihood(case):
    """Our cross entropy in float64, whose rounding is negligible in float32."""
    x, targets = double(classes_last(case.inputs["input"])), case.inputs["target"]
    weights, classes = weights_of(case, targets, "weight")
    ignored = case.attribute("ignore_index")
    surprise = na.cross_entropy(x, targets, ignore_index=ignored, reduction="none")
    losses = np.where(targets == ignored, 0, surprise - na.logsumexp(x))
    bounds = 2 * at(softmax_bounds(x, -1, F64)[1], classes) + 4 * F64 * np.abs(x).max()
    return {"loss": reduced(losses, bounds, weights, case.attribute("reduction", "mean"))}


LOSSES = {  # our function, number of cases, number of expanded twins
    "SoftmaxCrossEntropyLoss": (cross_entropy, 34, 34),
    "NegativeLogLikelihoodLoss": (negative_log_likelihood, 18, 18),
}


@pytest.mark.parametrize("operator", LOSSES)
def test_every_case_agrees(operator, peer):
    onnx = peer("onnx")
    compute, count, twins = LOSSES[operator]
    cases = cases_of(onnx, operator)
    assert (len(cases), expanded_twins(onnx, cases)) == (count, twins)
    assert {x.dtype for case in cases for x in case.outputs.values()} == {np.dtype("float32")}
    wrong = [line for case in cases for line in disagreements(case, compute(case))]
    assert not wrong, "\n".join(wrong)


def other_reduction(case):
    return case.but(reduction={"mean": "sum", "sum": "mean", "none": "sum"}[case.attribute("reduction")])


def nothing_ignored(case):
    """The case without ignore_index if that is a class, else unchanged."""
    return case.but(ignore_index=-100) if 0 <= case.attribute("ignore_index", -1) < 5 else case


def no_weights(case):
    return replace(case, inputs={name: x for name, x in case.inputs.items() if "weight" not in name})


DETECTED_IN = {  # number of cases; a mean over two targets that both weigh 0.9 detects nothing
    "SoftmaxCrossEntropyLoss": {other_reduction: 34, nothing_ignored: 12, no_weights: 14},
    "NegativeLogLikelihoodLoss": {other_reduction: 18, nothing_ignored: 4, no_weights: 9},
}


@pytest.mark.parametrize("mistake", [other_reduction, nothing_ignored, no_weights])
@pytest.mark.parametrize("operator", LOSSES)
def test_a_mistake_is_detected(operator, mistake, peer):
    compute, _, _ = LOSSES[operator]
    detected = 0
    for case in cases_of(peer("onnx"), operator):
        detected += bool(disagreements(case, compute(mistake(case))))
    assert detected == DETECTED_IN[operator][mistake]
