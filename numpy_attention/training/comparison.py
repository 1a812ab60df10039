"""The models that a run trains side by side.

    learned     the task's model
    uniform     the same with uniform weights, the baseline that learns no attention
    logistic    logistic regression on all columns, if the task has it
    scratch     the learned model from a random start, if the others start from another run's parameters

The names are those of run.npz and of the columns of history.csv.
"""

from ..nn.logistic import Logistic
from .models import AttentionModel, DataSizes, Model
from .settings import Settings
from .task import Task

LEARNED, UNIFORM, LOGISTIC, SCRATCH = "learned", "uniform", "logistic", "scratch"


def models_to_train(task: Task, settings: Settings, sizes: DataSizes) -> dict[str, Model]:
    """The models of a run, by the names above.

    Raises
    ------
    ValueError
        If the settings do not fit the task's model.
    """
    learned: AttentionModel = task.model(settings, sizes)
    models: dict[str, Model] = {LEARNED: learned, UNIFORM: learned.with_uniform_weights()}
    if task.logistic:
        models[LOGISTIC] = Logistic(*sizes)
    if settings.start_from is not None:
        models[SCRATCH] = learned
    return models
