"""The task draw-digit: rows of symbols, what an epoch changes, bits, drawing, and a run of it."""

import math

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.files import write_npz
from numpy_attention.optim.trees import flatten
from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.pictures import draw_digit
from numpy_attention.tasks.pictures.draw_digit import (
    DRAW_DIGIT,
    LEVELS,
    NextPixel,
    baselines,
    draw,
    resampled,
    rows_of,
)
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.training import run_folder
from numpy_attention.training.run import run_epochs, start_run

SMALL = dict(layers=1, hidden_dim=8, heads=2, epochs=2, batch_size=8, dropout=0.1, lr=0.01)


@pytest.fixture
def own(tmp_path):
    """own(side): settings of a small run of images with that side, of two classes."""

    def own(side=4, **settings):
        y = np.arange(40) % 2
        ramp = np.add.outer(np.arange(side), np.arange(side)) * 10
        x = np.where(y[:, None, None] == 1, ramp, ramp[::-1]) + np.arange(40)[:, None, None]
        write_npz(tmp_path / "own.npz", {"x": x, "y": np.array(["down", "up"])[y]})
        return with_defaults({"task": "draw-digit", "npz": str(tmp_path / "own.npz"), **SMALL, **settings})

    return own


def test_the_shipped_images_are_split_in_halves_and_keep_their_grey_values():
    data = load(with_defaults({"task": "draw-digit"}))
    assert (data.train.size, data.test.size, data.train.length) == (898, 899, 64)
    rows = data.test.rows
    np.testing.assert_array_equal(rows[:, 1:], data.grey[1].reshape(899, -1))
    np.testing.assert_array_equal(rows[:, 0], LEVELS + data.y[1])
    assert (rows[:, 1:].min(), rows[:, 1:].max()) == (0, 16)


def test_images_of_your_own_become_seventeen_grey_values(own):
    data = load(own(patience=2))
    assert (data.train.size, data.validation.size, data.test.size) == (29, 3, 8)
    assert data.grey[0].max() == LEVELS - 1
    assert data.classes == ("down", "up")
    with pytest.raises(ValueError, match="images of 17 x 17; square ones, their side from 2 to 16"):
        load(own(17))


def test_an_epoch_distorts_half_of_the_images_and_says_so(own, monkeypatch):
    settings = own()
    data = load(settings)
    monkeypatch.setattr(draw_digit, "UNNAMED", 0.4)
    rows = resampled(np.random.default_rng(0), settings, data).rows
    kind, y = rows[:, 0] - LEVELS, data.y[0]
    assert set(kind) == {0, 1, 2, 3, 4}
    same = (rows[:, 1:] == data.grey[0].reshape(len(y), -1)).all(axis=1)
    assert same[(kind < 2) | (kind == 4)].all()
    assert not same[(kind == 2) | (kind == 3)].any()
    np.testing.assert_array_equal((kind % 2)[kind < 4], y[kind < 4])


def test_the_loss_is_that_of_the_next_symbol_in_bits():
    model = nn.LanguageModel(7, 4, 2, 1, 3)
    params, batch = (
        model.init(np.random.default_rng(0)),
        rows_of(np.arange(6).reshape(2, 3), np.array([6, 5])),
    )
    bits, nats = NextPixel(model), NextToken(model)
    one, other = (objective.loss_and_gradients(params, batch, 0) for objective in (bits, nats))
    assert one.loss == pytest.approx(other.loss / math.log(2))
    for name, x in flatten(one.d_params).items():
        np.testing.assert_allclose(x, flatten(other.d_params)[name] / math.log(2))
    assert bits.figures(params, batch).loss == pytest.approx(one.loss)


def test_counts_by_place_know_more_than_nothing(own):
    settings = own()
    rows = baselines(settings, load(settings))
    assert list(rows) == ["histogram of class and place", "three neighbours"]
    assert all(0 < one.loss < math.log2(LEVELS) for one in rows.values())


def test_a_run_learns_is_resumed_and_draws(own, tmp_path, monkeypatch):
    monkeypatch.setattr(draw_digit, "DRAWN", 1)
    settings = own()
    data = load(settings)
    whole = list(run_epochs(start_run(DRAW_DIGIT, settings, data), data))
    assert whole[-1].history[-1]["loss"] < whole[0].history[0]["loss"]
    run_folder.save_run(tmp_path / "run", whole[0])
    kept = run_folder.read_run(tmp_path / "run", {"draw-digit": DRAW_DIGIT})
    *_, last = run_epochs(kept, load(kept.settings, facts=kept.facts))
    for name, x in flatten(last.params).items():
        np.testing.assert_array_equal(x, flatten(whole[-1].params)[name], err_msg=name)
    images = draw(last, np.array([0, 1, 1]))
    assert images.shape == (3, 4, 4)
    assert set(images.ravel()) <= set(range(LEVELS))
    np.testing.assert_array_equal(images, draw(last, np.array([0, 1, 1])))
    lines = DRAW_DIGIT.held_out_lines(last, data, DRAW_DIGIT.held_out(last, data))
    assert any(line.startswith("Bits a pixel; 4 images drawn, named by") for line in lines)
    shown = DRAW_DIGIT.attention_map(last, data)
    np.testing.assert_allclose(shown.weights.sum(axis=1), 1, rtol=1e-5)
    assert shown.weights.shape == (12, 16)
    sheet = DRAW_DIGIT.sheet(last, data)
    assert (sheet.images.shape, sheet.titles[:2]) == ((10, 4, 4), ("down", "up"))


def test_guidance_leans_towards_what_the_class_makes_likelier(own, monkeypatch):
    settings = own()
    run = start_run(DRAW_DIGIT, settings, load(settings))
    assert draw_digit.guided(np.array([1.0, 0.0]), np.array([0.5, 0.5])).tolist() == [1.5, -0.5]
    monkeypatch.setattr(draw_digit, "GUIDANCE", 0.0)
    assert draw_digit.guided(np.array([1.0, 0.0]), np.array([0.5, 0.5])).tolist() == [1.0, 0.0]
    assert draw(run, np.array([0])).shape == (1, 4, 4)
