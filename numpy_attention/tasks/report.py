"""What a run tells its reader: the steps before training, and the held-out figures after it."""

import math

from numpy_attention.optim.trees import flatten

from . import TASKS
from .cleaning import Prepared, count_missing
from .evaluation import figures, majority, predict
from .model import AttentionClassifier
from .runs import Run, models
from .settings import Settings


def steps(settings: Settings, data: Prepared, model: AttentionClassifier) -> list[str]:
    """The steps of a run, with their sizes."""
    examples, tokens, width = data.train.x.shape
    missing, held_out_missing = (count_missing(part.x) for part in data.raw)
    parameters = sum(math.prod(shape) for shape in flatten(model.shapes()).values())
    batches = math.ceil(examples / settings.batch_size)
    heads, hidden = settings.heads, settings.hidden_dim
    lines = {
        "task": f"{settings.task}: {TASKS[settings.task].question}",
        "clean": f"{missing} training and {held_out_missing} held-out values missing; "
        "filled with training means",
        "normalise": f"{width} columns, with training means and deviations",
        "extract features": f"linear + tanh: ({tokens}, {width}) -> ({tokens}, {hidden})",
        "allocate attention": f"{settings.score} scores, softmax over {tokens} tokens: "
        f"({heads}, {tokens}) weights",
        "predict": f"weighted sum, linear: ({heads}, {hidden}) -> one logit; "
        f"{parameters:,} parameters in all",
        "feed back": f"binary cross-entropy, backward by hand, Adam with lr {settings.lr:g}",
        "iterate": f"{settings.epochs} epochs of {batches} batches, seed {settings.seed}",
    }
    return [f"{name:<18}  {told}" for name, told in lines.items()]


def told(loss: float) -> str:
    """A loss to four places, or in powers of ten where it has run away."""
    return f"{loss:.4f}" if loss < 1e6 else f"{loss:.4e}"


def held_out(run: Run, data: Prepared) -> list[str]:
    """The figures on the held-out part beside the baselines, then the task's own."""
    learned, uniform = models(run.settings, data.test.x.shape[-1])
    x, y = data.test.x, data.test.y
    ours = predict(learned, run.learned, x)
    rows = {
        f"{run.settings.score} scores": figures(ours.logits, y),
        "uniform weights": figures(predict(uniform, run.uniform, x).logits, y),
        "majority class": majority(data.train.y, y),
    }
    lines = [f"Held out: {len(y)} examples", f"{'':<18}    Loss  Accuracy"]
    lines += [f"{name:<18}  {told(one.loss):>6}    {one.accuracy:.4f}" for name, one in rows.items()]
    own = TASKS[run.settings.task].report(data.raw.test, ours.logits, ours.weights)
    return [*lines, "", *own]
