"""numpy-attention laws."""

import pytest

from numpy_attention.check.laws.laws import LAWS
from numpy_attention.cli import main


def test_all_laws_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["laws"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("Law ")] == [
        f"Law {number}: {law.name}" for number, law in LAWS.items()
    ]
    assert out.count("Proof. ") == out.count("Domain. ") == len(LAWS)
    assert max(map(len, out.splitlines())) <= 100


def test_one_law_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["laws", "2"]) == 0
    assert capsys.readouterr().out == (
        "Law 2: query against key\n"
        "\n"
        "    <d_query, query> = <d_key, key>, for each key head.\n"
        "\n"
        "    Proof. Scores do not change if queries grow by a factor c and keys shrink by it; the\n"
        "    derivative by c at 1 is <d_query, query> - <d_key, key>. Both are Σ_ls d_scores_ls\n"
        "    scores_ls.\n"
        "\n"
        "    Domain. Holds with every option: softcap, masks, bias, sinks, dropout, any scale, d_weights,\n"
        "    d_lse.\n"
    )


@pytest.mark.parametrize("number", ["0", "31", "-1"])
def test_an_unknown_number_is_one_line_and_status_2(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["laws", number]) == 2
    printed = capsys.readouterr()
    assert printed.err == f"numpy-attention: there is no law {number}; they are numbered from 1 to 30\n"
    assert not printed.out


def test_a_word_for_a_number_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["laws", "one"]) == 2
    assert "there is no law one; they are numbered" in capsys.readouterr().err
