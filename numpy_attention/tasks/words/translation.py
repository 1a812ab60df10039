"""What tasks of translation share: the model, the report with the alignment, baselines, one's own text."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.wording import brief
from ...nn.parameters import Params
from ...training.objective import Figures
from ...training.run import Run
from ...training.settings import Settings
from ...training.task import AttentionMap
from ..drawing import shaded
from ..model_task import ModelTask
from .examples import Pairs
from .objectives import BATCH, Translating, translated
from .translation_baselines import baselines
from .vocabulary import SPECIAL, Vocabulary
from .word_task import WordData, WordFacts, word_task
from .written import Written, padded, written_pairs

EPOCH = 6400
"""Examples in an epoch, each drawn anew."""
DEFAULTS = {"heads": 4, "layers": 1, "optimizer": "adamw", "schedule": "cosine", "clip": 1.0}
MISTAKES = 3
"""Mistakes that a report shows."""


class Drawn(NamedTuple):
    """What a task draws its examples from."""

    draw: Callable[[np.random.Generator, int], Array]
    """draw(rng, count): days or numbers that may be trained on"""
    write: Callable[[np.random.Generator, int], Written]
    """write(rng, day or number): one example of it"""
    test: Sequence[Written]
    """The held-out examples"""


def translation_data(
    drawn: Drawn,
    validation: Sequence[Written],
    vocabularies: tuple[Vocabulary, Vocabulary],
    rng: np.random.Generator,
    cleaned: str,
) -> WordData:
    """Data of a task that draws another training part for each epoch; the first one stands for all."""
    validating, testing = (written_pairs(part, *vocabularies) for part in (validation, drawn.test))
    data = WordData(None, validating, testing, *vocabularies, cleaned=cleaned, raw=drawn)
    return data._replace(train=drawn_anew(rng, Settings(), data))


def source_vocabulary(own: Vocabulary, facts: WordFacts | None) -> Vocabulary:
    """That of the earlier run, if there is one.

    Raises
    ------
    ValueError
        If it lacks a character of the task's own.
    """
    if facts is None:
        return own
    facts.vocabulary.encode("".join(own.symbols[len(SPECIAL) :]), "the task")
    return facts.vocabulary


def drawn_anew(rng: np.random.Generator, settings: Settings, data: WordData) -> Pairs:
    """The training part of one epoch."""
    drawn: Drawn = data.raw
    assert data.target_vocabulary is not None
    size = EPOCH if data.train is None else data.train.size
    examples = [drawn.write(rng, int(each)) for each in drawn.draw(rng, size)]
    return written_pairs(examples, data.vocabulary, data.target_vocabulary)


def encoder_decoder(settings: Settings, facts: WordFacts, positions: str | None = "learned") -> Translating:
    """The model of a task of translation."""
    target = facts.target_vocabulary
    assert settings.layers is not None
    assert settings.context is not None
    assert target is not None
    model = nn.Seq2Seq(
        facts.vocabulary.size,
        settings.hidden_dim,
        settings.heads,
        settings.layers,
        settings.context,
        target_vocabulary=target.size,
        positions=positions,
        hidden=2 * settings.hidden_dim,
        norm_first=True,
        dropout=settings.dropout or 0.0,
        attention="blockwise",  # all of a batch at once: shorter than fast, where sequences are short
    )
    return Translating(model)


def translate_text(run: Run, text: str) -> str:
    """The translation of a text by the model of a run.

    Raises
    ------
    ValueError
        If the text is empty or too long, or has a character that the model has not seen.
    """
    model = _model(run)
    if not 0 < len(text) <= model.context:
        came = f"is {brief(text)}, {len(text)} characters" if text else "is empty"
        raise ValueError(f"text {came}; 1 to {model.context} characters are expected")
    source = padded([run.facts.vocabulary.encode(text)])
    (ids,) = translated(model, run.params, Pairs(*source, *source))
    return str(run.facts.target_vocabulary.decode(ids))


def translation_task(
    name: str,
    question: str,
    load_data: Callable[[Settings, WordFacts | None], WordData],
    defaults: dict[str, Any],
    **others: Any,
) -> ModelTask:
    """A task of translation; `others` are fields of `ModelTask`."""
    return word_task(
        name=name,
        question=lambda settings, data: question,
        load_data=load_data,
        model=encoder_decoder,
        show=show,
        defaults=defaults | DEFAULTS,
        metric="accuracy",
        required=("layers", "context"),
        baselines=baselines,
        resampled=drawn_anew,
        translate=translate_text,
        **{"report": report, **others},
    )


def report(run: Run, data: WordData, rows: dict[str, Figures]) -> list[str]:
    """Exact translations, a few mistakes, and the alignment."""
    assert data.target_vocabulary is not None
    model, examples = _model(run), data.raw.test
    written = [data.target_vocabulary.decode(ids) for ids in translated(model, run.params, data.test)]
    wrong = [place for place, one in enumerate(examples) if written[place] != one.translation]
    lines = [
        f"Accuracy is the share of exact translations: {len(examples) - len(wrong):,} of {len(examples):,} "
        "by greedy decoding",
        "(in the history of training, the share of symbols)",
    ]
    for place in wrong[:MISTAKES]:
        one = examples[place]
        lines += [f"  {one.text}  ->  {written[place]}  instead of  {one.translation}"]
    return [*lines, "", *alignment_lines(model, run.params, data)]


def show(run: Run, data: WordData) -> AttentionMap:
    """The cross-attention of the first held-out example, the last layer, the mean of its heads."""
    one, weights = shown_example(_model(run), run.params, data)
    rows, columns = tuple(piece.text for piece in one.target), tuple(one.text)
    return AttentionMap(weights, rows, columns, f"{one.text} to {one.translation}", "character of the source")


def _model(run: Run) -> nn.Seq2Seq:
    objective: Any = run.objectives()["learned"]
    model: nn.Seq2Seq = objective.model
    return model


def shown_example(model: nn.Seq2Seq, params: Params, data: WordData) -> tuple[Written, Array]:
    """The first held-out example, and its weights (T, S)."""
    one: Written = data.raw.test[0]
    weights = cross_attention(model, params, data.test.some(slice(1)))[-1, 0]
    return one, weights[: len(one.target), : len(one.text)]


def cross_attention(model: nn.Seq2Seq, params: Params, examples: Pairs) -> Array:
    """Weights (layers, N, T, S), the mean of the heads: row t where the target's symbol t is predicted."""
    looking = Translating(replace(model, attention="reference"))
    _, _, saved = looking.forward(params, examples)
    layers = [layer.multihead_attn.weights.mean(axis=1) for layer in saved.decode.decoder.layers]
    return np.stack(layers)


def alignment_lines(model: nn.Seq2Seq, params: Params, data: WordData) -> list[str]:
    """The weights of an example as shades, and how much of them is on the right part, layer by layer."""
    one, weights = shown_example(model, params, data)
    lines = ["Alignment of a held-out example, the last layer (mean of all heads):"]
    width = max(len(piece.text) for piece in one.target)
    lines += [f"{'':{width}}  {one.text}"]
    lines += [
        f"{piece.text:>{width}}  {shaded(row)}".rstrip()
        for piece, row in zip(one.target, weights, strict=True)
    ]
    shares, largest, chance = alignment(model, params, data)
    title = "On the right part of the source"
    lines += ["", f"{title:<{len(title)}}  Weight  Largest weight"]
    for layer, (share, hits) in enumerate(zip(shares, largest, strict=True), 1):
        lines.append(f"{f'layer {layer}':<{len(title)}}  {share:>6.3f}  {hits:>14.3f}")
    return [*lines, f"{'uniform weights':<{len(title)}}  {chance:>6.3f}  {chance:>14.3f}"]


def alignment(model: nn.Seq2Seq, params: Params, data: WordData) -> tuple[Array, Array, float]:
    """How the cross-attention of held-out examples agrees with what the symbols stand for.

    Returns
    -------
    shares, largest, chance
        (layers,) the mean weight on the right part of the source; (layers,) how often the largest weight is
        there; and the mean weight there if all are equal.
    """
    shares, largest, chance = [], [], []
    for first in range(0, data.test.size, BATCH):
        weights = cross_attention(model, params, data.test.some(slice(first, first + BATCH)))
        for place, one in enumerate(data.raw.test[first : first + BATCH]):
            rows, columns = one.aligned.shape
            right = one.aligned[one.aligned.any(axis=1)]
            own = weights[:, place, :rows, :columns][:, one.aligned.any(axis=1)]  # (layers, rows, S)
            shares.append((own * right).sum(axis=-1))
            largest.append(right[np.arange(len(right)), own.argmax(axis=-1)])
            chance.append(right.mean(axis=1))
    both = (np.concatenate(each, axis=1).mean(axis=1) for each in (shares, largest))
    return (*both, float(np.concatenate(chance).mean()))
