"""Draw a case, the numbers of a specification."""

import math
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ..rounding.formats import FORMATS, Format
from .cases import Case, make_case, visible_pairs
from .specification import COTANGENTS, EXTRAS, INPUTS, LAYOUTS, MODES, OPTIONS, Specification

SMALL = 2.0**-17
"""The size of small cotangents, if the format represents it."""

RATE = 0.2
"""The dropout rate: 1 / (1 - RATE) is 1.25, exact in every format."""


def draw_case(specification: Specification) -> Case:
    """Draw the numbers of a specification.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> from numpy_attention.check.reference.inputs import Shape
    >>> case = draw_case(Specification("plain", Shape(2, 3, 3, 5, 5, 7, 2), ("causal",), dtype="bfloat16"))
    >>> case.query.shape, case.features
    ((2, 3, 5, 7), ('causal',))
    """
    spec = specification
    for argument, values, known in (
        ("options", spec.options, (*OPTIONS, *EXTRAS)),
        ("inputs", (spec.inputs,), INPUTS),
        ("cotangent", (spec.cotangent,), COTANGENTS),
        ("layouts", (layout for _, layout in spec.layouts), LAYOUTS),
        ("mode", (spec.mode,), MODES),
        ("dtype", (spec.dtype,), FORMATS),
    ):
        if unknown := [x for x in values if x not in known]:
            raise ValueError(f"{argument} is {unknown[0]!r}; one of {', '.join(known)} is expected")
    B, H, G, L, S, D, E = spec.shape
    rng = np.random.default_rng([spec.seed, *spec.shape, *map(ord, spec.name)])
    dtype = FORMATS[spec.dtype]

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape)

    query, key, value, d_out = normal(B, H, L, D), normal(B, G, S, D), normal(B, G, S, E), normal(B, H, L, E)
    query, key, value, d_out = _sized(spec.inputs, query, key, value, d_out, rng, dtype)
    size = max(SMALL, 2.0**7 * dtype.precision.tiny) if spec.cotangent == "small" else 1.0
    d_out = d_out * size
    offset = _query_offset(spec)
    options = _options(spec, offset, rng, size)
    numbers = {name: x if isinstance(x, bool | int | float | tuple) or name == "mask" else dtype.rounded(x)
               for name, x in options.items()}  # fmt: skip
    query, key, value, d_out = map(dtype.rounded, (query, key, value, d_out))
    for x in (query, key, value, d_out, *numbers.values()):
        if isinstance(x, np.ndarray):
            x.setflags(write=False)  # cases are cached
    return make_case(spec, query, key, value, d_out, numbers, offset)


def _sized(
    inputs: str, query: Array, key: Array, value: Array, d_out: Array, rng: Any, dtype: Format
) -> tuple[Array, Array, Array, Array]:
    """The inputs made peaked, correlated, tiny or huge, within the range of the format."""
    if inputs == "peaked":
        return 20 * query, key, value, d_out
    if inputs == "correlated":
        of_keys, of_values = rng.standard_normal(key.shape[-1]), rng.standard_normal(value.shape[-1])
        return query + of_keys, key + 3 * of_keys, value + 3 * of_values, d_out
    if inputs == "tiny":
        tiny = max(1e-8, 2.0**12 * dtype.precision.tiny)
        return tiny * query, tiny * key, tiny * value, d_out
    if inputs == "huge":
        huge = min(1e4, math.sqrt(dtype.largest) / 16)
        return query, key, huge * value, d_out
    return query, key, value, d_out


def _query_offset(spec: Specification) -> int:
    """The position of query 0 among the keys."""
    L, S = spec.shape.L, spec.shape.S
    if "q_offset" in spec.options:
        return max(1, (S - L) // 2)
    return S - L if spec.corner == "bottom_right" else 0


def _options(spec: Specification, offset: int, rng: Any, cotangents: float) -> dict[str, Any]:
    B, H, _, L, S, D, _ = spec.shape
    options: dict[str, Any] = {}
    broadcast = (1, H, L, S) if spec.seed % 2 == 0 else (B, H, 1, S)
    size = 16.0 if spec.inputs == "peaked" else 1.0
    if "causal" in spec.options:
        options["causal"] = True
    if "window" in spec.options:  # wide enough that no row is fully masked
        left = max(1, S // 4, L + offset - S + 1)
        options["window"] = (left, max(1, S // 6, -offset))
    if "mask" in spec.options:
        options["mask"] = _mask(spec, options, offset, rng)
    if "bias" in spec.options:
        options["bias"] = rng.standard_normal(broadcast) * size
    if "scale" in spec.options:
        options["scale"] = 1.5 * 2.0 ** math.ceil(-math.log2(max(D, 1)) / 2)
    if "scale_array" in spec.options:
        options["scale"] = (0.5 + np.abs(rng.standard_normal((1, H, L, 1)))) / math.sqrt(max(D, 1))
    if "softcap" in spec.options:
        options["softcap"] = 1.25 * size
    if "sinks" in spec.options:
        options["sinks"] = (rng.standard_normal(H) + 0.5) * size
    if "dropout" in spec.options:
        options["dropout"] = np.where(rng.random((B, H, L, S)) < RATE, 0.0, 1 / (1 - RATE))
    if "q_offset" in spec.options:
        options["q_offset"] = offset
    if "d_lse" in spec.options:
        options["d_lse"] = rng.standard_normal((B, H, L)) * cotangents
    if "d_weights" in spec.options:
        options["d_weights"] = rng.standard_normal((B, H, L, S)) * cotangents
    return options


def _mask(spec: Specification, options: dict[str, Any], offset: int, rng: Any) -> Array:
    """Three of four pairs, padding in the last batch entry; a row keeps one of the keys visible to it."""
    B, _, _, L, S, _, _ = spec.shape
    mask = rng.random((B, 1, L, S)) < 0.75
    if B > 1 and S > 3:
        mask[-1, ..., S - S // 4 :] = False
    around = visible_pairs(options, offset, L, S)
    free = np.ones((L, S), dtype=bool) if around is None else around
    rows = np.flatnonzero(free.any(axis=-1))
    mask[..., rows, free[rows].argmax(axis=-1)] = True
    if spec.empty_rows and L:
        mask[..., L // 2, :] = False
    return np.asarray(mask)
