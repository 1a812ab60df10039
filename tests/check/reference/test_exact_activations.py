"""Activations and their derivatives within 4 units in the last place of fifty digits, on a stated range.

The unit is that of the exact number; where a derivative is a sum of two terms that may cancel, that of the
larger one.
"""

from itertools import product

import numpy as np
import pytest

from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.rounding.decimals import digits, exact, spacing, ulps
from tests.support.law_definitions import ACTIVATIONS, gelu_argument

ALLOWED = 4.0
PAIRS = {rule.name: rule for rule in RULES}

RANGES = {
    "tanh": {"float64": (-350, 350), "float32": (-43, 43)},
    "sigmoid": {"float64": (-700, 700), "float32": (-87, 87)},
    "relu": {"float64": (-1e300, 1e300), "float32": (-1e37, 1e37)},
    "leaky_relu": {"float64": (-1e300, 1e300), "float32": (-1e35, 1e35)},
    "softplus": {"float64": (-700, 1e4), "float32": (-87, 1e4)},
    "silu": {"float64": (-700, 1e4), "float32": (-87, 1e4)},
    "gelu": {"float64": (-37, 40), "float32": (-12, 40)},
    "gelu_tanh": {"float64": (-1, 40), "float32": (-1, 40)},
}
"""Where neither the result nor exp on the way to it is below the smallest normal number; in float16 what
there is of the range of float32. gelu_tanh further down: see the last test."""

FOUND = (  # where 24,000 points were worst, over all of them
    *(0.5416013947497849, -4.887123016948738, -0.5135160088539124, -1.7055327892303467),
    *(-3.4620158833407526, 3.4218774526288787, -3.4590201377868652, 1.7895324230194092),
    *(-2.755320034362237, -1.0188426971435547, -3.267779200171173, -6.880747472116546, -5.1979660987854),
    *(-5.958587169647217, -2.5492486844291946, -7.688709149959372, 1.4333919286727905, 1.9507476091384888),
    *(-0.6291083386481182, -0.6969070694240459, -0.6248900294303894, -0.7388906478881836),
    *(-36.436845520620246, 3.828064621770501),
)


def points(low, high, dtype, count=250):
    """Evenly over the range and near 0, evenly in size down to 1e-30, and what was found."""
    low, high = (float(np.clip(end, -np.finfo(dtype).max, np.finfo(dtype).max)) for end in (low, high))
    rng = np.random.default_rng(0)
    even = rng.uniform(low, high, count)
    near = rng.uniform(max(low, -8), 8, 2 * count)
    sizes = 10.0 ** rng.uniform(-30, 0, count) * rng.choice([-1, 1], count)
    x = np.concatenate([even, near, sizes, FOUND, [0.0, low, high]])
    return np.unique(x[(x >= low) & (x <= high)].astype(dtype))


def worst(name, x):
    """The largest error of the function and of its slope, each with where it is."""
    dtype = x.dtype
    out, saved = PAIRS[name].forward(x)
    slope = PAIRS[name].backward(np.ones_like(x), saved)
    function, terms = ACTIVATIONS[name]
    of_function, of_slope = [], []
    with digits():
        for number, y, d, at in zip(exact(x), out, slope, x.tolist(), strict=True):
            parts = terms(number)
            unit = max(spacing(part, dtype) for part in (*parts, sum(parts))) / spacing(sum(parts), dtype)
            of_function.append((abs(ulps(float(y), function(number), dtype)), at))
            of_slope.append((abs(ulps(float(d), sum(parts), dtype)) / unit, at))
    return max(of_function), max(of_slope)


ALL = list(product(ACTIVATIONS, ("float64", "float32", "float16")))


@pytest.mark.parametrize(
    "name, dtype",
    [pytest.param(*each, marks=pytest.mark.slow if n % 2 else ()) for n, each in enumerate(ALL)],
)
def test_within_four_units(name, dtype):
    low, high = RANGES[name].get(dtype, RANGES[name]["float32"])
    of_function, of_slope = worst(name, points(low, high, dtype))
    for what, (units, at) in (("", of_function), (", slope", of_slope)):
        print(f"\n{name}{what} {dtype}: {units:.2f} at {at:.9g}")
    assert of_function[0] <= ALLOWED, of_function
    assert of_slope[0] <= ALLOWED, of_slope


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_tail_of_gelu_tanh_is_as_good_as_its_argument(dtype):
    """σ(2u) falls like exp(2u), whose relative error is the absolute one of 2u: units grow by |2u|."""
    x = points(-9.0 if dtype == "float32" else -21.0, -1.0, dtype)
    out, _ = PAIRS["gelu_tanh"].forward(x)
    function, _ = ACTIVATIONS["gelu_tanh"]
    with digits():
        for number, y in zip(exact(x), out, strict=True):
            size = 1 + abs(float(gelu_argument(number)[0]))
            assert abs(ulps(float(y), function(number), dtype)) <= ALLOWED * size
