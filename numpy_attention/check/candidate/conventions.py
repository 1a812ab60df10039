"""How a candidate is called: its options by their own names, where the diagonal is, which axis is which."""

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..cases.cases import EXTRAS, OPTIONS

ALIASES = {
    "causal": ("is_causal",),
    "window": ("window_size", "local_window_size"),
    "mask": ("attn_mask", "attention_mask"),
    "bias": ("attn_bias", "attention_bias"),
    "scale": ("sm_scale", "softmax_scale", "scaling"),
    "softcap": ("soft_cap", "logits_soft_cap", "logit_cap"),
    "sinks": ("sink", "s_aux", "attention_sinks"),
    "dropout": ("dropout_mask", "dropout_multipliers"),
    "q_offset": ("query_offset", "q_start"),
    "d_out": ("do", "dout", "grad_out", "grad_output"),
}
"""Other names under which an option is known. dropout_p is none: it is a rate, and draws its own mask."""

LAYOUTS = ("BHLD", "BLHD")
MASKS = ("visible", "hidden", "additive")
CORNERS = ("top_left", "bottom_right")


class Convention(NamedTuple):
    """What a user says of how the candidate is called; None where nothing was said. Nothing is guessed."""

    supports: tuple[str, ...] | None = None
    names: Mapping[str, str] = MappingProxyType({})
    layout: str = "BHLD"
    mask: str | None = None
    causal: str | None = None


class Binding(NamedTuple):
    """Under which name each option is passed; `order` lists the parameters where all go by position."""

    names: dict[str, str]
    defaults: dict[str, Any]
    required: tuple[str, ...]
    order: tuple[str, ...] = ()
    unread: bool = False

    def arguments(self, options: Mapping[str, Any], width: int) -> tuple[list[Any], dict[str, Any]]:
        """What goes behind query, key and value: by position, and by name."""
        given = {self.names[option]: x for option, x in options.items()}
        for option, parameter in self.names.items():
            if parameter in self.required and parameter not in given:
                given[parameter] = neutral(option, width)
        if not self.order:
            return [], given
        last = max((self.order.index(name) for name in given), default=-1)
        return [given.get(name, self.defaults.get(name)) for name in self.order[: last + 1]], {}


def neutral(option: str, width: int) -> Any:
    """What an option that must be given is given where it is not in use."""
    of = {"causal": False, "q_offset": 0, "scale": 1 / math.sqrt(width or 1), "window": (-1, -1)}
    return of.get(option)


def convention(
    supports: Any = None, names: Any = None, layout: str = "BHLD", mask: Any = None, causal: Any = None
) -> Convention:
    """A convention from words, each of them checked.

    Raises
    ------
    ValueError
        For a word that is not known.
    """
    known = (*OPTIONS, *EXTRAS)
    for what, given, among in (
        ("layout", layout, LAYOUTS),
        ("mask", mask, MASKS),
        ("causal", causal, CORNERS),
    ):
        if given is not None and given not in among:
            raise ValueError(f"{what} is {given!r}; one of {', '.join(among)} is expected")
    names = dict(names or {})
    for option in (*(supports or ()), *names.values()):
        if option not in (*known, "d_out"):
            raise ValueError(f"{option!r} is no option of attention; there are {', '.join(known)}")
    return Convention(None if supports is None else tuple(supports), names, layout, mask, causal)


def bind(function: Callable[..., Any], said: Convention) -> Binding:
    """Read from a signature, and from what was said, which options a function takes.

    Raises
    ------
    ValueError
        If a parameter is required that nothing is known of.
    """
    owner: Any = getattr(function, "__self__", None)
    applied = inspect.isclass(owner) and hasattr(owner, "forward") and function.__name__ == "apply"
    parameters = _parameters(owner.forward if applied else function)
    unread = parameters is None
    named = list(parameters or ())
    if applied and named and named[0].name in ("ctx", "_ctx", "self"):
        named = named[1:]
    named = named[3:]
    options: dict[str, str] = {}
    for parameter in named:
        if (option := said.names.get(parameter.name) or _option(parameter.name)) is not None:
            options.setdefault(option, parameter.name)
    for name, option in said.names.items():
        options.setdefault(option, name)
    for option in said.supports or ():
        if option in OPTIONS or option in ("d_lse", "d_weights"):
            options.setdefault(option, option)
    if said.supports is not None:
        options = {o: n for o, n in options.items() if o in said.supports or o == "d_out"}
    required = [p.name for p in named if p.default is p.empty]
    if unknown := [name for name in required if name not in options.values()]:
        raise ValueError(
            f"the candidate requires {unknown[0]!r}, which is no option that is known: "
            f"say --map {unknown[0]}=OPTION"
        )
    return Binding(
        options,
        {p.name: p.default for p in named if p.default is not p.empty},
        tuple(required),
        tuple(p.name for p in named) if applied else (),
        unread,
    )


def _option(name: str) -> str | None:
    if name in OPTIONS or name in ("d_out", "d_lse", "d_weights"):
        return name
    return next((option for option, others in ALIASES.items() if name in others), None)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """Those that can be named; None if there is nothing to read."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [p for p in found if p.kind not in kinds]
    return named or None
