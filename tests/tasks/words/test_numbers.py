"""numbers: what is held out, what is trained on, what the question says."""

import numpy as np
import pytest

from numpy_attention.tasks import load
from numpy_attention.tasks.words import translation
from numpy_attention.tasks.words.number_words import english, german
from numpy_attention.tasks.words.numbers import FIRST_HELD_OUT, drawing
from numpy_attention.tasks.words.written import joined


@pytest.fixture(scope="module")
def data():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translation, "EPOCH", 300)
        yield load("numbers")


def test_held_out_numbers_are_not_trained_on(data):
    held_out = {one.text for one in data.raw.test}
    assert len(held_out) == 2000
    rows = ({tuple(row[row > 0]) for row in part.source} for part in (data.validation, data.test))
    assert set.isdisjoint(*rows)
    trained = data.raw.draw(np.random.default_rng(3), 10_000)
    assert not held_out & {joined(german(int(number))) for number in trained}
    assert not held_out & {joined(german(number)) for number in range(FIRST_HELD_OUT)}


def test_source_and_target_are_the_same_number(data):
    words = {joined(german(number)): joined(english(number)) for number in range(100)}
    one = data.raw.write(np.random.default_rng(0), 43)
    assert words[one.text] == one.translation == "forty-three"
    source, target = (
        data.vocabulary.decode(data.test.source[0][: data.test.source_lengths[0]]),
        data.target_vocabulary.decode(data.test.target[0][1 : data.test.target_lengths[0] - 1]),
    )
    assert (source, target) == (data.raw.test[0].text, data.raw.test[0].translation)


def test_short_numbers_are_not_rare():
    drawn = drawing(np.arange(1_000_000))(np.random.default_rng(4), 6000)
    digits, counts = np.unique([len(str(number)) for number in drawn], return_counts=True)
    assert digits.tolist() == [1, 2, 3, 4, 5, 6]
    assert counts[:4].min() > 400
    assert counts[5] > 2900
