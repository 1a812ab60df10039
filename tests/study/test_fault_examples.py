"""Every fault is shown by an example, or there is a reason why none can show it."""

import numpy as np
import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.fault_examples import EXAMPLES, differ, example_of, not_shown_because


def test_every_fault_is_shown_or_has_a_reason():
    """The whole table: an example shows each fault, unless there is a reason why not, and then none does."""
    for each in FAULTS:
        if not not_shown_because(each):
            assert isinstance(example_of(each).query, np.ndarray), each.name
            continue
        with pytest.raises(ValueError, match=f"^{each.name} cannot be shown: it ") as refused:
            example_of(each)
        assert not_shown_because(each) in str(refused.value)


def test_most_faults_of_attention_are_shown():
    hidden = [each.name for each in FAULTS if each.steps is not None and not_shown_because(each)]
    assert hidden == ["batch-of-one-squeezed", "width-truncated"]


@pytest.mark.parametrize(
    "name, options",
    [
        ("no-row-sum", {}),
        ("softcap-times-cap", {"softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5}),
        ("heads-tiled", ALL_OPTIONS),
        ("causal-unasked", {"causal": False}),
    ],
)
def test_the_simplest_example_is_taken(name, options):
    assert options in EXAMPLES
    taken, built = example_of(fault(name)), build_example(**options)
    assert (taken.query.tobytes(), repr(taken.options)) == (built.query.tobytes(), repr(built.options))


def test_arrays_differ_by_more_than_the_tolerance_or_in_shape():
    x = np.array([1.0, np.nan])
    assert not differ(x, x + 1e-13, 1e-12)
    assert differ(x, x + 1e-11, 1e-12)
    assert differ(x, x[:1], 1e-12)
