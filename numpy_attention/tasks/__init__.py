"""Tasks: data, a model, what is measured, and the loop that trains.

    train, test, normalisation, raw = load("digit-bags", seed=0)

`TASKS` lists the tasks by name; a new one is a file of its own and one entry here.
"""

from ..functional.base.admission import one_of
from ..training.cleaning import Normalisation, Prepared, prepare
from ..training.data import Task
from ..training.settings import Settings
from .breast_cancer import BREAST_CANCER
from .digit_bags import DIGIT_BAGS
from .digits import DIGITS
from .own_data import CSV_TASK, NPZ_TASK

TASKS: dict[str, Task] = {task.name: task for task in (DIGIT_BAGS, BREAST_CANCER, DIGITS, CSV_TASK, NPZ_TASK)}


def load(name: str | Settings, *, seed: int = 0, normalisation: Normalisation | None = None) -> Prepared:
    """The examples of a task, cleaned and normalised.

    Parameters
    ----------
    name
        A name in `TASKS`; or settings, which name the task, the seed and, for your own data, the file.
    seed
        From which the examples are drawn, where a task draws them.
    normalisation
        The one kept with a trained model; fitted to the training part if None.

    Returns
    -------
    Prepared
        train and test, each x (N, T, input_dim) and y (N,); the normalisation; the raw data.

    Raises
    ------
    ValueError
        If no task has that name, or a file does not hold what is expected.

    Examples
    --------
    >>> train, test, *_ = load("digit-bags", seed=0)
    >>> train.x.shape, train.y.shape
    ((1000, 10, 64), (1000,))
    """
    settings = name if isinstance(name, Settings) else Settings(task=name, seed=seed)
    task = TASKS[one_of("task", settings.task, tuple(TASKS))]
    return prepare(task.draw(settings), normalisation)


def with_defaults(given: dict[str, object]) -> Settings:
    """Settings from those given: the rest as the task, and then `Settings`, has them.

    Examples
    --------
    >>> with_defaults({"task": "breast-cancer", "seed": 7})[4:8]
    (100, 0.001, 32, 7)
    """
    named = {name: value for name, value in given.items() if value is not None}
    task = str(named.get("task", Settings().task))
    defaults = TASKS[one_of("task", task, tuple(TASKS))].defaults
    return Settings(**{**defaults, **named})
