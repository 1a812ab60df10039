"""What all layers share: initial values, the printed tree, seeds, sentences that name layer and parameter."""

import re

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.check.pairs.layer_examples import LAYER_EXAMPLES, layer_backward, layer_forward
from numpy_attention.nn.layer import (
    as_one,
    child_seeds,
    either,
    either_backward,
    sum_backward,
    sum_forward,
    takes,
)
from numpy_attention.optim.trees import flatten, unflatten

EXAMPLES = [
    pytest.param(example.kwargs["layer"], example, id=f"{name}-{example.name}".replace(" ", "_"))
    for name, examples in LAYER_EXAMPLES.items()
    for example in examples[:3]
]
ALL = [example for examples in LAYER_EXAMPLES.values() for example in examples]
every_layer = pytest.mark.parametrize("layer, example", EXAMPLES)
RNG = np.random.default_rng(0)


def results(out):
    """The results of a forward, several or one."""
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.name.replace(" ", "_"))
def test_backward_is_the_derivative_of_forward_by_all_arguments_at_once(example):
    """<d_out, f'(x) v> = <gradients, v> for a random v over inputs and parameters, by the complex step."""
    arrays = {n: x for n, x in example.kwargs.items() if str(getattr(x, "dtype", "")) == "float64"}
    rng = np.random.default_rng(3)
    v = {name: rng.standard_normal(x.shape) for name, x in arrays.items()}
    out, saved = layer_forward(**example.kwargs)
    d_outs = [rng.standard_normal(one.shape) for one in results(out)]
    gradients = layer_backward(tuple(d_outs) if isinstance(out, tuple) else d_outs[0], saved)
    moved, _ = layer_forward(
        **example.kwargs | {n: x + 1e-100j * v[n] for n, x in arrays.items() if f"d_{n}" in gradients}
    )
    terms = [(gradients[f"d_{name}"] * v[name]).sum() for name in arrays if f"d_{name}" in gradients]
    change = sum((d_out * one.imag).sum() for d_out, one in zip(d_outs, results(moved), strict=True)) / 1e-100
    assert change == pytest.approx(sum(terms), abs=1e-12 * sum(map(abs, terms)))


@every_layer
def test_initial_parameters_have_the_shapes_and_depend_on_the_generator_alone(layer, example):
    params = layer.init(np.random.default_rng(5))
    again = layer.init(np.random.default_rng(5))
    assert {n: x.shape for n, x in flatten(params).items()} == flatten(layer.shapes())
    for name, array in flatten(params).items():
        np.testing.assert_array_equal(array, flatten(again)[name])
        assert array.dtype == np.float64
    assert nn.count_parameters(params) == sum(x.size for x in flatten(params).values())
    layer.check(params)


@every_layer
def test_params_of_another_form_are_named_with_their_layer(layer, example):
    shapes = flatten(layer.shapes())
    params = {name: example.kwargs[name] for name in shapes}
    rest = {name: x for name, x in example.kwargs.items() if name not in shapes}
    kind = type(layer).__name__.replace("Tied", "Embedding")
    for name in list(shapes)[:1] + list(shapes)[-1:]:
        path = re.escape("params" + "".join(f"[{key!r}]" for key in name.split(".")))
        for changed, said in (
            ({n: x for n, x in params.items() if n != name}, "is missing; an array"),
            (params | {name: np.ones((3, 1, 1, 2))}, r"has shape \(3, 1, 1, 2\); \("),
            (params | {f"{name}_more": np.ones(1)}, "is unknown; one of"),
        ):
            where = path.replace("'\\]", "_more'\\]") if "unknown" in said else path
            where = ".*" if "unknown" in said else where
            with pytest.raises(ValueError, match=rf"^{kind}: {where}.*{said}" if where != ".*" else said):
                layer_forward(**rest, **changed)


@every_layer
def test_backward_refuses_what_another_forward_saved(layer, example):
    out, _ = layer_forward(**example.kwargs)
    if type(layer).__name__ != "Tied":
        with pytest.raises(TypeError, match=r"^\w+: saved is tuple"):
            layer.backward(out, ())


@every_layer
def test_the_tree_shows_every_array_and_the_count(layer, example):
    text = str(layer)
    count = nn.count_parameters(layer.init(RNG))
    assert text.startswith(type(layer).__name__)
    assert (f"  {count:,} parameters" in text.splitlines()[0]) == bool(count)
    shown = re.findall(r"^ +(\w+) (\([\d, ]*\)|\{)", text, re.M)
    assert len(shown) >= len([x for x in flatten(layer.shapes()) if not x.startswith("score")])


def test_the_tree_of_a_block():
    layer = nn.TransformerEncoderLayer(6, 2, 12, activation="swiglu", bias=False, norm="rms")
    assert str(layer) == "\n".join(
        [
            "TransformerEncoderLayer(width=6, heads=2, hidden=12, activation='swiglu', norm='rms', "
            "bias=False)  372 parameters",
            "  self_attn: MultiHeadAttention(width=6, heads=2, bias=False)  144 parameters",
            "    in_proj_weight (18, 6)",
            "    out_proj: Linear(in_features=6, out_features=6, bias=False)  36 parameters",
            "      weight (6, 6)",
            "  linear1: Linear(in_features=6, out_features=12, bias=False)  72 parameters",
            "    weight (12, 6)",
            "  gate: Linear(in_features=6, out_features=12, bias=False)  72 parameters",
            "    weight (12, 6)",
            "  linear2: Linear(in_features=12, out_features=6, bias=False)  72 parameters",
            "    weight (6, 12)",
            "  norm1: RMSNorm(width=6)  6 parameters",
            "    weight (6,)",
            "  norm2: RMSNorm(width=6)  6 parameters",
            "    weight (6,)",
        ]
    )


def test_a_child_draws_from_the_seed_and_its_number():
    assert child_seeds(None, 3) == [None] * 3
    expected = [int(np.random.SeedSequence((7, i)).generate_state(1, np.uint64)[0]) for i in range(3)]
    assert child_seeds(7, 3) == expected
    with pytest.raises(ValueError, match=r"^seed holds -1; at least 0"):
        child_seeds(-1, 1)
    with pytest.raises(TypeError, match=r"^seed has dtype float64"):
        child_seeds(0.5, 1)


def test_an_error_names_the_innermost_layer_once():
    layer = nn.Sequential(nn.Residual(nn.Linear(3, 3)), nn.Linear(3, 2))
    params = layer.init(RNG)
    with pytest.raises(ValueError, match=r"^Linear: x has shape \(5, 4\); \(..., 3\) is expected$"):
        layer.forward(params, np.ones((5, 4)))
    with pytest.raises(
        ValueError, match=r"^Sequential: params\['1'\]\['weight'\] has shape \(2,\); \(2, 3\)"
    ):
        layer.forward(params | {"1": params["1"] | {"weight": np.ones(2)}}, np.ones((5, 3)))
    with pytest.raises(TypeError, match=r"^Linear: rng is int; a Generator is expected"):
        nn.Linear(3, 2).init(0)
    with pytest.raises(ValueError, match=r"^Linear: in_features holds 0; at least 1"):
        nn.Linear(0, 2)


def test_infinities_pass_under_any_errstate():
    layer = nn.TransformerEncoderLayer(4, 2, 5)
    x = np.full((1, 3, 4), 1e308)
    with np.errstate(all="raise"):
        out, saved = layer.forward(layer.init(RNG), x)
        layer.backward(out, saved)


def test_helpers_of_forwards():
    x, branch = np.ones(3, np.float32), np.ones(3)
    total, saved = sum_forward(x, branch)
    assert [d.dtype for d in sum_backward(total, saved)] == [np.float32, np.float64]
    layer = nn.RMSNorm(3)
    assert either(False, layer, {}, x)[0] is x
    assert either_backward(layer, x, None)[1] == {}
    assert takes(nn.Dropout, "seed")
    assert not takes(nn.Linear, "seed")
    assert as_one((1, None)) == as_one(1) == 1


@every_layer
def test_parameters_of_another_dtype_than_the_input(layer, example):
    """out in the result_type, each gradient in its argument's dtype."""
    shapes = flatten(layer.shapes())
    given = {n: x for n, x in example.kwargs.items() if n not in shapes}
    inputs = [n for n, x in given.items() if str(getattr(x, "dtype", "")) == "float64"]
    if not inputs or not shapes:
        return
    for narrow in (inputs, list(shapes)):
        arguments = example.kwargs | {name: example.kwargs[name].astype(np.float32) for name in narrow}
        out, saved = layer_forward(**arguments)
        assert {one.dtype for one in results(out)} == {np.dtype(np.float64)}
        ones = tuple(np.ones(one.shape) for one in results(out))
        d_out = ones if isinstance(out, tuple) else ones[0]
        for name, gradient in layer_backward(d_out, saved).items():
            assert gradient.dtype == arguments[name.removeprefix("d_")].dtype, name


def test_a_mask_of_another_length_is_a_sentence():
    layer = nn.TransformerEncoderLayer(4, 2, 5)
    with pytest.raises(
        ValueError, match=r"^MultiHeadAttention: mask.* does not broadcast to 3 queries and 3 keys"
    ):
        layer.forward(layer.init(RNG), np.ones((2, 3, 4)), mask=na.visible(np.ones((3, 5), bool)))


def test_nested_params_survive_flatten():
    layer = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 5), 11)
    params = layer.init(RNG)
    shuffled = unflatten(dict(sorted(flatten(params).items())))  # "10" before "2"
    x = RNG.standard_normal((1, 3, 4))
    np.testing.assert_array_equal(layer.forward(shuffled, x)[0], layer.forward(params, x)[0])
