"""What objectives over a layer of `nn/` share: parameters in float32."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..nn.head_entries import Entries, head_entries
from ..nn.parameters import Params, Shapes, summed
from ..nn.positions.span import span_penalty_backward, span_penalty_forward
from ..optim.trees import mapped
from ..training.objective import Outcome


def penalised(outcome: Outcome, params: Params, weight: float) -> Outcome:
    """The outcome with `span_penalty` in its loss and its gradients."""
    if not weight:
        return outcome
    penalty, saved = span_penalty_forward(params, weight)
    d_params = summed(outcome.d_params, span_penalty_backward(saved))
    return outcome._replace(loss=outcome.loss + penalty, d_params=d_params)


@dataclass(frozen=True)
class LayerObjective:
    """A layer of `nn/` in float32."""

    model: Any

    @property
    def dtype(self) -> type[np.floating[Any]]:
        """The dtype of the parameters."""
        return np.float32

    def shapes(self) -> Shapes:
        """The shape of every parameter."""
        shapes: Shapes = self.model.expected_shapes
        return shapes

    def heads_by_place(self) -> dict[str, list[Entries]]:
        """The entries of each head of every attention."""
        return head_entries(self.model)

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        return mapped(lambda x: x.astype(self.dtype), self.model.init(rng))
