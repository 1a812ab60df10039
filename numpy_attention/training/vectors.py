"""Parameters as views of one vector, so that an optimizer's step is one update and not one for each array."""

import math
from typing import Any

import numpy as np

from ..functional.base.admission import Array
from ..nn.parameters import Params
from ..optim.updates import Path, leaves, same_paths, with_leaves


class Vectors:
    """Where each array of a nested dict stands in the one vector of all arrays of its dtype.

    Examples
    --------
    >>> params = {"weight": np.array([[1.0, 2.0]]), "bias": np.array([3.0])}
    >>> vectors = Vectors(params)
    >>> vectors.joined(params)
    {'float64': array([1., 2., 3.])}
    >>> vectors.views({"float64": np.array([4.0, 5.0, 6.0])})
    {'weight': array([[4., 5.]]), 'bias': array([6.])}
    """

    def __init__(self, params: Params) -> None:
        self.tree, self.arrays = params, leaves("params", params)
        self.paths: dict[str, list[Path]] = {}
        for path, array in self.arrays.items():
            self.paths.setdefault(array.dtype.name, []).append(path)

    def joined(self, tree: Params) -> dict[str, Array]:
        """The vectors of the arrays of `tree`, nested like the parameters: new arrays."""
        arrays = same_paths("grads", leaves("grads", tree), self.arrays)
        return {
            dtype: np.concatenate([arrays[path].reshape(-1) for path in paths])
            for dtype, paths in self.paths.items()
        }

    def views(self, vectors: dict[str, Array]) -> Params:
        """Nested views of vectors."""
        views = {}
        for dtype, paths in self.paths.items():
            start = 0
            for path in paths:
                shape = self.arrays[path].shape
                stop = start + math.prod(shape)
                views[path] = vectors[dtype][start:stop].reshape(shape)
                start = stop
        return with_leaves(self.tree, views)

    def joined_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """An optimizer's state of the vectors, from that of the parameters."""
        return {name: x if name == "step" else self.joined(x) for name, x in state.items()}

    def state_views(self, state: dict[str, Any]) -> dict[str, Any]:
        """An optimizer's state of the parameters, views of that of the vectors."""
        return {name: x if name == "step" else self.views(x) for name, x in state.items()}
