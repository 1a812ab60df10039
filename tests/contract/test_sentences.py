"""Every error that the library raises says what came and what is expected, in one sentence."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "numpy_attention"
EXPECTED = r"expected|write |gives? |pass |say |use |there are|broadcast|combine |not what|must |what came"
ELSEWHERE = ("POLARITY_HINT", "not_one_of", "{error}", "{problem}")
"""Names whose text says it."""


def raised(file: Path) -> list[tuple[str, ast.expr]]:
    """File and line of each TypeError and ValueError with a sentence, and the sentence."""
    return [
        (f"{file.relative_to(ROOT)}:{node.lineno}", node.exc.args[0])
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) in ("TypeError", "ValueError")
    ]


PARTS = ("safetensors_header.py",)
"""Files whose sentences are the second half of one that begins "… is not a whole .safetensors file:"."""

SENTENCES = {
    folder: [
        each for file in (ROOT / folder).rglob("*.py") if file.name not in PARTS for each in raised(file)
    ]
    for folder in ("functional", "optim", "nn", "distributed")
}


@pytest.mark.parametrize("folder", SENTENCES)
def test_every_sentence_says_what_came_and_what_is_expected(folder: str) -> None:
    assert len(SENTENCES[folder]) > 3
    lacking = []
    for place, sentence in SENTENCES[folder]:
        text = ast.unparse(sentence)
        if any(name in text for name in ELSEWHERE):
            continue
        came = any(isinstance(node, ast.FormattedValue) for node in ast.walk(sentence))
        if not came or not re.search(EXPECTED, text) or "\\n" in text:
            lacking.append((place, text))
    assert lacking == []


@pytest.mark.parametrize("folder", SENTENCES)
def test_no_sentence_prints_a_value_of_any_length(folder: str) -> None:
    """`repr` of an argument may be pages long: `shown` cuts it. Names and admitted numbers are short."""
    short = {"self", "key", "name", "x", "mask"}
    unbounded = [
        (place, ast.unparse(node))
        for place, sentence in SENTENCES[folder]
        for node in ast.walk(sentence)
        if isinstance(node, ast.FormattedValue) and node.conversion == ord("r")
        if not (isinstance(node.value, ast.Name) and node.value.id in short)
    ]
    assert unbounded == []
