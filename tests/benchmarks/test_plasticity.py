"""The benchmark of plasticity: its problems, the count of epochs, and the tables of a small run."""

import pytest

from benchmarks import plasticity
from numpy_attention.optim.trees import flatten


@pytest.fixture(scope="module")
def small():
    """Bags of which few are trained on."""
    problem = plasticity.bags(0, 1)
    few, fewer = problem.train.some(slice(64)), problem.validation.some(slice(20))
    return problem._replace(train=few, validation=fewer)


def test_problems_of_one_form_have_one_model_and_other_labels():
    one, other = plasticity.bags(0, 1), plasticity.bags(6, 1)
    assert one.objective == other.objective
    assert (one.train.size, one.validation.size) == (900, 100)
    low, high = (plasticity.digits(classes, 0) for classes in (range(5), range(5, 10)))
    assert low.objective == high.objective
    assert low.objective.model.outputs == 5
    for part in ("train", "validation", "test"):
        assert set(getattr(low, part).y) == set(getattr(high, part).y) == set(range(5))
    assert low.test.size + high.test.size == 899


def test_epochs_begin_with_the_start_and_another_order_is_another_path(small):
    (start, first), (same, _) = plasticity.after(small, 1), plasticity.after(small, 1, again=3)
    again = plasticity.after(small, 1, start, again=3)
    assert (flatten(start)["features.weight"] != flatten(same)["features.weight"]).any()
    assert again[0] is start
    assert (flatten(again[1])["features.weight"] != flatten(first)["features.weight"]).any()


def test_epochs_until_the_validation_part_is_back(small, monkeypatch):
    figures = iter([0.5, 0.9, 0.985, 1.0])
    monkeypatch.setattr(plasticity, "accuracy", lambda problem, params, part: next(figures))
    assert plasticity.until(small, 0.99, iter("abcd")) == (2, "c")
    figures = iter([0.5] * (plasticity.MOST + 1))
    assert plasticity.until(small, 0.99, iter(range(plasticity.MOST + 1)))[0] == plasticity.MOST + 1


def test_tables_of_a_small_run(small, monkeypatch):
    monkeypatch.setattr(plasticity, "MOST", 1)
    monkeypatch.setattr(plasticity, "LESIONS", ("head=2", "10%"))
    monkeypatch.setattr(plasticity, "bags", lambda digit, seed: small)
    table = plasticity.lesions(range(2))
    assert [row.split(" | ")[:2] for row in table[2:]] == [["| head=2", "100"], ["| 10%", "360"]]
    assert {row.split(" | ")[-1].strip(" |").count(",") for row in table[2:]} == {1}
    lines = plasticity.forgetting([small], [small._replace(name="other")], 1)
    curve = [float(x) for x in lines[2].strip("| ").split(" | ")[1:]]
    path = plasticity.after(small, 1)
    assert curve[0] == pytest.approx(plasticity.accuracy(small, path[1]), abs=5e-4)
    assert lines[-1] == "Savings, 1 - again / from scratch: -; against the second task alone -."


def test_savings():
    assert plasticity.savings(1.5, 6.0) == "0.75"
    assert plasticity.savings(0.0, 0.0) == "-"
