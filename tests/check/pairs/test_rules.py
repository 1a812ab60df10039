"""Every rule in every example: derivatives of both orders, and the contract of a pair."""

import importlib
import pkgutil
from typing import Any

import numpy as np
import pytest

import numpy_attention.functional
from numpy_attention.check.pairs.calls import as_tuple, by_name, call_of, is_float_array, like_outputs
from numpy_attention.check.pairs.examples import Example
from numpy_attention.check.pairs.rules import LAYERS, RULES, Rule
from numpy_attention.functional.attention.merge import attention_merge_backward, attention_merge_forward

LARGE = ("TransformerEncoder", "TransformerDecoder", "TransformerDecoderLayer")
"""Layers of which all examples are left to the slow tests; of other layers all but the first.

`tests/nn/test_layer.py` takes one derivative of every example, by all arguments at once.
"""


def marks(rule: Rule, example: Example) -> Any:
    late = rule in LAYERS and (rule.name in LARGE or example is not rule.examples[0])
    return pytest.mark.slow if late else ()


CALLS = [
    pytest.param(
        rule, example, id=f"{rule.name}-{example.name}".replace(" ", "_"), marks=marks(rule, example)
    )
    for rule in RULES
    for example in rule.examples
]


TILED = ("blockwise_attention", "fast_attention")
"""Rules of which most examples take long at the second order; two of three are left to the slow tests."""

MODELS = ("Detector", "Seq2Seq", "SoundPictureMatcher", "SpeechSynthesizer", "VisualAnswerer")
"""Layers of so many parameters that they take long too; all are left to the slow tests."""


def _takes_long(n: int, rule: Rule, example: Example) -> bool:
    tiled = rule.name in TILED and n % 3 > 0 and "every option" not in example.name
    return tiled or rule.name in MODELS


DIFFERENTIATED = [
    pytest.param(*call.values, id=call.id, marks=pytest.mark.slow) if _takes_long(n, *call.values) else call
    for n, call in enumerate(CALLS)
]


@pytest.mark.parametrize("rule, example", DIFFERENTIATED)
def test_backward_is_the_derivative_of_forward_at_both_orders(rule: Rule, example: Example) -> None:
    report = rule.check(example, order=2)
    assert report.ok, str(report)
    data = {"targets", "dropout", "multipliers", "positions"}
    data |= {"weight", "pos_weight"} if "cross_entropy" in rule.name else set()
    assert set(report.constants) <= data, (
        "an array without a gradient is data, no argument that was forgotten"
    )


def test_every_public_pair_is_listed() -> None:
    listed = {rule.forward for rule in RULES} | {rule.backward for rule in RULES}
    listed |= {attention_merge_forward, attention_merge_backward}  # in pairs; the rule hands them out singly
    count = 0
    for module in pkgutil.walk_packages(numpy_attention.functional.__path__, "numpy_attention.functional."):
        functions = vars(importlib.import_module(module.name))
        for name in (name.removesuffix("_forward") for name in functions if name.endswith("_forward")):
            if name.startswith("_") or name == "run" or f"{name}_backward" not in functions:
                continue  # run_forward has the steps as an argument: attention and attend are its pairs
            for half in (f"{name}_forward", f"{name}_backward"):
                assert functions[half] in listed, f"{module.name}.{half} is in no rule"
            count += 1
    assert count >= 30


def test_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        names = [example.name for example in rule.examples]
        assert len(set(names)) == len(names) > 0, rule.name


PUBLIC = [call for call in CALLS if not call.values[0].step]


@pytest.mark.parametrize("rule, example", PUBLIC)
def test_results_are_complex_as_soon_as_one_argument_is(rule: Rule, example: Example) -> None:
    call = call_of(rule.forward, rule.backward, example.args, example.kwargs)
    names = [name for name, x in call.arguments.items() if is_float_array(x)]
    out, saved = call.outputs()
    cotangents = like_outputs(out, lambda array: np.ones(array.shape))
    variables = [name for name in names if name in by_name(rule.backward(cotangents, saved), call)]
    for name in variables:
        out, saved = call.outputs(**{name: call.arguments[name].astype(complex)})
        gradients = by_name(rule.backward(cotangents, saved), call)
        assert all(np.iscomplexobj(array) for array in as_tuple(out))
        assert all(np.iscomplexobj(gradients[other]) for other in variables), name


@pytest.mark.parametrize("rule, example", PUBLIC)
def test_every_gradient_has_its_own_arguments_dtype(rule: Rule, example: Example) -> None:
    call = call_of(rule.forward, rule.backward, example.args, example.kwargs)
    names = [name for name, x in call.arguments.items() if is_float_array(x)]
    for first in (0, 1):
        with np.errstate(over="ignore"):
            changed = {
                n: call.arguments[n].astype(f"f{4 + 4 * ((i + first) % 2)}") for i, n in enumerate(names)
            }
        out, saved = call.outputs(**changed)
        cotangents = like_outputs(out, lambda array: np.ones(array.shape))
        gradients = by_name(rule.backward(cotangents, saved), call)
        for name in names:
            if gradients.get(name) is not None:
                assert gradients[name].dtype == changed[name].dtype, name
