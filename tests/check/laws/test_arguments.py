"""What `laws` takes, what it refuses, and what it says."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.laws.arguments import CallSpec
from numpy_attention.check.laws.laws import LAWS, laws
from tests.support.law_cases import B, H, L, S, again_of, arguments_of, broken_by, case, normal, report_of


def test_laws_are_numbered_and_say_everything():
    assert list(LAWS) == list(range(1, 31))
    for number, law in LAWS.items():
        assert law.number == number
        assert all((law.name, law.statement, law.proof, law.domain, law.sides.__doc__ or law.name))
        assert str(law).startswith(f"Law {number}: ")
    assert len({law.name for law in LAWS.values()}) == len(LAWS)


def test_numbers_stay_with_their_laws():
    names = {
        1: "a shift of all keys",
        2: "query against key",
        4: "a shift of all values",
        12: "fully masked rows",
    }
    names |= {
        15: "lse between two bounds",
        20: "concat scores rank the keys alike",
        30: "the gradient is the slope",
    }
    assert {number: LAWS[number].name for number in names} == names


INF = float("inf")

# -------------------------------------------------------------------------------------- what it takes


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


def test_weights_and_d_scores_of_some_rows_are_enough():
    problem, rows = case(mask=na.causal("bottom_right")), np.array([1, 4])
    whole = arguments_of(problem)
    grads = whole[5] | {"d_scores": whole[5]["d_scores"][..., rows, :]}
    spec = whole[6]._replace(weights=whole[6].weights[..., rows, :], rows=rows)
    report = laws(*whole[:5], grads, spec)
    assert report.ok, str(report)
    assert {"law 16", "law 17", "law 18"} <= {finding.check.split(",")[0] for finding in report.findings}
    wrong = spec._replace(weights=1.01 * spec.weights)
    failures = laws(*whole[:5], grads, wrong).failures
    assert {finding.check for finding in failures} == {"law 16, weights sum to 1"}
    swapped = laws(*whole[:5], grads, spec._replace(rows=rows[::-1]))
    assert not swapped.ok


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


def test_a_table_gradient_that_is_wrong_breaks_law_8():
    table = na.relative(np.zeros((H, 4)), np.arange(L * S).reshape(L, S) % 4)
    *first, grads, spec = arguments_of(case(bias=table, d_lse=normal(B, H, L)))
    half = grads["d_bias"]._replace(d_table=grads["d_bias"].d_table / 2)
    failures = laws(*first, grads | {"d_bias": half}, spec).failures
    assert [finding.check for finding in failures] == ["law 8, a bias constant along a row"]


def test_what_nobody_sees_may_be_nan():
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


def test_gradients_that_leak_nan_break_laws():
    *first, grads, spec = arguments_of(case(mask=na.padding([0, 5])))
    spoiled = grads["d_key"].copy()
    spoiled[..., -1, 0] = np.nan
    failures = laws(*first, grads | {"d_key": spoiled}, spec).failures
    assert {finding.check.split(",")[0] for finding in failures} == {"law 1", "law 2", "law 3", "law 13"}
    assert all(np.isnan(finding.ratio) or finding.ratio == np.inf for finding in failures)


def test_what_overflows_float16_decides_nothing():
    *first, grads, spec = arguments_of(case())
    big = grads["d_key"].astype(np.float16)
    big[..., 0, 0] = np.inf
    report = laws(*first, grads | {"d_key": big}, spec)
    assert report.ok
    assert "law 1: d_key overflows float16" in report.undecided


def test_again_may_know_less():
    def again(query, key, value, **options):
        if options:
            raise NotImplementedError("no options here")
        return na.attention(query, key, value)

    report = laws(*arguments_of(case()), again=again)
    assert report.ok, str(report)
    assert "law 26: again: no options here" in report.undecided
    assert "law 27: needs lse from again" in report.undecided


def test_the_same_seed_draws_the_same():
    problem = case()
    arguments, again = arguments_of(problem), again_of(problem)
    ratios = [[f.ratio for f in laws(*arguments, again=again, seed=seed).findings] for seed in (0, 0, 1)]
    assert ratios[0] == ratios[1] != ratios[2]


def test_arrays_are_left_alone_and_errstate_does_not_matter():
    problem = case(mask=na.padding([0, 5]), sinks=normal(H), softcap=1.5)
    arguments = arguments_of(problem)
    before = [np.asarray(x).tobytes() for x in arguments[:5]]
    with np.errstate(all="raise"):
        assert laws(*arguments, again=again_of(problem)).ok
    assert [np.asarray(x).tobytes() for x in arguments[:5]] == before


# --------------------------------------------------------------------------------------- what it says


def test_the_report_names_law_place_and_reason():
    *first, grads, spec = arguments_of(case(softcap=1.5))
    report = laws(*first, grads | {"d_value": -grads["d_value"]}, spec)
    told = str(report)
    assert "laws: FAIL" in told
    assert "law 5, values against output: [" in told
    assert " is not " in told
    assert "undecided" in told
    assert "law 1: does not hold with softcap" in told
    assert "law 22: needs again" in report.undecided


def test_the_convention_of_blind_rows_is_a_law():
    problem = case(mask=na.causal(offset=-1))
    query, key, value, out, d_out, grads, spec = arguments_of(problem)
    mean = out.copy()
    mean[..., 0, :] = np.repeat(value.mean(axis=-2), H // 3, axis=-2)
    failures = laws(query, key, value, mean, d_out, grads, spec).failures
    assert "law 12, fully masked rows" in {finding.check for finding in failures}
    lse = np.where(np.isneginf(spec.lse), np.inf, spec.lse)
    failures = laws(query, key, value, out, d_out, grads, spec._replace(lse=lse)).failures
    assert [(f.check, f.gradient) for f in failures] == [("law 12, fully masked rows", "lse")]


# ------------------------------------------------------------------------------------ what it refuses


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
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(error, match, changes, spec):
    refused(error, match, changes, **spec)


def test_nothing_to_decide_is_refused():
    query, key, value, *_ = arguments_of(case())
    with pytest.raises(ValueError, match="no law can be decided from these arrays: law 1: needs d_key"):
        laws(query, key, value, None, None)
    with pytest.raises(TypeError, match="unexpected keyword"):
        laws(query, key, value, None, None, None, dict(masks=None))


def test_a_spec_is_empty_unless_told():
    assert set(CallSpec()) == {None, "dot"}
    assert broken_by(case()) == set()
