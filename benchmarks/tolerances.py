"""Comparing numbers with a reference: by the referee's bounds, and by tolerances in common use."""

from collections.abc import Iterator
from functools import cache

import numpy as np

from numpy_attention.check.cases.capabilities import Capabilities
from numpy_attention.check.cases.cases import Case
from numpy_attention.check.cases.compare import FAIL, compare_tensor
from numpy_attention.check.cases.profiles import references
from numpy_attention.check.cases.sensitivity import ReferenceCase, reference_case
from numpy_attention.check.referee.control import REORDERED
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.rounding.formats import roundoff
from numpy_attention.functional.base.admission import Array
from numpy_attention.functional.base.arrays import Pair

OPTIONS = ("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout")
TENSORS = ("out", "d_query", "d_key", "d_value", "d_bias", "d_sinks")
"""Results that any framework's attention returns."""

# ------------------------------------------------------------------------------------- tolerances


def allclose(got: Array, want: Array, baseline: Array | None) -> bool:
    """numpy.allclose, 1e-2 relative and absolute."""
    return bool(np.allclose(got, want, rtol=1e-2, atol=1e-2))


def absolute(got: Array, want: Array, baseline: Array | None) -> bool:
    """No number off by more than 2e-2."""
    return bool((np.abs(got - want) <= 2e-2).all())


def twice_the_baseline(got: Array, want: Array, baseline: Array | None) -> bool:
    """The largest error at most twice that of the formula in that dtype, as in flash-attention's tests.

    Where the formula gives NaN, in fully masked rows, its error does not count.
    """
    if baseline is None:
        return True
    off = np.abs(got - want).max(initial=0.0)
    return bool(off <= 2 * np.nan_to_num(np.abs(baseline - want), nan=0.0).max(initial=0.0))


TOLERANCES = {
    "allclose at 1e-2": allclose,
    "absolute 2e-2": absolute,
    "twice the baseline's error": twice_the_baseline,
}


# --------------------------------------------------------------------------------------- the cases


@cache
def cases(dtype: str) -> tuple[ReferenceCase, ...]:
    """The referee's smoke cases for the options of frameworks' attentions, each also with cotangents as small
    as those of a mean loss."""
    capabilities = Capabilities(OPTIONS, corner="bottom_right", dtype=dtype)
    smoke = list(references("smoke", capabilities, roundoff(dtype)))
    specs = [reference.case.specification for reference in smoke]
    small = [spec._replace(cotangent="small") for spec in specs if spec.cotangent != "small"]
    return (*smoke, *(reference_case(spec, roundoff(dtype)) for spec in small))


def numbers_of(case: Case, pair: Pair) -> dict[str, Array]:
    """The results of a pair, rounded to the case's dtype."""
    computed = results(case, *pair)
    tensors = {name: getattr(computed, name) for name in TENSORS}
    return {name: case.format.rounded(x) for name, x in tensors.items() if x is not None}


@cache
def baseline(dtype: str, place: int) -> dict[str, Array]:
    """Results of the formula in PyTorch, computed in the case's dtype."""
    return in_torch(cases(dtype)[place].case)


def in_torch(case: Case) -> dict[str, Array]:
    """Softmax attention in torch, differentiated by autograd, in the case's dtype."""
    import torch

    inputs = case
    dtype = getattr(torch, case.format.name)
    names = ("query", "key", "value", "bias", "sinks")
    leaves = {
        name: torch.tensor(getattr(inputs, name)).to(dtype).requires_grad_()
        for name in names
        if getattr(inputs, name) is not None
    }
    query = leaves["query"]
    group = query.shape[1] // leaves["key"].shape[1]
    key, value = (leaves[name].repeat_interleave(group, 1) for name in ("key", "value"))
    scores = (
        query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if inputs.scale is None else inputs.scale)
    )
    if inputs.softcap is not None:
        scores = inputs.softcap * torch.tanh(scores / inputs.softcap)
    if "bias" in leaves:
        scores = scores + leaves["bias"]
    if inputs.visible is not None:
        scores = scores.masked_fill(~torch.tensor(inputs.visible), -torch.inf)
    if "sinks" in leaves:
        scores = torch.cat([scores, leaves["sinks"][:, None, None].expand(*scores.shape[:-1], 1)], -1)
    weights = torch.softmax(scores, -1)[..., : key.shape[-2]]
    if inputs.multipliers is not None:
        weights = weights * torch.tensor(inputs.multipliers).to(dtype)
    out = weights @ value
    gradients = torch.autograd.grad(out, list(leaves.values()), torch.tensor(inputs.d_out).to(dtype))
    computed = {"out": out} | {f"d_{name}": x for name, x in zip(leaves, gradients, strict=True)}
    return {name: x.detach().double().numpy() for name, x in computed.items()}


def compared(dtype: str, place: int, got: dict[str, Array]) -> Iterator[tuple[str, bool]]:
    """(checker, True if it raises an alarm) for each checker that compares numbers."""
    case, right, _ = cases(dtype)[place]
    names = [name for name in TENSORS if name in got]
    wrong = False
    for name in names:
        verdict = compare_tensor(
            case.name, name, got[name], getattr(right.values, name), right.allowed(name), case.format
        )
        wrong |= verdict.verdict == FAIL
    yield f"the referee, {dtype}", wrong
    for tolerance, passes in TOLERANCES.items():
        with np.errstate(all="ignore"):
            passed = all(
                passes(got[name], getattr(right.values, name), baseline(dtype, place).get(name))
                for name in names
            )
        yield f"{tolerance}, {dtype}", not passed


def shows(pair: Pair, dtype: str, place: int) -> bool:
    """True if the pair's unrounded results differ from the reference in any compared tensor."""
    case, right, _ = cases(dtype)[place]
    wrong = results(case, *pair)
    pairs = [(getattr(wrong, name), getattr(right.values, name)) for name in TENSORS]
    return any(
        not np.allclose(x, y, rtol=0, atol=REORDERED * np.abs(y).max(initial=0.0))
        for x, y in pairs
        if y is not None
    )
