"""Hypothesis profiles, and the fixture through which tests reach for another library."""

import gc
import importlib
import os
import signal
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Before NumPy is imported: on small matrices, threads of BLAS wait for each other longer than they compute.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# No profile fails because a machine is slow.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("quick", patient, max_examples=20, derandomize=True)
settings.register_profile("thorough", patient, max_examples=10_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

PEERS = "NUMPY_ATTENTION_PEERS"
os.environ.setdefault("KERAS_BACKEND", "jax")  # keras's own default, tensorflow, is not among the peers


@pytest.fixture(scope="session")
def peer() -> Callable[[str], ModuleType]:
    """``peer("torch")``: the module, or a skip; a failure if NUMPY_ATTENTION_PEERS=required."""

    def import_or_skip(name: str) -> ModuleType:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = f"{error.name} is not installed: nothing was compared with {name}"
        if os.environ.get(PEERS) == "required":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)

    return import_or_skip


@pytest.fixture(scope="session")
def client(peer: Callable[[str], ModuleType]) -> Iterator[Any]:
    """A client of two dask workers, processes of this machine."""
    peer("distributed")
    from numpy_attention.distributed.engine import cluster

    with cluster(2) as client:
        yield client


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Child processes hear Ctrl-C, though the tests run in the background, where a shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the fixture, so that ``pytest -m peer`` runs the comparisons alone."""
    for item in items:
        if "peer" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.peer)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Tests are collected without a search for garbage: they stay, and later searches pass them over."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
