"""Trial calls find the framework and the supported shapes; the reason for what is left out is recorded."""

import time

from numpy_attention.check.candidate.candidate import Candidate
from numpy_attention.check.candidate.capabilities import Constraints, probe
from numpy_attention.check.candidate.conventions import checked_convention
from tests.support.candidates import plain, simple


def probed(function, constraints=Constraints(), timeout=60.0, **convention):  # noqa: B008
    return probe(Candidate(function, checked_convention(**convention)), constraints, "float32", 0, timeout)


def test_everything_is_supported_by_the_plain_formula():
    result = probed(plain, causal="bottom_right")
    found = result.capabilities
    assert (result.framework.name, result.failure, result.notes) == ("numpy", "", ())
    assert found.options == ("causal", "bias", "scale")
    assert found.groups
    assert found.unequal_lengths
    assert found.unequal_widths
    assert "grouped heads" not in result.left_out


def test_heads_that_cannot_be_grouped_are_left_out():
    def attention(query, key, value, *, d_out):
        if query.shape[1] != key.shape[1]:
            raise ValueError("heads differ")
        return simple(query, key, value, d_out=d_out)

    result = probed(attention)
    assert not result.capabilities.groups
    assert result.left_out["grouped heads"].startswith("raises ValueError: heads differ")


def test_lengths_and_widths_are_the_stated_ones():
    shapes = []

    def attention(query, key, value, *, d_out):
        shapes.append((query.shape[-2:], key.shape[-2], value.shape[-1]))
        return simple(query, key, value, d_out=d_out)

    result = probed(attention, Constraints(head_dims=(16, 32), length_multiple=8))
    assert set(shapes) == {((8, 16), 8, 16), ((8, 16), 16, 16), ((8, 32), 8, 32)}
    assert not result.capabilities.unequal_widths
    assert result.capabilities.head_dims == (16, 32)


def test_an_unstated_alignment_leaves_the_diagonal_out_for_unequal_lengths():
    assert probed(plain).left_out["causal with L != S"].startswith("alignment unknown: set --causal")
    assert "causal with L != S" not in probed(plain, causal="top_left").left_out


def test_a_hang_ends_the_search():
    calls = []

    def hangs(query, key, value):
        calls.append(1)
        while True:
            time.sleep(0.01)

    assert probed(hangs, timeout=0.1).failure.startswith("hangs: no result after")
    assert len(calls) == 1
