"""The command line as a whole: wrong usage, Ctrl-C, a closed pipe."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import numpy_attention
from numpy_attention import cli
from numpy_attention.cli import COMMANDS, main

COMMAND = [sys.executable, "-m", "numpy_attention"]


def after(statement):
    """The command in a process that first runs the statement."""
    return [
        sys.executable,
        "-c",
        f"{statement}; from numpy_attention.cli import main; raise SystemExit(main())",
    ]


def test_every_command_has_its_help(capsys):
    assert main(["--help"]) == 0
    message = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"^ +{name}\b", message, re.MULTILINE)
        assert main([name, "--help"]) == 0
        assert f"usage: numpy-attention {name} " in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv, message",
    [
        ([], "COMMAND"),
        (["trian"], "'trian'"),
        (["train", "--heads", "two"], "heads is 'two'; a whole number, at least 1"),
        (["train", "--head", "2"], "there is no option --head (did you mean '--heads'?)"),
        (["eval"], "DIR"),
    ],
)
def test_wrong_usage_is_one_line(capsys, argv, message):
    assert main(argv) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("numpy-attention")
    assert error.count("\n") == 1
    assert message in error


def test_arguments_default_to_those_of_the_process(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["numpy-attention", "eval", "no such folder"])
    assert main() == 2
    assert capsys.readouterr().err == "numpy-attention: no such folder is not there\n"


def test_python_dash_m():
    done = subprocess.run([*COMMAND, "eval", "gone"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "numpy-attention: gone is not there\n"


posix = pytest.mark.skipif(os.name == "nt", reason="signals, pipes and limits as POSIX has them")


@posix
def test_memory_error_is_one_line():
    limited = after("import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))")
    words = ["train", "--hidden-dim", "100000", "--heads", "100000"]
    done = subprocess.run([*limited, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert re.fullmatch("numpy-attention: Unable to allocate .*\n", done.stderr)


@pytest.fixture
def started():
    """started(…): a training of many epochs that has printed its first; ended when the test ends."""
    processes = []
    listening = "import signal; signal.signal"
    training = ("train", "--epochs", "10000", "--task", "breast-cancer", "--batch-size", "200")

    def start(*words):
        process = subprocess.Popen(
            # What a shell starts in the background ignores Ctrl-C; this one shall not.
            [*after(f"{listening}(signal.SIGINT, signal.default_int_handler)"), *training, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        while not process.stdout.readline().startswith("Epoch [1/"):
            assert process.poll() is None
        return process

    yield start
    for process in processes:
        with process:
            process.kill()


@posix
def test_ctrl_c_ends_with_one_line_and_130(started, tmp_path):
    process = started("--out", str(tmp_path / "run"))
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.fullmatch(
        rf"numpy-attention: interrupted: epoch \d+ is kept in {re.escape(str(tmp_path / 'run'))}\n", error
    )
    assert main(["eval", str(tmp_path / "run")]) == 0


@posix
def test_a_closed_pipe_ends_quietly(started):
    process = started()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 141


def test_every_command_has_its_file_and_every_file_its_command() -> None:
    files = {path.stem for path in Path(cli.__file__).parent.glob("*.py")} - {
        "__init__",
        "numbers",
        "outputs",
        "train_options",
        "workers",
    }
    assert files == set(cli.COMMANDS)


def test_a_command_imports_no_other_command() -> None:
    """exercise needs no tasks and no layers, the help nothing."""
    for argv, others in (
        (["exercise", "list"], "tasks|training|nn|cli.train"),
        (["--help"], r"cli\.\w+|check"),
    ):
        script = f"import sys; from numpy_attention.cli import main; main({argv}); print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        imported = done.stdout.splitlines()[-1]
        assert not re.search(rf"numpy_attention\.({others})\b", imported), argv


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"numpy-attention {numpy_attention.__version__}\n"
