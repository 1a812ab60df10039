"""Every pair beyond its listed examples: shapes, sizes, dtypes, and results that the caller overwrites."""

import numpy as np
import pytest

from numpy_attention.check.pairs.calls import as_tuple, call_of, is_float_array, like_outputs
from numpy_attention.check.pairs.examples import ELEMENTS, Example, normal
from numpy_attention.check.pairs.rules import FUNCTIONS

RULE = {rule.name: rule for rule in FUNCTIONS}
PUBLIC = [pytest.param(rule, id=rule.name.replace(" ", "_")) for rule in FUNCTIONS if not rule.step]


def additive(size=1.0, **batch):
    """Arguments of additive scores; `batch` names the batch axes of each."""
    shapes = dict(
        query=(2, 5), key=(3, 7), weight_query=(11, 5), weight_key=(11, 7), bias=(11,), vector=(11,)
    )
    arguments = [normal(*batch.get(name, ()), *shape) for name, shape in shapes.items()]
    return size * arguments[0], *arguments[1:]


def rows(*batch, size=1.0):
    return size * normal(*batch, 3, 5)


MORE = {
    "dot_scores": [
        *[((rows(2), normal(7, 5), np.asarray(normal(*shape))), {})
          for shape in ((1,), (7,), (3, 1), (2, 1, 1), (2, 3, 7))],
        *[((rows(size=size), normal(7, 5)), {}) for size in (1e-8, 1e4)],
    ],
    "general_scores": [
        ((rows(3, 1), normal(2, 7, 2), normal(2, 5, 2)), {}),
        ((rows(), normal(2, 1, 7, 2), normal(3, 5, 2)), {}),
        *[((rows(size=size), normal(7, 2), normal(5, 2)), {}) for size in (1e-8, 1e4)],
    ],
    "cosine_scores": [((rows(size=size), normal(7, 5), np.array(1.7)), {}) for size in (1e-8, 1e4)],
    "additive_scores": [
        (additive(query=(3, 1), weight_query=(2,)), {}),
        (additive(weight_key=(3,), bias=(3,), vector=(3,)), {}),
        (additive(key=(2, 1), vector=(3,)), {}),
        (additive(query=(2, 1), bias=(3,)), {}),
        *[(additive(size), {}) for size in (1e-8, 1e4)],
    ],
    "concat_scores": [
        ((rows(2, 1), normal(3, 7, 2), normal(7)), {}),
        ((rows(), normal(7, 2), normal(3, 7)), {}),
        ((rows(), normal(2, 1, 7, 2), normal(3, 7)), {}),
        *[((rows(size=size), normal(7, 2), normal(7)), {"activation": activation})
          for size in (1e-8, 30.0) for activation in ("tanh", "sigmoid", "relu", "leaky_relu", "identity")],
    ],
    "location_scores": [
        ((rows(), normal(2, 5), np.array(0.3)), {}),
        ((rows(7, 2), normal(1, 5)), {}),
    ],
    "linear": [
        ((rows(2), normal(7, 5), normal(1)), {}),
        ((rows(2), normal(7, 5), np.array(0.3)), {}),
        *[((rows(size=size), normal(7, 5), normal(7)), {}) for size in (1e-8, 1e4)],
    ],
    **{name: [((rows(2, size=size), axis), {}) for axis, size in ((1, 1e-8), (-2, 1.0), (-3, 30.0))]
       for name in ("softmax", "log_softmax", "logsumexp")},
    **{name: [((rows(size=1e-8),), {})] for name in ("tanh", "sigmoid", "relu")},
    "leaky_relu": [((rows(), slope), {}) for slope in (0, 1, 2.5, -0.5, np.float32(0.25))],
    "cross_entropy": [
        ((normal(7), 3), {"label_smoothing": 1}),
        ((rows(2), np.array([[4, 2, 0], [2, 1, 0]])), {"ignore_index": 2, "reduction": "none"}),
        *[((rows(size=size), np.array([4, 0, 2])), {"label_smoothing": 0.1}) for size in (1e-8, 30.0)],
    ],
    "binary_cross_entropy": [((np.array(0.3), t), {}) for t in (1, 0.7)],
    "binary_cross_entropy_with_logits": [
        ((np.array(0.3), 1), {}), *[((rows(size=size), abs(np.cos(rows()))), {}) for size in (1e-8, 30.0)],
    ],
    "mean_squared_error": [((np.array(0.3), np.array(0.7)), {})],
    "mean_absolute_error": [((np.array(0.3), np.array(0.7)), {})],
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_backward_is_the_derivative_of_forward_for_more_shapes_and_sizes(name):
    for n, (args, kwargs) in enumerate(MORE[name]):
        report = RULE[name].check(Example(f"{n}", args, kwargs), order=2)
        assert report.ok, f"{n}: {report}"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("rule", PUBLIC)
def test_results_have_the_dtype_of_the_arguments_and_its_digits(rule, dtype):
    call = call_of(rule.forward, rule.backward, rule.examples[0].args, rule.examples[0].kwargs)
    arrays = {name: x.astype(dtype) for name, x in call.arguments.items() if is_float_array(x)}
    if rule.name != "cross_entropy of distributions":
        arrays.pop("targets", None)  # real whatever the predictions are
    out, saved = call.outputs(**arrays)
    if isinstance(out, tuple):
        return  # weights and lse have a dtype of their own
    assert out.dtype == dtype
    for kind in (dtype, "float16", "float64"):
        gradients = flat(call.backward(np.ones(np.shape(out), kind), saved))
        assert {x.dtype for x in gradients} <= {np.dtype(dtype)}
    exact, _ = call.outputs(**{name: x.astype(complex) for name, x in arrays.items()})
    assert abs(out - exact).max() <= 16 * max(np.finfo(dtype).eps, 1e-15) * abs(exact).max()


@pytest.mark.parametrize("rule", PUBLIC)
def test_results_may_be_overwritten_and_saved_shows_no_numbers(rule):
    for name, args, kwargs, _ in rule.examples:
        out, saved = rule.forward(*args, **kwargs)
        assert "array(" not in repr(saved), name
        if isinstance(out, tuple):
            continue
        cotangent = like_outputs(out, lambda x: np.ones(x.shape))
        gradients = flat(rule.backward(cotangent, saved))
        bits = [np.asarray(x).tobytes() for x in gradients]
        for result in (out, *gradients):
            if isinstance(result, np.ndarray):
                result[...] = np.nan
        assert [np.asarray(x).tobytes() for x in flat(rule.backward(cotangent, saved))] == bits, name


def flat(gradients):
    """The arrays among the gradients, of which a bias value's are a tuple."""
    gradients = gradients.values() if isinstance(gradients, dict) else as_tuple(gradients)
    return [x for each in gradients for x in as_tuple(each) if x is not None]


ELEMENTWISE = pytest.mark.parametrize(
    "rule", [rule for rule in FUNCTIONS if ELEMENTS[0] in rule.examples], ids=lambda r: r.name
)


@ELEMENTWISE
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_elementwise_pairs_are_finite_and_right_over_the_whole_range(rule, dtype):
    """Powers of x on the way (its square, its cube) neither overflow nor underflow."""
    limits = np.finfo(dtype)
    x = np.array([limits.max, limits.max**0.5, limits.max**0.34, 1.0, limits.tiny, 0.0], dtype)
    x = np.concatenate([x, -x])
    out, saved = rule.forward(x)
    gradient = rule.backward(np.ones(x.shape, dtype), saved)
    wide, wide_saved = rule.forward(x.astype(np.float64))
    assert np.isfinite(wide).all()
    tolerance = {"rtol": 4 * limits.eps, "atol": limits.tiny}
    np.testing.assert_allclose(out, wide, **tolerance)
    np.testing.assert_allclose(gradient, rule.backward(np.ones(x.shape), wide_saved), **tolerance)


@ELEMENTWISE
def test_elementwise_pairs_at_the_ends_of_the_range(rule):
    """Finite gradients and no NaN at ±inf, nothing raised by an overflow on the way."""
    x = np.array([-np.inf, -1e4, -745.0, -1.0, 0.0, 1e-300, 709.0, 1e4, np.inf])
    with np.errstate(all="raise"):
        out, saved = rule.forward(x)
        gradient = rule.backward(np.ones(x.shape), saved)
    assert not np.isnan(out).any()
    assert np.isfinite(gradient).all()


def emptied(x, length):
    """`x` without entries along the axes of this length."""
    return x[tuple(slice(0, 0 if n == length else None) for n in x.shape)] if isinstance(x, np.ndarray) else x


@pytest.mark.parametrize("rule", PUBLIC)
def test_axes_of_length_0_give_empty_or_finite_results_or_a_sentence(rule):
    """Each length of an example in turn; a refusal (no head to divide by, no such class) is a ValueError."""
    worked = 0
    for name, args, kwargs, _ in rule.examples:
        arrays = [x for x in (*args, *kwargs.values()) if isinstance(x, np.ndarray)]
        for length in sorted({n for x in arrays for n in x.shape}):
            less = {key: emptied(x, length) for key, x in kwargs.items()}
            try:
                out, saved = rule.forward(*(emptied(x, length) for x in args), **less)
            except ValueError:
                continue
            gradients = rule.backward(like_outputs(out, lambda x: np.ones(x.shape)), saved)
            assert all(np.isfinite(x).all() for x in flat(gradients)), f"{name}, without {length}"
            worked += 1
    assert worked
