"""numpy-attention check."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from numpy_attention.check.candidate.child_process import ChildEnd
from numpy_attention.check.referee import progress, supervised
from numpy_attention.cli import main

KERNEL = """
import numpy as np

def attention(query, key, value, is_causal=False, sm_scale=None, *, d_out):
    group = query.shape[1] // key.shape[1]
    keys, values = np.repeat(key, group, 1), np.repeat(value, group, 1)
    scale = query.dtype.type(query.shape[-1] ** -0.5 if sm_scale is None else sm_scale)
    scores = scale * (query @ keys.swapaxes(-1, -2))
    L, S = scores.shape[-2:]
    if is_causal:
        scores = np.where(np.tri(L, S, CORNER, dtype=bool), scores, -np.inf)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    weights = powers / powers.sum(-1, keepdims=True)
    out = weights @ values
    d_scores = weights * (d_out @ values.swapaxes(-1, -2) - (d_out * out).sum(-1, keepdims=True))
    grads = (scale * d_scores @ keys, scale * d_scores.swapaxes(-1, -2) @ query,
             weights.swapaxes(-1, -2) @ d_out)
    pairs = zip(grads, (query, key, value))
    return out, tuple(g.reshape(*x.shape[:2], -1, *x.shape[2:]).sum(2) for g, x in pairs)
"""


@pytest.fixture
def kernel(tmp_path: Path) -> str:
    path = tmp_path / "my_kernel.py"
    path.write_text(KERNEL.replace("CORNER", "S - L"), encoding="utf-8")
    return f"{path}:attention"


def test_a_correct_kernel_passes(kernel: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", kernel, "--causal", "bottom_right", "--empty-rows", "skip"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PASS: out, d_query, d_key, d_value")
    assert "numpy, float32, computed in float32, smoke, seed 0" in " ".join(out.split())
    assert "options: causal, scale\n" in out
    assert "  not judged: window, mask, bias, softcap, sinks, dropout, q_offset (not supported)\n" in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_other_corner_fails(kernel: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert main(["check", kernel, "--profile", "simple", "--causal", "top_left", "--json", str(report)]) == 1
    assert "FAIL: out, d_query, d_key, d_value are wrong" in capsys.readouterr().out
    kept = json.loads(report.read_text(encoding="utf-8"))
    assert kept["status"] == 1
    assert {v["case"] for v in kept["verdicts"] if v["verdict"] == "FAIL"} >= {"causal alone"}


@pytest.mark.parametrize(
    "words",
    [
        "--profile simple --budget 60 --repeat 1 --dtype float16 --arithmetic float16 --supports scale "
        "--memory 2",
        "--profile simple --dtype float64 --seed 3 --head-dims 16,32 --length-multiple 16 --framework numpy "
        "--timeout 30",
        "--shape 1,4,2,128,192,16 --causal bottom_right --forward-only "
        "--arithmetic tf32 --map sm_scale=scale,is_causal=causal",
    ],
)
@pytest.mark.slow
def test_every_option_is_accepted(kernel: str, words: str) -> None:
    assert main(["check", kernel, *words.split()]) == 0


def in_this_process(target: str, arguments: dict[str, Any], receive: Any, **limits: Any) -> ChildEnd:
    """In place of `run_in_child`, where a test changes what the child would import anew."""
    supervised.judge_in_child(receive, **arguments)
    return ChildEnd("")


def test_progress_goes_to_stderr_if_asked_for(
    kernel: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    monkeypatch.setattr(supervised, "run_in_child", in_this_process)
    main(["check", kernel, "--profile", "simple", "--progress"])
    assert capsys.readouterr().err.startswith("case 1: plain, ")
    main(["check", kernel, "--profile", "simple"])
    assert not capsys.readouterr().err


@pytest.mark.slow
def test_the_package_itself_is_judged_as_a_pair(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "numpy_attention:attention", "--profile", "simple", "--causal", "top_left"]) == 0
    out = capsys.readouterr().out
    assert "d_sinks  PASS" in out
    assert "(not supported)" not in out


@pytest.mark.parametrize(
    "words, message",
    [
        (["my_kernel.py"], "candidate is 'my_kernel.py'; FILE.py:NAME or MODULE:NAME is expected"),
        (["no_such_file.py:attention"], "no_such_file.py: no such file"),
        (["numpy_attention:__version__"], "the candidate is str; a function, or a pair (forward, backward),"),
        (["numpy_attention:attention", "--map", "x"], "'x' is not NAME=OPTION"),
        (["numpy_attention:attention", "--shape", "1,a"], "'1,a' is not a list of positive whole numbers"),
        (["numpy_attention:attention", "--timeout", "0"], "--timeout is '0'; a finite number above 0"),
        (["numpy_attention:attention", "--seed", "-1"], "--seed is '-1'; a whole number, at least 0"),
        (["numpy_attention:attention", "--dtype", "int8"], "--dtype is 'int8'; one of"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *words]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not printed.out


def test_a_file_that_cannot_be_imported_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken_kernel.py"
    path.write_text("import no_such_module_at_all\n", encoding="utf-8")
    assert main(["check", f"{path}:attention"]) == 1
    out = capsys.readouterr().out
    assert "FAIL: cannot be imported: ModuleNotFoundError" in out
    assert "(line 1)" in out


def test_a_raising_candidate_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "raising_kernel.py"
    path.write_text("def attention(q, k, v):\n    raise RuntimeError('no GPU')\n", encoding="utf-8")
    assert main(["check", f"{path}:attention"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "FAIL: raises RuntimeError: no GPU (raising_kernel.py, line 2)"


@pytest.mark.slow
def test_a_process_that_exits_is_reported_with_its_case(
    kernel: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, report = Path(kernel.rpartition(":")[0]), tmp_path / "report.json"
    leaves = "    if abs(d_out).max() < 0.01:\n        import os; os.chdir('/'); os._exit(0)\n"
    path.write_text(path.read_text(encoding="utf-8").replace("    group =", leaves + "    group ="))
    assert main(["check", kernel, "--repeat", "1", "--json", str(report)]) == 1
    out = capsys.readouterr().out
    assert re.match(r"FAIL: ends the process with status 0 \(case \d+, ", out)
    assert "d_query  PASS" in out
    assert "note: the table holds the cases before" in out
    assert "case = draw_case(Specification(" in out
    assert json.loads(report.read_text(encoding="utf-8"))["outcome"] == "FAIL"


@pytest.mark.parametrize(
    "name, message", [("no/such/folder/r.json", "No such file or directory"), (".", "not a")]
)
def test_a_report_that_cannot_be_written_is_refused_at_once(
    kernel: str, tmp_path: Path, name: str, message: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(supervised, "run_in_child", None)
    monkeypatch.chdir(tmp_path)
    assert main(["check", kernel, "--json", name]) == 2
    assert capsys.readouterr().err.startswith(f"numpy-attention: {name}: {message}")


def test_names_of_what_is_installed_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--list"]) == 0
    assert capsys.readouterr().out.startswith("torch.sdpa  ")
    assert main(["check"]) == 2
    assert "or a name that --list prints" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="signals as POSIX has them")
@pytest.mark.slow
def test_ctrl_c_ends_both_processes(tmp_path: Path, interruptible: None) -> None:
    path, pid_file = tmp_path / "sleeps.py", tmp_path / "pid"
    writes = f"open({str(pid_file)!r}, 'w').write(f'{{os.getpid()}}.')"
    text = f"import os, time\n{writes}\ntime.sleep(99)\n"
    path.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "numpy_attention", "check", f"{path}:f"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not pid_file.exists() or "." not in (pid := pid_file.read_text(encoding="utf-8")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == "numpy-attention: interrupted\n"
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid[:-1]), 0)


@pytest.mark.skipif(os.name == "nt", reason="a shell as POSIX has it")
@pytest.mark.parametrize("ending, status", [(">&-", 0), ("| true", 141)])
@pytest.mark.slow
def test_a_closed_stdout_costs_no_traceback(kernel: str, ending: str, status: int) -> None:
    quick = "--profile simple --repeat 1 --forward-only --supports scale"
    command = f"{sys.executable} -m numpy_attention check {kernel} {quick} {ending}"
    shell = ["bash", "-c", f"set -o pipefail; {command}"]
    run = subprocess.run(shell, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (status, "")


@pytest.mark.slow
def test_another_function_is_judged_as_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "layers.py"
    file.write_text(
        "import numpy as np\ndef softmax(x):\n    p = np.exp(x - x.max(-1, keepdims=True))\n"
        "    return p / p.sum(-1, keepdims=True)\n"
    )
    address = f"{file}:softmax"
    assert main(["check", address]) == 2
    assert "takes x; query, key and value are expected" in (message := capsys.readouterr().err)
    assert "needs --as softmax" in message
    assert main(["check", address, "--as", "softmax"]) == 0
    assert capsys.readouterr().out.startswith("PASS: out in ")
    assert main(["check", address, "--as", "softmax", "--always", "causal"]) == 2
    assert "--always is an option of attention" in capsys.readouterr().err
    assert main(["check", address, "--as", "softmaks"]) == 2
