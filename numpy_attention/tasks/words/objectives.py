"""What the loop trains on words: a language model, an encoder-decoder; cross-entropy of the next symbol."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.losses.losses import cross_entropy_backward, cross_entropy_forward
from ...functional.masks.builders import padding
from ...nn.parameters import Params
from ...training.objective import Figures, Outcome
from ..layer_objective import LayerObjective, penalised
from .examples import JudgedRows, Pairs
from .vocabulary import END, PAD, START

BATCH = 32
"""Windows per forward where nothing is trained; it bounds the memory."""
NOT_JUDGED = -1
"""Stands for a target that does not count."""


@dataclass(frozen=True)
class NextToken(LayerObjective):
    """A language model, and the mean cross-entropy of the judged ids of a window; of all after its first.

    loss = sum of -log p(target) / sum of the lengths of the targets
    """

    model: nn.LanguageModel
    lengths: Array | None = None
    """(vocabulary,) characters of each symbol, for a loss in nats a character; None: nats an id"""
    spread: float = 1.0
    """Factor on the initial embeddings"""
    branches: float = 1.0
    """Factor on the initial weights of what a block adds; where it is small, a symbol's own embedding reaches
    the logits from the first step on"""

    span_penalty: float = 0.0
    """Added to the loss, times the mean share of the context that the spans of heads cover"""

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "language model"

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        params = super().init(rng)
        params["embedding"]["weight"] *= np.float32(self.spread)
        for block in params["layers"].values():
            for last in (block["self_attn"]["out_proj"], block["linear2"]):
                last["weight"] *= np.float32(self.branches)
        return params

    def sizes(self, targets: Array) -> Array:
        """The length of each target."""
        return np.ones_like(targets) if self.lengths is None else self.lengths[targets]

    def hits(self, logits: Array, targets: Array) -> Array:
        """(M,) True where a target has the highest of the logits (M, vocabulary)."""
        hits: Array = logits.argmax(axis=-1) == targets
        return hits

    def loss_and_gradients(self, params: Params, batch: JudgedRows, seed: int) -> Outcome:
        """The outcome of a batch, with dropout from the seed; the share right is that of the lengths too."""
        rows = batch.rows
        logits, saved = self.model.forward(params, rows[:, :-1], seed=seed if self.model.dropout else None)
        targets = np.where(batch.judged, rows[:, 1:], NOT_JUDGED)
        sizes = np.where(batch.judged, self.sizes(rows[:, 1:]), 0)
        loss, saved_loss = cross_entropy_forward(logits, targets, ignore_index=NOT_JUDGED)
        each = batch.judged.sum() / sizes.sum()
        d_logits = cross_entropy_backward(np.asarray(each, logits.dtype), saved_loss)
        _, d_params = self.model.backward(d_logits, saved)
        right = int(sizes[batch.judged][self.hits(logits[batch.judged], targets[batch.judged])].sum())
        outcome = Outcome(float(loss * each), d_params, int(sizes.sum()), right)
        return penalised(outcome, params, self.span_penalty)

    def figures(self, params: Params, examples: JudgedRows) -> Figures:
        """Mean loss of the judged targets and the share of them that had the highest probability."""
        losses, right, total = [], 0, 0
        for first in range(0, examples.size, BATCH):
            windows = examples.some(slice(first, first + BATCH))
            logits: Array = self.model.forward(params, windows.rows[:, :-1])[0][windows.judged]
            targets = windows.rows[:, 1:][windows.judged]
            sizes = self.sizes(targets)
            losses.append(float(cross_entropy_forward(logits, targets, reduction="sum")[0]))
            right += int(sizes[self.hits(logits, targets)].sum())
            total += int(sizes.sum())
        return Figures(math.fsum(losses) / total, right / total)


@dataclass(frozen=True)
class Translating(LayerObjective):
    """An encoder-decoder, and the mean cross-entropy of every real id of a target after `START`."""

    model: nn.Seq2Seq

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "encoder-decoder"

    def loss_and_gradients(self, params: Params, batch: Pairs, seed: int) -> Outcome:
        """The outcome of a batch, with dropout from the seed; right counts symbols."""
        logits, wanted, saved = self.forward(params, batch, seed if self.model.dropout else None)
        loss, saved_loss = cross_entropy_forward(logits, wanted, ignore_index=PAD)
        d_logits = cross_entropy_backward(np.ones((), logits.dtype), saved_loss)
        _, d_params = self.model.backward(d_logits, saved)
        real = wanted != PAD
        right = int((logits.argmax(axis=-1) == wanted)[real].sum())
        return Outcome(float(loss), d_params, int(real.sum()), right)

    def figures(self, params: Params, examples: Pairs) -> Figures:
        """Mean loss, in nats a symbol; and the share of targets that greedy decoding gives exactly.

        It gives the target exactly where each symbol, after those of the target before it, has the highest
        probability: one forward tells.
        """
        losses, exact, targets = [], 0, 0
        for first in range(0, examples.size, BATCH):
            logits, wanted, _ = self.forward(params, examples.some(slice(first, first + BATCH)))
            real = wanted != PAD
            losses.append(float(cross_entropy_forward(logits, wanted, ignore_index=PAD)[0]) * int(real.sum()))
            exact += int(((logits.argmax(axis=-1) == wanted) | ~real).all(axis=1).sum())
            targets += int(real.sum())
        return Figures(math.fsum(losses) / targets, exact / examples.size)

    def forward(self, params: Params, batch: Pairs, seed: int | None = None) -> tuple[Array, Array, Any]:
        """Logits of every symbol after `START`, those symbols, and what the model's backward needs."""
        source = batch.source[:, : batch.source_lengths.max()]
        target = batch.target[:, : batch.target_lengths.max()]
        real = padding(batch.source_lengths)
        logits, saved = self.model.forward(params, source, target[:, :-1], source_mask=real, seed=seed)
        return logits, target[:, 1:], saved


def translated(model: nn.Seq2Seq, params: Params, examples: Pairs) -> list[list[int]]:
    """The ids of each target by greedy decoding, on the cache, up to `END`; at most `context` of them."""
    results: list[list[int]] = []
    for first in range(0, examples.size, BATCH):
        some = examples.some(slice(first, first + BATCH))
        real = padding(some.source_lengths)
        memory, _ = model.encode(params, some.source[:, : some.source_lengths.max()], mask=real)
        ids, cache = np.full((some.size, 1), START), model.cache()
        written = np.zeros((some.size, 0), dtype=np.int64)
        while written.shape[1] < model.context and not (written == END).any(axis=1).all():
            logits, _ = model.decode(params, ids, memory, memory_mask=real, cache=cache)
            ids = logits[:, -1:].argmax(axis=-1)
            written = np.hstack([written, ids])
        results += [[int(place) for place in _until_end(row)] for row in written]
    return results


def _until_end(ids: Array) -> Array:
    """The ids before the first `END`."""
    ends = np.flatnonzero(ids == END)
    return ids[: ends[0]] if ends.size else ids
