"""The library gives the numbers of `core.py`, the textbook forms, wherever those are well-conditioned.

The last tests show where they are not, and that the library keeps its digits there.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpy_attention as na
from numpy_attention import core

EPS = np.finfo(np.float64).eps
OPTIONS = ("scale", "softcap", "bias", "visible", "sinks", "dropout")


def assert_close(name, library, textbook, size):
    """Both evaluate the same sums of at most `size` products of numbers of order 1 to 10, in another order.

    A sum of n terms of magnitude m has an error of at most n u Σ|terms| <= n² u m; the bound below takes
    n = size, m = the largest entry but at least 1, and 8 for the seven steps and the comparison itself.
    """
    library, textbook = np.asarray(library), np.asarray(textbook)
    assert library.shape == textbook.shape, name
    bound = 8 * size * EPS * max(1.0, float(np.abs(textbook).max(initial=0)))
    np.testing.assert_allclose(library, textbook, rtol=0, atol=bound, err_msg=name)


@given(
    seed=st.integers(0, 2**32 - 1),
    batch=st.sampled_from([(), (2,), (2, 1)]),
    heads=st.sampled_from([None, (1, 1), (6, 3), (6, 1), (5, 5)]),
    L=st.sampled_from([1, 3, 7]),
    S=st.sampled_from([1, 2, 5, 11]),
    used=st.sets(st.sampled_from(OPTIONS)),
)
def test_attention_with_every_combination_of_options(seed, batch, heads, L, S, used):
    rng = np.random.default_rng(seed)
    D, E = 3, 2
    H, G = ((), ()) if heads is None else ((*batch, heads[0]), (*batch, heads[1]))
    query, key, value = (rng.normal(size=shape) for shape in ((*H, L, D), (*G, S, D), (*G, S, E)))
    options = {
        "scale": 0.7,
        "softcap": 2.0,
        "bias": rng.normal(size=(L, S) if seed % 2 else (1, S)),
        "visible": rng.random((*H, L, S)) < 0.7,
        "sinks": rng.normal(size=H[-1:]),
        "dropout": na.dropout_multipliers(seed, 0.3, (*H, L, S)),
    }
    options = {name: x for name, x in options.items() if name in used}
    out, saved = core.attention_forward(query, key, value, **options)
    d_out = rng.normal(size=out.shape)
    gradients = core.attention_backward(d_out, saved)

    mask = na.visible(options.pop("visible")) if "visible" in options else None
    given_scale = {"scale": 1 / np.sqrt(D)} | options
    library_out, library_saved = na.attention_forward(query, key, value, mask=mask, **given_scale)
    library = na.attention_backward(d_out, library_saved)
    size = 12 * (L + S) * (D + E)  # at most 6 query heads share a key head, and 2 batch entries a bias
    assert_close("out", library_out, out, size)
    names = ("d_query", "d_key", "d_value", "d_bias", "d_scale", "d_sinks")
    for name, right in zip(names, gradients, strict=True):
        if right is None:
            assert getattr(library, name) is None
        else:
            assert_close(name, getattr(library, name), right, 12 * size)


EDGES = {
    "batch axes of the key alone": (((4, 3, 6), (2, 2, 5, 6), (2, 5, 7)), {}),
    "no keys": (((4, 3, 6), (2, 0, 6), (2, 0, 7)), {}),
    "one sink of -inf": (((4, 3, 6), (2, 5, 6), (2, 5, 7)), {"sinks": np.array([-np.inf, 0.0, 1.0, 2.0])}),
    "a scale of 0": (((4, 3, 6), (2, 5, 6), (2, 5, 7)), {"scale": 0.0}),
    "a scale for each head": (((4, 3, 6), (2, 5, 6), (2, 5, 7)), {"scale": np.arange(4.0)[:, None, None]}),
}


@pytest.mark.parametrize("shapes, options", EDGES.values(), ids=EDGES)
def test_attention_at_its_edges(shapes, options):
    rng = np.random.default_rng(5)
    query, key, value = (rng.normal(size=shape) for shape in shapes)
    out, saved = core.attention_forward(query, key, value, **options)
    d_out = rng.normal(size=out.shape)
    library_out, library_saved = na.attention_forward(query, key, value, **{"scale": 6**-0.5, **options})
    assert_close("out", library_out, out, 100)
    library = na.attention_backward(d_out, library_saved)
    for name, right in zip(library._fields, core.attention_backward(d_out, saved), strict=True):
        assert (right is None) == (getattr(library, name) is None), name
        if right is not None:
            assert_close(name, getattr(library, name), right, 1000)


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1, 2, 7, 31]))
def test_softmax(seed, size):
    rng = np.random.default_rng(seed)
    x, d_out = rng.normal(size=(3, size)), rng.normal(size=(3, size))
    weights, saved = core.softmax_forward(x)
    library, library_saved = na.softmax_forward(x)
    assert_close("weights", library, weights, size)
    assert_close("d_x", na.softmax_backward(d_out, library_saved), core.softmax_backward(d_out, saved), size)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
@given(seed=st.integers(0, 2**32 - 1), batch=st.sampled_from([(), (2, 3)]))
def test_concat_scores(activation, seed, batch):
    rng = np.random.default_rng(seed)
    query, key, weight = rng.normal(size=(*batch, 5, 3)), rng.normal(size=(*batch, 7, 2)), rng.normal(size=5)
    scores, saved = core.concat_scores_forward(query, key, weight, activation)
    library, library_saved = na.concat_scores_forward(query, key, weight, activation=activation)
    assert_close("scores", library, scores, 5)
    d_scores = rng.normal(size=scores.shape)
    for name, ours, right in zip(
        ("d_query", "d_key", "d_weight"),
        na.concat_scores_backward(d_scores, library_saved),
        core.concat_scores_backward(d_scores, saved),
        strict=True,
    ):
        assert_close(name, ours, right, 6 * 5 * 7)


@given(seed=st.integers(0, 2**32 - 1), batch=st.sampled_from([(), (2, 3)]))
def test_additive_scores(seed, batch):
    rng = np.random.default_rng(seed)
    shapes = ((*batch, 5, 3), (*batch, 7, 2), (11, 3), (11, 2), (11,), (11,))
    arguments = [rng.normal(size=shape) for shape in shapes]
    scores, saved = core.additive_scores_forward(*arguments)
    library, library_saved = na.additive_scores_forward(*arguments)
    assert_close("scores", library, scores, 11)
    d_scores = rng.normal(size=scores.shape)
    ours = na.additive_scores_backward(d_scores, library_saved)
    for name, mine, right in zip(
        ours._fields, ours, core.additive_scores_backward(d_scores, saved), strict=True
    ):
        assert_close(name, mine, right, 6 * 5 * 7 * 11)


@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1, 2, 31]))
def test_binary_cross_entropy_with_logits(seed, size):
    rng = np.random.default_rng(seed)
    logits, targets = 10 * rng.normal(size=size), rng.random(size)
    loss, saved = core.binary_cross_entropy_with_logits_forward(logits, targets)
    library, library_saved = na.binary_cross_entropy_with_logits_forward(logits, targets)
    assert_close("loss", library, loss, size)
    d_logits = core.binary_cross_entropy_with_logits_backward(0.7, saved)
    ours = na.binary_cross_entropy_with_logits_backward(0.7, library_saved)
    assert_close("d_logits", ours, d_logits, 1)


@given(seed=st.integers(0, 2**32 - 1), lr=st.sampled_from([1e-3, 0.1]), eps=st.sampled_from([1e-8, 1e-3]))
def test_ten_steps_of_adam(seed, lr, eps):
    """Each step rounds about ten times; ten steps of size lr move a parameter by at most 10 lr."""
    rng = np.random.default_rng(seed)
    param = rng.normal(size=7)
    first = second = np.zeros(7)
    params = {"w": param}
    state = na.adam_init(params)
    for t in range(1, 11):
        grad = rng.normal(size=7)
        param, first, second = core.adam_step(param, grad, first, second, t, lr=lr, eps=eps)
        params, state = na.adam_step(params, {"w": grad}, state, lr=lr, eps=eps)
        assert_close("param", params["w"], param, t)
    assert_close("first", state["first_moment"]["w"], first, 10)
    assert_close("second", state["second_moment"]["w"], second, 10)


# --------------------------------------------------------------- where the textbook forms are not enough


def test_dominant_weight_costs_the_textbook_its_digits():
    """d - Σ weights d cancels where one weight is 1 - 1e-16: the library subtracts the peak's d first."""
    x, d_out = np.array([36.0, 0.0]), np.array([1.0, 0.3])
    small = np.exp(-36.0)
    right = small * (d_out[0] - d_out[1]) / (1 + small) ** 2
    _, saved = na.softmax_forward(x)
    library = na.softmax_backward(d_out, saved)
    textbook = core.softmax_backward(d_out, core.softmax_forward(x)[1])
    np.testing.assert_allclose(library, [right, -right], rtol=8 * EPS)
    assert abs(textbook[0] - right) > 0.01 * right


def test_masked_nan_reaches_the_textbook_and_not_the_library():
    """0 * NaN is NaN, and a weight of 0 multiplies what the mask hides."""
    query, key, value = np.ones((1, 2)), np.ones((2, 2)), np.array([[3.0], [np.nan]])
    visible = np.array([[True, False]])
    textbook, _ = core.attention_forward(query, key, value, visible=visible)
    assert np.isnan(textbook).all()
    assert na.attention(query, key, value, mask=na.visible(visible)).tolist() == [[3.0]]


def test_exponential_out_of_range_warns_in_the_textbook():
    """exp(-inner) of the textbook sigmoid overflows at inner = -1000; the library never forms it."""
    query, key, weight = np.array([[1000.0]]), np.array([[0.0]]), np.array([-1.0, 0.0])
    with pytest.warns(RuntimeWarning, match="overflow"):
        core.concat_scores_forward(query, key, weight, "sigmoid")
    with np.errstate(all="raise"):
        assert na.concat_scores(query, key, weight, activation="sigmoid") == 0.0


def test_very_negative_scores_are_shifted_by_their_own_maximum():
    """A maximum that started at 0 would leave exp(-1000) = 0 for every entry."""
    weights, _ = core.softmax_forward(np.array([-1000.0, -1000.0 - np.log(3.0)]))
    np.testing.assert_allclose(weights, [0.75, 0.25], rtol=1e-13)  # log 3 is rounded beside 1000


def test_fully_masked_row_gives_zero_in_both():
    query, key, value = np.ones((1, 2)), np.ones((3, 2)), np.ones((3, 5))
    out, saved = core.attention_forward(query, key, value, visible=np.zeros((1, 3), bool))
    gradients = core.attention_backward(np.ones_like(out), saved)
    assert out.tolist() == [[0.0] * 5]
    assert all(not np.any(gradient) for gradient in gradients if gradient is not None)


def test_core_imports_numpy_and_nothing_else():
    tree = ast.parse(Path(core.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]
