"""check_rule: this package's pairs pass in every dtype; wrong use is refused; what is assumed is said."""

import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.outside.judging import JUDGED, rule_named
from numpy_attention.check.outside.optimizers import OPTIMIZERS, STEPS
from numpy_attention.check.outside.steps import elsewhere
from numpy_attention.check.pairs.rules import RULES
from tests.support.right_steps import RIGHT

QUICK = ("softmax", "layer_norm", "cross_entropy", "additive_scores", "sparsemax", "relative")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("name", JUDGED)
def test_own_pairs_pass_in_every_dtype(name, dtype):
    passes(name, dtype)


@pytest.mark.parametrize("name", QUICK)
def test_own_pairs_pass(name):
    passes(name, "float32")


def passes(name, dtype):
    rule = rule_named(name)
    candidate = STEPS[name][0] if name in OPTIMIZERS else (rule.forward, rule.backward)
    if dtype != "float64":  # a step of attention does not return its arguments' dtype
        candidate = RIGHT.get(name, candidate)
    report = na.check_rule(candidate, name, dtype=dtype)
    coarse = name in OPTIMIZERS and dtype == "bfloat16"  # 0.999 is 1 there
    assert report.outcome in ("PASS", "INCONCLUSIVE" if coarse else "PASS"), str(report)
    assert report.control.caught or coarse
    assert not report.left_out


@pytest.mark.parametrize(
    "rule, sentence",
    [
        *((name, re.escape(sentence)) for name, sentence in elsewhere().items()),
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


@pytest.mark.parametrize("name", ["attention_merge", "merge of attention", "merge_of_attention"])
def test_rules_have_names_without_spaces_too(name):
    with pytest.raises(ValueError, match="takes no lse_1: the arguments of merge of attention are out_1"):
        na.check_rule(lambda out: out, name)


def test_every_optimizer_and_every_rule_has_its_name():
    public = " ".join(na.PUBLIC[f"optim.{module}"] for module in ("adam", "sgd", "in_place"))
    assert {name.partition("_")[0] for name in public.split()} == {*OPTIMIZERS}
    assert {rule.name for rule in RULES} == {*JUDGED} - {*OPTIMIZERS} | {*elsewhere()}


def test_an_lse_that_is_not_returned_is_left_out_and_one_without_cotangent_is_judged():
    forward, backward = RIGHT["merge of attention"]

    def out_alone(out_1, lse_1, out_2, lse_2):
        return forward(out_1=out_1, lse_1=lse_1, out_2=out_2, lse_2=lse_2)[0][0]

    report = na.check_rule(out_alone, "attention_merge")
    assert report.ok, str(report)
    assert report.left_out == {"lse": "none returned", "gradients": "none returned"}

    def with_gradients(out_1, lse_1, out_2, lse_2, d_out):
        (out, lse), saved = forward(out_1=out_1, lse_1=lse_1, out_2=out_2, lse_2=lse_2)
        return (out, lse), backward((d_out, np.zeros_like(lse)), saved)

    report = na.check_rule(with_gradients, "attention_merge")
    assert report.ok, str(report)
    assert {*report.worst} == {"out", "lse", "d_out_1", "d_lse_1", "d_out_2", "d_lse_2"}


def test_absent_arguments_take_neutral_values():
    def standardize(x, eps=1e-5):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + x.dtype.type(eps))

    report = na.check_rule(standardize, "layer_norm")
    assert report.ok, str(report)
    assert {*report.left_out} == {"weight", "bias", "gradients"}
