"""Read what a candidate returns: the output alone, tuples, lists, dicts, named tuples or dataclasses.

Nothing is dropped in silence: what is not understood is refused with what to return instead, or listed in
`Reading.unread`.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..cases.cases import Case
from ..reference.inputs import Shape
from ..reference.oracle import Results
from .conventions import ALIASES, TENSOR_ALIASES
from .frameworks import framework_of, to_numpy
from .sandbox import CandidateError

DIFFERENTIABLE = ("query", "key", "value", "bias", "scale", "sinks")
TENSORS = Results._fields

OTHER_NAMES = {
    "out": ("output", "o", "attn_out", "attn_output", "attention_output", "context",
            "context_layer", "result", "y"),
    "weights": ("attn", "attention", "attn_weights", "attention_weights", "attn_weight", "probs",
                "attn_probs", "attention_probs", "attentions", "p", "scores_softmax"),
    "lse": ("logsumexp", "log_sum_exp", "softmax_lse", "lse_out"),
}  # fmt: skip
"""Common other names of results; gradients are named in `_gradient_names`."""

SAY = "return a dict with out, lse, weights, d_query, …"

SUM_TOLERANCE = 0.05
"""How far above 1 the sum of a row of weights may be, in the coarsest formats."""


class ReturnError(CandidateError):
    """The candidate returned something of no accepted form; the message says what to return."""


@dataclasses.dataclass
class Reading:
    """What is known of a candidate's results: its layout, the place of heads in lse, what is not read."""

    layout: str = "BHLD"
    takes_d_out: bool = False
    heads_last: bool = False
    notes: dict[str, None] = dataclasses.field(default_factory=dict)
    unread: dict[str, str] = dataclasses.field(default_factory=dict)


def _gradient_names(tensor: str, others: Iterable[str]) -> set[str]:
    """d_query, dq, dQ, grad_query, grad_q, query_grad, …, without underscores and in small letters."""
    found = set()
    for name in (tensor, *others):
        plain = _plain(name)
        found |= {f"d{plain}", f"grad{plain}", f"{plain}grad", f"gradient{plain}"}
    return found


def _plain(name: Any) -> str:
    return str(name).lower().replace("_", "").replace(".", "").replace(" ", "")


def _known_names() -> dict[str, str]:
    """The name in this project of each name without underscores and in small letters."""
    known = {_plain(other): name for name, others in OTHER_NAMES.items() for other in (name, *others)}
    aliases = ALIASES | TENSOR_ALIASES
    for tensor in DIFFERENTIABLE:
        known |= dict.fromkeys(_gradient_names(tensor, aliases.get(tensor, ())), f"d_{tensor}")
    return known


KNOWN_NAMES = _known_names()


def named_tensors(result: Any, case: Case, leaves: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """Arrays by name, from any form in which a candidate may return output and gradients."""
    if (named := as_mapping(result)) is not None:
        if not (known := _by_known_names(named, case, leaves, reading)):
            names = ", ".join(map(repr, named)) or "nothing"
            raise ReturnError(f"returns {names[:90]} by name; {SAY}")
        return known
    if isinstance(result, tuple | list):
        return _sequence(list(result), case, leaves, reading)
    return {"out": _array(result, "an output")}


def _array(x: Any, expected: str) -> Any:
    try:
        framework_of(x)
    except TypeError as error:
        came = "nothing" if x is None else type(x).__name__
        raise ReturnError(f"returns {came}, where {expected} is expected; {SAY}") from error
    return x


def as_mapping(result: Any) -> Mapping[str, Any] | None:
    """A dict, named tuple, dataclass or plain namespace as a mapping; None for anything else."""
    if isinstance(result, Mapping):
        return result
    if isinstance(result, tuple) and hasattr(result, "_asdict"):
        named: Mapping[str, Any] = result._asdict()
        return named
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return vars(result) if isinstance(result, SimpleNamespace) else None


def _by_known_names(
    named: Mapping[str, Any], case: Case, leaves: Mapping[str, Any], reading: Reading
) -> dict[str, Any]:
    """The results under this project's names; a nested dict or tuple of gradients is read, too."""
    found: dict[str, Any] = {}
    came: dict[str, str] = {}
    for name, x in named.items():
        result = KNOWN_NAMES.get(_plain(name))
        if result is None and _plain(name) in ("grads", "gradients", "grad"):
            found |= named_gradients(x, case, leaves, reading)
        elif result is None and _plain(name).startswith(("d", "grad")) and x is not None:
            raise ReturnError(f"returns {name!r}, which is no known gradient; {SAY}")
        elif result is None and x is not None:
            reading.unread[f"the returned {str(name)[:40]}"] = "no known name of a result"
        elif result is not None and result in came and x is not None:
            raise ReturnError(f"returns both {came[result]!r} and {name!r}, which mean {result}: return one")
        elif result is not None:
            came[result] = str(name)
            if result.startswith("d_"):
                if result[2:] in leaves or (result[2:] in case.options and x is not None):
                    found[result] = x
            elif x is not None:
                found[result] = (
                    as_lse(x, case, reading) if result == "lse" else _array(x, f"an array as {name}")
                )
    return found


def _sequence(entries: list[Any], case: Case, leaves: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """(out, …), where more arrays are told apart by their shapes, and a tuple or dict holds gradients."""
    if not entries:
        raise ReturnError(f"returns an empty tuple; {SAY}")
    found = {"out": _array(entries[0], "an output")}
    rest = entries[1:]
    flat = not any(isinstance(x, tuple | list) or as_mapping(x) is not None for x in rest)
    if reading.takes_d_out and flat and len(rest) >= 3:
        return found | named_gradients(tuple(rest), case, leaves, reading)
    for n, x in enumerate(rest, start=2):
        if x is None:
            continue
        if as_mapping(x) is not None or isinstance(x, tuple | list):
            if as_mapping(x) is None and not reading.takes_d_out:
                raise ReturnError(f"returns a {type(x).__name__} of gradients, but takes no d_out; {SAY}")
            found |= named_gradients(x, case, leaves, reading)
            continue
        name = _kind(_array(x, f"an array as entry {n}"), case, reading)
        if name in found:
            raise ReturnError(f"returns {name} twice, as entry {n} again; {SAY}")
        found[name] = as_lse(x, case, reading) if name == "lse" else x
    return found


def _kind(x: Any, case: Case, reading: Reading) -> str:
    """ "weights" or "lse", by an array's shape; anything else is refused."""
    B, H, _, L, S, _, _ = case.specification.shape
    shape = tuple(x.shape)
    if shape == _axes(reading.layout, B, H, L, S):
        if L and S and "dropout" not in case.options:
            sums = to_numpy(x).numbers.sum(-1)
            if (sums > 1 + SUM_TOLERANCE).any():
                raise ReturnError(f"returns an array of shape {shape} whose rows do not sum to 1; {SAY}")
        return "weights"
    if _lse_axes(shape, case.specification.shape, reading.layout):
        return "lse"
    more = " (averaged over heads?)" if shape == (B, L, S) else ""
    raise ReturnError(
        f"returns an array of shape {shape}{more}, which is neither weights "
        f"{_axes(reading.layout, B, H, L, S)} nor lse {_axes(reading.layout, B, H, L)}; {SAY}"
    )


def _axes(layout: str, B: int, H: int, *lengths: int) -> tuple[int, ...]:
    """The shape of weights or lse in a layout."""
    return {"NLD": (B * H, *lengths), "HLD": (H, *lengths)}.get(layout, (B, H, *lengths))


def _lse_axes(shape: tuple[int, ...], sizes: Shape, layout: str) -> str:
    """How lse has this shape: plain, heads last or padded, a last axis of 1 allowed; "" if it has not."""
    right = _axes(layout, sizes.B, sizes.H, sizes.L)
    if shape in (right, (*right, 1)):
        return "plain"
    if len(right) == 3 and shape in ((last := (sizes.B, sizes.L, sizes.H)), (*last, 1)):
        return "heads last"
    padded = len(shape) == len(right) and shape[:-1] == right[:-1]
    return "padded" if padded and shape[-1] > sizes.L and shape[-1] % 8 == 0 else ""


def as_lse(x: Any, case: Case, reading: Reading) -> Any:
    """lse as (B, H, L): without a last axis of 1, without padding, heads before positions."""
    sizes = case.specification.shape
    shape = tuple(_array(x, "an array as lse").shape)
    kind = _lse_axes(shape, sizes, reading.layout)
    if not kind:
        return x  # the verdict names both shapes
    if len(shape) > len(_axes(reading.layout, sizes.B, sizes.H, sizes.L)):
        x = x[..., 0]
    if kind == "padded":
        reading.notes[f"lse is padded to {shape[-1]} positions: the first {sizes.L} are judged"] = None
        x = x[..., : sizes.L]
    if kind == "heads last":
        reading.heads_last = True
    return x.swapaxes(1, 2) if reading.heads_last else x


def named_gradients(grads: Any, case: Case, leaves: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """Gradients by name: their own, or that of their position in the first order of the same length."""
    if (named := as_mapping(grads)) is not None:
        return _by_known_names(named, case, leaves, reading)
    if not isinstance(grads, tuple | list):
        came = "nothing" if grads is None else type(grads).__name__
        raise ReturnError(f"returns {came}, where gradients are expected; {SAY}")
    own = [name for name in leaves if name in DIFFERENTIABLE]
    numbers = [n for n in DIFFERENTIABLE if n in own or n in case.options]
    for order in (own, numbers, list(DIFFERENTIABLE), ["query", "key", "value"]):
        if len(grads) == len(order):
            return {
                f"d_{name}": None if x is None else _array(x, f"the gradient of {name}")
                for name, x in zip(order, grads, strict=True)
                if name in own or (name in numbers and x is not None)
            }
    expected = ", ".join(f"d_{name}" for name in own)
    raise ReturnError(f"returns {len(grads)} gradients; {len(own)} are expected: {expected}; or {SAY}")


def unpacked(result: Any) -> tuple[Any, Any]:
    """The two entries of (output, saved)."""
    if isinstance(result, tuple | list) and len(result) == 2:
        return result[0], result[1]
    form = "nothing" if result is None else type(result).__name__
    length = f" of {len(result)}" if isinstance(result, tuple | list) else ""
    raise ReturnError(f"returns {form}{length}; (output, saved) is expected")


def in_base_two(lse: Any, right: Any) -> bool:
    """True if an lse is 1 / ln 2 times the right one."""
    lse, right = np.asarray(lse), np.asarray(right)
    if lse.shape != right.shape or not np.isfinite(right).all():
        return False
    return bool(np.allclose(lse * np.log(2), right, 0.05, 0.02) and not np.allclose(lse, right, 0.05, 0.02))
