"""A learned temperature for each head.

    tempered = scores / temperature,  temperature = exp(log_temperature)

Below 1 the softmax that follows is sharper, above 1 flatter. The logarithm is what is learned: so the
temperature stays above 0, and 0, where it starts, is a temperature of 1.
"""

from typing import NamedTuple

import numpy as np

from ..training.data import Array

FIXED, LEARNED = "fixed", "learned"
TEMPERATURES = (FIXED, LEARNED)


class TemperSaved(NamedTuple):
    """What the backward needs."""

    tempered: Array
    """(B, H, L, S)"""
    sharpness: Array
    """(H, 1, 1) 1 / temperature"""


def temper_forward(scores: Array, log_temperature: Array) -> tuple[Array, TemperSaved]:
    """scores (B, H, L, S) over the temperature of their head; log_temperature (H,).

    Examples
    --------
    >>> temper_forward(np.array([[[[1.0, 3.0]]]]), np.log([2.0]))[0]
    array([[[[0.5, 1.5]]]])
    """
    sharpness = np.exp(-log_temperature)[:, None, None]
    tempered = scores * sharpness
    return tempered, TemperSaved(tempered, sharpness)


def temper_backward(d_tempered: Array, saved: TemperSaved) -> tuple[Array, Array]:
    """d_scores (B, H, L, S) and d_log_temperature (H,).

    tempered = scores * exp(-log_temperature), so its derivative by log_temperature is -tempered.
    """
    d_log_temperature = -(d_tempered * saved.tempered).sum(axis=(0, 2, 3))
    return d_tempered * saved.sharpness, d_log_temperature
