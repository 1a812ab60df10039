"""Nested dicts of arrays, as parameters, gradients and optimizer states come.

    {"encoder": {"weight": …, "bias": …}, "temperature": …}

An array is found by its path, the tuple of keys that lead to it: ("encoder", "weight"). In a file, which
has no folders, the path is one name: "encoder.weight".
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

Path: TypeAlias = tuple[Any, ...]
Tree: TypeAlias = Mapping[Any, Any]


def spoken(name: str, path: Path) -> str:
    """The path as an error names it: grads['encoder']['weight']."""
    return name + "".join(f"[{key!r}]" for key in path)


def leaves(name: str, tree: Tree) -> dict[Path, Any]:
    """All that is no dict, by its path, in the order of the dicts. An empty dict has no leaves."""
    if not isinstance(tree, Mapping):
        raise TypeError(f"{name} is {type(tree).__name__}; a dict of arrays is expected")
    found: dict[Path, Any] = {}
    _gather(found, (), tree)
    return found


def _gather(found: dict[Path, Any], above: Path, tree: Tree) -> None:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            _gather(found, (*above, key), value)
        else:
            found[(*above, key)] = value


def replaced(tree: Tree, new: Mapping[Path, Any], above: Path = ()) -> dict[Any, Any]:
    """A tree with the branches of `tree`, empty ones too, and the leaves of `new`."""
    return {
        key: replaced(value, new, (*above, key)) if isinstance(value, Mapping) else new[(*above, key)]
        for key, value in tree.items()
    }


def flatten(tree: Tree) -> dict[str, Any]:
    """One dict without dicts in it: {"a": {"b": x}} becomes {"a.b": x}.

    Parameters
    ----------
    tree : a dict, nested as you like. Keys are strings without a dot.

    Returns
    -------
    The leaves themselves, not copies, in the order of the dicts. An empty dict leaves no trace.

    Raises
    ------
    TypeError
        For a key that is no string, or for what is no dict.
    ValueError
        For a key with a dot, which `unflatten` would take for two.

    Examples
    --------
    >>> flatten({"encoder": {"weight": 1.0, "bias": 2.0}, "temperature": 3.0})
    {'encoder.weight': 1.0, 'encoder.bias': 2.0, 'temperature': 3.0}

    So a state goes into an npz and comes back, bit for bit:

    >>> import io
    >>> import numpy as np
    >>> file = io.BytesIO()
    >>> np.savez(file, **flatten({"step": np.array(7), "velocity": {"weight": np.zeros(2)}}))
    >>> _ = file.seek(0)
    >>> unflatten(np.load(file))
    {'step': array(7), 'velocity': {'weight': array([0., 0.])}}
    """
    found = leaves("tree", tree)
    for path in found:
        for key in path:
            _text("tree", key)
            if "." in key:
                raise ValueError(
                    f"{spoken('tree', path)} has the dotted key {key!r}; keys without a dot are expected"
                )
    return {".".join(path): leaf for path, leaf in found.items()}


def unflatten(flat: Tree) -> dict[str, Any]:
    """What `flatten` undoes: {"a.b": x} becomes {"a": {"b": x}}.

    Parameters
    ----------
    flat : a dict without dicts in it, or an opened npz. Its keys are strings.

    Returns
    -------
    Nested dicts that hold the values themselves, not copies.

    Raises
    ------
    TypeError
        For a key that is no string, or for what is no dict, or has dicts in it.
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
                raise ValueError(f"flat has {name!r} below another of its keys, which holds a value")
        if last in branch:
            raise ValueError(f"flat has {name!r} and another of its keys below it")
        branch[last] = leaf
    return tree


def _text(name: str, key: object) -> None:
    if not isinstance(key, str):
        raise TypeError(f"{name} has the key {key!r}; strings are expected")
