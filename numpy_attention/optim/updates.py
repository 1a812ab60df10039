"""What all optimizers share: one update, applied to every parameter of a tree.

A state is {"step": how many steps were taken, "<moment>": a tree like the parameters, …}. The update itself,
which is the optimizer's equation, sees one parameter at a time.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..functional.base.admission import FLOATS, Array, admit, compute_dtype
from .settings import count
from .trees import Path, Tree, leaves, replaced, spoken

Update: TypeAlias = Callable[..., tuple[Any, ...]]
"""(step, param, grad, *moments) -> (param, *moments): new arrays, in the dtype of what came."""

REAL_FLOATS = tuple(dtype for dtype in FLOATS if dtype.kind == "f")


def fresh_state(params: Tree, moments: tuple[str, ...]) -> dict[str, Any]:
    """The state before the first step: step 0, and every moment 0 in the dtype that is computed in."""
    old = real_leaves("params", params)
    state: dict[str, Any] = {"step": np.zeros((), np.int64)}
    for moment in moments:
        zeros = {path: np.zeros(param.shape, compute_dtype(param)) for path, param in old.items()}
        state[moment] = replaced(params, zeros)
    return state


def updated(
    update: Update, params: Tree, grads: Tree, state: Tree, moments: tuple[str, ...]
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The parameters and the state after one step; what came in is admitted first, and not changed."""
    old, slopes, step, kept = admitted(params, grads, state, moments)
    new = {}
    for path, param in old.items():
        computed = compute_dtype(param)
        came = (param, slopes[path], *(kept[(moment, *path)] for moment in moments))
        new[path] = update(step + 1, *(array.astype(computed, copy=False) for array in came))

    rounded = {path: np.asarray(new[path][0], param.dtype) for path, param in old.items()}
    after: dict[str, Any] = {"step": np.array(step + 1, np.int64)}
    for place, moment in enumerate(moments, start=1):
        after[moment] = replaced(params, {path: np.asarray(new[path][place]) for path in old})
    return replaced(params, rounded), after


# --------------------------------------------------------------------------------------- what comes in


class Admitted(NamedTuple):
    """What an update works on: arrays by their paths, and how many steps were taken before."""

    params: dict[Path, Array]
    grads: dict[Path, Array]
    step: int
    moments: dict[Path, Array]


def admitted(params: Tree, grads: Tree, state: Tree, moments: tuple[str, ...]) -> Admitted:
    """All that comes in, once it is sure that it fits together."""
    old = real_leaves("params", params)
    slopes = fitted("grads", real_leaves("grads", grads), old)
    return Admitted(old, slopes, *admit_state(state, old, moments))


def real_leaves(name: str, tree: Tree) -> dict[Path, Array]:
    """The arrays of a tree by their paths; only real floating ones are taken."""
    return {path: _real(name, path, leaf) for path, leaf in leaves(name, tree).items()}


def _real(tree: str, path: Path, leaf: object) -> Array:
    if type(leaf) is np.ndarray and leaf.dtype in REAL_FLOATS:
        return leaf  # as mostly; what it is called is of no interest then
    name = spoken(tree, path)
    if leaf is None:
        raise TypeError(f"{name} is None; an array is expected (zeros where nothing is to be learned)")
    array = admit(name, leaf)
    if array.dtype.kind == "c":
        raise TypeError(
            f"{name} is complex ({array.dtype}), and what is minimised falls along real numbers; "
            "make its real and its imaginary part a parameter each"
        )
    return array


def fitted(name: str, found: Mapping[Path, Array], wanted: Mapping[Path, Array]) -> dict[Path, Array]:
    """`found` in the order of `wanted`, once it is sure that paths and shapes are the same."""
    for path in wanted:
        if path not in found:
            raise ValueError(f"{spoken(name, path)} is missing, or holds no array; one is expected")
    for path, array in found.items():
        if path not in wanted:
            raise ValueError(f"{spoken(name, path)} is there, but there is no such parameter")
        if array.shape != wanted[path].shape:
            raise ValueError(
                f"{spoken(name, path)} has shape {array.shape}; that of the parameter, "
                f"{wanted[path].shape}, is expected"
            )
    return {path: found[path] for path in wanted}


def admit_state(
    state: Tree, params: Mapping[Path, Array], moments: tuple[str, ...]
) -> tuple[int, dict[Path, Array]]:
    """The step count, and the moments by their paths in the state."""
    found = leaves("state", state)
    foreign = sorted(map(str, set(state) - {"step", *moments}))
    if foreign or ("step",) not in found:
        raise ValueError(
            f"state has {', '.join(map(repr, foreign)) or 'no step'}; the state of this optimizer has "
            f"{', '.join(map(repr, ('step', *moments)))}: pass what its init or its last step returned"
        )
    step = count("state['step']", found.pop(("step",)), least=0)
    arrays = {path: _real("state", path, leaf) for path, leaf in found.items()}
    wanted = {(moment, *path): param for moment in moments for path, param in params.items()}
    computed = {path: compute_dtype(param) for path, param in params.items()}
    for path, moment in fitted("state", arrays, wanted).items():
        if moment.dtype != computed[path[1:]]:
            raise TypeError(
                f"{spoken('state', path)} has dtype {moment.dtype}; {computed[path[1:]]} is expected, "
                f"for the parameter has dtype {wanted[path].dtype}"
            )
    return step, arrays
