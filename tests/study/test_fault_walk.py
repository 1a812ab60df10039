"""A fault in the walk: which numbers it changes, which laws go red, and where it is refused."""

import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study.example import example
from numpy_attention.study.fault_walk import planted
from numpy_attention.study.page import page
from tests.study.test_walk import OPTIONS

EXAMPLES = {
    "default": example(),
    "everything": example(**OPTIONS["everything"]),
    "as wide as long": example({"tokens": [[1, 2, -1], [0.5, -1, 0], [2, 0, 1]]}),
}

ELSEWHERE = {  # what needs grouped heads, L != S, a window, another cotangent, a bias that is broadcast
    *("first-head-of-group", "last-head-of-group", "mean-of-group", "heads-tiled"),
    *("group-summed-interleaved", "mask-from-the-wrong-corner", "window-off-by-one-left"),
    *("window-unshifted", "lse-without-gradient", "bias-gradient-not-summed", "bias-gradient-averaged"),
    *("bias-of-the-first-head", "bias-gradient-per-head-lost"),
}

STEPS_FAULTS = [each for each in FAULTS if each.steps is not None]


def shown(told, each):
    """The walk of an example with a fault, or None where it changes nothing."""
    try:
        return planted(told, each)
    except ValueError:
        return None


@pytest.mark.parametrize("each", STEPS_FAULTS, ids=[each.name for each in STEPS_FAULTS])
def test_every_fault_of_a_step_is_shown_somewhere_or_refused_everywhere(each):
    walked = next(filter(None, (shown(told, each) for told in EXAMPLES.values())), None)
    assert (walked is None) == (each.name in ELSEWHERE)
    if walked is not None:
        lines = list(page(walked.walk, planted=walked))
        assert any(line.startswith(f"── Planted: {each.name} ") for line in lines)
        assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_where_a_fault_changes_nothing_it_is_said_where_it_does(name):
    with pytest.raises(ValueError, match=f"^{name} changes nothing here; it shows where"):
        planted(EXAMPLES["default"], fault(name))


@pytest.mark.parametrize(
    "name, changed, broken, wrong",
    [
        ("no-row-sum", ("d_masked", "d_biased", "d_query", "d_key", "d_scale"), [None, 18, 1], "d_masked"),
        ("scale-missing-in-d-key", ("d_key",), [2], "d_key"),
        ("d-value-untransposed", ("d_value",), [4, None, 5], "d_value"),
        ("scale-gradient-of-the-scores", ("d_scale",), [7], "d_scale"),
    ],
)
def test_what_a_fault_changes_and_what_it_breaks(name, changed, broken, wrong):
    walked = planted(EXAMPLES["default"], fault(name))
    assert walked.all_changed == changed
    assert [number for number, _ in walked.broken] == broken
    assert wrong in walked.wrong_gradients


def test_what_is_wrong_there_and_back_alike_is_marked_although_all_derivatives_agree():
    walked = planted(EXAMPLES["everything"], fault("dropout-not-rescaled"))
    assert walked.walk.ok
    assert "out" in walked.all_changed
    told = "\n".join(page(walked.walk, planted=walked))
    assert "It breaks no law of this page." in told
    assert "only by a comparison with what is right." in told
    assert "    out ≠ (3, 2)" in told


def test_only_what_the_fault_reaches_is_marked():
    walked = planted(EXAMPLES["default"], fault("no-row-sum"))
    told = list(page(walked.walk, planted=walked))
    assert any("d_key ≠ (3, 2)" in line for line in told)
    assert not any("weights ≠" in line or "d_value ≠" in line for line in told)
    assert not any("≠ (" in line for line in page(walked.right))


def test_a_fault_of_something_else_is_refused():
    with pytest.raises(ValueError, match=r"^rotary-sign is a fault of rotary, in none of .* seven steps"):
        planted(EXAMPLES["default"], fault("rotary-sign"))
