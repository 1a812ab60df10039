"""Law 30: each gradient is the slope of the output in one direction, by finite differences of `again`.

It covers the faults that no other law detects: a wrong factor that all gradients share, a missing derivative
of softcap. It is the only law with a step that should tend to 0, and the coarsest.
"""

from collections.abc import Iterator

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.arrays import norms, unbroadcast
from .arguments import AXES
from .bounds import Bounds, largest
from .domain import Feature, InsufficientEvidence, Need
from .evidence import Evidence
from .law import Sides, law
from .sums import common_shape, dot, quadrature_sum

DIRECTIONS = ("query", "key", "bias", "scale", "sinks")


@law(
    30,
    "the gradient is the slope",
    "F(x + t) - F(x - t) = 2 <d_x, t> + O(t³), F = <d_out, out> + <d_lse, lse>; x any argument but value.",
    proof="""\
Taylor; even powers of t cancel. The same with 2t, halved, has four times the error: the difference of
the two is three times the error of the first, and twice that difference is allowed. t moves no score by
more than about the cube root of the score's error bound; half of its direction is random, half the
gradient's own. x ± t is used as rounded to the dtype.""",
    domain="""\
Holds with everything except d_weights; with d_lse, `again` must return (out, lse). value is law 22's. The
lower the precision, the larger the allowed difference.""",
    needs=(Need.AGAIN, Need.OUT, Need.D_OUT),
    broken_by=(Feature.D_WEIGHTS,),
)
def gradient_is_slope(e: Evidence) -> Iterator[Sides]:
    """One comparison for each argument that has a gradient."""
    for name in DIRECTIONS:
        if name in e.call.arrays and not e.missing(Need(f"d_{name}")):
            yield _sides(e, name)


def _sides(e: Evidence, name: str) -> Sides:
    call, x = e.call, e.call.arrays[name]
    d, behind = call.require(f"d_{name}"), AXES.get(name, 2)
    h = float(np.clip(3 * _typical_error(e.bounds) ** (1 / 3), 1e-5, 0.6))
    t = _direction(e, name)
    t = t * min(h / (_score_change(e, name, t) or 1.0), (largest(x) or 1.0) / (largest(t) or 1.0))
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(float)
    moved = {k: (x + k * t).astype(dtype) for k in (1, -1, 2, -2)}
    if any((np.isfinite(x) & ~np.isfinite(y)).any() for y in moved.values()):
        raise InsufficientEvidence(f"the step overflows {dtype}")
    heights = {k: _height(e, name, y) for k, y in moved.items()}

    apart = np.where(np.isfinite(x), moved[1].astype(float) - moved[-1].astype(float), 0.0)
    displacement, trailing = call.grouped(apart, behind, of_keys=name == "key"), tuple(range(-behind, 0))
    shape = common_shape((*call.batch, call.G, call.n), d.shape[: d.ndim - behind])
    left, wider = (unbroadcast(heights[k] - heights[-k], shape) for k in (1, 2))
    right = unbroadcast((d * displacement).sum(axis=trailing), shape)
    rounding = (e.bounds.rounding(f"d_{name}") * np.abs(displacement)).sum(axis=trailing)
    allowed = 2 * np.abs(left - wider / 2) + _height_error(e, shape) + unbroadcast(rounding, shape)
    allowed = allowed + 2 * h * e.rows_error((*shape, 1))[..., 0]
    return Sides(f"d_{name}", left, right, allowed)


def _typical_error(bounds: Bounds) -> float:
    """Typical relative error of the weights."""
    return float(np.median(bounds.weight_error)) if bounds.weight_error.size else 1.0


def _direction(e: Evidence, name: str) -> Array:
    """A random direction, which misses no error, plus the normalized gradient, whose slope cannot cancel."""
    x, d = e.call.arrays[name], e.call.arrays[f"d_{name}"].astype(float)
    size = float(np.sqrt(np.mean(d * d))) if d.size else 0.0
    steepest = d / size if size > 0 and np.isfinite(size) else np.zeros(d.shape)
    return np.where(np.isfinite(x), e.draw(30).uniform(-1, 1, x.shape) + steepest, 0.0)


def _score_change(e: Evidence, name: str, t: Array) -> float:
    """Upper bound on the change of a score if an argument moves by t."""
    queries, keys = largest(norms(e.call.query)), largest(e.bounds.key_norm)
    if name in ("query", "key"):
        return largest(e.bounds.reach) * largest(norms(t)) * (keys if name == "query" else queries)
    return largest(t) * (queries * keys if name == "scale" else 1.0)


def _height(e: Evidence, name: str, x: Array) -> Array:
    """F of every head, (..., G, n), with the argument `name` replaced by x."""
    call, (out, lse) = e.call, e.call_again(**{name: x[()]})
    height = dot(call.d_out, out)
    if "d_lse" in call.arrays:
        if lse is None:
            raise InsufficientEvidence("needs lse from again")
        height = height + np.where(call.alive, call.d_lse * np.where(call.alive, lse, 0.0), 0.0)
    return np.asarray(call.all_rows(height).sum(axis=-1))


def _height_error(e: Evidence, shape: tuple[int, ...]) -> Array:
    """Error bound of the difference of two heights."""
    call, bounds, S = e.call, e.bounds, e.call.S
    error = 2 * (e.mean_error + dot(bounds.rounding("out"), np.abs(call.d_out)))
    if "d_lse" in call.arrays:
        of_lse = bounds.score_error(bounds.score_size) + bounds.g(S)
        lse_size = bounds.score_size + np.log(S + 2.0) + bounds.bias_size
        error = error + 2 * np.abs(call.d_lse) * (of_lse + 4 * bounds.storage.u * lse_size)
    mass = unbroadcast(call.all_rows(bounds.mass_at(e.measured.of_means)), (*shape, 1))
    once = quadrature_sum(call.all_rows(error), (*shape, 1))
    return np.asarray(once + (bounds.g(S) + bounds.g(call.E)) * mass)[..., 0]
