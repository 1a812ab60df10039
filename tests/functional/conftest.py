"""BLAS with threads to limit, and without threadpoolctl."""

import pytest

from numpy_attention.functional.base import blas as module


class Library:
    """Stands for threadpoolctl's controller of a BLAS library, and lists the limits set."""

    def __init__(self):
        self.limits, self.threads = [], 4

    def get_num_threads(self):
        return self.threads

    def set_num_threads(self, threads):
        self.limits.append(threads)
        self.threads = threads


@pytest.fixture
def blas(monkeypatch):
    """A library in place of those that threadpoolctl finds, installed or not."""
    library = Library()
    monkeypatch.setattr(module, "blas_libraries", lambda: [library])
    return library


@pytest.fixture
def without_threadpoolctl(monkeypatch):
    monkeypatch.setattr(module, "blas_libraries", lambda: [])
