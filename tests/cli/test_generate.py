"""numpy-attention generate."""

import pytest

from numpy_attention.cli import generate, main
from numpy_attention.tasks.words.shipped import shipped_model
from numpy_attention.tasks.writing import written
from tests.support.commands import QUICK, out_of

GREEDY = ["--prompt", "Alice was", "--temperature", "0"]


def test_the_shipped_model_goes_on_with_a_prompt(capsys):
    greedy = "".join(written(shipped_model(), "Alice was", 12, temperature=0))
    assert out_of(capsys, "generate", *GREEDY, "--length", "12") == f"Alice was{greedy}\n"
    last = greedy.strip()[-2:]
    stopped = out_of(capsys, "generate", *GREEDY, "--length", "12", "--stop", last)
    assert stopped == f"Alice was{greedy.partition(last)[0]}\n"


def test_every_option_reaches_the_model(capsys, monkeypatch):
    given = []
    monkeypatch.setattr(generate, "written", lambda *args, **options: given.append((args, options)) or ())
    words = "--length 7 --temperature 2 --top-k 3 --top-p 0.5 --min-p 0.1 --repetition-penalty 1.2 --seed 4"
    assert out_of(capsys, "generate", "--prompt", "a", "--stop", ".", *words.split()) == "a\n"
    out_of(capsys, "generate", "--prompt", "a", "--beams", "4")
    (args, options), (_, beams) = given
    assert args[1:] == ("a", 7)
    assert options == {
        "temperature": 2.0, "top_k": 3, "top_p": 0.5, "min_p": 0.1, "repetition_penalty": 1.2, "seed": 4,
        "stop": ".", "beams": 1,
    }  # fmt: skip
    assert (beams["beams"], beams["temperature"]) == (4, 1.0)


def test_text_is_printed_as_it_comes(capsys, monkeypatch):
    def pieces():
        yield "b"
        assert capsys.readouterr().out == "ab"
        yield "c"

    monkeypatch.setattr(generate, "written", lambda *args, **options: pieces())
    assert main(["generate", "--prompt", "a"]) == 0
    assert capsys.readouterr().out == "c\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: --prompt"),
        (["--prompt", ""], "prompt is empty; at least one character is expected"),
        (["--prompt", "☃"], "prompt holds '☃'; characters that the model has seen are expected"),
        (["--prompt", "a", "--run", "nothing"], "nothing is not there"),
        (["--prompt", "a", "--run", "."], "holds no run: it has no run.npz"),
        (
            [*GREEDY, "--top-k", "3"],
            "top_k is 3, but temperature 0 takes the likeliest id; one of the two is expected",
        ),
        ([*GREEDY, "--beams", "2"], "temperature is 0.0, but beam search draws nothing"),
        (["--prompt", "a", "--top-p", "2"], "top_p is 2.0; a number above 0 and at most 1 is expected"),
        (["--prompt", "a", "--length", "x"], "--length is 'x'; a whole number, at least 0, is expected"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_printed(capsys, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["generate", *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert message in error


def test_a_run_of_another_task_is_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out_of(capsys, "train", "--task", "breast-cancer", *QUICK, "--out", "run")
    assert main(["generate", "--run", "run", "--prompt", "a"]) == 2
    assert "run is a run of breast-cancer, which has no language model" in capsys.readouterr().err
