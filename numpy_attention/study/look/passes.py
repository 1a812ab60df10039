"""One example through a model and back: the log-probability of an answer, by inputs that are numbers.

Embeddings are inputs too. Each one gets a row of its own at the end of the table, so that the gradient of the
table, which the model's backward gives, holds that of every symbol.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.base.arrays import Pair
from ...functional.layers.softmax import log_softmax
from ...nn.interventions import Seen, attending
from ...nn.parameters import Params

Changes = Mapping[str, Pair]


class Pass(NamedTuple):
    """A forward of n inputs side by side."""

    values: Array
    """(n,) what is explained"""
    seen: dict[str, Seen]
    """The weights at each place; their gradients after `back`"""
    back: Callable[[], list[Array]]
    """back(): the gradient of the sum of the values by each input"""


Forward = Callable[[Changes, Sequence[Array]], Pass]
"""forward(changes, inputs (n, T, F) each)"""


def log_probability(logits: Array, targets: Array) -> tuple[Array, Array]:
    """log p of the targets (…) by logits (…, K), and its derivative by the logits.

    Examples
    --------
    >>> value, d_logits = log_probability(np.log([[1.0, 3.0]]), np.array([1]))
    >>> np.exp(value).round(2), d_logits.round(2)
    (array([0.75]), array([[-0.25,  0.25]]))
    """
    logs: Array = log_softmax(logits)
    chosen = np.arange(logits.shape[-1]) == targets[..., None]
    values: Array = np.where(chosen, logs, 0).sum(axis=-1)
    return values, chosen - np.exp(logs)


def with_rows(table: Array, rows: Array) -> tuple[Array, Array]:
    """The table (V, width) with rows (n, T, width) after it, and the ids (n, T) of these."""
    ids = len(table) + np.arange(rows.shape[0] * rows.shape[1]).reshape(rows.shape[:2])
    return np.concatenate([table, rows.reshape(-1, table.shape[1])]), ids


def widened_head(params: Params, more: int) -> Params:
    """{"head": …} of a model whose output is not tied, with `more` rows of zeros; {} of others."""
    if "head" not in params:
        return {}
    weight = params["head"]["weight"]
    return {"head": {"weight": np.concatenate([weight, np.zeros((more, weight.shape[1]))])}}


def watched(model: Any, params: Params, changes: Changes) -> tuple[Any, dict[str, Seen]]:
    """The model with the changes, and where its weights are recorded."""
    watch = nn.Watch(params, changes)
    return attending(model, watch), watch.seen


def language_forward(model: nn.LanguageModel, params: Params, target: int) -> Forward:
    """Of a language model: the log-probability of the target after the last of the symbols."""

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        (rows,) = inputs
        V = model.vocabulary
        table, ids = with_rows(params["embedding"]["weight"], rows)
        own = params | {"embedding": {"weight": table}} | widened_head(params, ids.size)
        changed, seen = watched(replace(model, vocabulary=len(table)), own, changes)
        logits, saved = changed.forward(own, ids)
        values, d_last = log_probability(logits[:, -1, :V], np.full(len(ids), target))

        def back() -> list[Array]:
            d_logits = np.zeros_like(logits)
            d_logits[:, -1, :V] = d_last
            _, d_params = changed.backward(d_logits, saved)
            return [d_params["embedding"]["weight"][V:].reshape(rows.shape)]

        return Pass(values, seen, back)

    return forward


def translation_forward(model: nn.Seq2Seq, params: Params, targets: Array) -> Forward:
    """Of an encoder-decoder: the log-probability of all targets (T,), each after those before it.

    Its inputs: the source, as embeddings or numbers, and the embeddings of what the decoder reads.
    """

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        source, read = inputs
        V, name = model.target_ids, model.target_name
        table, ids = with_rows(params[name]["weight"], read)
        own = params | {name: {"weight": table}}
        sizes = {"target_vocabulary" if model.target_vocabulary else "vocabulary": len(table)}
        given, first = source, 0
        if model.source_width is None:
            first = len(own["embedding"]["weight"])
            own_table, given = with_rows(own["embedding"]["weight"], source)
            own |= {"embedding": {"weight": own_table}}
            sizes["vocabulary"] = len(own_table)
        own |= widened_head(params, len(own[name]["weight"]) - V)
        changed, seen = watched(replace(model, **sizes), own, changes)  # type: ignore[arg-type]
        logits, saved = changed.forward(own, given, ids)
        values, d_own = log_probability(logits[..., :V], np.broadcast_to(targets, ids.shape))

        def back() -> list[Array]:
            d_logits = np.zeros_like(logits)
            d_logits[..., :V] = d_own
            d_source, d_params = changed.backward(d_logits, saved)
            if d_source is None:
                d_source = d_params["embedding"]["weight"][first:].reshape(source.shape)
            return [d_source, d_params[name]["weight"][V : V + ids.size].reshape(read.shape)]

        return Pass(values.sum(axis=-1), seen, back)

    return forward


def pooled_words_forward(model: nn.PooledWords, params: Params, label: int) -> Forward:
    """Of embeddings that are pooled: the log-probability of the label."""

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        (rows,) = inputs
        table, ids = with_rows(params["embedding"]["weight"], rows)
        own = params | {"embedding": {"weight": table}}
        changed, seen = watched(replace(model, vocabulary=len(table)), own, changes)
        logits, saved = changed.forward(own, ids)
        values, d_logits = log_probability(logits, np.full(len(rows), label))

        def back() -> list[Array]:
            _, d_params = changed.backward(d_logits, saved)
            return [d_params["embedding"]["weight"][model.vocabulary :].reshape(rows.shape)]

        return Pass(values, seen, back)

    return forward


def classifier_forward(model: Any, params: Params, label: int) -> Forward:
    """Of a classifier of tokens that are numbers: the log-probability of the label."""

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        (x,) = inputs
        changed, seen = watched(model, params, changes)
        logits, saved = changed.forward(params, x)
        both = logits if logits.ndim == 2 else np.stack([np.zeros_like(logits), logits], axis=-1)
        values, d_both = log_probability(both, np.full(len(x), label))

        def back() -> list[Array]:
            d_x, _ = changed.backward(d_both if logits.ndim == 2 else d_both[:, 1], saved)
            return [d_x]

        return Pass(values, seen, back)

    return forward


def detector_forward(model: nn.Detector, params: Params, label: int) -> Forward:
    """Of a detector: the log-probability that the class is there."""

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        (x,) = inputs
        changed, seen = watched(model, params, changes)
        (logits, boxes, scores), saved = changed.forward(params, x)
        both = np.stack([np.zeros_like(logits[:, label]), logits[:, label]], axis=-1)
        values, d_both = log_probability(both, np.ones(len(x)))

        def back() -> list[Array]:
            d_logits = np.zeros_like(logits)
            d_logits[:, label] = d_both[:, 1]
            d_x, _ = changed.backward((d_logits, np.zeros_like(boxes), np.zeros_like(scores)), saved)
            return [d_x]

        return Pass(values, seen, back)

    return forward


def matcher_forward(model: Any, params: Params, pictures: Array, target: int) -> Forward:
    """Of a matcher of a sound and pictures (K, P, F): the log-probability of the target, a picture.

    Its inputs: the sound, and that picture; the others stay.
    """

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        sounds, own = inputs
        shown = np.repeat(pictures[None], len(own), axis=0).astype(np.result_type(pictures, own))
        shown[:, target] = own
        changed, seen = watched(model, params, changes)
        logits, saved = changed.forward(params, sounds, shown)
        values, d_logits = log_probability(logits, np.full(len(own), target))

        def back() -> list[Array]:
            (d_sounds, d_pictures), _ = changed.backward(d_logits, saved)
            return [d_sounds, d_pictures[:, target]]

        return Pass(values, seen, back)

    return forward


def answerer_forward(model: Any, params: Params, ids: Array, target: int) -> Forward:
    """Of a model that answers a question (T,) about an image, its input: log-probability of the target."""

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        (x,) = inputs
        changed, seen = watched(model, params, changes)
        (logits, readings), saved = changed.forward(params, x, np.repeat(ids[None], len(x), axis=0))
        values, d_logits = log_probability(logits, np.full(len(x), target))

        def back() -> list[Array]:
            (d_x, *_), _ = changed.backward((d_logits, np.zeros_like(readings)), saved)
            return [d_x]

        return Pass(values, seen, back)

    return forward


def loss_forward(objective: Any, params: Params, example: Any) -> Forward:
    """Of any other objective: minus the loss of an example; its inputs have no gradients."""

    def forward(changes: Changes, inputs: Sequence[Array]) -> Pass:
        changed, seen = watched(objective.model, params, changes)
        outcome = replace(objective, model=changed).loss_and_gradients(params, example, 0)
        for own in seen.values():
            own.d_weights = None if own.d_weights is None else -own.d_weights
        return Pass(np.array([-outcome.loss]), seen, list)

    return forward
