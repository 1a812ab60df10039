"""text: what comes next in a text? A language model of Alice's Adventures in Wonderland, or of your own text.

The last tenth of the text is held out. With patience, the tenth before it is a validation part, by which the
defaults were chosen; without, it is trained on too. The symbols are characters or a byte-pair code; the loss
is in nats a character in either case, each target with at least 32 symbols before it. Every epoch cuts the
text into windows at another offset.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.wording import counted
from ...training.objective import Figures
from ...training.run import Run
from ...training.settings import Settings
from ...training.task import AttentionMap
from ..models import ADAPTIVE, adaptive_options
from .examples import Windows, judging_windows, shifted_windows, spread_windows
from .ngrams import ngram_figures
from .objectives import NextToken
from .vocabulary import Vocabulary
from .word_task import WordData, WordFacts, word_task

ALICE = Path(__file__).parents[1] / "data" / "alice.txt"
SYMBOLS = 320
"""Symbols of the byte-pair code."""
SPREAD, BRANCHES = 3.0, 0.1
"""Of the initial parameters: see `NextToken`."""
ORDERS = (3, 4, 5)
"""Of the n-grams beside the model."""
SHOWN = 24
"""Symbols of the attention map."""


def read_text(file: Path) -> str:
    """The text of a file in UTF-8.

    Raises
    ------
    ValueError
        If it is not in UTF-8, or empty.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not in UTF-8: byte {error.start} is {error.object[error.start]:#x}"
        ) from None
    if not text:
        raise ValueError(f"{file} is empty; a text is expected")
    return text


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """The parts of the text, in the code of an earlier run if there was one."""
    file = ALICE if settings.text_file is None else Path(settings.text_file)
    return text_data(read_text(file), file.name, settings, facts)


def text_data(text: str, name: str, settings: Settings, facts: WordFacts | None) -> WordData:
    """The parts of a text: nine tenths, of which the last is for validation if asked, and the last tenth.

    Raises
    ------
    ValueError
        If the text is too short for the context, holds characters that the earlier run did not know, or is
        to be read in characters where that run had byte pairs.
    """
    end = len(text) * 9 // 10
    start = len(text) * 8 // 10 if settings.patience is not None else end
    vocabulary = new_code(text, text[:start], settings) if facts is None else facts.vocabulary
    if settings.code == "characters" and vocabulary.lengths.max() > 1:
        raise ValueError("code is 'characters', but the earlier run had byte-pairs; the same is expected")
    T: Any = settings.context
    ids, middle, last = (
        vocabulary.encode(part, name) for part in (text[:start], text[start:end], text[end:])
    )
    if len(ids) <= T:
        other = ", or --code characters" * (settings.code == "byte-pairs")
        raise ValueError(
            f"{name} has {counted(len(ids), 'symbol')} to train on; more than {T}, the context, are "
            f"expected: give a longer text, a smaller --context{other}"
        )
    return WordData(
        spread_windows(ids, T),
        judging_windows(ids, middle, T) if len(middle) else None,
        judging_windows(np.concatenate([ids, middle]), last, T),
        vocabulary,
        cleaned=f"{len(text):,} characters of {name}; {settings.code}; the last tenth is held out",
        raw=(text[:end], text[end:]),
    )


def new_code(text: str, train: str, settings: Settings) -> Vocabulary:
    """The characters of the text; with byte pairs, those of its training part too."""
    if settings.code == "characters":
        return Vocabulary.of_characters(text)
    return Vocabulary.of_byte_pairs(train, SYMBOLS, others=text)


def model(settings: Settings, facts: WordFacts) -> NextToken:
    """A transformer in Llama's form: rotary positions, RMS norms, gated feed-forward layers, no biases."""
    width, required = settings.hidden_dim, (settings.layers, settings.context, settings.dropout)
    layers, context, dropout = cast(tuple[int, int, float], required)
    transformer = nn.LanguageModel(
        facts.vocabulary.size,
        width,
        settings.heads,
        layers,
        context,
        hidden=max(width * 8 // 3 // 16 * 16, 1),
        positions=nn.Rotary(layout="halves"),
        norm="rms",
        activation="swiglu",
        bias=False,
        dropout=dropout,
        **adaptive_options(settings, context),
    )
    return NextToken(transformer, facts.vocabulary.lengths, SPREAD, BRANCHES, settings.span_penalty or 0.0)


def resampled(rng: np.random.Generator, settings: Settings, data: WordData) -> Windows:
    """The windows of one epoch."""
    return shifted_windows(rng, data.train)


def baselines(settings: Settings, data: WordData) -> dict[str, Figures]:
    """Interpolated n-grams of characters, which know the validation part too."""
    characters = Vocabulary.of_characters("".join(data.raw))
    train, test = map(characters.encode, data.raw)
    return ngram_figures(train, test, characters.size, ORDERS)


def report(run: Run, data: WordData, rows: dict[str, Figures]) -> list[str]:
    """The number of held-out symbols, and the context that each has."""
    symbols, characters = len(data.test.ids) - data.test.length, len(data.raw[1])
    before = data.test.length + 1 - int(data.test.counted.max())
    return [
        f"Nats a character, of {characters:,} characters in {symbols:,} symbols, each with at least "
        f"{counted(before, 'symbol')} before it"
    ]


def show(run: Run, data: WordData) -> AttentionMap:
    """The weights of the last layer, mean of all heads, over the beginning of the held-out part."""
    objective: Any = run.objectives()["learned"]
    ids = data.test.ids[data.test.length :][: min(SHOWN, data.test.length)]
    weights = last_weights(objective.model, run.params, ids).mean(axis=0)
    names = tuple(repr(symbol)[1:-1] for symbol in (data.vocabulary.symbols[place] for place in ids))
    return AttentionMap(
        weights, names, names, "Attention of the last layer, mean of all heads", keys="symbol"
    )


def last_weights(model: nn.LanguageModel, params: Any, ids: Array) -> Array:
    """The attention weights (heads, T, T) of the last layer for the ids (T,)."""
    saved = replace(model, attention="reference").forward(params, ids[None])[1]
    weights: Array = saved.stack.layers[-1].self_attn.attention.weights[0]
    return weights


TEXT = word_task(
    name="text",
    question=lambda settings, data: "what comes next in a text?",
    load_data=load_data,
    model=model,
    report=report,
    show=show,
    defaults={
        "epochs": 20,
        "hidden_dim": 112,
        "heads": 4,
        "layers": 3,
        "context": 64,
        "dropout": 0.1,
        "code": "byte-pairs",
        "batch_size": 8,
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "schedule": "cosine",
        "lr": 0.004,
        "clip": 1.0,
    },
    metric="nats a character",
    own_settings=("layers", "context", "dropout", "code", "text_file", *ADAPTIVE),
    baselines=baselines,
    resampled=resampled,
)
