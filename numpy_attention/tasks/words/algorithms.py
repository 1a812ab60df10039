"""copy, reverse, sort: letters in, the same letters out, as they are, backward, or in order of the alphabet.

Sequences are drawn; one in ten is held out and occurs in no epoch. Beside the model the same one without
positions is trained: its encoder sees letters but not their order, so of the n! / (c_1! c_2! …) orders of n
letters, c_1 of them alike and so on, it can only guess one. That is a bound for copy and reverse; sort needs
no positions.
"""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np

from ...functional.base.admission import Array
from ...training.objective import Figures, Objective
from ...training.run import Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ..model_task import ModelTask
from .translation import Drawn, encoder_decoder, report, translation_data, translation_task
from .vocabulary import SPECIAL, Vocabulary
from .word_task import WordData, WordFacts
from .written import Piece, Written, written_pairs

LETTERS = "abcdefghij"
SHORTEST, LONGEST = 3, 10
"""Lengths that are trained on."""
TEST_SEQUENCES, VALIDATION_SEQUENCES = 2000, 500
HELD_OUT = 10
"""One in so many sequences is held out."""
AT_EACH_LENGTH = 200
"""Sequences of each length in the report."""
NO_POSITIONS = "no positions"

Order = Callable[[str], list[int]]
"""The places of a text's letters, in the order of the answer."""
ORDERS: dict[str, Order] = {
    "copy": lambda text: list(range(len(text))),
    "reverse": lambda text: list(range(len(text)))[::-1],
    "sort": lambda text: sorted(range(len(text)), key=lambda place: text[place]),
}


def held_out(text: str) -> bool:
    """True for one text in ten, the same in every run."""
    return crc32(text.encode()) % HELD_OUT == 0


def drawn_text(rng: np.random.Generator, length: int, held: bool) -> str:
    """A text of so many letters that is held out, or one that is not."""
    while True:
        text = "".join(LETTERS[letter] for letter in rng.integers(len(LETTERS), size=length))
        if held_out(text) == held:
            return text


def written_text(task: str, text: str) -> Written:
    """A text and its answer; what an answer's letter stands for is its place, in `sort` the letter itself.

    Examples
    --------
    >>> written_text("reverse", "cab").translation, written_text("sort", "cab").translation
    ('bac', 'abc')
    """
    pieces = [Piece(letter, letter if task == "sort" else chr(place)) for place, letter in enumerate(text)]
    return Written(tuple(pieces), tuple(pieces[place] for place in ORDERS[task](text)))


def drawn_lengths(rng: np.random.Generator, count: int) -> Array:
    """Lengths to train on."""
    lengths: Array = rng.integers(SHORTEST, LONGEST + 1, size=count)
    return lengths


def drawn_examples(task: str, rng: np.random.Generator, lengths: Array, held: bool) -> list[Written]:
    """An example of each length."""
    return [written_text(task, drawn_text(rng, int(length), held)) for length in lengths]


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """2,000 sequences held out, 500 for validation, those of an epoch to train on.

    Raises
    ------
    ValueError
        If the context has no room for the longest.
    """
    task, context = settings.task, settings.context
    if context is not None and context <= LONGEST:
        raise ValueError(f"context is {context}; at least {LONGEST + 1} is expected")
    rng = stream(settings.seed, EXAMPLES)
    testing, validating = (
        drawn_examples(task, rng, drawn_lengths(rng, count), held=True)
        for count in (TEST_SEQUENCES, VALIDATION_SEQUENCES)
    )

    def write(rng: np.random.Generator, length: int) -> Written:
        return written_text(task, drawn_text(rng, length, held=False))

    vocabulary = Vocabulary((*SPECIAL, *LETTERS))
    cleaned = f"sequences of {SHORTEST} to {LONGEST} letters; one in {HELD_OUT} of all is held out"
    drawn = Drawn(drawn_lengths, write, testing)
    return translation_data(drawn, validating, (vocabulary, vocabulary), rng, cleaned)


def without_positions(settings: Settings, facts: WordFacts) -> dict[str, Objective]:
    """The same model without positions, in its encoder and its decoder."""
    return {NO_POSITIONS: encoder_decoder(settings, facts, positions=None)}


def guessing(examples: list[Written]) -> float:
    """The share that is right at most by a guess of the order of letters.

    Examples
    --------
    >>> guessing([written_text("copy", "aab"), written_text("copy", "abc")])  # one of three, one of six
    0.25
    """
    orders = [
        math.factorial(len(one.text)) / math.prod(map(math.factorial, Counter(one.text).values()))
        for one in examples
    ]
    return math.fsum(1 / count for count in orders) / len(orders)


def by_length(run: Run, data: WordData) -> list[str]:
    """The share of exact answers at each length, up to twice that of training or the context."""
    objectives, rng = run.objectives(), stream(run.settings.seed, EXAMPLES, 1)
    context: Any = run.settings.context
    lines = [f"Exact by length; {LONGEST} is the longest trained on", "Letters   model  no positions"]
    for length in range(SHORTEST, min(2 * LONGEST, context - 1) + 1):
        written = drawn_examples(run.settings.task, rng, np.full(AT_EACH_LENGTH, length), held=True)
        pairs = written_pairs(written, data.vocabulary, data.vocabulary)
        shares = [
            objective.figures(run.params_of(name), pairs).accuracy for name, objective in objectives.items()
        ]
        lines.append(f"{length:>7}  {shares[0]:>6.3f}  {shares[1]:>12.3f}")
    return lines


def reported(run: Run, data: WordData, rows: dict[str, Figures]) -> list[str]:
    """The report of a translation, the accuracy by length, and what can be known without positions."""
    lines = [*report(run, data, rows), "", *by_length(run, data)]
    if run.settings.task != "sort":
        share = guessing(data.raw.test)
        lines += [
            "",
            f"Without positions the order can only be guessed: {share:.4f} exact at most, on average",
        ]
    return lines


def _task(name: str, order: str, epochs: int) -> ModelTask:
    sizes = {"hidden_dim": 32, "context": 2 * LONGEST + 1, "batch_size": 64}
    return translation_task(
        name,
        f"up to {LONGEST} letters; which are they {order}?",
        load_data,
        {**sizes, "epochs": epochs, "lr": 0.01},
        report=reported,
        beside=without_positions,
    )


COPY = _task("copy", "once more, in the same order", epochs=6)
REVERSE = _task("reverse", "backward", epochs=10)
SORT = _task("sort", "in order of the alphabet", epochs=12)
