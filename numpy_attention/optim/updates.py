"""One optimizer step on a nested dict of arrays: {"encoder": {"weight": …, "bias": …}, "temperature": …}.

A path is the tuple of keys that leads to an array: ("encoder", "weight"). A state is {"step": steps taken,
"<moment>": a dict nested like the parameters, …}. An optimizer's equation sees one parameter at a time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from ..functional.base.admission import FLOATS, Array, admit, compute_dtype, real_number, shown, whole_numbers

Path: TypeAlias = tuple[Any, ...]
Tree: TypeAlias = Mapping[Any, Any]
Arrays: TypeAlias = dict[Path, Array]
Update: TypeAlias = Callable[..., tuple[Any, ...]]
"""(step, param, grad, *moments, *numbers) -> (param, *moments): new arrays, all in the dtype computed in."""


def initial_state(params: Tree, moments: tuple[str, ...]) -> dict[str, Any]:
    """Step 0, and every moment 0 in the dtype computed in: float32 for float16, else the parameter's own."""
    arrays = real_arrays("params", params)
    state: dict[str, Any] = {"step": np.zeros((), np.int64)}
    for moment in moments:
        zeros = {path: np.zeros(param.shape, compute_dtype(param)) for path, param in arrays.items()}
        state[moment] = with_leaves(params, zeros)
    return state


def apply_update(
    update: Update, params: Tree, grads: Tree, state: Tree, moments: tuple[str, ...], **settings: Any
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Parameters and state after one step, in new arrays. Settings: one number, or one for each parameter."""
    numbers = [number_for_each(name, x, params) for name, x in settings.items()]
    arrays, gradients, step, kept = admit_step(params, grads, state, moments)
    new = {}
    for path, param in arrays.items():
        inputs = (param, gradients[path], *(kept[(moment, *path)] for moment in moments))
        wide = [array.astype(compute_dtype(param), copy=False) for array in inputs]
        new[path] = update(step + 1, *wide, *(each[path] for each in numbers))
    rounded = {path: np.asarray(new[path][0], param.dtype) for path, param in arrays.items()}
    after: dict[str, Any] = {"step": np.array(step + 1, np.int64)}
    for place, moment in enumerate(moments, start=1):
        after[moment] = with_leaves(params, {path: np.asarray(new[path][place]) for path in arrays})
    return with_leaves(params, rounded), after


def leaves(name: str, tree: Tree, above: Path = ()) -> dict[Path, Any]:
    """Everything that is not a dict, by its path, in the order of the dicts. An empty dict has no leaves."""
    if not isinstance(tree, Mapping):
        written = " (write dict(enumerate(arrays)))" if isinstance(tree, (list, tuple)) else ""
        raise TypeError(f"{name} is {type(tree).__name__}; a dict of arrays is expected{written}")
    found: dict[Path, Any] = {}
    for key, value in tree.items():
        path = (*above, key)
        nested = type(value) is not np.ndarray and isinstance(value, Mapping)  # the latter alone is slow
        found |= leaves(name, value, path) if nested else {path: value}
    return found


def with_leaves(tree: Tree, new: Mapping[Path, Any], above: Path = ()) -> dict[Any, Any]:
    """The nesting of `tree`, empty dicts included, with the leaves of `new`."""
    return {
        key: with_leaves(value, new, (*above, key)) if isinstance(value, Mapping) else new[(*above, key)]
        for key, value in tree.items()
    }


def path_text(name: str, path: Path) -> str:
    """A path as an error names it: grads['encoder']['weight']."""
    return name + "".join(f"[{key!r}]" for key in path)


def not_negative(name: str, x: object) -> float:
    """A finite number >= 0: a learning rate, an epsilon, a limit."""
    value = real_number(name, x)
    if value < 0:
        raise ValueError(f"{name} is {x!r}; a number >= 0 is expected")
    return value


def number_for_each(name: str, x: Any, params: Tree) -> dict[Path, float]:
    """A number >= 0 for each parameter, by path: `x`, or a leaf of a dict of numbers nested like params."""
    paths = leaves("params", params)
    if not isinstance(x, Mapping):
        return dict.fromkeys(paths, not_negative(name, x))
    numbers = {path: not_negative(path_text(name, path), number) for path, number in leaves(name, x).items()}
    return same_paths(name, numbers, paths)


def decay_rates(name: str, x: Any) -> tuple[float, float]:
    """Two numbers in [0, 1), as Adam's betas are."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise TypeError(f"{name} is {shown(x)}; two numbers in [0, 1) are expected")
    first, second = (not_negative(f"{name}[{i}]", rate) for i, rate in enumerate(x))
    if max(first, second) >= 1:
        raise ValueError(f"{name} is {shown(x)}; two numbers in [0, 1) are expected")
    return first, second


def count(name: str, x: object, least: int) -> int:
    """One whole number >= least: a step, a number of steps."""
    if type(x) is np.ndarray and x.dtype == np.int64 and not x.ndim and x >= least:
        return int(x)  # the usual case
    array = whole_numbers(name, x, least)
    if array.ndim:
        raise TypeError(f"{name} has shape {array.shape}; one whole number is expected")
    return int(array)


def admit_step(
    params: Tree, grads: Tree, state: Tree, moments: tuple[str, ...]
) -> tuple[Arrays, Arrays, int, Arrays]:
    """Parameters and gradients by path, the number of steps taken, the moments by their path in `state`."""
    arrays = real_arrays("params", params)
    gradients = same_paths("grads", real_arrays("grads", grads), arrays)
    return arrays, gradients, *admit_state(state, arrays, moments)


def real_arrays(name: str, tree: Tree) -> Arrays:
    """The arrays of a nested dict by path. Raises TypeError for a leaf that is not real and floating."""
    return {path: _real_array(name, path, leaf) for path, leaf in leaves(name, tree).items()}


def _real_array(tree: str, path: Path, leaf: object) -> Array:
    if type(leaf) is np.ndarray and leaf.dtype in FLOATS and leaf.dtype.kind == "f":
        return leaf  # the usual case, without formatting a name
    name = path_text(tree, path)
    if leaf is None:
        raise TypeError(f"{name} is None; an array is expected (zeros where nothing is learned)")
    if isinstance(leaf, (list, tuple)):
        raise TypeError(f"{name} is {type(leaf).__name__}; an array is expected, or a dict of arrays")
    array = admit(name, leaf)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} is complex ({array.dtype}); real arrays are expected: two, for its parts")
    return array


def same_paths(name: str, found: Mapping[Path, Any], params: Mapping[Path, Any]) -> dict[Path, Any]:
    """`found` in the order of `params`. Raises ValueError unless paths and shapes are those of `params`."""
    for path in params:
        if path not in found:
            came = _some(name, found)
            raise ValueError(f"{path_text(name, path)} is missing, or holds nothing; what came is {came}")
    for path, leaf in found.items():
        if path not in params:
            raise ValueError(f"{path_text(name, path)} is unknown; {_some(name, params)} is expected")
        if isinstance(leaf, np.ndarray) and leaf.shape != params[path].shape:
            problem = f"{path_text(name, path)} has shape {leaf.shape}"
            raise ValueError(f"{problem}; that of the parameter, {params[path].shape}, is expected")
    return {path: found[path] for path in params}


def _some(name: str, paths: Iterable[Path]) -> str:
    """The first paths, for a message."""
    texts = [path_text(name, path) for path in paths]
    return ", ".join(texts[:4]) + ", …" * (len(texts) > 4) or "nothing"


def admit_state(state: Tree, params: Arrays, moments: tuple[str, ...]) -> tuple[int, Arrays]:
    """The number of steps taken, and the moments by their path in `state`."""
    found = leaves("state", state)
    foreign = sorted(map(str, set(state) - {"step", *moments}))
    if foreign or ("step",) not in found:
        raise ValueError(
            f"state has {', '.join(map(repr, foreign)) or 'no step'}; the state of this optimizer has "
            f"{', '.join(map(repr, ('step', *moments)))}: pass the result of its init or its last step"
        )
    step = count("state['step']", found.pop(("step",)), least=0)
    arrays = {path: _real_array("state", path, leaf) for path, leaf in found.items()}
    expected = {(moment, *path): param for moment in moments for path, param in params.items()}
    for path, moment in same_paths("state", arrays, expected).items():
        dtype = compute_dtype(expected[path])
        if moment.dtype != dtype:
            problem = f"{path_text('state', path)} has dtype {moment.dtype}; {dtype} is expected"
            raise TypeError(f"{problem}, for the parameter has dtype {expected[path].dtype}")
    return step, arrays
