"""numpy-attention explain: what it prints, what it takes, what it refuses."""

import json
import os
import subprocess
import sys

import pytest

from numpy_attention import STEPS, Pair
from numpy_attention.cli import explain, main
from numpy_attention.study.example import ALL_OPTIONS, SCORES, build_example
from numpy_attention.study.page import page
from numpy_attention.study.walk import walk

COMMAND = [sys.executable, "-m", "numpy_attention", "explain"]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """Whatever terminal the tests run in, it has room."""
    monkeypatch.setenv("COLUMNS", "120")


def explained(capsys, *words):
    assert main(["explain", *words]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return out


def test_the_default_is_the_page_of_the_default_example(capsys):
    assert explained(capsys) == "\n".join(page(walk(build_example()))) + "\n"


@pytest.mark.parametrize("score", SCORES)
def test_every_score(capsys, score):
    out = explained(capsys, "--score", score)
    assert f"{score} scores" in out.splitlines()[0]
    assert "Everything agrees" in out


def test_the_worked_example(capsys):
    out = explained(capsys, "--score", "concat", "--activation", "sigmoid")
    assert "weight_ij = exp(σ(w·[h_i; h_j])) / Σ_k exp(σ(w·[h_i; h_k]))" in out
    assert "σ(x) = 1 / (1 + exp(-x))" in out
    assert out == "\n".join(page(walk(build_example(score="concat", activation="sigmoid")))) + "\n"


def test_options_with_and_without_a_number(capsys):
    short = explained(capsys, "--softcap", "--sinks", "--dropout", "--bias")
    long = explained(capsys, "--softcap", "2", "--sinks", "0.5", "--dropout", "0.5", "--bias", "--seed", "0")
    assert short == long
    assert "not used" not in short
    other = explained(
        capsys, "--softcap", "3", "--sinks", "-1", "--dropout", "0.25", "--seed", "4", "--no-causal"
    )
    assert "softcap 3.0" in other
    assert "na.dropout(seed=4, rate=0.25)" in other
    assert "4  mask     not used" in other


def test_own_tokens(capsys, tmp_path):
    file = tmp_path / "mine.json"
    file.write_text("[[1, 2, 3], [0.5, -1, 0]]")
    out = explained(capsys, "--tokens", str(file))
    assert out.startswith("Attention, every number: 2 tokens x; dot scores; mask na.causal()\n")
    assert "query = split_heads(x @ W_Q.T, heads)" in out
    given = {"query": [[1]], "key": [[2], [3]], "value": [[4], [5]], "d_out": [[1]], "weight": [[7]]}
    file.write_text(json.dumps(given))
    out = explained(capsys, "--tokens", str(file), "--score", "general")
    assert out == "\n".join(page(walk(build_example(given, score="general")))) + "\n"


@pytest.mark.parametrize(
    "text, words, message",
    [
        (None, [], "cannot be read: No such file or directory"),
        ("[[1], [2, 3]]", [], "row 2 has 2 numbers, but row 1 has 1"),
        ('{"tokens": [[1]], "weight": [1]}', ["--score", "concat"], "Dq + Dk"),
        ('{"tokens": [[1]], "d_out": [[1, 2]]}', [], "d_out has shape (1, 2)"),
        (
            '{"query": [[1, 2]], "key": [[1]], "value": [[1]]}',
            [],
            "the width of query is 2, but that of key is 1",
        ),
    ],
)
def test_a_bad_file_is_named_in_one_line(capsys, tmp_path, text, words, message):
    file = tmp_path / "mine.json"
    if text is not None:
        file.write_text(text)
    assert main(["explain", "--tokens", str(file), *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"numpy-attention: {file}")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "words, message",
    [
        (["--score", "dott"], "'dott'"),
        (["--activation", "tanh"], "dot scores have none"),
        (["--softcap", "-1"], "softcap is -1.0"),
        (["--sinks", "inf"], "--sinks is 'inf'; a finite"),
        (["--seed", "-1", "--dropout"], "--seed is '-1'; a whole"),
        (["--tokens"], "--tokens"),
        (["--heads", "0"], "--heads is '0'; a whole number, at least 1 and at most 8"),
        (["--heads", "4", "--kv-heads", "3"], "kv_heads is 3, which does not divide heads, 4"),
        (["--kv-heads", "2"], "kv_heads is 2 without heads"),
        (["--window", "1,2,3"], "--window is '1,2,3'; LEFT or LEFT,RIGHT"),
        (["--window", "-1"], "--window"),
        (["--window", "1", "--causal"], "causal and window are two masks"),
        (["--align", "left"], "'left'"),
        (["--softcap", "0"], "softcap is 0.0"),
        (["--softcap", "1e-300"], "softcap is 1e-300; a number from 1e-50 to 1e+150 is expected"),
        (["--softcap", "1e300"], "softcap is 1e+300; a number from 1e-50 to 1e+150 is expected"),
        (["--bias", "2"], "2"),
    ],
)
def test_a_bad_option_is_one_line(capsys, words, message):
    assert main(["explain", *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("columns, width", [("40", 80), ("80", 80), ("91", 91), ("500", 100), ("no", None)])
def test_it_fits_the_terminal_from_80_to_100_columns(capsys, monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    lines = explained(
        capsys, "--score", "additive", "--bias", "--softcap", "--sinks", "--dropout"
    ).splitlines()
    if width is not None:
        assert max(map(len, lines)) == width


def test_a_number_that_is_wrong_is_status_1(capsys, monkeypatch):
    steps = STEPS._replace(mask=Pair(STEPS.mask.forward, lambda d, saved: 2 * d))
    monkeypatch.setattr(explain, "walk", lambda problem: walk(problem, steps=steps))
    assert main(["explain"]) == 1
    out, error = capsys.readouterr()
    assert "✗ WRONG" in out
    assert out.endswith("step 4, mask, on the way up.\n")
    assert error == ""


def test_a_console_without_greek_goes_on():
    done = subprocess.run(COMMAND, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"1  score    scores = scale * query @ key.T" in done.stdout
    assert b"1/?D = 1/?2 = 0.7071" in done.stdout


@pytest.mark.parametrize(
    "words, options",
    [
        (["--heads", "2"], {"heads": 2}),
        (["--heads", "2", "--kv-heads", "1", "--cross"], {"heads": 2, "kv_heads": 1, "cross": True}),
        (["--window", "1"], {"window": (1, 0)}),
        (["--window", "0, 1", "--align", "top_left"], {"window": (0, 1), "align": "top_left"}),
        (["--sinks", "0", "--lse"], {"sinks": 0.0, "lse": True}),
        (["--all-options", "--softcap", "3"], {**ALL_OPTIONS, "softcap": 3.0}),
    ],
)
def test_heads_windows_cross_attention_and_all_options(capsys, words, options):
    assert explained(capsys, *words) == "\n".join(page(walk(build_example(**options)))) + "\n"
