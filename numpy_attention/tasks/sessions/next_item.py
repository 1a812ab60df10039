"""next-item: after the items of a session, which is next?

A causal language model of items (SASRec: Kang and McAuley 2018; here with T5's relative positions) is judged
by the rank of the next item among all of them. Sessions are drawn from a known process, see `process`: the
groups of the last two items decide on the group of the next one; a hidden season, which drifts, on the item
within it. So a model must read the last two items for the group, and all for the season. Beside it stand
the Bayes-optimal ranking, and the same model with uniform weights. With --csv, sessions are the ratings of
each user. Settings were chosen on sessions of another process.
"""

import csv
from dataclasses import replace
from typing import Any, cast

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.wording import brief, counted, cut, did_you_mean
from ...functional.layers.softmax import softmax
from ...training.objective import Figures, Objective
from ...training.run import LEARNED, Run
from ...training.settings import Settings
from ...training.streams import EXAMPLES, stream
from ...training.task import AttentionMap
from ..model_task import ModelTask
from ..words.objectives import BATCH
from ..words.vocabulary import Vocabulary
from ..words.word_task import FACTS_FORM, WordData, WordFacts
from .counts import BASELINES, counting_scores
from .process import GROUPS, IN_GROUP, Process, drawn_process, drawn_sessions, next_item_probabilities
from .ranking import FIRST, NextItem, Ranking, Scores, Sessions, ranking
from .ratings import LEAST, judged_last, read_ratings, training_windows

LENGTH = 20
"""Items of a drawn session; each from the third on is judged."""
TRAINING, JUDGED = 10_000, 1_000
"""Sessions drawn to train on; held out, half as many for validation."""
UNIFORM, OPTIMAL = "uniform weights", "Bayes-optimal"
NAMES = tuple(f"{chr(ord('a') + group)}{place + 1}" for group in range(GROUPS) for place in range(IN_GROUP))
DISTANCES = ("last", "2nd last", "3rd last", "4th last", "5th last")
"""Items whose mean weights the report names; all earlier ones are one column."""
HIT_RATE = "hit rate at 10"


def load_data(settings: Settings, facts: WordFacts | None) -> WordData:
    """Sessions that are drawn, or the user's own ratings.

    Raises
    ------
    ValueError
        If the context is shorter than drawn sessions, a delimiter is given without a file, or as
        `read_ratings`.
    OSError
        If the file cannot be read.
    """
    context = cast(int, settings.context)
    if settings.csv is not None:
        return rated(settings, context)
    if settings.delimiter is not None:
        raise ValueError("delimiter belongs to csv, a file of ratings; leave it out, or write --csv FILE")
    if context < LENGTH - 1:
        raise ValueError(f"context is {context}; at least {LENGTH - 1} is expected")
    rng = stream(settings.seed, EXAMPLES)
    process = drawn_process(rng)
    sizes = TRAINING, JUDGED // 2, JUDGED
    train, validation, test = (judged(drawn_sessions(rng, process, size, LENGTH)) for size in sizes)
    cleaned = f"{TRAINING:,} sessions of {LENGTH} items are drawn to train on, {JUDGED:,} others are held out"
    return WordData(train, validation, test, Vocabulary(NAMES), cleaned=cleaned, raw=process)


def judged(items: Array) -> Sessions:
    """Sessions in which every item from the third on is judged."""
    places = np.arange(items.shape[1] - 1)
    return Sessions(items, np.tile(places >= 1, (len(items), 1)))


def rated(settings: Settings, context: int) -> WordData:
    """The parts of a file of ratings: the last item of each user is held out, the one before it validates."""
    assert settings.csv is not None
    items, names, left_out = read_ratings(settings.csv, settings.delimiter)
    train = training_windows(items, context)
    validation, test = (judged_last(items, context, left_off) for left_off in (1, 0))
    seen = np.zeros(len(names), dtype=bool)
    seen[np.concatenate([one[:-2] for one in items])] = True
    fresh = int((~seen[test.targets]).sum())
    cleaned = [
        f"ratings of {counted(len(items), 'user')} for {counted(len(names), 'item')}, the last of each user "
        "held out, the one before for validation",
        f"{counted(left_out, 'user')} with fewer than {LEAST} left out" * (left_out > 0),
        f"{counted(fresh, 'held-out item')} in nobody's training part" * (fresh > 0),
        "items that a user had are not recommended again" * (test.known is not None),
    ]
    return WordData(train, validation, test, Vocabulary(names), cleaned="; ".join(filter(None, cleaned)))


def model(settings: Settings, facts: WordFacts) -> NextItem:
    """A language model of items; its table of embeddings is the output too."""
    layers, context, dropout = cast(
        tuple[int, int, float], (settings.layers, settings.context, settings.dropout)
    )
    width, heads = settings.hidden_dim, settings.heads
    return NextItem(
        nn.LanguageModel(
            facts.vocabulary.size,
            width,
            heads,
            layers,
            context,
            hidden=2 * width,
            positions=nn.T5Buckets(heads, bidirectional=False),
            dropout=dropout,
            attention="blockwise",  # shorter than fast, where sequences are short
        )
    )


def with_uniform_weights(settings: Settings, facts: WordFacts) -> dict[str, Objective]:
    """The same model, its weights uniform over the item and all before it."""
    learned = model(settings, facts)
    return {UNIFORM: replace(learned, model=replace(learned.model, scale=0.0, positions=None))}


def optimal_scores(process: Process) -> Scores:
    """The log-probabilities by the process itself, given the session so far."""

    def scores(some: Sessions) -> Array:
        probabilities = next_item_probabilities(process, some.rows)[some.judged[:, 1:]]
        return np.log(np.maximum(probabilities, np.finfo(float).tiny))

    return scores


def baseline_rankings(data: WordData) -> dict[str, Ranking]:
    """How each baseline ranks the held-out items; where the process is known, the best that is possible."""
    rankings = {
        name: ranking(counting_scores(data.train, data.vocabulary.size, order), data.test)
        for name, order in BASELINES.items()
    }
    if data.raw is not None:
        rankings[OPTIMAL] = ranking(optimal_scores(data.raw), data.test)
    return rankings


def baselines(settings: Settings, data: WordData) -> dict[str, Figures]:
    """The loss and hit rate of each of them."""
    return {name: Figures(one.loss, one.hit_rate) for name, one in baseline_rankings(data).items()}


def report(run: Run, data: WordData, rows: dict[str, Figures]) -> list[str]:
    """NDCG, the share of what is possible, and how far back each head reads."""
    objectives: dict[str, Any] = run.objectives()
    found = [one.ranking(run.params_of(name), data.test) for name, one in objectives.items()]
    rankings = dict(zip(rows, [*found, *baseline_rankings(data).values()], strict=True))
    width = max(map(len, rankings))
    lines = [
        f"{counted(len(data.test.targets), 'item')} to rank, each among all {data.vocabulary.size:,}",
        f"{'':<{width}}  NDCG at {FIRST}",
        *(f"{name:<{width}}  {one.ndcg:>10.4f}" for name, one in rankings.items()),
    ]
    if OPTIMAL in rankings:
        ours, best = found[0], rankings[OPTIMAL]
        shares = (
            f"{ours.hit_rate / best.hit_rate:.4f} of its hit rate, {ours.ndcg / best.ndcg:.4f} of its NDCG"
        )
        lines += ["", f"The Bayes-optimal ranking knows the process; the model reaches {shares}"]
    return [*lines, "", *distance_lines(run, data)]


def mean_weights(run: Run, sessions: Sessions) -> Array:
    """(layers, heads, T): mean weight, over the judged places, on the item so far back; 0 is the last."""
    objective: Any = run.objectives()[LEARNED]
    reference = replace(objective.model, attention="reference")
    sums, total = 0.0, 0
    for first in range(0, sessions.size, BATCH):
        some = sessions.some(slice(first, first + BATCH))
        _, saved = reference.forward(run.params, some.rows[:, :-1])
        weights = np.stack([layer.self_attn.attention.weights for layer in saved.stack.layers])
        row, place = np.nonzero(some.judged)
        back = place[:, None] - np.arange(weights.shape[-1])
        own = weights[:, row, :, place]  # (judged, layers, heads, T)
        read = np.take_along_axis(own, np.maximum(back, 0)[:, None, None], axis=-1)
        sums = sums + np.where(back[:, None, None] >= 0, read, 0).sum(axis=0)
        total += len(row)
    return np.asarray(sums / total)


def distance_lines(run: Run, data: WordData) -> list[str]:
    """A table of the mean weights, a line for each head."""
    weights = mean_weights(run, data.test)
    near = weights[..., : len(DISTANCES)]
    columns = [*DISTANCES[: near.shape[-1]], "earlier"]
    lines = [f"{'Mean weight on':<16}" + "".join(f"  {name:>8}" for name in columns)]
    for layer, heads in enumerate(weights, 1):
        for head, own in enumerate(heads, 1):
            cells = [*own[: len(DISTANCES)], own[len(DISTANCES) :].sum()]
            lines.append(f"layer {layer}, head {head:<3}" + "".join(f"  {cell:>8.3f}" for cell in cells))
    return lines


def show(run: Run, data: WordData) -> AttentionMap:
    """How far back each head reads, in the held-out sessions."""
    weights = mean_weights(run, data.test)
    layers, heads, T = weights.shape
    rows = tuple(
        f"layer {layer}, head {head}" for layer in range(1, layers + 1) for head in range(1, heads + 1)
    )
    columns = tuple(str(back) for back in range(T))
    return AttentionMap(
        weights.reshape(-1, T), rows, columns, "Mean weight by distance", keys="items back from the last"
    )


def recommended(run: Run, text: str) -> str:
    """The ten items that are likeliest after those named, with their probabilities.

    text: the names as a line of a csv file has them: commas between two, double quotes around a comma.

    Raises
    ------
    ValueError
        If an item is unknown.
    """
    vocabulary: Vocabulary = run.facts.vocabulary
    (cells,) = csv.reader([" ".join(text.split())], skipinitialspace=True)
    names = [name.strip() for name in cells or [""]]
    places = {name: place for place, name in enumerate(vocabulary.symbols)}
    for name in names:
        if name not in places:
            near = did_you_mean(name, vocabulary.symbols)
            raise ValueError(
                f"{brief(name)} is no item of the run{near}; its items, separated by commas, are expected"
            )
    ids = np.array([[places[name] for name in names][-cast(int, run.settings.context) :]])
    objective: Any = run.objectives()[LEARNED]
    logits, _ = objective.model.forward(run.params, ids)
    probabilities = softmax(logits[0, -1])
    best = np.argsort(-probabilities, kind="stable")[:FIRST]
    return "\n".join(f"{vocabulary.symbols[place]}  {probabilities[place]:.4f}" for place in best)


def question(settings: Settings, data: WordData | None) -> str:
    """What is predicted; of the user's own ratings, with the file."""
    if settings.csv is None:
        return "items that somebody had, in their order; which is next?"
    return f"{cut(settings.csv)}: what a user rated, in order of time; which item is next?"


NEXT_ITEM = ModelTask(
    name="next-item",
    question=question,
    load_data=load_data,
    facts_form=FACTS_FORM,
    features=lambda data: f"ids of {data.vocabulary.size:,} items",
    model=model,
    report=report,
    show=show,
    translate=recommended,
    defaults={
        "hidden_dim": 64,
        "heads": 4,
        "layers": 2,
        "context": LENGTH - 1,
        "dropout": 0.0,
        "epochs": 6,
        "optimizer": "adamw",
        "schedule": "cosine",
        "lr": 0.008,
        "clip": 1.0,
    },
    metric=HIT_RATE,
    measure=HIT_RATE,
    own_settings=("layers", "context", "dropout", "csv", "delimiter"),
    required=("layers", "context", "dropout"),
    beside=with_uniform_weights,
    baselines=baselines,
)
