"""Classification as an objective: logits of a model, and cross-entropy."""

from typing import Any, NamedTuple

import numpy as np

from ...nn.head_entries import Entries
from ...nn.parameters import Params, Shapes
from ...optim.trees import mapped
from ...training.objective import Figures, Outcome
from ..layer_objective import penalised
from .data import Examples
from .evaluation import figures, logits_of, loss_backward, loss_forward, predicted_classes
from .mixing import mixed_loss_backward, mixed_loss_forward
from .models import Model


class Classifying(NamedTuple):
    """The mean cross-entropy of a model's logits; of mixed examples, shared between their labels."""

    model: Model
    span_penalty: float = 0.0
    """Added to the loss, times the mean share of the context that the spans of heads cover"""

    @property
    def name(self) -> str:
        """That of the model."""
        return self.model.name

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters."""
        return self.model.dtype

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        return self.model.shapes()

    def heads_by_place(self) -> dict[str, list[Entries]]:
        """The entries of each head of every attention."""
        return self.model.heads_by_place()

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        return mapped(lambda x: x.astype(self.dtype), self.model.init(rng))

    def loss_and_gradients(self, params: Params, batch: Examples, seed: int = 0) -> Outcome:
        """The outcome of a batch; nothing in these models is random."""
        logits, saved = self.model.forward(params, batch.x, batch.lengths)
        if batch.share is not None:
            loss, loss_saved = mixed_loss_forward(logits, batch)
            d_logits = mixed_loss_backward(loss_saved)
        else:
            loss, loss_saved = loss_forward(logits, batch.y)
            d_logits = loss_backward(logits, loss_saved)
        _, d_params = self.model.backward(d_logits, saved, needs_d_x=False)
        right = int((predicted_classes(logits) == batch.y).sum())
        return penalised(Outcome(loss, d_params, batch.size, right), params, self.span_penalty)

    def figures(self, params: Params, examples: Examples) -> Figures:
        """Mean loss and accuracy."""
        return figures(logits_of(self.model, params, examples), examples.y)
