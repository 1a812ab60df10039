"""dates: "Tue, 3rd of March 2020", "3.III.2020", "le 3 mars 2020" -> 2020-03-03.

Every date of two centuries, in every form of date_forms, as it is written or in small or capital letters. A
held-out day occurs in training in no form. For each epoch days and forms are drawn anew.
"""

from datetime import date

import numpy as np

from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from .date_forms import LANGUAGES, Forms, Language, forms_of, language_of, written_in
from .translation import Drawn, source_vocabulary, translation_data, translation_task
from .uniform_attention import with_uniform_attention
from .vocabulary import Vocabulary
from .word_task import WordData, WordFacts
from .written import Piece, Written, joined

FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
VALIDATION_DAYS, TEST_DAYS = 500, 2000
CASES = (str, str.lower, str.upper)


def iso(day: date) -> tuple[Piece, ...]:
    """A date in ISO 8601, a piece each character.

    Examples
    --------
    >>> iso(date(2020, 3, 23))[3:5]
    (Piece(text='0', means='y'), Piece(text='-', means=''))
    """
    return tuple(
        Piece(character, means.strip())
        for character, means in zip(day.isoformat(), "yyyy mm dd", strict=True)
    )


def languages_of(settings: Settings) -> tuple[Language, ...]:
    """The built-in ones, and those of the setting `locales`."""
    more = () if settings.locales is None else settings.locales.split(",")
    return (*LANGUAGES.values(), *(language_of(name.strip()) for name in more))


def written_date(rng: np.random.Generator, day: date, forms: Forms) -> Written:
    """A date in a form drawn from all, as it is or in small or capital letters."""
    own = forms.of(day)
    form, language = own[rng.integers(len(own))]
    change = CASES[rng.integers(len(CASES))]
    source = (piece._replace(text=change(piece.text)) for piece in written_in(form, day, language))
    return Written(tuple(source), iso(day))


def characters_of(forms: Forms) -> Vocabulary:
    """Every character of every form, in every case."""
    days = [date(2020, month, day) for month in range(1, 13) for day in range(1, 32) if month == 1 or day < 8]
    text = "".join(joined(written_in(form, day, language)) for day in days for form, language in forms.clear)
    return Vocabulary.of_characters(text + text.lower() + text.upper(), special=True)


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """2,000 days held out, 500 for validation, the others to train on."""
    forms = forms_of(languages_of(settings))
    rng = stream(settings.seed, EXAMPLES)
    days = rng.permutation(np.arange(FIRST.toordinal(), LAST.toordinal() + 1))

    held_out = [
        written_date(rng, date.fromordinal(int(day)), forms) for day in days[: TEST_DAYS + VALIDATION_DAYS]
    ]
    source = source_vocabulary(characters_of(forms), facts)
    vocabularies = source, Vocabulary.of_characters("-0123456789", special=True)
    training = days[TEST_DAYS + VALIDATION_DAYS :]
    drawn = Drawn(
        lambda rng, count: rng.choice(training, count),
        lambda rng, day: written_date(rng, date.fromordinal(day), forms),
        held_out[:TEST_DAYS],
    )
    cleaned = (
        f"{len(days):,} days in {len(forms.clear)} forms; {TEST_DAYS:,} held out, "
        f"{VALIDATION_DAYS} for validation"
    )
    return translation_data(drawn, held_out[TEST_DAYS:], vocabularies, rng, cleaned)


DATES = translation_task(
    "dates",
    "a date as people write it, from 1900 to 2099; which is it in ISO 8601?",
    load_data,
    {"hidden_dim": 64, "context": 64, "epochs": 20, "lr": 0.004},
    own_settings=("layers", "context", "dropout", "locales"),
    beside=with_uniform_attention,
)
