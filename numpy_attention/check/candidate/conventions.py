"""How a candidate is called: its names of the options, its layout, its causal alignment and mask meaning."""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ...functional.base.wording import brief
from ..cases.specification import EXTRAS, OPTIONS

ALIASES = {
    "causal": ("is_causal",),
    "window": ("window_size", "local_window_size"),
    "mask": ("attn_mask", "attention_mask", "key_padding_mask", "padding_mask"),
    "bias": ("attn_bias", "attention_bias"),
    "scale": ("sm_scale", "softmax_scale", "scaling"),
    "softcap": ("soft_cap", "logits_soft_cap", "logit_cap"),
    "sinks": ("sink", "s_aux", "attention_sinks"),
    "dropout": ("dropout_mask", "dropout_multipliers"),
    "q_offset": ("query_offset", "q_start"),
    "d_out": ("do", "dout", "grad_out", "grad_output"),
    "heads": ("num_heads", "n_heads", "n_head", "nhead", "nheads", "num_attention_heads", "q_num_heads"),
    "kv_heads": ("num_kv_heads", "n_kv_heads", "n_kv_head", "num_key_value_heads", "kv_num_heads"),
}
"""Common other names of each option. dropout_p is not among them: it is a rate, with a mask drawn inside."""

TENSOR_ALIASES = {
    "query": ("q", "queries", "xq", "query_states"),
    "key": ("k", "keys", "xk", "key_states"),
    "value": ("v", "values", "xv", "value_states"),
}
"""Common other names of the first three parameters, in small letters."""

LAYOUTS = ("BHLD", "BLHD", "BLC", "NLD", "HLD")
"""Axes of query, key, value and out: batch, heads, length, width; heads behind the length; all heads in one
axis of H·D numbers; batch and heads in one axis of B·H; one batch entry without its axis."""

MASKS = ("visible", "hidden", "additive", "padding", "real_keys")
"""Meaning of a mask: booleans (…, L, S), True = may attend or True = masked; numbers that are added; booleans
(B, S), True = padding or True = real key."""

KEY_MASKS = ("padding", "real_keys")
CORNERS = ("top_left", "bottom_right")


class Convention(NamedTuple):
    """The user's statements on how to call the candidate; None means not stated, and nothing is guessed."""

    supports: tuple[str, ...] | None = None
    names: Mapping[str, str] = MappingProxyType({})
    layout: str = "BHLD"
    mask: str | None = None
    causal: str | None = None
    always: str = ""
    window: tuple[int, int] | None = None
    square: bool = False
    groups: bool = True


class Binding(NamedTuple):
    """The parameter of each option; `order` lists the parameters if all must be passed by position.

    tensors : the parameters of query, key and value if they are passed by name.
    places : the positions of query, key and value otherwise.
    """

    names: dict[str, str]
    defaults: dict[str, Any]
    required: tuple[str, ...]
    order: tuple[str, ...] = ()
    no_signature: bool = False
    tensors: tuple[str, ...] = ()
    places: tuple[int, ...] = (0, 1, 2)

    def call(
        self,
        function: Callable[..., Any],
        tensors: tuple[Any, Any, Any],
        options: Mapping[str, Any],
        width: int,
    ) -> Any:
        """Call a function with query, key, value and options as it takes them."""
        args, named = self.arguments(options, width)
        if self.tensors:
            return function(*args, **dict(zip(self.tensors, tensors, strict=True)), **named)
        placed = [tensors[self.places.index(n)] for n in range(3)]
        return function(*placed, *args, **named)

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
    supports: Any = None, names: Any = None, layout: str = "BHLD", mask: Any = None, causal: Any = None,
    always: Any = None, square: bool = False, groups: bool = True,
) -> Convention:  # fmt: skip
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
    for argument, flag in (("square", square), ("groups", groups)):
        if not isinstance(flag, bool):
            raise TypeError(f"{argument} is {flag!r}; True or False is expected")
    names = dict(names or {})
    known = (*OPTIONS, *EXTRAS)
    for option in (*(supports or ()), *names.values()):
        if option not in (*known, "d_out") and not (option in PARAMETERS and option in names.values()):
            raise ValueError(f"{option!r} is not an option of attention; options are {', '.join(known)}")
    given = None if supports is None else tuple(supports)
    always, window = _always(always)
    return Convention(given, names, layout, mask, causal, always, window, square, groups)


PARAMETERS = (*TENSOR_ALIASES, "heads", "kv_heads")
"""Parameters that are passed in every call."""


def _always(text: Any) -> tuple[str, tuple[int, int] | None]:
    """The option that every call has, and its window: "causal", "window(3,0)" or None."""
    if text is None or text == "causal":
        return text or "", None
    if found := re.fullmatch(r"window\(\s*(\d{1,9})\s*,\s*(\d{1,9})\s*\)", str(text)):
        return "window", (int(found[1]), int(found[2]))
    raise ValueError(f"always is {brief(text)}; causal or window(LEFT,RIGHT) is expected")


# ------------------------------------------------------------------------------------------- binding


def bind(function: Callable[..., Any], convention: Convention) -> Binding:
    """Match a function's parameters to options, by its signature and the user's convention.

    Raises
    ------
    TypeError
        If query, key and value cannot be passed.
    ValueError
        If a required parameter matches no option, or a stated parameter does not exist.
    """
    owner: Any = getattr(function, "__self__", None)
    applied = inspect.isclass(owner) and hasattr(owner, "forward") and function.__name__ == "apply"
    module = getattr(function, "forward", None)  # a torch.nn.Module is called through *args
    signature = (
        _parameters(owner.forward if applied else function)
        or (callable(module) and _parameters(module))
        or None
    )
    parameters = [p for p in signature or () if p.kind not in VARIADIC]
    if applied and parameters and parameters[0].name in ("ctx", "_ctx", "self"):
        parameters = parameters[1:]
    tensors, places, parameters = _place_tensors(parameters, signature, convention.names)
    options: dict[str, str] = {}
    for parameter in parameters:
        if (option := convention.names.get(parameter.name) or _option(parameter.name)) is not None:
            options.setdefault(option, parameter.name)
    for name, option in convention.names.items():
        if option not in TENSOR_ALIASES:
            options.setdefault(option, name)
    for option in convention.supports or ():
        if option in OPTIONS or option in ("d_lse", "d_weights"):
            options.setdefault(option, option)
    if convention.supports is not None:
        kept = (*convention.supports, "d_out", "heads", "kv_heads")
        options = {o: n for o, n in options.items() if o in kept}
    names = {p.name for p in parameters}
    if signature is not None and not any(p.kind is p.VAR_KEYWORD for p in signature):
        _check_stated(options, names, convention)
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
        tensors,
        places,
    )


VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _place_tensors(
    parameters: list[inspect.Parameter], signature: list[inspect.Parameter] | None, stated: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[int, ...], list[inspect.Parameter]]:
    """Names of query, key and value if passed by name; else their positions; and the other parameters."""
    found: dict[str, int] = {}
    for n, parameter in enumerate(parameters):
        name = parameter.name.lower()
        for tensor, aliases in TENSOR_ALIASES.items():
            if stated.get(parameter.name) == tensor or (name in (tensor, *aliases) and tensor not in found):
                found[tensor] = n
    ordinary = [p for p in parameters[:3] if p.kind is not p.KEYWORD_ONLY]
    places = tuple(found.get(tensor, -1) for tensor in TENSOR_ALIASES)
    if len(ordinary) == 3:
        if sorted(places) == [0, 1, 2]:
            return (), places, parameters[3:]
        if min(places) < 0 or any(parameters[n].kind is inspect.Parameter.POSITIONAL_ONLY for n in places):
            return (), (0, 1, 2), parameters[3:]
    elif signature is None or any(p.kind is p.VAR_POSITIONAL for p in signature):
        return (), (0, 1, 2), parameters[len(ordinary) :]
    if min(places) < 0:
        names = ", ".join(p.name for p in parameters) or "nothing"
        raise TypeError(
            f"the candidate takes {names}; query, key and value are expected, by position or by name: "
            "wrap it in a function of these three, or add --map NAME=query,NAME=key,NAME=value; a "
            "function of other arrays needs --as softmax, --as layer_norm, …"
        )
    others = [p for n, p in enumerate(parameters) if n not in places]
    return tuple(parameters[n].name for n in places), places, others


def _check_stated(options: Mapping[str, str], names: set[str], convention: Convention) -> None:
    """Raise ValueError for an option that the candidate has no parameter for."""
    stated = [(option, name) for name, option in convention.names.items() if option not in TENSOR_ALIASES]
    for option, name in (*options.items(), *stated):
        if name not in names:
            has = ", ".join(sorted(names)) or "none"
            hint = f"; add --map NAME={option}" if option in (convention.supports or ()) else ""
            raise ValueError(f"the candidate has no parameter {name!r} for {option}; it has {has}{hint}")


def _option(name: str) -> str | None:
    """The option that a parameter name stands for, by itself or as an alias."""
    if name in OPTIONS or name in ("d_out", "d_lse", "d_weights", "heads", "kv_heads"):
        return name
    return next((option for option, others in ALIASES.items() if name in others), None)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters; None without a readable signature, or if none is named."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    return parameters if any(p.kind not in VARIADIC for p in parameters) else None
