"""numpy-attention check."""

import json
from pathlib import Path

import pytest

from numpy_attention.check.referee import progress
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
    assert main(["check", kernel, "--causal", "bottom_right"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("PASS: out, d_query, d_key, d_value in ")
    assert "numpy, float32, computed in float32, smoke, seed 0" in " ".join(out.split())
    assert "options: causal, scale\n" in out
    assert "  not judged: window, mask, bias, softcap, sinks, dropout, q_offset (not supported)\n" in out
    assert max(map(len, out.splitlines())) <= 100


def test_the_other_corner_fails(kernel: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert main(["check", kernel, "--causal", "top_left", "--json", str(report)]) == 1
    assert "FAIL: out, d_query, d_key, d_value are wrong" in capsys.readouterr().out
    kept = json.loads(report.read_text(encoding="utf-8"))
    assert kept["status"] == 1
    assert {v["case"] for v in kept["verdicts"] if v["verdict"] == "FAIL"} >= {"causal alone"}


@pytest.mark.parametrize(
    "words",
    [
        "--profile full --repeat 1 --dtype float16 --arithmetic float16 --supports scale",
        "--dtype float64 --seed 3 --head-dims 16,32 --length-multiple 16 --framework numpy --timeout 30",
        "--shape 1,4,2,128,192,16 --causal bottom_right --forward-only "
        "--arithmetic tf32 --map sm_scale=scale,is_causal=causal",
    ],
)
def test_every_option_is_accepted(kernel: str, words: str) -> None:
    assert main(["check", kernel, *words.split()]) == 0


def test_progress_goes_to_stderr_if_asked_for(
    kernel: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    main(["check", kernel, "--repeat", "1", "--progress"])
    assert capsys.readouterr().err.startswith("case 1 of ")
    main(["check", kernel, "--repeat", "1"])
    assert not capsys.readouterr().err


def test_the_package_itself_is_judged_as_a_pair(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "numpy_attention:attention", "--causal", "bottom_right"]) == 0
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
