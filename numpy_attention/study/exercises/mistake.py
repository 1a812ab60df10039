"""A wrong solution: the kind of the mistake, the sentence for it, and the results that it gives."""

import re
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


NAMES = ("weights", "value", "key", "query", "out", "x", "logits", "scores", "param", "visible", "positions",
         "masked", "total", "top", "targets", "indices")  # fmt: skip
PLURAL = re.compile(r"the (scores|weights|exponentials|dot products|masked scores|transposed weights|angles|"
                    r"tile's exponentials)\b")  # fmt: skip
VERBS = {"is": "are", "has": "have", "becomes": "become", "lacks": "lack"}


def as_sentence(words: str) -> str:
    """With a capital letter, unless it begins with the name of an array, and a full stop.

    Examples
    --------
    >>> as_sentence("the scores is used in place of key"), as_sentence("query head 0 is left out")
    ('The scores are used in place of key.', 'Query head 0 is left out.')
    """
    words = "; and ".join(map(_agreed, words.split("; and ")))
    first, _, rest = words.partition(" ")
    named = "_" in first or (first in NAMES and not rest.startswith(("head", "entr")))
    return (words if named else words[:1].upper() + words[1:]) + "."


def _agreed(words: str) -> str:
    """With the verb of several things, if the subject is one."""
    if not PLURAL.match(words):
        return words
    return re.sub(rf"\b({'|'.join(VERBS)})\b", lambda verb: VERBS[verb[0]], words, count=1)
