"""What a run keeps of its data: there and back; damage is named in tests/training/test_run_folder.py."""

from pathlib import Path

import numpy as np
import pytest

from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.classification.facts import facts_of, packed, unpacked
from tests.support.runs import settings_of, some_data


def test_facts_there_and_back():
    facts = facts_of(settings_of(), some_data())
    assert facts.sizes == (5, 3, 1)
    texts, arrays = packed(facts)
    again, names = unpacked(Path("run.npz"), {**texts, "classes": ["no", "yes"], "counts": [9, 8],
                                              "columns": []}, flatten(arrays))  # fmt: skip
    assert again[:-1] == facts[:-1]
    np.testing.assert_array_equal(again.normalisation.mean, facts.normalisation.mean)
    assert set(names) == set(flatten(arrays))


def test_other_facts_are_refused():
    with pytest.raises(ValueError, match=r"run.npz: facts are not those of a run"):
        unpacked(Path("run.npz"), {"symbols": []}, {})
