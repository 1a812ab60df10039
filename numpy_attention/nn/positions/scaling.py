"""Rotary positions for longer sequences than those of training: other rates of turning.

rate_i = base^(-2i / width)                     unscaled
Linear   rate_i / factor                        positions squeezed
NTK      base * factor^(width / (width - 2))    slow pairs squeezed, fast ones hardly
YaRN     between the two, pair by pair, by how often it turns within the original length
"""

import math
from dataclasses import KW_ONLY, dataclass

import numpy as np

from ...functional.base.admission import Array, real_number
from ..layer import admit_sizes


def rates_of(width: int, base: float) -> Array:
    """The angle per position of each pair, (width / 2,)."""
    return np.asarray(base ** (-np.arange(0, width, 2) / max(width, 1)))


@dataclass(frozen=True)
class _Scaling:
    factor: float

    def __post_init__(self) -> None:
        if real_number("factor", self.factor) < 1:
            raise ValueError(f"factor is {self.factor}; a number >= 1 is expected")


class LinearScaling(_Scaling):
    """Positions divided by factor. Chen et al. 2023, equation 4."""

    def rates(self, width: int, base: float) -> tuple[Array, float]:
        """Rates (width / 2,), and the factor of cosines and sines.

        Examples
        --------
        >>> LinearScaling(2.0).rates(4, 10000.0)
        (array([0.5  , 0.005]), 1.0)
        """
        return rates_of(width, base) / self.factor, 1.0


class NTKScaling(_Scaling):
    """A larger base: the slowest pair turns 1 / factor as fast, the fastest as before. bloc97 2023."""

    def rates(self, width: int, base: float) -> tuple[Array, float]:
        """Rates (width / 2,), and the factor of cosines and sines.

        Examples
        --------
        >>> NTKScaling(2.0).rates(4, 10000.0)
        (array([1.   , 0.005]), 1.0)
        """
        return rates_of(width, base * self.factor ** (width / max(width - 2, 1))), 1.0


@dataclass(frozen=True)
class YaRNScaling(_Scaling):
    """Pairs that turn often keep their rate, those that turn seldom are divided by factor; between, a ramp.

    Parameters
    ----------
    factor : how much longer sequences become
    original_length : that of training
    fast, slow : turns within the original length from which on, and up to which, a pair counts as such
    amplitude : factor of cosines and sines, 0.1 log(factor) + 1 if None

    References
    ----------
    Peng et al. 2023, equations 17 to 22; rounded to whole pairs as in their code and in Hugging Face's.
    """

    original_length: int
    _: KW_ONLY
    fast: float = 32.0
    slow: float = 1.0
    amplitude: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        admit_sizes(original_length=self.original_length)
        for name, number in (("fast", self.fast), ("slow", self.slow), ("amplitude", self.amplitude)):
            if number is not None and real_number(name, number) <= 0:
                raise ValueError(f"{name} is {number}; a positive number is expected")

    def rates(self, width: int, base: float) -> tuple[Array, float]:
        """Rates (width / 2,), and the factor of cosines and sines."""
        first, last = (self._pair_of(turns, width, base) for turns in (self.fast, self.slow))
        low, high = max(math.floor(first), 0), min(math.ceil(last), width - 1)
        squeezed = np.clip((np.arange(width // 2) - low) / max(high - low, 0.001), 0, 1)
        rates = rates_of(width, base)
        amplitude = 0.1 * math.log(self.factor) + 1 if self.amplitude is None else self.amplitude
        return rates * (1 - squeezed) + rates / self.factor * squeezed, float(amplitude)

    def _pair_of(self, turns: float, width: int, base: float) -> float:
        """The pair, a number between two, that turns so often within the original length."""
        return width * math.log(self.original_length / (turns * 2 * math.pi)) / (2 * math.log(base))


Scaling = LinearScaling | NTKScaling | YaRNScaling
