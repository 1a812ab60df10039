"""The formats numbers are kept in out there, those that NumPy lacks included, and arithmetic made of them."""

from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .error_analysis import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, TF32, Arithmetic, Precision


class Format(NamedTuple):
    """A floating format: unit roundoff and subnormal spacing, the largest number, the smallest normal one.

    Below `smallest` hardware may make 0 of a number, and does; float16 and float8 keep theirs.

    Examples
    --------
    >>> FORMATS["bfloat16"].rounded(np.array([1.0, 1.001, 1.01]))
    array([1.       , 1.       , 1.0078125])
    """

    name: str
    precision: Precision
    largest: float
    smallest: float = 0.0

    @property
    def flushed(self) -> Precision:
        """What storing may cost, where numbers below the smallest normal one may become 0."""
        return self.precision._replace(tiny=max(self.precision.tiny, self.smallest))

    @property
    def digits(self) -> int:
        """Binary digits of the significand, the leading one counted."""
        return -int(np.log2(self.precision.u))

    def quantum(self, x: Any) -> Array:
        """The distance between neighbouring numbers at x."""
        _, exponent = np.frexp(np.where(np.isfinite(x), x, 0.0))
        apart = np.where(np.equal(x, 0), 0.0, np.ldexp(1.0, exponent - self.digits))
        return np.asarray(np.maximum(apart, self.precision.tiny))

    def rounded(self, x: Any) -> Array:
        """The nearest numbers of this format, ties to even, in float64; beyond the largest, infinity."""
        x = np.asarray(x, dtype=np.float64)
        if self.name == "float64":
            return np.array(x)
        quantum = self.quantum(x)
        finite = np.isfinite(x)
        near = np.rint(np.where(finite, x, 0.0) / quantum) * quantum
        near = np.where(np.abs(near) > self.largest, np.copysign(np.inf, x), near)
        return np.asarray(np.where(finite, near, x))


FORMATS = {
    "float64": Format("float64", FLOAT64, float(np.finfo(np.float64).max), 2.0**-1022),
    "float32": Format("float32", FLOAT32, float(np.finfo(np.float32).max), 2.0**-126),
    "float16": Format("float16", FLOAT16, 65504.0),
    "bfloat16": Format("bfloat16", BFLOAT16, (2 - 2.0**-7) * 2.0**127, 2.0**-126),
    "float8_e4m3": Format("float8_e4m3", Precision(2.0**-4, 2.0**-9), 448.0),
    "float8_e5m2": Format("float8_e5m2", Precision(2.0**-3, 2.0**-16), 57344.0),
}
"""What inputs and results may be stored in, by name."""

_FLOAT32 = FORMATS["float32"].flushed

ARITHMETICS = {
    "float64": Arithmetic(FORMATS["float64"].flushed),
    "float32": Arithmetic(_FLOAT32),
    "tf32": Arithmetic(_FLOAT32, operands=TF32),
    "float16": Arithmetic(FLOAT16, sums=FLOAT32),
    "bfloat16": Arithmetic(FORMATS["bfloat16"].flushed, sums=FLOAT32),
    "float8": Arithmetic(_FLOAT32, operands=FORMATS["float8_e4m3"].precision),
}
"""What is computed in, by name. tf32 and float8 round the factors of matrix products and nothing else;
float16 and bfloat16 round after every operation, but sums are added up in float32 and rounded once."""

USUAL = {"float64": "float64"}
"""The arithmetic that belongs to a storage format, float32 for all others: products are added up in it."""


class Roundoff(NamedTuple):
    """What a candidate is judged by: the format of what it takes and gives, and its arithmetic."""

    storage: Format
    arithmetic: Arithmetic
    name: str

    @property
    def kept(self) -> Precision | None:
        """What is kept between two products, if that is less than the arithmetic."""
        return self.storage.precision if self.storage.precision.u > self.arithmetic.u else None


def roundoff(dtype: str, arithmetic: str | None = None) -> Roundoff:
    """The two roundoffs by name; without the second, the usual one.

    Raises
    ------
    ValueError
        For a name that is not known.

    Examples
    --------
    >>> roundoff("bfloat16").name, roundoff("float32", "tf32").name
    ('float32', 'tf32')
    """
    name = arithmetic or USUAL.get(dtype, "float32")
    for given, known, what in ((dtype, FORMATS, "dtype"), (name, ARITHMETICS, "arithmetic")):
        if given not in known:
            raise ValueError(f"{what} is {given!r}; one of {', '.join(known)} is expected")
    return Roundoff(FORMATS[dtype], ARITHMETICS[name], name)
