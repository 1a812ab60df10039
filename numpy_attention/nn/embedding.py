"""The embedding as a layer, and the same table as the output layer of a language model.

    embedded = weight[ids]                 forward
    logits   = x @ weightᵀ                 tied_forward

Where a model uses one table for both, its gradient is the sum of both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, whole_numbers
from ..functional.layers.embedding import EmbeddingSaved, embedding_backward, look_up
from ..functional.layers.linear import LinearSaved, linear_backward, linear_forward
from .layer import Layer, admit_sizes, admit_width, layer
from .parameters import Params, Shapes

SPREAD = 0.02
"""Standard deviation of the initial entries, that of GPT-2."""


@layer
@dataclass(frozen=True)
class Embedding(Layer):
    """A row of a learned table for each id.

    Parameters
    ----------
    rows : number of ids, from 0 to rows - 1
    width : length of a row

    Parameter of the layer, as in PyTorch: weight (rows, width), drawn with standard deviation 0.02.

    Examples
    --------
    >>> layer = Embedding(rows=7, width=3)
    >>> params = layer.init(np.random.default_rng(0))
    >>> embedded, saved = layer.forward(params, [[2, 0, 2]])
    >>> logits, saved_output = layer.tied_forward(params, embedded)
    >>> embedded.shape, logits.shape
    ((1, 3, 3), (1, 3, 7))
    >>> d_embedded, d_output = layer.tied_backward(np.ones_like(logits), saved_output)
    >>> _, d_input = layer.backward(d_embedded, saved)
    >>> d_params = {"weight": d_input["weight"] + d_output["weight"]}
    """

    rows: int
    width: int

    def __post_init__(self) -> None:
        admit_sizes(rows=self.rows, width=self.width)

    def own_shapes(self) -> Shapes:
        return {"weight": (self.rows, self.width)}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return rng.normal(scale=SPREAD, size=shape)

    def forward(self, params: Params, ids: npt.ArrayLike) -> tuple[Any, EmbeddingSaved]:
        """Rows (..., width) of the whole numbers ids (...), and what `backward` needs."""
        self.check(params)
        ids = whole_numbers("ids", ids, least=0)
        if ids.size and ids.max() >= self.rows:
            raise ValueError(f"ids holds {ids.max()}; less than {self.rows}, the rows of weight, is expected")
        return look_up(ids, params["weight"])

    def backward(self, d_out: npt.ArrayLike, saved: EmbeddingSaved) -> tuple[None, Params]:
        """None, for ids have no gradient, and d_params."""
        return None, {"weight": embedding_backward(d_out, saved)}

    def tied_forward(self, params: Params, x: npt.ArrayLike) -> tuple[Any, LinearSaved]:
        """Logits (..., rows) of x (..., width): its product with every row of the table."""
        self.check(params)
        return linear_forward(admit_width("x", x, self.width), params["weight"])

    def tied_backward(self, d_logits: npt.ArrayLike, saved: LinearSaved) -> tuple[Any, Params]:
        """d_x (..., width), and d_params: to be added to those of `backward`."""
        d_x, d_weight, _ = linear_backward(d_logits, saved)
        return d_x, {"weight": d_weight}
