"""README and docs/ show what really happens: their Python examples, as a shell prints them, and the rest.

A comment above a fenced block or a table says how it is checked:

    <!-- run: COMMAND -->       the block is what `numpy-attention COMMAND` prints; … stands for any lines
    <!-- fails: COMMAND -->     the same, with exit status 1
    <!-- written: NAME -->      the block is a file in the folder in which the commands run
    <!-- code -->               the block is run first, in the folder in which the commands run
    <!-- file: NAME -->         the block is a file; <!-- edit: NAME --> replaces the line that starts alike
    <!-- judged N: COMMAND -->  what COMMAND prints of that file, with status N; the next one after the edit
    <!-- table: FILE -->        every line of the table is in FILE; <!-- quoted: FILE -->: of the block
"""

import doctest
import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.cases.conditions import CONDITIONS
from numpy_attention.check.faults import FAULTS
from numpy_attention.check.referee.report import STATUS
from numpy_attention.cli import build_parser, main
from numpy_attention.study.exercises.catalogue import EXERCISES
from tests.support.transcripts import same_line

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
LESSONS = (README, *sorted((ROOT / "docs").glob("*.md")))
PAPERS = (*LESSONS, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "tests" / "README.md")


def blocks(mark: str, *papers: Path) -> list[tuple[str, str]]:
    """(text after the mark, fenced block below it) for each <!-- mark … -->, in LESSONS or in `papers`."""
    pattern = re.compile(rf"^<!-- {mark}(.*?) -->\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [found for paper in papers or LESSONS for found in pattern.findall(text_of(paper))]


def text_of(paper: Path) -> str:
    return paper.read_text(encoding="utf-8")


# ------------------------------------------------------------------------ the seven lines and their backward


def test_the_seven_lines_and_their_backward_are_attention() -> None:
    ((_, table),) = blocks("seven", README)
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
    for forward, _ in rows:
        exec(forward.strip(), numbers)
    for _, backward in reversed(rows):
        exec(backward.strip(), numbers)

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


# ------------------------------------------------------------------------------------ Python, transcripts


@pytest.mark.parametrize("paper", LESSONS, ids=lambda paper: paper.name)
def test_examples_print_in_a_shell_what_is_shown(paper: Path) -> None:
    """Digit for digit: fewer digits are not enough."""
    printed: list[str] = []
    test = doctest.DocTestParser().get_doctest(text_of(paper), {}, paper.name, str(paper), 0)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    with np.printoptions():  # an example may change them
        doctest.DocTestRunner(optionflags=options).run(test, out=printed.append)
    assert "".join(printed) == ""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, as in the clone, and with the files that the code blocks write."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "numpy_attention").symlink_to(ROOT / "numpy_attention", target_is_directory=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for _, code in blocks("code"):
            exec(code, {})
        for name, text in blocks("written: "):
            Path(name).write_text(text, encoding="utf-8")
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


LONG = ("--start-from", "--npz", "--hidden-dim 10,50", "--csv ratings.csv")
"""Words of commands that take seconds; those of the README and one of each kind are run by every test run."""


@pytest.mark.parametrize(
    "command, shown, status",
    [
        pytest.param(
            *block,
            status,
            id=block[0].strip(),
            marks=pytest.mark.slow if any(words in block[0] for words in LONG) else (),
        )
        for status, mark in enumerate(("run:", "fails:"))
        for block in blocks(mark)
    ],
)
def test_a_transcript_is_what_the_command_prints(
    command: str,
    shown: str,
    status: int,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    if not status:
        prepare(command.strip(), [each.strip() for each, _ in blocks("run:")])
    capsys.readouterr()
    assert main(shlex.split(command)) == status
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


@pytest.mark.slow
def test_referee_prints_what_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rounding differs from machine to machine: of a tensor that passes only the verdict is compared."""
    (paper,) = (paper for paper in LESSONS if blocks("file: ", paper))
    ((name, kernel),) = blocks("file: ", paper)
    ((_, edited),) = blocks("edit: ", paper)
    monkeypatch.chdir(tmp_path)
    start = edited.split("=")[0]
    (wrong,) = (line for line in kernel.splitlines(keepends=True) if line.startswith(start))
    texts = (kernel, kernel.replace(wrong, edited))
    shown = blocks("judged ", paper)
    assert len(shown) == len(texts)
    for text, (mark, transcript) in zip(texts, shown, strict=True):
        Path(name).write_text(text, encoding="utf-8")
        status, _, command = mark.partition(": ")
        assert main(command.split()) == int(status)
        printed = capsys.readouterr().out
        lines = zip(without_error(transcript), without_error(printed), strict=True)
        for expected, actual in lines:
            if "(raises" in expected:  # in NumPy's words, which change
                assert expected.partition("(raises")[0] == actual.partition("(raises")[0]
            elif expected.split()[1:2] == ["PASS"]:
                assert expected.split()[:2] == actual.split()[:2]
            elif expected.split()[:1] == ["PASS:"]:
                assert expected.rpartition(" ")[0] == actual.rpartition(" ")[0]
            elif expected.split()[:1] == ["tensor"]:
                assert expected.split() == actual.split()
            else:
                assert same_line(" ".join(expected.split()), " ".join(actual.split()))


def without_error(text: str) -> list[str]:
    """The lines, but for the rest of an exception in NumPy's words, which change."""
    return re.sub(r"\(raises [^)]*\n(    .*\n)*", "(raises\n", text).splitlines()


def test_both_commands_of_the_readme_are_marked() -> None:
    assert len(blocks("train", README)) == len(blocks("test", README)) == 1
    assert {command.split()[0] for command, _ in blocks("run:", README)} >= {"train", "explain"}


@pytest.mark.parametrize("paper", LESSONS, ids=lambda paper: paper.name)
def test_quoted_lines_are_in_the_file_they_are_quoted_from(paper: Path) -> None:
    tables = re.findall(r"^<!-- table: (\S+) -->\n((?:\|.*\n)+)", text_of(paper), re.MULTILINE)
    assert len(tables) == text_of(paper).count("<!-- table: ")
    for name, quoted in [*tables, *((name.strip(), block) for name, block in blocks("quoted:", paper))]:
        source = iter(text_of(ROOT / name).splitlines())
        for line in quoted.splitlines():
            assert line in source, f"{line!r} is not in {name}, or not in this order"


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_links_lead_somewhere(paper: Path) -> None:
    pictures = re.findall(r'(?:src|srcset)="([^":]+)"', text_of(paper))
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(paper)) + pictures:
        assert (paper.parent / target).exists(), target


@pytest.mark.parametrize("paper", LESSONS, ids=lambda paper: paper.name)
def test_named_files_of_the_package_exist(paper: Path) -> None:
    """A file in backticks ends the path of one in the package: `attention/steps.py`."""
    files = ["/" + file.as_posix() for file in (ROOT / "numpy_attention").rglob("*.py")]
    for name in set(re.findall(r"`([\w/]+\.py)`", text_of(paper))):
        assert name.startswith(("tests/", "benchmarks/")) or any(f.endswith("/" + name) for f in files), name


def test_the_numbers_of_faults_and_laws_are_right() -> None:
    everything = "\n".join(map(text_of, LESSONS))
    faults = re.findall(r"(\d+) faults to plant|`numpy-attention faults` lists (\d+)", everything)
    assert {int(number) for pair in faults for number in pair if number} == {len(FAULTS)}
    assert "thirty numbered laws" in everything
    assert len(na.LAWS) == 30


def test_what_the_page_on_checking_names_exists() -> None:
    """Faults in the table of common mistakes, options of the command, and one row for each status."""
    page = text_of(ROOT / "docs" / "check.md")
    (mistakes,) = re.findall(r"^\| mistake .*\n((?:\|.*\n)+)", page, re.MULTILINE)
    planted = [name for row in mistakes.splitlines() for name in re.findall(r"`([\w-]+)`", row.split("|")[3])]
    assert len(planted) >= 5
    assert set(planted) <= {fault.name for fault in FAULTS}
    known = build_parser()._subparsers._group_actions[0].choices["check"].format_help()  # type: ignore
    options = set(re.findall(r"--[a-z][a-z-]+", known))
    assert set(re.findall(r"--[a-z][a-z-]+", page)) - options == set()
    (statuses,) = re.findall(r"^\| status .*\n((?:\|.*\n)+)", page, re.MULTILINE)
    for outcome, status in STATUS.items():
        assert re.search(rf"^\| {status} +\|.*\b{outcome}\b", statuses, re.MULTILINE), outcome


def test_the_page_on_checking_lists_every_condition() -> None:
    """One item for each factor, or pair of factors, with the names of its conditions in the table's order."""
    page = text_of(ROOT / "docs" / "check.md")
    listed = re.findall(r"^ - \*\*(.+?)\*\*: (.+?)$(?=\n - |\n\n)", page, re.MULTILINE | re.DOTALL)
    expected: dict[str, list[str]] = {}
    for condition in CONDITIONS:
        expected.setdefault(" and ".join(condition.factors), []).append(condition.name)
    shown = {name: " ".join(text.split()) for name, text in listed}
    assert shown == {name: ", ".join(names) for name, names in expected.items()}


def test_each_session_of_the_course_takes_ninety_minutes_and_its_commands_exist() -> None:
    page = text_of(ROOT / "docs" / "course.md")
    sessions = page.split("\n## ")[1:]
    assert len(sessions) == 3
    names = {*EXERCISES, "predict", "hunt"}
    for session in sessions:
        rows = re.findall(r"^\| (\d+) +\| .* \| `numpy-attention (.*?)` +\|$", session, re.MULTILINE)
        assert sum(int(minutes) for minutes, _ in rows) == 90
        for _, command in rows:
            build_parser().parse_args(command.split())
            if command.startswith("exercise start "):
                assert command.split()[2] in names, command
