"""From what is asked to settings: options, a settings file, another run, and then the defaults.

What is said on the command line goes before what a file says, that before what another run had, and that
before the defaults of the task.
"""

import itertools
import json
from pathlib import Path
from typing import Any

from ..files import read_json
from ..training import run_folder as runs
from ..training.settings import CSV, NPZ, Settings, checked, from_dict
from . import with_defaults

OF_THE_MODEL = ("score", "heads", "hidden_dim", "temperature")
"""The settings that a run which starts from another one takes from it, if they are not said."""


def settings_of(given: dict[str, Any], config: str | None = None) -> Settings:
    """Settings from options and a file; None is what was not said.

    Raises
    ------
    ValueError
        If a setting makes no sense, or two of them contradict each other.
    OSError
        If a file cannot be read.
    """
    said = {} if config is None else read_config(config)
    said |= {name: value for name, value in given.items() if value is not None}
    if "task" not in said:
        files = [name for name in (CSV, NPZ) if name in said]
        said |= {"task": files[0]} if files else {}
    if said.get("start_from") is not None:
        source = runs.read(said["start_from"]).settings
        names = [*OF_THE_MODEL, *(() if "task" in said else ("task", "digit"))]
        names += ["label", "tokens"] if said.get("task", source.task) == source.task == CSV else []
        said = {name: getattr(source, name) for name in names} | said
    return checked(with_defaults(said))


def read_config(file: str) -> dict[str, Any]:
    """The settings in a JSON file: some or all; what stands as null is not said.

    Raises
    ------
    ValueError
        If the file is damaged, a key is unknown, or a value makes no sense; it names the line.
    OSError
        If it cannot be read.
    """
    given = read_json(file)
    if isinstance(given, dict) and given.get("format") == runs.FORMAT:
        given = {name: value for name, value in given.items() if name != "format"}
    try:
        said = from_dict(given, whole=False)
    except ValueError as error:
        raise ValueError(f"{file}{_line(file, str(error))}: {error}") from None
    return {name: value for name, value in said.items() if value is not None}


def points(options: dict[str, list[Any]], config: str | None = None) -> tuple[list[Settings], list[str]]:
    """The settings of every point of a grid, and the names of what varies.

    options: for each setting the values that were asked for; one value, or several.

    Raises
    ------
    ValueError
        As `settings_of` does, or if a value is asked for twice.
    """
    varied = [name for name, values in options.items() if len(values) > 1]
    for name in varied:
        if len(set(options[name])) < len(options[name]):
            told = ", ".join(map(str, options[name]))
            raise ValueError(f"{name} is {told}; values that differ are expected")
    combined = itertools.product(*options.values())
    return [settings_of(dict(zip(options, point, strict=True)), config) for point in combined], varied


def _line(file: str, told: str) -> str:
    """Where the key that an error begins with stands in the file, as ", line 3"; or "" for nowhere."""
    key = told.partition(" ")[0].strip("'\"")
    lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    found = (number for number, line in enumerate(lines, 1) if json.dumps(key) in line)
    number = next(found, None)
    return "" if number is None else f", line {number}"
