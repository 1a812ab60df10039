"""numpy-attention gradcheck."""

import pytest

from numpy_attention.check.pairs.rules import RULES
from numpy_attention.cli import gradcheck, main


@pytest.mark.slow
def test_every_rule_is_checked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    some = RULES[::16]  # test_rules.py checks them all
    monkeypatch.setattr(gradcheck, "RULES", some)
    assert main(["gradcheck"]) == 0
    out = capsys.readouterr().out
    assert all(rule.name in out for rule in some)
    assert f"checks of {len(some)} rules: all right" in out
    assert max(map(len, out.splitlines())) <= 100


def test_one_rule_at_the_second_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck", "softmax", "--order", "2"]) == 0
    out = capsys.readouterr().out
    assert "d_x" in out
    assert "checks of 1 rule: all right" in out


def test_a_wrong_rule_is_status_1_and_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tanh = next(rule for rule in RULES if rule.name == "tanh")
    wrong = tanh._replace(backward=lambda d_out, saved: 2 * tanh.backward(d_out, saved))
    monkeypatch.setattr(gradcheck, "RULES", (wrong,))
    assert main(["gradcheck"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_an_unknown_rule_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck", "tangent"]) == 2
    printed = capsys.readouterr()
    assert "there is no rule 'tangent'" in printed.err
    assert not printed.out


def test_a_negative_seed_is_refused_before_anything_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck", "--seed", "-1"]) == 2
    printed = capsys.readouterr()
    assert "--seed is '-1'; a whole number, at least 0" in printed.err
    assert not printed.out
