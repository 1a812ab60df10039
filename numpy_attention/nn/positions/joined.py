"""Several positions at once, each as it would act alone: turned one after the other, their biases summed."""

from dataclasses import dataclass
from typing import Any

from ...functional.attention.biases import Bias
from ...functional.base.admission import Array
from ...functional.base.arrays import unbroadcast
from ..layer import Layer, layer
from ..parameters import Params
from .attention_positions import AttentionPositions, Places, PositionGradients


def total(summands: list[Any]) -> Any:
    """The sum of those that are not None; None if there are none."""
    given = [x for x in summands if x is not None]
    return sum(given[1:], start=given[0]) if given else None


@layer
@dataclass(frozen=True, init=False)
class Joined(AttentionPositions):
    """Several positions: MultiHeadAttention(…, positions=Joined(Rotary(), AdaptiveSpan(heads, context, 8))).

    Parameters of the layer: those of each, as 0.…, 1.…

    Raises
    ------
    TypeError
        Unless each is one of the positions inside an attention.
    """

    joined: tuple[AttentionPositions, ...]

    def __init__(self, *positions: AttentionPositions) -> None:
        for own in positions:
            if not isinstance(own, AttentionPositions):
                came = type(own).__name__
                raise TypeError(
                    f"positions holds {came}; nn.Rotary(), nn.AdaptiveSpan(…) or another is expected"
                )
        object.__setattr__(self, "joined", positions)

    @property
    def needs_weights(self) -> bool:  # type: ignore[override]
        """True if one of them does."""
        return any(own.needs_weights for own in self.joined)

    @property
    def scaled(self) -> bool:  # type: ignore[override]
        """True if one of them is."""
        return any(own.scaled for own in self.joined)

    def parts(self) -> dict[str, Layer]:
        return {str(place): own for place, own in enumerate(self.joined)}

    def fit(self, heads: int, columns: int) -> None:
        for own in self.joined:
            own.fit(heads, columns)

    def rotate_forward(self, x: Array, positions: Array) -> tuple[Array, Any]:
        saved = []
        for own in self.joined:
            x, one = own.rotate_forward(x, positions)
            saved.append(one)
        return x, saved

    def rotate_backward(self, d_x: Array, saved: Any) -> Array:
        for own, one in zip(reversed(self.joined), reversed(saved), strict=True):
            d_x = own.rotate_backward(d_x, one)
        return d_x

    def bias_forward(
        self, params: Params, query: Array, key: Array, places: Places, scale: float
    ) -> tuple[Any, Any]:
        L, S = query.shape[-2], key.shape[-2]
        pairs = [
            own.bias_forward(params.get(str(place), {}), query, key, places, scale)
            for place, own in enumerate(self.joined)
        ]
        biases = [bias.array(L, S) if isinstance(bias, Bias) else bias for bias, _ in pairs]
        return total(biases), pairs

    def bias_backward(self, d_bias: Any, saved: Any) -> PositionGradients:
        d_params: Params = {}
        d_queries, d_keys = [], []
        for place, (own, (bias, one)) in enumerate(zip(self.joined, saved, strict=True)):
            if bias is None:
                continue
            d_own = bias.gradients(d_bias) if isinstance(bias, Bias) else unbroadcast(d_bias, bias.shape)
            d = own.bias_backward(d_own, one)
            d_queries.append(d.d_query)
            d_keys.append(d.d_key)
            d_params |= {str(place): d.d_params} if d.d_params else {}
        return PositionGradients(total(d_queries), total(d_keys), d_params)

    def values_forward(self, params: Params, weights: Array, places: Places) -> tuple[Any, Any]:
        pairs = [
            own.values_forward(params.get(str(place), {}), weights, places)
            for place, own in enumerate(self.joined)
        ]
        return total([added for added, _ in pairs]), [saved for _, saved in pairs]

    def values_backward(self, d_out: Array, saved: Any) -> tuple[Any, Params]:
        pairs = [own.values_backward(d_out, one) for own, one in zip(self.joined, saved, strict=True)]
        d_params = {str(place): d for place, (_, d) in enumerate(pairs) if d}
        return total([d_weights for d_weights, _ in pairs]), d_params


def joined(*positions: AttentionPositions | None) -> AttentionPositions | None:
    """The positions that are not None: one alone, several as `Joined`; None if there are none."""
    given = [own for own in positions if own is not None]
    return given[0] if len(given) == 1 else Joined(*given) if given else None
