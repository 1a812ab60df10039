"""Data for saved runs: their own again, and other files of the same form."""

import numpy as np
import pytest

from numpy_attention.files import write_npz
from numpy_attention.tasks import load
from numpy_attention.tasks.run_data import find_data, from_sequences, from_table, reload_data, takes_tokens
from tests.support.runs import begin, settings_of

ROWS = [f"{number}.5,{'no' if number % 3 else 'yes'},{number % 7}" for number in range(20)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of a table with two tokens of one column."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("\n".join(["a,ill,b", *ROWS]))
    settings = settings_of("csv", csv="t.csv", label="ill", tokens=2)
    return begin(settings, load(settings))


def test_the_same_data_by_the_same_normalisation_until_the_file_changes(run, tmp_path):
    found, data = reload_data(run, "run")
    assert found.settings == run.settings
    np.testing.assert_array_equal(data.train.x, load(run.settings).train.x)
    assert data.normalisation is run.facts.normalisation
    (tmp_path / "t.csv").write_text("a,ill,b\n1,no,2\n")
    with pytest.raises(ValueError, match=r"^t.csv has changed since the run was trained on it$"):
        reload_data(run, "run")


@pytest.mark.parametrize("kept", ["t.csv", "old/place/t.csv", "/gone/data/t.csv"])
@pytest.mark.parametrize("now", ["t.csv", "data/t.csv", "runs/1/t.csv"])
def test_data_that_moved_with_the_run_are_found_by_their_digest(run, tmp_path, monkeypatch, kept, now):
    run = run._replace(settings=run.settings._replace(csv=kept))
    (tmp_path / "elsewhere").mkdir()
    text = (tmp_path / "t.csv").read_text()
    (tmp_path / "t.csv").unlink()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / now).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / now).write_text(text)
    if now == "data/t.csv" and not kept.startswith("/gone/data"):
        with pytest.raises(ValueError, match=r"the data of the run, is not there, nor beside \.\./runs/1;"):
            find_data(run, "../runs/1")
        return
    assert find_data(run, "../runs/1").settings.csv == str(tmp_path / now)
    (tmp_path / now).write_text(text + "1,no,2\n")
    with pytest.raises(ValueError, match=r"t.csv, the data of the run, is not there, nor beside"):
        find_data(run, "../runs/1")


def test_columns_of_another_table_are_found_by_name(run, tmp_path):
    (tmp_path / "other.csv").write_text("b,new,ill,a\n1,x,yes,2\n3,x,no,4\n")
    examples = from_table(run, "other.csv", labelled=True)
    assert examples.x[..., 0].tolist() == [[2, 1], [4, 3]]
    assert examples.y.tolist() == [1, 0]  # no, yes
    assert from_table(run, "other.csv", labelled=False).y.tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"^the run's task, digit-bags, has no columns; --npz takes"):
        from_table(begin(settings_of()), "other.csv", labelled=True)


def test_sequences_have_the_run_s_tokens_columns_and_classes(run):
    write_npz("s.npz", {"x": np.ones((3, 2, 1)), "y": np.array(["yes", "no", "yes"])})
    assert from_sequences(run, "s.npz", labelled=True).y.tolist() == [1, 0, 1]
    write_npz("s.npz", {"x": np.ones((3, 2, 1)), "y": np.array([0, 1, 1])})  # indices of the classes
    assert from_sequences(run, "s.npz", labelled=True).y.tolist() == [0, 1, 1]
    write_npz("s.npz", {"x": np.ones((3, 5, 1))})
    with pytest.raises(ValueError, match=r"^s.npz: x has 5 tokens of 1; 2 of 1, as the run has"):
        from_sequences(run, "s.npz", labelled=False)


def test_a_model_without_a_length_takes_any_number_of_tokens(run):
    assert takes_tokens(begin(settings_of()), 9)
    assert not takes_tokens(begin(settings_of("digits")), 9)  # learned positions
    assert not takes_tokens(run, 9)  # each token has its own normalisation
