"""Tasks of words: a vocabulary is what a run keeps of its data."""

from pathlib import Path
from typing import Any, NamedTuple

from ...functional.base.wording import brief
from ...training.run import file_digest
from ...training.settings import Settings
from ..model_task import FactsForm, ModelTask
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


def facts_of(settings: Settings, data: WordData) -> WordFacts:
    """The vocabularies, and the digest of the user's text."""
    return WordFacts(data.vocabulary, data.target_vocabulary, file_digest(settings))


def packed(facts: WordFacts) -> dict[str, Any]:
    """Facts as JSON."""
    target = facts.target_vocabulary
    symbols = None if target is None else target.symbols
    return {"symbols": facts.vocabulary.symbols, "target_symbols": symbols, "digest": facts.digest}


def unpacked(file: Path, facts: Any) -> WordFacts:
    """Facts from their JSON form; raises ValueError unless they are such facts."""
    if not isinstance(facts, dict) or set(facts) != {"symbols", "target_symbols", "digest"}:
        raise ValueError(f"{file}: facts are not those of a run")
    for name in ("symbols", "target_symbols"):
        symbols = facts[name]
        known = isinstance(symbols, list) and symbols and all(type(x) is str and x for x in symbols)
        if not (known and len(set(symbols)) == len(symbols)) and (name == "symbols" or symbols is not None):
            raise ValueError(f"{file}: facts are not those of a run: {name} is {brief(symbols)}")
    if type(facts["digest"]) not in (str, type(None)):
        raise ValueError(f"{file}: facts are not those of a run: digest is {brief(facts['digest'])}")
    target = None if facts["target_symbols"] is None else Vocabulary(tuple(facts["target_symbols"]))
    return WordFacts(Vocabulary(tuple(facts["symbols"])), target, facts["digest"])


def features(data: WordData) -> str:
    """The number of symbols."""
    target = "" if data.target_vocabulary is None else f" to {data.target_vocabulary.size}"
    return f"ids of {data.vocabulary.size}{target} symbols"


FACTS_FORM = FactsForm(WordFacts, facts_of, packed, unpacked)


def word_task(**fields: Any) -> ModelTask:
    """A task of words; `fields` are those of `ModelTask`."""
    return ModelTask(facts_form=FACTS_FORM, features=features, **fields)
