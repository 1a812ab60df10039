"""No call changes an argument, shares memory or warns, in any memory layout and thread."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest

from tests.support.cases import ARRAYS
from tests.support.formula import formula
from tests.support.judges import assert_same_bits, assert_within
from tests.support.strategies import for_all


def arrays(case):
    return {name: x for name in ARRAYS if isinstance(x := getattr(case, name), np.ndarray)}


@for_all()
def test_no_argument_is_changed(case):
    before = {name: x.tobytes() for name, x in arrays(case).items()}
    case.run()
    assert {name: x.tobytes() for name, x in arrays(case).items()} == before


@for_all()
def test_results_share_no_memory_with_arguments_or_each_other(case):
    out, saved = case.forward()
    results = [x for x in (out, *case.backward(saved)) if isinstance(x, np.ndarray)]
    for x, y in combinations([*results, *arrays(case).values()], 2):
        if any(x is each for each in results):
            assert not np.shares_memory(x, y)
    assert all(x.flags.writeable for x in results)


@for_all()
def test_a_second_call_gives_the_same_bits(case):
    first = case.run()
    assert_same_bits(case.run(), first)
    out, saved = case.forward()
    backward = case.backward(saved)
    assert_same_bits(first, case.numbers(out, saved, case.backward(saved)))
    assert_same_bits(first, case.numbers(out, saved, backward))


@for_all()
def test_results_may_be_overwritten_before_the_backward(case):
    expected = case.run()
    out, saved = case.forward()
    if isinstance(out, np.ndarray):
        out[...] = np.nan
    for d in case.backward(saved):
        if isinstance(d, np.ndarray):
            d[...] = np.nan
    assert_same_bits(
        expected.without("out", "weights", "lse"), type(expected)(None, None, None, *case.backward(saved))
    )


@for_all()
def test_no_floating_point_error_is_raised(case):
    with np.errstate(all="raise"):
        strict = case.run()
    assert_same_bits(strict, case.run())


POOL = ThreadPoolExecutor(3)


@for_all()
def test_worker_threads_get_the_same_bits(case):
    def strictly(_):
        with np.errstate(all="raise"):
            return case.run()

    expected = case.run()
    for numbers in POOL.map(strictly, range(3)):
        assert_same_bits(numbers, expected)


class Subclass(np.ndarray):
    """An array with arithmetic of its own, which must not be met."""

    def __array_ufunc__(self, *args, **kwargs):
        raise AssertionError("the subclass was asked to compute")


def every_second(x):
    if not x.ndim:
        return x
    wide = np.full((*x.shape[:-1], 2 * x.shape[-1] + 1), np.nan, dtype=x.dtype)
    wide[..., 1::2] = x
    return wide[..., 1::2]


def backwards(x):
    turned = np.array(x[(slice(None, None, -1),) * x.ndim])
    return turned[(slice(None, None, -1),) * x.ndim]


def read_only(x):
    x = x.copy()
    x.flags.writeable = False
    return x


LAYOUTS = {
    "Fortran order": lambda x: np.array(x, order="F"),
    "transposed": lambda x: np.array(x.T, order="C").T,
    "negative strides": backwards,
    "every second entry": every_second,
    "read-only": read_only,
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "foreign byte order": lambda x: x.astype(x.dtype.newbyteorder()),
    "subclass": lambda x: x.view(Subclass),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@for_all()
def test_memory_layout_does_not_matter(case, layout):
    laid = case.but(**{name: LAYOUTS[layout](x) for name, x in arrays(case).items()})
    numbers, expected, bound = laid.run(), case.run(), formula(case)[1]
    assert_within(numbers, expected, bound, bound)
    for x, y in zip(numbers, expected, strict=True):
        assert type(x) is type(y)
        assert x is None or x.dtype == y.dtype
