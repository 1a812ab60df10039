"""Attention pooling: learned queries attend to the tokens, and their outputs replace them.

out = MultiHeadAttention(queries, x, x)          (B, T, width) -> (B, Q, width), or (B, width) for Q = 1
"""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, admit
from ..functional.base.arrays import shape_repr
from ..functional.masks.mask import Mask
from .attention_step import Intervention
from .embedding import SPREAD
from .layer import Layer, admit_sizes, admit_width, child_seeds, layer
from .multi_head_attention import MultiHeadAttention, MultiHeadAttentionSaved
from .parameters import Params, Shapes, check_saved


@shape_repr
class AttentionPoolingSaved(NamedTuple):
    """What the attention saved."""

    attention: MultiHeadAttentionSaved

    @property
    def weights(self) -> Array | None:
        """The attention weights (B, H, Q, T); None unless attention is "reference"."""
        return self.attention.weights


@layer
@dataclass(frozen=True)
class AttentionPooling(Layer):
    """Learned queries attend to the tokens: one vector for a sequence, or several.

    Parameters
    ----------
    width, heads : as in `MultiHeadAttention`
    queries : number of learned queries Q
    bias, dropout, attention : as in `MultiHeadAttention`

    Parameters of the layer: queries (Q, width), drawn with standard deviation 0.02, and those of the
    attention under "attention".

    Examples
    --------
    >>> layer = AttentionPooling(width=6, heads=2)
    >>> params = layer.init(np.random.default_rng(0))
    >>> out, saved = layer.forward(params, np.ones((5, 3, 6)))
    >>> out.shape, saved.weights.shape
    ((5, 6), (5, 2, 1, 3))

    References
    ----------
    Lee et al. 2019 (Set Transformer), equation 11, without its feed-forward layers.
    """

    width: int
    heads: int
    _: KW_ONLY
    queries: int = 1
    bias: bool = True
    dropout: float = 0.0
    attention: str | Intervention | None = None

    def __post_init__(self) -> None:
        admit_sizes(queries=self.queries)
        _ = self.attend

    @cached_property
    def attend(self) -> MultiHeadAttention:
        """The attention of the queries to the tokens."""
        return MultiHeadAttention(
            self.width, self.heads, bias=self.bias, dropout=self.dropout, attention=self.attention
        )

    def own_shapes(self) -> Shapes:
        return {"queries": (self.queries, self.width)}

    def parts(self) -> dict[str, Layer]:
        return {"attention": self.attend}

    def initial(self, rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> Array:
        return rng.normal(scale=SPREAD, size=shape)

    def forward(
        self, params: Params, x: npt.ArrayLike, *, mask: Mask | None = None, seed: int | None = None
    ) -> tuple[Any, AttentionPoolingSaved]:
        """out (..., Q, width), or (..., width) where Q is 1, of x (..., T, width); and what `backward` needs.

        mask: na.padding(lengths) for sequences of different lengths.
        """
        self.check(params)
        x, own_seed = admit_width("x", admit("x", x, 2), self.width), child_seeds(seed, 1)[0]
        out, saved = self.attend.forward(params["attention"], params["queries"], x, mask=mask, seed=own_seed)
        return out[..., 0, :] if self.queries == 1 else out, AttentionPoolingSaved(saved)

    def backward(self, d_out: npt.ArrayLike, saved: AttentionPoolingSaved) -> tuple[Any, Params]:
        """d_x (..., T, width), and d_params."""
        check_saved(saved, AttentionPoolingSaved)
        d_out = admit("d_out", d_out, 1)
        d_out = d_out[..., None, :] if self.queries == 1 else d_out
        (d_queries, d_x, _), d_attention = self.attend.backward(d_out, saved.attention)
        return d_x, {"queries": d_queries, "attention": d_attention}
