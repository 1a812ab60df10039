"""Floating-point formats, including those that NumPy lacks, and the arithmetics built on them."""

from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array, one_of
from .error_analysis import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, TF32, Arithmetic, Precision


class Format(NamedTuple):
    """A floating-point format: its precision, largest number, and smallest normal one.

    Hardware may flush numbers below `smallest` to 0, and some does. It is 0.0 for float16 and float8, which
    keep subnormals.

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
        """The precision where numbers below the smallest normal one may be flushed to 0."""
        return self.precision._replace(tiny=max(self.precision.tiny, self.smallest))

    @property
    def digits(self) -> int:
        """Binary digits of the significand, including the leading one."""
        return -int(np.log2(self.precision.u))

    def spacing(self, x: Any) -> Array:
        """The distance between neighbouring numbers at x."""
        _, exponent = np.frexp(np.where(np.isfinite(x), x, 0.0))
        apart = np.where(np.equal(x, 0), 0.0, np.ldexp(1.0, exponent - self.digits))
        return np.asarray(np.maximum(apart, self.precision.tiny))

    def rounded(self, x: Any) -> Array:
        """Round to this format, ties to even, as float64; infinity beyond the largest number."""
        x = np.asarray(x, dtype=np.float64)
        if self.name == "float64":
            return np.array(x)
        spacing = self.spacing(x)
        finite = np.isfinite(x)
        nearest = np.rint(np.where(finite, x, 0.0) / spacing) * spacing
        nearest = np.where(np.abs(nearest) > self.largest, np.copysign(np.inf, x), nearest)
        return np.asarray(np.where(finite, nearest, x))


FORMATS = {
    "float64": Format("float64", FLOAT64, float(np.finfo(np.float64).max), 2.0**-1022),
    "float32": Format("float32", FLOAT32, float(np.finfo(np.float32).max), 2.0**-126),
    "float16": Format("float16", FLOAT16, 65504.0),
    "bfloat16": Format("bfloat16", BFLOAT16, (2 - 2.0**-7) * 2.0**127, 2.0**-126),
    "float8_e4m3": Format("float8_e4m3", Precision(2.0**-4, 2.0**-9), 448.0),
    "float8_e5m2": Format("float8_e5m2", Precision(2.0**-3, 2.0**-16), 57344.0),
}
"""Storage formats of inputs and results, by name."""


def as_precision(name: str, x: Any) -> Precision:
    """A Precision, from itself, the name of a format, a dtype, or a unit roundoff (with float32's range).

    Examples
    --------
    >>> as_precision("precision", "bfloat16") == as_precision("precision", 2.0**-8) == BFLOAT16
    True
    """
    expected = f"a Precision, a number in (0, 1), a dtype, or one of {', '.join(FORMATS)}, tf32 is expected"
    if isinstance(x, Precision):
        return x
    if isinstance(x, (int, float)):
        if not 0 < x < 1:
            raise ValueError(f"{name} is {x!r}; {expected}")
        return Precision(float(x), 2 * float(x) * FORMATS["float32"].smallest)
    text = x if isinstance(x, str) else type(x).__name__
    if isinstance(x, (np.dtype, type)) and np.issubdtype(x, np.generic):
        text = np.dtype(x).name
    known = {each: form.precision for each, form in FORMATS.items()} | {"tf32": TF32}
    if text not in known:
        raise ValueError(f"{name} is {text}; {expected}")
    return known[text]


_FLOAT32 = FORMATS["float32"].flushed

ARITHMETICS = {
    "float64": Arithmetic(FORMATS["float64"].flushed),
    "float32": Arithmetic(_FLOAT32),
    "tf32": Arithmetic(_FLOAT32, operands=TF32),
    "float16": Arithmetic(FLOAT16, sums=FLOAT32),
    "bfloat16": Arithmetic(FORMATS["bfloat16"].flushed, sums=FLOAT32),
    "float8": Arithmetic(_FLOAT32, operands=FORMATS["float8_e4m3"].precision),
}
"""Arithmetics by name. tf32 and float8 round the factors of matrix products only; float16 and bfloat16 round
after every operation, but accumulate sums in float32 and round them once."""

DEFAULT_ARITHMETIC = {"float64": "float64"}
"""Arithmetic of a storage format; float32 for the formats not listed, which accumulate in it."""


class Roundoff(NamedTuple):
    """Precision that a candidate is judged at: the format of its inputs and results, and its arithmetic."""

    storage: Format
    arithmetic: Arithmetic
    name: str

    @property
    def kept(self) -> Precision | None:
        """Storage precision between two products, if lower than the arithmetic's; else None."""
        return self.storage.precision if self.storage.precision.u > self.arithmetic.u else None


def roundoff(dtype: str, arithmetic: str | None = None) -> Roundoff:
    """Look up a storage format and an arithmetic by name; by default the format's usual arithmetic.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> roundoff("bfloat16").name, roundoff("float32", "tf32").name
    ('float32', 'tf32')
    """
    name = arithmetic or DEFAULT_ARITHMETIC.get(dtype, "float32")
    one_of("dtype", dtype, tuple(FORMATS))
    one_of("arithmetic", name, tuple(ARITHMETICS))
    return Roundoff(FORMATS[dtype], ARITHMETICS[name], name)
