"""Settings from command-line options, a settings file, another run, and the task's defaults.

Each takes precedence over the next.
"""

import itertools
import json
from pathlib import Path
from typing import Any

from ..files import read_json
from ..functional.base.admission import one_of
from ..training.run_folder import FORMAT, read_run
from ..training.settings import FILES, Settings, check_fields
from ..training.task import validated
from . import TASKS, with_defaults
from .own_data import CSV_TASK, NPZ_TASK

MODEL_SETTINGS = ("score", "heads", "hidden_dim", "temperature")
"""What a run with `start_from` takes from the other run besides its task's own settings, unless it is set."""


def resolve_settings(options: dict[str, Any], config: str | None = None) -> Settings:
    """Settings from options and a settings file; None means unset.

    Raises
    ------
    ValueError
        If a setting is out of range, or two of them do not fit together.
    OSError
        If a file cannot be read.
    """
    chosen = {} if config is None else read_config(config)
    chosen |= {name: value for name, value in options.items() if value is not None}
    if "task" not in chosen:
        chosen |= next(({"task": task.name} for task in (CSV_TASK, NPZ_TASK) if task.name in chosen), {})
    if chosen.get("start_from") is not None:
        source = read_run(chosen["start_from"], TASKS).settings
        task = one_of("task", chosen.get("task", source.task), tuple(TASKS))
        shared = set(TASKS[task].own_settings) & set(TASKS[source.task].own_settings) - set(FILES)
        names = ["task", *MODEL_SETTINGS, *sorted(shared)]
        chosen = {name: getattr(source, name) for name in names} | chosen
    return validated(with_defaults(chosen), TASKS)


def read_config(file: str) -> dict[str, Any]:
    """The settings in a JSON file, some or all; null means unset.

    Raises
    ------
    ValueError
        If the file is damaged, a key is unknown, or a value is out of range; it names the line.
    OSError
        If it cannot be read.
    """
    content = read_json(file)
    if isinstance(content, dict) and content.get("format") == FORMAT:
        content = {name: value for name, value in content.items() if name != "format"}
    try:
        if isinstance(content, dict) and "task" in content:
            one_of("task", content["task"], tuple(TASKS))
        settings = check_fields(content, complete=False)
    except ValueError as error:
        raise ValueError(f"{file}{_line(file, str(error))}: {error}") from None
    return {name: value for name, value in settings.items() if value is not None}


def grid_settings(
    options: dict[str, list[Any]], config: str | None = None
) -> tuple[list[Settings], list[str]]:
    """The settings of every point of a grid, and the names of the settings that vary.

    options: one or several values for each setting.

    Raises
    ------
    ValueError
        As `resolve_settings` does, or if two values of a setting are equal.
    """
    varied = [name for name, values in options.items() if len(values) > 1]
    for name in varied:
        if len(set(options[name])) < len(options[name]):
            values = ", ".join(map(str, options[name]))
            raise ValueError(f"{name} is {values}; values that differ are expected")
    points = itertools.product(*options.values())
    return [resolve_settings(dict(zip(options, point, strict=True)), config) for point in points], varied


def _line(file: str, message: str) -> str:
    """The line of the key that the message begins with, as ", line 3"; "" if there is none."""
    key = message.partition(" ")[0].strip("'\"")
    lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    number = next((number for number, line in enumerate(lines, 1) if json.dumps(key) in line), None)
    return "" if number is None else f", line {number}"
