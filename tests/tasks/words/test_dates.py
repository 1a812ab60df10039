"""dates: what is held out, what is trained on, what the question says."""

from datetime import date

import numpy as np
import pytest

from numpy_attention.tasks import load, with_defaults
from numpy_attention.tasks.words import translation
from numpy_attention.tasks.words.date_forms import LANGUAGES, forms_of
from numpy_attention.tasks.words.dates import FIRST, LAST, characters_of, written_date
from numpy_attention.tasks.words.translation import drawn_anew


@pytest.fixture(scope="module")
def data():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(translation, "EPOCH", 300)
        yield load("dates")


def days_of(data, pairs):
    return {data.target_vocabulary.decode(row[1:11]) for row in pairs.target}


def test_held_out_days_are_trained_on_in_no_form(data):
    parts = [days_of(data, pairs) for pairs in (data.test, data.validation, data.train)]
    assert [len(part) for part in parts[:2]] == [2000, 500]
    assert not any(one & other for place, one in enumerate(parts) for other in parts[:place])
    anew = days_of(data, drawn_anew(np.random.default_rng(1), with_defaults({"task": "dates"}), data))
    assert not anew & (parts[0] | parts[1])
    assert len(anew & parts[2]) < len(anew) / 2


def test_the_target_is_the_date_of_the_source(data):
    for one, row in zip(data.raw.test[:20], data.test.target, strict=False):
        assert FIRST <= date.fromisoformat(one.translation) <= LAST
        assert data.target_vocabulary.decode(row) == f"<start>{one.translation}<end>"


def test_every_character_of_every_example_has_an_id():
    forms = forms_of(LANGUAGES.values())
    known, rng = set(characters_of(forms).symbols), np.random.default_rng(2)
    for ordinal in rng.integers(FIRST.toordinal(), LAST.toordinal(), size=1000):
        assert set(written_date(rng, date.fromordinal(int(ordinal)), forms).text) <= known
