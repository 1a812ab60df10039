"""A classification as a task: data, model, baselines and report, declared as a value."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...nn.parameters import Params
from ...training.objective import Figures, Objective
from ...training.run import Run
from ...training.settings import Settings
from ...training.task import AttentionMap, Sheet
from ..hold_out import validation_rows
from . import facts as stored
from . import report as lines
from .attention_map import attention_map
from .cleaning import Prepared, normalise, prepare
from .comparison import LOGISTIC, models_to_train
from .data import Data, Examples
from .evaluation import Predictions, attention_maps
from .facts import ClassificationFacts
from .mixing import mix
from .models import AttentionModel, DataSizes
from .objective import Classifying
from .records import epoch_records


class Classification(NamedTuple):
    """A `training.task.Task`: examples of some tokens each, in two classes or more."""

    name: str
    question: Callable[[Settings, Data | None], str]
    """question(settings, data): what is predicted, in one line; without data, as a list of tasks shows it."""
    load_data: Callable[[Settings], Data]
    """load_data(settings): the raw data."""
    model: Callable[[Settings, DataSizes], AttentionModel]
    """model(settings, sizes)"""
    report: Callable[[Settings, Prepared, Predictions, dict[str, Figures]], list[str]]
    """report(settings, data, predictions for data.test, figures by name): the task's own lines."""
    defaults: dict[str, Any]
    """The settings that differ from the defaults of `Settings`."""
    own_settings: tuple[str, ...] = ()
    """Settings that not every task has."""
    required: tuple[str, ...] = ()
    """Those of `own_settings` that must not be None."""
    logistic: bool = False
    """True to train logistic regression on all columns beside the model."""
    baselines: Callable[[Data], dict[str, Figures]] | None = None
    """baselines(data): figures that need no training, by name."""
    augment: Callable[[np.random.Generator, Array], Array] | None = None
    """augment(rng, raw x of the training part): the same examples, slightly changed, anew for each epoch."""
    drawn: Callable[[Run, Prepared], Sheet] | None = None
    """drawn(run, data): held-out images with their weights, where examples are images."""
    tokens_of: Callable[[Array], Array] | None = None
    """tokens_of(images): the tokens (N, T, F) of images (N, H, W), the form that a file has them in."""
    mixing: float | None = None
    """α of `mixing` where examples are mixed in pairs, anew for each epoch; else None."""

    @property
    def metric(self) -> str:
        """The figure that counts."""
        return self.measure

    @property
    def measure(self) -> str:
        """What the second column of the figures is."""
        return "accuracy"

    def load(
        self, settings: Settings, facts: ClassificationFacts | None = None, source: Any = None
    ) -> Prepared:
        """The data, cleaned and normalised; by the run's own normalisation, if it is read again."""
        data = self.load_data(settings)
        if settings.patience is not None:
            data = with_validation(data, settings.seed)
        return prepare(data, None if facts is None else facts.normalisation)

    def facts(self, settings: Settings, data: Prepared) -> ClassificationFacts:
        """Sizes, names and normalisation of the data."""
        return stored.facts_of(settings, data)

    def objectives(self, settings: Settings, facts: ClassificationFacts) -> dict[str, Objective]:
        """The task's model, the same with uniform weights, and logistic regression if the task has it."""
        models = models_to_train(self, settings, facts.sizes)
        return {name: Classifying(model, settings.span_penalty or 0.0) for name, model in models.items()}

    def changed(
        self, settings: Settings, facts: ClassificationFacts, data: Prepared
    ) -> Callable[[np.random.Generator], Examples] | None:
        """changed(rng): the training part of one epoch; None if the task does not change it."""
        if self.augment is None and self.mixing is None:
            return None

        def changed(rng: np.random.Generator) -> Examples:
            examples = data.train
            if self.augment is not None:
                raw = self.augment(rng, data.raw.train.x)
                examples = examples._replace(x=normalise(raw, facts.normalisation))
            return examples if self.mixing is None else mix(rng, examples, self.mixing)

        return changed

    def starts_afresh(self, name: str, source: ClassificationFacts, facts: ClassificationFacts) -> bool:
        """True for logistic regression on another number of tokens."""
        return name == LOGISTIC and facts.tokens != source.tokens

    def records(
        self, objective: Classifying, params: Params, start: Params, data: Prepared
    ) -> dict[str, float]:
        """Focus and overlap of the attention weights, and how far each parameter has moved."""
        maps = attention_maps(objective.model, params, data.train)
        return epoch_records(maps, params, start, data.train.lengths)

    def packed(self, facts: ClassificationFacts) -> tuple[dict[str, Any], dict[str, Any]]:
        """Facts as JSON, and as nested arrays."""
        return stored.packed(facts)

    def unpacked(
        self, file: Path, facts: Any, arrays: Mapping[str, Array]
    ) -> tuple[ClassificationFacts, tuple[str, ...]]:  # fmt: skip
        """Facts from both, and the names of the arrays; raises ValueError unless they are such facts."""
        return stored.unpacked(file, facts, arrays)

    def step_lines(self, run: Run, data: Prepared, source: Run | None = None) -> list[str]:
        """The steps of a run, with their sizes."""
        return lines.step_lines(run, data, source)

    def held_out(self, run: Run, data: Prepared) -> dict[str, Figures]:
        """The figures of every model and baseline, by the label of its row."""
        return lines.held_out_figures(run, data)

    def attention_map(self, run: Run, data: Prepared) -> AttentionMap:
        """The weights of a few held-out examples."""
        return attention_map(run, data)

    def sheet(self, run: Run, data: Prepared) -> Sheet | None:
        """Held-out images with their weights; None where examples are no images."""
        return None if self.drawn is None else self.drawn(run, data)

    def held_out_lines(
        self, run: Run, data: Prepared, rows: dict[str, Figures], title: str = "Held out"
    ) -> list[str]:
        """The figures of `held_out`, then the task's own lines."""
        return lines.held_out_lines(run, data, rows, title)


def with_validation(data: Data, seed: int) -> Data:
    """The data with a tenth of the training part, drawn from the seed, as the validation part."""
    kept, validating = validation_rows(seed, data.train.size)
    return data._replace(train=data.train.some(kept), validation=data.train.some(validating))
