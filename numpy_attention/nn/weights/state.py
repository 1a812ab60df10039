"""Flat dicts of arrays, named by paths with dots, beside the parameters that a layer expects."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...functional.base.admission import Array, admit
from ...functional.base.wording import brief, cut
from ...optim.trees import flatten
from ..parameters import Shapes

Shape = tuple[int, ...]
MOST_NAMES = 1_000
"""Names of each kind in one error."""
BLOCK = 2**20
"""Numbers that are tried for NaN at a time."""


def flat_names(name: str, tree: Any, above: str = "") -> dict[str, Any]:
    """Everything that is not a dict, by its path joined with dots; the names in `tree` may have dots already.

    Raises
    ------
    TypeError
        If it is not a dict, or a key is not a string.
    ValueError
        If two paths are the same.
    """
    if not isinstance(tree, Mapping):
        raise TypeError(f"{name} is {type(tree).__name__}; a dict of arrays is expected")
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if not isinstance(key, str):
            raise TypeError(f"{name} has the key {brief(key)}; strings are expected")
        path = f"{above}{key}"
        below = flat_names(name, value, f"{path}.") if isinstance(value, Mapping) else {path: value}
        twice = next((path for path in below if path in found), None)
        if twice is not None:
            raise ValueError(
                f"{name} has {brief(twice)} twice, with dots and nested; one of them is expected"
            )
        found |= below
    return found


def flat_state(name: str, tree: Any) -> dict[str, Array]:
    """The floating-point arrays of a flat or nested dict, by dotted name; tensors of PyTorch as arrays."""
    return {
        path: admit(f"{name}[{brief(path)}]", x.detach() if hasattr(x, "detach") else x)
        for path, x in flat_names(name, tree).items()
    }


def layer_shapes(layer: Any) -> dict[str, Shape]:
    """The shape of every parameter of a layer, by dotted name."""
    if not hasattr(layer, "shapes") or isinstance(layer, type):
        raise TypeError(
            f"layer is {brief(layer)}; a layer is expected, such as nn.MultiHeadAttention(width=6, heads=2)"
        )
    shapes: Shapes = layer.shapes()
    return flatten(shapes)


def check_state(
    layer: Any, state: Mapping[str, Array], expected: Mapping[str, Shape], others: Iterable[str] = ()
) -> None:
    """Raise one ValueError for all names that are missing, unexpected, misshapen or not finite.

    Parameters
    ----------
    layer : for its name
    state : what came
    expected : what `layer` expects: the shape of every array by name
    others : further sentences on what does not fit
    """
    misshapen = [name for name in expected if name in state and state[name].shape != expected[name]]
    kinds = {
        "missing": [f"{name} {shape}" for name, shape in expected.items() if name not in state],
        "unexpected": [f"{cut(name)} {x.shape}" for name, x in state.items() if name not in expected],
        "misshapen": [f"{name} {state[name].shape} (not {expected[name]})" for name in misshapen],
        "not finite": [f"{name} ({problem})" for name in expected if (problem := _problem(state.get(name)))],
    }
    sentences = [f"{kind} {_listed(names)}" for kind, names in kinds.items() if names] + list(others)
    if sentences:
        problem = "; ".join(sentences)
        raise ValueError(f"state does not fit {type(layer).__name__}: {problem}")


def _problem(array: Array | None) -> str | None:
    return None if array is None else not_finite(array)


def not_finite(array: Array) -> str | None:
    """ "holds nan at (0, 3)" for an array that is not finite; None for one that is."""
    if array.dtype.kind not in "fc":
        return None
    flat = array.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        finite = np.isfinite(flat[start : start + BLOCK])
        if not finite.all():
            place = start + int(np.argmin(finite))
            where = tuple(map(int, np.unravel_index(place, array.shape)))
            return f"holds {flat[place]} at {where}" if where else f"is {flat[place]}"
    return None


def _listed(names: list[str]) -> str:
    left = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + f", and {left:,} more" * (left > 0)
