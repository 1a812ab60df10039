"""Which law sees which mistake: the whole matrix, measured."""

import pytest

from numpy_attention.check.laws import LAWS

from .law_cases import OPTIONS, PLAIN, broken_by, case
from .planted import PLANTED

CASES = [case(**options) for options in (*PLAIN.values(), OPTIONS["softcap"], OPTIONS["sinks"])]

SEEN_BY = {
    "scale forgotten in d_query": {2, 3, 7, 14, 30},
    "scale twice in d_key": {1, 2, 3, 30},
    "scale twice in d_query and d_key": {1, 7, 14, 30},
    "scale missing, forward and backward": {1, 14, 15, 17},
    "d_scale doubled": {7, 30},
    "d_query of the next component": {2, 3, 7, 14, 30},
    "heads tiled, not repeated": {15, 17, 29, 30},
    "d_key from the first head of a group": {1, 2, 3, 30},
    "softcap: times tanh": {15, 17, 19, 30},
    "softcap: no derivative": {30},
    "bias: gradient lost": {8, 30},
    "bias: gradient averaged": {8, 30},
    "mask: forgotten": {1, 4, 11, 12, 14, 15, 16, 18, 25, 26, 30},
    "mask: finite fill": {12},
    "mask: off by one": {1, 4, 11, 14, 15, 16, 17, 18, 25, 26, 30},
    "softmax: not normalised": {1, 4, 9, 11, 14, 16, 18, 30},
    "softmax: over the queries": {1, 4, 8, 9, 10, 11, 14, 16, 17, 18, 23, 25, 27, 28, 30},
    "softmax: row mean forgotten": {1, 8, 14, 18, 30},
    "softmax: row mean added": {1, 8, 14, 18, 30},
    "softmax: mean without weights": {1, 8, 14, 18, 30},
    "softmax: diagonal only": {1, 8, 18, 30},
    "lse: in bits": {1, 4, 9, 15, 16, 18, 27, 30},
    "lse: without its shift": {1, 4, 9, 15, 16, 18, 27, 30},
    "lse: without gradient": {1, 8, 9, 14, 18, 30},
    "sink: forgotten in the forward": {1, 4, 9, 15, 16, 18, 30},
    "sink: without gradient": {9, 30},
    "sink: with a value": {1, 5, 6, 9, 18, 22, 24, 26, 30},
    "dropout: not scaled up": {1, 9, 18, 30},
    "dropout: forgotten on the way back": {1, 9, 18, 30},
    "dropout: other places on the way back": {1, 9, 18, 30},
    "values: last key dropped": {1, 4, 9, 18, 24, 25, 26, 27, 30},
    "values: too large": {1, 5, 6, 9, 11, 14, 18, 22, 30},
    "d_value of the next key": {5, 6, 13, 22},
    "d_value never zero": {4, 5, 6, 10, 13, 22},
}
"""Over all cases of this file together. Every mistake is seen; law 30 needs no other for most of them."""


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_breaks_just_these_laws(fault: str) -> None:
    seen = set().union(*(broken_by(problem.but(steps=PLANTED[fault])) for problem in CASES))
    print(f"\n{fault:<38}", *(f"{n:>2}" if n in seen else " ·" for n in LAWS))
    assert seen == SEEN_BY[fault]


def test_every_law_that_dot_products_obey_sees_something() -> None:
    assert set().union(*SEEN_BY.values()) == set(LAWS) - {20, 21}  # those speak of concat scores
    assert SEEN_BY.keys() == PLANTED.keys()


def test_the_cases_themselves_are_right() -> None:
    assert not set().union(*map(broken_by, CASES))
