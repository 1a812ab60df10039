"""numpy-attention list: print the tasks, the question of each and its default settings."""

import argparse

from ..tasks import TASKS, with_defaults
from ..training.settings import Settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: it has no options."""


def run(args: argparse.Namespace) -> int:
    """Print a line for each task, and one for its own defaults."""
    width = max(map(len, TASKS))
    for name, task in TASKS.items():
        settings = with_defaults({"task": name})
        own = {key: getattr(settings, key) for key in Settings._fields if key in task.defaults}
        print(f"{name:<{width}}  {task.question(settings, None)}")
        if own:
            print(f"{'':<{width}}  {', '.join(f'{key} {value}' for key, value in own.items())}")
    return 0
