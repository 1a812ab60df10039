"""Settings: the range of each, and what a JSON file may hold."""

import math
import os

import pytest

from numpy_attention.training.settings import (
    Settings,
    check_field,
    check_fields,
    parse_until,
    with_absolute_paths,
)

OUT_OF_RANGE = {
    "task": ["", ["digit-bags"]],
    "score": ["uniform", "Location", None],
    "heads": [0, -1],
    "hidden_dim": [0, 2.0, True, 10**30],
    "epochs": [0, "10"],
    "batch_size": [0],
    "seed": [-1, 0.5],
    "lr": [0.0, -0.001, math.nan, math.inf, "0.001", True, None],
    "clip": [0, "1"],
    "optimizer": ["lion"],
    "schedule": ["linear"],
    "temperature": [2.0],
    "digit": [10],
    "tokens": [0],
    "csv": [3, ""],
    "delimiter": ["", "ab", "1", ".", "\n", 3],
    "drop": ["", 3],
    "drop_text": [1, "yes"],
    "decimal": ["", ";", 3],
    "strict": [1, None],
    "lesion": [
        "",
        "head",
        "head=",
        "head=0",
        "head=1.0",
        "head=1,2",
        "head=1+",
        "10",
        "0%",
        "100%",
        "-5%",
        10,
        "head=1+10%",
        "head=٣",
        "1e1%",
        "head=" + "9" * 9,
    ],
    "normaliser": ["sparsemax"],
    "span": [0, 1, 2.5],
    "span_penalty": [-0.1, math.inf, "1"],
    "until": ["accuracy", "accuracy=1.5", "loss=-1", "loss=nan", "focus=0.5", 0.95],
}


@pytest.mark.parametrize("name, value", [(name, x) for name, values in OUT_OF_RANGE.items() for x in values])
def test_values_out_of_range_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} is .* expected$"):
        check_field(name, value)
    with pytest.raises(ValueError, match=f"^{name} is .* expected$"):
        check_fields({**Settings(task="a")._asdict(), name: value})


def test_until_is_a_figure_and_a_number():
    assert parse_until("loss=1e-3") == ("loss", 0.001)
    assert parse_until("accuracy=1") == ("accuracy", 1.0)


def test_json_objects_have_known_keys_and_by_default_all_of_them():
    settings = Settings(task="a", heads=3, lr=0.25)
    assert Settings(**check_fields(settings._asdict())) == settings
    with pytest.raises(ValueError, match="'lr' is missing"):
        check_fields({name: value for name, value in settings._asdict().items() if name != "lr"})
    assert check_fields({"heads": 3}, complete=False) == {"heads": 3}
    with pytest.raises(ValueError, match="'momentum' is not a setting; one of task, score"):
        check_fields({**settings._asdict(), "momentum": 0.9})
    with pytest.raises(ValueError, match="settings are a list"):
        check_fields(list(settings))


def test_a_large_seed_is_in_range():
    check_field("seed", 2**70)


def test_the_data_file_is_the_one_that_is_set():
    assert [Settings(csv="a").data_file, Settings(npz="b").data_file, Settings().data_file] == [
        "a",
        "b",
        None,
    ]


def test_settings_of_before_lack_what_is_new():
    settings = Settings(task="digits", heads=3, lr=0.25)
    first = list(Settings._fields).index("accumulate")
    older = {name: getattr(settings, name) for name in Settings._fields[:first]}
    assert Settings(**check_fields(older)) == settings


def test_paths_become_absolute_and_names_remain():
    kept = with_absolute_paths(Settings(text_file="a.txt", start_from="runs/a", locales="it,nl", label="b"))
    assert (kept.text_file, kept.start_from) == (os.path.abspath("a.txt"), os.path.abspath("runs/a"))
    assert (kept.locales, kept.label) == ("it,nl", "b")
