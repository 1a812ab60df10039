"""The sizes of a transformer block, and the layers that follow from them."""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property

from ..functional.base.admission import shown
from .adaptive import SOFTMAX
from .attention_step import Intervention
from .feed_forward import FeedForward
from .layer import Layer, admit_flags
from .multi_head_attention import MultiHeadAttention
from .norms import LayerNorm, RMSNorm, norm_of
from .parameters import Params
from .positions.attention_positions import AttentionPositions
from .positions.joined import joined
from .positions.span import AdaptiveSpan
from .temperature import FIXED


@dataclass(frozen=True)
class Block(Layer):
    """The fields of `TransformerEncoderLayer`, which explains them, and of `TransformerDecoderLayer`."""

    width: int
    heads: int
    hidden: int
    _: KW_ONLY
    activation: str = "relu"
    norm_first: bool = False
    eps: float = 1e-5
    dropout: float = 0.0
    norm: str = "layer"
    bias: bool = True
    kv_heads: int | None = None
    head_width: int | None = None
    query_key_norm: str | None = None
    gate: bool = False
    sinks: bool = False
    softcap: float | None = None
    scale: float | None = None
    positions: AttentionPositions | None = None
    attention: str | Intervention | None = None
    normaliser: str = SOFTMAX
    temperature: str = FIXED
    span: AdaptiveSpan | None = None

    def __post_init__(self) -> None:
        admit_flags(norm_first=self.norm_first)
        if self.span is not None and not isinstance(self.span, AdaptiveSpan):
            raise TypeError(
                f"span is {shown(self.span)}; nn.AdaptiveSpan(heads, context, ramp) or None is expected"
            )
        self.parts()

    @cached_property
    def self_attn(self) -> MultiHeadAttention:
        """The attention of the tokens to each other."""
        return self._attention(joined(self.positions, self.span))

    @cached_property
    def multihead_attn(self) -> MultiHeadAttention:
        """The attention of a decoder's tokens to the memory, whose places have no distance to theirs."""
        return self._attention(None)

    def _attention(self, positions: AttentionPositions | None) -> MultiHeadAttention:
        return MultiHeadAttention(
            self.width,
            self.heads,
            kv_heads=self.kv_heads,
            head_width=self.head_width,
            bias=self.bias,
            query_key_norm=self.query_key_norm,
            eps=self.eps,
            gate=self.gate,
            sinks=self.sinks,
            softcap=self.softcap,
            scale=self.scale,
            dropout=self.dropout,
            positions=positions,
            attention=self.attention,
            normaliser=self.normaliser,
            temperature=self.temperature,
        )

    @cached_property
    def feed_forward(self) -> FeedForward:
        """The feed-forward layer."""
        return FeedForward(
            self.width, self.hidden, activation=self.activation, bias=self.bias, dropout=self.dropout
        )

    @cached_property
    def norm1(self) -> LayerNorm | RMSNorm:
        """The norm of the self-attention."""
        return norm_of(self.norm, self.width, self.eps, self.bias)

    @cached_property
    def norm2(self) -> LayerNorm | RMSNorm:
        """The norm of the second part."""
        return self.norm1

    def parts(self) -> dict[str, Layer]:
        parts = {"self_attn": self.self_attn, **self.feed_forward.parts()}
        return {**parts, "norm1": self.norm1, "norm2": self.norm2}

    def of_feed_forward(self, params: Params) -> Params:
        """The parameters of the feed-forward layer, which stand beside the others."""
        return {name: params[name] for name in self.feed_forward.expected_shapes}
