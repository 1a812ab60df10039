"""Progress of a long run: a line every few seconds, to whoever asks for it."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ..cases.specification import Specification

SECONDS = 3.0
"""Between two lines."""

_Case = TypeVar("_Case")


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

    def over(self, specs: Sequence[Specification], cases: Iterable[_Case]) -> Iterator[_Case]:
        """The cases, one after the other, each announced by its number and name."""
        for n, (spec, case) in enumerate(zip(specs, cases, strict=True)):
            self.tell(f"case {n + 1} of {len(specs)}: {spec.name}")
            yield case
