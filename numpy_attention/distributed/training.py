"""Data-parallel training: parts of a batch on workers, gradients summed here in the order of the parts.

A batch in N parts on N workers gives the bits of one process with --accumulate N, on any number of workers: a
part is computed by the same function from the same numbers, and the sum is that of the loop.
"""

from copy import deepcopy
from typing import Any

from ..nn.parameters import Params
from ..training.loop import Compute
from ..training.objective import Objective, Outcome
from .engine import results


def on_workers(client: Any) -> Compute:
    """The `compute` of `training.loop.train` on the workers of a client.

    Parameters are sent to all workers once for each step, each part of the batch to one of them; each sends
    back a gradient. That is worth it where a part takes much longer than the parameters take to travel.
    """

    def compute(objective: Objective, params: Params, parts: list[tuple[Any, int]]) -> list[Outcome]:
        (here,) = client.scatter([params], hash=False, broadcast=len(parts) > 1)  # a dict would be cut up
        futures = [
            client.submit(outcome_of, objective, here, examples, seed, pure=False) for examples, seed in parts
        ]
        return results(client, futures)

    return compute


def outcome_of(objective: Objective, params: Params, examples: Any, seed: int) -> Outcome:
    """The outcome of one part, on a worker.

    What arrived lies in buffers of the network; copied, it is aligned as NumPy aligns, on which bits depend.
    """
    return objective.loss_and_gradients(deepcopy(params), deepcopy(examples), seed)
