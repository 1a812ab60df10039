"""Training digit-bags (one step, and a whole run) against the same model in torch; commands; and imports."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy_attention as na
from benchmarks.speed.peers import installed, threads
from benchmarks.speed.turns import SpeedComparison, left_out
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.parameters import Params
from numpy_attention.tasks import load
from numpy_attention.tasks.classification.data import Examples
from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.training.loop import train
from numpy_attention.training.settings import Settings
from numpy_attention.training.streams import ORDER, START, stream
from numpy_attention.training.vectors import Vectors

STEPS_APART = 1e-6
"""Tolerance between two trainings in float64: each step of Adam propagates the roundoff of all earlier steps,
divided by the size of a gradient."""


PACKAGES = ("numpy", "scipy.special", "autograd.numpy", "mygrad", "torch", "jax")


def training(quick: bool) -> Iterator[SpeedComparison]:
    """A step on a batch of 32, and all epochs, float64."""
    settings = Settings(task="digit-bags", epochs=1 if quick else Settings().epochs)
    examples = load(settings.task).train
    model = AttentionClassifier(examples.x.shape[-1], settings.hidden_dim)
    params = model.init(stream(settings.seed, START))
    batch = examples.some(slice(settings.batch_size))
    rows = f"training step, batch of {settings.batch_size}", f"training, {settings.epochs} epochs of 1,000"
    for kind in ("foreach", "fused"):
        peer = f"torch, {kind} Adam"
        if installed("torch") is None:
            yield from (left_out(row, peer, "not installed") for row in rows)
            continue
        theirs = torch_step(params, kind)
        step = our_step(model, params)
        yield SpeedComparison(
            rows[0], peer, lambda f=step: f(batch), lambda f=theirs: f(batch.x, batch.y), 1e-12,
            pairs=(15, 31),
        )  # fmt: skip
        yield SpeedComparison(
            rows[1], peer, lambda: our_training(model, examples, settings),
            lambda k=kind: torch_training(params, examples, settings, k), STEPS_APART,
        )  # fmt: skip


def our_step(model: AttentionClassifier, params: Params) -> Callable[[Examples], Any]:
    """A batch -> the parameters after the next step."""
    vectors = Vectors(params)
    joined = vectors.joined(params)
    state = na.adam_init(joined)

    def step(batch: Examples) -> Any:
        nonlocal params, joined, state
        d_params = Classifying(model).loss_and_gradients(params, batch).d_params
        joined, state = na.adam_step(joined, vectors.joined(d_params), state, lr=0.001)
        params = vectors.views(joined)
        return params

    return step


def our_training(model: AttentionClassifier, examples: Examples, settings: Settings) -> Any:
    """The parameters after the last epoch."""
    return [epoch.params for epoch in train(Classifying(model), examples, settings)][-1]


def torch_step(params: Params, kind: str) -> Callable[[Any, Any], Any]:
    """The same model, loss and optimizer in torch, as a user writes them; (x, y) are NumPy arrays."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads())
    weights = {
        part: {name: torch.nn.Parameter(torch.tensor(x)) for name, x in of.items()}
        for part, of in params.items()
    }
    optimizer = torch.optim.Adam([w for of in weights.values() for w in of.values()], **{kind: True})

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        features = torch.tanh(functional.linear(torch.from_numpy(x), **weights["features"]))  # (B, T, C)
        scores = features @ weights["score"]["weight"][0]
        context = (torch.softmax(scores, -1)[:, None] @ features)[:, 0]
        logits = functional.linear(context, **weights["classifier"])[:, 0]
        loss = functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(y))
        loss.backward()
        optimizer.step()
        loss.item()
        return weights

    return step


def torch_training(params: Params, examples: Examples, settings: Settings, kind: str) -> Any:
    """All epochs, on the same batches in the same order."""
    step = torch_step(params, kind)
    for number in range(1, settings.epochs + 1):
        order = stream(settings.seed, ORDER, number).permutation(len(examples.y))
        for first in range(0, len(order), settings.batch_size):
            batch = order[first : first + settings.batch_size]
            weights = step(examples.x[batch], examples.y[batch])
    return weights


# ----------------------------------------------------------------------------------- commands, imports


def commands(quick: bool) -> Iterator[SpeedComparison]:
    """Whole processes: training, a gradcheck of every rule, and importing beside other libraries' imports."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "run")
        yield SpeedComparison(
            "numpy-attention train", "alone", python("-m", "numpy_attention", "train", "--out", out), None
        )
    if not quick:
        check = python("-m", "numpy_attention", "gradcheck")
        yield SpeedComparison("numpy-attention gradcheck, every rule", "alone", check, None, pairs=(1, 1))
    ours = python("-c", "import numpy_attention")
    for package in ("numpy", "torch") if quick else PACKAGES:
        row = "python -c 'import numpy_attention'"
        if installed(package) is None:
            yield left_out(row, package, "not installed")
        else:
            code = f"import {package}"
            yield SpeedComparison(row, package, ours, python("-c", code), pairs=(3, 3) if quick else (9, 9))


def python(*words: str) -> Callable[[], Any]:
    """A call that runs this Python with the given arguments."""
    return lambda: subprocess.run([sys.executable, *words], check=True, stdout=subprocess.PIPE).returncode
