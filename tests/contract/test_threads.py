"""Two threads that call every function get the bits of one; so does a function that takes threads=."""

from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from typing import Any

import numpy as np
import pytest

from numpy_attention.check.pairs.calls import as_tuple, like_outputs
from numpy_attention.check.pairs.rules import RULES, Rule
from numpy_attention.functional.base import row_blocks

THREADED = [rule for rule in RULES if "threads" in signature(rule.forward).parameters]


def everything(order: int) -> dict[tuple[str, str], list[bytes]]:
    """The bits of every output and gradient of every example, in this order or reversed."""
    results = {}
    for rule in RULES[::order]:
        for name, args, kwargs, _ in rule.examples:
            with np.errstate(all="raise" if order > 0 and not rule.step else "ignore"):
                out, saved = rule.forward(*args, **kwargs)
                gradients = rule.backward(like_outputs(out, np.ones_like), saved)
            results[rule.name, name] = bits(out) + bits(gradients)
    return results


def bits(results: Any) -> list[bytes]:
    if isinstance(results, dict):
        results = tuple(results.values())
    flat = [inner for result in as_tuple(results) for inner in as_tuple(result)]
    return [b"" if array is None else np.asarray(array).tobytes() for array in flat]


def test_two_threads_get_the_bits_of_one() -> None:
    alone = everything(1)
    assert len(alone) > 150
    with ThreadPoolExecutor(max_workers=2) as pool:
        runs = [pool.submit(everything, order) for order in (1, -1, -1, 1)]
    for run in runs:
        assert run.result() == alone


@pytest.mark.parametrize("rule", THREADED, ids=lambda rule: rule.name)
def test_no_bit_depends_on_the_number_of_threads(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks so small that every example has several."""
    for name, entries in (("BLOCK", 4), ("LEAST", 4), ("ALONE", 0)):
        monkeypatch.setattr(row_blocks, name, entries)
    for _, args, kwargs, _ in rule.examples:
        found = []
        for threads in (1, 2, 3):
            out, saved = rule.forward(*args, **kwargs, threads=threads)
            found.append(bits(out) + bits(rule.backward(like_outputs(out, np.ones_like), saved)))
        assert found[0] == found[1] == found[2]


def test_every_function_of_rows_takes_threads() -> None:
    names = {rule.name for rule in THREADED}
    rows = ["softmax", "log_softmax", "logsumexp", "layer_norm", "rms_norm", "cross_entropy"]
    elements = ["tanh", "sigmoid", "relu", "leaky_relu", "gelu", "gelu_tanh", "silu", "softplus"]
    assert names >= {*rows, *elements}


@pytest.mark.parametrize("threads", [0, -1, 0.5, float("nan"), "two", [1, 2], True])
@pytest.mark.parametrize("rule", THREADED, ids=lambda rule: rule.name)
def test_a_number_of_threads_is_a_whole_number_of_at_least_1(rule: Rule, threads: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^threads [^\n]*expected[^\n]*$"):
        rule.forward(*rule.examples[0].args, **{**rule.examples[0].kwargs, "threads": threads})
