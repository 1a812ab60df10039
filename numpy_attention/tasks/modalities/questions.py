"""Questions about four different digits in a square: their wordings, their answers, and how they are drawn.

    0 1         "what is right of the seven?", "how many are even?", "which is the largest in the top row?"
    2 3         the places of the digits

Digits are drawn so that all answers that a question can have are equally frequent: who sees the question
alone can only guess among them.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache
from itertools import permutations, product
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..words.number_words import ENGLISH
from ..words.vocabulary import PAD

DIGITS = ENGLISH[:10]
ANSWERS = (*DIGITS, "yes", "no", "none")
NO, NONE = 11, 12
"""Places in ANSWERS; that of a digit or a count is the number itself, and yes stands before no."""
CORNERS = ("top left", "top right", "bottom left", "bottom right")
NEIGHBOURS = {"right of": ((0, 1), (2, 3)), "left of": ((1, 0), (3, 2)), "above": ((2, 0), (3, 1)),
              "below": ((0, 2), (1, 3))}  # fmt: skip
"""Pairs of places: the second is right of the first, and so on."""
ZONES = {"": (0, 1, 2, 3), " in the top row": (0, 1), " in the bottom row": (2, 3),
         " in the left column": (0, 2), " in the right column": (1, 3)}  # fmt: skip
EXTREMES = {"largest": np.max, "smallest": np.min}
COMPARISONS = {"larger": np.greater, "smaller": np.less}


class QuestionForm(NamedTuple):
    """Questions of one form."""

    name: str
    wordings: tuple[str, ...]
    """In place of {0}, {1} stands one of the first slot, one of the second"""
    slots: tuple[Sequence[str], ...]
    answer: Callable[..., Array]
    """answer(digits (N, 4), words in the slots): places (N,) in ANSWERS"""


class Question(NamedTuple):
    """A form with its slots filled."""

    form: QuestionForm
    words: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        """The question in all wordings."""
        return [wording.format(*self.words) for wording in self.form.wordings]

    def answers(self, digits: Array) -> Array:
        """The answers (N,), as places in ANSWERS, about digits (N, 4)."""
        return self.form.answer(digits, *self.words)


def neighbour(digits: Array, relation: str, word: str) -> Array:
    """What stands right of, left of, above or below a digit; none if it is not there, or at that edge."""
    found = np.full(len(digits), NONE)
    for at, beside in NEIGHBOURS[relation]:
        found = np.where(digits[:, at] == DIGITS.index(word), digits[:, beside], found)
    return found


FORMS = (
    QuestionForm(
        "neighbour",
        ("what is {0} the {1}?", "which digit stands {0} the {1}?", "{0} the {1}, what do you see?"),
        (tuple(NEIGHBOURS), DIGITS),
        neighbour,
    ),
    QuestionForm(
        "corner",
        ("what is at the {0}?", "which digit stands at the {0}?", "at the {0}, what do you see?"),
        (CORNERS,),
        lambda digits, corner: digits[:, CORNERS.index(corner)],
    ),
    QuestionForm(
        "extreme",
        ("which is the {0}{1}?", "what is the {0} digit{1}?", "which digit is {0}{1}?"),
        (tuple(EXTREMES), tuple(ZONES)),
        lambda digits, extreme, zone: EXTREMES[extreme](digits[:, ZONES[zone]], axis=1),
    ),
    QuestionForm(
        "parity",
        ("how many are {0}?", "how many {0} digits are there?", "count the {0} digits"),
        (("even", "odd"),),
        lambda digits, parity: (digits % 2 == (parity == "odd")).sum(axis=1),
    ),
    QuestionForm(
        "comparison",
        ("how many are {0} than {1}?", "how many digits {0} than {1} are there?", "count those {0} than {1}"),
        (tuple(COMPARISONS), DIGITS),
        lambda digits, comparison, word: COMPARISONS[comparison](digits, DIGITS.index(word)).sum(axis=1),
    ),
    QuestionForm(
        "presence",
        ("is there {0}?", "do you see {0}?", "is {0} there?"),
        (tuple("an eight" if word == "eight" else f"a {word}" for word in DIGITS),),
        lambda digits, name: NO - (digits == DIGITS.index(name.split()[1])).any(axis=1),
    ),
)
ARRANGEMENTS = np.array(list(permutations(range(10), 4)))
"""Every four different digits (5040, 4)."""


class Choice(NamedTuple):
    """A question, and what may stand on its canvas."""

    question: Question
    by_answer: tuple[Array, ...]
    """Rows of ARRANGEMENTS, for each answer that the question can have"""


@cache
def choices() -> tuple[tuple[Choice, ...], ...]:
    """The questions of each form, those that have more than one answer."""
    found = []
    for form in FORMS:
        own = []
        for words in product(*form.slots):
            question = Question(form, words)
            answers = question.answers(ARRANGEMENTS)
            parts = tuple(np.flatnonzero(answers == one) for one in np.unique(answers))
            if len(parts) > 1:
                own.append(Choice(question, parts))
        found.append(tuple(own))
    return tuple(found)


@cache
def parsed() -> dict[tuple[str, ...], Question]:
    """Every question by its words."""
    questions = [choice.question for form in choices() for choice in form]
    return {words_of(text): question for question in questions for text in question.texts}


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, in small letters.

    Examples
    --------
    >>> words_of("What is above the 3?")
    ('what', 'is', 'above', 'the', '3')
    """
    return tuple(re.findall(r"\w+", text.lower()))


@cache
def vocabulary() -> dict[str, int]:
    """The id of every word of a question or an answer, from 1; PAD, 0, stands behind a question."""
    words = sorted({*ANSWERS, *(word for words in parsed() for word in words)})
    return {word: PAD + place for place, word in enumerate(words, 1)}


@cache
def longest() -> int:
    """Words of the longest question."""
    return max(map(len, parsed()))


@cache
def answer_ids() -> Array:
    """The ids of ANSWERS."""
    return np.array([vocabulary()[word] for word in ANSWERS])


def encoded(questions: Sequence[tuple[str, ...]]) -> tuple[Array, Array]:
    """The ids (N, T) of questions in words, PAD behind them, and their lengths (N,).

    Raises
    ------
    ValueError
        If a word is in no question that was trained on, or a question has no words or too many.
    """
    known, lengths = vocabulary(), np.array([len(words) for words in questions])
    if not 0 < lengths.min() <= lengths.max() <= longest():
        came = lengths.min() if not lengths.min() else lengths.max()
        raise ValueError(f"text has {came} words; 1 to {longest()} are expected")
    unknown = next((word for words in questions for word in words if word not in known), None)
    if unknown is not None:
        raise ValueError(f"text has the word {unknown!r}; words of these are expected: {', '.join(known)}")
    ids = np.full((len(questions), longest()), PAD)
    for row, words in zip(ids, questions, strict=True):
        row[: len(words)] = [known[word] for word in words]
    return ids, lengths


def drawn_questions(rng: np.random.Generator, count: int) -> tuple[list[str], Array, Array]:
    """Texts of questions; digits (count, 4); and the answers (count,), as places in ANSWERS.

    Every form is equally frequent, then every question, every wording and every answer.
    """
    texts, rows, labels = [], [], []
    for form in rng.integers(len(FORMS), size=count):
        choice = choices()[form][rng.integers(len(choices()[form]))]
        texts.append(str(rng.choice(choice.question.texts)))
        rows.append(rng.choice(choice.by_answer[rng.integers(len(choice.by_answer))]))
        labels.append(choice.question.answers(ARRANGEMENTS[rows[-1:]])[0])
    return texts, ARRANGEMENTS[rows], np.array(labels)
