"""Sigmoid weights, sparsemax and entmax in the fifth step."""

import numpy as np
import pytest

import numpy_attention as na

RNG = np.random.default_rng(0)
PAIRS = {"sigmoid": na.SIGMOID, "sparsemax": na.SPARSEMAX, "entmax": na.ENTMAX}
SIMPLEX = ["sparsemax", "entmax"]


def weights(name: str, scores: object, **options: object) -> np.ndarray:
    scores = np.atleast_2d(np.asarray(scores, dtype=float))
    value = np.zeros((scores.shape[-1], 1))
    return na.attend_forward(scores, value, steps=na.STEPS._replace(softmax=PAIRS[name]), **options)[
        1
    ].weights


def test_by_hand() -> None:
    assert weights("sparsemax", [0.0, 0.5]).tolist() == [[0.25, 0.75]]
    assert weights("sparsemax", [0.0, 1.0, -5.0]).tolist() == [[0, 1, 0]]
    assert weights("sparsemax", [3.0, 3.0]).tolist() == [[0.5, 0.5]]
    np.testing.assert_allclose(weights("entmax", [3.0, 3.0]), [[0.5, 0.5]], rtol=1e-15)
    # entmax of (0, x): p = (x/2 + √(2 - x²/4))² / 4 for x <= 2
    np.testing.assert_allclose(
        weights("entmax", [0.0, 1.0])[0, 1], (0.5 + np.sqrt(1.75)) ** 2 / 4, rtol=1e-15
    )
    assert weights("entmax", [0.0, 2.0]).tolist() == [[0, 1]]
    np.testing.assert_allclose(weights("sigmoid", [0.0, np.log(3)]), [[0.5, 0.75]], rtol=1e-15)


@pytest.mark.parametrize("name", SIMPLEX)
@pytest.mark.parametrize("size", [1e-8, 1.0, 30.0, 1e4])
def test_the_projection_solves_its_problem(name: str, size: float) -> None:
    """p maximises <p, x> + H(p): x - H'(p) is one number on the support and no larger elsewhere."""
    x = size * RNG.standard_normal((50, 11))
    p = weights(name, x)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=0, atol=1e-11 * max(size, 1) / 1e4 + 1e-14)
    assert (p >= 0).all()
    level = x - (p if name == "sparsemax" else 2 * np.sqrt(p))
    tau = np.where(p > 0, level, -np.inf).max(axis=-1, keepdims=True)
    tolerance = 1e-13 * max(size, 1)
    assert (abs(level - tau)[p > 0] <= tolerance).all()
    assert (level <= tau + tolerance).all()


@pytest.mark.parametrize("name", PAIRS)
def test_hidden_keys_fully_masked_rows_and_sinks(name: str) -> None:
    scores = np.array([[0.3, np.nan, 0.1], [np.nan, np.nan, np.nan]])
    mask = na.visible([[True, False, True], [False, False, False]])
    hidden = weights(name, scores, mask=mask)
    assert hidden[:, 1].tolist() == [0, 0]
    assert hidden[1].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(hidden[0, [0, 2]], weights(name, [0.3, 0.1])[0])
    sunk = weights(name, [0.3, 0.1], sinks=0.2)
    np.testing.assert_allclose(sunk, weights(name, [0.3, 0.1, 0.2])[:, :2], rtol=1e-15)


@pytest.mark.parametrize("name", PAIRS)
def test_every_option_by_the_complex_step(name: str) -> None:
    forward, backward = na.attention_with(na.STEPS._replace(softmax=PAIRS[name]))
    query, key, value = (RNG.standard_normal((2, h, n, 3)) for h, n in ((6, 5), (3, 7), (3, 7)))
    options = {
        "mask": na.causal("bottom_right") & na.padding([0, 6]),
        "bias": RNG.standard_normal((6, 1, 7)),
        "scale": RNG.uniform(0.5, 1, (6, 1, 1)),
        "softcap": 2.0,
        "sinks": RNG.standard_normal(6),
        "dropout": na.dropout(1, 0.3),
    }
    report = na.check_vjp(forward, backward, (query, key, value), options, order=2)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", PAIRS)
def test_lse_stays_that_of_softmax(name: str) -> None:
    scores = RNG.standard_normal((5, 7))
    steps = na.STEPS._replace(softmax=PAIRS[name])
    _, saved = na.attend_forward(scores, np.ones((7, 2)), steps=steps)
    np.testing.assert_allclose(saved.lse, na.logsumexp(scores), rtol=1e-14)
    grads = na.attend_backward(np.zeros((5, 2)), saved, d_lse=np.ones(5))
    np.testing.assert_allclose(grads.d_scores, na.softmax(scores), rtol=1e-14)


@pytest.mark.parametrize("name", PAIRS)
def test_no_key_and_one_key(name: str) -> None:
    assert weights(name, np.zeros((3, 0))).shape == (3, 0)
    one = weights(name, [[5.0]])
    assert one == (na.sigmoid(5.0) if name == "sigmoid" else 1)


@pytest.mark.parametrize("name", SIMPLEX)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_visible_score_that_is_not_finite_spoils_its_row_only(name: str, bad: float) -> None:
    scores = np.array([[bad, 1.0], [0.0, 1.0]])
    result = weights(name, scores)
    assert np.isnan(result[0]).all()
    np.testing.assert_array_equal(result[1:], weights(name, scores[1:]))


def test_an_infinite_score_of_the_sigmoid_changes_its_own_key_only() -> None:
    steps = na.STEPS._replace(softmax=na.SIGMOID)
    _, saved = na.attend_forward(np.array([[np.inf, 0.0, 0.0]]), np.ones((3, 1)), sinks=0.0, steps=steps)
    assert saved.weights.tolist() == [[1, 0.5, 0.5]]
    assert na.attend_backward(np.ones((1, 1)), saved).d_scores.tolist() == [[0, 0.25, 0.25]]


@pytest.mark.parametrize("name", PAIRS)
def test_no_key_but_a_sink(name: str) -> None:
    forward, backward = na.attention_with(na.STEPS._replace(softmax=PAIRS[name]))
    out, saved = forward(np.ones((3, 2)), np.zeros((0, 2)), np.zeros((0, 5)), sinks=np.array(0.5))
    grads = backward(out, saved, d_lse=np.ones(3))
    assert grads.d_sinks == 3
    assert not out.any()
