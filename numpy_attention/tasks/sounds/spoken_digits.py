"""spoken-digits: three to five words run together in noise, by a speaker never heard before; which digits?

An encoder reads log-mel frames of the waveform, four of them a token; a decoder writes the digits and attends
to the encoder's output. Utterances of one to three seconds by the training speakers are drawn anew for every
epoch, played slower or faster, with stripes of their spectrograms blank. The figure is 1 - the digit error
rate on utterances of held-out speakers, beside the nearest template by dynamic time warping, which is told
where each word begins and ends. Settings were compared on four training speakers, training on the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple, cast

import numpy as np

from ...files import PathLike
from ...functional.base.admission import Array
from ...training.objective import Figures
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap, Sheet
from ..drawing import draw_image, shaded
from ..model_task import ModelTask, PlainFacts, plain_form
from ..words.examples import Pairs
from .recognition import (
    LONGEST,
    TOKEN,
    Recognising,
    alignment,
    attended,
    digits_right,
    recognised,
    recogniser,
)
from .recordings import read_words, split_speakers
from .spectrogram import RATE
from .template_words import nearest_words
from .utterances import BANDS, SNR, STACKED, SpeechForm, Utterance, blanked, drawn_utterances, pairs_of
from .wav import read_wav
from .words import SpokenWords, read_spoken_digits

TRAINING_UTTERANCES, JUDGED_UTTERANCES = 1600, 150
"""Utterances of an epoch; of the held-out part, and of that which stops training."""
TRAINING = SpeechForm(words=(1, 12), seconds=(1.2, 2.8), speeds=(0.85, 1.18))
JUDGED = SpeechForm(words=(3, 5))
MODEL, TEMPLATES = "encoder-decoder", "nearest template, words cut out"
NOISE_BANDS = (5.0, 10.0, 15.0, 20.0)
"""Limits in decibels by which errors are listed."""
SHOWN, MISTAKES = 3, 3
"""Utterances of the picture; mistakes of the report."""


@dataclass(frozen=True)
class HeldOut:
    """The held-out utterances, and the words whose templates are compared with theirs."""

    utterances: tuple[Utterance, ...]
    templates: SpokenWords

    @cached_property
    def nearest(self) -> list[list[int]]:
        """The digits of the nearest templates."""
        return nearest_words(self.utterances, self.templates)


class SpeechData(NamedTuple):
    """Utterances as frames with their digits, and the words from which they are drawn."""

    train: Pairs
    test: Pairs
    words: SpokenWords
    """Those to train on"""
    held_out: HeldOut
    validation: Pairs | None = None
    cleaned: str = ""


def load_data(settings: Settings, facts: PlainFacts | None) -> SpeechData:
    """Utterances of training and of held-out speakers; with patience, others of training speakers validate.

    Raises
    ------
    ValueError
        As `read_words` and `split_speakers`.
    """
    if settings.wav is None:
        (train, test), phrases = read_spoken_digits().split(), ["6 speakers of 24 held out"]
    else:
        words, phrases = read_words(settings.wav)
        train, test, phrase = split_speakers(words, settings.seed)
        phrases = [*phrases, phrase]
    first, judged, validating = (
        drawn_utterances(stream(settings.seed, EXAMPLES, part), words, count, form)
        for part, (words, count, form) in enumerate(
            [
                (train, TRAINING_UTTERANCES, TRAINING),
                (test, JUDGED_UTTERANCES, JUDGED),
                (train, 0 if settings.patience is None else JUDGED_UTTERANCES, JUDGED),
            ],
            2,
        )
    )
    cleaned = "; ".join([*phrases, f"noise, white or pink, at {SNR[0]:.0f} to {SNR[1]:.0f} dB"])
    return SpeechData(
        pairs_of(first),
        pairs_of(judged),
        train,
        HeldOut(tuple(judged), train),
        pairs_of(validating) if validating else None,
        cleaned,
    )


def resampled(rng: np.random.Generator, settings: Settings, data: SpeechData) -> Pairs:
    """The utterances of one epoch."""
    drawn = drawn_utterances(rng, data.words, data.train.size, TRAINING)
    return blanked(rng, pairs_of(drawn))


def model(settings: Settings, facts: PlainFacts) -> Recognising:
    """A recogniser of the words."""
    layers, dropout = cast(tuple[int, float], (settings.layers, settings.dropout))
    words = len(facts.values["words"].split("/"))
    return recogniser(words, settings.hidden_dim, settings.heads, layers, dropout)


def baselines(settings: Settings, data: SpeechData) -> dict[str, Figures]:
    """The share of digits right of the nearest templates."""
    return {TEMPLATES: Figures(float("nan"), digits_right(data.held_out.nearest, said(data)))}


def said(data: SpeechData) -> list[Sequence[int]]:
    """The digits of the held-out utterances."""
    return [one.digits for one in data.held_out.utterances]


def report(run: Run, data: SpeechData, rows: dict[str, Figures]) -> list[str]:
    """Error rates of speakers and of noise, mistakes, the alignment over a spectrogram."""
    objective: Any = run.objectives()[LEARNED]
    found = recognised(objective.model, run.params, data.test)
    names = data.words.words
    wrong = [(one, mine) for one, mine in zip(said(data), found, strict=True) if list(one) != mine]
    lines = [
        f"Digits right are 1 - the digit error rate: {len(data.test.target) - len(wrong)} of {len(found)} "
        "utterances are right as a whole",
        *error_lines(data, found),
        "",
    ]
    for one, mine in wrong[:MISTAKES]:
        said_words, found_words = (" ".join(names[place] for place in each) for each in (one, mine))
        lines.append(f"  said {said_words}  recognised {found_words}")
    weights = attended(objective.model, run.params, data.test)
    moved = alignment(weights, data.held_out.utterances)
    return [
        *lines,
        "",
        *spectrogram_lines(data, weights[0]),
        "",
        f"Centre of attention moves forward in {moved.forward:.3f} of the steps from digit to digit;",
        f"weight on the word itself {moved.within:.3f}, by uniform weights {moved.uniform:.3f}",
    ]


def error_lines(data: SpeechData, found: list[list[int]]) -> list[str]:
    """The digit error rate of the model and of templates: all, each speaker, each band of noise."""
    utterances = data.held_out.utterances
    speaker, snr = (np.array([getattr(one, name) for one in utterances]) for name in ("speaker", "snr"))
    bands = pairwise(NOISE_BANDS)
    groups = {"all": np.ones(len(utterances), dtype=bool)}
    groups |= {data.words.speakers[place]: speaker == place for place in np.unique(speaker)}
    groups |= {f"{low:.0f} to {high:.0f} dB": (snr >= low) & (snr < high) for low, high in bands}
    width = max(len("Digit error rate"), *map(len, groups))
    lines = [f"{'Digit error rate':<{width}}  {MODEL}  {TEMPLATES}"]
    for name, rows in groups.items():
        if rows.any():
            mine, theirs, right = (
                [each[row] for row in np.flatnonzero(rows)]
                for each in (found, data.held_out.nearest, said(data))
            )
            rates = 1 - digits_right(mine, right), 1 - digits_right(theirs, right)
            columns = zip(rates, (MODEL, TEMPLATES), strict=True)
            lines.append(
                "  ".join([f"{name:<{width}}", *(f"{rate:>{len(own)}.3f}" for rate, own in columns)])
            )
    return lines


def spectrogram_lines(data: SpeechData, weights: Array) -> list[str]:
    """The spectrogram of the first held-out utterance, low bands below, and the weights of each digit."""
    tokens, one = data.test.source[0, : weights.shape[1]], data.held_out.utterances[0]
    frames = tokens.reshape(len(tokens), STACKED, BANDS // 2, 2).mean(axis=(1, 3))
    names = [data.words.words[digit] for digit in one.digits]
    width = max(map(len, names))
    lines = [f"Attention of the first held-out utterance, a column is {TOKEN / RATE * 1000:.0f} ms:"]
    lines += [f"{'':{width}}  {row}".rstrip() for row in draw_image(np.maximum(frames.T[::-1], 0))]
    lines += [f"{name:>{width}}  {shaded(row)}".rstrip() for name, row in zip(names, weights, strict=True)]
    return lines


def show(run: Run, data: SpeechData) -> AttentionMap:
    """The weights of the first held-out utterance, a row for each digit."""
    objective: Any = run.objectives()[LEARNED]
    weights = attended(objective.model, run.params, data.test.some(slice(1)))[0]
    digits = data.held_out.utterances[0].digits
    columns = tuple(f"{place * TOKEN / RATE:.2f}" for place in range(weights.shape[1]))
    names = tuple(data.words.words[digit] for digit in digits)
    return AttentionMap(weights, names, columns, "Attention to a held-out utterance", keys="second")


def drawn(run: Run, data: SpeechData) -> Sheet:
    """Spectrograms of held-out utterances with most words, once for each digit, its weights over it."""
    objective: Any = run.objectives()[LEARNED]
    most = max(map(len, said(data)))
    rows = [place for place, digits in enumerate(said(data)) if len(digits) == most][:SHOWN]
    some = data.test.some(rows)
    weights = attended(objective.model, run.params, some)
    tokens = int(some.source_lengths.max())
    heat = np.zeros((len(rows), most, 1, tokens))
    images = np.zeros((len(rows), most, BANDS, tokens * STACKED))
    titles = []
    for place, own in enumerate(weights):
        heat[place, :, 0, : own.shape[1]] = own
        images[place] = np.maximum(some.source[place, :tokens].reshape(-1, BANDS).T[::-1], 0)
        digits = data.held_out.utterances[rows[place]].digits
        names = [data.words.words[digit] for digit in digits]
        titles += [" ".join([*names[:at], f"[{name}]", *names[at + 1 :]]) for at, name in enumerate(names)]
    title = "Held-out utterances, low frequencies below, and where the model looks for each digit"
    tall = np.repeat(images, max(images.shape[-1] // (2 * BANDS), 1), axis=-2)  # half as tall as wide
    image, over = (each.reshape(len(titles), *each.shape[2:]) for each in (tall, heat))
    return Sheet(image, tuple(titles), title, heat=over, columns=most)


def heard(run: Run, path: PathLike) -> str:
    """The words that the model recognises in a WAV file, and a line for each change of the file.

    Raises
    ------
    ValueError
        If it is no WAV file, is silent, or longer than the model's context.
    OSError
        If it cannot be read.
    """
    samples, notes = read_wav(path)
    if not samples.std():
        raise ValueError(f"{path} is silent; words are expected")
    pairs = pairs_of([Utterance(samples, ())])
    if pairs.source.shape[1] > LONGEST:
        raise ValueError(
            f"{path} is {len(samples) / RATE:.1f} s long; {LONGEST * TOKEN / RATE:.0f} s at most are expected"
        )
    objective: Any = run.objectives()[LEARNED]
    (digits,) = recognised(objective.model, run.params, pairs)
    names = run.facts.values["words"].split("/")
    return "\n".join([*(f"{path}: {note}" for note in notes), " ".join(names[digit] for digit in digits)])


SPOKEN_DIGITS = ModelTask(
    name="spoken-digits",
    question=lambda settings, data: "three to five words run together in noise; which digits are said?",
    load_data=load_data,
    facts_form=plain_form(lambda settings, data: {"words": "/".join(data.words.words)}, words=str),
    features=lambda data: f"{BANDS} log-mel bands every 10 ms, {STACKED} frames a token",
    model=model,
    report=report,
    show=show,
    drawn=drawn,
    heard=heard,
    defaults={
        "epochs": 36,
        "hidden_dim": 64,
        "heads": 4,
        "layers": 2,
        "dropout": 0.0,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.003,
        "clip": 1.0,
    },
    metric="digits right",
    measure="digits right",
    own_settings=("layers", "dropout", "wav"),
    baselines=baselines,
    resampled=resampled,
)
