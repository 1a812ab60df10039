"""A walk as plain JSON values with all digits of every number, and a planted fault as what it changes.

Python writes a float by its repr, the shortest text that reads back as the same bits, and so does JSON.
Infinities and NaN are texts: "inf", "-inf", "nan".
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array
from .fault_walk import FaultyWalk
from .stage import Stage
from .walk import Walk


def plain(x: npt.ArrayLike) -> Any:
    """An array as nested lists, infinities and NaN as texts.

    Examples
    --------
    >>> plain([[0.1, -np.inf]]), plain(np.array([True]))
    ([[0.1, '-inf']], [True])
    """
    array = np.asarray(x)
    listed = array.tolist()
    return _spelled(listed) if array.dtype.kind == "f" and not np.isfinite(array).all() else listed


def _spelled(x: Any) -> Any:
    if isinstance(x, list):
        return [_spelled(entry) for entry in x]
    return x if math.isfinite(x) else str(x)


def array_of(value: Any) -> Array:
    """The array that `plain` turned into lists.

    Examples
    --------
    >>> array_of([[0.1, "-inf"]])
    array([[ 0.1, -inf]])
    """
    array = np.asarray(value)
    return array if array.dtype.kind == "b" else np.asarray(_parsed(value))


def _parsed(x: Any) -> Any:
    return [_parsed(entry) for entry in x] if isinstance(x, list) else float(x)


def stages_by_place(walk: Walk) -> dict[str, Stage]:
    """The stages by place: "down.score", …, "up.score"."""
    down = {f"down.{stage.name}": stage for stage in walk.down}
    return down | {f"up.{stage.name}": stage for stage in walk.up}


def stage_arrays(stage: Stage) -> dict[str, Array]:
    """Every array of a stage by name."""
    return stage.inputs | stage.intermediates | stage.results


def walk_data(walk: Walk) -> dict[str, Any]:
    """The numbers of a walk.

    Returns
    -------
    dict
        `arrays` by key; `stages` by place ("down.score"): the key of each array by its name there, names of
        the results, and whether the step is skipped. Equal arrays of one name share a key.

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> from numpy_attention.study.walk import walk
    >>> data = walk_data(walk(build_example()))
    >>> data["arrays"]["query"]
    [[1.0, 2.0], [-1.0, 1.0]]
    >>> data["stages"]["up.values"]["arrays"]
    {'d_out': 'd_out', 'value': 'value', 'thinned': 'thinned', 'd_thinned': 'd_thinned', 'd_value': 'd_value'}
    """
    example = walk.example
    arrays: dict[str, Array] = {n: getattr(example, n) for n in ("query", "key", "value", "d_out")}
    arrays |= example.parameters
    arrays |= {name: x for name, x in example.options.items() if isinstance(x, np.ndarray)}
    if example.d_lse is not None:
        arrays["d_lse"] = example.d_lse
    stages: dict[str, Any] = {}
    for place, stage in stages_by_place(walk).items():
        keys = {}
        for name, x in stage_arrays(stage).items():
            if name in stage.inputs or name in stage.results:
                arrays.setdefault(name, x)
            keys[name] = name if same_bits(x, arrays.get(name)) else f"{place}/{name}"
            arrays.setdefault(keys[name], x)
        stages[place] = {"arrays": keys, "results": list(stage.results), "skipped": stage.skipped}
    return {"arrays": {key: plain(x) for key, x in arrays.items()}, "stages": stages}


def same_bits(x: Array, y: Array | None) -> bool:
    """True if two arrays are equal in shape, kind and every bit; any NaN equals any other."""
    if y is None or x.shape != y.shape or x.dtype.kind != y.dtype.kind:
        return False
    if x.dtype == y.dtype and x.tobytes() == y.tobytes():
        return True
    if x.dtype.kind != "f" or not np.isnan(x).any():
        return x.dtype != y.dtype and bool(((x == y) & (np.signbit(x) == np.signbit(y))).all())
    return bool((((x == y) & (np.signbit(x) == np.signbit(y))) | (np.isnan(x) & np.isnan(y))).all())


def fault_data(faulty: FaultyWalk) -> dict[str, Any]:
    """What a planted fault changes.

    Returns
    -------
    dict
        `arrays` by "place/name", where a bit differs or the right walk has no such array; one that equals an
        earlier one is the key of that. `rounding`, the keys of those that differ by rounding alone. `laws`,
        the broken ones: their worst sides by "place/statement". `gradients`, the names that disagree with
        the complex step. `gone`, keys of the right walk that this one lacks. `skipped` by place, if changed.

    Examples
    --------
    >>> from numpy_attention.check.faults import fault
    >>> from numpy_attention.study.example import build_example
    >>> from numpy_attention.study.fault_walk import walk_with_fault
    >>> data = fault_data(walk_with_fault(build_example(), fault("scale-missing-in-d-key")))
    >>> list(data["arrays"]), list(data["laws"])
    (['up.score/d_key'], ['up.score/<d_query, query> = <d_key, key>'])
    """
    right = stages_by_place(faulty.correct)
    arrays: dict[str, Array] = {}
    data: dict[str, Any] = {"arrays": {}, "rounding": [], "laws": {}, "gone": [], "skipped": {}}
    for place, stage in stages_by_place(faulty.walk).items():
        if stage is right[place]:
            continue
        own, expected = stage_arrays(stage), stage_arrays(right[place])
        changed = faulty.changed(stage)
        for name, x in own.items():
            if same_bits(x, expected.get(name)):
                continue
            key = f"{place}/{name}"
            first = next((k for k, other in arrays.items() if same_bits(x, other)), key)
            data["arrays"][key] = plain(arrays.setdefault(key, x)) if first == key else first
            if name in expected and name not in changed:
                data["rounding"].append(key)
        data["gone"] += [f"{place}/{name}" for name in expected if name not in own]
        if stage.skipped != right[place].skipped:
            data["skipped"][place] = stage.skipped
        data["laws"] |= {f"{place}/{r.law.statement}": plain(r.worst[2:]) for r in stage.laws if not r.ok}
    return {"name": faulty.fault.name, **data, "gradients": list(faulty.wrong_gradients)}
