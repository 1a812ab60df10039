"""Every fault is shown by an example, or there is a reason why none can show it."""

import numpy as np
import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.cli import build_parser
from numpy_attention.cli.explain import example_options
from numpy_attention.study.example import build_example
from numpy_attention.study.fault_examples import EXAMPLES, differ, example_of, not_shown_because


def test_every_fault_is_shown_or_has_a_reason():
    """The whole table: an example shows each fault, unless there is a reason why not, and then none does."""
    for each in FAULTS:
        if not not_shown_because(each):
            assert example_of(each)[0] in EXAMPLES, each.name
            continue
        with pytest.raises(ValueError, match=f"^{each.name} cannot be shown: it ") as refused:
            example_of(each)
        assert not_shown_because(each) in str(refused.value)


def test_most_faults_of_attention_are_shown():
    hidden = [each.name for each in FAULTS if each.steps is not None and not_shown_because(each)]
    assert hidden == ["batch-of-one-squeezed", "width-truncated"]


@pytest.mark.parametrize(
    "name, command",
    [
        ("no-row-sum", "explain"),
        ("softcap-times-cap", "explain --softcap --bias --sinks --dropout"),
        ("heads-tiled", "explain --all-options"),
        ("causal-unasked", "explain --no-causal"),
        ("maximum-from-1e4", "scores far below 0"),
        ("mask-of-a-finite-number", "more queries than keys"),
    ],
)
def test_the_simplest_example_is_taken(name, command):
    taken, example = example_of(fault(name))
    assert taken == command
    assert repr(example.options) == repr(build_example(**EXAMPLES[command]).options)


def test_an_example_is_what_its_command_prints():
    for command, options in EXAMPLES.items():
        if command.startswith("explain"):
            given = example_options(build_parser().parse_args(command.split()))
            built, example = build_example(**given), build_example(**options)
            assert (built.query.tobytes(), repr(built.options)) == (
                example.query.tobytes(),
                repr(example.options),
            )


def test_arrays_differ_by_more_than_the_tolerance_or_in_shape():
    x = np.array([1.0, np.nan])
    assert not differ(x, x + 1e-13, 1e-12)
    assert differ(x, x + 1e-11, 1e-12)
    assert differ(x, x[:1], 1e-12)
