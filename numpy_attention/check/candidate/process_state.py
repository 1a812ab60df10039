"""What foreign code may change in the process: noticed after each call, and put back.

The states of random numbers are put back at the end of a check alone: a candidate that draws its own numbers
must differ from call to call, or the noise between its runs would go unseen.
"""

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import numpy as np

NUMPY_MODULES = (np, np.linalg, np.random)


class ProcessState:
    """The state of the process when this object is made."""

    def __init__(self) -> None:
        self.folder = _folder()
        self.environment = dict(os.environ)
        self.modules = [(module, dict(vars(module))) for module in NUMPY_MODULES]
        self.filters = list(warnings.filters)
        self.torch_dtype = _torch_dtype()

    def restore(self) -> tuple[str, ...]:
        """Put back what has changed since; one phrase for each change."""
        changed = []
        if _folder() != self.folder and self.folder:
            os.chdir(self.folder)
            changed.append("changes the working folder")
        if (now := dict(os.environ)) != self.environment:
            names = {n for n in {*now, *self.environment} if now.get(n) != self.environment.get(n)}
            changed.append(f"changes the environment ({', '.join(sorted(names))[:60]})")
            os.environ.clear()
            os.environ.update(self.environment)
        changed += [phrase for module, before in self.modules for phrase in _restore_module(module, before)]
        if warnings.filters != self.filters:
            added = [each for each in warnings.filters if each not in self.filters]
            kept = [each for each in warnings.filters if each in self.filters]
            if kept != self.filters or any(each[0] == "error" for each in added):  # imports may add others
                changed.append("changes the filters of warnings")
            warnings.filters[:] = self.filters  # type: ignore[index]
        if _torch_dtype() != self.torch_dtype:
            sys.modules["torch"].set_default_dtype(self.torch_dtype)
            changed.append("changes torch's default dtype")
        return tuple(changed)


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""


def _torch_dtype() -> Any:
    torch: Any = sys.modules.get("torch")
    return torch.get_default_dtype() if hasattr(torch, "get_default_dtype") else None


def _restore_module(module: ModuleType, before: dict[str, Any]) -> Iterator[str]:
    """Put back the functions of a module that have been replaced."""
    now = vars(module)
    for name, value in before.items():
        if now.get(name) is not value:
            setattr(module, name, value)
            yield f"replaces {module.__name__}.{name}"


class RandomStates:
    """The global states of random numbers when this object is made."""

    def __init__(self) -> None:
        self.numpy, self.python, self.torch = _numpy_state(), random.getstate(), _torch_state()

    def changed(self) -> tuple[str, ...]:
        """One phrase for each state that has changed since."""
        torch = self.torch is not None and not bool((_torch_state() == self.torch).all())
        phrases = {
            "changes the state of numpy.random": _numpy_state() != self.numpy,
            "changes the state of random": random.getstate() != self.python,
            "changes the state of torch's random numbers": torch,
        }
        return tuple(phrase for phrase, holds in phrases.items() if holds)

    def restore(self) -> None:
        """Put them back."""
        np.random.set_state(self.numpy)  # noqa: NPY002
        random.setstate(self.python)
        if self.torch is not None:
            sys.modules["torch"].set_rng_state(self.torch)


@contextmanager
def random_states_kept() -> Iterator[RandomStates]:
    """Put the global states of random numbers back at the end."""
    states = RandomStates()
    try:
        yield states
    finally:
        states.restore()


def _numpy_state() -> Any:
    state: Any = np.random.get_state()  # noqa: NPY002
    return (state[0], state[1].tolist(), *state[2:])  # comparable


def _torch_state() -> Any:
    with suppress(Exception):
        return sys.modules["torch"].get_rng_state()
    return None
