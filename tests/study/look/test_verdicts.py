"""What does not explain is said in a sentence, each reason where it holds."""

import numpy as np
import pytest

from numpy_attention.study.look.counter_tests import Changed
from numpy_attention.study.look.integrated import Integrated
from numpy_attention.study.look.looked import RELEVANCE, ROLLOUT, WEIGHTS, Chain, Head, Looked, Place
from numpy_attention.study.look.verdicts import little, reasons, verdicts

WORTH = Changed(0.3, 0.2, 0.4)
GOOD = Head(0.5, 2.0, 0.1, WORTH, WORTH, None, 0.0, 0.9)
ONES = np.ones((1, 1, 2))
COMPLETE = Integrated((np.array([3.0, -1.0, 2.0]),), 4.0, 0.001, 32)


def place(*heads, together=WORTH):
    return Place(
        "layers.0.self_attn",
        "layer 1",
        ONES,
        ONES > 0,
        ONES,
        heads,
        (WORTH, together),
        ("a",),
        ("b", "c"),
    )


def looked(*places, chains=(), integrated=COMPLETE, better="larger", figure=1.0, judged=900):
    return Looked(
        "a task", 1, 9, "b", "log p", -0.1, (("x", "y", "z"),), "zeros", places, chains, integrated,
        "accuracy", better, figure, judged,
    )  # fmt: skip


def test_little_is_a_hundredth_or_the_standard_error_of_a_share():
    assert little(looked(judged=90_000)) == 0.01
    assert little(looked(judged=98, figure=95 / 98)) == pytest.approx((0.96 * 0.04 / 98) ** 0.5)
    assert little(looked(judged=8, figure=1.0)) == pytest.approx((0.9 * 0.1 / 8) ** 0.5)
    assert little(looked(judged=25, better="smaller", figure=3.0)) == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (GOOD, []),
        (GOOD._replace(figure=Changed(0.009, 0.009, 0.4)), ["uniform or permuted weights cost the accuracy"]),
        (GOOD._replace(figure=Changed(0.011, 0.009, 0.4)), []),
        (GOOD._replace(figure=Changed(0.009, 0.011, 0.4)), []),
        (GOOD._replace(figure=Changed(0.3, 0.2, 0.009)), ["removing the head costs the accuracy"]),
        (GOOD._replace(figure=Changed(-0.2, 0.0, 0.0)), ["uniform or permuted", "nor does removing"]),
        (GOOD._replace(distance=0.26), ["a map far from it gives the same output"]),
        (GOOD._replace(distance=0.25), []),
        (GOOD._replace(agreement=0.29), ["the order of the tokens is not that of the integrated gradients"]),
        (GOOD._replace(agreement=float("nan")), []),
    ],
)  # fmt: skip
def test_each_counter_test_is_a_reason_beyond_its_threshold(head, expected):
    found = reasons(head, looked())
    assert len(found) == len(expected)
    assert all(text.startswith(start) for text, start in zip(found, expected, strict=True))


def test_heads_with_the_same_reasons_share_a_sentence():
    far = GOOD._replace(distance=0.5)
    lines = verdicts(looked(place(far, GOOD, far, far._replace(agreement=-1.0))))
    assert lines == [
        "Layer 1, heads 1 and 3 do not explain the answer: a map far from it gives the same output.",
        "Layer 1, head 2: no counter-test speaks against it.",
        "Layer 1, head 4 does not explain the answer: a map far from it gives the same output; the order of "
        "the tokens is not that of the integrated gradients.",
    ]
    assert verdicts(looked(place(GOOD, GOOD))) == [
        "Layer 1, heads 1 and 2: no counter-test speaks against them."
    ]


def test_a_layer_that_may_be_uniform_altogether_is_named_if_it_has_several_heads():
    nothing = Changed(0.5, 0.004, 0.5)
    (_, line) = verdicts(looked(place(GOOD, GOOD, together=nothing)))
    assert line == "Layer 1: all its weights may be uniform at once, which costs the accuracy +0.0040."
    assert len(verdicts(looked(place(GOOD, together=nothing)))) == 1
    (_, line) = verdicts(looked(place(GOOD, GOOD, together=Changed(0.5, -0.004, 0.5))))
    assert line.endswith(" costs the accuracy -0.0040.")


def test_weights_on_which_nothing_depends_are_named():
    (line,) = verdicts(looked(place(GOOD._replace(gradient=0.0))))
    expected = (
        "Layer 1, head 1 does not explain the answer: what is explained does not depend on its weights."
    )
    assert line == expected


def test_rollout_and_relevance_that_order_the_tokens_otherwise_are_named():
    shares = {
        ROLLOUT: np.array([0.5, 0.1, 0.4]),
        RELEVANCE: np.array([0.1, 0.6, 0.3]),
        WEIGHTS: np.array([0, 1, 0.5]),
    }
    (line,) = verdicts(looked(chains=(Chain("all layers", 0, shares),)))
    assert line == (
        "The relevance of all layers does not explain the answer: it orders the tokens unlike the integrated "
        "gradients (rank correlation -1.00)."
    )
    assert verdicts(looked(chains=(Chain("other tokens", 0, {ROLLOUT: np.ones(2)}),))) == []


def test_rollout_is_compared_with_the_sizes_of_its_own_input():
    sizes = COMPLETE._replace(attributions=(np.array([3.0, -1.0, 2.0]), np.array([1.0, -3.0, 2.0])))
    chain = Chain("decoder", 1, {ROLLOUT: np.array([0.1, 0.6, 0.3])})
    assert verdicts(looked(chains=(chain,), integrated=sizes)) == []
    assert len(verdicts(looked(chains=(chain._replace(input=0),), integrated=sizes))) == 1


def test_integrated_gradients_that_are_missing_or_not_complete_are_named():
    (line,) = verdicts(looked(integrated=None, chains=(Chain("all", 0, {ROLLOUT: np.ones(3)}),)))
    assert line.startswith("Integrated gradients are left out, and nothing is compared with them")
    (line,) = verdicts(looked(integrated=COMPLETE._replace(error=-0.2)))
    assert line == (
        "The integrated gradients are not complete: their error is 5.0% at 32 steps; more --steps make it "
        "smaller."
    )
