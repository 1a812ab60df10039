"""The exercises that are answered by a function, in their order; the exercise of a name, or of a file."""

import ast
import re
from pathlib import Path

from ...functional.base.wording import did_you_mean, some_names
from . import around, back, heads, layers, losses, there
from .exercise import Exercise

SETS: dict[str, tuple[Exercise, ...]] = {
    "there": there.EXERCISES,
    "back": back.EXERCISES,
    "around": (*layers.EXERCISES, *losses.EXERCISES, *heads.EXERCISES, *around.EXERCISES),
}
"""The exercises by set."""

EXERCISES = {exercise.name: exercise for exercises in SETS.values() for exercise in exercises}
"""The exercises by name."""

LARGEST_FILE = 2**20


def exercise(name: str) -> Exercise:
    """The exercise of a name; ValueError names the one most like an unknown one.

    Examples
    --------
    >>> exercise("softmax-back").function
    'softmax_back'
    """
    if name not in EXERCISES:
        near = did_you_mean(name, [*EXERCISES])
        raise ValueError(f"there is no exercise {name!r}{near}; `numpy-attention exercise list` prints them")
    return EXERCISES[name]


def exercise_of(path: Path) -> Exercise:
    """The exercise that a file answers: of those whose function it defines, the one it is named after.

    Raises
    ------
    ValueError
        If it defines the function of no exercise, or of several and is named after none.
    OSError
        If it cannot be read.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ValueError(f"{path} has {size:,} bytes; a submission has at most {LARGEST_FILE:,}")
    names = _defined(path.read_bytes())
    answered = [each for each in EXERCISES.values() if each.function in names]
    stem = path.stem.replace("-", "_")
    named = [each for each in answered if each.function in stem]
    if len(answered) == 1 or named:
        return max(named or answered, key=lambda each: len(each.function))
    if not answered:
        raise ValueError(
            f"{path} defines no function of an exercise; `numpy-attention exercise start NAME` writes what "
            "to start from"
        )
    functions = some_names([each.function for each in answered])
    raise ValueError(f"{path} defines {functions}; name the file after the one to be graded")


def _defined(source: bytes) -> set[str]:
    """The functions that a file defines, whatever else is in it; nothing of it is run."""
    try:
        tree = ast.parse(source)
    except Exception:  # half written, or no Python at all
        return set(re.findall(r"^def (\w+)", source.decode("utf-8", "replace"), re.MULTILINE))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
