"""The lines of a classification: its steps before training, and the held-out figures after it."""

import math
from textwrap import wrap
from typing import Any

import numpy as np

from ...functional.base.wording import counted
from ...nn.parameters import parameter_count
from ...training.adaptive import adaptive_lines
from ...training.loop import steps_per_epoch
from ...training.objective import Figures
from ...training.report import LINE_WIDTH, epochs_text, format_loss, optimizer_text
from ...training.run import Run
from .cleaning import Prepared, count_missing, prepare, real_values
from .comparison import LEARNED, LOGISTIC, SCRATCH, fixed_models, models_of
from .data import Data, Examples
from .evaluation import figures, logits_of, majority_baseline, predict


def task_of(run: Run) -> Any:
    """The task of a run, a `Classification`."""
    return run.task


LABELS = {LOGISTIC: "logistic regression"}
"""Labels of the models that are not called by their own name."""


def step_lines(run: Run, data: Prepared, source: Run | None = None) -> list[str]:
    """The steps of a run, with their sizes."""
    settings, task = run.settings, task_of(run)
    model = task.model(settings, run.facts.sizes)
    examples, tokens, _ = data.train.x.shape
    missing, held_out_missing = (count_missing(real_values(part)) for part in (data.raw.train, data.raw.test))
    outputs = data.raw.outputs
    logits = "one logit" if outputs == 1 else f"{outputs} logits"
    augmented = "; examples changed anew for each" if task.augment or task.mixing else ""
    parts = model.steps(tokens)
    steps = steps_per_epoch(settings, examples)
    lines = {
        "task": f"{settings.task}: {task.question(settings, data.raw)}",
        "clean": f"{missing} training and {held_out_missing} held-out values missing; "
        "filled with training means",
        "normalise": f"{counted(data.normalisation.mean.size, 'column')}, with training means and deviations",
        **parts,
        "predict": f"{parts['predict']} -> {logits}; {parameter_count(model.shapes()):,} parameters in all",
        "feed back": f"{'binary ' * (outputs == 1)}cross-entropy, backward by hand, "
        f"{optimizer_text(settings)}",
        "iterate": f"{epochs_text(settings.epochs)} of {steps} batch{'es' * (steps != 1)}, "
        f"seed {settings.seed}{augmented}",
    }
    noted = [("note", text) for text in data.raw.notes]
    return [*(f"{name:<18}  {text}" for name, text in [*lines.items(), *noted]), *start_lines(run, source)]


def start_lines(run: Run, source: Run | None) -> list[str]:
    """The models that do not start from the parameters of `source`, though it has such a model."""
    if (
        source is None
        or LOGISTIC not in source.epochs
        or not run.task.starts_afresh(LOGISTIC, source.facts, run.facts)
    ):
        return []
    return [f"{LABELS[LOGISTIC]} starts from scratch: {run.settings.start_from} fitted it to "
            f"{source.facts.tokens} tokens, the data have {run.facts.tokens}"]  # fmt: skip


def held_out_lines(
    run: Run, data: Prepared, rows: dict[str, Figures], title: str = "Held out"
) -> list[str]:  # fmt: skip
    """The held-out figures of models and baselines, then the task's own lines."""
    width = max(18, *map(len, rows))
    lines = [f"{title}: {len(data.test.y)} examples", f"{'':<{width}}    Loss  Accuracy"]
    lines += [
        f"{name:<{width}}  {format_loss(one.loss):>6}    {one.accuracy:.4f}" for name, one in rows.items()
    ]
    tokens = data.test.x.shape[1]
    lines += [
        f"Left out: {LABELS[name]}, which takes {run.facts.tokens} tokens; these examples have {tokens}"
        for name in fixed_models(run, tokens)
    ]
    lines += mixed_lines(run, next(iter(rows.values())).loss)
    lines += adaptive_lines(run, data)
    predictions = predict(models_of(run)[LEARNED], run.params, data.test)
    return [*lines, "", *task_of(run).report(run.settings, data, predictions, rows)]


def mixed_lines(run: Run, held_out: float) -> list[str]:
    """Why the training loss is above the held-out one, where training examples are mixed in pairs."""
    loss = run.history[-1]["loss"] if run.history else math.nan
    if task_of(run).mixing is None or not loss > held_out:
        return []
    distorted = " and distorted" if task_of(run).augment else ""
    text = (
        f"The training loss, {format_loss(loss)}, is above the held-out one because training examples are "
        f"mixed in pairs{distorted}: a mixed one has two labels, so even a model that is always right does "
        "not reach 0 there; held-out examples are neither."
    )
    return ["", *wrap(text, LINE_WIDTH)]


def held_out_figures(run: Run, data: Prepared) -> dict[str, Figures]:
    """The figures of every model and baseline, by the label of its row."""
    rows, fixed = {}, fixed_models(run, data.test.x.shape[1])
    for name, model in models_of(run).items():
        if name in fixed:
            continue
        label = f"{model.name}, scratch" if name == SCRATCH else LABELS.get(name, model.name)
        rows[label] = figures(logits_of(model, run.params_of(name), data.test), data.test.y)
    rows["majority class"] = majority_baseline(np.array(run.facts.counts), data.test.y)
    if task_of(run).baselines is not None and len(data.train.y):
        rows |= task_of(run).baselines(data.raw)
    return rows


def prepare_examples(run: Run, examples: Examples) -> Prepared:
    """Other examples as the held-out part, normalised by the run's statistics; the training part is empty."""
    raw = Data(examples.some(slice(0)), examples, run.facts.classes, run.facts.columns)
    return prepare(raw, run.facts.normalisation)
