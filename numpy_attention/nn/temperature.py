"""A learned temperature for each head.

    tempered = scores / temperature,  temperature = exp(log_temperature)

Below 1 the softmax that follows is sharper, above 1 flatter. The logarithm is learned, so the temperature
stays positive; its initial value 0 is a temperature of 1.
"""

from typing import NamedTuple

import numpy as np

from ..functional.base.admission import Array

FIXED, LEARNED = "fixed", "learned"
TEMPERATURES = (FIXED, LEARNED)


class TemperatureSaved(NamedTuple):
    """Input of `temperature_backward`."""

    tempered: Array
    """(B, H, L, S)"""
    sharpness: Array
    """(H, 1, 1) 1 / temperature"""


def temperature_forward(scores: Array, log_temperature: Array) -> tuple[Array, TemperatureSaved]:
    """scores (B, H, L, S) divided by the temperature of their head; log_temperature (H,).

    Examples
    --------
    >>> temperature_forward(np.array([[[[1.0, 3.0]]]]), np.log([2.0]))[0]
    array([[[[0.5, 1.5]]]])
    """
    sharpness = np.exp(-log_temperature)[:, None, None]
    tempered = scores * sharpness
    return tempered, TemperatureSaved(tempered, sharpness)


def temperature_backward(d_tempered: Array, saved: TemperatureSaved) -> tuple[Array, Array]:
    """d_scores (B, H, L, S) and d_log_temperature (H,).

    tempered = scores * exp(-log_temperature), so its derivative by log_temperature is -tempered.
    """
    d_log_temperature = -(d_tempered * saved.tempered).sum(axis=(0, 2, 3))
    return d_tempered * saved.sharpness, d_log_temperature
