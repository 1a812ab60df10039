"""The lines that a run prints: its steps before training, each epoch, and the held-out figures after it."""

import math
from textwrap import wrap

import numpy as np

from ..functional.base.wording import counted
from ..nn.parameters import parameter_count
from ..nn.temperature import LEARNED as LEARNED_TEMPERATURE
from .cleaning import Prepared, count_missing, normalise_examples, real_values
from .comparison import LEARNED, LOGISTIC, SCRATCH
from .data import Data, Examples
from .evaluation import Figures, figures, logits_of, majority_baseline, predict
from .loop import steps_per_epoch
from .run import Run, first_epoch_at_scratch_loss, starts_afresh
from .settings import Settings, parse_until

LINE_WIDTH = 100
NO_BREAK = "\N{NO-BREAK SPACE}"
"""Stands between a name and its number while lines are wrapped."""


LABELS = {LOGISTIC: "logistic regression"}
"""Labels of the models that are not called by their own name."""


def step_lines(run: Run, data: Prepared) -> list[str]:
    """The steps of a run, with their sizes."""
    settings, task = run.settings, run.task
    model = task.model(settings, run.summary.sizes)
    examples, tokens, width = data.train.x.shape
    missing, held_out_missing = (count_missing(real_values(part)) for part in (data.raw.train, data.raw.test))
    heads, hidden, outputs = settings.heads, settings.hidden_dim, data.raw.outputs
    logits = "one logit" if outputs == 1 else f"{outputs} logits"
    augmented = "; examples changed anew for each" if task.augment or task.mixing else ""
    temperature = ", learned temperature" if settings.temperature == LEARNED_TEMPERATURE else ""
    steps = steps_per_epoch(settings, examples)
    lines = {
        "task": f"{settings.task}: {task.question(settings, data.raw)}",
        "clean": f"{missing} training and {held_out_missing} held-out values missing; "
        "filled with training means",
        "normalise": f"{counted(data.normalisation.mean.size, 'column')}, with training means and deviations",
        "extract features": f"{model.feature_layers}: ({tokens}, {width}) -> ({tokens}, {hidden})",
        "allocate attention": f"{settings.score} scores{temperature}, "
        f"softmax over {counted(tokens, 'token')}: ({heads}, {tokens}) weights",
        "predict": f"weighted sum, linear: ({heads}, {hidden}) -> {logits}; "
        f"{parameter_count(model.shapes()):,} parameters in all",
        "feed back": f"{'binary ' * (outputs == 1)}cross-entropy, backward by hand, {_optimizer(settings)}",
        "iterate": f"{_epochs(settings.epochs)} of {steps} batch{'es' * (steps != 1)}, "
        f"seed {settings.seed}{augmented}",
    }
    noted = [("note", text) for text in data.raw.notes]
    return [f"{name:<18}  {text}" for name, text in [*lines.items(), *noted]]


def start_lines(run: Run, source: Run | None) -> list[str]:
    """The models that do not start from the parameters of `source`, though it has such a model."""
    if source is None or LOGISTIC not in source.epochs or not starts_afresh(LOGISTIC, source, run.summary):
        return []
    return [f"{LABELS[LOGISTIC]} starts from scratch: {run.settings.start_from} fitted it to "
            f"{source.summary.tokens} tokens, the data have {run.summary.tokens}"]  # fmt: skip


def format_loss(loss: float) -> str:
    """A loss to four places, from a million on in scientific notation; "-" for NaN."""
    if math.isnan(loss):
        return "-"
    return f"{loss:.4f}" if loss < 1e6 else f"{loss:.4e}"


def epoch_line(run: Run) -> str:
    """The line of the last epoch."""
    return f"Epoch [{run.number}/{run.settings.epochs}], Loss: {format_loss(run.history[-1]['loss'])}"


def verbose_lines(run: Run) -> list[str]:
    """The records of the last epoch, one paragraph per kind: see `records`."""
    last = run.history[-1]
    lines = []
    for kind in ("focus", "alike", "temperature", "moved"):
        values = {name.partition(".")[2]: x for name, x in last.items() if name.startswith(f"{kind}.")}
        if values:
            cells = ", ".join(
                f"{name}{NO_BREAK}{'-' if math.isnan(x) else f'{x:.3f}'}" for name, x in values.items()
            )
            page = wrap(cells, LINE_WIDTH, initial_indent=f"  {kind:<11}  ", subsequent_indent=" " * 15)
            lines += [line.replace(NO_BREAK, " ") for line in page]
    return lines


def end_lines(run: Run) -> list[str]:
    """The outcome of the settings `until` and `start_from`, for those that are set."""
    settings, lines = run.settings, []
    if settings.until is not None:
        name, _ = parse_until(settings.until)
        outcome = "reached after" if run.reached else "not reached in"
        now = f"{run.history[-1][name]:.4f}"
        lines.append(f"{settings.until} of the training part was {outcome} {_epochs(run.number)}: {now}")
    if settings.start_from is not None:
        goal = format_loss(run.history[-1][f"{SCRATCH}_loss"])
        number = first_epoch_at_scratch_loss(run.history)
        outcome = f"reached after {_epochs(number)}" if number else f"not reached in {_epochs(run.number)}"
        lines.append(
            f"From {settings.start_from}: the loss {goal}, where a start from scratch ends, was {outcome}"
        )
    return lines


def held_out_lines(run: Run, data: Prepared, title: str = "Held out") -> list[str]:
    """The held-out figures of models and baselines, then the task's own lines."""
    rows = held_out_figures(run, data)
    width = max(18, *map(len, rows))
    lines = [f"{title}: {len(data.test.y)} examples", f"{'':<{width}}    Loss  Accuracy"]
    lines += [
        f"{name:<{width}}  {format_loss(one.loss):>6}    {one.accuracy:.4f}" for name, one in rows.items()
    ]
    tokens = data.test.x.shape[1]
    lines += [
        f"Left out: {LABELS[name]}, which takes {run.summary.tokens} tokens; these examples have {tokens}"
        for name in run.fixed_models(tokens)
    ]
    lines += mixed_lines(run, next(iter(rows.values())).loss)
    predictions = predict(run.models()[LEARNED], run.epochs[LEARNED].params, data.test)
    return [*lines, "", *run.task.report(run.settings, data, predictions, rows)]


def mixed_lines(run: Run, held_out: float) -> list[str]:
    """Why the training loss is above the held-out one, where training examples are mixed in pairs."""
    loss = run.history[-1]["loss"] if run.history else math.nan
    if run.task.mixing is None or not loss > held_out:
        return []
    distorted = " and distorted" if run.task.augment else ""
    text = (
        f"The training loss, {format_loss(loss)}, is above the held-out one because training examples are "
        f"mixed in pairs{distorted}: a mixed one has two labels, so even a model that is always right does "
        "not reach 0 there; held-out examples are neither."
    )
    return ["", *wrap(text, LINE_WIDTH)]


def held_out_figures(run: Run, data: Prepared) -> dict[str, Figures]:
    """The figures of every model and baseline, by the label of its row."""
    rows, fixed = {}, run.fixed_models(data.test.x.shape[1])
    for name, model in run.models().items():
        if name in fixed:
            continue
        label = f"{model.name}, scratch" if name == SCRATCH else LABELS.get(name, model.name)
        rows[label] = figures(logits_of(model, run.epochs[name].params, data.test), data.test.y)
    rows["majority class"] = majority_baseline(np.array(run.summary.counts), data.test.y)
    if run.task.baselines is not None and len(data.train.y):
        rows |= run.task.baselines(data.raw)
    return rows


def prepare_examples(run: Run, examples: Examples) -> Prepared:
    """Other examples as the held-out part, normalised by the run's statistics; the training part is empty."""
    raw = Data(examples.some(slice(0)), examples, run.summary.classes, run.summary.columns)
    train, test = (normalise_examples(part, run.normalisation) for part in (raw.train, raw.test))
    return Prepared(train, test, run.normalisation, raw)


def _optimizer(settings: Settings) -> str:
    names = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "momentum": "SGD with momentum"}
    text = f"{names[settings.optimizer]} with lr {settings.lr:g}"
    if settings.schedule != "constant":
        text += f", {settings.schedule} schedule"
    return text if settings.clip is None else f"{text}, clipped at {settings.clip:g}"


def _epochs(number: int) -> str:
    return counted(number, "epoch")
