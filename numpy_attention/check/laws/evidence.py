"""What laws read: one call's arrays and sizes, what is in use there, some of its rows, and another call."""

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from ...functional.attention.biases import Bias
from ...functional.attention.dropout import Dropout
from ...functional.base.admission import Array
from ...functional.masks.kinds import Band, FirstKeys, RealKeys, Visible
from ...functional.masks.mask import Combined, Inverted, Mask
from .law import OPTIONS, Undecided
from .magnitudes import Sizes, dot


class Evidence(Sizes):
    """Everything about one call that a law may ask for; each is computed when it is asked for, once."""

    # ------------------------------------------------------------------------------------ what is in use

    @cached_property
    def circumstances(self) -> frozenset[str]:
        """What is in use, in the words in which laws name it."""
        spec, sinks = self.spec, self.sinks is not None
        bias, unarrayed = self.array("bias"), isinstance(spec.bias, Bias)
        varies = (bias is not None and bias.shape[-1] != 1) or unarrayed
        there = {
            "softcap": spec.softcap is not None,
            "sinks": sinks,
            "sinks without lse": sinks and "lse" not in self.arrays,
            "sinks and d_weights": sinks and "d_weights" in self.arrays,
            "dropout": spec.dropout is not None,
            "dropout drawn from a seed": isinstance(spec.dropout, Dropout),
            "d_weights": "d_weights" in self.arrays,
            "a mask": spec.mask is not None,
            "a mask that tells queries apart": spec.mask is not None and _tells_queries_apart(spec.mask),
            "a bias that is no array": unarrayed,
            "a bias that varies along keys": varies,
            "a bias that varies along queries": (bias is not None and bias.shape[-2] != 1) or unarrayed,
            "a scale that varies along keys": self.scale.shape[-1] != 1,
        }
        return frozenset(name for name, true in there.items() if true)

    def lacks(self, need: str) -> str:
        """Why what a law needs is not there; "" if it is."""
        there: dict[str, Callable[[], bool]] = {
            "again": lambda: self.again is not None,
            "dot scores": lambda: self.spec.score == "dot",
            "concat scores": lambda: self.spec.score == "concat",
            "an identity activation": lambda: self.spec.activation == "identity",
            "bounded scores": lambda: math.isfinite(self.span),
            "a row that sees nothing": lambda: not bool(self.sees.all()),
            "a key that nobody sees": lambda: not bool(self.seen.all()),
            "a row that sees one key": lambda: bool((self.counts.keys == 1).any()),
            "a mask without look-ahead": lambda: (
                isinstance(self.spec.mask, Band) and self.spec.mask.right == 0
            ),
            "heads that share keys": lambda: self.n > 1,
            "two sampled rows": lambda: len(self.sample) > 1,
        }
        if need in there:
            return "" if there[need]() else f"needs {need}"
        if need not in self.arrays:
            return f"needs {need}"
        x = self.arrays[need]
        overflown = x.dtype == np.float16 and need.startswith(("d_", "out")) and np.isinf(x).any()
        return f"{need} overflows float16" if overflown and not np.isnan(x).any() else ""

    @cached_property
    def span(self) -> float:
        """How far apart two scores of one row may be before the bias."""
        of = {"sigmoid": 1.0, "tanh": 2.0}
        activation = of.get(self.spec.activation or "", math.inf) if self.spec.score == "concat" else math.inf
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
        """Σ_s d_scores_ls, (..., G, n, L): d_lse_l, less what goes to a sink, share (d_lse - d_out · out)."""
        d_lse = np.where(self.alive, self.d_lse, 0.0)
        if self.sinks is None or not self.sink_share.any():
            return d_lse
        if reason := self.lacks("out"):
            raise Undecided(reason)
        return np.asarray(d_lse - self.sink_share * (d_lse - dot(self.d_out, self.have("out"))))

    # --------------------------------------------------------------------------------------- once more

    def draw(self, number: int) -> np.random.Generator:
        """Random numbers of a law's own."""
        return np.random.default_rng([self.seed, number])

    def call_again(self, *, query: Any = None, key: Any = None, value: Any = None, **changed: Any) -> Any:
        """(out, lse) of another call, lse None if it gives none; options as before, but for those changed."""
        assert self.again is not None
        a = self.arrays
        tensors = (a["query"] if query is None else query, a["key"] if key is None else key,
                   a["value"] if value is None else value)  # fmt: skip
        options = {name: getattr(self.spec, name) for name in OPTIONS} | changed
        try:
            result = self.again(*tensors, **{name: x for name, x in options.items() if x is not None})
        except NotImplementedError as reason:
            raise Undecided(f"again: {reason or 'not implemented'}") from reason
        out, lse = result if isinstance(result, tuple) else (result, None)
        if np.asarray(out).dtype == np.float16 and np.isinf(out).any():
            raise Undecided("out overflows float16 when called again")
        return self.grouped(out, 2), None if lse is None else self.grouped(lse, 1)

    def options_at(self, rows: Any = None, columns: Any = None) -> dict[str, Any]:
        """Those options that are arrays of pairs, at some rows or columns."""
        taken = {}
        for name in ("bias", "scale", "dropout"):
            x = self.arrays.get(name)
            if x is not None and x.ndim and columns is not None and x.shape[-1] > 1:
                x = x[..., columns]
            if x is not None and x.ndim > 1 and rows is not None and x.shape[-2] > 1:
                x = x[..., rows, :]
            taken[name] = x
        return taken


def _tells_queries_apart(mask: Mask) -> bool:
    if isinstance(mask, Combined):
        return _tells_queries_apart(mask.left) or _tells_queries_apart(mask.right)
    if isinstance(mask, Inverted):
        return _tells_queries_apart(mask.mask)
    if isinstance(mask, Visible):
        return mask.pairs.ndim > 1 and mask.pairs.shape[-2] > 1
    return not isinstance(mask, FirstKeys | RealKeys)
