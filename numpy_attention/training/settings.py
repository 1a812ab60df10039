"""Settings of a run: defaults, and the range of every single one.

Which settings belong to which task is declared by the tasks: see `task.validated`.
"""

import math
import os
import re
from typing import Any, NamedTuple

from ..functional.base.admission import one_of
from ..functional.base.wording import brief
from ..nn.adaptive import NORMALISERS
from ..nn.temperature import FIXED, TEMPERATURES
from ..nn.token_scores import SCORES

OPTIMIZER_NAMES = ("adam", "adamw", "sgd", "momentum")
SCHEDULE_NAMES = ("constant", "warmup", "cosine", "inverse-square-root")
UNTIL_FIGURES = ("accuracy", "loss")
CODES = ("characters", "byte-pairs")


class Settings(NamedTuple):
    """Everything that determines a run's numbers."""

    task: str = ""
    """The task's name; the loop alone needs none."""
    score: str = "location"
    heads: int = 1
    hidden_dim: int = 50
    epochs: int = 10
    lr: float = 0.001
    batch_size: int = 32
    seed: int = 0
    optimizer: str = "adam"
    schedule: str = "constant"
    clip: float | None = None
    temperature: str = FIXED
    until: str | None = None
    digit: int | None = None
    csv: str | None = None
    label: str | None = None
    tokens: int | None = None
    delimiter: str | None = None
    drop: str | None = None
    drop_text: bool | None = None
    decimal: str | None = None
    npz: str | None = None
    strict: bool = False
    start_from: str | None = None
    accumulate: int | None = None
    """Parts of a batch, one after the other; None is one."""
    weight_decay: float | None = None
    patience: int | None = None
    """Epochs without a lower loss on the validation part, after which training stops."""
    layers: int | None = None
    context: int | None = None
    dropout: float | None = None
    code: str | None = None
    text_file: str | None = None
    locales: str | None = None
    normaliser: str | None = None
    """None is softmax."""
    span: int | None = None
    """The ramp of adaptive spans; None for none."""
    span_penalty: float | None = None
    lesion: str | None = None
    wav: str | None = None
    """A folder of recordings"""

    @property
    def data_file(self) -> str | None:
        """The user's own data file or folder, if there is one."""
        return next((path for name in DATA_FILES if (path := getattr(self, name))), None)


DATA_FILES = ("csv", "npz", "text_file", "wav")
"""Settings that are the user's own data."""
FILES = (*DATA_FILES, "start_from")
"""Settings that are paths."""


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings with paths that lead to the same files from any working folder."""
    paths = {name: path for name in FILES if (path := getattr(settings, name)) is not None}
    return settings._replace(**{name: os.path.abspath(path) for name, path in paths.items()})


LESIONED_HEADS = re.compile(r"head=((?:\d{1,6}\.)?\d{1,6}(?:\+(?:\d{1,6}\.)?\d{1,6})*)", re.ASCII)
LESIONED_SHARE = re.compile(r"(\d{1,6}(?:\.\d+)?)%", re.ASCII)

CHOICES = {
    "score": tuple(SCORES),
    "optimizer": OPTIMIZER_NAMES,
    "schedule": SCHEDULE_NAMES,
    "temperature": TEMPERATURES,
    "code": CODES,
    "normaliser": NORMALISERS,
}
MINIMUM = {"heads": 1, "hidden_dim": 1, "epochs": 1, "batch_size": 1, "seed": 0, "tokens": 1, "digit": 0,
           "accumulate": 1, "patience": 1, "layers": 1, "context": 1, "span": 2}  # fmt: skip
MAXIMUM = {"seed": math.inf, "digit": 9}
DEFAULT_MAXIMUM = 10**6
"""Upper limit of every whole number not in MAXIMUM; memory runs out first."""
DELIMITER_NAMES = {"tab": "\t", "\\t": "\t", "space": " "}
NO_DELIMITERS = "\"'.+-_#?\r\n\0"
POSITIVE = ("lr", "clip")
SHARES = ("dropout",)
"""Numbers from 0 to below 1."""
NOT_NEGATIVE = ("weight_decay", "span_penalty")
TEXTS = ("task", "csv", "label", "drop", "npz", "start_from", "text_file", "locales", "wav")
OPTIONAL = ("clip", "until", "digit", "csv", "label", "tokens", "delimiter", "drop", "drop_text", "decimal",
            "npz", "start_from", "accumulate", "weight_decay", "patience", "layers", "context", "dropout",
            "code", "text_file", "locales", "lesion", "wav", "normaliser", "span",
            "span_penalty")  # fmt: skip
"""Settings that may be None, which means unset."""


def check_fields(settings: Any, *, complete: bool = True) -> dict[str, Any]:
    """The settings of a JSON file, each within its range; no unknown keys and, if `complete`, every key
    that must have a value.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or a value is out of range.
    """
    if not isinstance(settings, dict):
        raise ValueError(f"settings are a {type(settings).__name__}; an object with names is expected")
    for name in Settings._fields:
        if complete and name not in settings and name not in OPTIONAL:
            raise ValueError(f"the setting {name!r} is missing")
    for name, value in settings.items():
        if name not in Settings._fields:
            raise ValueError(
                f"{brief(name)} is not a setting; one of {', '.join(Settings._fields)} is expected"
            )
        if value is not None or name not in OPTIONAL:
            check_field(name, value)
    return settings


def check_field(name: str, value: Any) -> None:
    """Raise ValueError unless the value is in the setting's range; the error names the setting."""
    if name in CHOICES:
        one_of(name, value, CHOICES[name])
    elif name in MINIMUM:
        _check_whole_number(name, value)
    elif name in POSITIVE:
        if type(value) not in (int, float) or not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {brief(value)}; a finite number above 0 is expected")
    elif name in SHARES:
        if type(value) not in (int, float) or not 0 <= value < 1:
            raise ValueError(f"{name} is {brief(value)}; a number from 0 to below 1 is expected")
    elif name in NOT_NEGATIVE:
        if type(value) not in (int, float) or not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {brief(value)}; a finite number, at least 0, is expected")
    elif name in TEXTS:
        if type(value) is not str or not value:
            raise ValueError(f"{name} is {brief(value)}; a text is expected")
    elif name == "delimiter":
        check_delimiter(value)
    elif name == "decimal":
        check_decimal(value)
    elif name == "until":
        parse_until(value)
    elif name == "lesion":
        parse_lesion(value)
    elif type(value) is not bool:
        raise ValueError(f"{name} is {brief(value)}; true or false is expected")


def check_delimiter(value: Any) -> None:
    """Raise ValueError unless the value is one character that no number has, or its name."""
    if type(value) is str and value in DELIMITER_NAMES:
        return
    if type(value) is not str or len(value) != 1 or value.isalnum() or value in NO_DELIMITERS:
        raise ValueError(
            f"delimiter is {brief(value)}; one character such as ;, or tab, or space, is expected"
        )


def check_decimal(value: Any) -> None:
    """Raise ValueError unless the value is a point or a comma."""
    if value not in (".", ","):
        raise ValueError(f"decimal is {brief(value)}; a point or a comma is expected")


def parse_until(until: str) -> tuple[str, float]:
    """Name and value of a stopping condition such as "accuracy=0.95" or "loss=0.1".

    Examples
    --------
    >>> parse_until("accuracy=0.95")
    ('accuracy', 0.95)
    """
    name, _, text = until.partition("=") if type(until) is str else ("", "", "")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if name not in UNTIL_FIGURES or not 0 <= value < math.inf or (name == "accuracy" and value > 1):
        raise ValueError(
            f"until is {brief(until)}; accuracy=X with X from 0 to 1, or loss=X with X from 0, is expected"
        )
    return name, value


def parse_lesion(lesion: Any) -> float | list[tuple[int | None, int]]:
    """The share of the weights; or (attention, head) of each head, from 1, None for every attention.

    Examples
    --------
    >>> parse_lesion("10%"), parse_lesion("head=2"), parse_lesion("head=1.2+2.1")
    (0.1, [(None, 2)], [(1, 2), (2, 1)])
    """
    text = lesion if type(lesion) is str else ""
    if (share := LESIONED_SHARE.fullmatch(text)) and 0 < float(share[1]) < 100:
        return float(share[1]) / 100
    places: list[tuple[int | None, int]] = []
    if heads := LESIONED_HEADS.fullmatch(text):
        for one in heads[1].split("+"):
            attention, _, head = one.rpartition(".")
            places.append((int(attention) if attention else None, int(head)))
    if not places or 0 in {number for place in places for number in place}:
        raise ValueError(
            f"lesion is {brief(lesion)}; head=N, head=ATTENTION.N, several as head=1+2.3, each from 1, or a "
            "share of the weights such as 10%, above 0% and below 100%, is expected"
        )
    return places


def _check_whole_number(name: str, value: Any) -> None:
    least, most = MINIMUM[name], MAXIMUM.get(name, DEFAULT_MAXIMUM)
    if type(value) is not int or not least <= value <= most:
        upper = "" if most == math.inf else f" and at most {most}"
        raise ValueError(f"{name} is {brief(value)}; a whole number, at least {least}{upper}, is expected")
