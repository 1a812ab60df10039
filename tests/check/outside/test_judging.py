"""check_rule: this package's pairs pass in every dtype; wrong use is refused; what is assumed is said."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.outside.judging import JUDGED
from numpy_attention.check.outside.optimizers import OPTIMIZERS, STEPS
from numpy_attention.check.pairs.rules import RULES

QUICK = ("softmax", "layer_norm", "cross_entropy", "additive_scores")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", JUDGED)
def test_own_pairs_pass_in_every_dtype(name, dtype):
    passes(name, dtype)


@pytest.mark.parametrize("name", QUICK)
def test_own_pairs_pass(name):
    passes(name, "float32")


def passes(name, dtype):
    rule = next((rule for rule in RULES if rule.name == name), None)
    candidate = STEPS[name][0] if rule is None else (rule.forward, rule.backward)
    report = na.check_rule(candidate, name, dtype=dtype)
    coarse = name in OPTIMIZERS and dtype == "bfloat16"  # 0.999 is 1 there
    assert report.outcome in ("PASS", "INCONCLUSIVE" if coarse else "PASS"), str(report)
    assert report.control.caught or coarse
    assert not report.left_out


@pytest.mark.parametrize(
    "rule, sentence",
    [
        ("attention", "attention is judged by check_candidate"),
        ("softmaxx", "rule is 'softmaxx' .did you mean 'softmax'"),
        (None, "rule is None; one of softmax, log_softmax"),
    ],
)
def test_unknown_rules_are_refused(rule, sentence):
    with pytest.raises(ValueError, match=sentence):
        na.check_rule(na.softmax, rule)


def test_reduction_of_a_loss_is_read_from_its_result():
    def each(logits, targets):
        return na.cross_entropy(logits, targets, reduction="none")

    def total(logits, targets):
        return na.cross_entropy(logits, targets, reduction="sum")

    assert "reduction='none', by its result" in na.check_rule(each, "cross_entropy").notes
    assert "reduction='sum', by its result" in na.check_rule(total, "cross_entropy").notes


def test_absent_arguments_take_neutral_values():
    def standardize(x, eps=1e-5):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + x.dtype.type(eps))

    report = na.check_rule(standardize, "layer_norm")
    assert report.ok, str(report)
    assert {*report.left_out} == {"weight", "bias", "gradients"}
