"""match-sound: a spoken word and four pictures; which one shows it?

Two encoders read the word's frames and each picture's patches. A learned query reads the word from its
frames; it attends to the patches of all four pictures, and each picture's probability is its share of that
attention. Nothing says which digit is said or shown: only which picture is the right one. Held-out examples
have speakers and images that training never had. The 540 recordings of 18 speakers come with other pictures
in every epoch, played slower or faster, with bands of their spectrograms blank; images are slightly
distorted. Settings were compared on four of these speakers and a third of the training images, training on
the others.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...training.objective import Figures
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap, Sheet
from ..classification.data import Examples
from ..drawing import BRIGHTEST, draw_digits, shaded
from ..images import SIDE, image_parts
from ..model_task import ModelTask, plain_form
from ..sounds.spectrogram import RATE, STEP
from ..sounds.utterances import BANDS, STACKED
from ..sounds.words import SpokenWords, read_spoken_digits
from .matching import PICTURES, WINDOW, Matches, Matching, drawn_matches, two_steps
from .matching import STEP as APART

TRAINING, JUDGED = 1080, 900
"""Examples of an epoch; held out: each recording twice, and five times."""
CONTEXT = 40
"""Tokens of a word, 1.6 s."""
TWO_STEPS, CHANCE = "nearest word, nearest image", "chance"
SHOWN = 5
"""Examples of the sheet of pictures."""
TOKEN = STACKED * STEP / RATE
"""Seconds from one token to the next."""


@dataclass(frozen=True)
class JudgedMatches:
    """The held-out examples with their recordings, and the training part that the baseline compares with."""

    examples: Matches
    words: SpokenWords
    training_words: SpokenWords
    training_digits: Examples

    @cached_property
    def two_steps(self) -> Array:
        """The choice of the baseline (N,)."""
        return two_steps(self.examples, self.words.clips, self.training_words, self.training_digits)


class MatchData(NamedTuple):
    """Examples, and the recordings and images from which they are drawn."""

    train: Matches
    test: Matches
    words: SpokenWords
    """Those to train on"""
    digits: Examples
    """Images to train on (N, side, side), grey values 0-1"""
    held_out: JudgedMatches
    validation: Matches | None = None
    cleaned: str = "6 speakers of 24 and 899 of 1,797 images are held out; pictures drawn anew in every epoch"


def load_data(settings: Settings, facts: Any) -> MatchData:
    """Examples of the training part and the held-out one; with patience, others to train on validate."""
    words, apart = read_spoken_digits().split()
    digits, others, _ = image_parts(settings, SIDE)
    parts = [(words, digits, TRAINING), (apart, others, JUDGED)]
    if settings.patience is not None:
        parts.append((words, digits, JUDGED))
    train, test, *validation = (
        drawn_matches(stream(settings.seed, EXAMPLES, part), *source) for part, source in enumerate(parts, 1)
    )
    held_out = JudgedMatches(test, apart, words, digits)
    return MatchData(train, test, words, digits, held_out, validation[0] if validation else None)


def resampled(rng: np.random.Generator, settings: Settings, data: MatchData) -> Matches:
    """The examples of one epoch."""
    return drawn_matches(rng, data.words, data.digits, data.train.size, changed=True)


def model(settings: Settings, facts: Any) -> Matching:
    """Two encoders of the same sizes, and the word's attention to patches."""
    layers, dropout = cast(tuple[int, float], (settings.layers, settings.dropout))
    return Matching(
        nn.SoundPictureMatcher(
            STACKED * BANDS,
            CONTEXT,
            WINDOW**2,
            (SIDE // APART) ** 2,
            settings.hidden_dim,
            settings.heads,
            layers,
            hidden=2 * settings.hidden_dim,
            dropout=dropout,
            attention="blockwise",  # shorter than fast, where sequences are short
        )
    )


def baselines(settings: Settings, data: MatchData) -> dict[str, Figures]:
    """Two steps without attention, and chance."""
    right = data.held_out.two_steps == data.test.answers
    return {
        TWO_STEPS: Figures(math.nan, float(right.mean())),
        CHANCE: Figures(math.log(PICTURES), 1 / PICTURES),
    }


def weights(run: Run, examples: Matches) -> tuple[Array, Array]:
    """Attention of words to patches (N, PICTURES, patches); the query's to frames (N, T), mean of heads."""
    objective: Any = run.objectives()[LEARNED]
    reference = replace(objective, model=replace(objective.model, attention="reference"))
    _, saved = reference.forward(run.params, examples)
    return saved.weights, saved.pooling.weights[:, :, 0].mean(axis=1)


def report(run: Run, data: MatchData, rows: dict[str, Figures]) -> list[str]:
    """The accuracy for each held-out speaker, and what is read of the first example."""
    objective: Any = run.objectives()[LEARNED]
    choices = {
        objective.name: objective.logits(run.params, data.test).argmax(axis=-1),
        TWO_STEPS: data.held_out.two_steps,
    }
    words = data.held_out.words
    speaker = words.speaker[data.test.clips]
    width = max(map(len, words.speakers))
    lines = [f"{'Accuracy':<{width}}" + "".join(f"  {name}" for name in choices)]
    for place in np.unique(speaker):
        own = speaker == place
        shares = ((choice[own] == data.test.answers[own]).mean() for choice in choices.values())
        cells = (f"  {share:>{len(name)}.3f}" for name, share in zip(choices, shares, strict=True))
        lines.append(f"{words.speakers[place]:<{width}}" + "".join(cells))
    return [*lines, "", *example_lines(run, data)]


def example_lines(run: Run, data: MatchData) -> list[str]:
    """The first example: where its word is read, and each picture's share; the right one is marked."""
    one = data.test.some(slice(1))
    patches, frames = weights(run, one)
    word = data.held_out.words.words[data.held_out.words.digit[one.clips[0]]]
    answer = int(one.answers[0])
    pictures = one.images[0].reshape(PICTURES, -1) * BRIGHTEST
    return [
        f'"{word}", and where it is read, a column is {1000 * TOKEN:.0f} ms:  |{shaded(frames[0])}|',
        "",
        *draw_digits(pictures, patches.sum(axis=-1), answer),
    ]


def show(run: Run, data: MatchData) -> AttentionMap:
    """Where the first held-out recording of each word is read."""
    words = data.held_out.words
    digit = words.digit[data.test.clips]
    rows = [int(np.flatnonzero(digit == label)[0]) for label in np.unique(digit)]
    _, frames = weights(run, data.test.some(rows))
    columns = tuple(f"{place * TOKEN:.2f}" for place in range(frames.shape[1]))
    names = tuple(words.words[digit[row]] for row in rows)
    return AttentionMap(frames, names, columns, "Where held-out words are read", keys="second")


def drawn(run: Run, data: MatchData) -> Sheet:
    """The pictures of the first held-out examples, with the word's attention within each."""
    some = data.test.some(slice(SHOWN))
    patches, _ = weights(run, some)
    words, side = data.held_out.words, SIDE // APART
    shares, titles = patches.sum(axis=-1), []
    for row, clip in enumerate(some.clips):
        word = words.words[words.digit[clip]]
        titles += [f"{share:.2f}" for share in shares[row]]
        titles[PICTURES * row + some.answers[row]] += f', "{word}"'
    title = "Shares of each word's attention, and in colour where within a picture"
    images = some.images.reshape(-1, SIDE, SIDE)
    return Sheet(images, tuple(titles), title, heat=patches.reshape(-1, side, side), columns=PICTURES)


MATCH_SOUND = ModelTask(
    name="match-sound",
    question=lambda settings, data: "a spoken word and four pictures; which one shows it?",
    load_data=load_data,
    facts_form=plain_form(lambda settings, data: {}),
    features=lambda data: (
        f"{BANDS} log-mel bands, {STACKED} frames a token; windows of {WINDOW} x {WINDOW} pixels"
    ),
    model=model,
    report=report,
    show=show,
    drawn=drawn,
    defaults={
        "epochs": 40,
        "hidden_dim": 64,
        "heads": 4,
        "layers": 2,
        "dropout": 0.1,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.003,
        "clip": 1.0,
    },
    metric="accuracy",
    own_settings=("layers", "dropout"),
    baselines=baselines,
    resampled=resampled,
)
