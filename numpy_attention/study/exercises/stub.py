"""The file that a learner starts from: the question, an example that is right, and a function to write."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from ...files import write_text
from .exercise import Exercise

DECIMALS = 4

LETTERS = {
    "L": "queries", "S": "keys", "D": "columns of query and key", "E": "columns of value", "C": "columns",
    "H": "query heads", "G": "key heads", "N": "rows", "n": "entries", "T": "tokens",
}  # fmt: skip
GRADIENT = "d_x has the shape of x: by how much the loss grows for each unit by which an entry of x does."


def write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet, whole or not at all."""
    if path.exists() or path.is_symlink():
        raise ValueError(f"{path} exists, and is not overwritten; name another place with --out DIR")
    write_text(path, text)


def stub(exercise: Exercise) -> str:
    """The text of the file."""
    asked = "\n".join(f"    {name:<9} {shape}" for name, shape in exercise.arguments.items())
    answer = "\n".join(f"    {name:<9} {shape}" for name, shape in exercise.results.items())
    arguments = ", ".join(exercise.arguments)
    shapes = re.findall(r"\((.*?)\)", " ".join((*exercise.arguments.values(), *exercise.results.values())))
    letters = [
        f"{n} {LETTERS[n]}" for n in dict.fromkeys(re.findall(r"\w+", " ".join(shapes))) if n in LETTERS
    ]
    gradient = f"{GRADIENT}\n" if exercise.forward else ""
    return f'''"""{exercise.name}: {exercise.title}.

{exercise.equation.strip(chr(10))}
{gradient}
Arguments, for {", ".join(letters)}:

{asked}

To be returned{", in this order" if len(exercise.results) > 1 else ""}:

{answer}

An example:

{example(exercise)}
Grade it with: numpy-attention exercise check {exercise.function}.py
"""

import numpy as np


def {exercise.function}({arguments}):
    raise NotImplementedError
'''


def example(exercise: Exercise) -> str:
    """A call with small numbers as a doctest."""
    arguments = exercise.by_hand[0]
    results = exercise.reference(**arguments)
    assigned = [f"{n} = {_literal(x)}" for n, x in arguments.items()]
    names = list(results)
    call = f"{', '.join(names)} = {exercise.function}({', '.join(arguments)})"
    lines = [f"    >>> {line}" for line in (*assigned, call)]
    for name, x in results.items():
        shown = (np.round(np.asarray(x, dtype=float), DECIMALS) + 0.0).tolist()
        lines += [f"    >>> (np.round({name}, {DECIMALS}) + 0).tolist()", f"    {shown}"]
    return "\n".join(lines) + "\n"


def _literal(x: Any) -> str:
    return f"np.array({x.tolist()})" if isinstance(x, np.ndarray) else repr(x)
