"""Load a candidate from its address: my_kernel.py:attention, package.module:name, or …:forward,backward."""

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

from .sandbox import message_of


class CandidateImportError(Exception):
    """The candidate's file exists but raises on import; the message holds the error and its line."""


def check_address(address: str) -> None:
    """Raise ValueError or FileNotFoundError for an address whose file does not exist; nothing is imported."""
    if (place := _place_and_names(address)[0]).endswith(".py") and not Path(place).is_file():
        raise FileNotFoundError(2, "no such file", place)


def load(address: str) -> Any:
    """The object at FILE.py:NAME or MODULE:NAME: a function, or the pair NAME_forward, NAME_backward.

    Raises
    ------
    ValueError, OSError
        If the address is malformed, or its file, module or name does not exist.
    CandidateImportError
        If the file exists but cannot be imported.

    Examples
    --------
    >>> forward, backward = load("numpy_attention:attention")
    >>> forward.__name__
    'attention_forward'
    """
    check_address(address)
    place, names = _place_and_names(address)
    module = _module(place)
    if (pair := _forward_and_backward(module, names.strip())) is not None:
        return pair
    objects = tuple(_attribute(module, place, name.strip()) for name in names.split(","))
    if len(objects) > 2:
        raise ValueError(f"candidate is {address!r}; one function, or forward,backward, is expected")
    return objects if len(objects) == 2 else objects[0]


def _place_and_names(address: str) -> tuple[str, str]:
    place, colon, names = address.rpartition(":")
    if not colon or not place or not names:
        raise ValueError(f"candidate is {address!r}; FILE.py:NAME or MODULE:NAME is expected")
    return place, names


def _module(place: str) -> ModuleType:
    if place.endswith(".py"):
        return _import(place, Path(place))
    if not all(part.isidentifier() for part in place.split(".")):
        raise ValueError(f"{place!r} is neither a .py file nor the name of a module")
    return _import(place, None)


def _import(place: str, path: Path | None) -> ModuleType:
    """Import with the file's folder, or the current one, on sys.path; printed output is discarded."""
    folder = str(path.resolve().parent) if path else ""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return importlib.import_module(place) if path is None else _import_file(path)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        if path is None and isinstance(error, ModuleNotFoundError) and error.name == place.partition(".")[0]:
            raise ValueError(f"there is no module {place!r}") from error
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if path is not None and Path(f.filename).name == path.name]
        line = getattr(error, "lineno", None) or (own[-1].lineno if own else None)
        where = f" (line {line})" if line else ""
        text = message_of(error)
        raise CandidateImportError(f"cannot be imported: {type(error).__name__}: {text}{where}") from error


def _import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module


def _attribute(module: ModuleType, place: str, name: str) -> Any:
    """The object at a dotted name; an unknown name is refused with the nearest known one."""
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            near = difflib.get_close_matches(part, dir(value), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{place} has no {name}{hint}")
        value = getattr(value, part)
    return value


def _forward_and_backward(module: ModuleType, name: str) -> tuple[Any, Any] | None:
    """NAME_forward and NAME_backward if the module has both, else None."""
    stem = name.removesuffix("_forward")
    pair = tuple(getattr(module, f"{stem}_{way}", None) for way in ("forward", "backward"))
    return (pair[0], pair[1]) if all(map(callable, pair)) else None
