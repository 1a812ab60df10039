"""Small problems of attention, among which every fault finds some where it can show."""

import math

import numpy as np

import numpy_attention as na

from ...cases import Case
from ..law_cases import OPTIONS, PLAIN, D, E, H, L, S, case, normal

HEADS = (2, 3, 5)
"""The batch, heads and rows of problems that have as many keys as queries, and a key head for each."""


def square(D=D, **options):
    """A problem in which the axes of queries and keys have one length."""
    rng = np.random.default_rng(7)
    drawn = {name: option(rng) if callable(option) else option for name, option in options.items()}
    return Case(*(rng.standard_normal((*HEADS, width)) for width in (D, D, E, E)), **drawn)


def hiding_bias(rng):
    """A bias that hides some pairs."""
    return np.where(rng.random((H, L, S)) < 0.3, -np.inf, rng.standard_normal((H, L, S)))


def half_of(*shape):
    """Multipliers that drop some pairs."""
    return lambda rng: (rng.random(shape) < 0.6) / 0.6


OTHERS = {
    "a window": case(mask=na.window(2, 1, "bottom_right")),
    "a window open to the right": case(mask=na.window(2, None, "top_left")),
    "more queries than keys": case(L=11, mask=na.causal("bottom_right")),
    "a softcap and a mask": case(softcap=1.5, mask=na.causal("top_left")),
    "a bias for every pair": case(bias=normal(H, L, S)),
    "a bias that hides": case(bias=hiding_bias),
    "as many queries as keys": square(mask=na.causal()),
    "as many keys as their width": square(D=5),
    "nearly everything": square(
        bias=normal(3, 1, 5), softcap=2.0, sinks=normal(3), dropout=half_of(3, 5, 5), d_lse=normal(*HEADS),
        scale=lambda rng: rng.uniform(0.5, 2, (3, 1, 1)), mask=na.causal(),
    ),
    "a bias for every pair, as many queries as keys": square(bias=normal(3, 5, 5)),
}  # fmt: skip


def with_pairs(problem):
    """The problem, whose mask says as an array what it lets see: tests/formula.py reads that."""
    if problem.mask is None:
        return problem
    pairs = problem.mask.array(*problem.shape[-2:], heads=True)
    return problem.but(mask=problem.mask, pairs=np.broadcast_to(pairs, problem.shape))


PROBLEMS = {
    name: with_pairs(problem)
    for name, problem in {
        **{name: case(**options) for name, options in PLAIN.items()},
        **{name: case(**options) for name, options in OPTIONS.items() if name != "a bias that is no array"},
        **OTHERS,
    }.items()
}


def told(problem):
    """The options of a problem's call, as a fault's `active` wants them."""
    *batch, rows, keys = problem.shape
    heads = (problem.query.shape[-3], problem.key.shape[-3])
    widths = (problem.query.shape[-1], problem.value.shape[-1])
    shape = (math.prod(batch[:-1]), *heads, rows, keys, *widths)
    return {**problem.options, "d_lse": problem.d_lse, "shape": shape}
