"""The sizes and options of a multi-head attention, and the parameters that follow from them."""

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, admit, real_number, shown
from ..functional.base.arrays import check_equal, common_batch
from ..optim.trees import flatten
from .adaptive import ALPHA, ENTMAX, NORMALISERS, SOFTMAX, TEMPERATURE, adaptive_shapes
from .attention_step import ATTENTIONS, REFERENCE, Intervention
from .heads import SEPARATE
from .layer import Layer, admit_choice, admit_flags, admit_rate, admit_sizes
from .linear import Linear
from .norms import NORMS, norm_of
from .parameters import SHARPNESS, Shapes
from .positions.attention_positions import AttentionPositions
from .positions.span import SPAN
from .scores import DOT, SCORES, score_shapes
from .temperature import FIXED, LEARNED, TEMPERATURES


@dataclass(frozen=True)
class AttentionSizes(Layer):
    """The fields of `MultiHeadAttention`, which explains them."""

    width: int
    heads: int
    _: KW_ONLY
    kv_heads: int | None = None
    key_width: int | None = None
    value_width: int | None = None
    head_width: int | None = None
    bias: bool = True
    out_bias: bool | None = None
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    query_key_norm: str | None = None
    eps: float = 1e-5
    gate: bool = False
    sinks: bool = False
    softcap: float | None = None
    scale: float | None = None
    dropout: float = 0.0
    positions: AttentionPositions | None = None
    score: str = DOT
    attention: str | Intervention | None = None
    normaliser: str = SOFTMAX
    temperature: str = FIXED

    def __post_init__(self) -> None:
        admit_sizes(width=self.width, heads=self.heads)
        others = {
            name: getattr(self, name) for name in ("kv_heads", "key_width", "value_width", "head_width")
        }
        admit_sizes(**{name: size for name, size in others.items() if size is not None})
        admit_flags(bias=self.bias, add_bias_kv=self.add_bias_kv, add_zero_attn=self.add_zero_attn)
        admit_flags(gate=self.gate, sinks=self.sinks)
        if self.out_bias is not None:
            admit_flags(out_bias=self.out_bias)
        if self.head_width is None and self.width % self.heads:
            raise ValueError(f"heads is {self.heads}; a number that divides width, {self.width}, is expected")
        if self.heads % self.kv_groups:
            raise ValueError(f"kv_heads is {self.kv_heads}; a divisor of heads, {self.heads}, is expected")
        admit_rate("dropout", self.dropout)
        admit_choice("normaliser", self.normaliser, NORMALISERS)
        admit_choice("temperature", self.temperature, TEMPERATURES)
        admit_choice("score", self.score, SCORES)
        if self.query_key_norm is not None:
            admit_choice("query_key_norm", self.query_key_norm, NORMS)
        if self.attention is not None and not callable(self.attention):
            admit_choice("attention", self.attention, ATTENTIONS)
        for name, number in (("softcap", self.softcap), ("scale", self.scale)):
            if number is not None and real_number(name, number) <= 0 and name == "softcap":
                raise ValueError(f"softcap is {number}; a positive number is expected")
        if self.positions is not None:
            self._admit_positions(self.positions)
        reference = self.attention in (None, REFERENCE) or callable(self.attention)
        if self.score != DOT and (not reference or self.scale is not None):
            name = "scale" if self.scale is not None else "attention"
            expected = "None" if name == "scale" else "None or 'reference'"
            came = shown(getattr(self, name))
            raise ValueError(f"{name} is {came}; {expected} is expected with score {shown(self.score)}")

        if self.normaliser == ENTMAX and (self.score != DOT or not reference):
            came = f"score {shown(self.score)}" if reference else f"attention {shown(self.attention)}"
            raise ValueError(
                f"normaliser is 'entmax' with {came}; score 'dot' and the reference are expected"
            )
        if self.temperature == LEARNED:
            self.admit_scale(0.0)

    def _admit_positions(self, positions: object) -> None:
        if not isinstance(positions, AttentionPositions):
            came = type(positions).__name__
            raise TypeError(
                f"positions is {came}; nn.Rotary(), nn.ALiBi(heads) or another of them is expected"
            )
        positions.fit(self.heads, self.columns)
        if positions.needs_weights and self.attention != REFERENCE and not callable(self.attention):
            kind = type(positions).__name__
            raise ValueError(
                f"attention is {shown(self.attention)}; 'reference' is expected with {kind}, for its weights"
            )

    @property
    def columns(self) -> int:
        """Columns of a head."""
        return self.head_width or self.width // self.heads

    @property
    def kv_groups(self) -> int:
        """Number of key and value heads."""
        return self.kv_heads or self.heads

    @cached_property
    def input_widths(self) -> tuple[int, int, int]:
        """Columns of query, key and value."""
        return self.width, self.key_width or self.width, self.value_width or self.width

    @cached_property
    def head_counts(self) -> tuple[int, int, int]:
        """Number of heads of q, k and v."""
        return self.heads, self.kv_groups, self.kv_groups

    @cached_property
    def widths(self) -> tuple[int, int, int]:
        """Columns of all heads of q, k and v."""
        H, G, _ = self.head_counts
        return H * self.columns, G * self.columns, G * self.columns

    @cached_property
    def out_proj(self) -> Linear:
        """The projection back to width."""
        bias = self.bias if self.out_bias is None else self.out_bias
        return Linear(self.widths[0], self.width, bias=bias)

    @cached_property
    def norm(self) -> Any:
        """The norm of every query or key head."""
        return norm_of(self.query_key_norm or "rms", self.columns, self.eps)

    @cached_property
    def gate_proj(self) -> Linear:
        """The linear map of the output gate."""
        return Linear(self.width, self.widths[0], bias=self.bias)

    def own_shapes(self) -> Shapes:
        shapes: Shapes = {"in_proj_weight": (sum(self.widths), self.width)}
        if len(set(self.input_widths)) > 1:
            rows = zip(SEPARATE, self.widths, self.input_widths, strict=True)
            shapes = {name: (out, width) for name, out, width in rows}
        if self.bias:
            shapes["in_proj_bias"] = (sum(self.widths),)
        if self.add_bias_kv:
            shapes |= {"bias_k": (1, 1, self.widths[1]), "bias_v": (1, 1, self.widths[2])}
        if self.sinks:
            shapes["sinks"] = (self.heads,)
        shapes |= adaptive_shapes(self.heads, self.temperature, self.normaliser)
        if self.score != DOT:
            shapes["score"] = score_shapes(self.score, self.heads, self.columns)
        return shapes

    def parts(self) -> dict[str, Layer]:
        norms = {"q_norm": self.norm, "k_norm": self.norm} if self.query_key_norm else {}
        gate = {"gate": self.gate_proj} if self.gate else {}
        positions = {} if self.positions is None else {"positions": self.positions}
        return {**norms, **gate, **positions, "out_proj": self.out_proj}

    def own_heads(self) -> list[dict[str, Any]]:
        shapes, (H, G, _), D = flatten(self.shapes()), self.head_counts, self.columns
        scored = [name for name, shape in shapes.items() if name.startswith("score.") and shape]
        single = ("sinks", TEMPERATURE, ALPHA, SPAN)
        by_head = [*scored, *(name for name in shapes if name.split(".")[-1] in single)]
        heads = []
        for head in range(H):
            own = slice(head * D, (head + 1) * D)
            starts = (0, H, H + G) if G == H else (0,)  # a key that several queries share is nobody's own
            rows = np.concatenate([(start + head) * D + np.arange(D) for start in starts])
            entries: dict[str, Any] = dict.fromkeys(("in_proj_weight", "in_proj_bias"), rows)
            entries |= dict.fromkeys((*SEPARATE[: len(starts)], "gate.weight", "gate.bias"), own)
            entries |= dict.fromkeys(("bias_k", "bias_v") if G == H else (), (..., own))
            entries |= dict.fromkeys(by_head, head)
            entries["out_proj.weight"] = (slice(None), own)
            heads.append({name: index for name, index in entries.items() if name in shapes})
        return heads

    def initial(self, rng: np.random.Generator, name: str, shape: Any) -> Any:
        if name == "score":
            return {inner: self.initial(rng, inner, own) for inner, own in shape.items()}
        if name in ("sinks", TEMPERATURE, ALPHA):
            return np.zeros(shape)
        return np.array(SHARPNESS) if name == "sharpness" else super().initial(rng, name, shape)

    def admit_scale(self, scale: Any) -> Any:
        """The scale of a call, or the layer's own."""
        if scale is not None and (
            self.score != DOT or (self.positions is not None and self.positions.scaled)
        ):
            other = f"score {self.score!r}" if self.score != DOT else type(self.positions).__name__
            raise TypeError(f"scale is {shown(scale)}, but {other} takes none; None is expected")
        return self.scale if scale is None else scale

    def admit_inputs(
        self, query: npt.ArrayLike, key: npt.ArrayLike | None, value: npt.ArrayLike | None
    ) -> list[Array]:
        """The inputs of a call that were passed, as arrays that fit together."""
        if key is None and value is not None:
            raise TypeError(f"value is {type(value).__name__} and key is None; a key is expected with it")
        inputs = {"query": query, "key": key, "value": value}
        arrays = {name: admit(name, x, 2) for name, x in inputs.items() if x is not None or name == "query"}
        for (name, x), width in zip(arrays.items(), self.input_widths, strict=False):
            if x.shape[-1] != width:
                raise ValueError(f"{name} has shape {x.shape}; (B, length, {width}) is expected")
        used = [(*arrays.values(), *[[*arrays.values()][-1]] * 3)[place] for place in range(3)]
        for name, own, width in zip(inputs, used, self.input_widths, strict=True):
            if inputs[name] is None and own.shape[-1] != width:
                raise TypeError(f"{name} is None; an array (B, length, {width}) is expected")
        common_batch(**{name: x.shape[:-2] for name, x in arrays.items()})
        if len(arrays) == 3:
            lengths = arrays["key"].shape[-2], arrays["value"].shape[-2]
            check_equal("the length of key", lengths[0], "the length of value", lengths[1])
        return list(arrays.values())
