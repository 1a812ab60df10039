"""Small problems as one tile: which they are, and the numbers of the tiles."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast import dense, tiles
from numpy_attention.functional.fast.kept import Kept
from numpy_attention.functional.fast.plan import FastSettings, workload_of
from tests.support.fast_problems import problem_of

SETTINGS = FastSettings(None, 1)
MASKS = {
    "none": None, "causal": na.causal("top_left"), "padding": na.padding([2, 7]),
    "window": na.window(0, 1, offset=-2),
}  # fmt: skip


def case(scale=0.5, mask=None, dtype=np.float64):
    """Two batch entries of 4 query heads on 2 key heads, which share their values."""
    rng = np.random.default_rng(9)
    shapes = (2, 4, 5, 3), (2, 2, 7, 3), (1, 2, 7, 2), (2, 4, 5, 2), (2, 4, 5)
    query, key, value, d_out, d_lse = (rng.standard_normal(shape).astype(dtype) for shape in shapes)
    return problem_of(query, key, value, mask=mask, scale=scale), d_out, d_lse


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("scale", (0.5, 40.0, -1.0))
def test_numbers_are_those_of_the_tiles(mask, scale):
    """Peaks at a scale of 40, and rows without a key under the window."""
    problem, d_out, d_lse = case(scale, MASKS[mask])
    assert dense.fits(problem, None)
    work = workload_of(problem, SETTINGS)
    out, statistics, good = dense.forward(problem, Kept())
    expected = tiles.forward(work, SETTINGS, Kept())
    assert good.all()
    assert scale != 40 or statistics.largest.max() > 15 / 16
    np.testing.assert_allclose(out, expected.out, rtol=0, atol=1e-12)
    assert (statistics.largest <= expected.statistics.largest * (1 + 1e-11)).all()
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(statistics.lse(), expected.statistics.lse(), rtol=1e-12)
    got = dense.backward(problem, statistics, out, d_out, d_lse, {})
    wanted, _ = tiles.backward(work, SETTINGS, expected.statistics, expected.out, d_out, d_lse, {})
    wanted[4] = wanted[4].sum()
    for x, y in zip([*got[:3], got[4]], [*wanted[:3], wanted[4]], strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-10)


def test_exponentials_are_kept_within_the_limit():
    problem, d_out, d_lse = case()
    size = 2 * 4 * 5 * 7 * 8
    for room, held in ((size - 1, 0), (size, 1)):
        kept = Kept(room)
        out, statistics, _ = dense.forward(problem, kept)
        exponentials, memory = kept.take()
        assert (len(exponentials), memory) == (held, [])
        got = dense.backward(problem, statistics, out, d_out, d_lse, exponentials)
        again = dense.backward(problem, statistics, out, d_out, d_lse, {})
        assert all((x == y).all() for x, y in zip(got[:3], again, strict=False))


def test_row_of_which_all_visible_scores_overflow_is_not_good():
    query, key = np.array([[1e200], [0.1], [1e200]]), np.full((2, 1), -1e200)
    visible = na.visible(np.array([[True, True], [True, True], [False, False]]))
    for mask, expected in ((None, [False, True, False]), (visible, [False, True, True])):
        with np.errstate(all="ignore"):
            good = dense.forward(problem_of(query, key, key, scale=1.0, mask=mask), Kept()).good
        assert good.tolist() == expected


@pytest.mark.parametrize(
    "options",
    [{"bias": np.zeros((5, 7))}, {"softcap": 2.0}, {"sinks": np.zeros(4)}, {"dropout": na.dropout(1, 0.1)},
     {"scale": np.ones((5, 1))}],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
def test_other_options_are_left_to_the_tiles(options):
    problem, _, _ = case()
    arguments = dict(zip(("query", "key", "value"), problem[1:4], strict=True))
    assert not dense.fits(problem_of(**arguments, **options), None)
    assert not dense.fits(problem, (2, 3))
    large = np.zeros((2, 200, 3))
    assert not dense.fits(problem_of(large, large, large), None)
