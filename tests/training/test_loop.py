"""The loop: losses of an epoch, equal bits when repeated and resumed, and stops at non-finite numbers."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.classification.evaluation import figures
from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.training.loop import NotFinite, one_after_another, train
from numpy_attention.training.optimizers import OPTIMIZERS, lr_at
from numpy_attention.training.settings import OPTIMIZER_NAMES, SCHEDULE_NAMES, Settings
from numpy_attention.training.streams import ORDER, START, stream

MODEL = AttentionClassifier(input_dim=3, hidden_dim=5, heads=2)
OBJECTIVE = Classifying(MODEL)


def examples(size=17, classes=2):
    rng = np.random.default_rng(47)
    x = rng.normal(size=(size, 7, 3))
    top = x[:, :, 0].max(axis=1)
    return Examples(x, np.digitize(top, [1.2, 1.6][: classes - 1]).astype(float))


def same(one, other):
    one, other = flatten(one), flatten(other)
    assert list(one) == list(other)
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


@pytest.mark.parametrize("schedule", SCHEDULE_NAMES)
def test_epochs_are_their_steps_written_out(schedule):
    data, settings = examples(), Settings(epochs=3, batch_size=5, lr=0.01, seed=3, schedule=schedule)
    params = MODEL.init(stream(3, START))
    state = na.adam_init(params)
    step = 0
    for number, epoch in enumerate(train(OBJECTIVE, data, settings), 1):
        order = stream(3, ORDER, number).permutation(17)
        losses, right = [], 0
        for batch in (order[:5], order[5:10], order[10:15], order[15:]):
            loss, d_params, _, hits = OBJECTIVE.loss_and_gradients(params, data.some(batch))
            step += 1
            params, state = na.adam_step(params, d_params, state, lr=lr_at(settings, step, 12))
            losses += [loss] * len(batch)
            right += hits
        assert epoch.number == number
        assert epoch.loss == pytest.approx(np.mean(losses), rel=1e-14)
        assert epoch.accuracy == right / 17
        same(epoch.params, params)
        same(epoch.state, state)


def test_the_loss_is_the_mean_over_the_examples_each_seen_once():
    data = examples()
    (epoch,) = train(OBJECTIVE, data, Settings(epochs=1, batch_size=5, lr=1e-14))
    expected = figures(MODEL.forward(MODEL.init(stream(0, START)), data.x)[0], data.y)
    assert epoch.loss == pytest.approx(expected.loss, rel=1e-12)
    assert epoch.accuracy == pytest.approx(expected.accuracy)


def test_every_epoch_has_another_order():
    orders = [tuple(stream(0, ORDER, number).permutation(17)) for number in range(1, 6)]
    assert len(set(orders)) == 5


def test_a_run_repeats_to_the_bit_and_the_seed_decides():
    def losses(seed):
        return [epoch.loss for epoch in train(OBJECTIVE, examples(), Settings(epochs=3, seed=seed))]

    first, again, other = losses(5), losses(5), losses(7)
    assert first == again
    assert first != other


@pytest.mark.parametrize("schedule", SCHEDULE_NAMES)
@pytest.mark.parametrize("optimizer", OPTIMIZER_NAMES)
def test_resuming_after_any_epoch_gives_the_same_bits(optimizer, schedule):
    settings = Settings(epochs=4, batch_size=5, lr=0.05, clip=0.3, optimizer=optimizer, schedule=schedule)

    def changed(rng):
        return examples()._replace(x=examples().x + rng.normal(size=(17, 7, 3)) / 9)

    whole = list(train(OBJECTIVE, examples(), settings, changed=changed))
    for last in whole[:-1]:
        rest = list(train(OBJECTIVE, examples(), settings, after=last, changed=changed))
        assert [epoch.number for epoch in rest] == list(range(last.number + 1, 5))
        assert rest[-1].loss == whole[-1].loss
        same(rest[-1].params, whole[-1].params)
        same(rest[-1].state, whole[-1].state)


def test_optimizers_and_schedules_differ():
    ends = set()
    for optimizer in OPTIMIZERS:
        for schedule in SCHEDULE_NAMES:
            settings = Settings(epochs=5, batch_size=5, lr=0.05, optimizer=optimizer, schedule=schedule)
            *_, last = train(OBJECTIVE, examples(), settings)
            ends.add(last.params["features"]["weight"].tobytes())
    assert len(ends) == len(OPTIMIZERS) * len(SCHEDULE_NAMES)


def test_clipping_shortens_a_step_of_sgd():
    settings = Settings(epochs=1, batch_size=17, lr=1.0, optimizer="sgd", clip=1e-3)
    (epoch,) = train(OBJECTIVE, examples(), settings)
    start, end = flatten(MODEL.init(stream(0, START))), flatten(epoch.params)
    way = np.sqrt(sum(((end[name] - start[name]) ** 2).sum() for name in start))
    assert way == pytest.approx(1e-3, rel=1e-9)


@pytest.mark.parametrize("clip", [None, 0.05])
def test_accumulated_parts_of_a_batch_give_the_gradient_of_the_whole(clip):
    settings = Settings(epochs=2, batch_size=7, lr=0.01, optimizer="sgd", clip=clip)
    whole, parts = (
        [*train(OBJECTIVE, examples(), settings._replace(accumulate=n))][-1] for n in (1, 3)
    )  # fmt: skip
    assert parts.loss == pytest.approx(whole.loss, rel=1e-12)
    assert parts.accuracy == whole.accuracy
    for name, array in flatten(whole.params).items():
        np.testing.assert_allclose(flatten(parts.params)[name], array, rtol=0, atol=1e-14)
    more = [*train(OBJECTIVE, examples(), settings._replace(accumulate=100))][-1]
    assert more.loss == pytest.approx(whole.loss, rel=1e-12)


def test_every_part_of_every_batch_has_a_seed_of_its_own():
    seeds = []

    def compute(objective, params, parts):
        seeds.extend(seed for _, seed in parts)
        return one_after_another(objective, params, parts)

    [*train(OBJECTIVE, examples(), Settings(epochs=2, batch_size=5, accumulate=2), compute=compute)]
    assert len(set(seeds)) == len(seeds) == 2 * 4 * 2


def test_weight_decay_reaches_the_optimizer():
    settings = Settings(epochs=1, optimizer="adamw", lr=0.1)
    plain, none, much = (
        [*train(OBJECTIVE, examples(), settings._replace(weight_decay=x))][-1] for x in (0.01, 0.0, 0.5)
    )
    default = [*train(OBJECTIVE, examples(), settings)][-1]
    same(default.params, plain.params)
    norms = [np.linalg.norm(one.params["features"]["weight"]) for one in (much, plain, none)]
    assert norms == sorted(norms)
    assert norms[0] < norms[2]


def test_training_changes_no_argument_and_no_earlier_epoch():
    data = examples()
    before = data.x.copy()
    training = train(OBJECTIVE, data, Settings(epochs=2))
    first = next(training)
    kept = {name: array.copy() for name, array in flatten(first.params).items()}
    next(training)
    np.testing.assert_array_equal(data.x, before)
    for name, array in kept.items():
        np.testing.assert_array_equal(flatten(first.params)[name], array)


@pytest.mark.parametrize("classes", [2, 3])
def test_it_learns(classes):
    model = MODEL._replace(outputs=1 if classes == 2 else classes)
    losses = [
        epoch.loss
        for epoch in train(Classifying(model), examples(classes=classes), Settings(epochs=90, lr=0.03))
    ]
    assert losses[-1] < 0.1 < 0.4 < losses[0]


def test_steps_are_counted():
    steps = []
    list(train(OBJECTIVE, examples(), Settings(epochs=3, batch_size=5), on_step=lambda: steps.append(1)))
    assert len(steps) == 3 * 4


class Spoiled(AttentionClassifier):
    """A classifier whose prediction is NaN for whatever holds the number 99."""

    def forward(self, params, x, lengths=None):
        logits, saved = super().forward(params, x, lengths)
        return np.where((x == 99).any(axis=(1, 2)), np.nan, logits), saved


def test_a_loss_that_is_not_finite_stops_at_its_step():
    data = examples()
    place = int(np.flatnonzero(stream(0, ORDER, 1).permutation(17) == 11)[0])
    data.x[11, 2, 1] = 99
    told = rf"loss is nan with location scores in epoch 1, step {place // 3 + 1}$"
    with pytest.raises(NotFinite, match=told):
        list(train(Classifying(Spoiled(*MODEL)), data, Settings(batch_size=3)))


class Tiring(AttentionClassifier):
    """A classifier whose predictions are infinite once its parameters have moved far enough."""

    def forward(self, params, x, lengths=None):
        logits, saved = super().forward(params, x, lengths)
        tired = np.abs(params["classifier"]["bias"]) > 0.055
        return np.where(tired, np.inf, logits), saved


def test_epochs_before_a_non_finite_loss_are_complete():
    data = examples()._replace(y=np.zeros(17))
    training = train(Classifying(Tiring(*MODEL)), data, Settings(batch_size=9, lr=0.01))
    epochs = [next(training) for _ in range(3)]
    with pytest.raises(NotFinite, match=r"loss is inf .*epoch 4, step 1$"):
        next(training)
    assert [epoch.number for epoch in epochs] == [1, 2, 3]
    assert all(np.isfinite(array).all() for array in flatten(epochs[-1].params).values())


class Steep(AttentionClassifier):
    """A classifier whose loss is finite and one of whose gradients is not."""

    def backward(self, d_logits, saved, **options):
        d_x, d_params = super().backward(d_logits, saved, **options)
        d_params["features"]["bias"][3] = np.inf
        return d_x, d_params


@pytest.mark.parametrize("clip", [None, 1.0])
def test_a_parameter_that_is_not_finite_stops(clip):
    with pytest.raises(NotFinite, match=r"a parameter is no longer finite .* epoch 1, step 1$"):
        next(train(Classifying(Steep(*MODEL)), examples(), Settings(batch_size=5, clip=clip)))
