"""Peak memory of three training steps of the small GPT: python -m benchmarks.speed.step_memory

Ours and torch's, each in its own process, above what is in use after a step on one short sequence: so
parameters, moments and libraries do not count.
"""

import subprocess
import sys

import numpy as np

from benchmarks.speed.gpt import (
    BATCH,
    CONTEXT,
    HEADS,
    LAYERS,
    LENGTH,
    VOCABULARY,
    WIDTH,
    torch_training,
    training_step,
)
from benchmarks.speed.point import memory
from numpy_attention import nn
from numpy_attention.optim.trees import flatten

SIDES = ("numpy_attention", "torch")


def peak(side: str) -> float:
    """MiB of one side, of this process."""
    model = nn.LanguageModel(VOCABULARY, WIDTH, HEADS, LAYERS, CONTEXT)
    drawn = flatten(model.init(np.random.default_rng(0)))
    params = {name: x.astype(np.float32) for name, x in drawn.items()}
    ids = np.random.default_rng(1).integers(VOCABULARY, size=(BATCH, LENGTH + 1))
    torch = side == "torch"
    short, step = (
        torch_training(params, own) if torch else training_step(model, params, own)
        for own in (ids[:1, :17], ids)
    )
    short()
    before = memory("VmRSS")
    for _ in range(3):
        step()
    return (memory("VmHWM") - before) / 2**20


def main(*side: str) -> None:
    """Print the MiB of the side named, or those of both and their ratio."""
    if side:
        print(peak(*side))
        return
    command = [sys.executable, "-m", "benchmarks.speed.step_memory"]
    ours, theirs = (float(subprocess.check_output([*command, each], text=True)) for each in SIDES)
    print(f"numpy_attention {ours:.0f} MiB, torch {theirs:.0f} MiB: {ours / theirs:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
