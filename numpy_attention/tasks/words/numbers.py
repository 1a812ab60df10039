"""numbers: fünfhundertsiebenundsechzig -> five hundred sixty-seven, up to 999,999.

The source is read character by character, the target written word by word: the order crosses wherever German
says the ones before the tens. Held-out numbers do not occur in training. For half of
the training numbers the count of digits is drawn first, so that short numbers are not rare.
"""

from collections.abc import Callable

import numpy as np

from ...functional.base.admission import Array
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from .number_words import ENGLISH, ENGLISH_TENS, LARGEST, english, german
from .translation import Drawn, source_vocabulary, translation_data, translation_task
from .uniform_attention import with_uniform_attention
from .vocabulary import SPECIAL, Vocabulary
from .word_task import WordData, WordFacts
from .written import Written, joined

FIRST_HELD_OUT = 100
"""Smaller numbers are always trained on: some of their words stand nowhere else."""
VALIDATION_NUMBERS, TEST_NUMBERS = 500, 2000


def written_number(rng: np.random.Generator, number: int) -> Written:
    """A number in German and in English."""
    return Written(german(number), english(number))


def english_words() -> tuple[str, ...]:
    """Every piece of an English number."""
    words = (*ENGLISH, *ENGLISH_TENS, "hundred", "thousand")
    return (*words, *(f" {word}" for word in words), *(f"-{word}" for word in ENGLISH[1:10]))


def drawing(numbers: Array) -> Callable[[np.random.Generator, int], Array]:
    """Draws numbers: half of them from all, half from those of one to six digits in equal shares."""
    digits = np.searchsorted([10, 100, 1000, 10_000, 100_000], numbers, side="right")
    alike = [numbers[digits == count] for count in np.unique(digits)]

    def draw(rng: np.random.Generator, count: int) -> Array:
        sizes = rng.multinomial(count // 2, [1 / len(alike)] * len(alike))
        parts = [rng.choice(group, size) for group, size in zip(alike, sizes, strict=True)]
        return np.concatenate([*parts, rng.choice(numbers, count - count // 2)])

    return draw


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """2,000 numbers held out, 500 for validation, the others to train on."""
    rng = stream(settings.seed, EXAMPLES)
    numbers = rng.permutation(np.arange(FIRST_HELD_OUT, LARGEST + 1))
    held_out = [written_number(rng, int(each)) for each in numbers[: TEST_NUMBERS + VALIDATION_NUMBERS]]
    training = np.concatenate([np.arange(FIRST_HELD_OUT), numbers[TEST_NUMBERS + VALIDATION_NUMBERS :]])
    alphabet = "".join(joined(german(number)) for number in (*range(100), 1000))
    vocabularies = (
        source_vocabulary(Vocabulary.of_characters(alphabet, special=True), facts),
        Vocabulary((*SPECIAL, *english_words())),
    )
    drawn = Drawn(drawing(training), written_number, held_out[:TEST_NUMBERS])
    cleaned = f"{LARGEST + 1:,} numbers; {TEST_NUMBERS:,} held out, {VALIDATION_NUMBERS} for validation"
    return translation_data(drawn, held_out[TEST_NUMBERS:], vocabularies, rng, cleaned)


NUMBERS = translation_task(
    "numbers",
    "a number up to 999,999 in German words; which is it in English words?",
    load_data,
    {"hidden_dim": 64, "context": 72, "batch_size": 64, "epochs": 10, "lr": 0.005},
    beside=with_uniform_attention,
)
