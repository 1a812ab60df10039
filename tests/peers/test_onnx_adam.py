"""The onnx package's cases of Adam, and calls of its reference implementation."""

from dataclasses import replace

import numpy as np

import numpy_attention as na
from tests.support.peers.onnx_cases import cases_of, disagreements, double, expanded_twins
from tests.support.peers.onnx_layers import F32

LATE = 10**6
"""A step count at which the bias correction is exactly 1: 0.95^10^6 is 0."""


def adam(case, step, inputs=None):
    """{output: (value, tolerance)}.

    onnx adds norm_coefficient * x to the gradient, and epsilon before the bias correction; its T counts this
    step, our `step` the steps before it. T = 0 means no correction, as `LATE` does.
    """
    inputs = case.inputs if inputs is None else inputs
    names = [name[1:] for name in inputs if name.startswith("X")]
    given = {letter: {n: inputs[letter + n] for n in names} for letter in "XGVH"}
    alpha, beta, eps = (case.attribute(name) for name in ("alpha", "beta", "epsilon"))
    decay, lr = case.attribute("norm_coefficient"), float(inputs["R"])
    grads = {n: double(given["G"][n]) + decay * double(given["X"][n]) for n in names}
    params, state = na.adam_step(
        {n: double(x) for n, x in given["X"].items()},
        grads,
        {
            "step": np.array(step),
            "first_moment": {n: double(x) for n, x in given["V"].items()},
            "second_moment": {n: double(x) for n, x in given["H"].items()},
        },
        lr=lr,
        betas=(alpha, beta),
        eps=eps,
        eps_added="before_correction",
    )
    computed = {}
    for n in names:
        x, g, v, h = (np.abs(double(given[letter][n])) for letter in "XGVH")
        first, second = state["first_moment"][n], state["second_moment"][n]
        bounds = errors(x, g + decay * x, v, h, params[n], first, second, alpha, beta)
        for letter, pair in zip("XVH", zip((params[n], first, second), bounds, strict=True), strict=True):
            computed[f"{letter}{n}_new"] = pair
    return computed


def errors(x, g, v, h, param, first, second, alpha, beta):
    """Error bounds of onnx's float32 for the parameter and both moments, from the inputs' magnitudes.

    1 - alpha and 1 - beta, Python numbers, are rounded once. The regularised gradient g has 3 roundings
    (a product, a factor, a sum); it enters the first moment once, the second twice.
    """
    e_first = F32 * (2 * alpha * v + 5 * (1 - alpha) * g + np.abs(first))
    e_second = F32 * (2 * beta * h + 9 * (1 - beta) * g * g + second)
    # root, sum, quotient, and a factor with 5 roundings of its own
    relative = e_first / np.abs(first) + e_second / second / 2 + 9 * F32
    return np.abs(x - param) * relative + 2 * F32 * np.maximum(x, np.abs(param)), e_first, e_second


def test_adam(peer):
    cases = cases_of(peer("onnx"), "Adam")
    assert (len(cases), expanded_twins(peer("onnx"), cases)) == (2, 0)
    assert {int(case.inputs["T"]) for case in cases} == {0}
    wrong = [line for case in cases for line in disagreements(case, adam(case, LATE))]
    assert not wrong, "\n".join(wrong)
    for case in cases:
        assert disagreements(case, adam(case, 0)), f"{case.name}: a bias correction goes undetected"


def test_adam_with_bias_correction(peer):
    """The cases lack it: run onnx's reference on them at T = 3, our third step."""
    reference = peer("onnx.reference").ReferenceEvaluator
    for case in cases_of(peer("onnx"), "Adam"):
        inputs = case.inputs | {"T": np.array(3)}
        outputs = reference(case.model).run(None, inputs)
        third = replace(case, outputs=dict(zip(case.outputs, outputs, strict=True)))
        wrong = disagreements(third, adam(third, 2, inputs))
        assert not wrong, "\n".join(wrong)
        assert disagreements(third, adam(third, 3, inputs)), "one more step goes undetected"
