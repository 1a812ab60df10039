"""Attention beside torch in float64: the formula written in torch, and its own fused kernel."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from numpy_attention.check.reference.oracle import Results
from tests.support import planted_faults as faults
from tests.support.formula import formula
from tests.support.judges import assert_within
from tests.support.strategies import problems

COMBINATIONS = 200
many = settings(max_examples=max(500, settings.default.max_examples))


@pytest.fixture
def torch(peer):
    """torch on one thread, as the problems are small."""
    torch = peer("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield torch
    torch.set_num_threads(threads)


def leaves(torch, case):
    """The differentiable arguments as tensors that require gradients."""
    names = ("query", "key", "value", "bias", "scale", "sinks")
    given = {name: getattr(case, name) for name in names}
    return {
        name: None if x is None else torch.tensor(np.array(x), dtype=torch.float64, requires_grad=True)
        for name, x in given.items()
    }


def gradients_of(given):
    """Gradients in order; zero where torch has none."""
    return [
        None if x is None else (np.zeros(x.shape) if x.grad is None else x.grad.numpy())
        for x in given.values()
    ]


def tensor(torch, x):
    return torch.tensor(np.array(x)) if isinstance(x, np.ndarray) else x


def by_formula(torch, case):
    """All results by torch's operations and its autograd."""
    given = leaves(torch, case)
    query, key, value, bias, scale, sinks = given.values()
    if case.group > 1:
        key, value = (x.repeat_interleave(case.group, dim=-3) for x in (key, value))
    scores = (case.scale_used if scale is None else scale) * (query @ key.transpose(-1, -2))
    scores = scores.expand(case.shape)
    if case.softcap is not None:
        scores = case.softcap * torch.tanh(scores / case.softcap)
    if bias is not None:
        scores = scores + torch.where(torch.isneginf(bias), 0, bias)
    visible = torch.tensor(case.visible)
    columns = torch.where(visible, scores, -torch.inf)
    if sinks is not None:
        columns = torch.cat([columns, sinks[..., None, None].expand(*case.shape[:-1], 1)], dim=-1)
    attends = ~torch.isneginf(columns).all(dim=-1, keepdim=True)
    columns = torch.where(attends, columns, 0)
    weights = torch.where(visible, columns.softmax(dim=-1)[..., : case.shape[-1]], 0)
    if columns.shape[-1]:
        lse = torch.where(attends[..., 0], columns.logsumexp(dim=-1), -torch.inf)
    else:
        lse = torch.full(case.shape[:-1], -torch.inf, dtype=torch.float64)
    multipliers = case.multipliers
    thinned = weights if multipliers is None else weights * tensor(torch, multipliers)
    out = thinned @ value

    loss = (tensor(torch, case.d_out) * out).sum()
    if case.d_weights is not None:
        loss = loss + (tensor(torch, case.d_weights) * weights).sum()
    if case.d_lse is not None:
        loss = loss + (tensor(torch, case.d_lse) * torch.where(attends[..., 0], lse, 0)).sum()
    loss.backward()
    return Results(*(x.detach().numpy() for x in (out, weights, lse)), *gradients_of(given))


def test_results_match_the_formula_in_torch(torch):
    combinations = set()

    @many
    @given(problems())
    def compare(case):
        case = case.in_double()
        combinations.add(case.tags)
        assert_within(case.run(), by_formula(torch, case), formula(case)[1], formula(case, textbook=True)[1])

    compare()
    assert len(combinations) >= COMBINATIONS


def by_kernel(torch, case):
    """Output and gradients by scaled_dot_product_attention, which returns no weights or lse."""
    given = leaves(torch, case)
    query, key, value, bias, *_ = given.values()
    heads = case.shape[-3] if len(case.shape) > 2 else 1
    batch = case.batch or (1,)
    query = query.expand(*batch, heads, *query.shape[-2:])
    groups = heads // case.group
    key, value = (x.expand(*batch, groups, *x.shape[-2:]) for x in (key, value))
    visible, mask = torch.tensor(case.visible), None
    if bias is not None:
        mask = torch.where(visible, bias, -torch.inf)
    elif case.pairs is not None:
        mask = visible
    if mask is not None:
        mask = mask.expand(*batch, heads, *mask.shape[-2:])
    out = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=mask, scale=case.scale, enable_gqa=case.group > 1
    ).reshape(case.d_out.shape)
    (tensor(torch, case.d_out) * out).sum().backward()
    return Results(out.detach().numpy(), None, None, *gradients_of(given)).without("d_scale")


NOT_THE_KERNELS = (
    *("array scale", "softcap", "sinks", "dropout", "multipliers", "d_weights", "d_lse"),
    "a length of 0",
)


def test_output_and_gradients_match_the_kernel_of_torch(torch):
    @settings(many, max_examples=many.max_examples // 2)
    @given(problems(without=NOT_THE_KERNELS))
    def compare(case):
        case = case.in_double()
        numbers = case.run().without("weights", "lse", "d_scale")
        assert_within(numbers, by_kernel(torch, case), formula(case)[1], formula(case, textbook=True)[1])

    compare()


@pytest.mark.parametrize(
    "fault", ["HEADS_TILED", "LSE_WITHOUT_GRADIENT", "ROW_SUM_FORGOTTEN", "DROPOUT_UNSCALED"]
)
def test_the_comparison_can_fail(torch, fault):
    steps = getattr(faults, fault)

    @settings(many, phases=[Phase.generate], database=None, print_blob=False)
    @given(problems())
    def compare(case):
        case = case.in_double()
        bounds = formula(case)[1], formula(case, textbook=True)[1]
        assert_within(case.but(steps=steps).run(), by_formula(torch, case), *bounds)

    with pytest.raises(AssertionError):
        compare()
