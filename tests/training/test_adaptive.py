"""What heads learned of themselves, and the keys that they use, counted by hand and in a short run."""

import math

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.classification.cleaning import prepare
from numpy_attention.tasks.classification.data import Data, Examples
from numpy_attention.tasks.words.examples import Windows
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.training.adaptive import adapted, adaptive_lines, learned_numbers, used_keys
from numpy_attention.training.report import verbose_lines
from numpy_attention.training.settings import Settings
from numpy_attention.training.task import validated
from tests.support.runs import a_run

LEARNED = {"temperature": "learned", "normaliser": "entmax", "span": 2, "span_penalty": 0.5}


def logit(share):
    return np.log(np.asarray(share) / (1 - np.asarray(share)))


def test_numbers_follow_from_the_parameters_by_place():
    attention = {
        "log_temperature": np.log([2.0, 0.5]),
        "alpha_logit": logit([0.25, 0.5]),
        "positions": {"1": {"span_logit": logit([0.1, 0.9])}},
    }
    found = learned_numbers({"layers": {"3": {"self_attn": attention}}, "norm": {"weight": np.ones(2)}})
    assert list(found) == ["temperature", "alpha", "span"]
    for kind, numbers in {"temperature": [2, 0.5], "alpha": [1.25, 1.5], "span": [0.1, 0.9]}.items():
        np.testing.assert_allclose(found[kind]["layers.3"], numbers, rtol=1e-14)
    records = adapted({"temperature": {"log_temperature": np.log([3.0])}, "score": {"weight": np.ones(2)}})
    assert records == pytest.approx({"temperature.pooling.1": 3.0})
    assert list(adapted({"self_attn": {"alpha_logit": np.zeros(2)}})) == ["alpha.tokens.1", "alpha.tokens.2"]


def test_keys_in_reach_are_counted_among_those_that_are_not_ahead():
    model = nn.LanguageModel(11, 6, 2, 1, 5, span=nn.AdaptiveSpan(2, 10, 1))
    params, examples = model.init(np.random.default_rng(0)), Windows(np.arange(11), np.array([0, 3]), 5)
    spans = logit([0.05, 0.15])  # 0.5 and 1.5: with the ramp one key besides its own, and two
    params["layers"]["0"]["self_attn"]["positions"]["span_logit"] = spans
    used, visible = used_keys(NextToken(model), params, examples)
    assert visible == pytest.approx((1 + 2 + 3 + 4 + 5) / 5)
    assert used == pytest.approx(((1 + 4 * 2) + (1 + 2 + 3 * 3)) / 2 / 5)


def patches():
    """Images of four patches."""
    rng = np.random.default_rng(59)
    parts = (Examples(rng.normal(size=(n, 4, 4)), np.arange(n, dtype=float) % 3) for n in (17, 7))
    return prepare(Data(*parts, ("a", "b", "c")))


def test_a_run_records_and_reports_what_it_learned():
    data = patches()
    run = a_run(2, data, task="digits", layers=1, **LEARNED)
    records = run.history[-1]
    for kind in ("temperature", "alpha", "span"):
        assert math.isfinite(records[f"{kind}.layers.0.1"])
        assert any(line.strip().startswith(f"{kind} ") for line in verbose_lines(run))
    assert records["temperature.layers.0.1"] != 1 != records["span.layers.0.2"]
    lines = adaptive_lines(run, data)
    assert lines[1] == "Learned by the heads"
    assert [line.split()[0] for line in lines[2:]] == ["temperature", "alpha", "span", "keys"]
    share = 2 * records["span.layers.0.1"]  # of the two patches in a row
    assert f": {share:.2f} " in lines[4]
    assert " of 4.0, a share of " in lines[5]
    assert adaptive_lines(run, data._replace(train=None)) == lines  # keys of held-out examples


def test_the_penalty_shortens_spans():
    shares = [
        a_run(3, patches(), task="digits", layers=1, lr=0.05, span=2, span_penalty=weight).history[-1]
        for weight in (0.0, 100.0)
    ]
    assert shares[1]["span.layers.0.1"] < shares[0]["span.layers.0.1"]
    assert shares[1]["loss"] > shares[0]["loss"] + 10


def test_a_run_that_learns_none_of_it_has_no_lines():
    data = patches()
    assert adaptive_lines(a_run(1, data, task="digits", layers=1), data) == []
    assert adaptive_lines(a_run(1, temperature="learned", layers=None), None) == []


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"span_penalty is 0\.5, but no span is learned; write --span N"):
        validated(Settings(task="digits", layers=1, span_penalty=0.5), TASKS)
    with pytest.raises(ValueError, match=r"normaliser belongs to the tasks .*; the task is induction"):
        validated(Settings(task="induction", normaliser="entmax"), TASKS)
    with pytest.raises(ValueError, match="span belongs to the tasks"):
        validated(Settings(task="digit-bags", span=3), TASKS)
