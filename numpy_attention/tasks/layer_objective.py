"""What objectives over a layer of `nn/` share: parameters in float32."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..nn.parameters import Params, Shapes
from ..optim.trees import flatten
from ..optim.updates import with_leaves


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

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        params = self.model.init(rng)
        arrays = {tuple(name.split(".")): x.astype(np.float32) for name, x in flatten(params).items()}
        return with_leaves(params, arrays)
