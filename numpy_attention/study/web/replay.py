"""A run replayed epoch by epoch: weights and gradients of the scores of three held-out examples."""

from typing import NamedTuple

import numpy as np

from ...files import PathLike
from ...functional.attention.attend import attend_backward
from ...functional.base.admission import Array
from ...functional.layers.linear import linear_backward
from ...nn.parameters import Params
from ...optim.trees import flatten
from ...tasks import TASKS
from ...tasks.classification.classification import Classification
from ...tasks.classification.cleaning import Prepared
from ...tasks.classification.comparison import LEARNED, models_of
from ...tasks.classification.data import Examples
from ...tasks.classification.evaluation import (
    loss_backward,
    loss_forward,
    predict,
    predicted_classes,
    probabilities,
)
from ...tasks.classification.models import Model
from ...tasks.classification.objective import Classifying
from ...tasks.run_data import reload_data
from ...training.loop import epoch_zero, train
from ...training.run import Run
from ...training.run_folder import read_run

MOST_EPOCHS = 40
"""Epochs on a page; of a longer run evenly chosen ones, the first and the last among them."""

MOST_TOKENS = 24


class EpochView(NamedTuple):
    """After an epoch: the loss, NaN for epoch 0; weights, d_scores (N, T) and the probability of each class.

    Weights are means over the heads, d_scores sums, of each example's own loss.
    """

    number: int
    loss: float
    weights: Array
    d_scores: Array
    probabilities: Array


class Replay(NamedTuple):
    """A run, its data, the examples shown (rows of the held-out part, by title), and its epochs."""

    run: Run
    data: Prepared
    shown: dict[str, int]
    epochs: tuple[EpochView, ...]


def replay(folder: PathLike) -> Replay:
    """Train the model of a run folder again, and compare every epoch with what the folder holds.

    Raises
    ------
    ValueError
        If the folder holds no run, or one of words; an epoch comes out otherwise than recorded, by one bit;
        or an example has too many tokens to show.
    OSError
        If a file cannot be read.
    """
    recorded = read_run(folder, TASKS)
    if not isinstance(recorded.task, Classification):
        raise ValueError(
            f"{folder} is a run of {recorded.settings.task}; runs of a classification can be shown epoch by "
            f"epoch (a language model: `explain --text TEXT --run {folder}`)"
        )
    run, data = reload_data(recorded, folder)
    if run.facts.tokens > MOST_TOKENS:
        raise ValueError(
            f"{folder} has examples of {run.facts.tokens} tokens; at most {MOST_TOKENS} can be shown"
        )
    model = models_of(run)[LEARNED]
    shown = examples_to_show(run, data)
    examples = data.test.some(list(shown.values()))
    kept = set(np.linspace(0, run.number, min(MOST_EPOCHS, run.number) + 1).round().astype(int).tolist())
    objective = Classifying(model)
    epoch = epoch_zero(objective, run.settings, run.starts[LEARNED])
    views = [_view(model, epoch.params, examples, 0, float("nan"))]
    trained = train(
        objective,
        data.train,
        run.settings,
        after=epoch,
        changed=run.task.changed(run.settings, run.facts, data),
    )
    for row, epoch in zip(run.history, trained, strict=False):
        _same(folder, f"the loss of epoch {epoch.number}", epoch.loss, row["loss"])
        _same(folder, f"the accuracy of epoch {epoch.number}", epoch.accuracy, row["accuracy"])
        if epoch.number in kept:
            views.append(_view(model, epoch.params, examples, epoch.number, epoch.loss))
    stored = flatten(run.epochs[LEARNED].params)
    for name, x in flatten(epoch.params).items():
        if not np.array_equal(x, stored[name]):
            raise ValueError(_differs(folder, f"its parameter {name}"))
    return Replay(run, data, shown, tuple(views))


def _same(folder: PathLike, name: str, now: float, recorded: float) -> None:
    if now != recorded:
        raise ValueError(_differs(folder, name) + f" {recorded!r} was recorded, {now!r} came out")


def _differs(folder: PathLike, name: str) -> str:
    return (
        f"{folder} cannot be shown: replayed here, {name} comes out otherwise than recorded (another "
        f"version, "
        "another NumPy or another processor wrote it; train it again here)"
    )


def examples_to_show(run: Run, data: Prepared) -> dict[str, int]:
    """Up to three held-out examples by title: right in the last class, right in another, a mistake."""
    predicted = predicted_classes(predict(models_of(run)[LEARNED], run.params, data.test).logits)
    y, classes = data.test.y.astype(np.int64), run.facts.classes
    last = len(classes) - 1
    kinds = {
        f"{classes[last]}, recognised": (y == last) & (predicted == last),
        "another class, recognised": (y != last) & (predicted == y),
        "a mistake": predicted != y,
    }
    return {title: int(np.argmax(rows)) for title, rows in kinds.items() if rows.any()}


def _view(model: Model, params: Params, examples: Examples, number: int, loss: float) -> EpochView:
    logits, saved = model.forward(params, examples.x, examples.lengths)
    pooled = getattr(saved, "pooled", saved)
    d_logits = loss_backward(logits, loss_forward(logits, examples.y)[1]) * len(examples.y)
    d_rows = d_logits[:, None] if d_logits.ndim == 1 else d_logits
    d_context = linear_backward(d_rows, pooled.classifier)[0].reshape(
        len(d_rows), pooled.weights.shape[1], 1, -1
    )
    d_scores = attend_backward(d_context, pooled.attend).d_scores[:, :, 0]
    return EpochView(number, loss, pooled.weights.mean(axis=1), d_scores.sum(axis=1), probabilities(logits))
