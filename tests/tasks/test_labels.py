"""Which spellings are one class, and which columns hold classes."""

import pytest

from numpy_attention.tasks.labels import check_classes, notes, ordered_classes, spelling

CLASSES = {
    "0 1 0.0 1.0 01 -0": ("0", "1"),
    "1e2 100 .5 0.50": ("0.5", "100"),
    "12345678901234567890 12345678901234567891": ("12345678901234567890", "12345678901234567891"),
    "2 10 -1": ("-1", "2", "10"),
    "True TRUE false": ("False", "True"),
    "no yes maybe": ("maybe", "no", "yes"),
    "cat 1 1.0": ("1", "1.0", "cat"),
    "inf 1": ("1", "inf"),
    "1e30 1 1E30": ("1", "1E+30"),
}


@pytest.mark.parametrize("labels", CLASSES)
def test_equal_numbers_and_equal_booleans_are_one_class(labels):
    classes = ordered_classes(labels.split())
    assert classes == CLASSES[labels]
    spell = spelling(classes)
    assert {spell(label) for label in labels.split()} == set(classes)


@pytest.mark.parametrize("one, other", [["No", "no"], ["1", "1.0"], ["1", "True"], ("a b", "a  b")])
def test_classes_that_differ_in_spelling_alone_are_named(one, other):
    (sentence,) = notes((one, "cat", other))
    assert repr(one) in sentence
    assert repr(other) in sentence
    assert notes((one, "cat")) == ()


def test_regression_targets_and_names_are_refused():
    prices = [f"{value}.5" for value in range(40)] * 9
    with pytest.raises(ValueError, match=r"^t.csv: every price is one of 40 different numbers, a regression"):
        check_classes(prices, ordered_classes(prices), "t.csv: every price")
    whole = [str(value) for value in range(3000)] * 9
    with pytest.raises(ValueError, match="3000 different numbers, a regression target"):
        check_classes(whole, ordered_classes(whole), "t.csv: every price")
    names = [f"name {value}" for value in range(30)]
    with pytest.raises(ValueError, match="30 different labels in 30 rows; a column of classes"):
        check_classes(names, ordered_classes(names), "t.csv: every name")
    faces = [str(value) for value in range(100)] * 5
    check_classes(faces, ordered_classes(faces), "t.csv: every face")
