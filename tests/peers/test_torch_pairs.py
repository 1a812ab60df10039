"""Every pair of `functional` beside torch in float64, to the second derivative.

Torch differentiates twice by itself: once for the gradient of <cotangent, out>, and that gradient along a
random direction once more, with respect to the arguments and to the cotangent, as gradgradcheck does.
"""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention.check.pairs.calls import as_tuple
from numpy_attention.check.pairs.rules import FUNCTIONS
from tests.support.formula import g
from tests.support.peers.compare import (
    Results,
    apart,
    disagreements,
    drawn,
    larger,
    largest,
    ours,
    redrawn,
    spoiled,
    steeper,
)
from tests.support.peers.torch_formulas import FORMULAS, NOT_IN_TORCH, SECOND

TERMS = {  # the largest term of a cancelling difference, usually in torch
    "tanh": 2,  # 1 - tanh², and -2 tanh (1 - tanh²)
    "sigmoid": 1,  # σ (1 - σ)
    "softplus": 1,  # likewise
    "silu": 40,  # σ (1 + x (1 - σ)): exact beyond x = 37, where σ is 1
    "gelu_tanh": 500,  # x u'² (1 - tanh²): beyond x = 8, where it is 470, tanh is 1
    "logsumexp": 36,  # exp(x - lse): error u |lse|
    "binary_cross_entropy_with_logits": 25,  # (1 - t) z - log σ(z)
    ("attention", "one score 36 ahead"): 36,  # weight * (1 - weight), scores with error u |score|
    ("blockwise_attention", "one score 36 ahead, by tiles"): 36,
    ("fast_attention", "one score 36 ahead, by tiles"): 36,
    ("attention with weights and lse", "one score 36 ahead"): 36,
    ("attention with weights and lse", "sinks above all scores"): 20,  # as logsumexp
    ("cross_entropy", "confident"): 80,  # likewise
    ("binary_cross_entropy", "soft targets"): 25,  # ours, differentiated: 1 / p, p = 0.003, a mean of 15
    "span_bias": 6,  # ramp + span - distance
    ("layer_norm", "one entry"): 320,  # x / √eps - mean / √eps
}

MEANS_OF_NOTHING = {
    ("cross_entropy", "all ignored"),
    ("cross_entropy", "no row"),
    ("cross_entropy of distributions", "no class"),
    ("cross_entropy of distributions", "no row"),
    ("binary_cross_entropy", "nothing"),
    ("binary_cross_entropy_with_logits", "nothing"),
    ("mean_squared_error", "nothing"),
    ("mean_absolute_error", "nothing"),
}
"""0 here, NaN in torch."""

FIRST_ORDER_ONLY = {
    ("embedding", "nothing looked up"): "torch's double backward cannot reshape what is empty",
}

ON_AN_EDGE = {
    ("cosine_scores", "a vector of zeros"),
    ("binary_cross_entropy", "floored"),
}
"""Torch differentiates these differently; see their own tests below."""


@pytest.fixture
def torch(peer):
    """torch on one thread, as the problems are small."""
    torch = peer("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


def torchs(torch, draw, formula, order):
    call, names, cotangents, directions = draw
    tensors = {
        name: torch.tensor(np.array(x)) if isinstance(x, np.ndarray) else x
        for name, x in call.arguments.items()
    }
    leaves = [tensors[name].requires_grad_() for name in names]
    outs = as_tuple(formula(torch, **tensors))
    tops = [torch.tensor(np.array(c), requires_grad=True) for c in as_tuple(cotangents)]
    kept = [n for n, out in enumerate(outs) if out.requires_grad]
    gradients = torch.autograd.grad(
        [outs[n] for n in kept], leaves, [tops[n] for n in kept], create_graph=True, materialize_grads=True
    )
    second = [torch.zeros_like(x) for x in (*leaves, *tops)]
    moving = [n for n, gradient in enumerate(gradients) if gradient.requires_grad]
    if order == 2 and moving:
        second = torch.autograd.grad(
            [gradients[n] for n in moving],
            [*leaves, *tops],
            [torch.tensor(directions[names[n]]) for n in moving],
            materialize_grads=True,
        )
    out_along = [
        torch.where(out.isfinite(), d, 0.0) for out, d in zip(outs, second[len(leaves) :], strict=True)
    ]
    groups = (outs, gradients, second[: len(leaves)], out_along)
    return Results(*(tuple(x.detach().numpy(force=True) for x in group) for group in groups))


def test_every_rule_is_compared_or_excused():
    assert {*FORMULAS, *NOT_IN_TORCH} == {rule.name for rule in FUNCTIONS}
    assert not {*FORMULAS} & {*NOT_IN_TORCH}
    known = {(rule.name, example.name) for rule in FUNCTIONS for example in rule.examples}
    single = {key for key in TERMS if isinstance(key, tuple)}
    assert single | MEANS_OF_NOTHING | {*FIRST_ORDER_ONLY} | ON_AN_EDGE <= known


COMPARED = [pytest.param(rule, id=rule.name.replace(" ", "_")) for rule in FUNCTIONS if rule.name in FORMULAS]


def against(torch, rule, example, formula, order):
    terms = TERMS.get((rule.name, example.name), TERMS.get(rule.name, 0))
    return disagreements(rule, example, lambda draw: torchs(torch, draw, formula, order), order, terms)


def compared(torch, rule, examples=None):
    """All disagreements of a rule with torch, over its examples and two redrawn copies of each."""
    lines = []
    for example in examples or rule.examples:
        key = (rule.name, example.name)
        if key in MEANS_OF_NOTHING | ON_AN_EDGE:
            continue
        order = 1 if key in FIRST_ORDER_ONLY else example.order
        for call in (example, redrawn(example, 1), redrawn(example, 2)):
            lines += against(torch, rule, call, FORMULAS[rule.name], 1 if rule.name in SECOND else order)
            if rule.name in SECOND:
                lines += against(torch, rule, call, SECOND[rule.name], order)
    return lines


@pytest.mark.parametrize("rule", COMPARED)
def test_values_gradients_and_second_derivatives(rule, torch):
    lines = compared(torch, rule)
    assert not lines, "\n".join(lines)


# ------------------------------------------------------------------- planted faults


@pytest.mark.parametrize("rule", COMPARED)
def test_a_relative_error_of_1e_9_is_detected(rule, torch):
    """Errors in values, gradients and the derivatives of both, each in one example."""

    def lines(**spoils):
        return compared(torch, spoiled(rule, **spoils), rule.examples[:1])

    curved = any(np.any(x) for x in ours(drawn(rule, rule.examples[0], 0)).second)
    assert not lines()
    assert lines(forward=larger)
    assert lines(forward=steeper)
    assert lines(backward=larger)
    assert bool(lines(backward=steeper)) == curved


# ------------------------------------------------------------------------------ where torch differs


@pytest.mark.parametrize("rule, example", sorted(MEANS_OF_NOTHING))
def test_an_empty_mean_is_0_and_nan_in_torch(rule, example, torch):
    draw = drawn(*called(rule, example), 0)
    assert apart(ours(draw).out[0], np.array(0.0)) == 0
    assert not any(np.any(x) for x in ours(draw).gradients)
    assert np.isnan(torchs(torch, draw, FORMULAS[rule], 1).out[0])


def test_a_cosine_with_a_vector_of_zeros(torch):
    """The gradient, which does not exist, is 0 here; torch divides by 1e-8. The rest agrees."""
    draw = drawn(*called("cosine_scores", "a vector of zeros"), 0)
    got, expected = ours(draw), torchs(torch, draw, FORMULAS["cosine_scores"], 1)
    zero = ~draw.call.arguments["query"].any(axis=-1)
    assert zero.sum() == 1
    assert not got.gradients[0][zero].any()
    assert np.abs(expected.gradients[0][zero]).max() > 1e6
    for results in (got, expected):
        results.gradients[0][zero] = 0
    lost = g(sum(x.size for x in (*got.out, *got.gradients)))
    for x, y in zip(got.out + got.gradients, expected.out + expected.gradients, strict=True):
        assert apart(x, y) <= lost * largest(np.asarray(x))


def test_a_floored_logarithm_is_flat(torch):
    """torch's values are flat too, but its gradient divides by 1e-12 instead of p (1 - p)."""
    rule, example = called("binary_cross_entropy", "floored")
    draw, loss = drawn(rule, example, 0), FORMULAS[rule.name]
    got, expected = ours(draw), torchs(torch, draw, loss, 1)
    assert apart(got.out[0], expected.out[0]) <= g(3) * 100
    p, t = (torch.tensor(np.asarray(x, dtype=float)) for x in example.args)
    around = [loss(torch, probabilities=factor * p, targets=t, reduction="none") for factor in (0.5, 1, 2)]
    assert [float(losses[0]) for losses in around] == [100, 100, 100]
    assert got.gradients[0][0] == 0
    assert abs(expected.gradients[0][0]) > 1e11 * abs(draw.cotangents)
    assert apart(got.gradients[0][1], expected.gradients[0][1]) <= g(3) * abs(draw.cotangents)


def called(rule, example):
    (found,) = [r for r in FUNCTIONS if r.name == rule]
    (call,) = [e for e in found.examples if e.name == example]
    return found, call


def test_fully_masked_rows_and_small_numbers_in_torch(torch):
    """The peculiarities of torch that the formulas avoid."""
    nothing = torch.full((1, 3), -torch.inf, dtype=torch.float64)
    assert torch.softmax(nothing, -1).isnan().all()
    assert torch.log_softmax(nothing, -1).isnan().all()
    twenty = torch.tensor([20.5], dtype=torch.float64)
    assert torch.nn.functional.softplus(twenty) == twenty < na.softplus(20.5)
    p = torch.tensor([0.01], dtype=torch.float64, requires_grad=True)
    loss = torch.nn.functional.binary_cross_entropy(p, torch.ones_like(p))
    (first,) = torch.autograd.grad(loss, p, create_graph=True)
    (second,) = torch.autograd.grad(first, p)
    assert 1e-11 < abs(second.item() / 0.01**-2 - 1) < 1e-9
