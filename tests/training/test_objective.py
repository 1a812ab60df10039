"""The protocol of objectives, held against the two kinds that there are."""

import inspect

import pytest

from numpy_attention.tasks.classification.objective import Classifying
from numpy_attention.tasks.words.objectives import NextToken
from numpy_attention.training.objective import Objective


@pytest.mark.parametrize("kind", [Classifying, NextToken])
def test_every_objective_has_what_the_protocol_asks(kind):
    for name, asked in inspect.getmembers(
        Objective, lambda x: inspect.isfunction(x) or isinstance(x, property)
    ):
        if name.startswith("_"):
            continue
        given = inspect.getattr_static(kind, name)
        if isinstance(asked, property):
            assert isinstance(given, property)
        else:
            assert list(inspect.signature(given).parameters) == list(inspect.signature(asked).parameters)
