"""The loop: what an epoch's loss is, that runs repeat, that it stops in time."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.evaluation import figures
from numpy_attention.tasks.model import AttentionClassifier
from numpy_attention.tasks.task import ORDER, START, Examples, stream
from numpy_attention.tasks.training import NotFinite, loss_and_gradients, train

MODEL = AttentionClassifier(input_dim=3, hidden_dim=5, heads=2)


def examples(size=17):
    rng = np.random.default_rng(47)
    x = rng.normal(size=(size, 7, 3))
    return Examples(x, (x[:, :, 0].max(axis=1) > 1.2).astype(float), np.full(size, -1))


def test_epochs_are_these_steps():
    data = examples()
    params = MODEL.init(stream(3, START))
    state = na.adam_init(params)
    for number, epoch in enumerate(train(MODEL, data, epochs=2, batch_size=5, lr=0.01, seed=3), 1):
        order = stream(3, ORDER, number).permutation(17)
        losses = []
        for batch in (order[:5], order[5:10], order[10:15], order[15:]):
            loss, d_params = loss_and_gradients(MODEL, params, data.x[batch], data.y[batch])
            params, state = na.adam_step(params, d_params, state, lr=0.01)
            losses += [loss] * len(batch)
        assert epoch.number == number
        assert epoch.loss == pytest.approx(np.mean(losses), rel=1e-14)
        for name, array in flatten(params).items():
            np.testing.assert_array_equal(flatten(epoch.params)[name], array)


def test_the_loss_is_the_mean_over_the_examples_each_seen_once():
    data = examples()
    (epoch,) = train(MODEL, data, epochs=1, batch_size=5, lr=1e-14)
    logits = MODEL.forward(MODEL.init(stream(0, START)), data.x)[0]
    assert epoch.loss == pytest.approx(figures(logits, data.y).loss, rel=1e-12)


def test_every_epoch_has_another_order():
    orders = [tuple(stream(0, ORDER, number).permutation(17)) for number in range(1, 6)]
    assert len(set(orders)) == 5


def test_a_run_repeats_to_the_bit_and_the_seed_decides():
    first, again, other = (
        [epoch.loss for epoch in train(MODEL, examples(), epochs=3, seed=seed)] for seed in (5, 5, 7)
    )
    assert first == again
    assert first != other


def test_training_changes_no_argument_and_no_earlier_epoch():
    data = examples()
    before = data.x.copy()
    training = train(MODEL, data, epochs=2)
    first = next(training)
    kept = {name: array.copy() for name, array in flatten(first.params).items()}
    next(training)
    np.testing.assert_array_equal(data.x, before)
    for name, array in kept.items():
        np.testing.assert_array_equal(flatten(first.params)[name], array)


def test_it_learns():
    losses = [epoch.loss for epoch in train(MODEL, examples(), epochs=200, lr=0.01)]
    assert losses[-1] < 0.05 < 0.4 < losses[0]


class Spoiled(AttentionClassifier):
    """A classifier whose prediction is NaN for whatever holds the number 99."""

    def forward(self, params, x):
        logits, saved = super().forward(params, x)
        return np.where((x == 99).any(axis=(1, 2)), np.nan, logits), saved


def test_a_loss_that_is_not_finite_stops_at_its_step():
    data = examples()
    place = int(np.flatnonzero(stream(0, ORDER, 1).permutation(17) == 11)[0])
    data.x[11, 2, 1] = 99
    with pytest.raises(NotFinite, match=rf"loss is nan .*epoch 1, step {place // 3 + 1}$"):
        list(train(Spoiled(*MODEL), data, batch_size=3))


class Tiring(AttentionClassifier):
    """A classifier whose predictions are infinite once its parameters have moved far enough."""

    def forward(self, params, x):
        logits, saved = super().forward(params, x)
        tired = np.abs(params["classifier"]["bias"]) > 0.055
        return np.where(tired, np.inf, logits), saved


def test_epochs_before_it_are_whole():
    data = examples()._replace(y=np.zeros(17))
    training = train(Tiring(*MODEL), data, batch_size=9, lr=0.01)
    epochs = [next(training) for _ in range(3)]
    with pytest.raises(NotFinite, match=r"loss is inf .*epoch 4, step 1$"):
        next(training)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert all(np.isfinite(array).all() for array in flatten(epochs[-1].params).values())


class Steep(AttentionClassifier):
    """A classifier whose loss is finite and one of whose gradients is not."""

    def backward(self, d_logits, saved):
        gradients = super().backward(d_logits, saved)
        gradients["features"]["bias"][3] = np.inf
        return gradients


def test_a_parameter_that_is_not_finite_stops_too():
    with pytest.raises(NotFinite, match=r"a parameter is no longer finite .* epoch 1, step 1$"):
        next(train(Steep(*MODEL), examples(), batch_size=5))
