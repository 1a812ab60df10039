"""Two threads that call every function at once get the same bits as one thread."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from numpy_attention.check.pairs.calls import as_tuple, like_outputs
from numpy_attention.check.pairs.rules import RULES


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
