"""Everything a law reads: one call's arrays, bounds, features and sampled rows, and a second call."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ...functional.attention.biases import Bias
from ...functional.attention.dropout import Dropout
from ...functional.base.admission import Array
from ...functional.base.arrays import unbroadcast
from ...functional.masks.kinds import Band, FirstKeys, RealKeys, Visible
from ...functional.masks.mask import Combined, Mask
from .arguments import ATTENTION_OPTIONS
from .domain import Feature, Need
from .magnitudes import Magnitudes, dot
from .measured_errors import MeasuredErrors, measure_errors
from .sums import quadrature_sum


class InsufficientEvidence(Exception):
    """A law cannot be decided for this call; the message is the reason."""


class Evidence(Magnitudes):
    """Everything about one call that laws use, each computed once, on first use."""

    # --------------------------------------------------------------------------------- features in use

    @cached_property
    def features(self) -> frozenset[Feature]:
        """Features in use."""
        spec, sinks = self.spec, self.sinks is not None
        bias, by_position = self.array("bias"), isinstance(spec.bias, Bias)
        varies = (bias is not None and bias.shape[-1] != 1) or by_position
        features = {
            Feature.SOFTCAP: spec.softcap is not None,
            Feature.SINKS: sinks,
            Feature.SINKS_WITHOUT_LSE: sinks and "lse" not in self.arrays,
            Feature.SINKS_AND_D_WEIGHTS: sinks and "d_weights" in self.arrays,
            Feature.DROPOUT: spec.dropout is not None,
            Feature.DROPOUT_FROM_SEED: isinstance(spec.dropout, Dropout),
            Feature.D_WEIGHTS: "d_weights" in self.arrays,
            Feature.MASK: spec.mask is not None,
            Feature.MASK_BY_QUERY: spec.mask is not None and _varies_along_queries(spec.mask),
            Feature.BIAS_BY_POSITION: by_position,
            Feature.BIAS_BY_KEY: varies,
            Feature.BIAS_BY_QUERY: (bias is not None and bias.shape[-2] != 1) or by_position,
            Feature.SCALE_BY_KEY: self.scale.shape[-1] != 1,
        }
        return frozenset(name for name, in_use in features.items() if in_use)

    def missing(self, need: Need) -> str:
        """Reason why an entry of `Law.needs` is not met; "" if it is."""
        mask = self.spec.mask
        conditions: dict[Need, Callable[[], bool]] = {
            Need.AGAIN: lambda: self.again is not None,
            Need.DOT_SCORES: lambda: self.spec.score == "dot",
            Need.CONCAT_SCORES: lambda: self.spec.score == "concat",
            Need.IDENTITY_ACTIVATION: lambda: self.spec.activation == "identity",
            Need.BOUNDED_SCORES: lambda: math.isfinite(self.span),
            Need.MASKED_ROW: lambda: not bool(self.unmasked_rows.all()),
            Need.MASKED_KEY: lambda: not bool(self.unmasked_keys.all()),
            Need.ROW_WITH_ONE_KEY: lambda: bool((self.counts.keys == 1).any()),
            Need.NO_LOOK_AHEAD: lambda: isinstance(mask, Band) and mask.right == 0,
            Need.SHARED_HEADS: lambda: self.n > 1,
            Need.TWO_SAMPLED_ROWS: lambda: len(self.sample) > 1,
        }
        if need in conditions:
            return "" if conditions[need]() else f"needs {need.value}"
        name = need.value
        if name not in self.arrays:
            return f"needs {name}"
        x = self.arrays[name]
        overflows = x.dtype == np.float16 and name.startswith(("d_", "out")) and np.isinf(x).any()
        return f"{name} overflows float16" if overflows and not np.isnan(x).any() else ""

    @cached_property
    def span(self) -> float:
        """Upper bound on the difference of two scores of one row, bias excluded."""
        spans = {"sigmoid": 1.0, "tanh": 2.0}
        concat = self.spec.score == "concat"
        activation = spans.get(self.spec.activation or "", math.inf) if concat else math.inf
        return min(activation, math.inf if self.spec.softcap is None else 2.0 * self.spec.softcap)

    @cached_property
    def sink_share(self) -> Array:
        """The sink's weight in each row, exp(sinks - lse), (..., G, n, L); 0 without sinks or lse."""
        lse = self.array("lse")
        if self.sinks is None or lse is None:
            return np.zeros((1, 1, 1))
        exponent = np.where(self.alive, self.sinks[..., None] - lse, -np.inf)
        return np.asarray(np.exp(np.minimum(exponent, 1.0)))

    @cached_property
    def row_sums(self) -> Array:
        """Σ_s d_scores_ls, (..., G, n, L): d_lse_l minus the sink's part, share (d_lse - d_out · out)."""
        d_lse = np.where(self.alive, self.d_lse, 0.0)
        if self.sinks is None or not self.sink_share.any():
            return d_lse
        if reason := self.missing(Need.OUT):
            raise InsufficientEvidence(reason)
        return np.asarray(d_lse - self.sink_share * (d_lse - dot(self.d_out, self.require("out"))))

    # --------------------------------------------------------------------- errors of sums over rows

    @cached_property
    def measured(self) -> MeasuredErrors:
        """Errors of sampled rows, relative to their bounds."""
        return measure_errors(self)

    def error_at(self, ratio: float) -> Array:
        """Error bound of a row's d_scores, (..., G, n, L), at a measured ratio to d_size."""
        return np.minimum(self.d_error, ratio * self.d_size + self.d_tiny)

    def mass_at(self, ratio: float) -> Array:
        """Bound on Σ_s |d_scores_ls|, (..., G, n, L), at a measured ratio to d_size."""
        return min(1.0, ratio) * self.d_size

    @cached_property
    def out_error(self) -> Array:
        """Error bound of Σ_s weights_ls value_s, relative to the largest value, (..., G, n, L)."""
        return np.asarray(np.minimum(self.weight_error, self.measured.weights))

    @cached_property
    def mean_error(self) -> Array:
        """Error bound of Σ_s thinned_ls d_out_l · value_s, (..., G, n, L)."""
        size = np.where(self.unmasked_rows, self.d_thinned_size, 0.0)
        return np.asarray(np.minimum(2 * self.weight_error * size, self.measured.means * self.d_size))

    def common_rounding(self, total: Array) -> Array:
        """Error of a sum whose weights all err by one factor, because equal weights round alike."""
        return self.storage.u * np.abs(total)

    def two_way_error(self, shape: tuple[int, ...], terms: int = 0) -> Array:
        """Allowed difference between two ways to compute Σ_ls d_scores_ls scores_ls, summed to `shape`.

        Sums over `terms` numbers come on top of those over a row and over a key.
        """
        m = MeasuredErrors() if shape[-1] > 1 else self.measured
        once = self.all_rows(self.error_at(m.d_lengths) * self.score_size)
        mass = self.all_rows(self.mass_at(m.of_d_lengths) * self.score_size)
        certain = (self.g_longest + self.g(self.D) + self.g(terms)) * unbroadcast(mass, shape)
        return quadrature_sum(2 * once, shape) + certain

    def dot_rounding(self, name: str, x: Array, shape: tuple[int, ...]) -> Array:
        """Error of Σ array · x, summed to `shape`, from storing the array `name`."""
        return quadrature_sum(self.rounding(name) * np.abs(x), (*shape, 1))[..., 0]

    # ------------------------------------------------------------------------------- the second call

    def draw(self, number: int) -> np.random.Generator:
        """Random generator for one law."""
        return np.random.default_rng([self.seed, number])

    def call_again(self, *, query: Any = None, key: Any = None, value: Any = None, **changed: Any) -> Any:
        """(out, lse) of a call with some arguments or options changed; lse is None if not returned."""
        assert self.again is not None
        a = self.arrays
        tensors = (a["query"] if query is None else query, a["key"] if key is None else key,
                   a["value"] if value is None else value)  # fmt: skip
        options = {name: getattr(self.spec, name) for name in ATTENTION_OPTIONS} | changed
        try:
            result = self.again(*tensors, **{name: x for name, x in options.items() if x is not None})
        except NotImplementedError as reason:
            raise InsufficientEvidence(f"again: {reason or 'not implemented'}") from reason
        out, lse = result if isinstance(result, tuple) else (result, None)
        if np.asarray(out).dtype == np.float16 and np.isinf(out).any():
            raise InsufficientEvidence("out overflows float16 when called again")
        return self.grouped(out, 2), None if lse is None else self.grouped(lse, 1)

    def options_at(self, rows: Any = None, columns: Any = None) -> dict[str, Any]:
        """bias, scale and dropout, where they are arrays, cut to some rows or columns."""
        taken = {}
        for name in ("bias", "scale", "dropout"):
            x = self.arrays.get(name)
            if x is not None and x.ndim and columns is not None and x.shape[-1] > 1:
                x = x[..., columns]
            if x is not None and x.ndim > 1 and rows is not None and x.shape[-2] > 1:
                x = x[..., rows, :]
            taken[name] = x
        return taken


def _varies_along_queries(mask: Mask) -> bool:
    if isinstance(mask, Combined):
        return any(map(_varies_along_queries, mask.masks))
    if isinstance(mask, Visible):
        return mask.pairs.ndim > 1 and mask.pairs.shape[-2] > 1
    return not isinstance(mask, FirstKeys | RealKeys)
