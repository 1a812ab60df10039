"""BLAS with threads to limit, and without threadpoolctl."""

from types import SimpleNamespace

import pytest

from numpy_attention.functional.fast import blas as module


class Controller:
    """Stands for threadpoolctl's controller, and lists the calls of it."""

    def __init__(self):
        self.calls, self.threads = [], 4

    def info(self):
        return [{"num_threads": self.threads}]

    def limit(self, limits):
        self.calls.append(limits)
        self.threads = limits
        return SimpleNamespace(restore_original_limits=self.restore)

    def restore(self):
        self.calls.append("restored")
        self.threads = 4


@pytest.fixture
def blas(monkeypatch):
    """A controller in place of that of threadpoolctl, installed or not."""
    controller = Controller()
    monkeypatch.setattr(module, "blas_controller", lambda: controller)
    return controller


@pytest.fixture
def without_threadpoolctl(monkeypatch):
    monkeypatch.setattr(module, "blas_controller", lambda: None)
