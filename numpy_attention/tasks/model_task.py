"""A task of a model and its loss, declared as a value: of words, pictures, sounds, sessions."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..files import PathLike
from ..functional.base.admission import Array
from ..functional.base.wording import brief, counted
from ..nn.adaptive import adaptive_text
from ..nn.parameters import Params, parameter_count
from ..training.adaptive import adapted, adaptive_lines
from ..training.loop import steps_per_epoch
from ..training.objective import ExampleSet, Figures, Objective
from ..training.records import moved
from ..training.report import epochs_text, format_loss, optimizer_text
from ..training.run import LEARNED, Run, file_digest
from ..training.settings import Settings
from ..training.task import AttentionMap, Sheet, TaskData
from .models import ADAPTIVE, adaptive_options, refuse_scores


class ModelData(TaskData, Protocol):
    """A task's data, ready for its models."""

    @property
    def cleaned(self) -> str:
        """What preprocessing did, in a few words"""


class FactsForm(NamedTuple):
    """How a run keeps what its models need to know of the data."""

    kind: type
    """The type of such facts, with a `digest` (`training.task.DataFacts`)"""
    of: Callable[[Settings, Any], Any]
    """of(settings, data): the facts"""
    packed: Callable[[Any], dict[str, Any]]
    """packed(facts): as JSON"""
    unpacked: Callable[[Path, Any], Any]
    """unpacked(file, JSON): the facts again; raises ValueError unless they are such facts"""


class PlainFacts(NamedTuple):
    """Facts that are a few numbers or texts by name."""

    values: dict[str, Any]
    digest: str | None = None


def plain_form(of: Callable[[Settings, Any], dict[str, Any]], **kinds: type) -> FactsForm:
    """Facts of values by name, each of its kind; of(settings, data): the values."""

    def unpacked(file: Path, facts: Any) -> PlainFacts:
        parts = facts if isinstance(facts, dict) else {}
        values, digest = parts.get("values"), parts.get("digest")
        if not isinstance(values, dict) or set(values) != set(kinds) or type(digest) not in (str, type(None)):
            raise ValueError(f"{file}: facts are not those of a run; {', '.join(kinds)} are expected")
        for name, kind in kinds.items():
            if type(values[name]) is not kind:
                raise ValueError(
                    f"{file}: facts are not those of a run: {name} is {brief(values[name])}; "
                    f"{kind.__name__} is expected"
                )
        return PlainFacts(values, digest)

    return FactsForm(
        PlainFacts,
        lambda settings, data: PlainFacts(of(settings, data), file_digest(settings)),
        PlainFacts._asdict,
        unpacked,
    )


class ModelTask(NamedTuple):
    """A `training.task.Task` whose models are objectives over layers of `nn/`."""

    name: str
    question: Callable[[Settings, Any], str]
    """question(settings, data): what is predicted, in one line"""
    load_data: Callable[[Settings, Any], Any]
    """load_data(settings, facts of an earlier run): a `ModelData`"""
    facts_form: FactsForm
    """What a run keeps of the data"""
    features: Callable[[Any], str]
    """features(data): what of an example goes into the model, in a few words"""
    model: Callable[[Settings, Any], Objective]
    """model(settings, facts): what is learned"""
    report: Callable[[Run, Any, dict[str, Figures]], list[str]]
    """report(run, data, figures by name): the task's own lines"""
    show: Callable[[Run, Any], AttentionMap]
    """show(run, data): the attention of a held-out example"""
    defaults: dict[str, Any]
    """The settings that differ from the defaults of `Settings`"""
    metric: str
    """The figure that counts: `measure`, or the unit of the loss"""
    measure: str = "accuracy"
    """What the second of the figures is, a share from 0 to 1, better when larger"""
    loss: str = "cross-entropy"
    scores: str = "dot-product"
    """As the steps of a run call them"""
    own_settings: tuple[str, ...] = ("layers", "context", "dropout")
    """Settings that not every task has"""
    required: tuple[str, ...] = ()
    """Those of `own_settings` that must not be None"""
    beside: Callable[[Settings, Any], dict[str, Objective]] | None = None
    """beside(settings, facts): models that lack something, trained beside, by what they lack"""
    baselines: Callable[[Settings, Any], dict[str, Figures]] | None = None
    """baselines(settings, data): figures of methods without attention, by name"""
    resampled: Callable[[np.random.Generator, Settings, Any], ExampleSet] | None = None
    """resampled(rng, settings, data): the training part of one epoch, where every epoch has another"""
    drawn: Callable[[Run, Any], Sheet] | None = None
    """drawn(run, data): held-out images with what the model made of them, where there are images"""
    translate: Callable[[Run, str], str] | None = None
    """translate(run, text): what the model makes of a text of one's own, where it makes one"""
    heard: Callable[[Run, PathLike], str] | None = None
    """heard(run, WAV file): what the model hears in a recording of one's own, where it hears"""

    speak: Callable[[Run, str, str | None], tuple[Array, str]] | None = None
    """speak(run, text, speaker): a waveform of a text, and who says it, where the model speaks"""

    def load(self, settings: Settings, facts: Any = None, source: Any = None) -> Any:
        """The data; by the facts of the run itself, or of the one from which it starts."""
        return self.load_data(
            settings, facts or (source if isinstance(source, self.facts_form.kind) else None)
        )

    def facts(self, settings: Settings, data: Any) -> Any:
        """What a run keeps of the data."""
        return self.facts_form.of(settings, data)

    def objectives(self, settings: Settings, facts: Any) -> dict[str, Objective]:
        """The model, and those trained beside it."""
        refuse_scores(settings, self.scores, set(ADAPTIVE) <= set(self.own_settings))
        missing = next((name for name in self.defaults if getattr(settings, name) is None), None)
        if missing is not None:
            raise ValueError(f"{missing} is None; the task {self.name} needs one")
        beside = {} if self.beside is None else self.beside(settings, facts)
        return {LEARNED: self.model(settings, facts), **beside}

    def changed(
        self, settings: Settings, facts: Any, data: Any
    ) -> Callable[[np.random.Generator], ExampleSet] | None:
        """changed(rng): the training part of one epoch; None if it is always the same."""
        resampled = self.resampled
        return None if resampled is None else lambda rng: resampled(rng, settings, data)

    def starts_afresh(self, name: str, source: Any, facts: Any) -> bool:
        """Never: parameters of other shapes are refused."""
        return False

    def records(self, objective: Any, params: Params, start: Params, data: Any) -> dict[str, float]:
        """What heads learned of themselves, and how far each parameter has moved."""
        return adapted(params) | moved(params, start)

    def packed(self, facts: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Facts as JSON; no arrays."""
        return self.facts_form.packed(facts), {}

    def unpacked(
        self, file: Path, facts: Any, arrays: Mapping[str, Array]
    ) -> tuple[Any, tuple[str, ...]]:  # fmt: skip
        """Facts from their JSON form; raises ValueError unless they are such facts."""
        return self.facts_form.unpacked(file, facts), ()

    def step_lines(self, run: Run, data: Any, source: Run | None = None) -> list[str]:
        """The steps of a run, with their sizes."""
        settings, objective = run.settings, run.objectives()[LEARNED]
        heads, layers, width = settings.heads, settings.layers, settings.hidden_dim
        steps = steps_per_epoch(settings, data.train.size)
        lines = {
            "task": f"{settings.task}: {self.question(settings, data)}",
            "preprocess": data.cleaned,
            "extract features": f"{self.features(data)}, embedded in {width} columns",
            "allocate attention": f"{self.scores} scores, {counted(heads, 'head')}"
            + ("" if layers is None else f" in each of {counted(layers, 'layer')}")
            + adaptive_text(**adaptive_options(settings, settings.context or 1)),
            "predict": f"{objective.name}; {parameter_count(objective.shapes()):,} parameters in all",
            "feed back": f"{self.loss}, backward by hand, {optimizer_text(settings)}",
            "iterate": f"{epochs_text(settings.epochs)} of {steps} batch{'es' * (steps != 1)}, "
            f"seed {settings.seed}",
        }
        return [f"{name:<18}  {text}" for name, text in lines.items()]

    def held_out(self, run: Run, data: Any) -> dict[str, Figures]:
        """The figures of every model and baseline, by the label of its row."""
        rows = {}
        for name, objective in run.objectives().items():
            label = objective.name if name == LEARNED else f"{objective.name}, {name}"
            rows[label] = objective.figures(run.params_of(name), data.test)
        return rows | ({} if self.baselines is None else self.baselines(run.settings, data))

    def held_out_lines(
        self, run: Run, data: Any, rows: dict[str, Figures], title: str = "Held out"
    ) -> list[str]:
        """The figures of `held_out`, then the task's own lines."""
        width = max(18, *map(len, rows))
        measure = self.measure[0].upper() + self.measure[1:]
        lines = [f"{title}: {data.test.size} examples", f"{'':<{width}}    Loss  {measure}"]
        lines += [
            f"{name:<{width}}  {format_loss(one.loss):>6}  {format_loss(one.accuracy):>{len(measure)}}"
            for name, one in rows.items()
        ]
        return [*lines, *adaptive_lines(run, data), "", *self.report(run, data, rows)]

    def attention_map(self, run: Run, data: Any) -> AttentionMap:
        """The attention of a held-out example."""
        return self.show(run, data)

    def sheet(self, run: Run, data: Any) -> Sheet | None:
        """Held-out images with what the model made of them; None where there are none."""
        return None if self.drawn is None else self.drawn(run, data)
