"""What is made anew for each epoch: distorted images, and mixed examples with a loss that is shared."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.tasks import load
from numpy_attention.tasks.distortion import distorted, read_at
from numpy_attention.tasks.images import read_digits
from numpy_attention.training.data import Examples
from numpy_attention.training.evaluation import loss_forward
from numpy_attention.training.mixing import mix, mixed_loss_backward, mixed_loss_forward
from numpy_attention.training.run import augmentation, start_run
from numpy_attention.training.settings import Settings


def places(row=0.0, column=0.0):
    """Where each pixel is read, counted from the centre, with everything moved."""
    line = np.arange(8) - 3.5
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(1, 64, 2)
    return grid + [row, column]


def test_reading_at_the_pixels_gives_the_image_back():
    images = read_digits()[0][:3]
    np.testing.assert_allclose(read_at(images, np.repeat(places(), 3, axis=0)), images, rtol=1e-15)


def test_reading_beside_them_moves_and_blends():
    image = np.random.default_rng(83).uniform(size=(1, 8, 8))
    moved = read_at(image.reshape(1, 64), places(1.0, -0.25)).reshape(8, 8)
    left = np.pad(image[0], ((0, 1), (1, 0)))[1:, :-1]  # a row up, a column to the right; 0 comes in
    here = np.pad(image[0], ((0, 1), (0, 0)))[1:]
    np.testing.assert_allclose(moved, 0.75 * here + 0.25 * left, rtol=1e-12)


def test_a_quarter_turn():
    image = np.random.default_rng(89).uniform(size=(1, 64))
    turned = read_at(image, places() @ np.array([[0.0, 1.0], [-1.0, 0.0]]))
    np.testing.assert_allclose(turned.reshape(8, 8), np.rot90(image.reshape(8, 8), -1), rtol=1e-12)


def test_distortions_are_small_and_each_image_has_its_own():
    images = read_digits()[0][:100]
    one, other = (distorted(np.random.default_rng(seed), images) for seed in (0, 1))
    correlation = [np.corrcoef(a, b)[0, 1] for a, b in zip(images, one, strict=True)]
    assert 0.5 < min(correlation) < max(correlation) < 1
    assert (np.abs(one - other).max(axis=1) > 0).all()
    same = distorted(np.random.default_rng(0), np.repeat(images[:1], 5, axis=0))
    assert len({image.tobytes() for image in same}) == 5


def some():
    rng = np.random.default_rng(97)
    return Examples(rng.normal(size=(41, 5, 3)), rng.integers(3, size=41).astype(float))


def test_every_example_keeps_the_larger_share():
    plain = some()
    both = mix(np.random.default_rng(0), plain, 0.4)
    assert ((both.share >= 0.5) & (both.share <= 1)).all()
    assert len(set(both.share)) == 41
    np.testing.assert_array_equal(both.y, plain.y)
    for x, first, share, other in zip(both.x, plain.x, both.share, both.other, strict=True):
        if share < 1:
            second = (x - share * first) / (1 - share)
            partner = np.abs(plain.x - second).max(axis=(1, 2)).argmin()
            np.testing.assert_allclose(plain.x[partner], second, atol=1e-6)
            assert plain.y[partner] == other


def test_the_loss_is_shared_between_the_labels():
    batch = mix(np.random.default_rng(0), some(), 0.4)
    logits = np.random.default_rng(101).normal(size=(41, 3))
    loss, saved = mixed_loss_forward(logits, batch)
    logs = na.log_softmax(logits)
    rows = np.arange(41)
    first, second = (logs[rows, y.astype(int)] for y in (batch.y, batch.other))
    assert loss == pytest.approx(-(batch.share * first + (1 - batch.share) * second).mean(), rel=1e-13)
    d_logits = mixed_loss_backward(saved)
    direction = np.random.default_rng(103).normal(size=(41, 3))
    step = 1e-6
    ahead, behind = (mixed_loss_forward(logits + by * direction, batch)[0] for by in (step, -step))
    assert (d_logits * direction).sum() == pytest.approx((ahead - behind) / (2 * step), rel=1e-7)


def test_where_one_label_has_it_all_the_loss_is_the_plain_one():
    batch = some()._replace(other=np.zeros(41), share=np.ones(41))
    logits = np.random.default_rng(107).normal(size=(41, 3))
    assert mixed_loss_forward(logits, batch)[0] == pytest.approx(loss_forward(logits, batch.y)[0], rel=1e-14)


def test_what_changes_is_the_training_part_alone_and_the_stream_decides():
    settings = Settings(task="digits", heads=2, hidden_dim=4)
    data = load(settings)
    changed = augmentation(start_run(settings, data), data)
    one, again, other = (changed(np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.x, again.x)
    assert (np.abs(one.x - other.x).max(axis=(1, 2)) > 0).all()
    np.testing.assert_array_equal(one.y, data.train.y)
    bags = load("digit-bags")
    assert augmentation(start_run(Settings(), bags), bags) is None
