"""Nested dicts of arrays, leaf by leaf; and flat, as an npz file needs them: {"encoder.weight": …}."""

from collections.abc import Callable, Mapping
from typing import Any

from .updates import Tree, leaves, path_text, with_leaves


def flatten(tree: Tree) -> dict[str, Any]:
    """One flat dict: {"a": {"b": x}} becomes {"a.b": x}.

    Parameters
    ----------
    tree : a dict, nested as you like. Keys are strings without a dot.

    Returns
    -------
    The leaves themselves, not copies, in the order of the dicts. Empty dicts are lost.

    Raises
    ------
    TypeError
        For a key that is not a string, a tree that is not a dict, or a list or tuple of arrays in it.
    ValueError
        For a key with a dot, which `unflatten` would read as two keys.

    Examples
    --------
    >>> flatten({"encoder": {"weight": 1.0, "bias": 2.0}, "temperature": 3.0})
    {'encoder.weight': 1.0, 'encoder.bias': 2.0, 'temperature': 3.0}

    A state into an npz and back, bit for bit:

    >>> import io
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> np.savez(file, **flatten({"step": np.array(7), "velocity": {"weight": np.zeros(2)}}))
    >>> _ = file.seek(0)
    >>> unflatten(np.load(file))
    {'step': array(7), 'velocity': {'weight': array([0., 0.])}}
    """
    found = leaves("tree", tree)
    for path, leaf in found.items():
        if isinstance(leaf, (list, tuple)) and any(hasattr(x, "shape") for x in leaf):
            problem = f"{path_text('tree', path)} is a {type(leaf).__name__} of arrays"
            raise TypeError(f"{problem}; a dict of them is expected (write dict(enumerate(arrays)))")
        for key in path:
            _text("tree", key)
            if "." in key:
                raise ValueError(
                    f"{path_text('tree', path)} has the dotted key {key!r}; keys without a dot are expected"
                )
    return {".".join(path): leaf for path, leaf in found.items()}


def unflatten(flat: Tree) -> dict[str, Any]:
    """Undo `flatten`: {"a.b": x} becomes {"a": {"b": x}}.

    Parameters
    ----------
    flat : a dict of arrays, or an opened npz. Its keys are strings.

    Returns
    -------
    Nested dicts of the values themselves, not copies.

    Raises
    ------
    TypeError
        For a key that is not a string, or a `flat` that is not a dict or contains one.
    ValueError
        For keys that contradict each other, such as "a" and "a.b".

    Examples
    --------
    >>> unflatten({"encoder.weight": 1.0, "encoder.bias": 2.0, "temperature": 3.0})
    {'encoder': {'weight': 1.0, 'bias': 2.0}, 'temperature': 3.0}
    """
    if not isinstance(flat, Mapping):
        raise TypeError(f"flat is {type(flat).__name__}; a dict of arrays is expected")
    tree: dict[str, Any] = {}
    for name, leaf in flat.items():
        _text("flat", name)
        if isinstance(leaf, Mapping):
            raise TypeError(f"flat[{name!r}] is a dict; a dict without dicts in it is expected")
        *above, last = name.split(".")
        branch = tree
        for key in above:
            branch = branch.setdefault(key, {})
            if not isinstance(branch, dict):
                raise ValueError(
                    f"flat has {name!r} below {key!r}, a value; a key for a value or for a dict is expected"
                )
        if last in branch:
            raise ValueError(
                f"flat has {name!r} and keys below it; a key for a value or for a dict is expected"
            )
        branch[last] = leaf
    return tree


def mapped(change: Callable[[Any], Any], tree: Tree) -> dict[Any, Any]:
    """The nesting of `tree`, with change(leaf) in place of each leaf."""
    return with_leaves(tree, {path: change(leaf) for path, leaf in leaves("tree", tree).items()})


def _text(name: str, key: object) -> None:
    if not isinstance(key, str):
        raise TypeError(f"{name} has the key {key!r}; strings are expected")
