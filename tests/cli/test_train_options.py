"""The options of train: what their help says, and values with commas between them."""

from numpy_attention.cli import main
from numpy_attention.cli.train_options import comma_separated


def test_commas_separate_values_and_what_is_no_number_stays_text():
    assert comma_separated(int)("3") == [3]
    assert comma_separated(float)("1e-4,x,,2") == [1e-4, "x", "", 2.0]


def test_help_names_the_tasks_that_take_an_option(capsys):
    assert main(["train", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for beginning in (
        "--digit N with digit-bags: the digit",
        "--wav DIR with spoken-digits: your own",
        "--layers N with all but digit-bags, breast-cancer, docstrings, csv, npz: blocks",
        "--label COLUMN with --csv: the column",
        "--epochs N passes over",
    ):
        assert beginning in text
