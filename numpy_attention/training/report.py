"""What a run tells its reader: the steps before training, each epoch, and the held-out figures after it."""

import math
from textwrap import wrap

import numpy as np

from ..nn.parameters import count
from ..nn.temperature import LEARNED as LEARNED_TEMPERATURE
from ..tasks import TASKS
from ..tasks.digit_bags import WORDS
from ..tasks.token_weights import MOST_CLASSES
from .cleaning import Prepared, count_missing, normalised, real
from .contenders import LEARNED, LOGISTIC, SCRATCH
from .data import Data, Examples
from .evaluation import Figures, Model, figures, logits_of, majority, predict
from .loop import steps_an_epoch
from .run import Run, caught_up
from .settings import Settings, wanted

PAGE = 100
"""The columns of a line."""
JOINED = "\N{NO-BREAK SPACE}"
"""Between a name and its number, while lines are broken."""


def steps(settings: Settings, data: Prepared, model: Model) -> list[str]:
    """The steps of a run, with their sizes."""
    examples, tokens, width = data.train.x.shape
    missing, held_out_missing = (count_missing(real(part)) for part in (data.raw.train, data.raw.test))
    heads, hidden = settings.heads, settings.hidden_dim
    outputs = data.raw.outputs
    told = "one logit" if outputs == 1 else f"{outputs} logits"
    task = TASKS[settings.task]
    layer = "linear + positions, self-attention, " if task.layer else ""
    anew = "; examples changed anew for each" if task.augment or task.mixing else ""
    tempered = ", learned temperature" if settings.temperature == LEARNED_TEMPERATURE else ""
    lines = {
        "task": f"{settings.task}: {asked(settings, data.raw)}",
        "clean": f"{missing} training and {held_out_missing} held-out values missing; "
        "filled with training means",
        "normalise": f"{data.normalisation.mean.size} columns, with training means and deviations",
        "extract features": f"{layer}linear + tanh: ({tokens}, {width}) -> ({tokens}, {hidden})",
        "allocate attention": f"{settings.score} scores{tempered}, softmax over {tokens} tokens: "
        f"({heads}, {tokens}) weights",
        "predict": f"weighted sum, linear: ({heads}, {hidden}) -> {told}; "
        f"{count(model.shapes()):,} parameters in all",
        "feed back": f"{'binary ' * (outputs == 1)}cross-entropy, backward by hand, {optimizer(settings)}",
        "iterate": f"{settings.epochs} epochs of {steps_an_epoch(settings, examples)} batches, "
        f"seed {settings.seed}{anew}",
    }
    return [f"{name:<18}  {told}" for name, told in lines.items()]


def question(settings: Settings) -> str:
    """What the task asks, with the digit that is looked for."""
    return TASKS[settings.task].question.format(word=WORDS[settings.digit or 0])


def asked(settings: Settings, data: Data) -> str:
    """What the task asks of an example; for a file of one's own, its name and its classes."""
    if settings.csv is None and settings.npz is None:
        return question(settings)
    shown = ", ".join(data.classes[:MOST_CLASSES]) + ", …" * (len(data.classes) > MOST_CLASSES)
    of = f", {settings.label}" if settings.label else ""
    return f"{settings.csv or settings.npz}{of}: which is it of {shown}?"


def optimizer(settings: Settings) -> str:
    """How a step is made."""
    names = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "momentum": "SGD with momentum"}
    told = f"{names[settings.optimizer]} with lr {settings.lr:g}"
    if settings.schedule != "constant":
        told += f", {settings.schedule} schedule"
    return told if settings.clip is None else f"{told}, clipped at {settings.clip:g}"


def loss_told(loss: float) -> str:
    """A loss to four places, or in powers of ten where it has run away; "-" where there is none."""
    if math.isnan(loss):
        return "-"
    return f"{loss:.4f}" if loss < 1e6 else f"{loss:.4e}"


def epoch_line(run: Run) -> str:
    """The line of the epoch that a run stands at."""
    return f"Epoch [{run.number}/{run.settings.epochs}], Loss: {loss_told(run.history[-1]['loss'])}"


def verbose_lines(run: Run) -> list[str]:
    """What training has done to the network by now: see `records`."""
    last = run.history[-1]
    lines = []
    for kind in ("focus", "alike", "temperature", "moved"):
        told = {name.partition(".")[2]: value for name, value in last.items() if name.startswith(f"{kind}.")}
        if told:
            cells = ", ".join(
                f"{name}{JOINED}{'-' if math.isnan(x) else f'{x:.3f}'}" for name, x in told.items()
            )
            page = wrap(cells, PAGE, initial_indent=f"  {kind:<11}  ", subsequent_indent=" " * 15)
            lines += [line.replace(JOINED, " ") for line in page]
    return lines


def end_lines(run: Run) -> list[str]:
    """What is to be said of how training ended: `until`, and a start from another run."""
    settings, lines = run.settings, []
    if settings.until is not None:
        name, _ = wanted(settings.until)
        how = "reached after" if run.reached else "not reached in"
        now = f"{run.history[-1][name]:.4f}"
        lines.append(f"{settings.until} of the training part was {how} {_epochs(run.number)}: {now}")
    if settings.start_from is not None:
        goal = loss_told(run.history[-1][f"{SCRATCH}_loss"])
        number = caught_up(run.history)
        how = f"reached after {_epochs(number)}" if number else f"not reached in {_epochs(run.number)}"
        lines.append(
            f"From {settings.start_from}: the loss {goal}, where a start from scratch ends, was {how}"
        )
    return lines


def held_out(run: Run, data: Prepared, what: str = "Held out") -> list[str]:
    """The figures on the held-out part beside the baselines, then the task's own."""
    rows, lines = held_out_figures(run, data), []
    width = max(18, *map(len, rows))
    lines = [f"{what}: {len(data.test.y)} examples", f"{'':<{width}}    Loss  Accuracy"]
    lines += [
        f"{name:<{width}}  {loss_told(one.loss):>6}    {one.accuracy:.4f}" for name, one in rows.items()
    ]
    model, epoch = run.models()[LEARNED], run.epochs[LEARNED]
    own = TASKS[run.settings.task].report(run.settings, data, predict(model, epoch.params, data.test), rows)
    return [*lines, "", *own]


def held_out_figures(run: Run, data: Prepared) -> dict[str, Figures]:
    """The figures of every contender and baseline, by what it is called in the table."""
    rows = {}
    for name, model in run.models().items():
        called = f"{model.name}, scratch" if name == SCRATCH else model.name
        called = "logistic regression" if name == LOGISTIC else called
        rows[called] = figures(logits_of(model, run.epochs[name].params, data.test), data.test.y)
    rows["majority class"] = majority(np.array(run.facts.counts), data.test.y)
    baselines = TASKS[run.settings.task].baselines
    if baselines is not None and len(data.train.y):
        rows |= baselines(data.raw)
    return rows


def foreign(run: Run, examples: Examples) -> Prepared:
    """Other examples as a run sees them: all held out, none to train on."""
    raw = Data(examples.some(slice(0)), examples, run.facts.classes, run.facts.columns)
    train, test = (normalised(part, run.normalisation) for part in (raw.train, raw.test))
    return Prepared(train, test, run.normalisation, raw)


def _epochs(number: int) -> str:
    return f"{number} epoch" + ("s" if number != 1 else "")
