"""Nested dicts into one and back."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpy_attention.optim.trees import flatten, mapped, unflatten
from numpy_attention.optim.updates import leaves, path_text, with_leaves

names = st.text().filter(lambda key: "." not in key)
nested = st.recursive(st.integers(), lambda inside: st.dictionaries(names, inside, min_size=1, max_size=3))
trees = st.dictionaries(names, nested, max_size=4)


@settings(max_examples=settings().max_examples // 2)
@given(trees)
def test_unflatten_undoes_flatten_and_leaves_replace_themselves(tree):
    assert unflatten(flatten(tree)) == tree
    assert list(flatten(tree).values()) == list(leaves("tree", tree).values())
    copy = with_leaves(tree, leaves("tree", tree))
    assert copy == tree
    assert copy is not tree


def test_by_hand():
    flat = {"a": 1, "b.c": 2, "b.d.e": 3}
    assert flatten({"a": 1, "b": {"c": 2, "d": {"e": 3}, "nothing": {}}}) == flat
    assert unflatten(flat) == {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
    assert flatten({}) == unflatten({}) == {}
    array = np.zeros(2)
    assert flatten({"a": {"b": array}})["a.b"] is array
    assert unflatten({"a.b": array})["a"]["b"] is array
    assert path_text("grads", ("encoder", 0, "weight")) == "grads['encoder'][0]['weight']"


@pytest.mark.parametrize(
    "function, argument, error, text",
    [
        (flatten, {"a": {"b.c": 1}}, ValueError, "tree['a']['b.c'] has the dotted key 'b.c'"),
        (flatten, {"a.b": {"c": 1}}, ValueError, "tree['a.b']['c'] has the dotted key 'a.b'"),
        (flatten, {"a": {3: 1}}, TypeError, "tree has the key 3; strings"),
        (flatten, [1], TypeError, "tree is list; a dict"),
        (flatten, {"a": (np.ones(2),)}, TypeError, "tree['a'] is a tuple of arrays; a dict of them"),
        (unflatten, {3: 1}, TypeError, "flat has the key 3; strings"),
        (unflatten, {"a": {"b": 1}}, TypeError, "flat['a'] is a dict"),
        (unflatten, {"a": 1, "a.b": 2}, ValueError, "flat has 'a.b' below"),
        (unflatten, {"a.b": 1, "a": 2}, ValueError, "flat has 'a' and keys below it"),
        (unflatten, {"a.b": 1, "a.b.c.d": 2}, ValueError, "flat has 'a.b.c.d' below"),
        (unflatten, 5, TypeError, "flat is int; a dict"),
    ],
)
def test_refused(function, argument, error, text):
    with pytest.raises(error, match=re.escape(text)):
        function(argument)


def test_a_tree_is_changed_leaf_by_leaf_and_keeps_its_nesting():
    tree = {"a": {"b": np.float32(3), 0: np.arange(2)}, "empty": {}, "c": 5}
    found = mapped(lambda x: x + 1, tree)
    assert (found["a"]["b"], found["a"][0].tolist(), found["empty"], found["c"]) == (4, [1, 2], {}, 6)
