"""The right results of a rule's call, with bounds on the rounding error of computing them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..pairs.calls import by_name, call_of
from ..pairs.rules import Rule
from ..rounding.error_analysis import FLOAT64, Bounded, stored_error
from ..rounding.formats import ARITHMETICS, Format, Roundoff
from .calling import RuleCall
from .formulas import FORMULAS
from .running import Running, gradients


class Expected(NamedTuple):
    """Right values by tensor ("out", "d_<argument>"), their bounds before rounding to storage."""

    values: dict[str, Array]
    errors: dict[str, Array]
    roundoff: Roundoff

    def allowed(self, tensor: str, kept: Format | None = None) -> Array:
        """The error bound of each element, once stored in a format (default: the run's)."""
        numbers = Bounded(self.values[tensor], self.errors[tensor])
        storage = max((kept or self.roundoff.storage).flushed, self.roundoff.storage.flushed)
        return stored_error(numbers, storage, self.roundoff.arithmetic.precision)


def right_values(forward: Any, backward: Any, arguments: Mapping[str, Any], d_out: Any) -> dict[str, Array]:
    """Output and gradients of a pair in float64, by name; a cotangent of None stands for ones."""
    with np.errstate(all="ignore"):
        call = call_of(forward, backward, (), arguments)
        out, saved = call.outputs()
        grads = by_name(backward(np.ones(np.shape(out)) if d_out is None else d_out, saved), call)
    named = {f"d_{name}": np.asarray(x) for name, x in grads.items() if x is not None}
    return {"out": np.asarray(out), **named}


def call_for(rule: Rule, arguments: Mapping[str, Any], kept: Format, seed: int) -> RuleCall:
    """A call with a random cotangent, exact in a format, 0 where out is infinite."""
    values = right_values(rule.forward, rule.backward, arguments, None)
    drawn = np.random.default_rng([seed, 1]).standard_normal(values["out"].shape)
    d_out = np.where(np.isfinite(values["out"]), kept.rounded(drawn), 0.0)
    return RuleCall(arguments, d_out, tuple(name[2:] for name in values if name != "out"), kept)


def expected_of(rule: Rule, call: RuleCall, roundoff: Roundoff) -> Expected:
    """Right values and bounds of a call; in float64, the pair's own error is allowed besides."""
    values = right_values(rule.forward, rule.backward, call.arguments, call.d_out)
    errors = _bounds(rule.name, call, roundoff)
    if roundoff.arithmetic.u <= FLOAT64.u:
        own = _bounds(rule.name, call, roundoff._replace(arithmetic=ARITHMETICS["float64"]))
        errors = {name: error + own[name] for name, error in errors.items()}
    return Expected(values, errors, roundoff)


def _bounds(rule: str, call: RuleCall, roundoff: Roundoff) -> dict[str, Array]:
    """Error bounds of each tensor, by the textbook formula."""
    with np.errstate(all="ignore"):
        carried = (*call.leaves, "params", "grads")
        numbers = {
            name: Running(Bounded(np.asarray(x, float), np.zeros(np.shape(x))), roundoff.arithmetic)
            if name in carried
            else x
            for name, x in call.arguments.items()
        }
        out = FORMULAS[rule.removesuffix(" of distributions")](**numbers)
        derived = gradients(out, call.d_out, [numbers[name] for name in call.leaves])
        errors = {"out": out.of.error}
        errors |= {f"d_{name}": d.error for name, d in zip(call.leaves, derived, strict=True)}
    return {name: np.where(np.isnan(error), np.inf, error) for name, error in errors.items()}
