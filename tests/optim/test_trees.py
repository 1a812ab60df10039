"""Nested dicts into one and back."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.optim.trees import flatten, unflatten
from numpy_attention.optim.updates import leaves, path_text, with_leaves
from tests.support.optimizer_problems import bits, drawn

names = st.text().filter(lambda key: "." not in key)
nested = st.recursive(st.integers(), lambda inside: st.dictionaries(names, inside, min_size=1, max_size=3))
trees = st.dictionaries(names, nested, max_size=4)


@given(trees)
def test_unflatten_undoes_flatten(tree):
    assert unflatten(flatten(tree)) == tree


@given(trees)
def test_what_is_flat_has_no_dict_in_it_and_keeps_order_and_the_leaves_themselves(tree):
    assert list(flatten(tree).values()) == list(leaves("tree", tree).values())
    array = np.zeros(2)
    assert flatten({"a": {"b": array}})["a.b"] is array
    assert unflatten({"a.b": array})["a"]["b"] is array


@given(trees)
def test_replaced_by_its_own_leaves_a_tree_is_equal_and_another(tree):
    copy = with_leaves(tree, leaves("tree", tree))
    assert copy == tree
    assert copy is not tree


def test_by_hand():
    flat = {"a": 1, "b.c": 2, "b.d.e": 3}
    assert flatten({"a": 1, "b": {"c": 2, "d": {"e": 3}, "nothing": {}}}) == flat
    assert unflatten(flat) == {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
    assert flatten({}) == unflatten({}) == {}
    assert path_text("grads", ("encoder", 0, "weight")) == "grads['encoder'][0]['weight']"


def test_a_tree_goes_through_an_npz_to_the_bit(tmp_path: Path):
    tree = drawn(0, np.float32)
    np.savez(tmp_path / "tree.npz", **flatten(tree))
    with np.load(tmp_path / "tree.npz") as file:
        assert bits(unflatten(file)) == bits(tree)


@pytest.mark.parametrize(
    "function, argument, error, text",
    [
        (flatten, {"a": {"b.c": 1}}, ValueError, "tree['a']['b.c'] has the dotted key 'b.c'"),
        (flatten, {"a.b": {"c": 1}}, ValueError, "tree['a.b']['c'] has the dotted key 'a.b'"),
        (flatten, {"a": {3: 1}}, TypeError, "tree has the key 3; strings"),
        (flatten, [1], TypeError, "tree is list; a dict"),
        (unflatten, {3: 1}, TypeError, "flat has the key 3; strings"),
        (unflatten, {"a": {"b": 1}}, TypeError, "flat['a'] is a dict"),
        (unflatten, {"a": 1, "a.b": 2}, ValueError, "flat has 'a.b' below"),
        (unflatten, {"a.b": 1, "a": 2}, ValueError, "flat has 'a' and another of its keys below"),
        (unflatten, {"a.b": 1, "a.b.c.d": 2}, ValueError, "flat has 'a.b.c.d' below"),
        (unflatten, 5, TypeError, "flat is int; a dict"),
    ],
)
def test_refused(function, argument, error, text):
    with pytest.raises(error, match=re.escape(text)):
        function(argument)
