"""The detector: learned queries attend to an encoded image; each says whether and where its class is.

memory = encoder(x @ weightᵀ + bias + positions)       tokens of an image, row by row of a grid
scores = queries @ memoryᵀ + bias                      log odds that a token holds what a query seeks
logits = logsumexp(scores)                             over the tokens: the odds add up
slots, anchors = softmax(sharpness * scores) @ [memory, centres of the tokens]
move, sides = slots @ weightᵀ + bias
boxes  = [anchors + move / grid, σ(sides)]             centre and sides, as shares of the image's
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.attention.attend import attend_backward, attend_forward
from ..functional.base.admission import Array, admit, real_number, shown
from ..functional.base.arrays import shape_repr
from ..functional.base.memory import added
from ..functional.layers.activations import sigmoid_backward, sigmoid_forward
from ..functional.layers.softmax import logsumexp_backward, logsumexp_forward
from .attention_step import steps_of
from .layer import Layer, admit_sizes, child_seeds, layer
from .linear import Linear
from .model_options import BlockOptions, block
from .parameters import Params, check_saved
from .positions.added import Learned
from .transformer_stack import TransformerEncoder


class Detected(NamedTuple):
    """Outputs of the queries."""

    logits: Any
    """(B, queries)"""
    boxes: Any
    """(B, queries, 4): centre, across and down, and sides"""
    scores: Any
    """(B, queries, T)"""


@shape_repr
class DetectorSaved(NamedTuple):
    """One entry per line of the forward."""

    embed: Any
    positions: Any
    encoder: Any
    queries: Any
    logsumexp: Any
    attend: Any
    box_head: Any
    sigmoid: Any

    @property
    def weights(self) -> Array:
        """The attention weights (B, queries, T)."""
        weights: Array = self.attend.weights
        return weights[..., 0, :, :]


@layer
@dataclass(frozen=True)
class Detector(BlockOptions):
    """Tokens of an image in; for each learned query a logit and a box out, and its score for every token.

    Parameters
    ----------
    input_dim : columns of a token
    grid : rows and columns of the tokens of an image
    width, heads, layers : those of the encoder, as in `LanguageModel`
    queries : their number, one for each class
    sharpness : a positive number; the larger, the nearer a query's attention is to its best token alone
    hidden, activation, norm_first, norm, … : as in `LanguageModel`

    Parameters of the layer: embed, positions.weight, encoder, queries (weight (queries, width)), box_head.

    Examples
    --------
    >>> model = Detector(input_dim=5, grid=(2, 3), width=6, heads=2, layers=1, queries=3)
    >>> params = model.init(np.random.default_rng(0))
    >>> (logits, boxes, scores), saved = model.forward(params, np.ones((2, 6, 5)))
    >>> d_x, d_params = model.backward((np.ones_like(logits), boxes, scores), saved)
    >>> logits.shape, boxes.shape, scores.shape, d_x.shape
    ((2, 3), (2, 3, 4), (2, 3, 6), (2, 6, 5))

    References
    ----------
    Learned queries that answer with boxes: Carion et al. 2020, there several layers of them.
    """

    input_dim: int
    grid: tuple[int, int]
    width: int
    heads: int
    layers: int
    queries: int
    _: KW_ONLY
    sharpness: float = 3.0
    activation: str = "gelu"

    def __post_init__(self) -> None:
        if not isinstance(self.grid, tuple) or len(self.grid) != 2:
            raise ValueError(f"grid is {shown(self.grid)}; (rows, columns) is expected")
        for side in self.grid:
            admit_sizes(grid=side)
        admit_sizes(input_dim=self.input_dim, width=self.width, heads=self.heads)
        admit_sizes(layers=self.layers, queries=self.queries)
        if real_number("sharpness", self.sharpness) <= 0:
            raise ValueError(f"sharpness is {self.sharpness}; a positive number is expected")
        self.parts()

    @property
    def cell(self) -> Array:
        """Width and height of a token, as shares of the image's."""
        return np.array([1 / self.grid[1], 1 / self.grid[0]])

    @cached_property
    def centres(self) -> Array:
        """The centre (T, 2) of each token, across and down."""
        down, across = np.indices(self.grid)
        return np.stack([across.ravel() + 0.5, down.ravel() + 0.5], axis=-1) * self.cell

    @cached_property
    def embed(self) -> Linear:
        """The linear map of a token."""
        return Linear(self.input_dim, self.width)

    @cached_property
    def positions(self) -> Learned:
        """The learned places of the tokens."""
        return Learned(self.grid[0] * self.grid[1], self.width)

    @cached_property
    def encoder(self) -> TransformerEncoder:
        """The blocks over the tokens."""
        return TransformerEncoder(block(self), self.layers, norm=self.norm_first)

    @cached_property
    def query_rows(self) -> Linear:
        """The queries, as the linear map of a token to its scores."""
        return Linear(self.width, self.queries)

    @cached_property
    def box_head(self) -> Linear:
        """The linear map to a box."""
        return Linear(self.width, 4)

    def parts(self) -> dict[str, Layer]:
        return {
            "embed": self.embed,
            "positions": self.positions,
            "encoder": self.encoder,
            "queries": self.query_rows,
            "box_head": self.box_head,
        }

    def forward(
        self, params: Params, x: npt.ArrayLike, *, seed: int | None = None
    ) -> tuple[Detected, DetectorSaved]:
        """Logits, boxes and scores, and what `backward` needs.

        x: (B, rows * columns, input_dim). seed: for dropout, None for none.
        """
        self.check(params)
        x, expected = admit("x", x, 3), (self.positions.length, self.input_dim)
        if x.shape[-2:] != expected:
            raise ValueError(f"x has shape {x.shape}; (..., {expected[0]}, {expected[1]}) is expected")
        embedded, embed = self.embed.forward(params["embed"], x)
        placed, positions = self.positions.forward(params["positions"], embedded)
        memory, encoder = self.encoder.forward(params["encoder"], placed, seed=child_seeds(seed, 1)[0])
        by_token, queries = self.query_rows.forward(params["queries"], memory)
        scores = by_token.swapaxes(-1, -2)
        logits, logsumexp = logsumexp_forward(scores)
        centres = np.broadcast_to(self.centres.astype(memory.real.dtype), (*memory.shape[:-1], 2))
        values = np.concatenate([memory, centres], axis=-1)
        sharp, steps = self.sharpness * scores[..., None, :, :], steps_of(self.attention, params)
        joined, attend = attend_forward(sharp, values[..., None, :, :], steps=steps)  # one head
        attended = joined[..., 0, :, :]
        raw, box_head = self.box_head.forward(params["box_head"], attended[..., :-2])
        sides, sigmoid = sigmoid_forward(raw[..., 2:])
        moved = attended[..., -2:] + raw[..., :2] * self.cell
        boxes = np.concatenate([moved.astype(raw.dtype), sides], axis=-1)
        kind = np.result_type(logits, boxes, scores)  # complex together, as soon as one of them is
        found = Detected(logits.astype(kind), boxes.astype(kind), scores.astype(kind))
        return found, DetectorSaved(embed, positions, encoder, queries, logsumexp, attend, box_head, sigmoid)

    def backward(self, d_out: tuple[Any, Any, Any], saved: DetectorSaved) -> tuple[Any, Params]:
        """d_x, and d_params, from the gradients of logits, boxes and scores: the forward's lines upwards."""
        check_saved(saved, DetectorSaved)
        d_logits, d_boxes, d_scores = d_out
        # boxes = [anchors + move / grid, σ(sides)]
        d_boxes = np.asarray(d_boxes)
        d_move, d_sides = d_boxes[..., :2] * self.cell, sigmoid_backward(d_boxes[..., 2:], saved.sigmoid)
        d_slots, d_box_head = self.box_head.backward(
            np.concatenate([d_move, d_sides], axis=-1), saved.box_head
        )
        # slots, anchors = softmax(sharpness * scores) @ [memory, centres]
        d_out_of_both = np.concatenate([d_slots, d_boxes[..., :2]], axis=-1)
        d_sharp, d_values, *_ = attend_backward(d_out_of_both[..., None, :, :], saved.attend)
        d_memory = d_values[..., 0, :, :-2]
        # logits = logsumexp(scores)
        d_summed = logsumexp_backward(d_logits, saved.logsumexp)
        # scores = queries @ memoryᵀ + bias
        d_attended = added(self.sharpness * d_sharp[..., 0, :, :], d_summed)
        d_by_token = added(d_attended, np.asarray(d_scores)).swapaxes(-1, -2)
        d_scored, d_queries = self.query_rows.backward(d_by_token, saved.queries)
        # memory = encoder(embed(x) + positions)
        d_placed, d_encoder = self.encoder.backward(added(d_memory, d_scored), saved.encoder)
        d_embedded, d_positions = self.positions.backward(d_placed, saved.positions)
        d_x, d_embed = self.embed.backward(d_embedded, saved.embed)
        return d_x, {
            "embed": d_embed,
            "positions": d_positions,
            "encoder": d_encoder,
            "queries": d_queries,
            "box_head": d_box_head,
        }
