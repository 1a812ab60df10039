"""Needs and features: all in use by some law, or said by the evidence."""

import pytest

from numpy_attention.check.laws.domain import Feature, Need
from numpy_attention.check.laws.laws import LAWS


def test_every_need_and_feature_belongs_to_a_law():
    needs = {need for law in LAWS.values() for need in law.needs}
    features = {feature for law in LAWS.values() for feature in law.broken_by}
    read = {Need.D_QUERY, Need.D_KEY, Need.D_SINKS, Need.D_VALUE, Need.OUT, Need.LSE}  # also by missing()
    assert set(Need) - read <= needs
    assert set(Feature) == features


@pytest.mark.parametrize("kind", [Need, Feature])
def test_a_misspelt_name_is_refused(kind):
    with pytest.raises(ValueError, match="'sofcap' is not a valid"):
        kind("sofcap")
