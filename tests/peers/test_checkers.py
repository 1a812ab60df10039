"""The gradient checks of `benchmarks/checkers.py`: a correct pair passes, a wrong backward does not."""

import pytest

from benchmarks.checkers import jax_check_grads, torch_gradcheck
from numpy_attention.check.faults import fault
from numpy_attention.check.faults.small_problems import PROBLEMS
from numpy_attention.functional.attention.attention import attention_backward, attention_forward
from numpy_attention.functional.base.arrays import Pair

PLAIN = PROBLEMS["nothing"]
PAIRS = {
    "right": (Pair(attention_forward, attention_backward), True),
    "a row sum left out": (fault("no-row-sum").pair, False),
    "a scale that is wrong there and back": (fault("scale-missing").pair, True),
}


@pytest.mark.parametrize("name", PAIRS)
def test_torch_gradcheck(peer, name):
    peer("torch")
    pair, passes = PAIRS[name]
    assert torch_gradcheck(pair, PLAIN.arguments, PLAIN.keywords, fast=True) == passes
    assert torch_gradcheck(pair, PLAIN.arguments, PLAIN.keywords, fast=False) == passes


@pytest.mark.parametrize("name", PAIRS)
def test_jax_check_grads(peer, name):
    peer("jax")
    pair, passes = PAIRS[name]
    assert jax_check_grads(pair, PLAIN.arguments, PLAIN.keywords) == passes
