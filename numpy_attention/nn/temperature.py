"""A learned temperature for each head.

    tempered = scores / temperature,  temperature = exp(log_temperature)

Below 1 the softmax that follows is sharper, above 1 flatter. The logarithm is learned, so the temperature
stays positive; its initial value 0 is a temperature of 1.
"""

from typing import NamedTuple

import numpy as np

from ..functional.base.admission import Array
from ..functional.base.arrays import unbroadcast

FIXED, LEARNED = "fixed", "learned"
TEMPERATURES = (FIXED, LEARNED)


class TemperatureSaved(NamedTuple):
    """Input of `temperature_backward`."""

    tempered: Array
    """(B, H, L, S)"""
    sharpness: Array
    """(H, 1, 1) 1 / temperature"""


def temperature_forward(scores: Array, log_temperature: Array) -> tuple[Array, TemperatureSaved]:
    """scores (B, H, L, S), or their scale, divided by the temperature of their head; log_temperature (H,).

    Examples
    --------
    >>> temperature_forward(np.array([[[[1.0, 3.0]]]]), np.log([2.0]))[0]
    array([[[[0.5, 1.5]]]])
    """
    sharpness = np.exp(-log_temperature)[:, None, None]
    tempered = scores * sharpness
    return tempered, TemperatureSaved(tempered, sharpness)


def temperature_backward(d_tempered: Array, saved: TemperatureSaved) -> tuple[Array, Array]:
    """d_scores (B, H, L, S), to be summed where a scale broadcast, and d_log_temperature (H,).

    tempered = scores * exp(-log_temperature), so its derivative by log_temperature is -tempered.
    """
    d_sharpened = unbroadcast(d_tempered * saved.tempered, saved.sharpness.shape)
    return d_tempered * saved.sharpness, -d_sharpened[:, 0, 0]
