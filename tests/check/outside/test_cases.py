"""The table of cases: what is in it, that it is seeded, and exact in the format."""

import numpy as np
import pytest

from numpy_attention.check.outside.cases import RECIPES, draw_cases, draw_steps
from numpy_attention.check.outside.steps import elsewhere
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.rounding.formats import FORMATS


def test_every_rule_is_taken_or_refused_with_what_to_judge_instead():
    assert {rule.name for rule in RULES} == {*RECIPES} | {*elsewhere()}
    assert not {*RECIPES} & {*elsewhere()}
    for sentence in elsewhere().values():
        assert "without --as" in sentence or sentence.partition(" --as ")[2] in RECIPES, sentence


@pytest.mark.parametrize("name", RECIPES)
def test_cases_are_seeded_exact_and_of_every_kind(name):
    kept = FORMATS["bfloat16"]
    cases, again = draw_cases(name, kept, 3), draw_cases(name, kept, 3)
    assert len({case.name for case in cases}) == len(cases)
    assert not cases[0].needs
    assert not cases[0].optional
    for case, same in zip(cases, again, strict=True):
        for key, x in case.arguments.items():
            assert np.array_equal(x, same.arguments[key])
            if isinstance(x, np.ndarray) and x.dtype.kind == "f":
                assert np.array_equal(kept.rounded(x), x)


def test_rows_cover_values_and_shapes():
    names = " ".join(case.name for case in draw_cases("softmax", FORMATS["float32"]))
    for word in (
        "7, normal",
        "3 x 64",
        "2 x 65",
        "0 x 5",
        "1 x 1",
        "2 x 1 x 3 x 4",
        "huge",
        "-inf",
        "axis=0",
    ):
        assert word in names


def test_gradients_of_an_optimizer_cover_every_size():
    cases = draw_steps("adam", FORMATS["float32"])
    sizes = [float(np.abs(case.arguments["grads"]).max()) for case in cases]
    assert min(sizes) == 0
    assert max(sizes) > 1e13
    assert {name for case in cases for name in case.needs} == {"lr", "betas", "eps"}
