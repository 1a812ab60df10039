"""The example that is looked at, as a `Subject`: its tokens and the model's answer; a reader for each model.

Explained is the log-probability of the model's own answer, right or wrong; of a model without a reader here,
minus the loss of the example.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.wording import brief, cut
from ...nn.parameters import Params
from ...optim.trees import mapped
from ...tasks.classification.evaluation import predicted_classes
from ...tasks.classification.objective import Classifying
from ...tasks.images import windows
from ...tasks.modalities.answering import Answering
from ...tasks.modalities.matching import Matching
from ...tasks.modalities.questions import answer_ids, vocabulary
from ...tasks.pictures.detection import STEP, WINDOW, Detecting
from ...tasks.words.labelling import Labelling
from ...tasks.words.objectives import NextToken, Translating, translated
from ...tasks.words.vocabulary import END, SPECIAL, START
from ...training.run import LEARNED, Run
from . import passes

SPACE = "·"
"""Stands for a space in a symbol."""


class Subject(NamedTuple):
    """One held-out example."""

    answer: str
    """What the model says of it"""
    explained: str
    """What the values of `forward` are"""
    forward: passes.Forward
    inputs: tuple[Array, ...]
    """(T, F) each; () where they have no gradients"""
    names: tuple[tuple[str, ...], ...]
    """Of the tokens of each input"""
    baseline: tuple[Array, ...] = ()
    """What the integrated gradients start from"""
    start: str = ""
    """The same in words"""
    read: Callable[[str, int], Array] = lambda place, rows: np.arange(rows)
    """read(place, its number of queries): the queries whose outputs the answer is made of"""
    source: Callable[[str], int] = lambda place: 0
    """source(place): which input its keys stand for"""
    whole: str = "pooling"
    """What the place "" is called, the model itself"""
    sequence: Callable[[str], int] = lambda place: 0
    """sequence(place): which one is shown, where an example is several sequences"""
    queries: Callable[[str], int] = lambda place: 0
    """queries(place): which input its queries stand for"""


def reading(run: Run, data: Any, place: int, position: int | None = None) -> Subject:
    """Example `place` of the held-out part, counted from 0; position: of the symbol that is predicted.

    Raises
    ------
    ValueError
        If there is no such example or position, or the model cannot be looked into.
    """
    size, objective = data.test.size, run.objectives()[LEARNED]
    if not 0 <= place < size:
        raise ValueError(
            f"example is {place + 1}; 1 to {size} are expected: there are {size} held-out examples"
        )
    model = getattr(objective, "model", None)
    if not hasattr(model, "attention"):
        raise ValueError(
            f"the model of the task {run.task.name}, {objective.name}, has no weights that can be changed; a "
            "model with an option attention is expected"
        )
    params = mapped(lambda x: x.astype(np.float64), run.params)
    own = (run, data, params, place)
    if isinstance(objective, NextToken) and type(model) is nn.LanguageModel:
        return next_token(*own, position)
    if position is not None:
        raise ValueError(
            f"position is {position}; none is expected: the task {run.task.name} does not predict each symbol"
        )
    readers = {
        Classifying: classification,
        Labelling: label,
        Translating: translation,
        Detecting: detection,
        Matching: matching,
        Answering: answering,
    }
    reader = next((reader for kind, reader in readers.items() if isinstance(objective, kind)), other)
    return reader(*own)


def next_token(run: Run, data: Any, params: Params, place: int, position: int | None) -> Subject:
    """The likeliest symbol at a judged place of a row, the middle one if no position is given."""
    objective: Any = run.objectives()[LEARNED]
    one = data.test.some(np.array([place]))
    judged = np.flatnonzero(one.judged[0]) + 1
    if position is None:
        position = int(judged[len(judged) // 2]) + 1
    if position - 1 not in judged:
        raise ValueError(
            f"position is {position}; of this example one of {judged[0] + 1} to {judged[-1] + 1} is expected"
        )
    ids, true = one.rows[0, : position - 1], int(one.rows[0, position - 1])
    table, model = params["embedding"]["weight"], objective.model
    target = int(model.forward(params, ids[None])[0][0, -1].argmax())
    names = symbols_of(data, model.vocabulary)
    said = f"after {position - 1} symbols {names[target]}, " + truth(names[true], target == true)
    return Subject(
        said,
        f"the log-probability of {names[target]}",
        passes.language_forward(model, params, target),
        (table[ids],),
        (tuple(names[place] for place in ids),),
        (np.broadcast_to(table.mean(axis=0), (len(ids), table.shape[1])),),
        "the mean embedding",
        read=lambda place, rows: np.arange(rows)[-1:],
    )


def truth(true: str, right: bool) -> str:
    """ "which is right", or what would be."""
    return "which is right" if right else f"where {true} is right"


def symbols_of(data: Any, size: int, name: str = "vocabulary", special: bool = False) -> list[str]:
    """The symbols of a vocabulary as they are shown; without one, numbers, after `SPECIAL` if wanted."""
    vocabulary = getattr(data, name, None)
    if vocabulary is None:
        own = SPECIAL if special else ()
        return [*own, *(str(place) for place in range(size - len(own)))]
    return [repr(symbol)[1:-1].replace(" ", SPACE) for symbol in vocabulary.symbols]


def classification(run: Run, data: Any, params: Params, place: int) -> Subject:
    """The likeliest class of tokens that are numbers; the baseline is their mean in training, 0."""
    model: Any = run.objectives()[LEARNED].model  # type: ignore[attr-defined]
    examples, classes = data.test, [cut(name, 24) for name in data.raw.classes]
    length = None if examples.lengths is None else int(examples.lengths[place])
    x = examples.x[place, :length]
    target, true = int(predicted_classes(model.forward(params, x[None])[0])[0]), int(examples.y[place])
    return Subject(
        f"class {classes[target]}, {truth(classes[true], target == true)}",
        f"the log-probability of class {classes[target]}",
        passes.classifier_forward(model, params, target),
        (x,),
        (token_names(len(x), hasattr(model, "transformer")),),
        (np.zeros_like(x),),
        "the mean of the training part",
    )


def token_names(tokens: int, grid: bool) -> tuple[str, ...]:
    """Numbers from 1; or, of a grid, row and column.

    Examples
    --------
    >>> token_names(3, grid=False), token_names(4, grid=True)
    (('1', '2', '3'), ('1,1', '1,2', '2,1', '2,2'))
    """
    side = round(tokens**0.5)
    if not grid or side * side != tokens:
        return tuple(str(token) for token in range(1, tokens + 1))
    return tuple(f"{token // side + 1},{token % side + 1}" for token in range(tokens))


def label(run: Run, data: Any, params: Params, place: int) -> Subject:
    """The likeliest label of a text by the model alone, without what is joined with it."""
    model: Any = run.objectives()[LEARNED].model  # type: ignore[attr-defined]
    examples = data.test
    ids, table = examples.ids[place, : examples.lengths[place]], params["embedding"]["weight"]
    classes = symbols_of(data, model.classes, "target_vocabulary")
    target, true = int(model.forward(params, ids[None])[0][0].argmax()), int(examples.labels[place])
    names = symbols_of(data, model.vocabulary)
    return Subject(
        f"by the model alone {classes[target]}, {truth(classes[true], target == true)}",
        f"the log-probability of {classes[target]}",
        passes.pooled_words_forward(model, params, target),
        (table[ids],),
        (tuple(names[id] for id in ids),),
        (np.broadcast_to(table.mean(axis=0), (len(ids), table.shape[1])),),
        "the mean embedding",
    )


def translation(run: Run, data: Any, params: Params, place: int) -> Subject:
    """The model's own translation, by greedy decoding."""
    objective: Any = run.objectives()[LEARNED]
    model, one = objective.model, data.test.some(np.array([place]))
    source = one.source[0, : one.source_lengths[0]]
    (ids,) = translated(model, run.params, one)
    targets = np.array([*ids, END][: model.context])
    read = np.array([START, *targets[:-1]])
    true = one.target[0, 1 : one.target_lengths[0]]
    name = "target_vocabulary" if model.target_vocabulary else "vocabulary"
    written = symbols_of(data, model.target_ids, name, special=True)
    table = params[model.target_name]["weight"]
    tables = [(table[read], np.broadcast_to(table.mean(axis=0), (len(read), table.shape[1])))]
    if model.source_width is None:
        own = params["embedding"]["weight"]
        names = tuple(symbols_of(data, len(own))[id] for id in source)
        tables.insert(0, (own[source], np.broadcast_to(own.mean(axis=0), (len(source), own.shape[1]))))
    else:
        names = token_names(len(source), grid=False)
        tables.insert(0, (source.astype(np.float64), np.zeros(source.shape)))
    text, wanted = ("".join(written[id] for id in row).replace(SPACE, " ") for row in (ids, true[:-1]))
    return Subject(
        f"{brief(text)}, {truth(brief(wanted), np.array_equal(targets, true))}",
        f"the log-probability of all {len(targets)} symbols of the model's answer",
        passes.translation_forward(model, params, targets),
        tuple(own for own, _ in tables),
        (names, tuple(written[id] for id in read)),
        tuple(mean for _, mean in tables),
        "the mean embedding" if model.source_width is None else "zeros and the mean embedding",
        source=lambda place: int(place.startswith("decoder") and place.endswith("self_attn")),
        queries=lambda place: int(place.startswith("decoder")),
    )


def detection(run: Run, data: Any, params: Params, place: int) -> Subject:
    """The class of which the detector is surest that it is there; the baseline is an empty canvas."""
    model: Any = run.objectives()[LEARNED].model  # type: ignore[attr-defined]
    x = windows(data.test.images[place : place + 1], WINDOW, STEP).astype(np.float64)
    target = int(model.forward(params, x)[0].logits[0].argmax())
    there = [name for name, own in zip(data.classes, data.test.present[place], strict=True) if own]
    return Subject(
        f"surest that {cut(data.classes[target])} is there; {', '.join(map(cut, there))} are",
        f"the log-probability that {cut(data.classes[target])} is there",
        passes.detector_forward(model, params, target),
        (x[0],),
        (token_names(x.shape[1], grid=True),),
        (np.zeros_like(x[0]),),
        "an empty canvas",
        read=lambda place, rows: np.arange(rows) if place else np.array([target]),
        whole="the queries",
    )


def matching(run: Run, data: Any, params: Params, place: int) -> Subject:
    """The picture that a sound is matched with; the baselines are silence and an empty picture."""
    objective: Any = run.objectives()[LEARNED]
    one = data.test.some(np.array([place]))
    sound, pictures = one.sounds[0, : one.lengths[0]].astype(np.float64), objective.patches_of(one.images)[0]
    pictures, empty = pictures.astype(np.float64), objective.patches_of(0 * one.images)[0, 0]
    target = int(objective.model.forward(params, sound[None], pictures[None])[0][0].argmax())
    true = int(one.answers[0])
    return Subject(
        f"picture {target + 1} of {len(pictures)}, {truth(f'picture {true + 1}', target == true)}",
        f"the log-probability of picture {target + 1}",
        passes.matcher_forward(objective.model, params, pictures, target),
        (sound, pictures[target]),
        (token_names(len(sound), grid=False), token_names(len(empty), grid=True)),
        (np.zeros_like(sound), empty.astype(np.float64)),
        "zeros and an empty picture",
        source=lambda place: int(place.startswith("picture")),
        queries=lambda place: int(place.startswith("picture")),
        sequence=lambda place: target if place.startswith("picture") else 0,
    )


def answering(run: Run, data: Any, params: Params, place: int) -> Subject:
    """The answer to a question about an image, whose words stay; the baseline is an empty image."""
    objective: Any = run.objectives()[LEARNED]
    one = data.test.some(np.array([place]))
    ids, x = one.ids[0, : one.lengths[0]], objective.patches_of(one.images)[0].astype(np.float64)
    symbols = {place: word for word, place in vocabulary().items()}
    target = int(objective.model.forward(params, x[None], ids[None])[0].logits[0].argmax())
    true, found = int(answer_ids()[one.labels[0]]), symbols.get(target, str(target))
    return Subject(
        f"{brief(str(one.texts[0]))}: {found}, {truth(symbols[true], target == true)}",
        f"the log-probability of {found}",
        passes.answerer_forward(objective.model, params, ids, target),
        (x,),
        (token_names(len(x), grid=True),),
        (objective.patches_of(0 * one.images)[0].astype(np.float64),),
        "an empty image",
    )


def other(run: Run, data: Any, params: Params, place: int) -> Subject:
    """An example of a task whose answers have no reader here."""
    objective: Any = run.objectives()[LEARNED]
    still = (
        replace(objective, model=replace(objective.model, dropout=0.0))
        if hasattr(objective.model, "dropout")
        else objective
    )
    example = data.test.some(np.array([place]))
    return Subject(
        "its answer is not one that look reads",
        "minus the loss of the example",
        passes.loss_forward(still, params, example),
        (),
        (),
        whole="the model itself",
    )
