"""The plain lines are those of the README, and what options add to them is right."""

import re
from pathlib import Path

import numpy as np
import pytest

from numpy_attention.study.example import ALL_OPTIONS, build_example
from numpy_attention.study.plain_lines import ADDED, DOWN, PLAIN, UP, plain_line
from numpy_attention.study.walk import walk

README = Path(__file__).parents[2] / "README.md"


def test_plain_lines_are_those_of_the_readme():
    table = re.search(r"<!-- seven -->\n```\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    rows = [[cell.strip() for cell in line.split("│")] for line in table.splitlines() if "=" in line]
    assert rows == [list(lines) for lines in PLAIN.values()]


def test_an_option_adds_its_line():
    assert plain_line("bias", DOWN, frozenset({"bias"})) == "biased = capped + bias"
    assert plain_line("score", UP, frozenset({"scale"})).endswith(
        "\n    d_scale = sum(d_scores * (query @ key.T))"
    )
    assert "\n" not in plain_line("score", UP, frozenset())


def test_every_key_of_added_is_a_step_and_an_option():
    options = {"", "d_lse", *build_example().options}
    assert all(step in PLAIN and way in (DOWN, UP) and option in options for step, way, option in ADDED)


@pytest.mark.parametrize("options", [{}, {"sinks": 0.5}, {"sinks": 0.5, "lse": True, "causal": False}])
def test_what_options_add_is_right(options):
    """The formulas as NumPy, for one head."""
    walked = walk(build_example(**options))
    down = {name: x for stage in walked.down for name, x in stage.results.items()}
    up = {name: x for stage in walked.up for name, x in stage.results.items()}
    numbers = down | {f"d_{name}": getattr(walked.example, f"d_{name}") for name in ("out", "lse")} | up
    numbers |= {
        "exp": np.exp,
        "log": np.log,
        "sum": np.sum,
        "rowsum": lambda x: x.sum(axis=-1, keepdims=True),
    }
    numbers |= {name: getattr(walked.example, name) for name in ("query", "key")}
    numbers |= {"sinks": walked.example.options["sinks"], "lse": down["lse"][:, None]}
    numbers.setdefault("masked", down["scores"])
    numbers.setdefault("d_weights", up["d_thinned"])
    numbers.setdefault("d_scores", up.get("d_biased", up["d_masked"]))
    right_sides = {("score", UP, "scale"): up["d_scale"]}
    if options.get("sinks") and not options.get("lse"):
        right_sides["softmax", UP, "sinks"] = up["d_sinks"]
    for key, right in right_sides.items():
        np.testing.assert_allclose(eval(ADDED[key].partition(" = ")[2], numbers), right, atol=1e-14)
    lse = ADDED["softmax", DOWN, "sinks" if "sinks" in options else ""]
    lse = lse.rpartition(" is " if "sinks" in options else " = ")[2]
    np.testing.assert_allclose(eval(lse, numbers), numbers["lse"], atol=1e-14)


def test_d_lse_stands_in_the_place_that_the_line_says():
    walked = walk(build_example(lse=True))
    d_weights, weights = walked.up[0].results["d_thinned"], walked.saved.weights
    row_sums = (weights * d_weights).sum(axis=-1, keepdims=True)
    d_masked = weights * (d_weights + walked.example.d_lse[:, None] - row_sums)
    np.testing.assert_allclose(walked.up[2].results["d_masked"], d_masked, atol=1e-14)
    assert "d_lse - rowsum(…)" in plain_line("softmax", UP, frozenset({"d_lse"}))
    assert len(build_example(**ALL_OPTIONS).d_lse) == 4
