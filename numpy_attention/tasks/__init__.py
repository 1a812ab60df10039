"""Tasks: data, model, baselines and report, a file each, and the data that ship with the package.

    train, test, normalisation, raw = load("digit-bags", seed=0)

`TASKS` is the registry; a new task is a file with a `training.task.Task` and one entry here. Two kinds:
classification/ for labels, read digit_bags first; and model_task for any model with its loss, read words/text
first. hold_out, tables and sequences make data from arrays and files; options and run_data serve the command
line. May import `training` and what lies below it.
"""

from typing import Any

from ..functional.base.admission import one_of
from ..training.settings import Settings
from ..training.task import Task
from .breast_cancer import BREAST_CANCER
from .digit_bags import DIGIT_BAGS
from .digits import DIGITS
from .modalities.ask_picture import ASK_PICTURE
from .modalities.match_sound import MATCH_SOUND
from .own_data import CSV_TASK, NPZ_TASK
from .pictures.draw_digit import DRAW_DIGIT
from .pictures.find_digit import FIND_DIGIT
from .sessions.next_item import NEXT_ITEM
from .sounds.say_digits import SAY_DIGITS
from .sounds.spoken_digits import SPOKEN_DIGITS
from .words.algorithms import COPY, REVERSE, SORT
from .words.dates import DATES
from .words.docstrings import DOCSTRINGS
from .words.induction import INDUCTION
from .words.numbers import NUMBERS
from .words.python_docs import PYTHON_DOCS
from .words.text import TEXT

_ALL = (
    DIGIT_BAGS,
    BREAST_CANCER,
    DIGITS,
    DRAW_DIGIT,
    FIND_DIGIT,
    SPOKEN_DIGITS,
    SAY_DIGITS,
    ASK_PICTURE,
    MATCH_SOUND,
    DATES,
    NUMBERS,
    TEXT,
    PYTHON_DOCS,
    DOCSTRINGS,
    COPY,
    REVERSE,
    SORT,
    INDUCTION,
    NEXT_ITEM,
    CSV_TASK,
    NPZ_TASK,
)
TASKS: dict[str, Task] = {task.name: task for task in _ALL}
DEFAULT_TASK = DIGIT_BAGS.name


def load(name: str | Settings, *, seed: int = 0, facts: Any = None, source: Any = None) -> Any:
    """The data of a task, ready for its models.

    Parameters
    ----------
    name
        A name in `TASKS`; or settings, with the task, the seed and, for your own data, the file.
    seed
        Determines the examples, where a task draws them.
    facts
        `Run.facts` of this run, by which the data are prepared; taken from the data themselves if None.
    source
        `Run.facts` of another run, from whose parameters this one starts.

    Returns
    -------
    Prepared
        For a classification: train and test, each x (N, T, input_dim) and y (N,); the normalisation; the raw
        data.

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
    settings = name if isinstance(name, Settings) else with_defaults({"task": name, "seed": seed})
    task = TASKS[one_of("task", settings.task, tuple(TASKS))]
    return task.load(settings, facts, source)


def with_defaults(options: dict[str, object]) -> Settings:
    """Settings from options; the rest by the defaults of the task, then by those of `Settings`.

    Examples
    --------
    >>> with_defaults({"task": "breast-cancer", "seed": 7})[4:8]
    (100, 0.001, 32, 7)
    """
    options = {"task": DEFAULT_TASK} | {name: value for name, value in options.items() if value is not None}
    defaults = TASKS[one_of("task", options["task"], tuple(TASKS))].defaults
    return Settings(**{**defaults, **options})
