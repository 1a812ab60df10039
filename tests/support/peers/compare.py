"""Comparing a pair with another library: values, gradients and Hessian-vector products, in float64.

Ours come from forward and backward, and from both by the complex step. The tolerance is relative to the
largest entry: every result is a sum of at most N products, N the count of input and output numbers, and such
a sum loses 4 u √(N + 4) of its terms' magnitude, u = 2^-53, on both sides. Where terms cancel, their size is
given as `terms`.
"""

import math
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from numpy_attention.check.pairs.calls import as_tuple, by_name, call_of, is_float_array, like_outputs
from numpy_attention.check.pairs.differentiation import H
from numpy_attention.check.pairs.examples import Example
from tests.support.formula import g


class Results(NamedTuple):
    """Tuples of arrays: outputs, gradients, and the derivatives of both along a direction of the arguments.

    An output of -inf has derivative 0.
    """

    out: Any
    gradients: Any
    second: Any
    out_along: Any


class Draw(NamedTuple):
    """A call, the names of the differentiated arguments, cotangents, and a direction for each argument."""

    call: Any
    names: list[str]
    cotangents: Any
    directions: dict[str, Any]


def drawn(rule, example, seed):
    """A random draw: cotangents are 0 where an output is -inf, directions as large as the arguments."""
    call = call_of(rule.forward, rule.backward, example.args, example.kwargs)
    rng = np.random.default_rng(seed)
    out, saved = call.outputs()
    cotangents = like_outputs(out, lambda x: np.where(np.isfinite(x), rng.standard_normal(x.shape), 0.0))
    gradients = by_name(call.backward(cotangents, saved), call)
    arrays = {name: x for name, x in call.arguments.items() if is_float_array(x)}
    names = [name for name in arrays if gradients.get(name) is not None]
    directions = {name: rng.standard_normal(arrays[name].shape) for name in names}
    directions = {name: (largest(arrays[name]) or 1) * d for name, d in directions.items()}
    return Draw(call, names, cotangents, directions)


def largest(x):
    """The largest finite magnitude; 0 if there is none."""
    return float(np.abs(x[np.isfinite(x)]).max(initial=0))


def ours(draw):
    call, names, cotangents, directions = draw
    out, saved = call.outputs()
    gradients = by_name(call.backward(cotangents, saved), call)
    stepped, stepped_saved = call.outputs(
        **{name: call.arguments[name] + 1j * H * directions[name] for name in names}
    )
    along = by_name(call.backward(cotangents, stepped_saved), call)
    return Results(
        as_tuple(out),
        tuple(gradients[name] for name in names),
        tuple(np.imag(along[name]) / H for name in names),
        tuple(np.where(np.isfinite(x), np.imag(x) / H, 0) for x in as_tuple(stepped)),
    )


def disagreements(rule, example, theirs, order, terms=0, seeds=(0, 1, 2)):
    """One line for each result outside the tolerance around theirs(draw); magnitudes are those of all draws.

    terms: the largest number in a cancelling difference, for a cotangent and a direction of 1.
    """
    draws = [drawn(rule, example, seed) for seed in seeds]
    got, expected = [ours(draw) for draw in draws], [theirs(draw) for draw in draws]
    lost = 2 * g(sum(np.size(x) for results in got[0][:2] for x in results))
    c = max(largest(np.asarray(x)) for draw in draws for x in as_tuple(draw.cotangents))
    v = max([largest(x) for draw in draws for x in draw.directions.values()], default=0)
    lines = []
    for field, factor in list(zip(Results._fields, (1, c, c * v, v), strict=True))[: 2 * order]:
        one = zip(*(getattr(results, field) for results in got), strict=True)
        other = zip(*(getattr(results, field) for results in expected), strict=True)
        for n, (some, others) in enumerate(zip(one, other, strict=True)):
            allowed = lost * (max(largest(np.asarray(x)) for x in some) + terms * factor)
            error = max(map(apart, some, others))
            if not error <= allowed:
                lines.append(f"{example.name}: {field} {n} is {error:.3g} apart, {allowed:.3g} is allowed")
    return lines


def apart(x, y):
    """The largest difference; equal infinities differ by 0."""
    if np.shape(x) != np.shape(y):
        return math.inf
    with np.errstate(invalid="ignore"):
        differences = np.abs(np.where(x == y, 0.0, np.subtract(x, y)))
    return float(differences.max(initial=0)) if not np.isnan(differences).any() else math.inf


def lines_against(rule, theirs, left_out=(), terms=None):
    """`disagreements` to first order in every example not left out, and in one redrawn copy of each.

    terms: by example name, where it is not 0.
    """
    examples = [example for example in rule.examples if example.name not in left_out]
    assert len(examples) >= 3
    lines = []
    for example in examples:
        for call in (example, redrawn(example, 1)):
            lines += disagreements(rule, call, theirs, 1, (terms or {}).get(example.name, 0))
    return lines


def redrawn(example, seed):
    """The example with the finite entries of every array shuffled and scaled by random factors below 1.

    Magnitudes and signs keep their distribution, and probabilities stay within 0 and 1.
    """
    rng = np.random.default_rng(seed)

    def again(x):
        if not is_float_array(x):
            return x
        x = np.array(x)
        finite = np.isfinite(x)
        x[finite] = rng.permutation(x[finite]) * rng.uniform(0.3, 1, finite.sum())
        return x

    args = tuple(map(again, example.args))
    return Example(example.name, args, {name: again(x) for name, x in example.kwargs.items()}, example.order)


# --------------------------------------------------------------------------- planted faults


def changed(change, results):
    """Results with `change` applied to every array; None stays."""
    if isinstance(results, dict):
        return {name: changed(change, x) for name, x in results.items()}
    if isinstance(results, tuple):
        members = [changed(change, x) for x in results]
        return type(results)(*members) if hasattr(results, "_fields") else tuple(members)
    return None if results is None else change(results)


def larger(x):
    return x + 1e-9 * np.where(np.isfinite(x), x, 0)


def steeper(x):
    """The same numbers with derivatives 1e-9 larger."""
    return np.real(x) + 1j * np.imag(x) * (1 + 1e-9) if np.iscomplexobj(x) else x


def spoiled(rule, forward=None, backward=None):
    """The rule with a change applied to the results of forward or backward."""

    @wraps(rule.forward)
    def spoiled_forward(*args, **kwargs):
        out, saved = rule.forward(*args, **kwargs)
        return changed(forward, out) if forward else out, saved

    def spoiled_backward(d_out, saved):
        gradients = rule.backward(d_out, saved)
        return changed(backward, gradients) if backward else gradients

    return rule._replace(forward=spoiled_forward, backward=spoiled_backward)
