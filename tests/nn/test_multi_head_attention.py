"""Multi-head attention: its equations head by head, its gradients by the complex step, torch's own layer."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.nn import MultiHeadAttention
from numpy_attention.optim.trees import flatten, unflatten
from tests.support.layer_formulas import random_params

B, L, S, HEADS, WIDTH = 2, 3, 5, 2, 6
D = WIDTH // HEADS
STEP = 1e-100
KINDS = {"self": 1, "key only": 2, "key and value": 3}
every_kind = pytest.mark.parametrize("count", KINDS.values(), ids=KINDS)
with_and_without_bias = pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])


def problem(count, bias=True, dtype=np.float64):
    """Layer, params, inputs and cotangent; `count` inputs are passed, each an array of its own."""
    rng = np.random.default_rng(83)
    layer = MultiHeadAttention(WIDTH, HEADS, bias=bias)
    params = {name: rng.normal(size=shape).astype(dtype) for name, shape in flatten(layer.shapes()).items()}
    inputs = [rng.normal(size=(B, length, WIDTH)).astype(dtype) for length in (L, S, S)[:count]]
    return layer, unflatten(params), inputs, rng.normal(size=(B, L, WIDTH)).astype(dtype)


def by_equations(params, inputs, visible=True, scale=D**-0.5):
    """The output, one example and one head at a time; complex-safe."""
    query, key, value = (*inputs, inputs[-1], inputs[-1])[:3]
    p = flatten(params)
    zero = np.zeros(3 * WIDTH)
    w, b = p["in_proj_weight"].reshape(3, HEADS, D, WIDTH), p.get("in_proj_bias", zero).reshape(3, HEADS, D)
    visible = np.broadcast_to(visible, (len(query), HEADS, query.shape[1], key.shape[1]))
    rows = []
    for n in range(len(query)):
        heads = []
        for h in range(HEADS):
            q, k, v = (x[n] @ w[i, h].T + b[i, h] for i, x in enumerate((query, key, value)))
            shares = np.where(visible[n, h], np.exp(scale * q @ k.T), 0)
            heads.append(shares / shares.sum(axis=1, keepdims=True) @ v)
        rows.append(np.concatenate(heads, axis=1) @ p["out_proj.weight"].T + p.get("out_proj.bias", 0))
    return np.stack(rows)


@every_kind
@with_and_without_bias
def test_forward_is_its_equations(count, bias):
    layer, params, inputs, _ = problem(count, bias)
    np.testing.assert_allclose(layer.forward(params, *inputs)[0], by_equations(params, inputs), rtol=1e-12)


@every_kind
@with_and_without_bias
def test_backward_is_the_complex_step_of_the_equations(count, bias):
    layer, params, inputs, d_out = problem(count, bias)
    length = inputs[-1].shape[1]
    lengths = np.array([length - 1, length])
    visible = np.arange(length) < lengths[:, None, None, None]
    _, saved = layer.forward(params, *inputs, mask=na.padding(lengths))
    d_inputs, d_params = layer.backward(d_out, saved)
    assert [d is None for d in d_inputs] == [False] * count + [True] * (3 - count)
    arrays = dict(enumerate(inputs)) | flatten(params)
    gradients = dict(enumerate(d_inputs[:count])) | flatten(d_params)
    assert list(gradients) == list(arrays)
    for name, array in arrays.items():
        assert gradients[name].shape == array.shape
        for index in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[index] += STEP * 1j
            new = arrays | {name: moved}
            out = by_equations(
                unflatten({n: new[n] for n in flatten(params)}), [new[i] for i in range(count)], visible
            )
            change = (d_out * out).sum().imag / STEP
            assert abs(gradients[name][index] - change) <= 1e-12 * max(np.abs(gradients[name]).max(), 1), name


def test_scale_has_a_gradient_of_its_own():
    layer, params, inputs, d_out = problem(2)
    scale = np.random.default_rng(89).uniform(0.2, 1, size=(HEADS, 1, 1))
    out, saved = layer.forward(params, *inputs, scale=scale)
    _, _, d_scale = layer.backward_with_scale(d_out, saved)
    assert d_scale.shape == scale.shape
    for head in range(HEADS):
        moved = scale.astype(complex)
        moved[head] += STEP * 1j
        change = (d_out * layer.forward(params, *inputs, scale=moved)[0]).sum().imag / STEP
        assert d_scale[head, 0, 0] == pytest.approx(change, rel=1e-12)
    assert layer.forward(params, *inputs, scale=0.0)[1].weights == pytest.approx(1 / S)


def test_a_hidden_key_has_no_influence_to_the_bit():
    layer, params, (query, key), _ = problem(2)
    mask = na.padding([S - 1, S])
    out, _ = layer.forward(params, query, key, mask=mask)
    key[0, S - 1] = np.nan
    np.testing.assert_array_equal(layer.forward(params, query, key, mask=mask)[0], out)


def test_nothing_is_changed_and_dtypes_are_kept():
    layer, params, inputs, d_out = problem(3, dtype=np.float32)
    before = {name: array.copy() for name, array in flatten(params).items()}
    out, saved = layer.forward(params, *inputs)
    first, second = (layer.backward(d_out, saved) for _ in range(2))
    assert {x.dtype for x in (out, *first[0], *flatten(first[1]).values())} == {np.dtype(np.float32)}
    for name, array in flatten(second[1]).items():
        np.testing.assert_array_equal(flatten(first[1])[name], array)
        np.testing.assert_array_equal(flatten(params)[name], before[name])
    assert "array(" not in repr(saved)


def test_no_queries_or_one_without_a_batch():
    layer, params, (x,), d_out = problem(1)
    np.testing.assert_allclose(layer.forward(params, x[0])[0], layer.forward(params, x)[0][0], rtol=1e-13)
    out, saved = layer.forward(params, x[:, :0])
    assert out.shape == (B, 0, WIDTH)
    assert not layer.backward(out, saved)[1]["in_proj_weight"].any()


def test_initial_weights_are_drawn_and_biases_are_0():
    params = MultiHeadAttention(WIDTH, HEADS).init(np.random.default_rng(0))
    assert {name: array.any() for name, array in flatten(params).items()} == {
        "in_proj_weight": True, "in_proj_bias": False, "out_proj.weight": True, "out_proj.bias": False,
    }  # fmt: skip
    assert list(flatten(MultiHeadAttention(WIDTH, HEADS, bias=False).shapes())) == [
        "in_proj_weight",
        "out_proj.weight",
    ]


@pytest.mark.parametrize(
    "width, heads, error, message",
    [
        (6, 4, ValueError, "^MultiHeadAttention: heads is 4; a number that divides width, 6, is expected$"),
        (6, 0, ValueError, "^MultiHeadAttention: heads holds 0; at least 1"),
        (0, 1, ValueError, "^MultiHeadAttention: width holds 0; at least 1"),
        (6.0, 2, TypeError, "^MultiHeadAttention: width has dtype float64; whole numbers"),
        (6, [2, 3], TypeError, r"^MultiHeadAttention: heads has shape \(2,\); one whole number is expected"),
    ],
)
def test_sizes_that_make_no_layer(width, heads, error, message):
    with pytest.raises(error, match=message):
        MultiHeadAttention(width, heads)


def test_arguments_that_do_not_fit():
    layer, params, (query, key, value), d_out = problem(3)
    for arguments, error, message in (
        (
            (query[..., :5],),
            ValueError,
            r"^MultiHeadAttention: query has shape \(2, 3, 5\); \(B, length, 6\) is expected",
        ),
        ((query, key[..., :1]), ValueError, r"^MultiHeadAttention: key has shape \(2, 5, 1\)"),
        (
            (query, key, value[0, 0]),
            ValueError,
            r"^MultiHeadAttention: value has shape \(6,\); at least 2 axes",
        ),
        (
            (query, None, value),
            TypeError,
            "^MultiHeadAttention: value is ndarray and key is None; a key is expected with it",
        ),
        ((query.astype(int),), TypeError, "^MultiHeadAttention: query has dtype int64"),
        (
            (query, key[:, :4], value),
            ValueError,
            "^MultiHeadAttention: the length of key is 4, but the length of value is 5",
        ),
        (
            (query, np.concatenate([key, key])),
            ValueError,
            r"^MultiHeadAttention: the batch axes do .*: query \(2,\), key \(4,\)",
        ),
    ):
        with pytest.raises(error, match=message):
            layer.forward(params, *arguments)
    with pytest.raises(
        ValueError, match=r"^MultiHeadAttention: params\['in_proj_weight'\] has shape \(1, 6\); \(18, 6\) is"
    ):
        layer.forward(params | {"in_proj_weight": np.ones((1, WIDTH))}, query)
    with pytest.raises(
        TypeError, match=r"^MultiHeadAttention: saved is tuple; MultiHeadAttentionSaved is expected"
    ):
        layer.backward(d_out, ())


class Kept:
    """The least that a cache is: all keys and values, at the places 0, 1, 2, …"""

    def __init__(self):
        self.key = self.value = np.zeros((B, HEADS, 0, D))

    def upcoming(self, length):
        return self.key.shape[-2] + np.arange(length)

    def append(self, key, value):
        self.key, self.value = (
            np.concatenate(pair, axis=-2) for pair in ((self.key, key), (self.value, value))
        )
        return self.key, self.value, np.arange(self.key.shape[-2])


@pytest.mark.parametrize(
    "positions", [nn.Rotary(2), nn.ALiBi(HEADS), nn.T5Buckets(HEADS), nn.TransformerXL(HEADS, D, 4), None]
)
def test_step_by_step_with_a_cache_is_one_causal_pass(positions):
    layer = MultiHeadAttention(WIDTH, HEADS, positions=positions, query_key_norm="rms")
    params, x = random_params(layer), np.random.default_rng(0).normal(size=(B, 5, WIDTH))
    whole, _ = layer.forward(params, x, mask=na.causal())
    cache, steps = Kept(), []
    for start, stop in ((0, 2), (2, 3), (3, 5)):
        mask = na.causal(offset=start)
        out, saved = layer.forward(params, x[:, start:stop], mask=mask, cache=cache)
        steps.append(out)
    np.testing.assert_allclose(np.concatenate(steps, axis=1), whole, rtol=1e-11, atol=1e-13)
    with pytest.raises(TypeError, match=r"^MultiHeadAttention: saved is \w+ of a forward with a cache"):
        layer.backward(out, saved)


def test_options_that_exclude_each_other_are_refused():
    x = np.ones((B, L, WIDTH))
    layer = MultiHeadAttention(WIDTH, HEADS, score="additive")
    with pytest.raises(TypeError, match=r"^MultiHeadAttention: scale is .*, but score 'additive' takes"):
        layer.forward(random_params(layer), x, scale=0.5)
    layer = MultiHeadAttention(WIDTH, HEADS, positions=nn.TransformerXL(HEADS, D, 4))
    with pytest.raises(TypeError, match=r"^MultiHeadAttention: scale is .*, but TransformerXL takes none"):
        layer.forward(random_params(layer), x, scale=0.5)
    layer = MultiHeadAttention(WIDTH, HEADS, key_width=5)
    with pytest.raises(TypeError, match=r"^MultiHeadAttention: key is None; an array \(B, length, 5\) is"):
        layer.forward(random_params(layer), x)


def test_query_and_key_norm_makes_the_size_of_a_head_meaningless():
    """Queries ten times as long score the same; the output gate alone still sees it."""
    layer = MultiHeadAttention(WIDTH, HEADS, query_key_norm="rms", eps=0.0, bias=False)
    params, x = random_params(layer), np.random.default_rng(0).normal(size=(B, L, WIDTH))
    weights = layer.forward(params, x)[1].weights
    np.testing.assert_allclose(layer.forward(params, 10 * x)[1].weights, weights, rtol=1e-10)
    gated = MultiHeadAttention(WIDTH, HEADS, gate=True)
    params = random_params(gated)
    params["gate"] = {"weight": np.zeros((WIDTH, WIDTH)), "bias": np.full(WIDTH, -1e4)}
    np.testing.assert_array_equal(
        gated.forward(params, x)[0], np.broadcast_to(params["out_proj"]["bias"], x.shape)
    )


def test_grouped_heads_share_keys_and_values():
    """The same as a key and a value for each head, those of a group alike: heads 0, 1 read group 0."""
    H, G, columns = 6, 3, 4
    layer = MultiHeadAttention(WIDTH, H, kv_heads=G, head_width=columns)
    params, x = random_params(layer), np.random.default_rng(0).normal(size=(B, L, WIDTH))
    q, k, v = np.split(params["in_proj_weight"], [H * columns, (H + G) * columns])
    bq, bk, bv = np.split(params["in_proj_bias"], [H * columns, (H + G) * columns])

    def each(rows):
        groups = rows.reshape(G, columns, *rows.shape[1:])
        return np.repeat(groups, H // G, axis=0).reshape(H * columns, *rows.shape[1:])

    every = {
        "in_proj_weight": np.concatenate([q, each(k), each(v)]),
        "in_proj_bias": np.concatenate([bq, each(bk), each(bv)]),
        "out_proj": params["out_proj"],
    }
    expected, _ = MultiHeadAttention(WIDTH, H, head_width=columns).forward(every, x, mask=na.causal())
    np.testing.assert_allclose(layer.forward(params, x, mask=na.causal())[0], expected, rtol=1e-12)


def test_zeros_as_one_more_key_are_sinks_of_score_0():
    x = np.random.default_rng(0).normal(size=(B, L, WIDTH))
    extra, sinks = (
        MultiHeadAttention(WIDTH, HEADS, add_zero_attn=True),
        MultiHeadAttention(WIDTH, HEADS, sinks=True),
    )
    params = random_params(extra)
    expected, _ = sinks.forward({**params, "sinks": np.zeros(HEADS)}, x, mask=na.causal())
    np.testing.assert_allclose(extra.forward(params, x, mask=na.causal())[0], expected, rtol=1e-12)


@every_kind
@with_and_without_bias
def test_torch_agrees(peer, count, bias):
    torch = peer("torch")
    layer, params, inputs, d_out = problem(count, bias)
    theirs = torch.nn.MultiheadAttention(WIDTH, HEADS, bias=bias, batch_first=True, dtype=torch.float64)
    theirs.load_state_dict({name: torch.tensor(array) for name, array in flatten(params).items()})
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    mask = na.causal("top_left")
    hidden = torch.tensor(~mask.array(L, inputs[-1].shape[1]))
    expected, weights = theirs(
        *(*tensors, tensors[-1], tensors[-1])[:3], attn_mask=hidden, average_attn_weights=False
    )
    expected.backward(torch.tensor(d_out))
    out, saved = layer.forward(params, *inputs, mask=mask)
    np.testing.assert_allclose(out, expected.detach().numpy(), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(saved.weights, weights.detach().numpy(), rtol=1e-12, atol=1e-15)
    d_inputs, d_params = layer.backward(d_out, saved)
    for ours, tensor in zip(d_inputs[:count], tensors, strict=True):
        np.testing.assert_allclose(ours, tensor.grad.numpy(), rtol=1e-11, atol=1e-12)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(flatten(d_params)[name], parameter.grad.numpy(), rtol=1e-11, atol=1e-12)
