"""Parts of the keys: merged they are attention over all keys, and their gradients add up to its own."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.functional.fast import part as module
from numpy_attention.functional.fast.part import attend_to_part, gradients_of_part

H, L, S, D, E = 2, 7, 11, 5, 3
CUT = 4
BIAS = np.random.default_rng(5).standard_normal((H, L, S))
PROBLEMS = {
    "plain": (np.float64, {}),
    "float32": (np.float32, {}),
    "float16": (np.float16, {}),
    "causal": (np.float64, {"mask": na.causal("top_left")}),
    "bias": (np.float64, {"bias": BIAS}),
    "a number as scale": (np.float64, {"scale": 0.3}),
    "a scale for each key": (np.float64, {"scale": np.linspace(0.1, 2, S)}),
    "softcap": (np.float32, {"softcap": 2.0}),
    "complex": (np.complex128, {}),
    "one row masked by -1e9": (np.float32, {"bias": np.where(np.arange(L) == 3, -1e9, 0)[:, None]}),
}  # fmt: skip


def problem(name):
    dtype, options = PROBLEMS[name]
    rng = np.random.default_rng(2)
    shapes = (H, L, D), (H, S, D), (H, S, E), (H, L, E), (H, L)
    arrays = [rng.standard_normal(shape) for shape in shapes]
    if dtype is np.complex128:
        arrays = [x + 1j * rng.standard_normal(x.shape) for x in arrays]
    *arrays, d_lse = arrays
    arrays[0][:, 3] = 0  # float32 has no digits left for a score beside -1e9
    return [x.astype(dtype) for x in arrays], d_lse.astype(dtype), options


def options_of(options, columns):
    """The options of a slice of the keys."""
    own = dict(options)
    for name in ("bias", "scale"):
        if np.ndim(own.get(name)) and np.shape(own[name])[-1] == S:
            own[name] = own[name][..., columns]
    if "mask" in own:
        own["mask"] = na.causal(offset=-columns.start)
    return own


def by_parts(query, key, value, d_out, d_lse, options):
    """out, lse and the gradients of every part, with the columns of the part."""
    slices = slice(0, CUT), slice(CUT, S)
    parts = [(query, key[:, own], value[:, own], options_of(options, own)) for own in slices]
    out, lse = na.attention_merge(*(attend_to_part(*arrays, **own) for *arrays, own in parts))
    less = (d_out.astype(lse.dtype) * out).sum(axis=-1) - d_lse
    gradients = [gradients_of_part(d_out, less, lse, *arrays, **own) for *arrays, own in parts]
    return out, lse, gradients


@pytest.mark.parametrize("name", PROBLEMS)
def test_parts_add_up_to_the_whole(name):
    (query, key, value, d_out), d_lse, options = problem(name)
    out, saved = na.attention_forward(query, key, value, **options)
    whole = na.attention_backward(d_out, saved, d_lse=d_lse)
    merged, lse, (first, second) = by_parts(query, key, value, d_out, d_lse, options)
    eps = np.finfo(np.float32 if query.dtype == np.float16 else query.dtype).eps
    pairs = {
        "out": (merged, out),
        "d_query": (first.d_query + second.d_query, whole.d_query),
        "d_key": (np.concatenate([first.d_key, second.d_key], axis=-2), whole.d_key),
        "d_value": (np.concatenate([first.d_value, second.d_value], axis=-2), whole.d_value),
    }
    if np.ndim(options.get("scale")) == 0 and "scale" in options:
        pairs["d_scale"] = (first.d_scale + second.d_scale, whole.d_scale)
    elif "scale" in options:
        pairs["d_scale"] = (np.concatenate([first.d_scale, second.d_scale]), whole.d_scale)
    if name == "bias":
        pairs["d_bias"] = (np.concatenate([first.d_bias, second.d_bias], axis=-1), whole.d_bias)
    for what, (got, expected) in pairs.items():
        size = max(1, np.abs(expected).max())
        last = np.finfo(np.float16).eps * size if query.dtype == np.float16 else 0  # `whole` is rounded
        assert np.abs(got - expected).max() <= 64 * eps * size + last, what


def test_parts_are_computed_in_float32_and_stay_so():
    (query, key, value, d_out), d_lse, _ = problem("float16")
    out, lse, (first, _) = by_parts(query, key, value, d_out, d_lse, {})
    assert (out.dtype, lse.dtype, first.d_query.dtype) == (np.float32, np.float64, np.float32)


def test_the_kernels_take_ordinary_numbers(monkeypatch):
    """Five products, not the seven of a merge."""
    monkeypatch.setattr(module, "run_backward", None)
    (query, key, value, d_out), d_lse, _ = problem("plain")
    by_parts(query, key, value, d_out, d_lse, {})


@pytest.mark.parametrize("factor", [1e3, 1e8, 1e9, 1e150])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_weights_of_huge_scores_stay_0_or_1(dtype, factor):
    """exp(scores - lse) would be off by any factor there: lse is rounded."""
    (query, key, value, d_out), d_lse, _ = problem("plain")
    factor = min(factor, 1e18) if dtype is np.float32 else factor
    query, key, value, d_out = (x.astype(dtype) for x in (query * factor, key * factor, value, d_out))
    _, _, (first, second) = by_parts(query, key, value, d_out, d_lse, {})
    weights = na.attention_forward(query, key, value)[1].weights
    expected = weights.swapaxes(-1, -2) @ d_out
    got = np.concatenate([first.d_value, second.d_value], axis=-2)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5)


def test_nan_stays_where_it_is():
    (query, key, value, d_out), d_lse, _ = problem("plain")
    key[0, 9] = np.nan
    _, saved = na.attention_forward(query, key, value)
    whole = na.attention_backward(d_out, saved, d_lse=d_lse)
    _, _, (first, second) = by_parts(query, key, value, d_out, d_lse, {})
    got = first.d_query + second.d_query
    assert (np.isnan(got) == np.isnan(whole.d_query)).all()
    assert np.isfinite(got[1]).all()


def test_a_part_that_nobody_sees_is_empty():
    (query, key, value, d_out), d_lse, _ = problem("plain")
    hidden = na.hidden(np.ones((L, S), bool))
    out, lse = attend_to_part(query, key, value, mask=hidden)
    assert not out.any()
    assert (lse == -np.inf).all()
    gradients = gradients_of_part(d_out, -d_lse, lse, query, key, value, mask=hidden)
    assert not any(gradient.any() for gradient in gradients[:3])


def test_hidden_nan_has_no_influence():
    (query, key, value, d_out), d_lse, _ = problem("plain")
    mask = na.visible(np.arange(S) != 9)
    spoiled = key.copy()
    spoiled[:, 9] = np.nan
    out, lse = attend_to_part(query, key, value, mask=mask)
    less = (d_out * out).sum(axis=-1) - d_lse
    right, got = (gradients_of_part(d_out, less, lse, query, x, value, mask=mask) for x in (key, spoiled))
    for a, b in zip(right[:3], got[:3], strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-14)
