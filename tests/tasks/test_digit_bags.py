"""digit-bags: what a bag holds, what is held out, and the figures that belong to the task."""

from importlib import resources

import numpy as np
import pytest

from numpy_attention.tasks import digit_bags
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.digit_bags import (
    bag_lines,
    bags_to_show,
    draw_bags,
    largest_weight_hits,
    load_data,
)
from numpy_attention.tasks.images import read_digits
from numpy_attention.training.settings import Settings


@pytest.fixture(scope="module")
def data():
    return load_data(Settings())


def test_the_attribution_travels_with_the_data():
    told = (resources.files("numpy_attention.tasks") / "data" / "README.md").read_text()
    assert all(word in told for word in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0"))


def test_half_the_bags_hold_exactly_one_zero_at_the_decisive_place():
    labels = np.arange(101) % 10
    bags = draw_bags(np.random.default_rng(0), np.arange(101.0)[:, None], labels, 1000)
    digits = labels[bags.x[..., 0].astype(int)]
    zeros = digits == 0
    assert bags.y.sum() == 500
    np.testing.assert_array_equal(zeros.sum(axis=1), bags.y)
    positive = bags.y == 1
    np.testing.assert_array_equal(zeros[positive].argmax(axis=1), bags.decisive[positive])
    assert (bags.decisive[~positive] == -1).all()
    assert set(bags.decisive) == set(range(-1, 10))  # the zero comes in every place
    assert set(bags.x.flat) == set(range(101))  # and every digit is drawn


def test_sizes(data):
    for part in (data.train, data.test):
        assert part.x.shape == (1000, 10, 64)
        assert part.y.shape == part.decisive.shape == (1000,)


def test_no_held_out_digit_is_in_a_training_bag(data):
    images, _ = read_digits()
    seen, held_out = ({image.tobytes() for image in part} for part in (images[:898], images[898:]))
    assert not seen & held_out
    assert {token.tobytes() for token in data.train.x.reshape(-1, 64)} <= seen
    assert {token.tobytes() for token in data.test.x.reshape(-1, 64)} <= held_out


def test_the_seed_decides(data):
    np.testing.assert_array_equal(load_data(Settings()).test.x, data.test.x)
    assert not np.array_equal(load_data(Settings(seed=1)).test.x, data.test.x)


def small():
    """Four bags of three digits: a zero in the first two, at 2 and at 0."""
    x = np.zeros((4, 3, 64))
    return Examples(x, np.array([1.0, 1.0, 0.0, 0.0]), np.array([2, 0, -1, -1]))


def test_how_often_the_largest_weight_is_on_the_zero():
    weights = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(largest_weight_hits(small(), weights), [True, False])


def test_bags_of_each_kind_are_shown_and_a_kind_without_bags_is_not():
    assert bags_to_show(small(), np.array([-1.0, 1.0, 2.0, -2.0])) == [
        ("with a zero", 1),
        ("without a zero", 3),
        ("a mistake", 0),
    ]
    assert [kind for kind, _ in bags_to_show(small(), np.array([1.0, 1.0, -1.0, -1.0]))] == [
        "with a zero",
        "without a zero",
    ]


def test_report_of_one_head():
    weights = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    lines = bag_lines(small(), np.array([0.0, np.log(3), -1.0, -1.0]), weights[:, None])
    assert "Bag 2, with a zero; predicted probability of a zero: 0.750" in lines
    assert lines[-1] == "Largest weight on the zero: 0.500, 1 of 2 positive bags"
    mistake = lines[lines.index("Bag 1, a mistake; predicted probability of a zero: 0.500") :]
    assert mistake[9].split() == ["0.20", "0.30", "0.50"]
    assert mistake[10].index("^") // 8 == 2


def test_heads_are_averaged_and_each_is_counted():
    one = [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    other = [[0.4, 0.3, 0.3], [0.9, 0.0, 0.1], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    weights = np.stack([one, other], axis=1)
    lines = bag_lines(small(), np.zeros(4), weights)
    assert lines[-3:] == [
        "Largest weight on the zero: 1.000, 2 of 2 positive bags (weights averaged over 2 heads)",
        "  head 1: 0.500, 1 of 2",
        "  head 2: 0.500, 1 of 2",
    ]


def test_the_question_names_the_digit():
    ask = digit_bags.DIGIT_BAGS.question
    assert ask(Settings(), None) == "ten digits a bag; is there a zero among them?"
    assert "is there a seven" in ask(Settings(digit=7), None)


def test_another_digit_can_be_chosen():
    settings = Settings(digit=7)
    data = load_data(settings)
    images, labels = read_digits()
    sevens = {image.tobytes() for image in images[labels == 7]}
    holds = np.array([any(token.tobytes() in sevens for token in bag) for bag in data.test.x])
    np.testing.assert_array_equal(holds, data.test.y == 1)
    assert data.classes == ("without a seven", "with a seven")
    weights = np.full((4, 1, 3), 1 / 3)
    lines = bag_lines(small(), np.ones(4), weights, "seven")
    assert lines[0] == "Bag 1, with a seven; predicted probability of a seven: 0.731"
    assert lines[-1].startswith("Largest weight on the seven: ")
