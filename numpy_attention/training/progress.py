"""A bar on stderr while training runs, if tqdm is there and stderr is a terminal; else nothing."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Bar:
    """What counts steps, and makes way for lines."""

    def __init__(self, bar: Any = None) -> None:
        self.bar = bar

    @property
    def stepped(self) -> Callable[[], None] | None:
        """To be called after each step; None if there is no bar."""
        return None if self.bar is None else self._stepped

    def say(self, *lines: str) -> None:
        """Print lines to stdout, the bar out of their way."""
        if self.bar is not None:
            self.bar.clear()
        for line in lines:
            print(line, flush=True)

    def _stepped(self) -> None:
        self.bar.update()


@contextmanager
def progress(total: int, done: int = 0) -> Iterator[Bar]:
    """A bar of `total` steps, `done` of which were taken before."""
    try:
        tqdm = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError:
        yield Bar()
        return
    if not sys.stderr.isatty():
        yield Bar()
        return
    with tqdm(total=total, initial=done, file=sys.stderr, leave=False, unit="step") as bar:
        yield Bar(bar)
