"""Arguments of `laws`: the forms it takes, and those it refuses."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.laws import laws
from numpy_attention.check.rounding.error_analysis import Precision
from tests.support.law_cases import B, H, L, S, again_of, arguments_of, broken_by, case, normal, report_of

INF = float("inf")

# -------------------------------------------------------------------------------------- accepted


def findings(*arguments, **more):
    return {finding.check: finding.ratio for finding in laws(*arguments, **more).findings}


def test_gradients_come_in_any_form():
    *first, grads, spec = arguments_of(case())
    named = {name: x for name, x in grads.items() if x is not None}
    as_object = type("Gradients", (), named)()
    as_tuple = na.AttentionGradients(**{name: named.get(name) for name in na.AttentionGradients._fields})
    known = {name: x for name, x in spec._asdict().items() if x is not None}
    expected = findings(*first, named, spec)
    assert findings(*first, as_object, known) == expected
    expected.pop("law 18, rows of d_scores")
    assert findings(*first, as_tuple, known) == expected


def test_some_arrays_are_enough():
    query, key, value, out, d_out, grads, _ = arguments_of(case())
    assert list(findings(query, key, value, out, None)) == ["law 11, within the hull"]
    assert list(findings(query, key, value, None, d_out, dict(d_key=grads["d_key"]))) == [
        "law 1, a shift of all keys"
    ]
    lists = (x.tolist() for x in (query, key, value, out))
    assert laws(*lists, None).ok


@pytest.mark.parametrize(
    "bias, named", [(na.alibi(np.linspace(0.5, 2, H), "top_left"), None), (na.relative, "d_table")]
)
def test_a_bias_value_is_taken(bias, named):
    if named:
        buckets = np.abs(np.arange(L)[:, None] - np.arange(S)) % 4
        bias = na.relative(np.random.default_rng(0).standard_normal((H, 4)), buckets)
    problem = case(bias=bias, d_lse=normal(B, H, L))
    report = laws(*arguments_of(problem), again=again_of(problem))
    assert report.ok, str(report)
    decided = {finding.check for finding in report.findings}
    assert ("law 8, a bias constant along a row" in decided) == bool(named)


def test_fully_masked_entries_may_be_nan():
    problem = case(mask=na.padding([3, 5]))
    key, value = problem.key.copy(), problem.value.copy()
    key[..., 5:, :], value[0, :, 3:], value[1, :, 5:] = np.nan, np.inf, np.nan
    report = report_of(problem.but(key=key, value=value))
    assert report.ok, str(report)
    assert any(finding.check.startswith("law 13,") for finding in report.findings)


def test_a_table_that_hides_is_a_mask():
    buckets = np.tile(np.arange(S) // 4, (L, 1))
    problem = case(bias=na.relative(np.array([[0.5, -np.inf]] * H), buckets))
    report = report_of(problem)
    assert report.ok, str(report)
    assert any(finding.check.startswith("law 13,") for finding in report.findings)


def test_arrays_are_left_alone_and_errstate_does_not_matter():
    problem = case(mask=na.padding([0, 5]), sinks=normal(H), softcap=1.5)
    arguments = arguments_of(problem)
    before = [np.asarray(x).tobytes() for x in arguments[:5]]
    with np.errstate(all="raise"):
        assert laws(*arguments, again=again_of(problem)).ok
    assert [np.asarray(x).tobytes() for x in arguments[:5]] == before


# ------------------------------------------------------------------------------------ refused


def refused(error, match, changes=None, **spec):
    query, key, value, out, d_out, grads, known = arguments_of(case())
    given = dict(query=query, key=key, value=value, out=out, d_out=d_out, grads=grads) | (changes or {})
    with pytest.raises(error, match=match):
        laws(*given.values(), known._replace(**spec))


@pytest.mark.parametrize(
    "error, match, changes, spec",
    [
        (ValueError, r"out has shape \(2,\)", dict(out=np.ones(2)), {}),
        (ValueError, "d_out has shape", dict(d_out=np.ones((1, 2))), {}),
        (ValueError, "d_key has shape", dict(grads=dict(d_key=np.ones((S, 3)))), {}),
        (ValueError, "d_bias was given, but no bias", dict(grads=dict(d_bias=np.ones(S))), {}),
        (ValueError, "gradients were given, but no d_out", dict(d_out=None), {}),
        (ValueError, "width of query", dict(query=np.ones((B, H, L, 4))), {}),
        (ValueError, "value has visible entries", dict(value=np.full((B, 3, S, 2), INF)), {}),
        (TypeError, "value is a masked array", dict(value=np.ma.ones((B, 3, S, 2))), {}),
        (TypeError, "key has dtype complex128", dict(key=np.ones((1, 3, S, 3), complex)), {}),
        (TypeError, "does not say what True means", {}, dict(mask=np.ones((L, S), bool))),
        (ValueError, "lse has shape", {}, dict(lse=np.ones(L))),
        (ValueError, "weights has shape", {}, dict(rows=[0])),
        (ValueError, "softcap is -1", {}, dict(softcap=-1.0)),
        (ValueError, "sinks has shape", {}, dict(sinks=np.ones(5))),
        (ValueError, "score is 'cosine'", {}, dict(score="cosine")),
        (ValueError, "largest_score is not given", {}, dict(score="other")),
        (TypeError, "largest_score is str 'x'", {}, dict(score="other", largest_score="x")),
        (ValueError, "precision is half; a Precision, a number", {}, dict(precision="half")),
        (ValueError, "storage is 2", {}, dict(storage=2)),
        (ValueError, "precision is dict", {}, dict(precision={})),
    ],
)  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(error, match, changes, spec):
    refused(error, match, changes, **spec)


def test_an_unknown_name_in_spec_is_refused():
    query, key, value, out, d_out, grads, _ = arguments_of(case())
    with pytest.raises(TypeError, match=r"^spec has 'sink'; its names are mask, bias"):
        laws(query, key, value, out, d_out, grads, {"sink": 0.0})


@pytest.mark.parametrize("precision", [2.0**-8, "bfloat16", Precision(2.0**-8, 2.0**-133)])
def test_a_precision_is_a_name_a_number_or_a_value(precision):
    query, key, value, out, d_out, grads, spec = arguments_of(case())
    coarse = dict(d_key=grads["d_key"] * (1 + 2.0**-9))
    spec = {name: x for name, x in spec._asdict().items() if x is not None}
    assert not laws(query, key, value, out, d_out, grads | coarse, spec).ok
    spec |= dict(precision=precision, storage=precision)
    assert laws(query, key, value, out, d_out, grads | coarse, spec).ok


def test_call_spec_is_empty_by_default():
    assert set(CallSpec()) == {None, "dot"}
    assert broken_by(case()) == set()
