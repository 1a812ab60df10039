"""numpy-attention eval: the block that train printed, to the digit."""

import pytest

from numpy_attention.cli import main
from numpy_attention.files import read_npz, write_npz
from numpy_attention.nn.token_scores import SCORES

QUICK = ["--epochs", "2", "--hidden-dim", "5", "--batch-size", "100", "--seed", "11"]


@pytest.mark.parametrize("score", SCORES)
def test_the_held_out_block_comes_back_to_the_digit(capsys, tmp_path, score):
    assert main(["train", *QUICK, "--score", score, "--heads", "2", "--out", str(tmp_path)]) == 0
    trained = capsys.readouterr().out
    assert f"\n{score} scores" in trained
    assert "head 2" in trained
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
