"""Sparsemax and entmax with α = 1.5, in the fifth step of attention, beside the entmax package in float64.

Rounding errors, S columns, unit roundoff u. A row is first shifted by its highest entry. Columns that have a
weight are then within 1 of it: all terms of the threshold τ are at most 1 in magnitude.

    sparsemax  τ = (Σ x - 1) / k over these k columns: k + 1 roundings of at most 1, so that x - τ, the
               weight, is good to (S + 3) u.
    entmax     τ = m - r, r = √((1 - k (q - m²)) / k), m and q the means of x and x². r is the mean of the
               roots √weight, whose squares sum to 1: r ≥ 1 / k. k (q - m²) is good to k (3 k + 4) u, thus r
               to k (3 k + 5) u / 2, and m to k u: x - τ, the root of a weight, is good to 2 S (S + 2) u,
               a weight to twice that.

A gradient is slopes * (c - mean of c over slopes), slopes 1 or the roots: for cotangents of at most c it is
good to 2 (S + 4) u c, and for entmax 2 (S + 1) c times the roots' error besides, Σ roots being at least 1.
"""

import numpy as np
import pytest

import numpy_attention as na
from tests.support.formula import U

B, H, L, S, E = 2, 3, 5, 7, 2


def errors(name, columns):
    """(of a weight, of a gradient for cotangents of 1), of both computations."""
    n = columns + 1
    if name == "sparsemax":
        return 2 * (n + 3) * U, 4 * (n + 4) * U
    roots = 2 * n * (n + 2) * U
    return 4 * roots, 2 * (2 * (n + 1) * roots + 2 * (n + 4) * U)


NORMALISERS = {"sparsemax": na.SPARSEMAX, "entmax": na.ENTMAX}
FUNCTIONS = {"sparsemax": "sparsemax", "entmax": "entmax15"}
STEPS = {name: na.STEPS._replace(softmax=pair) for name, pair in NORMALISERS.items()}


@pytest.fixture
def peers(peer):
    """torch and the entmax package, which is made of it."""
    return peer("torch"), peer("entmax")


def problem(seed, size, hide):
    """rng, scores, visible pairs (at least one per row), sinks."""
    rng = np.random.default_rng(seed)
    visible = rng.random((B, H, L, S)) < (0.7 if hide else 2)
    visible[..., 0] = True
    return rng, size * rng.standard_normal((B, H, L, S)), visible, size * rng.standard_normal((B, H))


def expected_of(peers, name, scores, visible, sinks, d_weights):
    """Weights and gradients of scores and sinks; a sink is one column more."""
    torch, entmax = peers
    scores, sinks = (torch.tensor(x, requires_grad=True) for x in (scores, sinks))
    columns = torch.where(torch.tensor(visible), scores, -torch.inf)
    columns = torch.cat([columns, sinks[..., None, None].expand(B, H, L, 1)], dim=-1)
    weights = getattr(entmax, FUNCTIONS[name])(columns, dim=-1)
    (weights[..., :S] * torch.tensor(d_weights)).sum().backward()
    return weights.detach().numpy(), scores.grad.numpy(), sinks.grad.numpy()


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("size", [0.1, 1.0, 6.0])
@pytest.mark.parametrize("name", NORMALISERS)
def test_weights_and_gradients(name, size, hide, peers):
    """The cotangent of the output is 0, so that only step 5 is compared."""
    rng, scores, visible, sinks = problem(1, size, hide)
    d_weights = rng.standard_normal((B, H, L, S))
    options = dict(mask=na.visible(visible), sinks=sinks, steps=STEPS[name])
    out, saved = na.attend_forward(scores, np.zeros((B, H, S, E)), **options)
    got = na.attend_backward(0 * out, saved, d_weights=d_weights)
    columns, d_scores, d_sinks = expected_of(peers, name, scores, visible, sinks, d_weights)
    e_weight, e_gradient = errors(name, S)
    e_gradient *= np.abs(d_weights).max()
    no_weight_is_near_0(columns, e_weight)
    assert 0 < (columns == 0).mean() < 1 or size < 1
    assert np.abs(saved.weights - columns[..., :S]).max() <= e_weight
    assert np.abs(got.d_scores - d_scores).max() <= e_gradient
    assert np.abs(got.d_sinks - d_sinks).max() <= L * e_gradient
    assert np.abs(saved.weights - na.softmax(np.where(visible, scores, -np.inf))).max() > 1e3 * e_weight


def no_weight_is_near_0(weights, error):
    """Otherwise rounding could decide which weights are 0, where the gradient of sparsemax jumps."""
    assert weights[weights > 0].min() > 10 * error


@pytest.mark.parametrize("name", NORMALISERS)
def test_attention_with_sparse_normalisers(name, peers):
    """From query and key to the output and back, grouped heads included.

    Scores q·k of width D are good to (D + 2) u Σ |q k|, on both sides; weights change by at most twice as
    much (entmax's by the roots' share of it), and d_scores likewise through the roots. The rest are products.
    """
    torch, entmax = peers
    rng, D = np.random.default_rng(2), 3
    query, key = rng.standard_normal((B, 2 * H, L, D)), rng.standard_normal((B, H, S, D))
    value, d_out = rng.standard_normal((B, H, S, E)), rng.standard_normal((B, 2 * H, L, E))
    pair = na.attention_with(STEPS[name])
    out, saved = pair.forward(query, key, value)
    got = (out, *pair.backward(d_out, saved)[:3])

    leaves = [torch.tensor(x, requires_grad=True) for x in (query, key, value)]
    q, k, v = leaves[0], *(x.repeat_interleave(2, dim=1) for x in leaves[1:])
    weights = getattr(entmax, FUNCTIONS[name])(D**-0.5 * q @ k.transpose(-1, -2), dim=-1)
    result = weights @ v
    (result * torch.tensor(d_out)).sum().backward()
    expected = [x.detach().numpy() for x in (result, *(leaf.grad for leaf in leaves))]

    q, k, v, c = (np.abs(x).max() for x in (query, key, value, d_out))
    e_weight, e_gradient = errors(name, S)
    no_weight_is_near_0(weights.detach().numpy(), e_weight)
    e_scores = 2 * (D + 2) * U * D**0.5 * q * k
    e_weight += 2 * e_scores
    d_weight = E * c * v
    e_scores_back = d_weight * (e_gradient + 2 * (S + 1) * e_scores + 4 * (E + S) * U)
    d_score = 2 * d_weight
    bounds = (
        S * v * e_weight + 2 * S * U * v,
        S * k * (e_scores_back + 2 * (S + 2) * U * d_score),
        2 * L * q * (e_scores_back + 2 * (2 * L + 2) * U * d_score),
        2 * L * c * (e_weight + 2 * (2 * L) * U),
    )
    for x, y, bound in zip(got, expected, bounds, strict=True):
        assert np.abs(x - y).max() <= bound < 1e-9 * np.abs(y).max()


@pytest.mark.parametrize("alpha", [1.2, 1.5, 1.8])
def test_alpha_entmax_and_its_gradient_by_alpha(alpha, peers):
    """Beside entmax_bisect, whose last interval of τ is 2⁻⁵⁰ wide.

    The slope of a weight by τ is p^(2 - α) / (α - 1) <= 1 / (α - 1) <= 5, and it divides by the sum of S
    weights: good to 5 (S + 1) 2⁻⁵⁰ = 20 (S + 1) u. d_x multiplies p^(2 - α) by differences of two cotangents,
    and p^(2 - α) changes by (2 - α) p^(1 - α) times that of p. d_alpha divides such terms by (α - 1)².
    """
    torch, entmax = peers
    rng = np.random.default_rng(3)
    x, d_out = rng.standard_normal((2, L, S))
    leaf, leaf_alpha = (
        torch.tensor(x, requires_grad=True),
        torch.tensor(alpha, dtype=float, requires_grad=True),
    )
    out = entmax.entmax_bisect(leaf, alpha=leaf_alpha, dim=-1)
    (out * torch.tensor(d_out)).sum().backward()
    weights, saved = na.alpha_entmax_forward(x, np.array(alpha))
    d_x, d_alpha = na.alpha_entmax_backward(d_out, saved)
    error, largest = 20 * (S + 1) * U, np.abs(d_out).max()
    no_weight_is_near_0(out.detach().numpy(), error)
    slopes = error * weights[weights > 0].min() ** (1 - alpha)
    assert np.abs(weights - out.detach().numpy()).max() <= error
    assert np.abs(d_x - leaf.grad.numpy()).max() <= 4 * largest * slopes
    assert abs(d_alpha - leaf_alpha.grad.numpy()) <= 4 * L * S * largest * slopes / (alpha - 1) ** 2 < 1e-6
