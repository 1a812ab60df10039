"""The page: its numbers are attention's, every line fits, and what is wrong is marked."""

import re
from itertools import pairwise

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import STEPS, Pair
from numpy_attention.functional.attention.steps import SoftmaxStepGradients
from numpy_attention.study.example import SCORES, example
from numpy_attention.study.number_format import WIDTH
from numpy_attention.study.page import page
from numpy_attention.study.walk import walk

ALL = {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5}
RNG = np.random.default_rng(11)


def read_back(lines, name, titled, shape=None):
    """The numbers below the first title `name (…)`, as somebody reads them off the page."""
    title, shape = re.escape(f"{name} {titled}" if titled else name), titled if shape is None else shape
    found = ((n, re.search(rf"(?<=   ){title}(?=   |$)", line)) for n, line in enumerate(lines))
    n, match = next((n, match) for n, match in found if match)
    starts = [title.start() for title in re.finditer(r"\S+(?: \S+)*", lines[n])]
    end = min((start for start in starts if start > match.start()), default=WIDTH)
    count = shape[0] if len(shape) == 2 or name == "lse" else 1
    rows = [line[match.start() : end].split() for line in lines[n + 1 : n + 1 + count]]
    return np.array(rows, dtype=float).reshape(shape)


class SilentMask:
    def __call__(self, d, saved):
        return np.where(saved.visible, d, 0)


def scores_and_value():
    told = example()
    return na.dot_scores(told.query, told.key), told.value


def close(printed, exact):
    np.testing.assert_array_equal(printed == 0, exact == 0)
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(printed[~finite], exact[~finite])
    np.testing.assert_allclose(printed[finite], exact[finite], rtol=0.05, atol=5e-5)


@pytest.mark.parametrize("options", [{}, ALL], ids=["plain", "every option"])
def test_the_numbers_on_it_are_those_of_attention(options):
    told = example(**options)
    out, saved = na.attention_forward(told.query, told.key, told.value, **told.options)
    gradients = na.attention_backward(told.d_out, saved)
    lines = list(page(walk(told)))
    up = next(n for n, line in enumerate(lines) if line.startswith("── Up"))
    for name in ("scores", "capped", "biased", "masked", "weights", "thinned", "lse"):
        x = getattr(saved, name)
        if x is not None:
            close(read_back(lines[:up], name, x.shape), x)
    close(read_back(lines[:up], "out", out.shape), out)
    for name in ("query", "key", "value"):
        close(read_back(lines[:up], name, (3, 2)), getattr(told, name))
    for name, x in gradients._asdict().items():
        if x is not None:
            close(read_back(lines[up:], name, np.shape(x)), np.asarray(x))
    close(read_back(lines[up:], "d_out", (3, 2)), told.d_out)


@pytest.mark.parametrize("options", [{}, ALL], ids=["plain", "every option"])
@pytest.mark.parametrize("score", SCORES)
def test_every_line_fits_even_of_the_largest_problem(score, options):
    large = {"tokens": RNG.uniform(-1e6, 1e6, (8, 8))}
    tiny = {"tokens": RNG.uniform(-1e-9, 1e-9, (8, 8))}
    for given in (None, large, tiny):
        activation = "sigmoid" if score == "concat" else None
        lines = list(page(walk(example(given, score=score, activation=activation, **options))))
        assert max(map(len, lines)) <= WIDTH == 100
        assert all(line == line.rstrip() for line in lines)
        assert not any(a == b == "" for a, b in pairwise(lines))


def test_the_order_of_things():
    lines = list(page(walk(example(**ALL))))
    heads = [line[:1] for line in lines if re.match(r"\d  [a-z]", line)]
    assert "".join(heads) == "12345677654321"
    assert lines[0] == (
        "Attention, every number: 3 queries, 3 keys, 3 values; dot scores; mask na.causal(); softcap 2.0;"
    )
    assert lines[-2].startswith("Everything agrees: ")
    assert lines[-1].endswith("numpy-attention laws NUMBER.")
    gradients = sum("by complex step" in line and line.endswith("differ by") for line in lines)
    laws = sum(bool(re.match("    law [ 1-9][ 0-9]  ", line)) for line in lines)
    not_in_force = sum(": not with " in line for line in lines)
    assert f" {gradients} gradients with" in lines[-2]
    assert f" {laws - not_in_force} laws hold" in lines[-2]


def test_every_law_and_equation_is_on_it():
    walked = walk(example(sinks=0.5))
    text = "\n".join(page(walked))
    for stage in (*walked.down, *walked.up):
        for law in stage.laws:
            assert f"law {law.number or '':>2}  {law.statement}:" in text
        assert stage.skipped or stage.equation.split("\n")[0][:60] in text
    assert "law     rows of d_masked sum to 0: not with sinks" in text
    assert "2  softcap  not asked for: capped = scores" in text
    assert "2  softcap  not asked for: d_scores = d_capped" in text


def test_the_walk_of_tokens_ends_with_their_own_gradient():
    lines = list(page(walk(example(score="concat"))))
    (head,) = (n for n, line in enumerate(lines) if line.startswith("0  tokens"))
    assert lines[head + 2].split()[:3] == ["d_h", "(3,", "2)"]
    assert lines[0] == "Attention, every number: 3 tokens h; concat scores with tanh"


def test_the_formula_stands_between_down_and_up():
    def kinds(**options):
        return [line.split()[1] for line in page(walk(example(**options))) if line.startswith("──")]

    assert kinds(score="concat") == ["Down:", "The", "Up:", "Helpers"]
    assert kinds() == ["Down:", "Up:", "Helpers"]


def test_what_is_wrong_is_marked_and_named():
    def forgets_the_mean(d, saved):
        """d_masked = weights * d_weights."""
        return SoftmaxStepGradients(saved.weights * d[0], None)

    steps = STEPS._replace(softmax=Pair(STEPS.softmax.forward, forgets_the_mean))
    lines = list(page(walk(example(), steps=steps)))
    (head,) = (n for n, line in enumerate(lines) if re.match(r"    d_masked .* differ by$", line))
    exact = na.attend_backward(example().d_out, na.attend_forward(*scores_and_value(), mask=na.causal())[1])
    close(read_back(lines[head:], "by complex step", (), (3, 3)), exact.d_scores)
    marked = [line for line in lines if "✗ WRONG" in line]
    assert any("rows of d_masked sum to 0" in line for line in marked)
    assert len(marked) >= 5
    assert lines[-1] == "Not everything agrees. The first that is wrong is step 5, softmax, on the way up."
    assert not any("✗" in line for line in page(walk(example())))
    assert any("return SoftmaxStepGradients(saved.weights * d[0], None)" in line for line in lines)


def test_wrong_tokens_alone():
    walked = walk(example(score="concat"))
    spoiled = walked._replace(tokens=walked.tokens._replace(ours=walked.tokens.ours + 1))
    assert list(page(spoiled))[-1].endswith("The first that is wrong is step 0, tokens, on the way up.")


def test_a_step_without_a_word_of_its_own():
    steps = STEPS._replace(mask=Pair(STEPS.mask.forward, lambda d, saved: 2 * d))
    lines = list(page(walk(example(), steps=steps)))
    assert lines.count("4  mask") == 1
    assert any("lambda d, saved: 2 * d" in line for line in lines)
    without_source = STEPS._replace(mask=Pair(STEPS.mask.forward, SilentMask()))
    assert list(page(walk(example(), steps=without_source))).count("4  mask") == 1
