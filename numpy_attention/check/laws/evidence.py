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
from .arguments import CallArrays, CallSpec, inputs_of
from .bounds import Bounds
from .domain import Feature, InsufficientEvidence, Need
from .measured_errors import MeasuredErrors, measure_errors
from .row_samples import SampledRows
from .sums import quadrature_sum


class Evidence:
    """What laws use of one call: its arrays, bounds on them, a few of its rows, and `again`."""

    def __init__(
        self, query: Any, key: Any, value: Any, out: Any, d_out: Any, grads: Any, spec: CallSpec,
        again: Callable[..., Any] | None, seed: int,
    ) -> None:  # fmt: skip
        self.call = CallArrays(inputs_of(query, key, value, d_out, spec), out, grads, spec)
        self.bounds = Bounds(self.call, spec)
        self.rows = SampledRows(self.call, self.call.rows)
        self.again, self.seed = again, seed

    # --------------------------------------------------------------------------------- features in use

    @cached_property
    def features(self) -> frozenset[Feature]:
        """Features in use."""
        inputs, arrays, sinks = self.call.inputs, self.call.arrays, self.call.sinks is not None
        bias, by_position = self.call.array("bias"), isinstance(inputs.bias, Bias)
        features = {
            Feature.SOFTCAP: inputs.softcap is not None,
            Feature.SINKS: sinks,
            Feature.SINKS_WITHOUT_LSE: sinks and "lse" not in arrays,
            Feature.SINKS_AND_D_WEIGHTS: sinks and "d_weights" in arrays,
            Feature.DROPOUT: inputs.dropout is not None,
            Feature.DROPOUT_FROM_SEED: isinstance(inputs.dropout, Dropout),
            Feature.D_WEIGHTS: "d_weights" in arrays,
            Feature.MASK: inputs.mask is not None,
            Feature.MASK_BY_QUERY: isinstance(inputs.mask, Mask) and _varies_along_queries(inputs.mask),
            Feature.BIAS_BY_POSITION: by_position,
            Feature.BIAS_BY_KEY: (bias is not None and bias.shape[-1] != 1) or by_position,
            Feature.BIAS_BY_QUERY: (bias is not None and bias.shape[-2] != 1) or by_position,
            Feature.SCALE_BY_KEY: self.call.scale.shape[-1] != 1,
        }
        return frozenset(name for name, in_use in features.items() if in_use)

    def missing(self, need: Need) -> str:
        """Reason why an entry of `Law.needs` is not met; "" if it is."""
        call, mask = self.call, self.call.inputs.mask
        conditions: dict[Need, Callable[[], bool]] = {
            Need.AGAIN: lambda: self.again is not None,
            Need.DOT_SCORES: lambda: call.score == "dot",
            Need.CONCAT_SCORES: lambda: call.score == "concat",
            Need.IDENTITY_ACTIVATION: lambda: call.activation == "identity",
            Need.BOUNDED_SCORES: lambda: math.isfinite(self.bounds.span),
            Need.MASKED_ROW: lambda: not bool(call.unmasked_rows.all()),
            Need.MASKED_KEY: lambda: not bool(call.unmasked_keys.all()),
            Need.ROW_WITH_ONE_KEY: lambda: bool((call.counts.keys == 1).any()),
            Need.NO_LOOK_AHEAD: lambda: isinstance(mask, Band) and mask.right == 0,
            Need.SHARED_HEADS: lambda: call.n > 1,
            Need.TWO_SAMPLED_ROWS: lambda: len(self.rows) > 1,
        }
        if need in conditions:
            return "" if conditions[need]() else f"needs {need.value}"
        return call.missing(need.value)

    # --------------------------------------------------------------------- errors of sums over rows

    @cached_property
    def measured(self) -> MeasuredErrors:
        """Errors of sampled rows, relative to their bounds."""
        return measure_errors(self.call, self.bounds)

    @cached_property
    def out_error(self) -> Array:
        """Error bound of Σ_s weights_ls value_s, relative to the largest value, (..., G, n, L)."""
        return np.asarray(np.minimum(self.bounds.weight_error, self.measured.weights))

    @cached_property
    def mean_error(self) -> Array:
        """Error bound of Σ_s thinned_ls d_out_l · value_s, (..., G, n, L)."""
        bounds = self.bounds
        size = np.where(self.call.unmasked_rows, bounds.d_thinned_size, 0.0)
        return np.asarray(np.minimum(2 * bounds.weight_error * size, self.measured.means * bounds.d_size))

    def rows_error(self, shape: tuple[int, ...], terms: int = 0) -> Array:
        """Allowed error of Σ_ls d_scores_ls, summed to `shape`; sums over `terms` numbers come on top."""
        bounds, m = self.bounds, self._measured_for(shape)
        once, mass = map(self.call.all_rows, (bounds.error_at(m.d_rows), bounds.mass_at(m.of_d_rows)))
        return quadrature_sum(once, shape) + (bounds.g_longest + bounds.g(terms)) * unbroadcast(mass, shape)

    def two_way_error(self, shape: tuple[int, ...], terms: int = 0) -> Array:
        """Allowed difference between two ways to compute Σ_ls d_scores_ls scores_ls, likewise."""
        call, bounds, m = self.call, self.bounds, self._measured_for(shape)
        once = call.all_rows(bounds.error_at(m.d_lengths) * bounds.score_size)
        mass = call.all_rows(bounds.mass_at(m.of_d_lengths) * bounds.score_size)
        certain = (bounds.g_longest + bounds.g(call.D) + bounds.g(terms)) * unbroadcast(mass, shape)
        return quadrature_sum(2 * once, shape) + certain

    def _measured_for(self, shape: tuple[int, ...]) -> MeasuredErrors:
        """The measured errors if all rows are summed; a single row may be unlike the measured ones."""
        return MeasuredErrors() if shape[-1] > 1 else self.measured

    # ------------------------------------------------------------------------------- the second call

    def draw(self, number: int) -> np.random.Generator:
        """Random generator for one law."""
        return np.random.default_rng([self.seed, number])

    def call_again(self, **changed: Any) -> Any:
        """(out, lse) of a call with some arguments or options changed; lse is None if not returned."""
        assert self.again is not None
        inputs = self.call.inputs.replace(**changed)
        try:
            result = self.again(*inputs.arguments, **inputs.keywords)
        except NotImplementedError as reason:
            raise InsufficientEvidence(f"again: {reason or 'not implemented'}") from reason
        out, lse = result if isinstance(result, tuple) else (result, None)
        if np.asarray(out).dtype == np.float16 and np.isinf(out).any():
            raise InsufficientEvidence("out overflows float16 when called again")
        return self.call.grouped(out, 2), None if lse is None else self.call.grouped(lse, 1)


def _varies_along_queries(mask: Mask) -> bool:
    if isinstance(mask, Combined):
        return any(map(_varies_along_queries, mask.masks))
    if isinstance(mask, Visible):
        return mask.pairs.ndim > 1 and mask.pairs.shape[-2] > 1
    return not isinstance(mask, FirstKeys | RealKeys)
