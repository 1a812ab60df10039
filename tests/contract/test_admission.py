"""Arguments that every public function accepts or refuses, in one sentence that names the argument."""

import inspect
import re
from typing import Any

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.pairs.examples import Example
from numpy_attention.check.pairs.rules import RULES, Rule

PUBLIC = [rule for rule in RULES if hasattr(na, f"{rule.name}_forward")]


def richest(rule: Rule) -> Example:
    return max(rule.examples, key=lambda e: (len(e.args) + len(e.kwargs), -RULES.index(rule)))


def call_of(rule: Rule) -> tuple[list[str], list[Any], dict[str, Any]]:
    """The names and the arguments of a rule's richest example."""
    example = richest(rule)
    names = list(inspect.signature(rule.forward).parameters)[: len(example.args)]
    return names, list(example.args), dict(example.kwargs)


def float_arguments(rule: Rule) -> list[str]:
    names, args, kwargs = call_of(rule)
    arguments = dict(zip(names, args, strict=True)) | kwargs
    constants = rule.check(richest(rule)).constants
    return [
        n
        for n, x in arguments.items()
        if isinstance(x, np.ndarray) and x.dtype.kind == "f" and n not in constants
    ]


def called_with(rule: Rule, name: str, change: Any, plain: bool = False) -> Any:
    names, args, kwargs = call_of(rule)
    if name in kwargs:
        kwargs[name] = change(kwargs[name])
    else:
        args[names.index(name)] = change(args[names.index(name)])
    return getattr(na, rule.name)(*args, **kwargs) if plain else rule.forward(*args, **kwargs)[0]


EVERY = [
    pytest.param(rule, name, id=f"{rule.name}-{name}") for rule in PUBLIC for name in float_arguments(rule)
]

WRONG = {
    "objects": lambda x: x.astype(object),
    "a masked array": lambda x: np.ma.masked_less(x, 0),
    "booleans": lambda x: x > 0,
    "text": lambda x: x.astype(str),
    "dates": lambda x: np.zeros(x.shape, "datetime64[s]"),
    "longdouble": lambda x: x.astype(np.longdouble),
    "a ragged list": lambda x: [[1.0, 2.0], [3.0]],
    "None in a list": lambda x: [None],
    "a mask": lambda x: na.causal(),
    "a dictionary": lambda x: {"weight": x},
}


def test_every_public_pair_is_in_the_table() -> None:
    pairs = {name.removesuffix("_forward") for name in na.__all__ if name.endswith("_forward")}
    pairs -= {"attention_merge"}  # its arguments come in pairs: functional/attention/test_merge.py
    assert pairs == {rule.name for rule in PUBLIC}
    assert {rule.name for rule in PUBLIC} == {param.values[0].name for param in EVERY}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("rule, name", EVERY)
def test_anything_but_an_array_of_numbers_is_refused_by_name(rule: Rule, name: str, what: str) -> None:
    for plain in (False, True):
        with pytest.raises((TypeError, ValueError)) as refused:
            called_with(rule, name, WRONG[what], plain)
        sentence = str(refused.value)
        assert re.search(rf"\b{name}\b", sentence), sentence
        assert "\n" not in sentence


@pytest.mark.parametrize("rule, name", EVERY)
def test_whole_numbers_are_refused_by_forward_and_promoted_by_the_plain_form(rule: Rule, name: str) -> None:
    def whole(x: Any) -> Any:
        return np.where(np.isfinite(x), x, 0).astype(np.int32)

    with pytest.raises(TypeError, match=rf"{name} has dtype int32"):
        called_with(rule, name, whole)
    promoted = called_with(rule, name, lambda x: whole(x).astype(float), plain=True)
    for form in (whole, lambda x: whole(x).tolist()):
        np.testing.assert_array_equal(called_with(rule, name, form, plain=True), promoted)


@pytest.mark.parametrize("rule, name", EVERY)
def test_subclasses_and_foreign_byte_orders_give_plain_native_arrays(rule: Rule, name: str) -> None:
    class Special(np.ndarray):
        pass

    expected = called_with(rule, name, lambda x: x)
    for change in (lambda x: x.view(Special), lambda x: x.astype(x.dtype.newbyteorder(">"))):
        out = called_with(rule, name, change)
        assert type(out) in (np.ndarray, np.float64)
        assert out.dtype.isnative
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("rule", PUBLIC, ids=lambda rule: rule.name)
def test_a_cotangent_of_another_shape_or_kind_is_refused(rule: Rule) -> None:
    _, args, kwargs = call_of(rule)
    out, saved = rule.forward(*args, **kwargs)
    shape = np.shape(out)
    for d_out, error, sentence in (
        (
            np.zeros((*shape, 2)),
            ValueError,
            rf"d_out has shape .*; that of the output, {re.escape(str(shape))}",
        ),
        (np.zeros(shape, dtype=int), TypeError, "d_out has dtype int64"),
        (np.ma.zeros(shape), TypeError, "d_out is a masked array"),
    ):
        with pytest.raises(error, match=f"^{sentence}"):
            rule.backward(d_out, saved)


def test_attention_with_refuses_steps_that_are_not_pairs() -> None:
    for steps in (None, 1, (), na.STEPS[:3], na.STEPS._replace(mask=None)):
        with pytest.raises(TypeError, match="steps is "):
            na.attention_with(steps)
    plain = na.attention_with(na.STEPS._replace(mask=tuple(na.STEPS.mask)))
    assert plain.forward(np.eye(2), np.eye(2), np.eye(2))[0].shape == (2, 2)
