"""The oracle by hand, by its own finite differences, and blind to hidden numbers."""

from decimal import Decimal

import numpy as np
import pytest

from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.check.reference.oracle import Results, oracle
from numpy_attention.check.rounding.decimals import digits, exact

B, H, G, L, S, D, E = 2, 4, 2, 2, 3, 2, 3


def rich(seed=0):
    """Every option, everything that can be broadcast broadcast."""
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal
    visible = rng.random((B, H, L, S)) < 0.8
    visible[0, 1, 1] = False
    bias = normal((H, 1, S))
    bias[2, 0, 1] = -np.inf
    return Inputs(
        normal((B, H, L, D)), normal((1, G, S, D)), normal((B, G, S, E)),
        normal((B, H, L, E)), normal((B, H, L, S)), normal((B, H, L)),
        visible, bias, normal((H, 1, 1)), 1.5, normal(H), (rng.random((L, S)) < 0.7) / 0.7,
    )  # fmt: skip


def as_floats(x):
    return np.asarray(x).astype(float)


# ------------------------------------------------------------------------------------- by hand


def test_a_mean_of_two_values():
    """Scores 0 and log 3: weights 1/4 and 3/4, in halves and quarters by hand."""
    with digits():
        log3 = Decimal(3).ln()
    query = exact([[1.0]])
    key, value = np.array([[Decimal(0)], [log3]]), np.array([[10.0], [20.0]])
    got = oracle(Inputs(query, key, value, np.array([[1.0]]), scale=1.0))
    near = Decimal("1e-47")
    assert abs(got.out[0, 0] - Decimal("17.5")) < near
    assert abs(got.weights[0, 0] - Decimal("0.25")) < near
    with digits():
        assert abs(got.lse[0] - Decimal(4).ln()) < near
        # d_score = 1/4 * 3/4 * (10 - 20) and its opposite
        assert abs(got.d_key[0, 0] - Decimal("-1.875")) < near
        assert abs(got.d_key[1, 0] - Decimal("1.875")) < near
        assert abs(got.d_query[0, 0] - Decimal("1.875") * log3) < near
        assert abs(got.d_value[1, 0] - Decimal("0.75")) < near
        assert abs(got.d_scale - Decimal("1.875") * log3) < near
    assert got.d_bias is None
    assert got.d_sinks is None


def test_the_default_scale():
    """A width of 3: scores divided by √3, to all digits."""
    got = oracle(Inputs(np.ones((1, 3)), np.ones((1, 3)), np.ones((1, 1))))
    with digits():
        assert abs(got.lse[0] - Decimal(3).sqrt()) < Decimal("1e-48")


def test_a_sink_takes_its_share():
    """One key and a sink, both 0: half of the value, and half of d_lse for each."""
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    got = oracle(Inputs(zero, one, one, one, d_lse=np.ones(1), sinks=np.array(0.0)))
    assert as_floats(got.out) == 0.5
    with digits():
        assert got.lse[0] == Decimal(2).ln()
    assert as_floats(got.d_sinks) == 0.5 - 0.25
    assert as_floats(got.d_value) == 0.5


def test_tanh_far_out():
    """A score 40 caps away: the gradient is 4 exp(-80), of which no digit is lost."""
    inputs = Inputs(np.array([[1.0]]), np.array([[40.0], [0.0]]), np.eye(2), np.array([[1.0, 0.0]]))
    got = oracle(inputs.replace(scale=1.0, softcap=1.0))
    weight = 1 / (1 + np.exp(-1.0))
    expected = weight * (1 - weight) * 4 * np.exp(-80.0)
    np.testing.assert_allclose(as_floats(got.d_key[0, 0]), expected, rtol=1e-13)


def test_a_row_that_may_attend_to_nothing():
    rows = np.ones((2, 1))
    inputs = Inputs(rows, rows, rows, rows, np.ones((2, 2)), np.ones(2), mask=np.zeros((2, 2), dtype=bool))
    got = oracle(inputs)
    assert not any(as_floats(x).any() for x in (got.out, got.weights, *got[3:6]))
    assert got.lse.tolist() == [Decimal("-Infinity")] * 2
    got = oracle(inputs.replace(sinks=np.array(0.25)))
    assert got.lse.tolist() == [Decimal("0.25")] * 2
    assert got.d_sinks[()] == 2


@pytest.mark.parametrize("zero", "LSDEHB")
def test_axes_of_no_length(zero):
    n = dict(B=2, H=2, L=3, S=5, D=2, E=3) | {zero: 0}
    shapes = [(n["B"], n["H"], *axes) for axes in ((n["L"], n["D"]), (n["S"], n["D"]), (n["S"], n["E"]))]
    got = oracle(Inputs(*map(np.ones, shapes)))
    assert [x.shape for x in (got.d_query, got.d_key, got.d_value)] == shapes
    assert got.out.shape == (n["B"], n["H"], n["L"], n["E"])
    if zero == "S":
        assert set(got.lse.ravel()) == {Decimal("-Infinity")}


# ------------------------------------------------------------------ by its own differences


def loss(inputs):
    """Σ cotangent · result, whose gradient the oracle returns."""
    got = oracle(inputs)
    with digits():
        parts = zip((inputs.d_out, inputs.d_weights, inputs.d_lse), got[:3], strict=True)
        return sum(
            (c * y for d, x in parts for c, y in zip(exact(d).flat, x.flat, strict=True) if y.is_finite()),
            Decimal(0),
        )


@pytest.mark.parametrize("name", ["query", "key", "value", "bias", "scale", "sinks"])
def test_gradients_are_differences(name):
    """(f(x + h d) - f(x - h d)) / 2h along random d: h = 1e-15 leaves thirty of fifty digits."""
    inputs = rich()
    inputs = inputs.replace(d_lse=np.where(np.isfinite(as_floats(oracle(inputs).lse)), inputs.d_lse, 0))
    gradient, x, h = getattr(oracle(inputs), f"d_{name}"), exact(getattr(inputs, name)), Decimal("1e-15")
    fixed = np.array([number.is_infinite() for number in x.flat]).reshape(x.shape)
    assert not gradient[fixed].any()
    for seed in (0, 1):
        direction = exact(np.where(fixed, 0, np.random.default_rng(seed).choice([-1.5, 0.5, 1.0], x.shape)))
        with digits():
            moved = [x + h * direction, x - h * direction]
        ahead, behind = (loss(inputs.replace(**{name: each})) for each in moved)
        with digits():
            expected = sum((gradient * direction).flat, Decimal(0))
            assert abs((ahead - behind) / (2 * h) - expected) < Decimal("1e-25")
    assert np.count_nonzero(gradient) > gradient.size / 2


# ---------------------------------------------------------------------------- what it reads


def test_hidden_numbers_are_not_read():
    inputs = rich(1)
    visible = inputs.visible.copy()
    visible[..., 2] = False
    inputs = inputs.replace(mask=visible)
    changed = {name: getattr(inputs, name).copy() for name in ("key", "value", "bias", "d_weights")}
    changed["key"][..., 2, :] = np.nan
    changed["value"][..., 2, :] = np.inf
    changed["bias"][..., 2] = np.nan
    changed["d_weights"][..., 2] = np.nan
    for x, y in zip(oracle(inputs), oracle(inputs.replace(**changed)), strict=True):
        assert x.tolist() == y.tolist()


def test_broadcasting_is_reading_the_same_number_again():
    """Everything written out in full gives the same results, and gradients that add up to the same."""
    inputs = rich(2)
    shape = inputs.shape
    full = inputs.replace(
        key=np.repeat(np.broadcast_to(inputs.key, (B, G, S, D)), H // G, axis=1),
        value=np.repeat(inputs.value, H // G, axis=1),
        bias=np.broadcast_to(inputs.bias, shape),
        scale=np.broadcast_to(inputs.scale, shape),
        sinks=np.broadcast_to(inputs.sinks, (B, H)),
        dropout=np.broadcast_to(inputs.multipliers, shape),
    )
    short, long = oracle(inputs), oracle(full)
    for x, y in zip(short[:4], long[:4], strict=True):
        assert x.tolist() == y.tolist()
    with digits():
        sums = {
            "d_key": long.d_key.reshape(B, G, H // G, S, D).sum(axis=(0, 2))[None],
            "d_value": long.d_value.reshape(B, G, H // G, S, E).sum(axis=2),
            "d_bias": long.d_bias.sum(axis=(0, 2))[:, None],
            "d_scale": long.d_scale.sum(axis=(0, 2, 3))[:, None, None],
            "d_sinks": long.d_sinks.sum(axis=0),
        }
        for name, y in sums.items():
            x = getattr(short, name)
            assert x.shape == y.shape
            assert max(abs(x - y).flat) < Decimal("1e-47")


def test_one_head_is_two_axes():
    rng = np.random.default_rng(3)
    one = Inputs(*(rng.standard_normal(shape) for shape in ((L, D), (S, D), (S, E), (L, E), (L, S), (L,))))
    one = one.replace(bias=rng.standard_normal((L, S)), sinks=np.array(0.5), scale=np.array(0.7))
    many = Inputs(*(x[None] if isinstance(x, np.ndarray) and x.ndim else x for _, x in one.items()))
    many = many.replace(sinks=np.array([0.5]))
    for name, x, y in zip(Results._fields, oracle(one), oracle(many), strict=True):
        assert list(x.flat) == list(y.flat), name


def test_arguments_are_not_changed():
    inputs = rich(4)
    before = [x.tobytes() for _, x in inputs.items() if isinstance(x, np.ndarray)]
    oracle(inputs)
    assert before == [x.tobytes() for _, x in inputs.items() if isinstance(x, np.ndarray)]
