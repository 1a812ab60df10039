"""Correct programs of any precision stay within the bounds, textbook forms included; wrong ones do not."""

import math

import numpy as np
import pytest

from numpy_attention.check.reference.error_bounds import bounds
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.check.reference.oracle import Results
from numpy_attention.check.rounding.error_analysis import BFLOAT16, FLOAT16, FLOAT32, FLOAT64, stored_error
from tests.support.hard_inputs import cast

B, H, G, L, S, D, E = 2, 6, 3, 11, 13, 5, 3
SEEDS = range(10)

# ------------------------------------------------------------------ attention as others write it


def to_bfloat16(x):
    """The nearest number with 8 binary digits, ties to even, as a float32."""
    bits = np.asarray(x, dtype=np.float32).view(np.uint32)
    half = np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    return ((bits + half) & np.uint32(0xFFFF0000)).view(np.float32)


KEPT = {
    "float32": (None, lambda x: x),
    "float16": (FLOAT16, lambda x: x.astype("float16").astype("float32")),
    "bfloat16": (BFLOAT16, to_bfloat16),
}


def system(inputs, keep):
    """The formula in float32, weights and gradients of scores kept in less: how such programs are written.

    Row sums come from d_out * out, the slope of tanh is 1 - tanh², nothing is pinned.
    """
    (query, key, value, d_out, d_weights, d_lse, visible, bias, scale, softcap, sinks, multipliers) = (
        x.astype("float32") if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
        for _, x in inputs.items()
    )
    one = np.float32(1)
    group = query.shape[-3] // key.shape[-3]
    keys, values = np.repeat(key, group, axis=-3), np.repeat(value, group, axis=-3)
    scale = np.float32(1 / math.sqrt(query.shape[-1])) if scale is None else scale
    products = query @ keys.swapaxes(-1, -2)
    turned = np.tanh(scale * products / np.float32(softcap))
    masked = np.where(visible, np.float32(softcap) * turned + bias, np.float32(-np.inf))
    column = np.broadcast_to(sinks[..., None, None], (*masked.shape[:-1], 1))
    top = np.maximum(masked.max(axis=-1, keepdims=True), column)
    powers = np.exp(masked - top)
    total = powers.sum(axis=-1, keepdims=True) + np.exp(column - top)
    weights, sink_weights = powers / total, np.exp(column - top) / total
    thinned = keep(weights * multipliers)
    out = keep(thinned @ values)
    d = multipliers * (d_out @ values.swapaxes(-1, -2)) + d_weights
    mean = (d_out * out).sum(axis=-1, keepdims=True) + (weights * d_weights).sum(axis=-1, keepdims=True)
    d_biased = weights * (d - mean + d_lse[..., None])
    d_sinks = (sink_weights * (d_lse[..., None] - mean)).sum(axis=(0, -1, -2))
    d_scores = d_biased * (one - turned * turned)
    d_products = keep(scale * d_scores)

    def to_keys(x):
        return x.reshape(B, G, group, S, -1).sum(axis=2)

    return Results(
        out,
        weights,
        (top + np.log(total))[..., 0],
        keep(d_products @ keys),
        keep(to_keys(d_products.swapaxes(-1, -2) @ query).sum(axis=0, keepdims=True)),
        keep(to_keys(thinned.swapaxes(-1, -2) @ d_out)),
        keep(d_biased.sum(axis=(0, -2), keepdims=True)[0]),
        keep((d_scores * products).sum(axis=(0, -1), keepdims=True)[0]),
        keep(d_sinks),
    )


def rich(seed, keep):
    """Every option at once."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return keep(rng.standard_normal(shape).astype("float32"))

    visible = np.arange(S) <= np.arange(L)[:, None] + S - L
    return Inputs(
        normal(B, H, L, D), normal(1, G, S, D), normal(B, G, S, E),
        normal(B, H, L, E), normal(B, H, L, S), normal(B, H, L),
        visible, normal(H, 1, S), np.abs(normal(H, L, 1)) + 0.5, 2.0, normal(H),
        keep(((rng.random((B, H, L, S)) < 0.75) / 0.75).astype("float32")),
    )  # fmt: skip


def exceeded(got, inputs, storage):
    """Which results are outside their bounds, and by how much the worst."""
    found = {}
    allowed = bounds(inputs, FLOAT32, storage=storage)
    for name, x, near in zip(Results._fields, got, allowed, strict=True):
        kept = FLOAT32 if name in ("weights", "lse") or storage is None else storage
        found[name] = float((abs(x - near.value) / stored_error(near, kept, FLOAT32)).max())
    return found


@pytest.mark.parametrize("kept", KEPT)
def test_correct_programs_are_within(kept):
    storage, keep = KEPT[kept]
    for seed in SEEDS:
        inputs = rich(seed, keep)
        found = exceeded(system(inputs, keep), inputs, storage)
        assert max(found.values()) <= 1, (seed, found)
        assert max(found.values()) > 0.01, "a bound a hundred times too large says nothing"


# ------------------------------------------------------------------------------ and wrong ones are not

FORWARD = {
    "the other corner": lambda x: x.replace(mask=np.arange(S) <= np.arange(L)[:, None]),
    "one key too many": lambda x: x.replace(mask=np.arange(S) <= np.arange(L)[:, None] + S - L + 1),
    "heads tiled": lambda x: x.replace(
        query=x.query.reshape(B, G, 2, L, D).swapaxes(1, 2).reshape(x.query.shape)
    ),
    "no scale": lambda x: x.replace(scale=np.ones((H, 1, 1), dtype="float32")),
    "no softcap": lambda x: x.replace(softcap=1e4),
    "no bias": lambda x: x.replace(bias=0 * x.bias),
    "no sinks": lambda x: x.replace(sinks=0 * x.sinks - 1e4),
    "a sink of 0": lambda x: x.replace(sinks=0 * x.sinks),
    "dropout not scaled up": lambda x: x.replace(dropout=0.75 * x.multipliers),
}
BACKWARD = {
    "no d_weights": lambda x: x.replace(d_weights=0 * x.d_weights),
    "no d_lse": lambda x: x.replace(d_lse=0 * x.d_lse),
    "d_out twice": lambda x: x.replace(d_out=2 * x.d_out),
}


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("fault", [*FORWARD, *BACKWARD])
def test_wrong_programs_are_outside(fault, kept):
    storage, keep = KEPT[kept]
    wrong = (FORWARD | BACKWARD)[fault]
    for seed in SEEDS[:5]:
        inputs = rich(seed, keep)
        found = exceeded(system(wrong(inputs), keep), inputs, storage)
        assert found["out"] > 2 or fault in BACKWARD, (seed, found)
        assert found["d_query"] > 2, (seed, found)
        assert found["d_key"] > 2, (seed, found)


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("name", Results._fields)
def test_a_tenth_is_too_much_for_every_result(name, kept):
    """A tenth of the array's own size is too much for any of them."""
    storage, keep = KEPT[kept]
    inputs = rich(0, keep)
    got = system(inputs, keep)
    x = getattr(got, name)
    wrong = got._replace(**{name: x + 0.1 * abs(x).max()})
    outside = {other for other, ratio in exceeded(wrong, inputs, storage).items() if ratio > 1}
    assert outside == {name}


def test_lower_precision_is_detected():
    """A program that keeps less than it says, or computes in less, is outside."""
    inputs = rich(0, to_bfloat16)
    got = system(inputs, to_bfloat16)
    assert max(exceeded(got, inputs, FLOAT16).values()) > 1
    assert max(exceeded(got, inputs, None).values()) > 1
    kept_whole = system(inputs, KEPT["float32"][1])
    allowed = bounds(inputs, FLOAT64)
    assert all((abs(x - y.value) > y.error).any() for x, y in zip(kept_whole, allowed, strict=True))


# --------------------------------------------------------------------------------- what they are


def test_values_are_the_formula():
    inputs = rich(1, KEPT["float32"][1])
    inputs = cast(inputs, "float64")
    for pinned in (False, True):
        for x, near in zip(results(inputs), bounds(inputs, pinned=pinned), strict=True):
            np.testing.assert_allclose(x, near.value, rtol=1e-12, atol=1e-14)
            assert near.error.shape == np.shape(x)
            assert (near.error >= 0).all()


def test_pinning_narrows_the_bound_where_a_score_wins():
    inputs = Inputs(np.array([[36.0]]), np.array([[1.0], [0.0], [-0.1]]), np.array([[1.0], [2.0], [-3.0]]))
    inputs = inputs.replace(d_out=np.array([[1.0]]))
    pinned, textbook = (bounds(inputs, pinned=pinned).d_key.error for pinned in (True, False))
    assert (pinned[0] < 1e-12 * textbook[0]).all()


def test_hidden_numbers_count_for_nothing():
    inputs = rich(2, KEPT["float32"][1])
    visible = np.broadcast_to(inputs.visible, (B, H, L, S)).copy()
    visible[..., 3] = False
    inputs = inputs.replace(mask=visible)
    key, value = inputs.key.copy(), inputs.value.copy()
    key[..., 3, :], value[..., 3, :] = np.nan, np.inf
    for x, y in zip(bounds(inputs), bounds(inputs.replace(key=key, value=value)), strict=True):
        assert np.isfinite(y.error).all()
        assert (abs(x.value - y.value) <= 1e-12).all()


def test_fully_masked_rows_and_empty_axes():
    for length, keys in ((0, 3), (3, 0)):
        inputs = Inputs(np.ones((length, 2)), np.ones((keys, 2)), np.ones((keys, 2)))
        assert bounds(inputs).out.value.shape == (length, 2)
        assert (bounds(inputs).lse.value == -np.inf).all()
    inputs = Inputs(np.ones((3, 2)), np.ones((5, 2)), np.ones((5, 2)), mask=np.zeros((3, 5), dtype=bool))
    allowed = bounds(inputs.replace(d_out=np.ones((3, 2))))
    assert (allowed.lse.value == -np.inf).all()
    assert not allowed.lse.error.any()
    assert not allowed.weights.error.any()
    assert allowed.d_key.error.max() < 1e-300


@pytest.mark.parametrize("precision, scores", [(FLOAT32, 1e9), (BFLOAT16, 1e4)])
def test_weight_bound_never_exceeds_one(precision, scores):
    """Scores so large that their rounding decides who wins: never NaN, and no weight is beyond 1."""
    rng = np.random.default_rng(0)
    inputs = Inputs(*(rng.standard_normal((n, 3)) * math.sqrt(scores) for n in (5, 7)), np.ones((7, 2)))
    weights = bounds(inputs, precision).weights
    assert (weights.error <= 1).all()
    assert (weights.error > 0.99).any()


@pytest.mark.parametrize("kept", KEPT)
def test_torch_is_within(kept, peer):
    """scaled_dot_product_attention with a causal mask and grouped heads, forward and backward."""
    torch = peer("torch")
    storage, keep = KEPT[kept]
    dtype = getattr(torch, kept)
    for seed in SEEDS[:5]:
        full = rich(seed, keep)
        key = np.repeat(full.key, B, axis=0)
        inputs = Inputs(full.query, key, full.value, full.d_out, mask=full.visible)
        tensors = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in inputs.arguments]
        visible = torch.tensor(np.broadcast_to(inputs.visible, (L, S)))
        out = torch.nn.functional.scaled_dot_product_attention(*tensors, attn_mask=visible, enable_gqa=True)
        out.backward(torch.tensor(inputs.d_out, dtype=dtype))
        allowed = bounds(inputs, FLOAT32, storage=storage)
        results = [out.detach(), *(x.grad for x in tensors)]
        for x, near in zip(results, (allowed.out, *allowed[3:6]), strict=True):
            ratios = abs(x.double().numpy() - near.value) / stored_error(near, storage or FLOAT32, FLOAT32)
            assert 0.01 < ratios.max() <= 1
