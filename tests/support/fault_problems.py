"""The small problems as cases for the formula; a fault's results beside the right ones."""

import numpy as np

from numpy_attention import Pair, attention_backward, attention_forward
from numpy_attention.check.faults import fault
from numpy_attention.check.faults.small_problems import PROBLEMS
from numpy_attention.check.reference.inputs import Inputs
from tests.support.cases import Case


def case_of(problem):
    """The problem as a case, whose mask is also given as an array of visible pairs."""
    case = Case(**dict(problem.items()))
    if case.mask is None:
        return case
    pairs = case.mask.array(*case.shape[-2:], heads=True)
    return case.but(mask=case.mask, pairs=np.broadcast_to(pairs, case.shape))


CASES = {name: case_of(problem) for name, problem in PROBLEMS.items()}


# ------------------------------------------------------------------------------- one fault, one call

RIGHT = Pair(attention_forward, attention_backward)

TWO_KEYS = (np.ones((1, 1)), np.zeros((2, 1)), np.array([[1.0], [3.0]]), np.ones((1, 1)))
"""query, key, value, d_out: weights 1/2 each, out 2, d_weights (1, 3), d_scores (-1/2, 1/2) = d_key."""


def results(pair, query, key, value, d_out, d_lse=None, **options):
    """All results and gradients of one call of attention by name, without those that are None."""
    out, saved = pair.forward(query, key, value, **options)
    d = pair.backward(d_out, saved, d_lse=d_lse)._asdict()
    named = {"out": out, "weights": saved.weights, "lse": saved.lse, **d}
    return {name: np.asarray(x) for name, x in named.items() if x is not None}


def wrong(name, *arrays, **options):
    """All results with a fault planted."""
    return results(fault(name).pair, *arrays, **options)


def changed(name, *arrays, **options):
    """The names of the results that a fault changes."""
    right = results(RIGHT, *arrays, **options)
    return {each for each, x in wrong(name, *arrays, **options).items() if not np.allclose(x, right[each])}


def is_active(name, *arrays, **options):
    """True if the fault claims to show in this call."""
    return fault(name).active(Inputs(*arrays, **options))


def drawn(H, G, L, S, D, E):
    """query, key, value, d_out of these sizes, standard normal."""
    rng = np.random.default_rng(0)
    return tuple(rng.standard_normal(shape) for shape in ((H, L, D), (G, S, D), (G, S, E), (H, L, E)))
