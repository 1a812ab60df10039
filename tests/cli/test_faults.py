"""numpy-attention faults, and explain --break."""

import pytest

from numpy_attention.check.faults import FAULTS
from numpy_attention.cli import main
from numpy_attention.study.fault_examples import not_shown_because


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever terminal the tests run in, it has room."""
    monkeypatch.setenv("COLUMNS", "100")


def test_all_faults_are_printed_by_family(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[2:] for line in lines if line[:2] == "  " != line[2:4]] == [fault.name for fault in FAULTS]
    assert [line for line in lines if line and line[0] != " "][:-3] == list(
        dict.fromkeys(fault.family for fault in FAULTS)
    )
    assert max(map(len, lines)) <= 100
    at = lines.index("  no-row-sum")
    assert lines[at + 1 : at + 3] == [
        "      The row sum is left out: d_masked = weights * d_weights.",
        "      caught by laws 1, 8, 14, 18, 30",
    ]


def test_one_fault_is_printed_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults", "scale-missing"]) == 0
    assert capsys.readouterr().out == (
        "scale-missing, a fault of scale\n"
        "\n"
        "      Scores are not scaled at all: scores = query @ keyᵀ, forward and backward.\n"
        "      The default of cuDNN's frontend and of Keras' Attention, used where 1/sqrt(D) is meant.\n"
        "\n"
        "    rule       attention\n"
        "    shows      where a row sees two keys, or a key and a sink; where the scale is not 1\n"
        "    dtypes     float64, float32, float16, bfloat16\n"
        "    laws       caught by laws 1, 7, 15, 17, 30\n"
        "    gradcheck  misses it: backward is the derivative of a wrong forward\n"
        "    reference  catches it: numbers are wrong\n"
        "    explain    explain --break scale-missing shows it\n"
        "\n"
        "check/faults/attention/scale.py:\n"
        "\n"
        '    @SCALE.forward("score", active=SHOWS)\n'
        "    def scale_missing(query: Array, key: Array, scale: Any, visible: Any = None) -> tuple[Array,\n"
        "            ScoreSaved]:\n"
        '        """Scores are not scaled at all: scores = query @ keyᵀ, forward and backward.\n'
        "\n"
        "        The default of cuDNN's frontend and of Keras' Attention, used where 1/sqrt(D) is meant.\n"
        '        """\n'
        "        return score_forward(query, key, np.ones(np.shape(scale)), visible)\n"
    )


@pytest.mark.parametrize(
    "name, lines",
    [
        (
            "gradients-in-one-workspace",
            ["    gradcheck  catches it: a call changes an array of its caller", "    reference  misses it"],
        ),
        (
            "adam-epsilon-inside",
            ["    gradcheck  does not apply: there is no backward", "    rule       adam"],
        ),
        ("gelu-without-density", ["    gradcheck  catches it: backward is not the derivative of forward"]),
    ],
)
def test_the_checks_that_catch_a_fault_are_listed(
    capsys: pytest.CaptureFixture[str], name: str, lines: list[str]
) -> None:
    assert main(["faults", name]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert set(lines) <= set(printed)


@pytest.mark.parametrize("command", [["faults"], ["explain", "--break"]])
def test_an_unknown_fault_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert main([*command, "no-rowsum"]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("numpy-attention: there is no fault 'no-rowsum'; did you mean no-row-sum")
    assert error.count("\n") == 1


def test_a_planted_fault_is_shown_marked_and_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--break", "no-row-sum"]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert out.endswith(
        "no-row-sum changes d_masked, d_biased, d_query, d_key, d_scale.\n"
        "Gradients that disagree with the complex step: d_masked, d_biased, d_query, d_key, d_scale.\n"
        "Laws on this page that it breaks:\n"
        "    law     rows of d_masked sum to 0\n"
        "    law 18  rows of d_scores sum to 0\n"
        "    law  1  Σ_s d_key = 0\n"
    )


@pytest.mark.parametrize(
    "words, message",
    [
        (["softcap-times-cap", "--bias"], "softcap-times-cap changes nothing here; it shows where a row"),
        (["mean-of-group", "--heads", "2"], "mean-of-group changes nothing here; it shows where query heads"),
        (["scale-missing", "--score", "concat"], "scale-missing changes nothing here"),
        (["adam-epsilon-inside"], "adam-epsilon-inside cannot be shown: it is in adam, and"),
    ],
)
def test_a_fault_without_effect_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["explain", "--break", *words]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"numpy-attention: {message}")
    assert error.count("\n") == 1


def test_the_list_says_of_every_fault_that_cannot_be_shown_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults"]) == 0
    out = capsys.readouterr().out
    unshown = [each for each in FAULTS if not_shown_because(each)]
    assert out.count("explain cannot show it: ") == len(unshown)
    assert f"shows {len(FAULTS) - len(unshown)} of them" in out


def test_a_fault_is_shown_on_an_example_that_reveals_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--break", "causal-unasked"]) == 0
    assert "causal-unasked changes weights, " in capsys.readouterr().out
