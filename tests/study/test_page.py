"""The page: its numbers are attention's, every line fits, and errors are marked."""

import re
from itertools import pairwise

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import STEPS, Pair
from numpy_attention.check.faults import fault
from numpy_attention.functional.attention.steps import SoftmaxStepGradients
from numpy_attention.study.derivatives import Derivative
from numpy_attention.study.example import ALL_OPTIONS, SCORES, build_example
from numpy_attention.study.number_format import WIDTH
from numpy_attention.study.page import page
from numpy_attention.study.plain_lines import PLAIN
from numpy_attention.study.walk import walk

MASK = "na.causal('bottom_right')"
ALL = {"causal": True, "softcap": 2.0, "bias": True, "sinks": 0.5, "dropout": 0.5}
RNG = np.random.default_rng(11)


def read_back(lines, name, titled, shape=None):
    """The numbers below the first title `name (…)` of the page."""
    title, shape = re.escape(f"{name} {titled}" if titled else name), titled if shape is None else shape
    found = ((n, re.search(rf"(?<=   ){title}(?=   |$)", line)) for n, line in enumerate(lines))
    n, match = next((n, match) for n, match in found if match)
    starts = [title.start() for title in re.finditer(r"\S+(?: \S+)*", lines[n])]
    end = min((start for start in starts if start > match.start()), default=WIDTH)
    count = shape[0] if len(shape) == 2 or name == "lse" else 1
    rows = [line[match.start() : end].split() for line in lines[n + 1 : n + 1 + count]]
    return np.array(rows, dtype=float).reshape(shape)


def noisy(ours, x, function, d_out, magnitude, free=None):
    """A stand-in for 64 complex steps an array: `ours` with a relative and an absolute difference."""
    return Derivative(ours, ours * (1 - 1e-15) - 1.5e-300, np.full(ours.shape, np.inf))


class SilentMask:
    def __call__(self, d, saved):
        return np.where(saved.visible, d, 0)


def scores_and_value():
    built = build_example()
    return na.dot_scores(built.query, built.key), built.value


def assert_close(printed, exact):
    np.testing.assert_array_equal(printed == 0, exact == 0)
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(printed[~finite], exact[~finite])
    np.testing.assert_allclose(printed[finite], exact[finite], rtol=0.05, atol=5e-5)


@pytest.mark.parametrize("options", [{}, ALL], ids=["plain", "every option"])
def test_printed_numbers_are_those_of_attention(options):
    built = build_example(**options)
    out, saved = na.attention_forward(built.query, built.key, built.value, **built.options)
    gradients = na.attention_backward(built.d_out, saved)
    lines = list(page(walk(built)))
    up = next(n for n, line in enumerate(lines) if line.startswith("── Up"))
    for name in ("scores", "capped", "biased", "masked", "weights", "thinned", "lse"):
        x = getattr(saved, name)
        if x is not None:
            assert_close(read_back(lines[:up], name, x.shape), x)
    assert_close(read_back(lines[:up], "out", out.shape), out)
    for name in ("query", "key", "value"):
        x = getattr(built, name)
        assert_close(read_back(lines[:up], name, x.shape), x)
    for name, x in gradients._asdict().items():
        if x is not None:
            assert_close(read_back(lines[up:], name, np.shape(x)), np.asarray(x))
    assert_close(read_back(lines[up:], "d_out", (2, 2)), built.d_out)


@pytest.mark.parametrize("options", [{}, ALL], ids=["plain", "every option"])
@pytest.mark.parametrize("score", SCORES)
def test_every_line_fits(score, options, monkeypatch):
    """The default, and the largest and smallest numbers with the widest differences from the complex step."""
    large = {"tokens": RNG.uniform(-1e6, 1e6, (8, 8))}
    tiny = {"tokens": RNG.uniform(-1e-9, 1e-9, (8, 8))}
    activation = "sigmoid" if score == "concat" else None
    for given, heads in ((None, 2), (large, None), (tiny, None), (large, 2)):
        if given is not None:
            monkeypatch.setattr("numpy_attention.study.walk.derivative", noisy)
        built = build_example(given, score=score, activation=activation, heads=heads, **options)
        lines = list(page(walk(built)))
        assert max(map(len, lines)) <= WIDTH == 100
        assert all(line == line.rstrip() for line in lines)
        assert not any(a == b == "" for a, b in pairwise(lines))


def test_order_of_the_page():
    lines = list(page(walk(build_example(**ALL))))
    heads = [line[:1] for line in lines if re.match(r"\d  [a-z]", line)]
    assert "".join(heads) == "12345677654321"
    assert lines[0] == (f"Attention, every number: 2 queries, 3 keys, 3 values; dot scores; mask {MASK};")
    assert lines[-1].startswith("Everything agrees: ")
    gradients = sum("by complex step" in line and line.endswith("differ by") for line in lines)
    laws = sum(bool(re.match("    law [ 1-9][ 0-9]  ", line)) for line in lines)
    not_applicable = sum(": does not apply with " in line for line in lines)
    assert f" {gradients} gradients match" in lines[-1]
    assert f" {laws - not_applicable} laws hold" in lines[-1]


def test_every_law_and_equation_is_printed():
    walked = walk(build_example(sinks=0.5))
    text = "\n".join(page(walked))
    for stage in (*walked.down, *walked.up):
        for law in (result.law for result in stage.laws):
            assert f"law {law.number or '':>2}  {law.statement}:" in text
        assert stage.skipped or stage.equation.split("\n")[0][:60] in text
    assert "law     rows of d_masked sum to 0: does not apply with sinks" in text
    assert "2  softcap  not used: capped = scores" in text
    assert "2  softcap  not used: d_scores = d_capped" in text


def test_tokens_end_with_their_gradient():
    lines = list(page(walk(build_example(score="concat"))))
    (first, last) = (n for n, line in enumerate(lines) if line.startswith("0  tokens"))
    assert lines[first].endswith("h is query, key and value at once")
    assert lines[last + 2].split()[:3] == ["d_h", "(3,", "2)"]
    assert lines[0] == "Attention, every number: 3 tokens h; concat scores with tanh"


def test_concat_formula_is_between_down_and_up():
    def kinds(**options):
        return [line.split()[1] for line in page(walk(build_example(**options))) if line.startswith("──")]

    assert kinds(score="concat") == ["Down:", "The", "Up:"]
    assert kinds() == ["Down:", "Up:"]


def test_wrong_numbers_are_marked_and_the_first_wrong_step_named():
    def forgets_the_mean(d, saved):
        """d_masked = weights * d_weights."""
        return SoftmaxStepGradients(saved.weights * d[0], None)

    steps = STEPS._replace(softmax=Pair(STEPS.softmax.forward, forgets_the_mean))
    lines = list(page(walk(build_example(), steps=steps)))
    (head,) = (n for n, line in enumerate(lines) if re.match(r"    d_masked .* differ by$", line))
    exact = na.attend_backward(
        build_example().d_out, na.attend_forward(*scores_and_value(), mask=na.causal("bottom_right"))[1]
    )
    assert_close(read_back(lines[head:], "by complex step", (), (2, 3)), exact.d_scores)
    marked = [line for line in lines if "✗ WRONG" in line]
    assert any("rows of d_masked sum to 0" in line for line in marked)
    assert len(marked) >= 5
    assert lines[-1] == "Not everything agrees. The first error is in step 5, softmax, on the way up."
    assert not any("✗" in line for line in page(walk(build_example())))
    assert any("return SoftmaxStepGradients(saved.weights * d[0], None)" in line for line in lines)


def test_wrong_gradient_of_tokens_is_named():
    walked = walk(build_example(score="concat"))
    last = walked.up[-1]
    spoiled_sum = {"d_h": last.derivatives["d_h"]._replace(ours=last.results["d_h"] + 1)}
    spoiled = walked._replace(up=(*walked.up[:-1], last._replace(derivatives=spoiled_sum)))
    assert list(page(spoiled))[-1].endswith("The first error is in step 0, tokens, on the way up.")


def test_a_step_without_docstring_or_source():
    steps = STEPS._replace(mask=Pair(STEPS.mask.forward, lambda d, saved: 2 * d))
    lines = list(page(walk(build_example(), steps=steps)))
    assert lines.count("4  mask     d_biased = where(visible, d_masked, 0)") == 1
    assert any("lambda d, saved: 2 * d" in line for line in lines)
    without_source = STEPS._replace(mask=Pair(STEPS.mask.forward, SilentMask()))
    assert "    no source available" in page(walk(build_example(), steps=without_source))


def test_each_step_begins_with_the_plain_line_of_the_readme():
    lines = list(page(walk(build_example(**ALL))))
    for name, (down, up) in PLAIN.items():
        number = list(PLAIN).index(name) + 1
        for plain in (down, up):
            place = next(n for n, line in enumerate(lines) if line == f"{number}  {name:<8} {plain}")
            assert any(" │ " in line for line in lines[place : place + 8])


def test_heads_are_printed_one_below_another():
    lines = list(page(walk(build_example(**ALL_OPTIONS))))
    (head,) = (n for n, line in enumerate(lines) if "weights (4, 2, 4)" in line and "lse (4, 2)" in line)
    assert lines[head + 1].split() == ["head", "0"] * 4
    assert lines[head + 4].split() == ["head", "1"] * 4
    assert any(line.split()[:3] == ["key", "head", "1"] for line in lines)
    assert max(map(len, lines)) <= WIDTH


def test_a_law_is_shown_at_its_worst_entry():
    walked = walk(build_example(), steps=fault("row-sum-added").steps)
    (result,) = (x for x in walked.up[2].laws if x.law.statement == "rows of d_masked sum to 0")
    sums = walked.up[2].results["d_masked"].sum(axis=-1)
    assert result.worst.place == (int(np.abs(sums).argmax()),)
    assert result.worst[1:4] == (2, sums[result.worst.place], 0)
    (line,) = (line for line in page(walked) if "law     rows of d_masked sum to 0" in line)
    assert f"at {list(result.worst.place)}, worst of 2: " in line
    assert line.endswith("✗ WRONG")
