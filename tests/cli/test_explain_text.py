"""numpy-attention explain --text."""

import pytest

from numpy_attention.cli import main
from tests.support.commands import out_of

WORDS = ["explain", "--text", "Alice was"]


def test_the_shipped_model_by_default_and_layers_and_heads_from_0(capsys, tmp_path):
    text = out_of(capsys, *WORDS, "--layer", "1", "--head", "3")
    assert "at layer 1, head 3; both count from 0\n" in text
    assert "at layer 0, head 0; both count from 0\n" in out_of(capsys, *WORDS)
    page = tmp_path / "w.html"
    size = out_of(capsys, *WORDS, "--html", str(page))
    assert size == f"{page}: {page.stat().st_size:,} bytes\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--text", ""], "text has 0 symbols; from 2 to"),
        (["--text", "a☃"], "text holds '☃'; characters that the model has seen are expected"),
        (["--text", "x" * 200], "text has 200 symbols; from 2 to"),
        ([*WORDS[1:], "--layer", "9"], "layer is 9; from 0 to"),
        ([*WORDS[1:], "--head", "9"], "head is 9; from 0 to"),
        ([*WORDS[1:], "--run", "nothing"], "nothing is not there"),
        ([*WORDS[1:], "--all-options"], "--all-options does not belong to --text TEXT; leave it out"),
        ([*WORDS[1:], "--kv-heads", "2"], "--kv-heads does not belong to --text TEXT; leave it out"),
        ([*WORDS[1:], "--break", "no-row-sum"], "--break does not belong to --text TEXT; leave it out"),
        (["--layer", "0"], "--layer belongs to --text TEXT"),
        (["--run", "nothing"], "--run belongs to --html FILE or --text TEXT"),
    ],
)
def test_bad_input_is_one_sentence(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert message in error
