"""What the README shows is what happens. Its Python examples are doctests; the rest is run here."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS
from numpy_attention.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(mark: str) -> list[tuple[str, str]]:
    """(what the mark says, the fenced block after it), for each <!-- mark … -->."""
    return re.findall(rf"^<!-- {mark}(.*?) -->\n```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


# ------------------------------------------------------------------------- seven lines there and back


def test_the_seven_lines_there_and_back_are_attention() -> None:
    ((_, table),) = blocks("seven")
    rows = [line.split("│") for line in table.splitlines() if "=" in line]
    assert len(rows) == 7
    rng = np.random.default_rng(0)
    L, S, D, E = 3, 5, 2, 7
    options = SimpleNamespace(
        scale=0.7,
        softcap=2.0,
        bias=rng.standard_normal((L, S)),
        visible=np.arange(S) <= np.arange(L)[:, None] + 1,
        multipliers=na.dropout_multipliers(1, 0.3, (L, S)),
    )
    query, key = rng.standard_normal((L, D)), rng.standard_normal((S, D))
    value, d_out = rng.standard_normal((S, E)), rng.standard_normal((L, E))
    numbers = {name: getattr(np, name) for name in ("tanh", "cosh", "exp", "where", "inf")}
    numbers |= vars(options) | {"query": query, "key": key, "value": value, "d_out": d_out}
    numbers["logsumexp"] = lambda x: na.logsumexp(x)[:, None]
    numbers["rowsum"] = lambda x: x.sum(axis=1, keepdims=True)
    for there, _ in rows:
        exec(there.strip(), numbers)
    for _, back in reversed(rows):
        exec(back.strip(), numbers)

    out, saved = na.attention_forward(
        query, key, value, scale=options.scale, softcap=options.softcap, bias=options.bias,
        mask=na.visible(options.visible), dropout=options.multipliers,
    )  # fmt: skip
    grads = na.attention_backward(d_out, saved)
    for name, right in {"out": out, **grads._asdict()}.items():
        if name in ("d_scale", "d_sinks"):  # not in the table
            continue
        # some ten products and sums of numbers near 1, each rounded twice
        np.testing.assert_allclose(numbers[name], right, rtol=0, atol=200 * np.finfo(float).eps, err_msg=name)


# ---------------------------------------------------------------------------------------- transcripts

NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?")


def same_line(shown: str, printed: str) -> bool:
    """Equal but for the last digit of numbers: another BLAS rounds a sum of products another way."""
    if NUMBER.sub("#", shown.rstrip()) != NUMBER.sub("#", printed.rstrip()):
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(abs(float(a) - float(b)) <= 1.001 * last_digit(a) for a, b in pairs)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, as in the clone, and with what the README's own code makes."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "numpy_attention").symlink_to(ROOT / "numpy_attention", target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for _, code in blocks("code"):
            exec(code, {})
    return folder


def prepare(command: str, commands: list[str]) -> None:
    """Run the earlier commands that keep what this one reads, unless they were run before."""
    for earlier in commands[: commands.index(command)]:
        words = earlier.split()
        kept = words[words.index("--out") + 1] if "--out" in words else None
        if kept in command.split() and not Path(kept).exists():
            assert main(words) == 0


def without_prompt(command: str, shown: str) -> list[str]:
    """The lines below the command; where the command itself is shown, it is the one that is run."""
    lines = shown.replace("\\\n", " ").splitlines()
    if lines[0].startswith("$ "):
        assert lines.pop(0).split() == ["$", "numpy-attention", *command.split()]
    return lines


def last_digit(number: str) -> float:
    digits, _, exponent = number.partition("e")
    return float(10.0 ** (int(exponent or 0) - len(digits.partition(".")[2])))


@pytest.mark.parametrize("command, shown", blocks("run:"), ids=lambda text: text.strip().split("\n")[0])
def test_a_transcript_is_what_the_command_prints(
    command: str, shown: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    prepare(command.strip(), [each.strip() for each, _ in blocks("run:")])
    capsys.readouterr()
    assert main(command.split()) == 0
    printed = capsys.readouterr().out.splitlines()
    at, skipping = 0, False
    for line in without_prompt(command.strip(), shown):
        if line.strip() == "…":
            skipping = True
            continue
        while skipping and at < len(printed) and not same_line(line, printed[at]):
            at += 1
        assert at < len(printed), f"{line!r} is not printed"
        assert same_line(line, printed[at]), f"{line!r} is shown, {printed[at]!r} is printed"
        at, skipping = at + 1, False
    assert skipping or at == len(printed), f"{printed[at]!r} is printed, and not shown"


def test_the_referee_says_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rounding differs from machine to machine: of a tensor that passes only the verdict is compared."""
    ((name, kernel),) = blocks("file: ")
    ((_, edited),) = blocks("edit: ")
    monkeypatch.chdir(tmp_path)
    start = edited.split("=")[0]
    (wrong,) = (line for line in kernel.splitlines(keepends=True) if line.startswith(start))
    texts = (kernel, kernel.replace(wrong, edited))
    shown = blocks("judged ")
    assert len(shown) == len(texts)
    for text, (told, transcript) in zip(texts, shown, strict=True):
        Path(name).write_text(text, encoding="utf-8")
        status, _, command = told.partition(": ")
        assert main(command.split()) == int(status)
        printed = capsys.readouterr().out
        lines = zip(transcript.splitlines(), printed.splitlines(), strict=True)
        for of_readme, of_command in lines:
            if "(raises" in of_readme:  # in NumPy's words, which change
                assert of_readme.partition("(raises")[0] == of_command.partition("(raises")[0]
            elif of_readme.split()[1:2] == ["PASS"]:
                assert of_readme.split()[:2] == of_command.split()[:2]
            elif of_readme.split()[:1] == ["PASS:"]:
                assert of_readme.rpartition(" ")[0] == of_command.rpartition(" ")[0]
            elif of_readme.split()[:1] == ["tensor"]:
                assert of_readme.split() == of_command.split()
            else:
                assert same_line(" ".join(of_readme.split()), " ".join(of_command.split()))


def test_there_are_transcripts_and_both_commands() -> None:
    assert {command.split()[0] for command, _ in blocks("run:")} >= {"train"}
    assert len(blocks("train")) == len(blocks("test")) == 1


def test_a_quoted_table_is_the_one_that_was_measured() -> None:
    quoted = re.findall(r"^<!-- table: (\S+) -->\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert quoted
    for name, table in quoted:
        assert table in (ROOT / name).read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_number_of_faults_is_right() -> None:
    assert re.search(r"`numpy-attention faults` lists (\d+) that", README)[1] == str(len(FAULTS))  # type: ignore[index]
