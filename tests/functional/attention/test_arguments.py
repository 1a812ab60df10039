"""Every error message of attention and attend for arguments that do not fit, before any computation."""

import re
from functools import partial

import numpy as np
import pytest

import numpy_attention as na

QUERY, KEY, VALUE = np.zeros((2, 6, 5, 3)), np.zeros((2, 2, 7, 3)), np.zeros((2, 2, 7, 11))
SCORES = np.zeros((2, 6, 5, 7))
ARGUMENTS = {
    na.attention: dict(query=QUERY, key=KEY, value=VALUE),
    na.attend: dict(scores=SCORES, value=VALUE),
}
ASK = (
    "does not say what True means: write mask=na.visible(array) if True means may attend, or "
    "mask=na.hidden(array) if True means may not"
)
FLOATS = (
    "float16, float32, float64, complex64 or complex128 is expected (write .astype(float) to differentiate "
    "with respect to whole numbers)"
)
SHAPE = "the shape of the scores (2, 6, 5, 7)"
BUILD = (
    "a Mask is expected: write mask=na.causal(), mask=na.window(left, right), mask=na.padding(lengths) or "
    "mask=na.visible(array)"
)
SWAP = " (for arrays (..., length, heads, width) write np.swapaxes(x, -2, -3))"
RATE = "which reads as a rate; write na.dropout(seed, rate), or give the array of multipliers"


def unreached(*arguments):
    raise AssertionError("a step was called before all arguments were checked")


UNREACHED = na.STEPS._make([na.Pair(unreached, unreached)] * 7)


class Unreadable:
    """Something that NumPy makes no array of."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no such luck")


BOTH = [  # for attention and attend alike: what is changed, error, sentence
    (dict(value=None), TypeError, "value is NoneType (dtype object); an array of numbers is expected"),
    (dict(value="abc"), TypeError, "value is str 'abc' (dtype <U3); an array of numbers is expected"),
    (dict(value=[[1.0], [2.0, 3.0]]), TypeError,
     "value cannot be read as an array: setting an array element*"),
    (dict(value=Unreadable()), TypeError, "value cannot be read as an array: no such luck; an array*"),
    (dict(value=np.ones((7, 2), bool)), TypeError, f"value has dtype bool; {FLOATS}"),
    (dict(value=np.ones((7, 2), np.longdouble)), TypeError,
     f"value has dtype {np.dtype(np.longdouble)}; {FLOATS}"),
    (dict(value=np.ma.masked_invalid(VALUE)), TypeError,
     "value is a masked array, whose mask NumPy would drop in silence; pass a plain array and say with mask= "
     "what is hidden"),
    (dict(value=np.zeros(7)), ValueError, "value has shape (7,); at least 2 axes are expected"),
    (dict(value=1.0), ValueError, "value has shape (); at least 2 axes are expected"),
    (dict(mask=np.ones((5, 7), bool)), TypeError, f"mask is ndarray, which {ASK}"),
    (dict(mask=np.ones((5, 7), int)), TypeError, f"mask is ndarray, which {ASK}"),
    (dict(mask=[[True]]), TypeError, f"mask is list, which {ASK}"),
    (dict(mask=True), TypeError, f"mask is True; {BUILD}"),
    (dict(mask="causal"), TypeError, f"mask is 'causal'; {BUILD}"),
    (dict(mask=na.causal), TypeError, f"mask is causal; {BUILD}"),
    (dict(mask=na.padding([1, 2, 3])), ValueError,
     "mask na.padding(<lengths (3,)>) has shape (3, 1, 5, 7), which does not broadcast to the shape of "
     "the scores, (2, 6, 5, 7)"),
    (dict(mask=na.visible(np.eye(4, dtype=bool)[:, :, None, None])), ValueError,
     "mask na.visible(<bool (4, 4, 1, 1)>) has shape (4, 4, 5, 7), which does not broadcast to the shape of "
     "the scores, (2, 6, 5, 7)"),
    (dict(mask=na.visible(np.ones((4, 1, 1, 1), bool))), ValueError,
     "mask na.visible(<bool (4, 1, 1, 1)>) has shape (4, 1, 5, 7), which does not broadcast to the shape of "
     "the scores, (2, 6, 5, 7)"),
    (dict(bias=np.zeros((5, 3))), ValueError, f"bias has shape (5, 3), which does not broadcast to {SHAPE}"),
    (dict(bias=np.zeros((3, 2, 6, 5, 7))), ValueError,
     f"bias has shape (3, 2, 6, 5, 7), which does not broadcast to {SHAPE}"),
    (dict(bias=True), TypeError, f"bias has dtype bool; {FLOATS}"),
    (dict(bias=np.ones((5, 7), bool)), TypeError, f"bias has dtype bool; {FLOATS}"),
    (dict(sinks=np.zeros((6, 1))), ValueError,
     "sinks has shape (6, 1), which does not broadcast to the batch and head axes (2, 6)"),
    (dict(sinks=np.zeros((2, 6, 5))), ValueError,
     "sinks has shape (2, 6, 5), which does not broadcast to the batch and head axes (2, 6)"),
    (dict(softcap=0), ValueError, "softcap is 0.0; a positive number is expected"),
    (dict(softcap=-1.5), ValueError, "softcap is -1.5; a positive number is expected"),
    (dict(softcap=np.nan), ValueError, "softcap is nan; a finite number is expected"),
    (dict(softcap=np.inf), ValueError, "softcap is inf; a finite number is expected"),
    (dict(softcap=True), TypeError, "softcap is True; one real number is expected"),
    (dict(softcap=1j), TypeError, "softcap is 1j; one real number is expected"),
    (dict(softcap=[1.0]), TypeError, "softcap is [1.0]; one real number is expected"),
    (dict(softcap="2"), TypeError, "softcap is str '2' (dtype <U1); one real number is expected"),
    (dict(dropout=0.1), TypeError, f"dropout is the number 0.1, {RATE}"),
    (dict(dropout=0), TypeError, f"dropout is the number 0.0, {RATE}"),
    (dict(dropout=np.array(0.5)), TypeError, f"dropout is the number 0.5, {RATE}"),
    (dict(dropout=np.ones((5, 7), bool)), TypeError,
     "dropout has dtype bool; real multipliers are expected"),
    (dict(dropout=np.ones((5, 7), complex)), TypeError,
     "dropout has dtype complex128; real multipliers are expected"),
    (dict(dropout=np.full((5, 7), np.nan)), ValueError, "dropout holds nan; finite multipliers are expected"),
    (dict(dropout=np.full((5, 7), np.inf)), ValueError, "dropout holds inf; finite multipliers are expected"),
    (dict(dropout=np.ones((7, 5))), ValueError,
     f"dropout has shape (7, 5), which does not broadcast to {SHAPE}"),
]  # fmt: skip

ATTENTION = [
    (dict(query=np.zeros((2, 6, 5, 4))), ValueError,
     "the width of query is 4, but that of key is 3; they must be equal"),
    (dict(value=np.zeros((2, 2, 5, 11))), ValueError,
     "the number of keys is 7, but that of values is 5; they must be equal"),
    (dict(value=np.zeros((2, 3, 7, 11))), ValueError,
     "the number of key heads is 2, but that of value heads is 3; they must be equal"),
    (dict(query=np.zeros((2, 5, 5, 3))), ValueError,
     "query has 5 heads (axis -3) and key has 2; 2 does not divide 5" + SWAP),
    (dict(key=KEY[:, :0], value=VALUE[:, :0]), ValueError,
     "query has 6 heads (axis -3) and key has 0; 0 does not divide 6" + SWAP),
    (dict(query=np.zeros((3, 6, 5, 3))), ValueError,
     "the batch axes do not broadcast together: query (3,), key (2,), value (2,)"),
    (dict(query=np.zeros((5, 3))), ValueError,
     "all inputs have two axes (one head), or none has: query (5, 3), key (2, 2, 7, 3), value (2, 2, 7, 11); "
     "give heads an axis of their own"),
    (dict(value=np.zeros((7, 11))), ValueError,
     "all inputs have two axes (one head), or none has: query (2, 6, 5, 3), key (2, 2, 7, 3), value (7, 11); "
     "give heads an axis of their own"),
    (dict(query=np.zeros(3)), ValueError, "query has shape (3,); at least 2 axes are expected"),
    (dict(key=np.ones((2, 2, 7, 3), "U1")), TypeError,
     "key is ndarray (dtype <U1); an array of numbers is expected"),
    (dict(scale=np.nan), ValueError, "scale is nan; a finite number is expected"),
    (dict(scale=-np.inf), ValueError, "scale is -inf; a finite number is expected"),
    (dict(scale=np.array([[np.inf]])), ValueError, "scale is inf; a finite number is expected"),
    (dict(scale=np.ones((5, 3))), ValueError, f"scale has shape (5, 3), which does not broadcast to {SHAPE}"),
    (dict(scale=True), TypeError, f"scale has dtype bool; {FLOATS}"),
    (dict(scale="1"), TypeError, "scale is str '1' (dtype <U1); an array of numbers is expected"),
]  # fmt: skip

ATTEND = [
    (dict(scores=np.zeros((2, 6, 5, 8))), ValueError,
     "the last axis of scores is 8, but the number of values is 7; they must be equal"),
    (dict(scores=np.zeros((2, 5, 5, 7))), ValueError,
     "scores has 5 heads (axis -3) and value has 2; 2 does not divide 5" + SWAP),
    (dict(scores=np.zeros((3, 6, 5, 7))), ValueError,
     "the batch axes do not broadcast together: scores (3,), value (2,)"),
    (dict(scores=np.zeros((5, 7))), ValueError,
     "all inputs have two axes (one head), or none has: scores (5, 7), value (2, 2, 7, 11); give heads an "
     "axis of their own"),
    (dict(scores=np.zeros(7)), ValueError, "scores has shape (7,); at least 2 axes are expected"),
]  # fmt: skip

ROWS = [
    *[(function, *row) for row in BOTH for function in ARGUMENTS],
    *[(na.attention, *row) for row in ATTENTION],
    *[(na.attend, *row) for row in ATTEND],
]


def refused(error, sentence):
    """The whole sentence, or what stands before a star."""
    pattern = re.escape(sentence.removesuffix("*")) + ("" if sentence.endswith("*") else "$")
    return pytest.raises(error, match=f"^{pattern}")


@pytest.mark.parametrize(
    "function, changed, error, sentence", ROWS, ids=[f"{row[0].__name__}: {row[3]}" for row in ROWS]
)
def test_arguments_that_do_not_fit_are_refused_in_one_sentence(function, changed, error, sentence):
    """And before any work: no step is reached."""
    arguments = ARGUMENTS[function] | changed
    with refused(error, sentence):
        function(**arguments)
    if function is na.attention:
        with pytest.raises(error, match=re.escape(sentence.split()[0])):
            na.attention_with(UNREACHED).forward(**arguments)


@pytest.mark.parametrize("function", ["attention_forward", "attend_forward"])
def test_the_forward_refuses_whole_numbers_that_the_plain_form_takes(function):
    x = np.ones((3, 3), int)
    arguments = [x] * (3 if function == "attention_forward" else 2)
    name = "query" if function == "attention_forward" else "scores"
    with refused(TypeError, f"{name} has dtype int64; {FLOATS}"):
        getattr(na, function)(*arguments)
    assert getattr(na, function.removesuffix("_forward"))(*arguments).dtype == np.float64


def test_a_scale_array_may_be_infinite_where_it_is_hidden():
    scale = np.where(np.arange(7) < 5, 1.0, np.nan)
    assert np.isfinite(na.attention(QUERY, KEY, VALUE, scale=scale, mask=na.padding(5))).all()


# -------------------------------------------------------------------------------------- cotangents

COTANGENTS = [
    (dict(d_out=np.zeros((5, 11))), ValueError,
     "d_out has shape (5, 11); that of the output, (2, 6, 5, 11), is expected"),
    (dict(d_out=1.0), ValueError, "d_out has shape (); that of the output, (2, 6, 5, 11), is expected"),
    (dict(d_out=None), TypeError, "d_out is NoneType (dtype object); an array of numbers is expected"),
    (dict(d_out=np.zeros((2, 6, 5, 11), int)), TypeError, f"d_out has dtype int64; {FLOATS}"),
    (dict(d_weights=np.zeros((5, 7))), ValueError, "d_weights has shape (5, 7); *"),
    (dict(d_weights="x"), TypeError, "d_weights is str 'x' (dtype <U1); an array of numbers is expected"),
    (dict(d_lse=np.zeros((2, 6, 5, 1))), ValueError, "d_lse has shape (2, 6, 5, 1); *"),
    (dict(d_lse=np.zeros((2, 6, 5), bool)), TypeError, f"d_lse has dtype bool; {FLOATS}"),
]  # fmt: skip


@pytest.mark.parametrize("changed, error, sentence", COTANGENTS, ids=[row[2] for row in COTANGENTS])
@pytest.mark.parametrize("function", ["attention", "attend"])
def test_cotangents_that_do_not_fit_are_refused(function, changed, error, sentence):
    arguments = ARGUMENTS[getattr(na, function)]
    _, saved = getattr(na, f"{function}_forward")(**arguments)
    backward = partial(getattr(na, f"{function}_backward"), saved=saved)
    with refused(error, sentence):
        backward(**dict(d_out=np.zeros((2, 6, 5, 11))) | changed)


def test_errors_of_d_weights_and_d_lse_name_the_expected_shape():
    _, saved = na.attention_forward(QUERY, KEY, VALUE)
    d_out = np.zeros((2, 6, 5, 11))
    with pytest.raises(ValueError, match=re.escape("(2, 6, 5, 7), is expected")):
        na.attention_backward(d_out, saved, d_weights=np.zeros(7))
    with pytest.raises(ValueError, match=re.escape("(2, 6, 5), is expected")):
        na.attention_backward(d_out, saved, d_lse=np.zeros(7))


def test_unknown_argument_names_are_refused():
    with pytest.raises(TypeError, match="is_causal"):
        na.attention(QUERY, KEY, VALUE, is_causal=True)
    with pytest.raises(TypeError, match="scale"):
        na.attend(SCORES, VALUE, scale=1.0)
    with pytest.raises(TypeError, match="positional"):
        na.attention(QUERY, KEY, VALUE, na.padding(5))
