"""A report says where it was made."""

import hashlib
from pathlib import Path

import numpy as np

import numpy_attention as na
from numpy_attention.check.referee.versions import source_of, versions


def test_versions_and_machine():
    found = versions("numpy")
    assert (found["numpy_attention"], found["numpy"]) == (na.__version__, np.__version__)
    assert set(found) == {"numpy_attention", "numpy", "python", "machine"}
    assert set(versions("torch")) - set(found) == {"torch"}


def test_the_source_of_a_function_is_its_file_and_digest():
    here = Path(__file__)
    found = source_of(test_versions_and_machine)
    assert Path(found["file"]) == here
    assert found["sha256"] == hashlib.sha256(here.read_bytes()).hexdigest()
    assert source_of(len) is None
