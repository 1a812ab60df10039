"""What the models of transformer blocks have in common: the options of their blocks, ids, token positions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..functional.base.admission import Array, shown, whole_numbers
from ..functional.masks.builders import causal
from ..functional.masks.mask import Mask
from .adaptive import SOFTMAX
from .attention_step import Intervention
from .kv_cache import ModelCache
from .layer import Layer, admit_sizes
from .parameters import Params
from .positions.added import Learned, Sinusoidal
from .positions.attention_positions import AttentionPositions
from .positions.span import AdaptiveSpan
from .temperature import FIXED
from .transformer import TransformerDecoderLayer, TransformerEncoderLayer
from .transformer_stack import TransformerEncoder

ADDED = ("learned", "sinusoidal")
"""Positions that are added to the embeddings."""


@dataclass(frozen=True, kw_only=True)
class BlockOptions(Layer):
    """The options that every block of a model has, see `LanguageModel`; and what follows from them."""

    hidden: int | None = None
    activation: str = "gelu_tanh"
    norm_first: bool = True
    norm: str = "layer"
    eps: float = 1e-5
    bias: bool = True
    kv_heads: int | None = None
    head_width: int | None = None
    query_key_norm: str | None = None
    gate: bool = False
    sinks: bool = False
    softcap: float | None = None
    scale: float | None = None
    dropout: float = 0.0
    attention: str | Intervention | None = None
    normaliser: str = SOFTMAX
    temperature: str = FIXED
    span: AdaptiveSpan | None = None

    @cached_property
    def added(self) -> Learned | Sinusoidal | None:
        """The positions that are added to the embeddings."""
        model: Any = self
        return added_positions(model.positions, model.context, model.width)

    @cached_property
    def stack(self) -> TransformerEncoder:
        """The blocks, and a last norm where each begins with one."""
        model: Any = self
        inner = block(model, positions=inside_positions(model.positions))
        return TransformerEncoder(inner, model.layers, norm=model.norm_first)

    def of_stack(self, params: Params) -> Params:
        """The parameters of the blocks and the last norm, where they stand beside the others."""
        return {name: params[name] for name in self.stack.expected_shapes}


OPTIONS = tuple(name for name in BlockOptions.__dataclass_fields__ if name != "hidden")


def block(model: Any, kind: Any = TransformerEncoderLayer, positions: Any = None) -> Any:
    """A block with the sizes and options of a model; positions are those inside its attention."""
    options = {name: getattr(model, name) for name in OPTIONS}
    hidden = 4 * model.width if model.hidden is None else model.hidden
    return kind(model.width, model.heads, hidden, positions=positions, **options)


def decoder_block(model: Any, positions: Any = None) -> Any:
    """`block` of a decoder."""
    return block(model, TransformerDecoderLayer, positions)


def added_positions(positions: object, context: int, width: int) -> Learned | Sinusoidal | None:
    """The layer that adds positions to embeddings; None for none, or those inside the attention."""
    if positions is None or isinstance(positions, AttentionPositions):
        return None
    if isinstance(positions, str) and positions in ADDED:
        return Learned(context, width) if positions == "learned" else Sinusoidal(width)
    expected = "'learned', 'sinusoidal', None, nn.Rotary(…) or another of them"
    raise ValueError(f"positions is {shown(positions)}; {expected} is expected")


def inside_positions(positions: object) -> AttentionPositions | None:
    """Positions for the attention of every block, or None."""
    return positions if isinstance(positions, AttentionPositions) else None


def admit_optional_sizes(**sizes: int | None) -> None:
    """`admit_sizes` of those that are not None."""
    admit_sizes(**{name: size for name, size in sizes.items() if size is not None})


def admit_ids(name: str, ids: object, rows: int, context: float, size: str = "vocabulary") -> Array:
    """Whole numbers (..., T), each a row of a table, at most `context` of them in a sequence."""
    array = whole_numbers(name, ids, least=0)
    if not array.ndim:
        raise ValueError(f"{name} is {array}, without an axis; (B, T) is expected")
    if array.size and array.max() >= rows:
        raise ValueError(f"{name} holds {array.max()}; less than {rows}, the {size}, is expected")
    if array.shape[-1] > context:
        raise ValueError(f"{name} has length {array.shape[-1]}; at most {context}, the context, is expected")
    return array


def causal_mask(mask: Any, cache: ModelCache | None, length: int) -> Mask | None:
    """The mask of a decoder's attention: nothing ahead, and nothing that `mask` hides."""
    if mask is not None and not isinstance(mask, Mask):
        raise TypeError(
            f"mask is {shown(mask)}; a Mask is expected, e.g. na.padding(lengths), or None: later ids are "
            "hidden anyway"
        )
    own = causal() if cache is None else cache[0].mask(length)
    if mask is None:
        return own
    return mask if own is None else own & mask


def upcoming_positions(added: Any, cache: ModelCache | None, length: int) -> Array | None:
    """The positions to add to the next ids; None for 0, 1, 2, …"""
    if cache is None or added is None:
        return None
    places = cache[0].upcoming(length)
    if isinstance(added, Learned) and places.size and places.max() >= added.length:
        raise ValueError(
            f"ids go up to position {places.max()} with those in the cache; there are {added.length} "
            f"positions, from 0 to {added.length - 1}"
        )
    return places


def add_positions(added: Any, params: Any, x: Array, first: Array | None = None) -> tuple[Array, Any]:
    """x with its positions, from 0 or as given; x itself and None saved where none are added."""
    if added is None:
        return x, None
    out, saved = added.forward(params.get("positions", {}), x, positions=first)
    return out, saved


def add_positions_backward(added: Any, d_out: Array, saved: Any) -> tuple[Array, Any]:
    """Undo `add_positions`: d_x, and {"positions": gradients} where they are learned."""
    if added is None:
        return d_out, {}
    d_x, d_positions = added.backward(d_out, saved)
    return d_x, {"positions": d_positions} if d_positions else {}
