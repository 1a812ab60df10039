"""Tasks of a model and its loss: what a run keeps of their data."""

import json
from pathlib import Path

import pytest

from numpy_attention.tasks.model_task import PlainFacts, plain_form
from numpy_attention.training.settings import Settings

FORM = plain_form(lambda settings, data: {"items": data, "rate": 0.5}, items=int, rate=float)


def test_plain_facts_are_read_back_unchanged():
    facts = FORM.of(Settings(), 31)
    assert facts == PlainFacts({"items": 31, "rate": 0.5})
    assert FORM.unpacked(Path("run.npz"), json.loads(json.dumps(FORM.packed(facts)))) == facts


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ([], "items, rate are expected"),
        ({"values": {"items": 31}, "digest": None}, "items, rate are expected"),
        ({"values": {"items": 31, "rate": 0.5}, "digest": 7}, "items, rate are expected"),
        ({"values": {"items": True, "rate": 0.5}, "digest": None}, "items is True; int is expected"),
    ],
)
def test_other_facts_are_refused(facts, told):
    with pytest.raises(ValueError, match=f"run.npz: facts are not those of a run.*{told}"):
        FORM.unpacked(Path("run.npz"), facts)
