"""The options of numpy-attention train: a table of settings, and those of the command itself."""

import argparse
from collections.abc import Callable
from typing import Any

from ..tasks import DEFAULT_TASK, TASKS
from ..training.settings import CHOICES, Settings
from .numbers import positive_number
from .workers import add_worker_options

NUMBERS = {
    "heads": (int, "N", "attention heads, each with its own scores"),
    "hidden_dim": (int, "N", "features of each token"),
    "epochs": (int, "N", "passes over the training part"),
    "lr": (float, "X", "the learning rate"),
    "batch_size": (int, "N", "examples in each step"),
    "seed": (int, "N", "seed of all random numbers"),
    "clip": (float, "X", "clip the global norm of the gradients to this"),
    "accumulate": (int, "N", "parts of a batch, one after the other, which takes less memory"),
    "weight_decay": (float, "X", "with adamw: how much of lr times a parameter is taken off at each step"),
    "patience": (int, "N", "stop after so many epochs without a lower loss on a part that is set aside"),
    "digit": (int, "N", "the digit to look for"),
    "layers": (int, "N", "blocks of the transformer, of each part where it has several"),
    "context": (int, "N", "the most symbols that attention sees"),
    "dropout": (float, "X", "the share of numbers that dropout sets to 0"),
    "span": (int, "N", "each head learns how far it reaches; N is the width of the window's soft edge"),
    "span_penalty": (float, "X", "with --span: X times the mean span over the context is added to the loss"),
}
NAMES = {
    "task": "the task; see numpy-attention list",
    "score": "with digit-bags, breast-cancer, csv, npz: score function of the tokens",
    "optimizer": "optimizer; momentum is SGD with momentum 0.9",
    "schedule": "learning-rate schedule; all but constant warm up over the first tenth of the steps",
    "temperature": (
        "with digit-bags, breast-cancer, digits, text, csv, npz: each head divides its scores by a number, "
        "learned or fixed at 1"
    ),
    "code": "what a symbol is",
    "normaliser": "entmax gives weights of exactly 0, each head learns its alpha",
}
TEXTS = {
    "csv": ("FILE", "your own table: a header, then one example, or a user's rating of an item, a line"),
    "label": ("COLUMN", "with --csv: the column of the class"),
    "delimiter": ("CHAR", "with --csv: what separates the cells, such as ';', tab or space (default: comma)"),
    "decimal": ("CHAR", "with --csv: . or , in numbers (default: .)"),
    "npz": (
        "FILE",
        "your own sequences: x (N, T, F), y (N,) and, if they differ, lengths (N,); or images: x (N, H, W)",
    ),
    "text_file": ("FILE", "your own text, in UTF-8"),
    "wav": ("DIR", "your own recordings, files LABEL_SPEAKER_NUMBER.wav"),
    "locales": ("NAME[,NAME]", "more languages, by babel; such as it,nl"),
    "until": ("WHAT", "stop at accuracy=X, or loss=X, on the training part"),
    "start_from": ("DIR", "start from the parameters of this run, on other data"),
}
EPILOG = """
Defaults are those of digit-bags; numpy-attention list shows those of other tasks.
Options that take a number or a name also take several: --lr 1e-4,1e-3 --hidden-dim 10,50 trains all four
combinations, and prints the sensitivity of the held-out loss to each setting.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.epilog = EPILOG
    for name, text in NAMES.items():
        choices = ", ".join(TASKS if name == "task" else CHOICES[name])
        _add(parser, name, comma_separated(str), "NAME", f"{text}: {choices}{_default(name)}")
    for name, (kind, metavar, text) in NUMBERS.items():
        _add(parser, name, comma_separated(kind), metavar, text + _default(name))
    for name, (metavar, text) in TEXTS.items():
        _add(parser, name, lambda value: [value], metavar, text)
    tokens = "with --csv: number of tokens, filled by the columns in order"
    _add(parser, "tokens", comma_separated(int), "T", tokens)
    lesion = "with --start-from: keep head=N, head=ATTENTION.N, head=1+2 or 10%% of the weights at 0"
    _add(parser, "lesion", comma_separated(str), "WHAT", lesion)
    add = parser.add_argument
    leave_out = "with --csv: leave these columns out; several times, it adds up"
    add("--drop", action="append", metavar="COLUMN[,COLUMN]", help=leave_out)
    add("--drop-text", action="store_const", const=[True], help="with --csv: leave columns of text out")
    add("--strict", action="store_const", const=[True], help="refuse missing values")
    add("--config", metavar="FILE.json", help="read settings from a file; options override them")
    add("--out", metavar="DIR", help="keep the run in this folder, replacing an earlier run")
    add("--resume", metavar="DIR", help="continue the run in this folder as if it had never stopped")
    add("--verbose", action="store_true", help="print attention focus and parameter changes after each epoch")
    add(
        "--time-limit",
        type=positive_number,
        metavar="SECONDS",
        help="stop before an epoch that would end later",
    )
    add("--plot", action="store_true", help="with --out: draw the loss curve, the attention map, images")
    add_worker_options(parser, "a batch goes through the model in --accumulate parts, N if that is not set")


def comma_separated(kind: type) -> Callable[[str], list[Any]]:
    """A parser of comma-separated values, for argparse; other text stays, for the settings to refuse."""

    def value(part: str) -> Any:
        try:
            return kind(part)
        except ValueError:
            return part

    return lambda text: [value(part) for part in text.split(",")]


def _add(
    parser: argparse.ArgumentParser, name: str, kind: Callable[[str], Any], metavar: str, text: str
) -> None:
    option, where = "--" + name.replace("_", "-"), "" if text.startswith("with ") else _takers(name)
    parser.add_argument(option, type=kind, metavar=metavar, help=where + text)


def _takers(name: str) -> str:
    """The tasks that take a setting, as the beginning of its help; "" where all do."""
    takers = [task for task in TASKS if name in TASKS[task].own_settings]
    others = [task for task in TASKS if task not in takers]
    if not takers:
        return ""
    rest = f"all but {', '.join(others)}"
    return f"with {', '.join(takers) if len(takers) <= len(others) else rest}: "


def _default(name: str) -> str:
    value = getattr(Settings(task=DEFAULT_TASK), name)
    return "" if value is None else f" (default: {value})"
