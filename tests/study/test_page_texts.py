"""The sentences of a page, each once, where what it explains is first met."""

import pytest

from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.page import page
from numpy_attention.study.walk import walk


def text_of(**options):
    return " ".join(" ".join(page(walk(build_example(**options)))).split())


def test_a_word_is_explained_once_where_it_is_first_met():
    text = text_of(softcap=2.0)
    for word in ("A law is", "√D = 1/√2 = 0.7071", "cotangent of out", "the complex step, which needs no"):
        assert text.count(word) == 1
    assert text.index("A law is") < text.index("law exp(masked)")
    assert text.index("cotangent of out") < text.index("d_out (2, 2)")
    assert text.index("the complex step, which") < text.index("by complex step")
    assert text.count(" fold_groups: ") == text.count("keep_visible: ") == 1
    assert text.index("= keep_visible(") < text.index("keep_visible: ")


def test_the_pinned_softmax_is_said_to_be_pinned_where_it_runs():
    text = text_of()
    plain = "d_masked = weights * (d_weights - rowsum(weights * d_weights))"
    assert text.index(plain) < text.index("where one weight is almost 1") < text.index("pinned = d_weights")


def test_whose_query_a_location_score_has():
    assert "Nobody's: it looks at the key alone" in text_of(score="location")
    assert "Nobody's" not in text_of()


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"arrays": {"scale": 2.0}}, "1/√2 = 0.7071 by default: a dot product"),
        ({"arrays": {"scale": 2.0}}, "The scale here is 2, which was given."),
        (ALL_OPTIONS, "Query head h reads key head h // 2, so 2 query heads share"),
        (ALL_OPTIONS, "memory goes two ways, into key and value"),
        (ALL_OPTIONS, "the simplest one with this gradient is Σ d_out * out + Σ d_lse * lse"),
        ({"heads": 2}, "x goes three ways, into query, key and value"),
        ({}, "the last 2 of the 3 keys, so query l stands at key l + 1"),
        ({"window": (0, 0), "align": "top_left"}, "the first 2 of the 3 keys"),
    ],
)
def test_options_are_explained(options, sentence):
    assert sentence in text_of(**options)
