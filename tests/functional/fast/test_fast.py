"""`fast_attention` as a whole: numbers, threads, memory, and what blockwise attention does for it."""

import tracemalloc

import numpy as np
import pytest

import numpy_attention as na
from tests.support.judges import bits

RNG = np.random.default_rng(7)


def arrays(*shapes, dtype=np.float32):
    return [RNG.standard_normal(shape).astype(dtype) for shape in shapes]


def results(query, key, value, d_out, **options):
    out, saved = na.fast_attention_forward(query, key, value, **options)
    return out, saved.lse, *na.fast_attention_backward(d_out, saved)[:3]


def flat(x):
    """The arrays of a gradient, which may be that of a bias value."""
    return [] if x is None else list(x) if isinstance(x, tuple) else [x]


PROBLEMS = {
    "large": ([(2, 700, 19), (2, 900, 19), (2, 900, 17), (2, 700, 17)], {}),
    "small": ([(5, 6, 37, 5), (5, 3, 41, 5), (5, 3, 41, 7), (5, 6, 37, 7)], {}),
    "causal": ([(3, 611, 5)] * 4, {"mask": na.causal()}),
    "window": ([(1, 2, 1031, 5)] * 4, {"mask": na.window(40, 0)}),
    "padding": (
        [(2, 4, 531, 5), (2, 2, 533, 5), (2, 2, 533, 3), (2, 4, 531, 3)],
        {"mask": na.padding([7, 533])},
    ),
    "alibi": ([(4, 531, 5), (2, 533, 5), (2, 533, 3), (4, 531, 3)],
              {"bias": na.alibi([1.0, 0.5, 0.25, 0.1], offset=2)}),
    "bias": ([(4, 531, 5), (2, 533, 5), (2, 533, 3), (4, 531, 3)],
             {"bias": RNG.standard_normal((1, 531, 1)), "sinks": RNG.standard_normal(4)}),
    "dropout": ([(3, 5, 130, 5), (3, 5, 120, 5), (3, 5, 120, 3), (3, 5, 130, 3)],
                {"dropout": na.dropout(3, 0.2), "softcap": 3.0}),
    "causal, with dropout": (
        [(5, 30, 5)] * 4, {"mask": na.causal(), "dropout": na.dropout(3, 0.2)},
    ),
    "peaked": ([(2, 700, 19), (2, 900, 19), (2, 900, 17), (2, 700, 17)], {"scale": 9.0}),
    "relative": (
        [(4, 31, 5), (2, 33, 5), (2, 33, 3), (4, 31, 3)],
        {"bias": na.relative(RNG.standard_normal((4, 7)), RNG.integers(0, 7, (31, 33)))},
    ),
    "a scale for each row": ([(2, 700, 19), (2, 900, 19), (2, 900, 17), (2, 700, 17)],
                             {"scale": RNG.uniform(0.1, 3, (2, 700, 1))}),
}  # fmt: skip


@pytest.fixture(params=PROBLEMS)
def problem(request):
    shapes, options = PROBLEMS[request.param]
    return arrays(*shapes), options


@pytest.mark.parametrize("path", ("blockwise_attention", "fast_attention"))
def test_the_numbers_are_those_of_attention(problem, path):
    """Float32 against float64 inside: 64 roundoffs of the size of the results are allowed."""
    (query, key, value, d_out), options = problem
    expected, saved = na.attention_forward(query, key, value, **options)
    d_lse = arrays(saved.lse.shape)[0]
    gradients = na.attention_backward(d_out, saved, d_lse=d_lse)
    out, fast_saved = getattr(na, f"{path}_forward")(query, key, value, **options)
    got = getattr(na, f"{path}_backward")(d_out, fast_saved, d_lse=d_lse)
    sharpness = max(1.0, float(abs(saved.scores).max()) / 8)
    pairs = [(out, expected), (fast_saved.lse, saved.lse)]
    pairs += [
        (x, y) for a, b in zip(got, gradients, strict=True) for x, y in zip(flat(a), flat(b), strict=True)
    ]
    for x, y in pairs:
        assert abs(x - y).max() <= 64 * 2.0**-24 * sharpness * max(1, abs(y).max())


@pytest.mark.parametrize("threads", (2, 3, 7))
def test_no_bit_depends_on_the_number_of_threads(problem, threads, blas):
    (query, key, value, d_out), options = problem

    def run(threads):
        out, saved = na.fast_attention_forward(query, key, value, threads=threads, **options)
        gradients = na.fast_attention_backward(d_out, saved)
        return [out, saved.lse, *(x for d in gradients for x in flat(d))]

    for x, y in zip(run(1), run(threads), strict=True):
        assert (bits(np.atleast_1d(x)) == bits(np.atleast_1d(y))).all()


def test_blas_is_limited_and_restored(blas):
    na.fast_attention(*arrays((9, 300, 5), (9, 300, 5), (9, 300, 2)), threads=3)
    assert set(blas.limits[:-1]) == {1}
    assert blas.threads == 4


def test_without_threadpoolctl_the_numbers_are_the_same(without_threadpoolctl):
    query, key, value = arrays((9, 300, 5), (9, 300, 5), (9, 300, 2))
    out = na.fast_attention(query, key, value, threads=3)
    assert abs(out - na.attention(query, key, value)).max() < 1e-5


def test_workers_are_quiet_whatever_the_caller_says(blas):
    query, key, value = arrays((9, 300, 5), (9, 300, 5), (9, 300, 2))
    with np.errstate(all="raise"):
        out = na.fast_attention(100 * query, key, value, threads=3, mask=na.causal())
    assert np.isfinite(out).all()


@pytest.mark.parametrize("case", (
    ("complex numbers", {"query": lambda x: x * 1j}),
    ("a scale for each pair", {"scale": np.ones((3, 4))}),
    ("no key", {"key": lambda x: x[:0], "value": lambda x: x[:0]}),
), ids=lambda case: case[0])  # fmt: skip
def test_unsupported_arguments_are_computed_by_blockwise(case):
    given = dict(zip(("query", "key", "value"), arrays((3, 5), (4, 5), (4, 2), dtype=float), strict=True))
    options = {name: x for name, x in case[1].items() if name not in given}
    given = {name: case[1].get(name, lambda x: x)(x) for name, x in given.items()}
    out, saved = na.fast_attention_forward(**given, **options)
    expected, blockwise = na.blockwise_attention_forward(**given, **options)
    assert saved.work is None
    assert (out == expected).all()
    d_out = np.ones_like(out)
    for x, y in zip(
        na.fast_attention_backward(d_out, saved),
        na.blockwise_attention_backward(d_out, blockwise),
        strict=True,
    ):
        assert (x is None and y is None) or (x == y).all()


def test_complex_cotangent_is_computed_by_blockwise():
    query, key, value, d_out = arrays((3, 5), (4, 5), (4, 2), (3, 2), dtype=float)
    out, saved = na.fast_attention_forward(query, key, value)
    gradients = na.fast_attention_backward(d_out * 1j, saved)
    for x, y in zip(gradients[:3], na.fast_attention_backward(d_out, saved)[:3], strict=True):
        assert x.dtype == complex
        assert abs(x - y * 1j).max() < 1e-14


def test_nan_cotangent_shows_in_its_row_only():
    query, key, value, d_out = arrays((3, 5), (4, 5), (4, 2), (3, 2), dtype=float)
    out, saved = na.fast_attention_forward(query, key, value, mask=na.causal("top_left"))
    clean = na.fast_attention_backward(d_out, saved)
    d_out[1, 0] = np.nan
    dirty = na.fast_attention_backward(d_out, saved)
    assert np.isnan(dirty.d_query[1]).all()
    assert (dirty.d_query[[0, 2]] == clean.d_query[[0, 2]]).all()
    assert np.isnan(dirty.d_value[:2, 0]).all()
    assert (dirty.d_value[:, 1] == clean.d_value[:, 1]).all()


@pytest.mark.parametrize("wrong", (np.nan, np.inf))
@pytest.mark.parametrize("option", ("scale", "bias", "sinks", "key"))
def test_non_finite_inputs_show_as_in_blockwise(option, wrong):
    shapes = {"query": (4, 13, 5), "key": (2, 11, 5), "value": (2, 11, 3)}
    given = dict(zip(shapes, arrays(*shapes.values(), dtype=float), strict=True))
    given |= {"scale": np.ones((4, 13, 1)), "bias": np.ones((4, 13, 11)), "sinks": np.zeros(4)}
    given[option][(2, 7, 0)[: given[option].ndim] if option != "key" else (1, 7, 0)] = wrong
    d_out = arrays((4, 13, 3), dtype=float)[0]
    results = []
    for path in ("blockwise_attention", "fast_attention"):
        out, saved = getattr(na, f"{path}_forward")(**given, mask=na.causal("top_left"))
        results.append([out, saved.lse, *getattr(na, f"{path}_backward")(d_out, saved)])
    assert not all(np.isfinite(x).all() for x in results[0])
    for x, y in zip(*results, strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-12, atol=1e-12)


def test_memory_grows_with_the_length_and_not_with_its_square():
    def peak(L):
        query, key, value, d_out = arrays(*[(L, 16)] * 4)
        mask = na.window(100, 0)
        results(query, key, value, d_out, mask=mask, keep=0)
        tracemalloc.start()
        results(query, key, value, d_out, mask=mask, keep=0)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    most = peak(8192)
    assert most <= 2.5 * peak(4096)
    assert most < 8192 * 16 * 4 * 24  # two dozen arrays of the size of the query


def test_threads_are_one_whole_number():
    query, key, value = arrays((3, 5), (4, 5), (4, 2))
    for wrong, error in ((0, ValueError), ([1, 2], TypeError), (1.5, TypeError)):
        with pytest.raises(error, match="threads"):
            na.fast_attention(query, key, value, threads=wrong)


def test_a_foreign_saved_is_refused():
    query, key, value = arrays((3, 5), (4, 5), (4, 2))
    out, saved = na.attention_forward(query, key, value)
    with pytest.raises(TypeError, match="fast_attention_forward"):
        na.fast_attention_backward(out, saved)
