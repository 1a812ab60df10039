"""Mistakes in layer norm and RMS norm: missing terms, factors in the wrong place."""

from typing import Any

import numpy as np

from ....functional.base.admission import Array
from ....functional.base.arrays import Pair, gradient_like, round_to
from ....functional.layers.normalization import (
    LayerNormGradients,
    LayerNormSaved,
    RmsNormGradients,
    RmsNormSaved,
    layer_norm_backward,
    layer_norm_forward,
    rms_norm_backward,
    rms_norm_forward,
)
from ..conditions import Arguments
from ..fault import FINE, FaultFamily

LAYER_NORM = FaultFamily("layer norm", "layer_norm", Pair(layer_norm_forward, layer_norm_backward))
RMS_NORM = FaultFamily("rms norm", "rms_norm", Pair(rms_norm_forward, rms_norm_backward))


def _wide(call: Arguments) -> bool:
    """Where rows have several entries."""
    return np.size(call["x"]) > 0 and np.shape(call["x"])[-1] > 1


def _has_rows(call: Arguments) -> bool:
    """Wherever there is a row."""
    return np.size(call["x"]) > 0


def _several_rows(call: Arguments) -> bool:
    """Where there are several rows."""
    return bool(np.size(call["x"]) > np.shape(call["x"])[-1] > 0)


def _weighted(call: Arguments) -> bool:
    """Where rows have several entries, and the weight is not 1."""
    return _wide(call) and bool((np.asarray(call["weight"]) != 1).any())


def _with_eps(call: Arguments) -> bool:
    """Where rows have several entries, and eps is not 0."""
    return _wide(call) and call.get("eps", 1e-5) > 0


def _mean(x: Array) -> Array:
    return np.asarray(x.sum(axis=-1, keepdims=True) / max(x.shape[-1], 1))


# ------------------------------------------------------------------------------------------- layer norm


@LAYER_NORM.backward(active=_has_rows)
def layer_norm_without_mean(d_out: Array, saved: LayerNormSaved) -> LayerNormGradients:
    """d_x lacks - mean(d_unit): the mean is treated as a constant."""
    x, weight, _, unit, rate, _ = saved
    d_unit = weight * d_out
    d_x = rate * (d_unit - unit * _mean(unit * d_unit))
    return layer_norm_backward(d_out, saved)._replace(d_x=gradient_like(d_x, x))


@LAYER_NORM.backward(active=_wide)
def layer_norm_without_variance(d_out: Array, saved: LayerNormSaved) -> LayerNormGradients:
    """d_x lacks - unit * mean(unit * d_unit): the variance is treated as a constant."""
    x, weight, _, _, rate, _ = saved
    d_unit = weight * d_out
    d_x = rate * (d_unit - _mean(d_unit))
    return layer_norm_backward(d_out, saved)._replace(d_x=gradient_like(d_x, x))


@LAYER_NORM.backward(active=_wide)
def layer_norm_without_rate(d_out: Array, saved: LayerNormSaved) -> LayerNormGradients:
    """d_x is not divided by the standard deviation."""
    right: LayerNormGradients = layer_norm_backward(d_out, saved)
    return right._replace(d_x=gradient_like(right.d_x / saved.rate, saved.x))


@LAYER_NORM.backward(active=_weighted)
def layer_norm_gamma_outside(d_out: Array, saved: LayerNormSaved) -> LayerNormGradients:
    """The weight stands outside the means: right where it is 1, as at the start of training.

    In a published NumPy transformer: 68 % off elsewhere, and its losses still fall.
    """
    x, weight, _, unit, rate, _ = saved
    d_x = weight * rate * (d_out - _mean(d_out) - unit * _mean(unit * d_out))
    return layer_norm_backward(d_out, saved)._replace(d_x=gradient_like(d_x, x))


@LAYER_NORM.backward(active=_has_rows)
def layer_norm_weight_of_x(d_out: Array, saved: LayerNormSaved) -> LayerNormGradients:
    """d_weight = Σ d_out * x, with the input in place of the normalised rows."""
    right: LayerNormGradients = layer_norm_backward(d_out, saved)
    return right._replace(d_weight=gradient_like(d_out * saved.x, saved.weight))


@LAYER_NORM.backward(active=_several_rows)
def layer_norm_bias_not_summed(d_out: Array, saved: LayerNormSaved) -> LayerNormGradients:
    """d_bias is taken from the first row, not summed over all rows."""
    right: LayerNormGradients = layer_norm_backward(d_out, saved)
    first = np.asarray(d_out)[(0,) * (np.ndim(d_out) - 1)] if np.size(d_out) else right.d_bias
    return right._replace(d_bias=gradient_like(first, saved.bias))


@LAYER_NORM.forward(active=_wide)
def layer_norm_ddof(x: Array, weight: Array, bias: Array, eps: float = 1e-5) -> tuple[Any, LayerNormSaved]:
    """The variance is divided by n - 1, not n: ddof=1, the default of torch's var."""
    _, saved = layer_norm_forward(x, weight, bias, eps)
    n = np.shape(x)[-1]
    variance = 1 / saved.rate**2 - eps
    rate = 1 / np.sqrt(variance * (n / max(n - 1, 1)) + eps)
    return _layer_norm_with_rate(rate, saved)


@LAYER_NORM.forward(active=_with_eps, dtypes=FINE)
def layer_norm_epsilon_outside(
    x: Array, weight: Array, bias: Array, eps: float = 1e-5
) -> tuple[Any, LayerNormSaved]:
    """Epsilon is added to the standard deviation, not to the variance: 1 / (√variance + eps)."""
    _, saved = layer_norm_forward(x, weight, bias, eps)
    rate = 1 / (np.sqrt(1 / saved.rate**2 - eps) + eps)
    return _layer_norm_with_rate(rate, saved)


def _layer_norm_with_rate(rate: Array, saved: LayerNormSaved) -> tuple[Any, LayerNormSaved]:
    """The rows normalised by another rate, which backward uses too."""
    unit = saved.unit / saved.rate * rate
    out = round_to(saved.weight * unit + saved.bias, saved.x, saved.weight)
    return out, saved._replace(unit=unit, rate=rate)


# --------------------------------------------------------------------------------------------- rms norm


@RMS_NORM.backward(active=_wide)
def rms_norm_without_square(d_out: Array, saved: RmsNormSaved) -> RmsNormGradients:
    """d_x lacks - unit * mean(unit * d_unit): the mean square is treated as a constant."""
    x, weight, _, rate, _ = saved
    return rms_norm_backward(d_out, saved)._replace(d_x=gradient_like(rate * weight * d_out, x))


@RMS_NORM.backward(active=_weighted)
def rms_norm_gamma_outside(d_out: Array, saved: RmsNormSaved) -> RmsNormGradients:
    """The weight stands outside the mean: right where it is 1, as at the start of training."""
    x, weight, unit, rate, _ = saved
    d_x = weight * rate * (d_out - unit * _mean(unit * d_out))
    return rms_norm_backward(d_out, saved)._replace(d_x=gradient_like(d_x, x))


@RMS_NORM.forward(active=_wide)
def rms_norm_of_the_sum(x: Array, weight: Array, eps: float = 1e-5) -> tuple[Any, RmsNormSaved]:
    """Rows are divided by √Σ x², their length, not by the root of the mean square."""
    _, saved = rms_norm_forward(x, weight, eps)
    square = (1 / saved.rate**2 - eps) * np.shape(x)[-1]
    return _rms_with_rate(1 / np.sqrt(square + eps), saved)


@RMS_NORM.forward(active=_with_eps, dtypes=FINE)
def rms_norm_epsilon_outside(x: Array, weight: Array, eps: float = 1e-5) -> tuple[Any, RmsNormSaved]:
    """Epsilon is added to the root, not to the mean square: 1 / (√mean(x²) + eps)."""
    _, saved = rms_norm_forward(x, weight, eps)
    return _rms_with_rate(1 / (np.sqrt(1 / saved.rate**2 - eps) + eps), saved)


@RMS_NORM.forward(active=_wide)
def rms_norm_centred(x: Array, weight: Array, eps: float = 1e-5) -> tuple[Any, RmsNormSaved]:
    """The mean is subtracted first, as in layer norm."""
    rows = np.asarray(x)
    return rms_norm_forward((rows - _mean(rows)).astype(rows.dtype), weight, eps)


def _rms_with_rate(rate: Array, saved: RmsNormSaved) -> tuple[Any, RmsNormSaved]:
    """The rows normalised by another rate, which backward uses too."""
    unit = saved.unit / saved.rate * rate
    return round_to(saved.weight * unit, saved.x, saved.weight), saved._replace(unit=unit, rate=rate)
