"""How a candidate is called: its names of the options, its layout, its causal alignment and mask meaning."""

import inspect
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ..cases.specification import EXTRAS, OPTIONS

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
"""Common other names of each option. dropout_p is not among them: it is a rate, with a mask drawn inside."""

LAYOUTS = ("BHLD", "BLHD")
MASKS = ("visible", "hidden", "additive")
CORNERS = ("top_left", "bottom_right")


class Convention(NamedTuple):
    """The user's statements on how to call the candidate; None means not stated, and nothing is guessed."""

    supports: tuple[str, ...] | None = None
    names: Mapping[str, str] = MappingProxyType({})
    layout: str = "BHLD"
    mask: str | None = None
    causal: str | None = None


class Binding(NamedTuple):
    """The parameter of each option; `order` lists the parameters if all must be passed by position."""

    names: dict[str, str]
    defaults: dict[str, Any]
    required: tuple[str, ...]
    order: tuple[str, ...] = ()
    no_signature: bool = False

    def arguments(self, options: Mapping[str, Any], width: int) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments after query, key and value."""
        values = {self.names[option]: x for option, x in options.items()}
        for option, parameter in self.names.items():
            if parameter in self.required and parameter not in values:
                values[parameter] = neutral_value(option, width)
        if not self.order:
            return [], values
        last = max((self.order.index(name) for name in values), default=-1)
        return [values.get(name, self.defaults.get(name)) for name in self.order[: last + 1]], {}


def neutral_value(option: str, width: int) -> Any:
    """Neutral value for a required, unused option."""
    neutral = {"causal": False, "q_offset": 0, "scale": 1 / math.sqrt(width or 1), "window": (-1, -1)}
    return neutral.get(option)


def checked_convention(
    supports: Any = None, names: Any = None, layout: str = "BHLD", mask: Any = None, causal: Any = None
) -> Convention:
    """A Convention from the user's words.

    Raises
    ------
    ValueError
        For an unknown option, layout, mask meaning or alignment.
    """
    choices_of = {"layout": (layout, LAYOUTS), "mask": (mask, MASKS), "causal": (causal, CORNERS)}
    for argument, (value, choices) in choices_of.items():
        if value is not None and value not in choices:
            raise ValueError(f"{argument} is {value!r}; one of {', '.join(choices)} is expected")
    names = dict(names or {})
    known = (*OPTIONS, *EXTRAS)
    for option in (*(supports or ()), *names.values()):
        if option not in (*known, "d_out"):
            raise ValueError(f"{option!r} is not an option of attention; options are {', '.join(known)}")
    return Convention(None if supports is None else tuple(supports), names, layout, mask, causal)


def bind(function: Callable[..., Any], convention: Convention) -> Binding:
    """Match a function's parameters to options, by its signature and the user's convention.

    Raises
    ------
    ValueError
        If a required parameter matches no option.
    """
    owner: Any = getattr(function, "__self__", None)
    applied = inspect.isclass(owner) and hasattr(owner, "forward") and function.__name__ == "apply"
    signature = _parameters(owner.forward if applied else function)
    parameters = list(signature or ())
    if applied and parameters and parameters[0].name in ("ctx", "_ctx", "self"):
        parameters = parameters[1:]
    parameters = parameters[3:]  # behind query, key and value
    options: dict[str, str] = {}
    for parameter in parameters:
        if (option := convention.names.get(parameter.name) or _option(parameter.name)) is not None:
            options.setdefault(option, parameter.name)
    for name, option in convention.names.items():
        options.setdefault(option, name)
    for option in convention.supports or ():
        if option in OPTIONS or option in ("d_lse", "d_weights"):
            options.setdefault(option, option)
    if convention.supports is not None:
        options = {o: n for o, n in options.items() if o in convention.supports or o == "d_out"}
    required = [p.name for p in parameters if p.default is p.empty]
    if unknown := [name for name in required if name not in options.values()]:
        raise ValueError(
            f"the candidate requires the parameter {unknown[0]!r}, which matches no option: "
            f"add --map {unknown[0]}=OPTION"
        )
    return Binding(
        options,
        {p.name: p.default for p in parameters if p.default is not p.empty},
        tuple(required),
        tuple(p.name for p in parameters) if applied else (),
        signature is None,
    )


def _option(name: str) -> str | None:
    """The option that a parameter name stands for, by itself or as an alias."""
    if name in OPTIONS or name in ("d_out", "d_lse", "d_weights"):
        return name
    return next((option for option, others in ALIASES.items() if name in others), None)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The named parameters; None without a readable signature."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p for p in parameters if p.kind not in variadic] or None
