"""The right results of a rule's call, with bounds on the rounding error of computing them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..pairs.calls import as_outputs, as_tuple, by_name, call_of
from ..pairs.function_rules import Rule
from ..rounding.error_analysis import FLOAT64, Bounded, stored_error
from ..rounding.formats import ARITHMETICS, Format, Roundoff
from .calling import RuleCall
from .formulas import FORMULAS
from .running import Running, gradients
from .step_formulas import STEP_FORMULAS


class Expected(NamedTuple):
    """Right values by tensor ("out", "lse", "d_<argument>"), their bounds before rounding to storage."""

    values: dict[str, Array]
    errors: dict[str, Array]
    roundoff: Roundoff

    def allowed(self, tensor: str, kept: Format | None = None) -> Array:
        """The error bound of each element, once stored in a format (default: the run's)."""
        numbers = Bounded(self.values[tensor], self.errors[tensor])
        storage = max((kept or self.roundoff.storage).flushed, self.roundoff.storage.flushed)
        return stored_error(numbers, storage, self.roundoff.arithmetic.precision)


def right_values(
    forward: Any, backward: Any, arguments: Mapping[str, Any], cotangents: tuple[Array, ...] = ()
) -> dict[str, Array]:
    """Outputs and gradients of a pair in float64, by name; without cotangents, those of ones."""
    with np.errstate(all="ignore"):
        call = call_of(forward, backward, (), arguments)
        out, saved = call.outputs()
        outputs = dict(zip(("out", "lse"), map(np.asarray, as_tuple(out)), strict=False))
        given = cotangents or [np.ones(x.shape) for x in outputs.values()]
        grads = by_name(backward(as_outputs(out, given), saved), call)
    return outputs | {f"d_{name}": np.asarray(x) for name, x in grads.items() if x is not None}


def formula_of(rule: str) -> Any:
    """The textbook formula of a rule."""
    return (FORMULAS | STEP_FORMULAS)[rule.removesuffix(" of distributions")]


def call_for(rule: Rule, arguments: Mapping[str, Any], kept: Format, seed: int) -> RuleCall:
    """A call with random cotangents, exact in a format; 0 where the output is infinite and not hidden."""
    values, rng = right_values(rule.forward, rule.backward, arguments), np.random.default_rng([seed, 1])

    def cotangent(out: Array) -> Array:
        drawn = kept.rounded(rng.standard_normal(out.shape))
        return np.where(np.isfinite(out) | (rule.name == "mask"), drawn, 0.0)

    d_out = cotangent(values["out"])
    d_lse = cotangent(values["lse"]) if "lse" in values else None
    leaves = tuple(name[2:] for name in values if name.startswith("d_"))
    return RuleCall(arguments, d_out, leaves, kept, d_lse)


def expected_of(rule: Rule, call: RuleCall, roundoff: Roundoff) -> Expected:
    """Right values and bounds of a call; in float64, the pair's own error is allowed besides."""
    values = right_values(rule.forward, rule.backward, call.arguments, call.cotangents)
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
        out = formula_of(rule)(**numbers)
        outs = out if isinstance(out, tuple) else (out,)
        derived = gradients(outs, call.cotangents, [numbers[name] for name in call.leaves])
        errors = {name: each.of.error for name, each in zip(("out", "lse"), outs, strict=False)}
        errors |= {f"d_{name}": d.error for name, d in zip(call.leaves, derived, strict=True)}
    return {name: np.where(np.isnan(error), np.inf, error) for name, error in errors.items()}
