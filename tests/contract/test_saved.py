"""What forward saved knows its way back: its own backward and steps, also pickled and copied."""

import copy
import inspect
import pickle
from functools import cache, partial

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.faults import FAULTS
from numpy_attention.check.pairs.calls import like_outputs
from numpy_attention.check.pairs.rules import FUNCTIONS
from numpy_attention.functional.attention.attention import seven_steps_back
from numpy_attention.functional.tiled.online_softmax import ONLINE

RNG = np.random.default_rng(0)
B, H, G, L, S, D, E = 2, 6, 3, 5, 7, 3, 2
QUERY, KEY, VALUE = (RNG.standard_normal((B, *shape)) for shape in ((H, L, D), (G, S, D), (G, S, E)))
SCORES = RNG.standard_normal((B, H, L, S))
D_OUT = RNG.standard_normal((B, H, L, E))
OPTIONS = {
    "mask": na.causal("bottom_right") & na.padding([6, 7]),
    "bias": RNG.standard_normal((H, 1, S)),
    "softcap": 2.0,
    "sinks": RNG.standard_normal(H),
    "dropout": na.dropout(1, 0.3),
}


def halving_forward(weights, multipliers=None, visible=None):
    return weights / 2, None


def halving_backward(d_thinned, saved):
    return d_thinned / 2


HALVING = na.STEPS._replace(dropout=na.Pair(halving_forward, halving_backward))
NORMALISERS = {"sigmoid": na.SIGMOID, "sparsemax": na.SPARSEMAX, "entmax": na.ENTMAX}
RIGHT = {name: na.STEPS._replace(softmax=pair) for name, pair in NORMALISERS.items()} | {"halving": HALVING}
STEPS = RIGHT | {fault.name: fault.steps for fault in FAULTS if fault.steps is not None}
ATTENTION = {
    rule.name for rule in FUNCTIONS if rule.name in ("alibi", "relative") or "with weights" in rule.name
}
"""Rules whose forward is attention's."""


def same_bits(a, b):
    """True if two nested tuples hold the same arrays."""
    if isinstance(a, (tuple, dict)):
        a, b = (list(x.values() if isinstance(x, dict) else x) for x in (a, b))
        return len(a) == len(b) and all(map(same_bits, a, b))
    return a is b is None or np.array_equal(a, b, equal_nan=True)


def pickled(x):
    return pickle.loads(pickle.dumps(x))


def results(rule, example):
    """Output, saved and a cotangent."""
    out, saved = rule.forward(*example.args, **example.kwargs)
    return out, saved, like_outputs(out, lambda x: np.random.default_rng(1).standard_normal(x.shape))


@cache
def saved_by_every_rule():
    return [results(rule, rule.examples[0])[1] for rule in FUNCTIONS]


# --------------------------------------------------------------------------------------------- other steps


@pytest.mark.parametrize("name", STEPS)
def test_attention_backward_undoes_the_steps_that_ran(name):
    pair = na.attention_with(STEPS[name])
    _, saved = pair.forward(QUERY, KEY, VALUE, **OPTIONS)
    grads = na.attention_backward(D_OUT, saved)
    zeros = np.zeros(saved.weights.shape), np.zeros(saved.lse.shape)
    (d_query, d_key, _), d_value, *_ = seven_steps_back(STEPS[name], D_OUT, *zeros, saved.steps_saved)
    assert same_bits(grads[:3], (d_query, d_key, d_value))
    assert same_bits(grads, pair.backward(D_OUT, saved))
    assert same_bits(grads, na.attention_backward(D_OUT, copy.deepcopy(saved)))


@pytest.mark.parametrize("name", STEPS)
def test_attend_and_blockwise_backward_undo_the_steps_that_ran(name):
    _, saved = na.attend_forward(SCORES, VALUE, **OPTIONS, steps=STEPS[name])
    zeros = np.zeros(saved.weights.shape), np.zeros(saved.lse.shape)
    grads = na.attend_backward(D_OUT, saved)
    (d_scores, *_), d_value, *_ = seven_steps_back(saved.steps, D_OUT, *zeros, saved.steps_saved)
    assert saved.steps[1:] == STEPS[name][1:]
    assert same_bits(grads[:2], (d_scores, d_value))
    assert same_bits(grads, na.attend_backward(D_OUT, copy.deepcopy(saved)))

    pair = na.blockwise_attention_with(STEPS[name])
    _, saved = pair.forward(QUERY, KEY, VALUE, **OPTIONS, block=(3, 4))
    assert saved.steps == STEPS[name]
    grads = na.blockwise_attention_backward(D_OUT, saved)
    assert same_bits(grads, pair.backward(D_OUT, saved))
    assert same_bits(grads, na.blockwise_attention_backward(D_OUT, copy.deepcopy(saved)))


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda saved: saved, id="as it is"),
        pytest.param(pickled, id="pickled", marks=pytest.mark.slow),
    ],
)
def test_plain_backwards_of_right_steps_by_the_complex_step(name, change):
    steps = RIGHT[name]

    pairs = [
        (na.attention_forward, na.attention_backward, (QUERY, KEY, VALUE), {}),
        (na.attend_forward, na.attend_backward, (SCORES, VALUE), {}),
        (
            na.blockwise_attention_forward,
            na.blockwise_attention_backward,
            (QUERY, KEY, VALUE),
            {"block": (3, 4)},
        ),
    ]
    for forward, backward, args, more in pairs:

        def back(d_out, saved, backward=backward):
            return backward(d_out, change(saved))

        report = na.check_vjp(partial(forward, steps=steps), back, args, OPTIONS | more)
        assert report.ok, str(report)


def test_a_values_step_of_another_kind_goes_back_by_tiles():
    """What it saves is its own, not the usual step's arguments."""

    def forward(thinned, value, visible=None):
        out, saved = na.STEPS.values.forward(thinned, value, visible)
        return 2 * out, (saved, 2)

    def backward(d_out, saved):
        return na.STEPS.values.backward(saved[1] * d_out, saved[0])

    steps = na.STEPS._replace(values=na.Pair(forward, backward))
    pair = na.blockwise_attention_with(steps)
    report = na.check_vjp(*pair, (QUERY, KEY, VALUE), OPTIONS | {"block": (3, 4)})
    assert report.ok, str(report)


def test_blockwise_remembers_its_online_softmax():
    def doubled(*args):
        return 2 * ONLINE.backward_tile(*args)

    pair = na.blockwise_attention_with(online=ONLINE._replace(backward_tile=doubled))
    _, saved = pair.forward(QUERY, KEY, VALUE)
    _, usual = na.blockwise_attention_forward(QUERY, KEY, VALUE)
    wrong, right = (
        na.blockwise_attention_backward(D_OUT, saved),
        na.blockwise_attention_backward(D_OUT, usual),
    )
    assert same_bits(wrong, pair.backward(D_OUT, saved))
    assert not np.allclose(wrong.d_query, right.d_query)
    with pytest.raises(TypeError, match=r"^online is Steps; ONLINE"):
        na.blockwise_attention_with(online=na.STEPS)


def test_no_backward_has_steps():
    for name in ("attention", "attend", "blockwise_attention", "fast_attention"):
        backward = getattr(na, f"{name}_backward")
        assert not {"steps", "online"} & set(inspect.signature(backward).parameters)
        with pytest.raises(TypeError, match=f"{name}_backward\\(\\) has no steps"):
            backward(D_OUT, None, steps=na.STEPS)


def test_repr_names_the_steps_in_a_few_words():
    assert repr(na.STEPS) == "STEPS"
    steps = na.STEPS._replace(softmax=na.SIGMOID)
    pair = "Pair(forward=sigmoid_weights_forward, backward=sigmoid_weights_backward)"
    assert repr(steps) == f"STEPS._replace(softmax={pair})"
    for saved in (
        na.attention_forward(QUERY, KEY, VALUE)[1],
        na.blockwise_attention_with(HALVING).forward(QUERY, KEY, VALUE)[1],
        na.attend_forward(SCORES, VALUE)[1],
    ):
        assert " at 0x" not in repr(saved)


# ------------------------------------------------------------------------------- pickled, copied, refused


@pytest.mark.parametrize("rule", FUNCTIONS, ids=lambda rule: rule.name)
def test_backward_of_a_pickled_or_copied_saved_gives_the_same_bits(rule):
    for example in rule.examples:
        _, saved, d_out = results(rule, example)
        expected = rule.backward(d_out, saved)
        for other in (pickled(saved), copy.deepcopy(saved), copy.copy(saved)):
            assert type(other) is type(saved)
            assert same_bits(rule.backward(d_out, other), expected), example.name


def test_pairs_and_steps_pickle_and_copy():
    constants = (na.SIGMOID, na.SPARSEMAX, na.ENTMAX, na.STEPS, ONLINE, na.Pair(*na.STEPS.mask))
    for x in (*constants, *RIGHT.values()):
        assert pickled(x) == copy.deepcopy(x) == x
    for make in (na.attention_with, na.blockwise_attention_with):
        pair = make(HALVING)
        for other in (pickled(pair), copy.deepcopy(pair)):
            assert same_bits(other.forward(QUERY, KEY, VALUE)[0], pair.forward(QUERY, KEY, VALUE)[0])
            assert other.backward is pair.backward


def test_every_forward_saves_a_type_of_its_own():
    types = {}
    for rule in FUNCTIONS:
        if rule.name not in ATTENTION and not rule.name.startswith("merge"):
            types.setdefault(type(results(rule, rule.examples[0])[1]), []).append(rule.name)
    shared = [names for names in types.values() if len(names) > 1]
    assert shared == [["cross_entropy", "cross_entropy of distributions"]]  # two examples of one function


@pytest.mark.parametrize("rule", FUNCTIONS, ids=lambda rule: rule.name)
def test_every_backward_refuses_what_another_forward_saved(rule):
    _, own, d_out = results(rule, rule.examples[0])
    foreign = [
        saved for other in FUNCTIONS if type(saved := results(other, other.examples[0])[1]) is not type(own)
    ]
    for saved in (None, (), 5, tuple(own), *foreign):
        came = type(saved).__name__
        with pytest.raises(TypeError, match=rf"^saved is {came}, not what \w+_forward returned$"):
            rule.backward(d_out, saved)


def test_normalisers_refuse_what_each_other_saved():
    _, saved = na.SIGMOID.forward(SCORES)
    sentence = "^saved is SigmoidWeightsSaved, not what sparsemax_weights_forward returned$"
    with pytest.raises(TypeError, match=sentence):
        na.SPARSEMAX.backward((SCORES, SCORES[..., 0]), saved)


@pytest.mark.parametrize("size", [1e-60, 1e300])
def test_a_cotangent_beyond_float32_raises_nothing(size):
    query, key, value = (x.astype(np.float32) for x in (QUERY, KEY, VALUE))
    with np.errstate(all="raise"):
        for path in ("attention", "blockwise_attention", "fast_attention"):
            _, saved = getattr(na, f"{path}_forward")(query, key, value)
            getattr(na, f"{path}_backward")(np.full(D_OUT.shape, size), saved)
