"""Texts and their classes as an objective: cross-entropy of a model's logits.

Where texts come with log-probabilities by naive Bayes, those of the model are joined with them:
P ∝ P_model · P_bayes^c. It is trained without them, for naive Bayes knows the texts it has counted by heart.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.layers.softmax import log_softmax
from ...functional.losses.losses import cross_entropy_backward, cross_entropy_forward
from ...functional.masks.builders import padding
from ...nn import PooledWords
from ...nn.parameters import Params
from ...training.objective import Figures, Outcome
from ..layer_objective import LayerObjective
from .examples import Labelled
from .objectives import BATCH

SPREAD = 10.0
"""Factor on the initial embeddings"""
COUNTED = 0.07
"""Factor on the log-probabilities of naive Bayes: it takes a word and its pieces for independent, and so is
much too sure; chosen on the validation part of docstrings."""


@dataclass(frozen=True)
class Labelling(LayerObjective):
    """A model of texts, and the mean cross-entropy of their labels; all weights are equal at first."""

    model: PooledWords

    @property
    def name(self) -> str:
        """Label of the model in tables."""
        return "attention and naive Bayes"

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        params = super().init(rng)
        params["embedding"]["weight"] *= np.float32(SPREAD)
        params["score"]["weight"] *= np.float32(0)
        return params

    def loss_and_gradients(self, params: Params, batch: Labelled, seed: int) -> Outcome:
        """The outcome of a batch, with dropout from the seed."""
        logits, saved = self.forward(params, batch, seed)
        loss, saved_loss = cross_entropy_forward(logits, batch.labels)
        _, d_params = self.model.backward(
            cross_entropy_backward(np.ones((), logits.dtype), saved_loss), saved
        )
        right = int((logits.argmax(axis=-1) == batch.labels).sum())
        return Outcome(float(loss), d_params, batch.size, right)

    def figures(self, params: Params, examples: Labelled) -> Figures:
        """Mean loss and accuracy."""
        return label_figures(self.log_probabilities(params, examples), examples.labels)

    def forward(self, params: Params, batch: Labelled, seed: int | None = None) -> tuple[Array, Any]:
        """Logits (N, classes), and what the model's backward needs."""
        ids = batch.ids[:, : batch.lengths.max()]
        return self.model.forward(params, ids, mask=padding(batch.lengths), seed=seed)

    def log_probabilities(self, params: Params, examples: Labelled) -> Array:
        """(N, classes) log-probability of each class."""
        parts = range(0, examples.size, BATCH)
        logits = [self.forward(params, examples.some(slice(at, at + BATCH)))[0] for at in parts]
        joined = np.concatenate(logits)
        if examples.counted is not None:
            joined = joined + COUNTED * examples.counted
        found: Array = log_softmax(joined)
        return found


def label_figures(log_probabilities: Array, labels: Array) -> Figures:
    """Mean loss and accuracy of log-probabilities (N, classes)."""
    losses = -log_probabilities[np.arange(len(labels)), labels]
    right = log_probabilities.argmax(axis=1) == labels
    return Figures(math.fsum(losses) / len(labels), float(right.mean()))
