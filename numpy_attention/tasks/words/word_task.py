"""A task of words, declared as a value."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import brief
from ...nn.parameters import Params, parameter_count
from ...training.loop import steps_per_epoch
from ...training.objective import ExampleSet, Figures, Objective
from ...training.records import moved
from ...training.report import epochs_text, format_loss, optimizer_text
from ...training.run import LEARNED, Run, file_digest
from ...training.settings import Settings
from ...training.task import AttentionMap
from .vocabulary import Vocabulary


class WordData(NamedTuple):
    """A task's data, ready for its models."""

    train: Any
    """The training part, an `ExampleSet`"""
    validation: Any
    """A part by which training stops and the best epoch is chosen"""
    test: Any
    """The held-out part"""
    vocabulary: Vocabulary
    target_vocabulary: Vocabulary | None = None
    """That of the target, if it has one of its own"""
    cleaned: str = "nothing"
    """What preprocessing did, in a few words"""
    raw: Any = None
    """What the task's own baselines and report need"""


class WordFacts(NamedTuple):
    """What a model of words needs to know of the data it was trained on."""

    vocabulary: Vocabulary
    target_vocabulary: Vocabulary | None
    digest: str | None
    """SHA-256 of the user's own text, if there is one"""


class WordTask(NamedTuple):
    """A `training.task.Task` of words."""

    name: str
    question: Callable[[Settings, Any], str]
    """question(settings, data): what is predicted, in one line"""
    load_data: Callable[[Settings, WordFacts | None], WordData]
    """load_data(settings, facts of an earlier run)"""
    model: Callable[[Settings, WordFacts], Objective]
    """model(settings, facts): what is learned"""
    report: Callable[[Run, WordData, dict[str, Figures]], list[str]]
    """report(run, data, figures by name): the task's own lines"""
    show: Callable[[Run, WordData], AttentionMap]
    """show(run, data): the attention of a held-out example"""
    defaults: dict[str, Any]
    """The settings that differ from the defaults of `Settings`"""
    metric: str
    """"accuracy", or the unit of the loss"""
    own_settings: tuple[str, ...] = ("layers", "context", "dropout")
    """Settings that not every task has"""
    required: tuple[str, ...] = ()
    """Those of `own_settings` that must not be None"""
    beside: Callable[[Settings, WordFacts], dict[str, Objective]] | None = None
    """beside(settings, facts): models that lack something, trained beside, by what they lack"""
    baselines: Callable[[Settings, WordData], dict[str, Figures]] | None = None
    """baselines(settings, data): figures of methods without attention, by name"""
    resampled: Callable[[np.random.Generator, Settings, WordData], ExampleSet] | None = None
    """resampled(rng, settings, data): the training part of one epoch, where every epoch has another"""
    translate: Callable[[Run, str], str] | None = None
    """translate(run, text): what the model makes of a text of one's own, where it makes one"""

    def load(self, settings: Settings, facts: WordFacts | None = None, source: Any = None) -> WordData:
        """The data; by the vocabulary of the run itself, or of the one from which it starts."""
        return self.load_data(settings, facts or (source if isinstance(source, WordFacts) else None))

    def facts(self, settings: Settings, data: WordData) -> WordFacts:
        """The vocabularies, and the digest of the user's text."""
        return WordFacts(data.vocabulary, data.target_vocabulary, file_digest(settings))

    def objectives(self, settings: Settings, facts: WordFacts) -> dict[str, Objective]:
        """The model, and those trained beside it."""
        for name in ("score", "temperature"):
            given, usual = getattr(settings, name), getattr(Settings(), name)
            if given != usual:
                raise ValueError(
                    f"{name} is {given!r}; the task {self.name} has dot-product scores, leave it out"
                )
        missing = next((name for name in self.defaults if getattr(settings, name) is None), None)
        if missing is not None:
            raise ValueError(f"{missing} is None; the task {self.name} needs one")
        beside = {} if self.beside is None else self.beside(settings, facts)
        return {LEARNED: self.model(settings, facts), **beside}

    def changed(
        self, settings: Settings, facts: WordFacts, data: WordData
    ) -> Callable[[np.random.Generator], ExampleSet] | None:
        """changed(rng): the training part of one epoch; None if it is always the same."""
        resampled = self.resampled
        return None if resampled is None else lambda rng: resampled(rng, settings, data)

    def starts_afresh(self, name: str, source: WordFacts, facts: WordFacts) -> bool:
        """Never: vocabularies of another size are refused."""
        return False

    def records(self, objective: Any, params: Params, start: Params, data: WordData) -> dict[str, float]:
        """How far each parameter has moved."""
        return moved(params, start)

    def packed(self, facts: WordFacts) -> tuple[dict[str, Any], dict[str, Any]]:
        """Facts as JSON; no arrays."""
        target = facts.target_vocabulary
        symbols = None if target is None else target.symbols
        return {"symbols": facts.vocabulary.symbols, "target_symbols": symbols, "digest": facts.digest}, {}

    def unpacked(
        self, file: Path, facts: Any, arrays: Mapping[str, Array]
    ) -> tuple[WordFacts, tuple[str, ...]]:  # fmt: skip
        """Facts from their JSON form; raises ValueError unless they are such facts."""
        if not isinstance(facts, dict) or set(facts) != {"symbols", "target_symbols", "digest"}:
            raise ValueError(f"{file}: facts are not those of a run")
        for name in ("symbols", "target_symbols"):
            symbols = facts[name]
            known = isinstance(symbols, list) and symbols and all(type(x) is str and x for x in symbols)
            if not (known and len(set(symbols)) == len(symbols)) and (
                name == "symbols" or symbols is not None
            ):
                raise ValueError(f"{file}: facts are not those of a run: {name} is {brief(symbols)}")
        if type(facts["digest"]) not in (str, type(None)):
            raise ValueError(f"{file}: facts are not those of a run: digest is {brief(facts['digest'])}")
        target = None if facts["target_symbols"] is None else Vocabulary(tuple(facts["target_symbols"]))
        return WordFacts(Vocabulary(tuple(facts["symbols"])), target, facts["digest"]), ()

    def step_lines(self, run: Run, data: WordData, source: Run | None = None) -> list[str]:
        """The steps of a run, with their sizes."""
        settings, objective = run.settings, run.objectives()[LEARNED]
        heads, layers, width = settings.heads, settings.layers, settings.hidden_dim
        steps = steps_per_epoch(settings, data.train.size)
        target = "" if data.target_vocabulary is None else f" to {data.target_vocabulary.size}"
        lines = {
            "task": f"{settings.task}: {self.question(settings, data)}",
            "preprocess": data.cleaned,
            "extract features": f"ids of {data.vocabulary.size}{target} symbols, embedded in {width} columns",
            "allocate attention": f"dot-product scores, {heads} heads in each of {layers} layers",
            "predict": f"{objective.name}; {parameter_count(objective.shapes()):,} parameters in all",
            "feed back": f"cross-entropy, backward by hand, {optimizer_text(settings)}",
            "iterate": f"{epochs_text(settings.epochs)} of {steps} batch{'es' * (steps != 1)}, "
            f"seed {settings.seed}",
        }
        return [f"{name:<18}  {text}" for name, text in lines.items()]

    def held_out(self, run: Run, data: WordData) -> dict[str, Figures]:
        """The figures of every model and baseline, by the label of its row."""
        rows = {}
        for name, objective in run.objectives().items():
            label = objective.name if name == LEARNED else f"{objective.name}, {name}"
            rows[label] = objective.figures(run.params_of(name), data.test)
        return rows | ({} if self.baselines is None else self.baselines(run.settings, data))

    def held_out_lines(
        self, run: Run, data: WordData, rows: dict[str, Figures], title: str = "Held out"
    ) -> list[str]:
        """The figures of `held_out`, then the task's own lines."""
        width = max(18, *map(len, rows))
        lines = [f"{title}: {data.test.size} examples", f"{'':<{width}}    Loss  Accuracy"]
        lines += [
            f"{name:<{width}}  {format_loss(one.loss):>6}  {format_loss(one.accuracy):>8}"
            for name, one in rows.items()
        ]
        return [*lines, "", *self.report(run, data, rows)]

    def attention_map(self, run: Run, data: WordData) -> AttentionMap:
        """The attention of a held-out example."""
        return self.show(run, data)
