"""Lesions: what is set to 0, that it stays exactly 0 under every optimizer, and what does not fit."""

from types import SimpleNamespace

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.layer_objective import LayerObjective
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.training.lesion import Lesion, keeping, lesion_figures, lesion_of, lesioned
from numpy_attention.training.loop import one_after_another
from numpy_attention.training.run import run_epochs
from numpy_attention.training.settings import OPTIMIZER_NAMES
from tests.support.runs import begin, settings_of, some_data

WORDS = NextToken(nn.LanguageModel(vocabulary=11, width=6, heads=3, layers=2, context=5))


def wounded(lesion, epochs=3, **settings):
    """A run with a lesion, before and after training."""
    data = some_data()
    *_, source = run_epochs(begin(settings_of(epochs=2), data), data)
    run = begin(settings_of(start_from="x", lesion=lesion, epochs=epochs, **settings), data, source)
    *_, last = run_epochs(run, data)
    return run, last


@pytest.mark.parametrize("optimizer", OPTIMIZER_NAMES)
@pytest.mark.parametrize("lesion", ["head=2", "30%"])
def test_what_is_lesioned_stays_exactly_0_and_the_rest_is_trained(lesion, optimizer):
    decay = {"weight_decay": 0.1} if optimizer == "adamw" else {}
    run, last = wounded(lesion, optimizer=optimizer, clip=0.01, accumulate=2, **decay)
    start, now = (flatten(each.epochs["learned"].params) for each in (run, last))
    entries = run.lesion.entries
    assert sum(int(own.sum()) for own in entries.values()) > 5
    for name, own in entries.items():
        assert (start[name][own] == 0).all(), name
        assert (now[name][own] == 0).all(), name
        assert (flatten(run.starts["learned"])[name][own] != 0).any(), name
    for name, array in now.items():
        left = ~entries.get(name, np.zeros(array.shape, bool))
        assert (array[left] != start[name][left]).all(), name


def test_the_other_models_have_no_lesion():
    run, _ = wounded("head=1")
    for name in ("uniform", "scratch"):
        assert run.epochs[name].params is run.starts[name]


def test_a_share_is_exactly_that_of_all_weights_rounded_and_lies_in_any_larger_share():
    model = LayerObjective(nn.FeedForward(5, 7))  # 70 weights, 12 biases
    found = {share: lesion_of(f"{share}%", 3, model).entries for share in (10, 25, 30, 62.2)}
    counts = {share: sum(int(own.sum()) for own in entries.values()) for share, entries in found.items()}
    assert counts == {10: 7, 25: 18, 30: 21, 62.2: 44}
    for name, own in found[10].items():
        assert name.endswith("weight")
        assert (found[30][name] >= own).all()
    text = "10% of the weights, drawn by the seed: 7 of 82 parameters are set to 0 and stay 0"
    assert lesion_of("10%", 3, model).text == text
    with pytest.raises(ValueError, match=r"^lesion is 0\.1%, none of 70 weights"):
        lesion_of("0.1%", 3, model)
    other = lesion_of("10%", 4, model).entries
    assert any((other.get(name) != own).any() for name, own in found[10].items())


def test_heads_of_all_attentions_of_one_and_several():
    places = {"head=2": ("01", [1]), "head=2.1": ("1", [0]), "head=1+2.3": ("01", [0, 2])}
    for text, (layers, heads) in places.items():
        entries = lesion_of(text, 0, WORDS).entries
        assert {name.split(".")[1] for name in entries} == set(layers), text
        own = entries[f"layers.{layers[-1]}.self_attn.out_proj.weight"]
        assert [head for head in range(3) if own[:, 2 * head : 2 * head + 2].all()] == heads, text
        assert own.sum() == 12 * len(heads)
    assert lesion_of("head=2.1", 0, WORDS).text == (
        "head 1 of 3 in layers.1.self_attn: 54 of 1,128 parameters are set to 0 and stay 0"
    )
    assert "heads 1 and 2 and 3 of 3 in layers.0.self_attn, which leaves none, head 2 of 3 in layers.1" in (
        lesion_of("head=1.1+2+1.3", 0, WORDS).text
    )


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "head=4",
            "^lesion is head=4, but the model has 2 attentions, 3 heads in layers.0.self_attn, 3 heads",
        ),
        ("head=3.1", "numbers from 1 up to these are expected$"),
        ("head=1+2.9", "^lesion is head=1.2.9, but"),
        ("0.01%", "^lesion is 0.01%, none of .* weights; a larger share is expected$"),
    ],
)
def test_what_the_model_does_not_have_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        lesion_of(text, 0, WORDS)


def test_a_head_that_one_of_the_attentions_lacks_is_refused_for_all():
    part = {"one.weight": np.s_[:2]}
    places = {"one": [part, {"one.weight": np.s_[2:]}], "other": [{"other.weight": np.s_[:]}]}
    weights = {name: {"weight": (5, 3)} for name in places}
    model = SimpleNamespace(shapes=lambda: weights, heads_by_place=lambda: places)
    with pytest.raises(ValueError, match="2 attentions, 2 heads in one, 1 head in other; numbers from 1"):
        lesion_of("head=2", 0, model)
    assert lesion_of("head=1.2", 0, model).entries["one.weight"].sum() == 9


def test_a_model_without_heads_has_shares_alone():
    model = LayerObjective(nn.FeedForward(5, 7))
    with pytest.raises(ValueError, match="lesion is head=1, but the model has no heads; a share such as 10%"):
        lesion_of("head=1", 0, model)


def test_the_gradients_are_those_of_the_other_compute_with_the_lesion_at_0():
    run, _ = wounded("50%")
    objective, params, lesion = run.objectives()["learned"], run.epochs["learned"].params, run.lesion
    parts = [(some_data().train, 0)]
    (plain,) = one_after_another(objective, params, parts)
    calls = []
    compute = lambda *args: calls.append(args) or one_after_another(*args)  # noqa: E731
    (kept,) = keeping(lesion, compute)(objective, params, parts)
    assert len(calls) == 1
    before, after = flatten(plain.d_params), flatten(kept.d_params)
    for name, own in lesion.entries.items():
        np.testing.assert_array_equal(after[name], np.where(own, 0, before[name]))
    assert kept.loss == plain.loss


def test_lesioned_parameters_are_new_arrays_and_an_empty_part_stays():
    run, _ = wounded("head=1")
    params = {**run.starts["learned"], "score": run.starts["learned"]["score"], "none": {}}
    kept = lesioned(params, run.lesion)
    assert kept["none"] == {}
    assert (params["classifier"]["weight"] != 0).all()
    assert kept["classifier"]["weight"].dtype == params["classifier"]["weight"].dtype
    small = lesioned({"w": np.ones(3, np.float32)}, Lesion({"w": np.arange(3) > 1}, ""))["w"]
    assert (small.dtype, small.tolist()) == (np.float32, [1, 1, 0])
    assert kept["features"]["weight"] is params["features"]["weight"]


def test_figures_are_those_of_the_validation_part_or_else_the_training_part():
    run, data = wounded("head=1")[0], some_data()
    objective, params = run.objectives()["learned"], run.starts["learned"]
    figures = lesion_figures(run.task, objective, params, data)
    assert figures == {
        "training": objective.figures(params, data.train).accuracy,
        "held-out": objective.figures(params, data.test).accuracy,
    }
    data = SimpleNamespace(train=None, validation=data.train, test=data.test)
    assert lesion_figures(run.task, objective, params, data)["validation"] == figures["training"]
    by_loss = SimpleNamespace(metric="nats", measure="accuracy")
    loss = lesion_figures(by_loss, objective, params, data)["held-out"]
    assert loss == objective.figures(params, data.test).loss
