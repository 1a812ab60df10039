"""Forgetting: what a model that went on with other data has kept of those it came from."""

from ..training.grid import data_settings
from ..training.report import format_loss
from ..training.run import LEARNED, Run
from ..training.run_folder import read_run
from ..training.settings import with_absolute_paths
from ..training.task import metric_of
from . import TASKS
from .run_data import reload_data


def forgetting_lines(run: Run) -> list[str]:
    """The held-out figure on the data of the run that this one started from, then and now.

    Nothing for a run that started from none, or from one on the same data. The data are prepared as that run
    had them. Where they are gone, the line says why nothing was measured.
    """
    folder = run.settings.start_from
    if folder is None:
        return []
    try:
        source = read_run(folder, TASKS)
        own, others = (data_settings(with_absolute_paths(each.settings)) for each in (run, source))
        if own == others:
            return []
        source, data = reload_data(source, folder)
    except (OSError, ValueError) as error:
        return [f"Forgetting was not measured: {error}"]
    objective = run.objectives()[LEARNED]
    then, now = (metric_of(source.task, objective.figures(p, data.test)) for p in (source.params, run.params))
    return [
        f"Forgetting: held-out {source.task.metric} on the data of {folder}, {format_loss(then)} before this "
        f"training, {format_loss(now)} after it"
    ]
