"""Shapes that are too large for a whole reference: sampled rows are exact, and the laws see the rest."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.candidate.frameworks import emulating
from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.specification import Specification
from numpy_attention.check.referee.large_shapes import draw_large, large_specifications, sampled_reference
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape
from numpy_attention.check.rounding.formats import roundoff
from tests.support.candidates import OURS, plain

SHAPE = (2, 4, 2, 65, 97, 8, 5)


def check(candidate, **options):
    return na.check_candidate(candidate, **{"causal": "bottom_right", "shape": SHAPE, **options})


@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.slow
def test_correct_candidates_pass(dtype):
    for candidate in (plain, OURS):
        report = check(candidate, dtype=dtype, framework=emulating(dtype))
        assert report.ok, report
        assert len(report.control.caught) > 20
        assert {v.case.partition(":")[0] for v in report.verdicts} >= {"plain"}


def test_sampled_rows_and_heads_follow_the_seed_and_include_both_ends():
    spec = Specification("plain", Shape(*SHAPE), ("causal",), corner="bottom_right")
    one, same, other = (draw_large(s) for s in (spec, spec, spec._replace(seed=1)))
    np.testing.assert_array_equal(one.case.query, same.case.query)
    assert (one.rows == same.rows).all()
    assert not np.array_equal(one.rows, other.rows)
    for drawn in (one, other):
        assert {0, 64} <= set(drawn.rows.tolist())
        assert (drawn.groups[0].b, drawn.groups[0].g) == (0, 0)
        assert (drawn.groups[-1].b, drawn.groups[-1].g) == (1, 1)


def test_sampled_rows_equal_the_whole_reference():
    """What is judged is what the whole reference says there, and with a sparse d_out of every key."""
    options = ("causal", "window", "scale", "softcap", "sinks")
    spec = Specification("rich", Shape(*SHAPE), options, dtype="float64")
    drawn = draw_large(spec)
    whole = results(drawn.sparse)
    for part in drawn.groups:
        small = sampled_reference(drawn, part, roundoff("float32"), len(drawn.rows)).expected.values
        for name in ("out", "d_query", "lse"):
            right = getattr(whole, name)[part.b, part.h][:, drawn.rows]
            np.testing.assert_allclose(getattr(small, name)[0], right, rtol=1e-9, atol=1e-12)
        for name in ("d_key", "d_value"):
            right = getattr(whole, name)[part.b, part.g]
            np.testing.assert_allclose(getattr(small, name)[0, 0], right, rtol=1e-9, atol=1e-12)


def spoiled(change):
    def attention(query, key, value, causal=False, *, d_out):
        out, (d_query, d_key, d_value) = plain(query, key, value, causal, d_out=d_out)
        change(out, d_query, d_key, d_value)
        return out, (d_query, d_key, d_value)

    return attention


def last_query(out, d_query, d_key, d_value):
    out[:, :, -1] *= 1.5


def last_key(out, d_query, d_key, d_value):
    d_key[:, :, -1] = 0


def one_key_of_one_head(out, d_query, d_key, d_value):
    d_value[0, 0, 50:51] += d_value[0, 0, 51:52]


@pytest.mark.parametrize(
    "change, tensor", [(last_query, "out"), (last_key, "d_key"), (one_key_of_one_head, "d_value")]
)
def test_wrong_rows_are_located(change, tensor):
    report = check(spoiled(change))
    assert not report.ok
    worst = report.worst[tensor]
    assert worst.verdict == "FAIL"
    if change is last_query:
        assert worst.place[2] == 64
    if change is last_key:
        assert worst.place[2] == 96
    if change is one_key_of_one_head:
        assert worst.place[:3] == (0, 0, 50)


def test_the_laws_are_checked_over_every_head():
    shape = Shape(2, 6, 6, 65, 97, 8, 5)
    sampled = {(part.b, part.g) for part in draw_large(Specification("plain", shape)).groups}
    b, h = next((b, h) for b in range(2) for h in range(6) if (b, h) not in sampled)

    def elsewhere(out, d_query, d_key, d_value):
        if d_query.shape[1] == 6:
            d_query[b, h] *= 1.5

    report = check(spoiled(elsewhere), shape=shape)
    assert not report.ok
    assert all(verdict.ok for verdict in report.verdicts)
    where = f"(first in batch {b}, head {h})"
    assert any("breaks law 2" in problem.what and where in problem.what for problem in report.problems)


def test_nonzero_d_query_without_a_cotangent_is_a_problem():
    def strays(out, d_query, d_key, d_value):
        d_query[:, :, 40:41] += 1e-3

    report = check(spoiled(strays))
    assert any("d_query is not 0 in rows where d_out is" in problem.what for problem in report.problems)


def test_a_failing_call_is_reported():
    def attention(query, key, value, *, d_out):
        if query.shape[-2] > 50:
            raise MemoryError("out of memory")
        return plain(query, key, value, d_out=d_out)

    report = check(attention)
    assert "raises MemoryError: out of memory" in report.problems[0].what


def test_blhd_layout_passes():
    def attention(query, key, value, *, d_out):
        arrays = (x.swapaxes(1, 2) for x in (query, key, value))
        out, gradients = plain(*arrays, d_out=d_out.swapaxes(1, 2))
        return out.swapaxes(1, 2), tuple(g.swapaxes(1, 2) for g in gradients)

    assert check(attention, layout="BLHD").ok


def test_options_without_pairs_are_in_use():
    reach = Capabilities(("causal", "mask", "bias", "scale", "sinks"), corner="top_left")
    plain_one, rich = large_specifications(SHAPE, reach)
    assert (plain_one.options, rich.options) == ((), ("causal", "scale", "sinks"))
    alone, twice = large_specifications((1, 2, 2, 8, 16, 4), reach._replace(corner=None, options=("causal",)))
    assert (alone.shape.E, alone.shape.B, twice.shape.B) == (4, 1, 2)
    (large,) = large_specifications((1, 32, 8, 2**17, 2**17, 128), reach._replace(options=()))
    assert large.shape.B == 1


def test_a_result_of_another_shape_fails():
    def attention(query, key, value, *, d_out):
        out, (d_query, d_key, d_value) = plain(query, key, value, d_out=d_out)
        return out, (d_query, np.repeat(d_key, query.shape[1] // key.shape[1], 1), d_value)

    report = check(attention)
    assert report.reason == "d_key is wrong in 1 of 1 sampled head"
    assert report.worst["d_key"].reason == "has shape (2, 4, 97, 8); (2, 2, 97, 8) is expected"


def test_a_declined_call_is_counted():
    def attention(query, key, value, causal=False, scale=None, *, d_out):
        if causal and scale is not None:
            raise NotImplementedError("causal with scale")
        return plain(query, key, value, causal, scale=scale, d_out=d_out)

    report = check(attention)
    assert report.ok, report
    assert list(report.coverage.declined) == ["causal with scale"]
    assert report.coverage.options == ()


def test_a_batch_of_two_that_was_not_asked_for_may_be_declined():
    def attention(query, key, value, *, d_out):
        if query.shape[0] == 2 and query.shape[2] > 5:
            raise MemoryError("one batch entry at a time")
        return plain(query, key, value, d_out=d_out)

    report = check(attention, shape=(1, *SHAPE[1:]))
    assert report.ok, report
    assert "one batch entry at a time" in next(iter(report.coverage.declined))
    assert check(attention).outcome == "FAIL"


def test_a_batch_of_one_is_also_judged_in_twos():
    def wrong_in_the_second_entry(query, key, value, *, d_out):
        out, gradients = plain(query, key, value, d_out=d_out)
        out[1:] *= 1.5
        return out, gradients

    report = check(wrong_in_the_second_entry, shape=(1, *SHAPE[1:]))
    assert report.reason.startswith("out is wrong in ")
    assert {v.case.partition(":")[0] for v in report.verdicts if not v.ok} == {"plain, batch of two"}


def test_torch_in_half_precision_passes(peer):
    torch = peer("torch")
    library = torch.nn.functional.scaled_dot_product_attention

    def attention(query, key, value, is_causal=False, scale=None):
        return library(query, key, value, is_causal=is_causal, scale=scale, enable_gqa=True)

    report = check(attention, causal="top_left", shape=(1, 2, 1, 300, 300, 16), dtype="bfloat16")
    assert report.ok, report

    def rounded_every_time(query, key, value):
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return torch.softmax(scores, -1) @ value

    coarser = check(rounded_every_time, shape=(1, 2, 2, 300, 300, 16), dtype="bfloat16")
    assert (coarser.outcome, coarser.coarser) == ("COARSER", "bfloat16"), coarser
