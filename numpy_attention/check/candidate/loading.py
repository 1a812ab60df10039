"""A candidate by its address: my_kernel.py:attention, package.module:name, or …:forward,backward."""

import contextlib
import difflib
import importlib
import importlib.util
import io
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any


class Unimportable(Exception):
    """The candidate's own file cannot be imported; the text says what it raised, and where."""


def load(address: str) -> Any:
    """What stands at FILE.py:NAME or MODULE:NAME: a function, or the pair NAME_forward, NAME_backward.

    Raises
    ------
    ValueError, OSError
        For an address that leads nowhere.
    Unimportable
        If the file is there and cannot be imported.

    Examples
    --------
    >>> forward, backward = load("numpy_attention:attention")
    >>> forward.__name__
    'attention_forward'
    """
    place, colon, names = address.rpartition(":")
    if not colon or not place or not names:
        raise ValueError(f"{address!r} is no candidate; FILE.py:NAME or MODULE:NAME is expected")
    module = _module(place)
    if (pair := _with_backward(module, names.strip())) is not None:
        return pair
    found = tuple(_named(module, place, name.strip()) for name in names.split(","))
    if len(found) == 1:
        return found[0]
    if len(found) == 2:
        return found
    raise ValueError(f"{address!r} names {len(found)} things; a function, or forward,backward is expected")


def _module(place: str) -> ModuleType:
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise FileNotFoundError(2, "there is no such file", place)
        return _imported(place, path)
    if not all(part.isidentifier() for part in place.split(".")):
        raise ValueError(f"{place!r} is neither a .py file nor the name of a module")
    return _imported(place, None)


def _imported(place: str, path: Path | None) -> ModuleType:
    """The module, its own folder (or this one) on the path; what it prints is not passed on."""
    folder = str(path.resolve().parent) if path else ""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return importlib.import_module(place) if path is None else _from_file(path)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if path is None and isinstance(error, ModuleNotFoundError) and error.name == place.partition(".")[0]:
            raise ValueError(f"there is no module {place!r}") from error
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if path is not None and Path(f.filename).name == path.name]
        line = getattr(error, "lineno", None) or (own[-1].lineno if own else None)
        where = f" (line {line})" if line else ""
        text = " ".join(str(error).split())
        raise Unimportable(f"cannot be imported: {type(error).__name__}: {text}{where}") from error


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _named(module: ModuleType, place: str, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{place} has no {name}{meant}")
        found = getattr(found, part)
    return found


def _with_backward(module: ModuleType, name: str) -> tuple[Any, Any] | None:
    """NAME_forward and NAME_backward, where the module has both."""
    stem = name.removesuffix("_forward")
    pair = tuple(getattr(module, f"{stem}_{way}", None) for way in ("forward", "backward"))
    return (pair[0], pair[1]) if all(map(callable, pair)) else None
