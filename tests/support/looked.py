"""Small runs before their first epoch, one for each kind of model that `look` reads."""

import numpy as np

from numpy_attention.optim.trees import mapped
from numpy_attention.tasks import TASKS, with_defaults
from numpy_attention.tasks.classification.cleaning import prepare
from numpy_attention.tasks.classification.data import Data, Examples
from numpy_attention.tasks.modalities.ask_picture import AskingData
from numpy_attention.tasks.modalities.match_sound import MatchData
from numpy_attention.tasks.modalities.matching import Matches
from numpy_attention.tasks.modalities.visual_questions import drawn_visual_questions
from numpy_attention.tasks.pictures.canvas import drawn_canvases
from numpy_attention.tasks.pictures.find_digit import FindingData
from numpy_attention.tasks.sounds.utterances import BANDS, STACKED
from numpy_attention.tasks.words.examples import Labelled, Pairs
from numpy_attention.tasks.words.induction import LETTERS, drawn_firsts, drawn_rows
from numpy_attention.tasks.words.vocabulary import END, START, Vocabulary
from numpy_attention.tasks.words.word_task import WordData
from numpy_attention.training.run import start_run


def classes(rng, tokens, lengths=False):
    """Seven held-out examples of some tokens of three numbers, in three classes."""
    parts = []
    for size in (11, 7):
        real = rng.integers(2, tokens + 1, size) if lengths else None
        parts.append(Examples(rng.normal(size=(size, tokens, 3)), np.arange(size) % 3, lengths=real))
    return prepare(Data(*parts, ("a", "b", "c")))


def letters(rng):
    """Rows of letters that come again."""
    rows = [drawn_rows(rng, drawn_firsts(rng, 7), held) for held in (False, True)]
    return WordData(rows[0], None, rows[1], Vocabulary(tuple(LETTERS)))


def pairs(rng):
    """Sequences of letters, and others."""
    lengths = rng.integers(2, 6, 7)
    source = np.where(np.arange(6) < lengths[:, None], rng.integers(3, 9, (7, 6)), 0)
    target = np.full((7, 7), 0)
    for row, length in enumerate(lengths):
        target[row, : length + 2] = [START, *source[row, :length], END]
    vocabulary = Vocabulary.of_characters("abcdef", special=True)
    examples = Pairs(source, lengths, target, lengths + 2)
    return WordData(examples, None, examples, vocabulary, vocabulary)


def texts(rng):
    """Labelled texts of symbols."""
    examples = Labelled(rng.integers(1, 9, (7, 5)), rng.integers(2, 6, 7), np.arange(7) % 3)
    return WordData(examples, None, examples, Vocabulary(tuple("abcdefghi")), Vocabulary(("x", "y", "z")))


def canvases(rng):
    """Canvases with squares of three greys."""
    images, y = rng.random((9, 8, 8)) + 0.1, np.arange(9) % 3
    parts = [drawn_canvases(rng, images, y, 3, 5) for _ in range(3)]
    return FindingData(*parts, images, y, ("0", "1", "2"))


def matches(rng):
    """Sounds with four pictures each."""
    lengths = rng.integers(2, 6, 5)
    sounds = np.where(
        (np.arange(5) < lengths[:, None])[..., None], rng.normal(size=(5, 5, STACKED * BANDS)), 0
    )
    one = Matches(sounds, lengths, rng.random((5, 4, 8, 8)), rng.integers(0, 4, 5), np.arange(5))
    return MatchData(one, one, None, None, None)


def questions(rng):
    """Questions about four digits, drawn from twenty images."""
    images = Examples(rng.random((20, 8, 8)), np.arange(20) % 10)
    return AskingData(*(drawn_visual_questions(rng, images, 5) for _ in range(2)), images)


SMALL = {"hidden_dim": 6, "heads": 2}
KINDS = {
    "pooling": ("digit-bags", lambda rng: classes(rng, 5, lengths=True), {}),
    "patches": ("digits", lambda rng: classes(rng, 4), {"layers": 2}),
    "letters": ("induction", letters, {"layers": 2}),
    "translation": ("copy", pairs, {"layers": 1, "context": 8}),
    "texts": ("docstrings", texts, {"context": 5}),
    "canvases": ("find-digit", canvases, {"layers": 1}),
    "matches": ("match-sound", matches, {"layers": 1}),
    "questions": ("ask-picture", questions, {"layers": 1}),
}


def small_run(kind, spread=1.0):
    """A run of that kind, its initial parameters multiplied, and its data."""
    task, drawn, sizes = KINDS[kind]
    data = drawn(np.random.default_rng(61))
    settings = with_defaults({"task": task, **SMALL, **sizes, "batch_size": 7, "epochs": 1})
    run = start_run(TASKS[task], settings, data)
    learned = run.epochs["learned"]
    params = mapped(lambda x: x * x.dtype.type(spread), learned.params)
    return run._replace(epochs={**run.epochs, "learned": learned._replace(params=params)}), data
