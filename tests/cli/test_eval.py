"""numpy-attention eval: the block that train printed, to the digit; everything else is refused."""

import pytest

from numpy_attention.cli import main
from numpy_attention.files import read_npz, write_npz
from numpy_attention.nn.token_scores import SCORES

QUICK = ["--epochs", "2", "--hidden-dim", "5", "--batch-size", "100", "--seed", "11"]


@pytest.mark.parametrize("score", SCORES)
def test_the_held_out_block_comes_back_to_the_digit(capsys, tmp_path, score):
    assert main(["train", *QUICK, "--score", score, "--heads", "2", "--out", str(tmp_path)]) == 0
    trained = capsys.readouterr().out
    assert main(["eval", str(tmp_path)]) == 0
    evaluated = capsys.readouterr().out
    assert evaluated.startswith("Held out: 1000 examples\n")
    assert trained.endswith("\n\n" + evaluated)


def test_figures_follow_from_the_kept_parameters(capsys, tmp_path):
    assert main(["train", *QUICK, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["eval", str(tmp_path)]) == 0
    before = capsys.readouterr().out.splitlines()
    file = tmp_path / "run.npz"
    for model, line in (("learned", 2), ("uniform", 3)):
        arrays = read_npz(file)
        name = f"{model}.classifier.bias"
        write_npz(file, {**arrays, name: arrays[name] + 1.0})
        assert main(["eval", str(tmp_path)]) == 0
        after = capsys.readouterr().out.splitlines()
        assert [i for i in range(5) if before[i] != after[i]] == [line]
        before = after
    arrays = read_npz(file)
    write_npz(file, {**arrays, "normalisation.mean": arrays["normalisation.mean"] + 1.0})
    assert main(["eval", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[2] != before[2]


def test_a_folder_that_holds_no_run(capsys, tmp_path):
    assert main(["eval", str(tmp_path)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error == f"numpy-attention: {tmp_path} holds no run: it has no run.npz\n"


def test_a_normalisation_of_other_data(capsys, tmp_path):
    assert main(["train", *QUICK, "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    arrays = read_npz(tmp_path / "run.npz")
    narrow = {name: array[:7] for name, array in arrays.items() if name.startswith("normalisation.")}
    write_npz(tmp_path / "run.npz", {**arrays, **narrow})
    assert main(["eval", str(tmp_path)]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert "run.npz: normalisation.mean is float64 (7,); float64 (64,) is expected" in error
    assert error.count("\n") == 1
