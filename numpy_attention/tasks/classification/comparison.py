"""The models of a classification that a run trains side by side.

    learned     the task's model
    uniform     the same with uniform weights, the baseline that learns no attention
    logistic    logistic regression on all columns, if the task has it

The names are those of run.npz and of the columns of history.csv.
"""

from typing import Any

from ...nn.logistic import Logistic
from ...training.run import LEARNED, SCRATCH, Run
from ...training.settings import Settings
from .models import AttentionModel, DataSizes, Model

UNIFORM, LOGISTIC = "uniform", "logistic"


def models_to_train(task: Any, settings: Settings, sizes: DataSizes) -> dict[str, Model]:
    """The models of a `Classification`, by the names above; ValueError if the settings do not fit."""
    learned: AttentionModel = task.model(settings, sizes)
    models: dict[str, Model] = {LEARNED: learned, UNIFORM: learned.with_uniform_weights()}
    return models | ({LOGISTIC: Logistic(*sizes)} if task.logistic else {})


def models_of(run: Run) -> dict[str, Model]:
    """The models of a run by name, "scratch" among them where it started from another run."""
    return {name: objective.model for name, objective in run.objectives().items()}  # type: ignore[attr-defined]


def fixed_models(run: Run, tokens: int) -> tuple[str, ...]:
    """Names of the models whose parameters do not fit examples of this many tokens."""
    others = models_of(run._replace(facts=run.facts._replace(tokens=tokens)))
    return tuple(name for name, own in models_of(run).items() if own.shapes() != others[name].shapes())


__all__ = ["LEARNED", "LOGISTIC", "SCRATCH", "UNIFORM", "fixed_models", "models_of", "models_to_train"]
