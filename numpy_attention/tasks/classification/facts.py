"""What a classifier needs to know of the data it was trained on: sizes, names, and their normalisation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import brief
from ...training.run import file_digest
from ...training.run_folder import check_numbers
from ...training.settings import Settings
from .cleaning import Normalisation, Prepared
from .models import DataSizes


class ClassificationFacts(NamedTuple):
    """Sizes and names of a run's data, as the run folder stores them, and the training part's statistics."""

    tokens: int
    input_dim: int
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    """Number of training examples of each class."""
    columns: tuple[str, ...]
    """Columns of a table, in the order in which they fill the tokens."""
    label: str | None
    """The column of a table that holds the class."""
    digest: str | None
    """SHA-256 of the user's own data file, if there is one."""
    normalisation: Normalisation

    @property
    def sizes(self) -> DataSizes:
        """The sizes of a model for these data."""
        return DataSizes(self.tokens, self.input_dim, 1 if len(self.classes) == 2 else len(self.classes))


def facts_of(settings: Settings, data: Prepared) -> ClassificationFacts:
    """Sizes, names and normalisation of the data, and the digest of their file."""
    _, tokens, width = data.train.x.shape
    raw = data.raw
    counts = np.bincount(data.train.y.astype(np.int64), minlength=len(raw.classes))
    return ClassificationFacts(
        tokens, width, raw.classes, tuple(map(int, counts)), raw.columns, raw.label, file_digest(settings),
        data.normalisation,
    )  # fmt: skip


def packed(facts: ClassificationFacts) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts as JSON, and the arrays among them."""
    texts = facts._asdict()
    return texts, {"normalisation": texts.pop("normalisation")._asdict()}


ARRAYS = tuple(f"normalisation.{name}" for name in Normalisation._fields)


def unpacked(
    file: Path, facts: Any, arrays: Mapping[str, Array]
) -> tuple[ClassificationFacts, tuple[str, ...]]:
    """The facts from their JSON form and arrays, and the names of these.

    Raises
    ------
    ValueError
        Unless they have the fields, types and shapes that a run writes.
    """
    kinds: dict[str, Any] = {
        "tokens": int, "input_dim": int, "classes": list, "counts": list, "columns": list,
        "label": (str, type(None)), "digest": (str, type(None)),
    }  # fmt: skip
    if not isinstance(facts, dict) or set(facts) != set(kinds):
        raise ValueError(f"{file}: facts are not those of a run")
    for name, kind in kinds.items():
        if not isinstance(facts[name], kind) or not _valid_fact(name, facts[name]):
            raise ValueError(f"{file}: facts are not those of a run: {name} is {brief(facts[name])}")
    if len(facts["counts"]) != len(facts["classes"]):
        raise ValueError(f"{file}: facts are not those of a run: counts and classes differ in number")
    fields: dict[str, Any] = {name: tuple(x) if isinstance(x, list) else x for name, x in facts.items()}
    sizes = facts["tokens"], facts["input_dim"]
    return ClassificationFacts(**fields, normalisation=_normalisation(file, arrays, *sizes)), ARRAYS


def _valid_fact(name: str, value: Any) -> bool:
    if name in ("tokens", "input_dim"):
        return type(value) is int and value >= 1
    if name == "counts":
        return all(type(count) is int and count >= 0 for count in value) and any(value)
    if name in ("classes", "columns"):
        texts = all(type(text) is str for text in value)
        return texts and len(set(value)) == len(value) and (name == "columns" or len(value) >= 2)
    return True


def _normalisation(file: Path, arrays: Mapping[str, Array], tokens: int, input_dim: int) -> Normalisation:
    for name in Normalisation._fields:
        if f"normalisation.{name}" not in arrays:
            raise ValueError(f"{file} has no array 'normalisation.{name}'")
    normalisation = Normalisation(*(arrays[f"normalisation.{name}"] for name in Normalisation._fields))
    by_place = normalisation.mean.ndim == 2
    shape = (tokens, input_dim) if by_place else (input_dim,)
    for name, array in normalisation._asdict().items():
        check_numbers(file, f"normalisation.{name}", array, shape)
    if not (normalisation.deviation > 0).all():
        raise ValueError(f"{file}: normalisation.deviation has an entry that is not above 0")
    return normalisation
