"""say-digits: digits and a speaker in, speech out: which frames of a spectrum, and how many?

`nn.SpeechSynthesizer` learns from recordings of the 18 speakers from whom `spoken-digits` learns. Ten symbols
for each digit, to which the speaker and the take (usual, slower, faster) are added, become log-mel frames;
Griffin-Lim finds their phases. Of each speaker's ten digits two are held out. The figure is the mel-cepstral
distortion of these, beside that of a digit's mean over all who say it in training.

The defaults were chosen by two more digits of each speaker, training on the others.
"""

from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.wording import brief, did_you_mean
from ...nn.interventions import UNIFORM, attending
from ...training.objective import Figures
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap, Sheet
from ..drawing import shaded
from ..model_task import ModelTask, PlainFacts, plain_form
from .griffin_lim import waveform
from .mean_template import mean_templates, said_by_templates
from .spectrogram import RATE, STEP
from .synthesis import Synthesizing, judged
from .synthesis_data import (
    BANDS,
    SILENCE,
    STATES,
    Recordings,
    Utterances,
    groups_of,
    recordings_of,
    run_together,
    symbol_count,
    symbols_of,
    word_starts,
)
from .words import read_spoken_digits

HELD_OUT, VALIDATING = 2, 0
"""Which digits of a speaker are held out, and which validate where training stops early."""
TOGETHER, ALL_TEN = (2, 3, 1), (3, 3, 4)
"""Words of an utterance, in turn: to train on, and where a speaker says all ten."""
TAKES, USUAL = 3, 0
MOST_WORDS = 10
"""Of an utterance."""
REACH = 10
"""Frames on each side that a frame of the decoder attends to."""
FRAME_MS = 1000 * STEP // RATE
COLUMN = 3
"""Frames of a column of the alignment."""
SHOWN, TALL = 6, 3
"""Utterances of the picture, and rows of it for each band."""


class SayingData(NamedTuple):
    """Utterances, and the recordings of which they are made."""

    train: Utterances
    validation: Utterances | None
    test: Utterances
    recordings: Recordings
    """Those to train on"""
    real: Utterances
    """Every digit by every speaker, in the usual take"""
    speakers: tuple[str, ...]
    cleaned: str


def words_apart(recordings: Recordings, first: int) -> Array:
    """True (N,) for two words of every speaker, five apart, from 0 to 4; three further for the next speaker.

    Examples
    --------
    >>> word, voice = np.arange(20) % 10, np.arange(20) // 10
    >>> np.flatnonzero(words_apart(Recordings((), word, voice, word), 2)) % 10
    array([2, 7, 0, 5])
    """
    return np.asarray((recordings.word - 3 * recordings.voice) % 5 == first)


def load_data(settings: Settings, facts: PlainFacts | None) -> SayingData:
    """The recordings of those who train the recogniser; with patience, one more word of each validates."""
    spoken, _ = read_spoken_digits().split()
    recordings = recordings_of(spoken)
    apart, judging = words_apart(recordings, HELD_OUT), words_apart(recordings, VALIDATING)
    validation = None
    if settings.patience is not None:
        part = recordings.some(judging)
        validation = run_together(part, groups_of(part, (2,)))
        apart = apart | judging
    own, test = recordings.some(~apart), recordings.some(words_apart(recordings, HELD_OUT))
    usual = recordings.some(recordings.take == USUAL)
    speakers = tuple(spoken.speakers[place] for place in np.unique(spoken.speaker))
    return SayingData(
        together(stream(settings.seed, EXAMPLES), own),
        validation,
        run_together(test, groups_of(test, (2,))),
        own,
        run_together(usual, groups_of(usual, ALL_TEN)),
        speakers,
        f"{len(own.word)} recordings to train on, {len(test.word)} held out: "
        f"2 digits of each of {len(speakers)} speakers",
    )


def together(rng: np.random.Generator, recordings: Recordings) -> Utterances:
    """All recordings in random order, as utterances of one to three words of a voice and a take."""
    return run_together(recordings, groups_of(recordings, TOGETHER, rng))


def facts_of(settings: Settings, data: SayingData) -> dict[str, Any]:
    """Who speaks, and the scale of the frames."""
    frames = np.concatenate(data.recordings.frames)
    mean = frames.mean(axis=0)
    words = len(data.recordings.word)
    return {
        "speakers": list(data.speakers),
        "mean": [float(x) for x in mean],
        "deviation": float((frames - mean).std()),
        "frames": len(frames) / words / STATES,
    }


def model(settings: Settings, facts: PlainFacts) -> Synthesizing:
    """The synthesizer of the digits, with a row of conditions for each speaker and each take."""
    layers, dropout = cast(tuple[int, float], (settings.layers, settings.dropout))
    width, known = settings.hidden_dim, facts.values
    network = nn.SpeechSynthesizer(
        symbol_count(10),
        len(known["speakers"]) + TAKES,
        width,
        settings.heads,
        layers,
        MOST_WORDS * (STATES + 1),
        BANDS,
        hidden=4 * width,
        reach=REACH,
        dropout=dropout,
    )
    return Synthesizing(network, tuple(known["mean"]), known["deviation"], known["frames"])


def baselines(settings: Settings, data: SayingData) -> dict[str, Figures]:
    """The figures of the mean template of each digit, the same for all speakers."""
    templates = mean_templates(data.recordings)
    return {
        "mean template": judged([said_by_templates(templates, one) for one in data.test.words], data.test)
    }


def speak(run: Run, text: str, speaker: str | None) -> tuple[Array, str]:
    """The waveform of digits such as "3 1 4", and who says it; the first speaker if None.

    Raises
    ------
    ValueError
        If the text is not one to ten digits, or no speaker has that name.
    """
    speakers = run.facts.values["speakers"]
    words = text.split()
    if not 0 < len(words) <= MOST_WORDS or not all(word in "0123456789" and len(word) == 1 for word in words):
        raise ValueError(
            f"text is {brief(text)}; one to {MOST_WORDS} digits, a space between two, are expected"
        )
    name = speakers[0] if speaker is None else speaker
    if name not in speakers:
        near = did_you_mean(name, speakers)
        raise ValueError(f"speaker is {brief(name)}{near}; one of {', '.join(speakers)} is expected")
    voice = np.array([speakers.index(name)])
    ((frames, _),) = said(run, [[int(word) for word in words]], voice)
    return waveform(frames), name


def said(run: Run, words: Any, voice: Array) -> list[tuple[Array, Array]]:
    """The frames and the attention of each utterance (N) in the usual take."""
    objective: Any = run.objectives()[LEARNED]
    return list(objective.said(run.params, words, voice, np.full(len(voice), USUAL)))


def report(run: Run, data: SayingData, rows: dict[str, Figures]) -> list[str]:
    """How many of all words are understood, how well durations fit, and the alignment of an utterance."""
    real, test = data.real, data.test
    own = judged([frames for frames, _ in said(run, real.words, real.voice)], real)
    recorded = judged(list(real.frames), real)
    objective: Any = run.objectives()[LEARNED]
    uniform = attending(objective.model, nn.Watch(run.params, {"": UNIFORM}))
    without = replace(objective, model=uniform).figures(run.params, test)
    sizes = [len(frames) for frames, _ in objective.said(run.params, test.words, test.voice, test.take)]
    off = np.mean([abs(size - len(frames)) for size, frames in zip(sizes, test.frames, strict=True)])
    return [
        "Loss: mel-cepstral distortion in dB, of digits that the speaker never says in training;",
        "Words read: the share of them that the recogniser understands.",
        f"All ten digits by all {len(data.speakers)} speakers: {own.accuracy:.3f} of them are read, "
        f"of the recordings {recorded.accuracy:.3f}",
        f"With uniform weights in the place of its attention: {without.loss:.4f} dB, "
        f"{without.accuracy:.3f} are read",
        f"An utterance lasts {FRAME_MS * off:.0f} ms more or less than its recording, on average",
        "",
        *alignment_lines(run, data),
    ]


def alignment_lines(run: Run, data: SayingData) -> list[str]:
    """The words of the first held-out utterance, and how much each frame attends to them."""
    one = data.test.some(slice(1))
    ((_, weights),) = said(run, one.words, one.voice)
    words, speaker = one.words[0], data.speakers[one.voice[0]]
    of_words = np.add.reduceat(weights, word_starts(words), axis=1)
    shares = of_words[: len(weights) // COLUMN * COLUMN].reshape(-1, COLUMN, len(words)).mean(axis=1)
    title = f"Attention to each digit as {speaker} says {' '.join(map(str, words))}, a column is "
    lines = [f"{title}{COLUMN * FRAME_MS} ms:"]
    return [*lines, *(f"  {word}  {shaded(row)}".rstrip() for word, row in zip(words, shares.T, strict=True))]


def show(run: Run, data: SayingData) -> AttentionMap:
    """What frames of the first held-out utterance attend to, one in four."""
    one = data.test.some(slice(1))
    ((_, weights),) = said(run, one.words, one.voice)
    symbols, _ = symbols_of(one.words[0])
    names = [str((symbol - 1) // STATES) if symbol else "pause" for symbol in symbols]
    rows = np.arange(0, len(weights), 4)
    return AttentionMap(
        weights[rows],
        tuple(f"{FRAME_MS * row / 1000:.2f} s" for row in rows),
        tuple(names),
        f"{data.speakers[one.voice[0]]} says {' '.join(map(str, one.words[0]))}",
        keys=f"symbol, {STATES} of each digit",
    )


def drawn(run: Run, data: SayingData) -> Sheet:
    """Spectrograms of held-out utterances, recorded and said, low frequencies below."""
    some = data.test.some(np.arange(0, data.test.size, max(data.test.size // SHOWN, 1))[:SHOWN])
    objective: Any = run.objectives()[LEARNED]
    made = [frames for frames, _ in objective.said(run.params, some.words, some.voice, some.take)]
    both = [frames for pair in zip(some.frames, made, strict=True) for frames in pair]
    images = np.zeros((len(both), TALL * BANDS, max(map(len, both))))
    for image, frames in zip(images, both, strict=True):
        image[:, : len(frames)] = np.repeat(frames.T[::-1], TALL, axis=0) - SILENCE
    titles = [
        title
        for words, voice in zip(some.words, some.voice, strict=True)
        for title in (f"{data.speakers[voice]}: {' '.join(map(str, words))}", "as the model says it")
    ]
    title = "Held-out digits, recorded and said; low frequencies below"
    return Sheet(images, tuple(titles), title, columns=4)


SAY_DIGITS = ModelTask(
    name="say-digits",
    question=lambda settings, data: "digits and a speaker; how does it sound?",
    load_data=load_data,
    facts_form=plain_form(facts_of, speakers=list, mean=list, deviation=float, frames=float),
    features=lambda data: f"{STATES} symbols a digit, with speaker and take",
    model=model,
    report=report,
    show=show,
    drawn=drawn,
    defaults={
        "epochs": 100,
        "hidden_dim": 64,
        "heads": 4,
        "layers": 2,
        "dropout": 0.0,
        "batch_size": 8,
        "optimizer": "adamw",
        "weight_decay": 0.01,
        "schedule": "cosine",
        "lr": 0.003,
        "clip": 1.0,
    },
    metric="dB of mel-cepstral distortion",
    measure="words read",
    loss="squared error of frames and of durations",
    scores="distance",
    own_settings=("layers", "dropout"),
    baselines=baselines,
    resampled=lambda rng, settings, data: together(rng, data.recordings),
    speak=speak,
)
