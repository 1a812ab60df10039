"""A small checker of pairs, independent of numpy_attention/check/pairs.

The complex step: f(x + ih v) = f(x) + ih f'(x) v + O(h²), so that Im f / h is the derivative along v, with
no subtraction and h as small as one likes.
"""

from functools import partial

import numpy as np

STEP = 1e-100


def tangent(function, arguments, place, direction):
    """The derivative of function(*arguments) along `direction` in the argument at `place`."""
    stepped = list(arguments)
    stepped[place] = arguments[place] + 1j * STEP * direction
    return np.imag(function(*stepped)) / STEP


def as_tuple(gradients):
    return tuple(gradients) if isinstance(gradients, tuple) else (gradients,)


def is_float(x):
    return x is not None and np.asarray(x).dtype.kind in "fc"


def close(left, right, rtol=1e-13, atol=0.0):
    """numpy.allclose without its absolute tolerance of 1e-8."""
    return np.allclose(left, right, rtol=rtol, atol=atol)


def agree(left, right, allowed, what):
    assert abs(left - right) <= allowed, f"{what}: {left} and {right} differ by more than {allowed}"


def check_pair(forward, backward, *arguments, data=(), seed=0, **options):
    """Check gradients, second derivatives and the contract of a pair.

    The gradients belong to `arguments`, in their order, None to None; `data` follows them without any.
    """
    rng = np.random.default_rng(seed)
    call = partial(lambda *given: forward(*given, *data, **options))
    out, saved = call(*arguments)
    d_out = rng.standard_normal(np.shape(out))
    gradients = as_tuple(backward(d_out, saved))
    assert len(gradients) == len(arguments)
    assert [g is None for g in gradients] == [a is None for a in arguments]
    places = [place for place, argument in enumerate(arguments) if is_float(argument)]

    for place in places:
        gradient, argument = gradients[place], arguments[place]
        assert np.shape(gradient) == np.shape(argument)
        for direction in directions(rng, np.shape(argument)):
            change = tangent(lambda *given: call(*given)[0], arguments, place, direction)
            agree(
                np.sum(d_out * change),
                np.sum(gradient * direction),
                1e-12 * np.sum(np.abs(gradient * direction))
                + 1e-14 * np.max(np.abs(gradient), initial=0) * (np.abs(direction).max(initial=0) == 1),
                f"gradient {place}",
            )
    check_second(call, backward, arguments, places, d_out, rng)
    check_contract(call, backward, arguments, data, d_out)


def directions(rng, shape):
    """Three random directions, and each unit vector where there are few."""
    yield from rng.standard_normal((3, *shape))
    if 0 < (size := int(np.prod(shape))) <= 40:
        yield from np.eye(size).reshape(size, *shape)


def check_second(call, backward, arguments, places, d_out, rng):
    """Backward is differentiable by the complex step too, and second derivatives commute."""

    def gradients(*given):
        return as_tuple(backward(d_out, call(*given)[1]))

    def rounding(i, j):
        """Bound on the change of gradient i when argument j changes by its own magnitude."""
        x = np.abs(arguments[j]).max(initial=0)
        return np.abs(gradients(*arguments)[i]).sum() * (1 + 1 / x if x else 1) * 9

    along = {place: rng.standard_normal(np.shape(arguments[place])) for place in places}
    other = {place: rng.standard_normal(np.shape(arguments[place])) for place in places}
    for i in places:
        for j in places:
            rate_i = tangent(lambda *a, i=i: gradients(*a)[i], arguments, j, along[j])
            rate_j = tangent(lambda *a, j=j: gradients(*a)[j], arguments, i, other[i])
            allowed = 1e-10 * (np.abs(rate_i * other[i]).sum() + np.abs(rate_j * along[j]).sum())
            allowed += 1e-14 * (rounding(i, j) + rounding(j, i))
            agree(np.sum(rate_i * other[i]), np.sum(rate_j * along[j]), allowed, (i, j))
            reach = np.abs(arguments[j]).max(initial=0) or 1
            step = 1e-6 * reach
            up, down = list(arguments), list(arguments)
            up[j], down[j] = up[j] + step * along[j], down[j] - step * along[j]
            quotient = (gradients(*up)[i] - gradients(*down)[i]) / (2 * step)
            largest = np.abs(gradients(*arguments)[i]).max(initial=0) / reach
            allowed = 1e-6 * (np.abs(rate_i).max(initial=0) + largest)
            assert np.abs(quotient - rate_i).max(initial=0) <= allowed, (i, j)


def check_contract(call, backward, arguments, data, d_out):
    """No argument changed, no memory shared, same bits again, no warning, complex for complex."""
    given = [np.array(a, copy=True) if isinstance(a, np.ndarray) else a for a in arguments]
    d_given = np.array(d_out, copy=True)
    for array in (*given, d_given):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    with np.errstate(all="raise"):
        out, saved = call(*given)
        first, second = (as_tuple(backward(d_given, saved)) for _ in range(2))
        wide = as_tuple(backward(d_given + 1j * d_given, saved))
    inputs = [a for a in (*given, *data, d_given) if isinstance(a, np.ndarray)]
    results = [r for r in (out, *first) if isinstance(r, np.ndarray)]
    for n, result in enumerate(results):
        assert not any(np.shares_memory(result, array) for array in (*inputs, *results[:n]))
        assert result.flags.writeable
    for one, two, both, argument in zip(first, second, wide, given, strict=True):
        if argument is None:
            continue
        assert one.dtype == np.asarray(argument).dtype
        assert one.tobytes() == two.tobytes()
        assert both.dtype.kind == "c"
        assert close(both.real, one, rtol=1e-12, atol=1e-300)
        assert close(both.imag, one, rtol=1e-12, atol=1e-300)
    for place, argument in enumerate(given):
        if is_float(argument):
            stepped = list(given)
            stepped[place] = argument + 0j
            out, saved = call(*stepped)
            assert out.dtype.kind == "c"
            assert all(g is None or g.dtype.kind == "c" for g in as_tuple(backward(d_out, saved)))
    assert "array(" not in repr(saved)
