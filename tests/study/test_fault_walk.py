"""Walks with a fault: changed numbers, broken laws, and faults that are refused."""

import pytest

from numpy_attention.check.faults import FAULTS, fault
from numpy_attention.study import fault_walk
from numpy_attention.study.example import build_example
from numpy_attention.study.fault_walk import walk_with_fault
from numpy_attention.study.page import page
from numpy_attention.study.walk import walk
from tests.study.test_walk import OPTIONS
from tests.support.shares import share

EXAMPLES = {
    "default": build_example(),
    "everything": build_example(**OPTIONS["everything"]),
    "as wide as long": build_example({"tokens": [[1, 2, -1], [0.5, -1, 0], [2, 0, 1]]}),
}

INVISIBLE = {  # these need batches, grouped heads, L != S, a window, no mask, or large sizes and scores
    *("first-head-of-group", "last-head-of-group", "mean-of-group", "heads-tiled"),
    *("group-summed-interleaved", "mask-from-the-wrong-corner", "window-off-by-one-left"),
    *("window-unshifted", "lse-without-gradient", "bias-gradient-not-summed", "bias-gradient-averaged"),
    *("bias-of-the-first-head", "bias-gradient-per-head-lost", "batch-of-one-squeezed", "width-truncated"),
    *("no-maximum", "maximum-from-zero", "maximum-from-1e4", "maximum-from-5e4", "causal-unasked"),
    *("mask-ignored-beside-causal", "offset-of-the-wrong-sign"),
}

STEPS_FAULTS = [each for each in FAULTS if each.steps is not None]
CORRECT = {id(example): walk(example) for example in EXAMPLES.values()}


@pytest.fixture(autouse=True)
def correct_walks_run_once(monkeypatch):
    """Reuse the correct walk of each example."""

    def walk_or_reuse(example, *, steps=None):
        return CORRECT[id(example)] if steps is None else walk(example, steps=steps)

    monkeypatch.setattr(fault_walk, "walk", walk_or_reuse)


def walk_or_none(example, each):
    """The walk of an example with a fault, or None where the fault changes nothing."""
    try:
        return walk_with_fault(example, each)
    except ValueError:
        return None


@pytest.mark.parametrize("each", share(STEPS_FAULTS, every=8))
def test_every_fault_of_a_step_is_shown_somewhere_or_refused_everywhere(each):
    if each.name in INVISIBLE:
        for example in EXAMPLES.values():
            with pytest.raises(ValueError, match=f"^{each.name} changes nothing here; it shows where"):
                walk_with_fault(example, each)
        return
    walked = next(filter(None, (walk_or_none(example, each) for example in EXAMPLES.values())))
    lines = list(page(walked.walk, faulty=walked))
    assert any(line.startswith(f"── Planted: {each.name} ") for line in lines)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    "name, changed, broken, wrong",
    [
        ("no-row-sum", ("d_masked", "d_biased", "d_query", "d_key", "d_scale"), [0, 18, 1], "d_masked"),
        ("scale-missing-in-d-key", ("d_key",), [2], "d_key"),
        ("d-value-untransposed", ("d_value",), [4, 0, 5], "d_value"),
        ("scale-gradient-of-the-scores", ("d_scale",), [7], "d_scale"),
    ],
)
def test_changed_numbers_broken_laws_and_wrong_gradients(name, changed, broken, wrong):
    walked = walk_with_fault(EXAMPLES["default"], fault(name))
    assert walked.changed_results == changed
    assert [law.number for law in walked.broken_laws] == broken
    assert wrong in walked.wrong_gradients


def test_a_consistent_fault_is_marked_although_all_gradients_agree():
    walked = walk_with_fault(EXAMPLES["everything"], fault("dropout-not-rescaled"))
    assert walked.walk.ok
    assert "out" in walked.changed_results
    text = "\n".join(page(walked.walk, faulty=walked))
    assert "It breaks no law on this page." in text
    assert "is consistent: forward and backward contain the same error" in text
    assert "    out ≠ (3, 2)" in text


def test_only_changed_numbers_are_marked():
    walked = walk_with_fault(EXAMPLES["default"], fault("no-row-sum"))
    lines = list(page(walked.walk, faulty=walked))
    assert any("d_key ≠ (3, 2)" in line for line in lines)
    assert not any("weights ≠" in line or "d_value ≠" in line for line in lines)
    assert not any("≠ (" in line for line in page(walked.correct))


def test_a_fault_outside_the_seven_steps_is_refused():
    with pytest.raises(ValueError, match=r"^rotary-sign is a fault of rotary, in none of .* seven steps"):
        walk_with_fault(EXAMPLES["default"], fault("rotary-sign"))
