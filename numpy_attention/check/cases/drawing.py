"""Draw a case, the numbers of a specification."""

import math
from typing import Any

import numpy as np

from ...functional.base.admission import Array, one_of
from ..rounding.formats import FORMATS, Format
from .cases import Case, make_case, visible_pairs
from .specification import (
    COTANGENTS,
    EXTRAS,
    HIDDEN,
    INPUTS,
    LAYOUTS,
    MODES,
    OFFSETS,
    OPTIONS,
    TENSORS,
    VARIANTS,
    Specification,
)

SMALL = 2.0**-17
"""The size of small cotangents, if the format represents it."""

RATES = (1 / 9, 1 / 5, 1 / 3, 1 / 2)
"""The dropout rates: 1 / (1 - rate) is 1.125, 1.25, 1.5, 2."""

CAPS = (1.0, 1.0, 4.0, 24.0)
"""The usual softcap, and wider ones for formats that resolve them, in units of the usual one."""

LEAD = 8.0
"""The lead of the score that dominates its row: exp(-8) of it is still far above rounding."""

SATURATION = 0.25
"""The softcap that saturates, as a part of the usual one: tanh of about 4."""


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
    _check_names(spec)
    rng = np.random.default_rng([spec.seed, *spec.shape, *map(ord, spec.name)])
    dtype = FORMATS[spec.dtype]
    arrays = _inputs(spec, rng, dtype)
    cotangents = _cotangent_size(spec, dtype)
    arrays["d_out"] = arrays["d_out"] * cotangents
    if spec.zeros:
        arrays[spec.zeros] = _with_zeros(arrays[spec.zeros], rng)
    for tensor, layout in spec.layouts:
        if layout == "expanded":
            arrays[tensor] = np.broadcast_to(arrays[tensor][:1], arrays[tensor].shape)
    offset = _query_offset(spec)
    of_scores = cotangents * {"near overflow": _near_overflow(dtype), "huge": _huge(dtype)}.get(
        spec.inputs, 1.0
    )
    options = _options(spec, offset, rng, of_scores)
    if spec.hidden and "mask" in options:
        _fill_hidden(spec, arrays, visible_pairs(options, offset, spec.shape.L, spec.shape.S), dtype)
    numbers = {name: x if isinstance(x, bool | int | float | tuple) or name == "mask" else dtype.rounded(x)
               for name, x in options.items()}  # fmt: skip
    arrays = {name: dtype.rounded(x) for name, x in arrays.items()}
    for x in (*arrays.values(), *numbers.values()):
        if isinstance(x, np.ndarray):
            x.setflags(write=False)  # cases are cached
    return make_case(spec, **arrays, options=numbers, offset=offset)


def _check_names(spec: Specification) -> None:
    for argument, values, known in (
        ("options", spec.options, (*OPTIONS, *EXTRAS)),
        ("variants", (form for _, form in spec.variants), [x for forms in VARIANTS.values() for x in forms]),
        ("inputs", (spec.inputs,), INPUTS),
        ("cotangent", (spec.cotangent,), COTANGENTS),
        ("zeros", (spec.zeros,), ("", *TENSORS)),
        ("hidden", (spec.hidden,), ("", *HIDDEN)),
        ("dtype", (spec.dtype,), FORMATS),
        ("layouts", (layout for _, layout in spec.layouts), LAYOUTS),
        ("mode", (spec.mode,), MODES),
    ):
        for x in values:
            one_of(argument, x, tuple(known))


# ------------------------------------------------------------------------------------------ tensors


def _inputs(spec: Specification, rng: Any, dtype: Format) -> dict[str, Array]:
    """query, key, value and d_out of the wanted kind, within the range of the format."""
    B, H, G, L, S, D, E = spec.shape
    query, key, value, d_out = (
        rng.standard_normal(shape) for shape in ((B, H, L, D), (B, G, S, D), (B, G, S, E), (B, H, L, E))
    )
    if spec.inputs == "peaked":
        query = 20 * query
    elif spec.inputs == "correlated":
        of_keys, of_values = rng.standard_normal(D), rng.standard_normal(E)
        query, key, value = query + of_keys, key + 3 * of_keys, value + 3 * of_values
    elif spec.inputs == "tiny":
        tiny = max(1e-8, 2.0**12 * dtype.precision.tiny)
        query, key, value = tiny * query, tiny * key, tiny * value
    elif spec.inputs == "huge":
        value = _huge(dtype) * value
    elif spec.inputs == "near overflow":
        value = _near_overflow(dtype) * value
    elif spec.inputs == "subnormal":
        few = rng.random(value.shape) < 0.3
        value = np.where(few, dtype.precision.tiny * rng.integers(-9, 10, value.shape), value)
    elif spec.inputs == "equal scores":  # where queries are not 0, all keys are alike
        query[..., D // 2 :], key[..., : D // 2] = 0.0, key[..., :1, : D // 2]
    elif spec.inputs == "one dominates" and S and D:
        lead = np.where(np.arange(S) == S // 2, LEAD, 0.0)
        _set_scores(query, key, np.broadcast_to(lead, key.shape[:-1]), _scale(spec))
    elif spec.inputs in OFFSETS and D:
        _set_scores(query, key, np.full(key.shape[:-1], OFFSETS[spec.inputs]), _scale(spec))
    return dict(query=query, key=key, value=value, d_out=d_out)


def _huge(dtype: Format) -> float:
    return min(1e4, math.sqrt(dtype.largest) / 16)


def _near_overflow(dtype: Format) -> float:
    return float(2.0 ** (math.floor(math.log2(dtype.largest)) - 14))


def _set_scores(query: Array, key: Array, scores: Array, scale: float) -> None:
    """Use the first column to add `scores` (..., S) to every row; of one column, add the keys as well."""
    products = scores / scale
    size = math.sqrt(np.abs(products).max(initial=0.0))
    key[..., 0] = (products + (key[..., 0] if query.shape[-1] == 1 else 0.0)) / size
    query[..., 0] = size


def _scale(spec: Specification) -> float:
    """The scale of a specification; where it is 0 or an array, the default one."""
    D, form = max(spec.shape.D, 1), spec.variant("scale")
    if "scale" not in spec.options or form == "zero":
        return 1 / math.sqrt(D)
    scale = 1.5 * 2.0 ** math.ceil(-math.log2(D) / 2)
    return {"negative": -scale, "above one": max(1.25, 2 * scale)}.get(form, scale)


def _cotangent_size(spec: Specification, dtype: Format) -> float:
    if spec.cotangent == "small":
        return max(SMALL, 2.0**7 * dtype.precision.tiny)
    return 2.0 ** (math.floor(math.log2(dtype.largest)) // 8) if spec.cotangent == "large" else 1.0


def _with_zeros(x: Array, rng: Any) -> Array:
    """A third of the entries 0, half of these -0."""
    chosen = rng.random(x.shape)
    return np.where(chosen < 1 / 6, 0.0, np.where(chosen < 1 / 3, -0.0, x))


def _fill_hidden(spec: Specification, arrays: dict[str, Array], visible: Array | None, dtype: Format) -> None:
    """Fill the keys and values that no query may attend to."""
    B, H, G, L, S, _, _ = spec.shape
    if visible is None or not visible.size:
        return
    fill = np.nan if spec.hidden == "nan" else min(1e30, dtype.largest / 16)
    of_heads = np.broadcast_to(visible, (B, H, L, S)).reshape(B, G, H // G, L, S)
    seen = np.asarray(of_heads.any(axis=(2, 3)))
    for name in ("key", "value"):
        arrays[name] = np.where(seen[..., None], arrays[name], fill)


# ------------------------------------------------------------------------------------------ options


def _query_offset(spec: Specification) -> int:
    """The position of query 0 among the keys."""
    L, S = spec.shape.L, spec.shape.S
    if "q_offset" in spec.options:
        usual = max(1, (S - L) // 2)
        return {"negative": -max(1, L // 3), "beyond the keys": S + 1}.get(spec.variant("q_offset"), usual)
    return S - L if spec.corner == "bottom_right" else 0


def _options(spec: Specification, offset: int, rng: Any, cotangents: float) -> dict[str, Any]:
    B, H, _, L, S, D, _ = spec.shape
    options: dict[str, Any] = {}
    size = 16.0 if spec.inputs == "peaked" else 1.0
    if "causal" in spec.options:
        options["causal"] = True
    if "window" in spec.options:
        options["window"] = _window(spec, offset, rng)
    if "mask" in spec.options:
        options["mask"] = _mask(spec, options, offset, rng)
    if "bias" in spec.options:
        options["bias"] = _bias(spec, options, offset, rng) * size
    if "scale" in spec.options:
        options["scale"] = 0.0 if spec.variant("scale") == "zero" else _scale(spec)
    if "scale_array" in spec.options:
        options["scale"] = (0.5 + np.abs(rng.standard_normal((1, H, L, 1)))) / math.sqrt(max(D, 1))
    if "softcap" in spec.options:
        wider = float(rng.choice(CAPS)) if FORMATS[spec.dtype].precision.u < 1e-6 else 1.0
        options["softcap"] = 1.25 * size * (SATURATION if spec.variant("softcap") else wider)
    if "sinks" in spec.options:
        sinks = (rng.standard_normal(H) + 0.5) * size
        near_scores = sinks + OFFSETS.get(spec.inputs, 0.0)
        of_form = {"": near_scores, "-inf": np.full(H, -np.inf), "large": near_scores + 8.0}
        options["sinks"] = of_form[spec.variant("sinks")]
    if "dropout" in spec.options:
        rate = rng.choice(RATES)
        options["dropout"] = np.where(rng.random((B, H, L, S)) < rate, 0.0, 1 / (1 - rate))
    if "q_offset" in spec.options:
        options["q_offset"] = offset
    if "d_lse" in spec.options:
        options["d_lse"] = rng.standard_normal((B, H, L)) * cotangents
    if "d_weights" in spec.options:
        options["d_weights"] = rng.standard_normal((B, H, L, S)) * cotangents
    return options


def _window(spec: Specification, offset: int, rng: Any) -> tuple[int, int]:
    """The given window, or one that is wide enough for no row to be fully masked."""
    if spec.window is not None:
        return spec.window
    L, S = spec.shape.L, spec.shape.S
    left = max(1, L + offset - S + 1) + int(rng.integers(1 + S // 2))
    right = max(1, -offset) + int(rng.integers(1 + min(S // 3, L // 2)))
    all_keys = L + S + abs(offset)
    forms = {
        "no look-ahead": (left, 0),
        "no look-back": (0, right),
        "left only": (left, all_keys),
        "right only": (all_keys, right),
        "wider than the keys": (all_keys, all_keys),
    }
    return forms.get(spec.variant("window"), (left, right))


def _mask(spec: Specification, options: dict[str, Any], offset: int, rng: Any) -> Array:
    """Three of four pairs, padding in the last batch entry; a row keeps one of the keys visible to it."""
    B, H, _, L, S, _, _ = spec.shape
    form = spec.variant("mask")
    shape = {"of keys": (B, 1, 1, S), "of heads": (1, H, L, S), "of pairs": (1, 1, L, S)}
    mask = rng.random(shape.get(form, (B, 1, L, S))) < 0.75
    if form == "all true":
        mask[...] = True
    elif (mask.shape[0] > 1 or spec.hidden) and S > 3:
        mask[-1, ..., S - S // 4 :] = False
    around = visible_pairs(options, offset, L, S)
    free = np.ones((L, S), dtype=bool) if around is None else around
    rows = np.flatnonzero(free.any(axis=-1))
    first = free[rows].argmax(axis=-1)
    mask[..., rows if mask.shape[-2] > 1 or L == 1 else slice(None), first] = True
    if form == "nothing for one entry":
        mask[-1] = False
    elif spec.empty_rows and L and mask.shape[-2] == L:
        mask[..., L // 2, :] = False
    return np.asarray(mask)


def _bias(spec: Specification, options: dict[str, Any], offset: int, rng: Any) -> Array:
    """A normal bias of the wanted shape; of the form "-inf", a fifth of the pairs, but no whole row."""
    B, H, _, L, S, _, _ = spec.shape
    shapes = {
        "": (1, H, L, S) if spec.seed % 2 == 0 else (B, H, 1, S),
        "of keys": (1, 1, 1, S),
        "of heads": (1, H, 1, S),
        "of pairs": (1, 1, L, S),
        "of a batch entry": (B, 1, L, S),
        "of everything": (B, H, L, S),
        "-inf": (1, H, L, S),
    }
    form = spec.variant("bias")
    bias = np.asarray(rng.standard_normal(shapes[form]))
    if form != "-inf" or not S:
        return bias
    visible = visible_pairs(options, offset, L, S)
    seen = np.broadcast_to(np.array(True) if visible is None else visible, (B, H, L, S))
    hidden = rng.random((1, H, L, S)) < 0.2
    first = np.zeros((B, H, L, S), dtype=bool)
    np.put_along_axis(first, seen.argmax(axis=-1)[..., None], True, axis=-1)
    return np.where(hidden & ~first.any(axis=0, keepdims=True), -np.inf, bias)
