import numpy as np

from numpy_attention.study.exercises.bounds import exact, of_attention, of_gradients, running
from numpy_attention.study.exercises.problems import drawn

EPS = np.finfo(float).eps


def test_a_product_and_its_gradients_are_bounded_by_some_roundings():
    x, y = running(np.full((2, 3), 1 / 3)), running(np.full((3, 2), 0.1))
    found = of_gradients(x @ y, np.ones((2, 2)), {"x": x, "y": y})
    assert [*found] == ["d_x", "d_y"]
    np.testing.assert_allclose(found["d_x"].value, 0.2)
    assert (found["d_x"].error > 0).all()
    assert (found["d_x"].error < 40 * EPS).all()


def test_an_argument_has_no_error():
    assert exact([1, 2]).error.tolist() == [0, 0]


def test_attention_is_bounded_by_name():
    found = of_attention(drawn(3, 5, 2, 7), "out", "d_key")
    assert {name: each.value.shape for name, each in found.items()} == {"out": (3, 7), "d_key": (5, 2)}
    assert all((each.error > 0).all() and (each.error < 1e-13).all() for each in found.values())
