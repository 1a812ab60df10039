"""Match a candidate's parameters to a rule's arguments: its own names, common other names, or --map."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.wording import did_you_mean

OTHER_NAMES = {
    "axis": "dim axes",
    "weight": "gamma g scale w kernel table embeddings",
    "bias": "beta b offset shift attn_bias",
    "eps": "epsilon variance_epsilon layer_norm_eps layer_norm_epsilon",
    "targets": "target labels label y y_true classes",
    "slope": "negative_slope alpha",
    "positions": "pos position position_ids",
    "base": "theta rope_theta",
    "width": "rotary_dim rot_dim",
    "query": "q queries",
    "key": "k keys",
    "weight_query": "wq w_q w_query weight_q",
    "weight_key": "wk w_k w_key weight_k",
    "vector": "v",
    "sharpness": "scale beta temperature",
    "indices": "ids idx tokens token_ids",
    "scale": "sm_scale scaling",
    "value": "v values",
    "scores": "logits attn_scores",
    **dict.fromkeys(("capped", "biased", "masked"), "scores logits"),
    "thinned": "weights attn probs",
    "softcap": "cap logit_cap soft_cap logits_soft_cap",
    "visible": "mask attn_mask keep",
    "mask": "visible attn_mask",
    "multipliers": "mask dropout_mask keep",
    "dropout": "multipliers dropout_mask",
    "sinks": "sink s_aux attention_sinks",
    "slopes": "slope alibi_slopes",
    "table": "bias_table relative_attention_bias",
    "buckets": "bucket index relative_position_index",
    "offset": "q_offset start",
    "out_1": "out1 out out_a prefix_output",
    "lse_1": "lse1 lse lse_a prefix_lse",
    "out_2": "out2 block_out out_b suffix_output",
    "lse_2": "lse2 block_lse lse_b suffix_lse",
    "d_out": "dout do dy grad_out grad_output upstream cotangent",
    "d_lse": "dlse grad_lse",
    "params": "parameters",
    "grads": "gradients updates grad",
    "lr": "learning_rate step_size eta",
    "weight_decay": "wd decay",
    "momentum": "mu",
    "beta1": "b1 beta_1",
    "beta2": "b2 beta_2",
}
"""Common other names of each argument. The first parameter may have any name: it is the first argument."""

Derived = Callable[[Mapping[str, Any], Any], Any]
"""A parameter's value from the rule's arguments and the parameter's default."""


def _approximate(tanh: bool) -> Derived:
    """jax's gelu takes a truth value, torch's a word."""
    return lambda arguments, default: ("tanh" if tanh else "none") if isinstance(default, str) else tanh


def _last_axis(arguments: Mapping[str, Any], default: Any) -> tuple[int, ...]:
    return tuple(np.shape(arguments["x"])[-1:])


DERIVED: dict[str, dict[str, Derived]] = {
    "layer_norm": {"normalized_shape": _last_axis},
    "rms_norm": {"normalized_shape": _last_axis},
    "gelu": {"approximate": _approximate(tanh=False)},
    "gelu_tanh": {"approximate": _approximate(tanh=True)},
    **dict.fromkeys(
        ("sigmoid weights", "sparsemax", "entmax"),
        dict.fromkeys(("dim", "axis"), lambda arguments, default: -1),
    ),
}
"""Parameters of known libraries that are no argument of the rule, but follow from its arguments."""


def _ones(arguments: Mapping[str, Any]) -> Any:
    return np.ones(np.shape(arguments["x"])[-1:])


def _zeros(arguments: Mapping[str, Any]) -> Any:
    return np.zeros(np.shape(arguments["x"])[-1:])


def _none(arguments: Mapping[str, Any]) -> Any:
    return None


NEUTRAL: dict[str, dict[str, Callable[[Mapping[str, Any]], Any]]] = {
    "layer_norm": {"weight": _ones, "bias": _zeros},
    "rms_norm": {"weight": _ones},
    "linear": {"bias": _none},
    "location_scores": {"bias": _none},
    "score": {"scale": lambda arguments: 1 / max(np.shape(arguments["query"])[-1], 1) ** 0.5},
    "softmax_step": {"sinks": _none},
}
"""Values of arguments that the candidate does not take: those that change nothing, and the usual scale."""

COTANGENTS = ("d_out", "d_lse")


class Parameters(NamedTuple):
    """The candidate's parameter for each argument, and values for those that are no arguments."""

    names: dict[str, str]
    derived: dict[str, tuple[Derived, Any]]
    by_place: tuple[str, ...]
    defaults: dict[str, Any]
    absent: tuple[str, ...]

    def arguments(
        self, values: Mapping[str, Any], shown: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments: native `values` by name; `shown` are the rule's own arrays."""
        named = {self.names[name]: x for name, x in values.items() if name in self.names}
        named |= {name: value(shown, default) for name, (value, default) in self.derived.items()}
        last = max((self.by_place.index(name) for name in named if name in self.by_place), default=-1)
        args = [named.pop(name, self.defaults.get(name)) for name in self.by_place[: last + 1]]
        return args, named


def match(
    rule: str, wanted: Sequence[inspect.Parameter], function: Callable[..., Any], names: Mapping[str, str]
) -> Parameters:
    """Match the parameters of `function` to the `wanted` ones of a rule.

    Raises
    ------
    ValueError
        For a required parameter that is no argument, a required argument that is no parameter, and a map to
        an unknown argument.
    """
    wanted = [parameter for parameter in wanted if parameter.name != "threads"]  # no part of the result
    known = [parameter.name for parameter in wanted]
    expected = f"the arguments of {rule} are {', '.join(known)}"
    for name, meant in names.items():
        if meant not in (*known, *COTANGENTS):
            raise ValueError(f"{name}={meant}: {expected}{did_you_mean(meant, known)}")
    parameters, by_place = parameters_of(function)
    if parameters is None:
        needed = tuple(p.name for p in wanted if p.default is p.empty)
        return Parameters({name: name for name in needed}, {}, needed, {}, ())
    found: dict[str, str] = {}
    derived: dict[str, tuple[Derived, Any]] = {}
    unknown = []
    others = [p for p in parameters if p.kind is p.VAR_KEYWORD]
    parameters = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    for place, parameter in enumerate(parameters):
        name = parameter.name
        argument = names.get(name) or argument_named(name, known)
        if argument is None and not place:
            argument = known[0]
        if argument is not None and argument not in found:
            found[argument] = name
        elif (value := DERIVED.get(rule, {}).get(name)) is not None:
            derived[name] = value, parameter.default
        elif parameter.default is parameter.empty:
            unknown.append(name)
    if unknown:
        raise ValueError(
            f"the candidate requires {unknown[0]!r}, and {expected}: add --map {unknown[0]}=ARGUMENT, or "
            f"wrap it in a function of these"
        )
    neutral = NEUTRAL.get(rule, {})
    missing = [p.name for p in wanted if p.name not in found]
    required = [
        p.name for p in wanted if p.default is p.empty and p.name in missing and p.name not in neutral
    ]
    if required:
        raise ValueError(
            f"the candidate takes no {required[0]}: {expected}, its own are "
            f"{', '.join(p.name for p in parameters)}; add --map NAME={required[0]}"
        )
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    if others:
        defaults |= dict.fromkeys(missing)
        found |= {name: name for name in missing}
        missing = []
    return Parameters(found, derived, by_place, defaults, tuple(missing))


def argument_named(name: str, known: Sequence[str]) -> str | None:
    """The argument that a parameter's name stands for: itself, or the first of which it is another name."""
    everything = (*known, *COTANGENTS)
    if name in everything:
        return name
    others = (argument for argument in everything if name.lower() in OTHER_NAMES.get(argument, "").split())
    return next(others, None)


def gradient_named(name: str, known: Sequence[str]) -> str | None:
    """The argument whose gradient has this name: d_x, dx, grad_x, x_grad, or x itself."""
    for pattern in ("d_(.+)", "grad_(.+)", "d(.+)", "(.+)_grad", "(.+)"):
        whole = re.fullmatch(pattern, name)
        if whole and (argument := argument_named(whole[1], known)) not in (None, *COTANGENTS):
            return argument
    return None


def parameters_of(function: Callable[..., Any]) -> tuple[list[inspect.Parameter] | None, tuple[str, ...]]:
    """Parameters, from the signature or the docstring's first line; and those to be passed by place."""
    owner: Any = getattr(function, "__self__", None)
    applied = inspect.isclass(owner) and hasattr(owner, "forward") and function.__name__ == "apply"
    try:
        parameters = [*inspect.signature(owner.forward if applied else function).parameters.values()]
    except (TypeError, ValueError):
        parameters = _documented(getattr(function, "__doc__", None) or "")
    if applied and parameters and parameters[0].name in ("ctx", "_ctx", "self"):
        parameters = parameters[1:]
    parameters = [p for p in parameters if p.kind is not p.VAR_POSITIONAL]
    places = [p.name for p in parameters if applied or p.kind is p.POSITIONAL_ONLY]
    return parameters or None, tuple(places)


def _documented(text: str) -> list[inspect.Parameter]:
    """Parameters from a docstring that starts with the call, as those of compiled functions do."""
    call = re.match(r"\s*\w+\(([^()]*)\)", text)
    parameters: list[inspect.Parameter] = []
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for word in call[1].split(",") if call else ():
        name, equals, default = (part.strip() for part in word.partition("="))
        if name == "/":
            parameters = [p.replace(kind=p.POSITIONAL_ONLY) for p in parameters]
        elif name == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
        elif name.isidentifier():
            value = default.strip("'\"") if equals else inspect.Parameter.empty
            parameters.append(inspect.Parameter(name, kind, default=value))
    return parameters
