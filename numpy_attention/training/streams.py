"""The random streams of a seed: one for each use, so that none disturbs another."""

import numpy as np

# Uses of a seed; each has a random stream of its own.
EXAMPLES, START, ORDER, CHANGES, VALIDATION, CHANCE, LESION = 1, 2, 3, 4, 5, 6, 7


def stream(seed: int, use: int, part: int = 1) -> np.random.Generator:
    """The random stream for one use of a seed (EXAMPLES, START, …), parts counted from 1."""
    return np.random.default_rng((seed, use, part))


def step_seed(seed: int, epoch: int, step: int) -> int:
    """The seed of what is random within one step, such as dropout.

    Examples
    --------
    >>> step_seed(0, 1, 1) == step_seed(0, 1, 1), step_seed(0, 1, 1) == step_seed(0, 1, 2)
    (True, False)
    """
    words = np.random.SeedSequence((seed, CHANCE, epoch, step)).generate_state(1, np.uint64)
    return int(words[0])
