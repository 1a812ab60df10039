"""All heads by tiles: results in the callers' shapes, and threads only where they pay off."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast import tiles
from numpy_attention.functional.fast.kept import Kept
from numpy_attention.functional.fast.plan import FastSettings, workload_of
from tests.support.fast_problems import problem_of

SETTINGS = FastSettings(None, 2)


def test_results_have_the_shapes_of_the_arguments():
    rng = np.random.default_rng(8)
    shapes = (2, 3, 6, 5, 4), (1, 3, 2, 7, 4), (2, 1, 2, 7, 3)
    problem = problem_of(
        *(rng.standard_normal(shape) for shape in shapes), bias=np.zeros((6, 1, 7)), sinks=np.zeros(6),
        scale=np.ones((5, 1)),
    )  # fmt: skip
    work = workload_of(problem, SETTINGS)
    out, statistics, good = tiles.forward(work, SETTINGS, Kept())
    assert out.shape == (2, 3, 6, 5, 3)
    assert {x.shape for x in (*statistics, good)} == {(2, 3, 6, 5)}
    gradients, in_range = tiles.backward(
        work, SETTINGS, statistics, out, np.ones_like(out), np.ones(out.shape[:-1]), {}
    )
    assert in_range
    assert [x.shape for x in gradients] == [
        (2, 3, 6, 5, 4), (2, 3, 2, 7, 4), (2, 3, 2, 7, 3), (6, 1, 7), (2, 3, 6, 5, 1), (6,),
    ]  # fmt: skip


def test_too_small_a_cotangent_is_reported():
    x = np.ones((5, 2))
    work = workload_of(problem_of(x, x, x), SETTINGS)
    out, statistics, _ = tiles.forward(work, SETTINGS, Kept())
    for size, expected in ((1.0, True), (0.0, True), (1e-310, False)):
        _, in_range = tiles.backward(work, SETTINGS, statistics, out, size * x, np.zeros(5), {})
        assert in_range is expected


@pytest.mark.parametrize("length, threaded", [(20, False), (600, True)])
def test_little_work_stays_on_the_calling_thread(monkeypatch, length, threaded):
    used = []
    monkeypatch.setattr(tiles, "run_threaded", lambda unit, units, threads: used.append(len(units)))
    x = np.ones((2, length, 8))
    work = workload_of(problem_of(x, x, x, mask=na.causal()), SETTINGS)
    tiles.forward(work, SETTINGS, Kept())
    assert bool(used) == threaded
