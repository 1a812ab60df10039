"""The strategy draws every option and pair of options, and honours `without` and `having`."""

from contextlib import suppress
from itertools import combinations, product

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.mask_strategies import KINDS
from tests.support.strategies import NAMES, SLOTS, problems

WITH_MASKS = (*SLOTS, *[(kind,) for kind in (*KINDS, "&", "|", "~")])
IMPOSSIBLE = {frozenset(("one head", batch)) for batch in ("batch", "broadcast batch")}

generously = settings(
    max_examples=800, phases=[Phase.generate], database=None, derandomize=True, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


class Complete(Exception):
    """Every pair has been drawn."""


@pytest.mark.slow
def test_every_pair_of_options_is_drawn_together():
    missing = {
        frozenset(pair) for slots in combinations(WITH_MASKS, 2) for pair in product(*slots)
    } - IMPOSSIBLE

    @generously
    @given(problems())
    def draw(case):
        missing.difference_update(map(frozenset, combinations(case.tags, 2)))
        if not missing:
            raise Complete

    with suppress(Complete):
        draw()
    assert not missing, f"never drawn together: {sorted(map(sorted, missing))}"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_without_and_having_are_honoured(name):
    violations = {"without": set(), "having": set()}

    @settings(generously, max_examples=8)
    @given(problems(without=(name,)), problems(without=("one head",) * (name != "one head"), having=(name,)))
    def draw(without, having):
        violations["without"] |= without.tags & {name}
        violations["having"] |= {name} - having.tags

    draw()
    assert violations == {"without": set(), "having": set()}


def test_an_unknown_name_is_refused():
    @given(problems(without=("sink",)))
    def draw(case):
        pass

    with pytest.raises(AssertionError, match="sink"):
        draw()
