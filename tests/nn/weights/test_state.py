"""Names and shapes of a state beside a layer's, in one error."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn.weights.state import check_state, flat_names, flat_state, layer_shapes, not_finite

LAYER = nn.MultiHeadAttention(width=2, heads=1, bias=False)


def test_paths_are_joined_by_dots():
    assert flat_names("state", {"a": {"b": 1, "c.d": {"e": 2}}, "f": 3, "g": {}}) == {
        "a.b": 1,
        "a.c.d.e": 2,
        "f": 3,
    }


@pytest.mark.parametrize(
    "tree, error, message",
    [
        ([1], TypeError, "^state is list; a dict of arrays is expected"),
        ({"a": {2: 1}}, TypeError, "^state has the key 2; strings are expected"),
        (
            {"a.b": 1, "a": {"b": 1}},
            ValueError,
            "^state has 'a.b' twice, with dots and nested; one of them is expected",
        ),
    ],
)
def test_trees_without_paths_are_refused(tree, error, message):
    with pytest.raises(error, match=message):
        flat_names("state", tree)


def test_only_floating_arrays_are_a_state():
    assert flat_state("state", {"a": {"b": np.ones(2)}})["a.b"].tolist() == [1, 1]
    for x, came in (([1, 2], "dtype int64"), ("x", "is str"), (None, "is NoneType")):
        with pytest.raises(TypeError, match=rf"^state\['a.b'\] .*{came}"):
            flat_state("state", {"a": {"b": x}})


def test_shapes_are_those_of_a_layer():
    assert layer_shapes(LAYER) == {"in_proj_weight": (6, 2), "out_proj.weight": (2, 2)}
    for other in (nn.MultiHeadAttention, {}, None):
        with pytest.raises(
            TypeError, match=r"^layer is .*; a layer is expected, such as nn.MultiHeadAttention\("
        ):
            layer_shapes(other)


def test_everything_that_does_not_fit_is_in_one_sentence():
    nan = np.array([[1.0, np.nan]])
    state = {"a": np.ones(2), "b": np.ones((3, 2)), "d": nan, "e": np.ones(()), "x" * 100: np.ones(1)}
    with pytest.raises(ValueError, match=r"^state does not fit MultiHeadAttention: ") as caught:
        check_state(LAYER, state, {"a": (2,), "b": (2, 3), "c": (7,), "d": (1, 2)}, ["and more"])
    assert str(caught.value).partition(": ")[2] == (
        f"missing c (7,); unexpected e (), {'x' * 30}…{'x' * 29} (1,); misshapen b (3, 2) (not (2, 3)); "
        "not finite d (holds nan at (0, 1)); and more"
    )
    check_state(LAYER, {"a": np.ones(2)}, {"a": (2,)})


def test_a_million_wrong_names_are_counted():
    with pytest.raises(ValueError, match="and 4,000 more") as caught:
        check_state(LAYER, dict.fromkeys(map(str, range(5000)), np.ones(1)), {})
    assert len(str(caught.value)) < 20_000


def test_the_first_number_that_is_not_finite_is_found_in_any_block():
    x = np.zeros((3, 2**19 + 1), np.float32)
    assert not_finite(x) is None
    x[2, 5] = -np.inf
    assert not_finite(x) == "holds -inf at (2, 5)"
    assert not_finite(np.array(np.nan)) == "is nan"
    assert not_finite(np.array([1], np.int8)) is not_finite(np.zeros(0)) is None
