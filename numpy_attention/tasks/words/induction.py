"""induction: different letters, then some of them again; which letter comes next?

"dgbfa bfabfa…": after the first b came f, so f follows the second b. To find f by what stands before it, its
key must know of the b. An attention of layer 1 brings it there, the previous-token head; one of layer 2 then
matches it with the second b, the induction head. Beside the model the same one with a single layer is
trained: its keys know their own letter only, so it guesses from what has come and where.

References
----------
Olsson et al. 2022, In-context learning and induction heads.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...training.objective import Figures, Objective
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap
from ..drawing import shaded
from .algorithms import held_out
from .objectives import NextToken
from .translation import EPOCH
from .vocabulary import Vocabulary
from .word_task import WordData, WordFacts, word_task

LETTERS = "abcdefghijklmnop"
SHORTEST, LONGEST = 3, 8
"""Different letters at the beginning of a row that is trained on."""
WIDTH = 2 * LONGEST
"""Letters of a row."""
TEST_ROWS, VALIDATION_ROWS, AT_EACH_LENGTH = 2000, 500, 200
SPREAD, BRANCHES = 3.0, 0.3
"""Of the initial parameters: see `NextToken`."""
ONE_LAYER = "one layer"


class Repeating(NamedTuple):
    """N rows: `firsts` different letters, then those from place `starts` on, again and again."""

    rows: Array
    """(N, T + 1) ids"""
    firsts: Array
    """(N,) number of different letters"""
    starts: Array
    """(N,) place of the letter that is the first to come again"""
    ends: Array
    """(N,) first place whose target is not judged, nor any later one"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.rows)

    def some(self, rows: Any) -> "Repeating":
        """The rows selected by an index array or a slice."""
        return Repeating(*(array[rows] for array in self))

    @property
    def judged(self) -> Array:
        """(N, T) True where a letter is followed by what followed it before."""
        places = np.arange(self.rows.shape[1] - 1)
        judged: Array = (places >= self.firsts[:, None]) & (places < self.ends[:, None])
        return judged

    @property
    def successors(self) -> Array:
        """(N, T) the place after a letter's only earlier occurrence; 0 where there is none, or several."""
        places = np.arange(self.rows.shape[1] - 1)
        firsts, starts = self.firsts[:, None], self.starts[:, None]
        second = (places >= firsts) & (places < 2 * firsts - starts)
        return np.where(second, starts + places - firsts + 1, 0)


def repeating(letters: Array, firsts: Array, starts: Array, width: int, once: bool = False) -> Repeating:
    """Rows of `width` ids from letters (N, at least firsts); once: only second occurrences are judged.

    Examples
    --------
    >>> one = repeating(np.array([[7, 8, 9]]), np.array([3]), np.array([1]), 7)
    >>> one.rows.tolist(), one.successors.tolist()
    ([[7, 8, 9, 8, 9, 8, 9]], [[0, 0, 0, 2, 3, 0]])
    """
    places, n, start = np.arange(width), firsts[:, None], starts[:, None]
    source = np.where(places < n, places, start + (places - n) % (n - start))
    ends = 2 * firsts - starts if once else np.full_like(firsts, width)
    return Repeating(np.take_along_axis(letters, source, axis=1), firsts, starts, ends)


def drawn_letters(rng: np.random.Generator, first: int, held: bool) -> Array:
    """All letters in random order; the first ones are a held-out sequence, or one to train on."""
    while True:
        letters = rng.permutation(len(LETTERS))
        if held_out("".join(LETTERS[place] for place in letters[:first])) == held:
            return letters


def drawn_rows(rng: np.random.Generator, firsts: Array, held: bool, width: int = WIDTH) -> Repeating:
    """One row for each number of different letters; at least two of them come again.

    In held-out rows only second occurrences are judged. From the third on, the next letter is simply the one
    that was seen longest ago among those that repeat: that needs no induction.
    """
    letters = [drawn_letters(rng, int(first), held) for first in firsts]
    return repeating(np.stack(letters), firsts, rng.integers(0, firsts - 1), width, once=held)


def drawn_firsts(rng: np.random.Generator, count: int) -> Array:
    """Numbers of different letters to train on."""
    return rng.integers(SHORTEST, LONGEST + 1, size=count)


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """2,000 rows held out, 500 for validation, those of an epoch to train on.

    Raises
    ------
    ValueError
        If the context has no room for a row.
    """
    context = settings.context
    if context is not None and context < WIDTH:
        raise ValueError(f"context is {context}; at least {WIDTH} is expected")
    rng = stream(settings.seed, EXAMPLES)
    test, validation = (
        drawn_rows(rng, drawn_firsts(rng, count), held=True) for count in (TEST_ROWS, VALIDATION_ROWS)
    )
    cleaned = f"{SHORTEST} to {LONGEST} different letters, then some again; one row in ten is held out"
    train = drawn_rows(rng, drawn_firsts(rng, EPOCH), held=False)
    return WordData(train, validation, test, Vocabulary(tuple(LETTERS)), cleaned=cleaned)


def resampled(rng: np.random.Generator, settings: Settings, data: WordData) -> Repeating:
    """The rows of one epoch."""
    return drawn_rows(rng, drawn_firsts(rng, data.train.size), held=False)


def model(settings: Settings, facts: WordFacts) -> NextToken:
    """A transformer with T5's positions: a learned bias for each distance, in each head."""
    layers, context = settings.layers, settings.context
    assert layers is not None
    assert context is not None
    width, heads = settings.hidden_dim, settings.heads
    transformer = nn.LanguageModel(
        facts.vocabulary.size,
        width,
        heads,
        layers,
        context,
        hidden=2 * width,
        positions=nn.T5Buckets(heads, bidirectional=False),
        dropout=settings.dropout or 0.0,
        attention="blockwise",  # shorter than fast, where sequences are short
    )
    return NextToken(transformer, None, SPREAD, BRANCHES)


def one_layer(settings: Settings, facts: WordFacts) -> dict[str, Objective]:
    """The same model with one layer."""
    learned = model(settings, facts)
    return {ONE_LAYER: replace(learned, model=replace(learned.model, layers=1))}


def attention_weights(run: Run, rows: Repeating) -> Array:
    """(layers, N, heads, T, T) of the learned model."""
    objective: Any = run.objectives()[LEARNED]
    reference = replace(objective.model, attention="reference")
    _, saved = reference.forward(run.params, rows.rows[:, :-1])
    return np.stack([layer.self_attn.attention.weights for layer in saved.stack.layers])


def stripes(weights: Array, rows: Repeating) -> tuple[Array, Array, float, float]:
    """The mean weight on the successor of the earlier occurrence, and on the letter before.

    Returns
    -------
    on_successor, on_previous
        (layers, heads), where a letter comes for the second time; and at the different letters, all but the
        first.
    uniform_successor, uniform_previous
        The same of uniform weights.
    """
    row, place = np.nonzero(rows.successors)
    on_successor = weights[:, row, :, place, rows.successors[row, place]]  # (places, layers, heads)
    places = np.arange(rows.rows.shape[1] - 1)
    first_row, first = np.nonzero((places > 0) & (places < rows.firsts[:, None]))
    on_previous = weights[:, first_row, :, first, first - 1]
    uniform = (float((1 / (at + 1)).mean()) for at in (place, first))
    return on_successor.mean(axis=0), on_previous.mean(axis=0), *uniform


def stripe_lines(run: Run, rows: Repeating) -> list[str]:
    """The stripes of every head as a table."""
    on_successor, on_previous, *uniform = stripes(attention_weights(run, rows), rows)
    lines = [f"{'Mean weight on':<16}  what followed before  the letter before"]
    table = {
        f"layer {layer}, head {head}": (on_successor[layer - 1, head - 1], on_previous[layer - 1, head - 1])
        for layer in range(1, len(on_successor) + 1)
        for head in range(1, on_successor.shape[1] + 1)
    } | {"uniform weights": tuple(uniform)}
    return lines + [f"{name:<16}  {one:>20.3f}  {other:>17.3f}" for name, (one, other) in table.items()]


def by_length(run: Run, data: WordData) -> list[str]:
    """The accuracy at each number of different letters, up to twice that of training or the context."""
    objectives, rng = run.objectives(), stream(run.settings.seed, EXAMPLES, 2)
    context: Any = run.settings.context
    lines = [f"Accuracy by length; {LONGEST} is the longest trained on", "Letters   model  one layer"]
    for first in range(SHORTEST, min(len(LETTERS), context // 2) + 1):
        rows = drawn_rows(rng, np.full(AT_EACH_LENGTH, first), held=True, width=2 * first)
        shares = [
            objective.figures(run.params_of(name), rows).accuracy for name, objective in objectives.items()
        ]
        lines.append(f"{first:>7}  {shares[0]:>6.3f}  {shares[1]:>9.3f}")
    return lines


def report(run: Run, data: WordData, rows: dict[str, Figures]) -> list[str]:
    """The accuracy by length, the stripes of every head, and one of them as shades."""
    shown = show(run, data)
    picture = [f"{name}  {shaded(row)}".rstrip() for name, row in zip(shown.rows, shown.weights, strict=True)]
    return [
        "Accuracy is the share of letters, after a second occurrence, that are what followed the first",
        "",
        *by_length(run, data),
        "",
        *stripe_lines(run, data.test),
        "",
        f"{shown.title}:",
        f"   {''.join(shown.columns)}",
        *picture,
    ]


def show(run: Run, data: WordData) -> AttentionMap:
    """The first held-out row, at the head with the largest weight on what followed before."""
    on_successor, *_ = stripes(attention_weights(run, data.test), data.test)
    layer, head = np.unravel_index(on_successor.argmax(), on_successor.shape)
    one = data.test.some(slice(1))
    names = tuple(LETTERS[place] for place in one.rows[0, :-1])
    title = f"Attention of layer {layer + 1}, head {head + 1}"
    return AttentionMap(attention_weights(run, one)[layer, 0, head], names, names, title, keys="letter")


INDUCTION = word_task(
    name="induction",
    question=lambda settings, data: "different letters, then some of them again; which letter is next?",
    load_data=load_data,
    model=model,
    report=report,
    show=show,
    defaults={
        "hidden_dim": 32,
        "heads": 4,
        "layers": 2,
        "context": 4 * LONGEST,
        "epochs": 18,
        "batch_size": 64,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.01,
        "clip": 1.0,
    },
    metric="accuracy",
    required=("layers", "context"),
    beside=one_layer,
    resampled=resampled,
)
