"""What the loop trains on words: a language model, an encoder-decoder; cross-entropy of the next symbol."""

import math
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...functional.losses.losses import cross_entropy_backward, cross_entropy_forward
from ...nn.parameters import Params, Shapes
from ...optim.trees import flatten
from ...optim.updates import with_leaves
from ...training.objective import Figures, Outcome
from .examples import Windows

BATCH = 32
"""Windows per forward where nothing is trained; it bounds the memory."""


def float32_init(layer: Any, rng: np.random.Generator) -> Params:
    """A layer's initial parameters in float32."""
    params = layer.init(rng)
    arrays = {tuple(name.split(".")): x.astype(np.float32) for name, x in flatten(params).items()}
    return with_leaves(params, arrays)


class NextToken(NamedTuple):
    """A language model, and the mean cross-entropy of every id of a window after its first."""

    model: nn.LanguageModel

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "language model"

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters."""
        return np.float32

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        return self.model.expected_shapes

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        return float32_init(self.model, rng)

    def loss_and_gradients(self, params: Params, batch: Windows, seed: int) -> Outcome:
        """The outcome of a batch, with dropout from the seed."""
        rows = batch.rows
        logits, saved = self.model.forward(params, rows[:, :-1], seed=seed if self.model.dropout else None)
        loss, saved_loss = cross_entropy_forward(logits, rows[:, 1:])
        d_logits = cross_entropy_backward(np.ones((), logits.dtype), saved_loss)
        _, d_params = self.model.backward(d_logits, saved)
        right = int((logits.argmax(axis=-1) == rows[:, 1:]).sum())
        return Outcome(float(loss), d_params, rows[:, 1:].size, right)

    def figures(self, params: Params, examples: Windows) -> Figures:
        """Mean loss, in nats an id, and the share of ids that had the highest probability."""
        losses, right, targets = [], 0, 0
        for first in range(0, examples.size, BATCH):
            rows = examples.some(slice(first, first + BATCH)).rows
            logits: Array = self.model.forward(params, rows[:, :-1])[0]
            losses.append(float(cross_entropy_forward(logits, rows[:, 1:])[0]) * rows[:, 1:].size)
            right += int((logits.argmax(axis=-1) == rows[:, 1:]).sum())
            targets += rows[:, 1:].size
        return Figures(math.fsum(losses) / targets, right / targets)
