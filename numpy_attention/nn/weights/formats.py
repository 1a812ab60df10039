"""The number formats of a .safetensors file, and those among them that NumPy lacks: bfloat16 and float8.

NumPy's own formats are views of the file's bytes. The others are read as float32, which holds every one of
their numbers exactly: layers take float16, float32 and float64 alone. They are written from ml_dtypes arrays,
bit for bit, or by rounding to nearest, ties to even.
"""

from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array

NUMPY_FORMATS = {
    "F64": "float64", "F32": "float32", "F16": "float16", "C64": "complex64",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8",
}  # fmt: skip
"""Formats that are a NumPy dtype, by their code in the file."""


class NarrowFloat(NamedTuple):
    """A float of 8 or 16 bits: sign, exponent, fraction.

    A number is ±(2^fraction + f) 2^(e - bias - fraction); where e is 0, ±f 2^(1 - bias - fraction).
    """

    dtype: str
    """Its name in ml_dtypes"""
    bits: int
    fraction: int
    bias: int
    largest: float
    infinite: bool
    """The largest exponent is that of inf and NaN, as in IEEE 754"""

    def decoded(self, codes: Array) -> Array:
        """The numbers, as float32, of unsigned codes of `bits` bits."""
        if self.bits == 16:
            return np.asarray((codes.astype(np.uint32) << 16).view(np.float32))  # the upper half of a float32
        return np.asarray(self._numbers()[codes])

    def encoded(self, x: Array) -> Array:
        """Codes of the nearest numbers, ties to even; |x| rounds to `largest` at most, or is NaN or inf."""
        with np.errstate(invalid="ignore"):
            nearest = self.rounded(x).astype(np.float32)
        if self.bits == 16:
            codes = (nearest.view(np.uint32) >> 16).astype(np.uint16)
            return np.where(np.isnan(nearest), np.uint16(0x7FC0), codes)
        numbers = self._numbers()[:128]
        ascending = np.where(np.isnan(numbers), np.inf, numbers)  # as the codes are; NaN comes last
        codes = np.searchsorted(ascending, np.abs(nearest)).astype(np.uint8)
        codes = np.where(np.isnan(nearest), np.uint8(0x7F), codes)
        return codes | np.where(np.signbit(nearest), np.uint8(0x80), np.uint8(0))

    def rounded(self, x: Array) -> Array:
        """The nearest numbers with this fraction and smallest exponent, as float64; ties to even."""
        with np.errstate(invalid="ignore"):  # some NaN
            x = x.astype(np.float64)
        finite = np.isfinite(x)
        _, exponent = np.frexp(np.where(finite, x, 0.0))
        spacing = np.ldexp(1.0, np.maximum(exponent - 1 - self.fraction, 1 - self.bias - self.fraction))
        return np.where(finite, np.rint(np.where(finite, x, 0.0) / spacing) * spacing, x)

    def _numbers(self) -> Array:
        """The numbers of all 256 codes."""
        code = np.arange(256)
        exponent = code >> self.fraction & 0x7F >> self.fraction
        fraction = code & (1 << self.fraction) - 1
        leading = np.where(exponent > 0, 1 << self.fraction, 0)
        numbers = np.ldexp(leading + fraction + 0.0, np.maximum(exponent, 1) - self.bias - self.fraction)
        numbers[np.abs(numbers) > self.largest] = np.nan
        if self.infinite:
            numbers[0x7F >> self.fraction << self.fraction :: 128] = np.inf
        return np.asarray(np.where(code < 128, numbers, -numbers), np.float32)


NARROW_FORMATS = {
    "BF16": NarrowFloat("bfloat16", 16, 7, 127, (2 - 2.0**-7) * 2.0**127, True),
    "F8_E4M3": NarrowFloat("float8_e4m3fn", 8, 3, 7, 448.0, False),
    "F8_E5M2": NarrowFloat("float8_e5m2", 8, 2, 15, 57344.0, True),
}
"""Formats that NumPy lacks, by their code in the file."""

CODES = {name: code for code, name in NUMPY_FORMATS.items()} | {
    "bool": "BOOL",
    **{form.dtype: code for code, form in NARROW_FORMATS.items()},
}
"""The code in the file, by the name of a dtype."""

SIZES = {code: np.dtype(name).itemsize for code, name in NUMPY_FORMATS.items()} | {
    "BOOL": 1,
    **{code: form.bits // 8 for code, form in NARROW_FORMATS.items()},
}
"""Bytes of a number, by the code in the file."""


ORDER = (
    "U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16",
    "F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL",
)  # fmt: skip
"""The formats as the `safetensors` package orders arrays: widest numbers first, so that all lie aligned."""

FLOATS = ("F64", "F32", "F16", *NARROW_FORMATS)
"""Those of real numbers with a fraction."""


def read_numbers(code: str, raw: Array) -> Array:
    """The numbers of a file's bytes: a view of them where NumPy has the format, else float32 or bool."""
    if code == "BOOL":
        return np.asarray(raw != 0)
    if code in NUMPY_FORMATS:
        array = raw.view(np.dtype(NUMPY_FORMATS[code]).newbyteorder("<"))
        return array if array.flags.aligned and array.dtype.isnative else array.astype(NUMPY_FORMATS[code])
    form = NARROW_FORMATS[code]
    return form.decoded(raw.view(f"<u{form.bits // 8}"))


def too_large(code: str, array: Any) -> Any:
    """The first number beyond the largest of the format `code`, or an infinity that it lacks; else None."""
    if array.dtype.kind == "c" or code not in FLOATS:
        return None
    wide = array.astype(np.float64)
    with np.errstate(over="ignore"):
        if code in NUMPY_FORMATS:
            beyond = np.isfinite(wide) & np.isinf(wide.astype(NUMPY_FORMATS[code]))
        else:
            form = NARROW_FORMATS[code]
            beyond = np.abs(form.rounded(wide)) > form.largest
            beyond &= np.isfinite(wide) | (not form.infinite)
    return wide[beyond][0] if beyond.any() else None


def write_numbers(code: str, array: Any) -> Array:
    """The bytes of an array in the file's format `code`, little-endian, rows first."""
    if code in NARROW_FORMATS and array.dtype.name != NARROW_FORMATS[code].dtype:
        array = NARROW_FORMATS[code].encoded(array)
    elif code in NUMPY_FORMATS:
        array = array.astype(NUMPY_FORMATS[code], copy=False)
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype.name in CODES and code not in NARROW_FORMATS:
        return flat.astype(flat.dtype.newbyteorder("<"), copy=False).view(np.uint8)
    size = flat.dtype.itemsize
    return flat.view(f"u{size}").astype(f"<u{size}", copy=False).view(np.uint8)
