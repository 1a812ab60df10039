"""Reading by a table of names: where another library keeps each parameter of a layer, and in which form.

A table is data: rows of name here and name there, where {n} stands for a number and {p} for weight or bias.
Reading is strict: every parameter has a row, every array that came a place, and all that does not fit is in
one error.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import brief
from ...optim.trees import unflatten
from ..parameters import Params
from .state import Shape, check_state, flat_names, flat_state, layer_shapes


class Stored(NamedTuple):
    """How one parameter is kept there."""

    names: tuple[str, ...]
    """One array, or several whose rows follow each other here: query, key, value"""
    transposed: bool = False
    """(in_features, out_features), as GPT-2's Conv1D"""
    shape: tuple[str | int, ...] = ()
    """The shape there if it has other axes: numbers, and the layer's sizes by name; -1 for what is left"""


class NameTable(NamedTuple):
    """The names that a family of models has."""

    family: str
    rows: Mapping[str, str | Stored]
    """Name here: name there"""
    prefixes: tuple[str, ...] = ()
    """What the names of the model's own arrays may begin with, if it is a part of a larger one"""
    renamed: Mapping[str, str] = {}
    """Patterns of names that other versions give, and their replacement"""
    left_out: str = "(?!)"
    """Pattern of arrays that may come where the layer has none: constants, and parts that nothing uses"""
    tied: tuple[str, str] | None = None
    """An output weight, and the embedding whose copy it is where the layer has one array for both"""


def read_by(table: NameTable, layer: Any, state: Mapping[str, Any]) -> Params:
    """The parameters of `layer` from arrays that are named as `table` says; see the callers."""
    shapes = layer_shapes(layer)
    known = _known_names(table, flat_names("state", state))
    places = {name: _place(table, name) for name in shapes}
    nameless = [name for name, place in places.items() if place is None]
    others = [f"{table.family} has no {', '.join(nameless)}, as this layer has"] if nameless else []
    expected: dict[str, Shape] = {}
    for name, place in places.items():
        if place is not None:
            expected |= dict(zip(place.names, _shapes_there(layer, shapes, name, place), strict=True))
    kept = {
        name: x for name, x in known.items() if name in expected or not re.fullmatch(table.left_out, name)
    }
    arrays = flat_state("state", kept)
    copy, original = table.tied or ("", "")
    if copy not in expected and copy in arrays and np.array_equal(arrays[copy], arrays.get(original, ())):
        del arrays[copy]
    check_state(layer, arrays, expected, others)
    return unflatten(
        {name: _here(place, arrays, shapes[name]) for name, place in places.items() if place is not None}
    )


def _known_names(table: NameTable, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays by the names of the table: without a prefix, and by the newest of their names."""
    known: dict[str, Any] = {}
    for came, x in arrays.items():
        name = came
        for prefix in table.prefixes:
            name = name.removeprefix(prefix)
        for pattern, replacement in table.renamed.items():
            name = re.sub(pattern, replacement, name)
        if name in known:
            raise ValueError(
                f"state has {brief(name)} twice, the second time as {brief(came)}; once is expected"
            )
        known[name] = x
    return known


def _place(table: NameTable, name: str) -> Stored | None:
    """The row of a parameter, its numbers filled in; None if there is none."""
    for here, there in table.rows.items():
        pattern = re.escape(here).replace(r"\{n\}", r"(?P<n>\d+)").replace(r"\{p\}", "(?P<p>weight|bias)")
        if found := re.fullmatch(pattern, name):
            stored = there if isinstance(there, Stored) else Stored((there,))
            names = tuple(each.format(**found.groupdict()) for each in stored.names)
            return stored._replace(names=names)
    return None


def _shapes_there(layer: Any, shapes: Mapping[str, Shape], name: str, place: Stored) -> list[Shape]:
    """The shapes of the arrays that a parameter is kept in."""
    shape = shapes[name]
    if place.shape:
        sizes = [getattr(layer, size) if isinstance(size, str) else size for size in place.shape]
        return [np.empty(shape, np.bool_).reshape(sizes).shape]
    if len(place.names) == 3:  # query, key, value: as many rows for the query as columns of what follows
        query = shapes[f"{name.rpartition('.')[0]}.out_proj.weight"][1]
        rows = [query, (shape[0] - query) // 2, (shape[0] - query) // 2]
        return [(count, *shape[1:]) for count in rows]
    return [shape[::-1] if place.transposed else shape]


def _here(place: Stored, arrays: Mapping[str, Array], shape: Shape) -> Array:
    """One parameter, from the arrays that it is kept in: a copy."""
    parts = [arrays[name].T if place.transposed else arrays[name] for name in place.names]
    return np.concatenate(parts).reshape(shape) if len(parts) > 1 else parts[0].reshape(shape).copy("C")
