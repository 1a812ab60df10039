"""A wrong solution: the kind of the mistake, the sentence for it, and the results that it gives."""

from collections.abc import Callable

import numpy as np

from ...check.outside.outcome import JudgedCase
from ...functional.base.admission import Array
from .exercise import Named
from .program import Line


class Mistake:
    """A wrong solution: the kind of the mistake, its sentence, and the results that it gives in a case."""

    dtypes = ("float64",)

    def __init__(
        self,
        kind: str,
        words: str,
        solve: Callable[[JudgedCase], Named],
        changes: dict[int, Line] | None = None,
    ) -> None:
        self.kind, self.name, self.solve, self.changes = kind, words, solve, changes or {}
        self._found: dict[int, dict[str, Array]] = {}

    @property
    def sentence(self) -> str:
        """The mistake in words."""
        return as_sentence(self.name)

    def results(self, case: JudgedCase) -> dict[str, Array]:
        """The results in a case; the right ones if they cannot be computed."""
        number = case.case.number
        if number not in self._found:
            try:
                with np.errstate(all="ignore"):
                    found = self.solve(case)
                self._found[number] = {name: np.asarray(x, dtype=float) for name, x in found.items()}
            except Exception:  # shapes that the mistake does not fit
                self._found[number] = case.expected.values
        return self._found[number]


NAMES = ("weights", "value", "key", "query", "out", "x", "logits", "scores", "param", "visible", "positions")


def as_sentence(words: str) -> str:
    """With a capital letter, unless it begins with the name of an array, and a full stop."""
    first = words.partition(" ")[0]
    return (words if "_" in first or first in NAMES else words[:1].upper() + words[1:]) + "."
