"""The exercises of layer norm and Adam: layer-norm-back, adam."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ...check.outside.formulas import FORMULAS
from ...check.outside.running import Running
from ...check.rounding.error_analysis import Bounded
from ...functional.base.admission import Array
from ...functional.layers.normalization import layer_norm, layer_norm_backward, layer_norm_forward
from ...optim.adam import adam_step
from . import planted
from .bounds import of_gradients, running
from .exercise import FLOAT64, Arguments, Exercise, Named
from .problems import LARGE, TINY

Cases = Iterator[tuple[str, Arguments]]


def _inner(x: Array, y: Array) -> Any:
    return (x * y).sum()


# ------------------------------------------------------------------------------------- layer norm


def _norm_cases() -> Cases:
    rng = np.random.default_rng(2)
    for name, (N, n), size, scale, eps in (
        ("square", (4, 4), 1.0, 1.0, 1e-5),
        ("few rows", (2, 7), 1.0, 1.0, 1e-5),
        ("many rows", (7, 3), 1.0, 1.0, 1e-5),
        ("one row", (1, 5), 1.0, 1.0, 1e-5),
        ("a large epsilon", (3, 5), 1.0, 1.0, 0.5),
        ("small numbers", (3, 5), 1.0, 1e-2, 1e-5),
        ("far from zero", (3, 5), 1.0, 1.0, 1e-5),
        ("tiny gradients", (3, 5), TINY, 1.0, 1e-5),
        ("large gradients", (5, 3), LARGE, 1.0, 1e-5),
    ):
        x = scale * rng.standard_normal((N, n)) + (100.0 if name == "far from zero" else 0.0)
        weight = 1 + rng.standard_normal(n) / 2
        yield name, {"d_out": size * rng.standard_normal((N, n)), "x": x, "weight": weight, "eps": eps}


def _norm_back(d_out: Array, x: Array, weight: Array, eps: float) -> Named:
    _, saved = layer_norm_forward(x, weight, np.zeros(weight.shape), eps)
    return dict(layer_norm_backward(d_out, saved)._asdict())


def _norm_bounds(d_out: Array, x: Array, weight: Array, eps: float) -> Any:
    leaves = {"x": running(x), "weight": running(weight), "bias": running(np.zeros(weight.shape))}
    return of_gradients(FORMULAS["layer_norm"](**leaves, eps=eps), d_out, leaves)


def _norm_call(d_out: Array, x: Array, weight: Array, eps: float) -> Any:
    return {"x": x, "weight": weight, "bias": np.zeros(weight.shape), "eps": eps}, d_out


LAYER_NORM_BACK = Exercise(
    "layer-norm-back", 30, "the gradients of a layer norm",
    """
    unit = (x - mean) / √(variance + eps)      mean and variance of each row, over its n entries
    out  = weight * unit + bias

A loss has the gradient d_out with respect to out. Return its gradients with respect to x, weight and bias.
""",
    {"d_out": "(N, n)", "x": "(N, n)", "weight": "(n,)", "eps": "a number"},
    {"d_x": "(N, n)", "d_weight": "(n,)", "d_bias": "(n,)"},
    ({"d_out": np.array([[1.0, 0.0, 0.0, 0.0]]), "x": np.array([[1.0, 3.0, 1.0, 3.0]]), "weight": np.full(4,
        2.0),
      "eps": 0.0},
     {"d_out": np.array([[1.0, 0.0], [2.0, 1.0]]), "x": np.array([[1.0, 3.0], [5.0, 1.0]]),
      "weight": np.array([1.0, 2.0]), "eps": 0.0},
     {"d_out": np.array([[1.0, 0.0, -1.0], [2.0, 1.0, 0.0]]), "x": np.array([[1.0, 3.0, 5.0], [0.0, 1.0,
         -1.0]]),
      "weight": np.array([1.0, 2.0, 0.5]), "eps": 0.5}),
    """
mean = rowmean(x)
centred = x - mean
squares = square(centred)
variance = rowmean(squares)
raised = variance + eps
deviation = root(raised)
unit = centred / deviation
d_unit = d_out * weight
d_unit_mean = rowmean(d_unit)
agreement = unit * d_unit
agreement_mean = rowmean(agreement)
along = unit * agreement_mean
rest = d_unit - d_unit_mean
inner = rest - along
d_x = inner / deviation
d_products = d_out * unit
d_weight = colsum(d_products)
d_bias = colsum(d_out)
""",
    _norm_back, _norm_bounds, _norm_cases,
    {"d_unit": "d_out times the weight", "d_unit_mean": "the row's mean of d_out times the weight",
     "agreement": "the normalised row times its gradient", "along": "the part along the normalised row",
     "agreement_mean": "the row's mean of the normalised row times its gradient",
     "unit": "the normalised row",
     "deviation": "the standard deviation", "variance": "the variance", "mean": "the mean",
     "centred": "the centred row",
     "squares": "the square", "raised": "the variance with epsilon", "eps": "epsilon",
     "rest": "the gradient minus its mean",
     "inner": "the sum of the three terms", "d_products": "d_out times the normalised row",
     "weight": "the weight"},
    (("each row of d_x adds up to 0", lambda n: (n["d_x"].sum(axis=-1), 0.0)),
     ("the sum of d_bias is that of d_out", lambda n: (n["d_bias"].sum(), n["d_out"].sum())),
     ("each row of d_x is orthogonal to its row of x where epsilon is 0", lambda n: (
         (n["d_x"] * n["x"]).sum(axis=-1) * (n["eps"] == 0), 0.0))),
    lambda n: ({"x": n["x"], "weight": n["weight"], "bias": np.zeros(n["weight"].shape)},
               partial(layer_norm, eps=n["eps"])),
    lambda n: {"the width": n["x"].shape[-1], "the number of rows": len(n["x"])},
    lambda: planted.in_rule("layer_norm", _norm_call, "d_x", "d_weight", "d_bias"),
)  # fmt: skip


# ------------------------------------------------------------------------------------------ Adam


def _adam_cases() -> Cases:
    rng = np.random.default_rng(3)
    for name, t, size, eps, lr in (
        ("the first step", 1, 1.0, 1e-8, 0.125), ("the second step", 2, 1.0, 1e-8, 0.125),
        ("the tenth step", 10, 1.0, 1e-8, 0.125), ("tiny gradients", 3, 1e-7, 1e-8, 0.125),
        ("vanishing gradients", 3, TINY, 1e-8, 0.125), ("large gradients", 3, LARGE, 1e-8, 0.25),
        ("a large epsilon", 3, 1.0, 0.5, 0.125), ("a late step", 1000, 1.0, 1e-8, 1e-3),
    ):  # fmt: skip
        moments = 0.0 if t == 1 else size
        yield name, {
            "param": rng.standard_normal(5), "grad": size * rng.standard_normal(5),
            "first": moments * rng.standard_normal(5) / 4, "second": moments**2 * rng.random(5) / 4, "t": t,
            "lr": lr, "beta1": 0.9, "beta2": 0.999, "eps": eps,
        }  # fmt: skip


def _adam_bounds(param: Array, grad: Array, first: Array, second: Array, t: int, lr: float, beta1: float,
                 beta2: float, eps: float) -> Any:  # fmt: skip
    def moment(beta: float, old: Array, new: Running) -> Running:
        return running(old) * beta + new * (1 - running(beta))

    def corrected(beta: float, x: Running) -> Running:
        a, power = FLOAT64.arithmetic, np.asarray(beta**t)
        return x / (1 - Running(Bounded(power, a.u * (t + a.safety) * power), a))

    gradient = running(grad)
    first_after, second_after = moment(beta1, first, gradient), moment(beta2, second, gradient * gradient)
    direction = corrected(beta1, first_after) / (corrected(beta2, second_after).root() + eps)
    return {"param": (running(param) - direction * lr).of, "first": first_after.of, "second": second_after.of}


ADAM = Exercise(
    "adam", 15, "one step of Adam",
    """
    first  ← beta1 first  + (1 - beta1) grad         a running mean of the gradient
    second ← beta2 second + (1 - beta2) grad²        a running mean of its square
    param  ← param - lr first_hat / (√second_hat + eps)

Both means start at 0 and are too small at first. After t steps of a constant gradient, first is
(1 - beta1^t) grad; first_hat and second_hat make up for that. This is step t = 1, 2, ….
""",
    {"param": "(n,)", "grad": "(n,)", "first": "(n,)", "second": "(n,)", "t": "1, 2, …", "lr": "a number",
     "beta1": "a number", "beta2": "a number", "eps": "a number"},
    {"param": "(n,)", "first": "(n,)", "second": "(n,)"},
    ({"param": np.array([1.0, 2.0]), "grad": np.array([0.5, -2.0]), "first": np.zeros(2),
      "second": np.zeros(2),
      "t": 1, "lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
     {"param": np.array([1.0]), "grad": np.array([1.0]), "first": np.array([0.5]), "second": np.array([0.25]),
      "t": 2, "lr": 0.5, "beta1": 0.5, "beta2": 0.75, "eps": 0.25}),
    """
rest1 = one_minus(beta1)
rest2 = one_minus(beta2)
old_first = first * beta1
fresh_first = grad * rest1
new_first = old_first + fresh_first
squares = square(grad)
old_second = second * beta2
fresh_second = squares * rest2
new_second = old_second + fresh_second
power1 = beta1 ** t
power2 = beta2 ** t
share1 = one_minus(power1)
share2 = one_minus(power2)
first_hat = new_first / share1
second_hat = new_second / share2
spread = root(second_hat)
below = spread + eps
direction = first_hat / below
step = direction * lr
new_param = param - step
""",
    planted.adam_answer(adam_step), _adam_bounds, _adam_cases,
    {"rest1": "one minus beta1", "rest2": "one minus beta2", "squares": "the squared gradient",
     "grad": "the gradient",
     "first": "the old first moment", "second": "the old second moment", "new_first": "the first moment",
     "new_second": "the second moment", "share1": "the first bias correction",
     "share2": "the second bias correction",
     "first_hat": "the corrected first moment", "second_hat": "the corrected second moment", "eps": "epsilon",
     "spread": "the root of the second moment", "below": "the divisor", "new_param": "the new param",
     "step": "the step",
     "direction": "the direction", "power1": "the power of beta1", "power2": "the power of beta2",
     "lr": "the learning rate",
     "old_first": "the kept part of the first moment",
     "fresh_first": "the gradient's part of the first moment",
     "old_second": "the kept part of the second moment",
     "fresh_second": "the gradient's part of the second moment",
     "t": "the number of the step"},
    planted=planted.in_adam,
)  # fmt: skip

EXERCISES = (LAYER_NORM_BACK, ADAM)
