"""Progress of a long run: a line every few seconds, to whoever asks for it."""

import time
from collections.abc import Callable, Sequence

from ..cases.specification import Specification
from .judging import CaseJudgement

SECONDS = 3.0
"""Between two lines."""


class Watcher:
    """A progress that hears of every case when it begins, and of its judgement."""

    def __call__(self, line: str) -> None:
        """A line of text, at most every SECONDS."""

    def begin(self, number: int, specification: Specification) -> None:
        """Case `number` begins."""

    def end(self, judgements: Sequence[CaseJudgement]) -> None:
        """It has been judged; a large case is judged in parts."""


class Ticker:
    """Calls `progress`, if it is not None, with a line of text at most every SECONDS."""

    def __init__(self, progress: Callable[[str], None] | None) -> None:
        self.progress = progress
        self.start = self.last = time.monotonic()

    def tell(self, text: str) -> None:
        """One line, unless the last one was just now."""
        now = time.monotonic()
        if self.progress is not None and now - self.last >= SECONDS:
            self.last = now
            self.progress(f"{text}, {now - self.start:.0f} s")

    def begin(self, number: int, specification: Specification) -> None:
        """Tell which case begins."""
        self.tell(f"case {number}: {specification.name}")
        if isinstance(self.progress, Watcher):
            self.progress.begin(number, specification)

    def judged(self, judgements: Sequence[CaseJudgement]) -> None:
        """Hand on the judgements of the case that began last."""
        if isinstance(self.progress, Watcher):
            self.progress.end(judgements)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.start
