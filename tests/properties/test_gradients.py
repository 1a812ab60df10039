"""Gradients agree with the complex step and keep their laws."""

import numpy as np

from numpy_attention.check.reference.oracle import Results
from tests.support.formula import SMALLEST, formula, g
from tests.support.judges import assert_within
from tests.support.strategies import for_all

STEP = 1e-100
ARGUMENTS = ("query", "key", "value", "bias", "scale", "sinks")


def objective(case):
    """The imaginary part of <d_out, out> + <d_weights, weights> + <d_lse, lse>, over the step."""
    out, saved = case.forward()
    weights = getattr(saved, "weights", None)
    parts = ((case.d_out, out), (case.d_weights, weights), (case.d_lse, saved.lse))
    return sum((d * np.imag(x) / STEP).sum() for d, x in parts if d is not None)


def direction(x, rng):
    """A random direction of the size of x, 0 where x is -inf and has no neighbours."""
    x = np.asarray(x)
    finite = np.isfinite(x)
    return np.where(finite, rng.standard_normal(x.shape), 0) * abs(x[finite]).max(initial=2.0**-20)


@for_all()
def test_the_gradients_are_those_of_the_complex_step(case):
    """Three directions, all arguments at once.

    1e-12 of the magnitudes is for complex arithmetic, whose real part keeps about so many digits of the real
    evaluation; the bound is for the conditioning of large scores, in the textbook's order, since a derivative
    that runs forward does not pin at the peak; the floor is what a step so small pushes below the smallest
    number.
    """
    case, rng = case.in_double(), case.rng()
    gradients, bounds = case.run(), formula(case, textbook=True)[1]
    given = [name for name in ARGUMENTS if getattr(case, name) is not None]
    cotangents = [x for x in (case.d_out, case.d_weights, case.d_lse) if x is not None]
    magnitude = max(abs(x[np.isfinite(x)]).max(initial=1) for x in [*cotangents, *arguments(case, given)])
    floor = SMALLEST / STEP * magnitude**5 * sum(x.size for x in cotangents)
    for _ in range(3):
        directions = {name: direction(getattr(case, name), rng) for name in given}
        moved = case.but(**{name: getattr(case, name) + 1j * STEP * d for name, d in directions.items()})
        expected = size = lost = 0.0
        for name, d in directions.items():
            gradient, bound = getattr(gradients, f"d_{name}"), getattr(bounds, f"d_{name}")
            expected += np.sum(gradient * d)
            size += np.sum(abs(gradient * d))
            lost += np.sum(bound * abs(d))
        assert abs(objective(moved) - expected) <= 1e-12 * size + 4 * lost + floor


def arguments(case, names):
    return [np.asarray(getattr(case, name)) for name in names]


@for_all(without=("d_lse",))
def test_rows_of_d_scores_sum_to_zero_their_sink_included(case):
    case = case.with_full_bias()
    if case.sinks is not None:  # one sink for each head and batch entry
        sinks = np.broadcast_to(case.sinks, case.shape[:-2])
        case = case.but(sinks=sinks.astype(float))
    numbers, (_, bound) = case.run(), formula(case)
    sums, lost = numbers.d_bias.sum(axis=-1), bound.d_bias.sum(axis=-1)
    if case.sinks is not None:
        sums, lost = sums.sum(axis=-1) + numbers.d_sinks, lost.sum(axis=-1) + bound.d_sinks
    size = abs(numbers.d_bias).sum(axis=-1)
    size = size if case.sinks is None else size.sum(axis=-1)
    assert (abs(sums) <= lost + g(case.shape[-1] * (case.shape[-2] + 1)) * size).all()


@for_all()
def test_query_key_and_scale_gradients_have_equal_dot_products(case):
    """<d_query, query> = <d_key, key> = <d_scale, scale>: all three enter through the scores alone."""
    case = case.in_double()
    case = case.but(scale=case.scale_used)
    numbers, (_, bound) = case.run(), formula(case)
    pulls, lost, n = [], 0.0, case.query.size + case.key.size + np.size(case.scale)
    for name in ("query", "key", "scale"):
        x, d, e = getattr(case, name), getattr(numbers, f"d_{name}"), getattr(bound, f"d_{name}")
        pulls.append(np.sum(x * d))
        lost += np.sum(abs(x) * e) + g(n) * np.sum(abs(x * d)) + SMALLEST
    assert abs(pulls[0] - pulls[1]) <= lost
    assert abs(pulls[0] - pulls[2]) <= lost


@for_all()
def test_the_gradients_are_linear_in_the_cotangents(case):
    case, rng = case.in_double(), case.rng()
    a, b = rng.standard_normal(2)
    names = [name for name in ("d_out", "d_weights", "d_lse") if getattr(case, name) is not None]
    one = {name: getattr(case, name) for name in names}
    two = {name: rng.standard_normal(d.shape) for name, d in one.items()}
    both = {name: a * one[name] + b * two[name] for name in names}
    rounding = case.but(**{name: abs(a * one[name]) + abs(b * two[name]) for name in names})
    gradients = [f"d_{name}" for name in ARGUMENTS]
    numbers = [case.but(**d).run().only(*gradients) for d in (one, two, both)]
    bounds = [formula(case.but(**d))[1].only(*gradients) for d in (one, two, both)]

    def mixed(first, second, a, b):
        return Results(*[None if x is None else a * x + b * y for x, y in zip(first, second, strict=True)])

    expected = mixed(numbers[0], numbers[1], a, b)
    allowed = mixed(bounds[0], bounds[1], abs(a), abs(b))
    summed = formula(rounding, textbook=True)[1]  # 2 u for the sum of cotangents, the bound's own being 8 u
    assert_within(numbers[2], expected, allowed, bounds[2], summed)


@for_all()
def test_zero_cotangents_give_zero_gradients(case):
    zero = {
        name: 0 * getattr(case, name) for name in ("d_weights", "d_lse") if getattr(case, name) is not None
    }
    numbers = case.but(d_out=0 * case.d_out, **zero).run()
    assert not any(np.any(d) for d in numbers[3:] if d is not None)
    again = case.but(d_out=0 * case.d_out, d_weights=None, d_lse=None).run()
    assert not any(np.any(d) for d in again[3:] if d is not None)


@for_all()
def test_gradients_have_their_arguments_shape_and_dtype(case):
    numbers = case.run()
    assert numbers.out.dtype == np.result_type(case.query, case.key, case.value)
    assert numbers.out.shape == case.d_out.shape
    assert numbers.lse.dtype == case.computed_in
    assert numbers.weights is None or numbers.weights.dtype == np.float64
    for name in ARGUMENTS:
        x, d = getattr(case, name), getattr(numbers, f"d_{name}")
        assert (x is None) == (d is None)
        if x is not None:
            assert np.shape(d) == np.shape(x)
            assert np.asarray(d).dtype == np.asarray(x).dtype
