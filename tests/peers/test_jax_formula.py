"""Attention beside its formula in jax.numpy, gradients by jax.grad, all in float64.

jax.nn.dot_product_attention is not used: its softmax always runs in float32.
"""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.reference.oracle import Results
from tests.support.cases import Case
from tests.support.formula import formula
from tests.support.judges import assert_within

B, H, G, L, S, D, E = 2, 6, 3, 5, 7, 3, 2
NAMES = ("query", "key", "value", "bias", "scale", "sinks")


def arrays(seed, size=1.0):
    """query, key, value and all cotangents, always of one shape, because jax compiles for each shape."""
    rng = np.random.default_rng(seed)
    return dict(
        query=size * rng.standard_normal((B, H, L, D)),
        key=size * rng.standard_normal((1, G, S, D)),
        value=rng.standard_normal((B, G, S, E)),
        d_out=rng.standard_normal((B, H, L, E)),
        d_weights=rng.standard_normal((B, H, L, S)),
        d_lse=rng.standard_normal((B, H, L)),
        seed=seed,
    )


def cases():
    """Each option alone, all together, and peaked scores."""
    rng = np.random.default_rng(0)
    causal = np.arange(S) <= np.arange(L)[:, None] + S - L
    hiding = np.where(rng.random((H, 1, S)) < 0.3, -np.inf, rng.standard_normal((H, 1, S)))
    options = {
        "nothing else": {},
        "a mask": dict(mask=na.causal("bottom_right"), pairs=np.broadcast_to(causal, (B, H, L, S))),
        "fully masked rows": dict(
            mask=na.padding([0, 4]),
            pairs=np.broadcast_to(np.arange(S) < np.array([0, 4])[:, None, None, None], (B, H, L, S)),
        ),
        "a bias that hides": dict(bias=hiding),
        "a scale for each head": dict(scale=rng.uniform(0.5, 1.5, (H, 1, 1))),
        "softcap": dict(softcap=1.5),
        "sinks": dict(sinks=rng.standard_normal((B, H))),
        "dropout": dict(dropout=(rng.random((B, H, L, S)) < 0.6) / 0.6),
    }
    together = {name: x for chosen in options.values() for name, x in chosen.items()}
    options["all of it"] = together | options["a mask"]
    options["fully masked rows with sinks"] = options["fully masked rows"] | options["sinks"]
    yield "peaked", Case(**arrays(1, size=6.0))
    for name, chosen in options.items():
        yield name, Case(**arrays(2), **chosen)


CASES = dict(cases())


def by_formula(jax, case):
    """All results, by jax's operations and jax.grad."""
    jnp = jax.numpy
    visible, multipliers = jnp.asarray(case.visible), case.multipliers
    given = {name: getattr(case, name) for name in NAMES if getattr(case, name) is not None}

    def numbers(given):
        query, key, value = (given[name] for name in NAMES[:3])
        if case.group > 1:
            key, value = (jnp.repeat(x, case.group, axis=-3) for x in (key, value))
        scores = given.get("scale", case.scale_used) * jnp.einsum("...ld,...sd->...ls", query, key)
        if case.softcap is not None:
            scores = case.softcap * jnp.tanh(scores / case.softcap)
        if "bias" in given:
            scores = scores + jnp.where(jnp.isneginf(given["bias"]), 0, given["bias"])
        columns = jnp.where(visible, scores, -jnp.inf)
        if "sinks" in given:
            sinks = jnp.broadcast_to(given["sinks"][..., None, None], (*case.shape[:-1], 1))
            columns = jnp.concatenate([columns, sinks], axis=-1)
        attends = jnp.isfinite(columns).any(axis=-1)
        columns = jnp.where(attends[..., None], columns, 0)
        weights = jnp.where(visible, jax.nn.softmax(columns, axis=-1)[..., : case.shape[-1]], 0)
        lse = jnp.where(attends, jax.nn.logsumexp(columns, axis=-1), -jnp.inf)
        thinned = weights if multipliers is None else weights * multipliers
        return jnp.einsum("...ls,...se->...le", thinned, value), weights, lse

    def loss(given):
        out, weights, lse = numbers(given)
        lse = jnp.where(jnp.isfinite(lse), lse, 0)
        return (case.d_out * out).sum() + (case.d_weights * weights).sum() + (case.d_lse * lse).sum()

    given = {name: jnp.asarray(x) for name, x in given.items()}
    gradients = jax.grad(loss)(given)
    assert {x.dtype for x in gradients.values()} == {np.dtype("float64")}
    results = [*numbers(given), *(gradients.get(name) for name in NAMES)]
    return Results(*(None if x is None else np.asarray(x) for x in results))


@pytest.fixture
def jax(peer):
    """jax with float64 enabled during the test."""
    jax = peer("jax")
    with jax.enable_x64(True):
        yield jax


@pytest.mark.parametrize("name", CASES)
def test_results_match_the_formula_in_jax(name, jax):
    case = CASES[name]
    bounds = formula(case)[1], formula(case, textbook=True)[1]
    expected = by_formula(jax, case)
    assert_within(case.run(), expected, *bounds)
    with pytest.raises(AssertionError):
        assert_within(case.but(scale=case.scale_used * (1 + 1e-9)).run(), expected, *bounds)
