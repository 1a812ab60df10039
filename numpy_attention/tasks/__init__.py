"""Tasks: data, a model, what is measured, and the loop that trains.

    train, test, normalisation, raw = load("digit-bags", seed=0)

`TASKS` lists the tasks by name; a new one is a file of its own and one entry here.
"""

from numpy_attention.functional.arrays import one_of

from .cleaning import Normalisation, Prepared, prepare
from .digit_bags import DIGIT_BAGS
from .task import Task

TASKS: dict[str, Task] = {task.name: task for task in (DIGIT_BAGS,)}


def load(name: str, *, seed: int = 0, normalisation: Normalisation | None = None) -> Prepared:
    """The examples of a task, cleaned and normalised.

    Parameters
    ----------
    name
        A name in `TASKS`.
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
        If no task has that name.

    Examples
    --------
    >>> train, test, *_ = load("digit-bags", seed=0)
    >>> train.x.shape, train.y.shape
    ((1000, 10, 64), (1000,))
    """
    return prepare(TASKS[one_of("task", name, tuple(TASKS))].draw(seed), normalisation)
