"""A progress bar on stderr, if tqdm is installed and stderr is a terminal; otherwise none."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class ProgressBar:
    """Counts steps, and prints lines above the bar."""

    def __init__(self, bar: Any = None) -> None:
        self.bar = bar

    @property
    def on_step(self) -> Callable[[], None] | None:
        """To be called after each step; None if there is no bar."""
        return None if self.bar is None else self._advance

    def print(self, *lines: str) -> None:
        """Print lines to stdout, clearing the bar first."""
        if self.bar is not None:
            self.bar.clear()
        for line in lines:
            print(line, flush=True)

    def _advance(self) -> None:
        self.bar.update()


@contextmanager
def progress(total: int, done: int = 0) -> Iterator[ProgressBar]:
    """A bar of `total` steps, `done` of which are complete."""
    try:
        tqdm = importlib.import_module("tqdm").tqdm
    except ModuleNotFoundError:
        yield ProgressBar()
        return
    if not sys.stderr.isatty():
        yield ProgressBar()
        return
    with tqdm(total=total, initial=done, file=sys.stderr, leave=False, unit="step") as bar:
        yield ProgressBar(bar)
