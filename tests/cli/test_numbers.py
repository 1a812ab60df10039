"""Numbers on the command line, for every option of every command that takes one."""

import re

import pytest

from numpy_attention.cli import main
from numpy_attention.cli.numbers import finite_number, positive_number, whole_number
from numpy_attention.training.settings import Settings

NO_NUMBER = ("ten", "", "nan", "inf", "1e999", "9" * 5000)
WHOLE = (*NO_NUMBER, "-1", "1.5", "1e9")
REAL = (*NO_NUMBER, "-1", "0")
COUNTS = (
    "heads",
    "hidden-dim",
    "epochs",
    "batch-size",
    "tokens",
    "accumulate",
    "patience",
    "layers",
    "context",
)
OPTIONS = {
    **{f"train --{name}": (*WHOLE, "0") for name in COUNTS},
    "train --seed": WHOLE,
    "train --digit": (*WHOLE, "10"),
    "train --lr": REAL,
    "train --clip": REAL,
    "train --weight-decay": (*NO_NUMBER, "-1"),
    "train --dropout": (*NO_NUMBER, "-1", "1"),
    "train --span": (*WHOLE, "1"),
    "train --span-penalty": (*NO_NUMBER, "-1"),
    "train --time-limit": REAL,
    "train --until": ("ten", "loss", "loss=nan", "loss=inf", "loss=-1", "accuracy=2", "x=1"),
    "check a.py:f --seed": WHOLE,
    "check a.py:f --repeat": (*WHOLE, "0"),
    "check a.py:f --length-multiple": (*WHOLE, "0"),
    "check a.py:f --timeout": REAL,
    "check a.py:f --head-dims": (*WHOLE, "0"),
    "gradcheck --seed": WHOLE,
    "gradcheck --order": (*WHOLE, "0", "3"),
    "explain --seed": WHOLE,
    **{f"explain --{name}": NO_NUMBER for name in ("softcap", "sinks", "dropout")},
    "laws": ("ten", "1.5", "nan", "9" * 5000),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_a_value_out_of_range_is_refused_in_one_short_sentence(capsys, option):
    *words, last = option.split()
    for value in OPTIONS[option]:
        joined = [*words, f"{last}={value}"] if last.startswith("--") else [*words, last, value]
        assert main(joined) == 2, value
        out, error = capsys.readouterr()
        assert (out, error.count("\n")) == ("", 1)
        assert len(error) < 350
        assert re.search(r"expected|positive whole numbers|numbered from", error), error
        assert re.search(last.strip("-").split("-")[0] + "|there is no law", error), error
        assert "invalid" not in error


def test_every_setting_that_is_a_number_is_in_the_table():
    numbers = ("int", "int | None", "float", "float | None")
    names = [name for name, kind in Settings.__annotations__.items() if kind_name(kind) in numbers]
    assert len(names) == 17
    assert {f"train --{name.replace('_', '-')}" for name in names} <= set(OPTIONS)


def kind_name(kind):
    return kind.__name__ if isinstance(kind, type) else str(kind)


def test_numbers_in_range_are_read():
    assert whole_number()(str(2**70)) == 2**70
    assert whole_number(1, 2)("2") == 2
    assert (positive_number("1e-3"), finite_number("-2")) == (0.001, -2.0)


WORDS = {
    "train --task digts": r"task is 'digts' \(did you mean 'digits'\?\); one of",
    "train --epoch 3": r"there is no option --epoch \(did you mean '--epochs'\?\)",
    "trian": r"COMMAND is 'trian' \(did you mean 'train'\?\); one of",
    "check a.py:f --profile ful": r"--profile is 'ful' \(did you mean 'full'\?\); one of",
    "explain --score adidtive": r"--score is 'adidtive' \(did you mean 'additive'\?\)",
}


@pytest.mark.parametrize("words", WORDS)
def test_a_misspelt_word_is_answered_with_the_nearest(capsys, words):
    assert main(words.split()) == 2
    assert re.search(WORDS[words], capsys.readouterr().err)


@pytest.mark.parametrize("words", [["eval"], ["train", "--resume"], ["train", "--task"], ["train", "--out"]])
def test_names_of_60_000_characters_are_cut(capsys, words):
    assert main([*words, "k" * 60_000]) == 2
    error = capsys.readouterr().err
    assert "kkk…kkk" in error
    assert len(error) < 500
