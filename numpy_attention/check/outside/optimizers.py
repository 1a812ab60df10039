"""Optimizers as rules: ten steps from parameters and gradients to the parameters after each step.

As a rule, an optimizer is a function (params (n,), grads (10, n), **options) -> out (10, n). A candidate is
run in its own form: on a dict of two arrays, or on one array.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import brief
from ...optim.adam import adam_init, adam_step, adamw_step
from ...optim.sgd import sgd_init, sgd_step
from ..candidate.frameworks import NumPy, to_numpy
from ..candidate.returned import ReturnError
from ..pairs.function_rules import Rule
from .calling import RuleCall, RuleResults
from .names import Parameters, match

SHAPES = {"weight": (3, 5), "bias": (5,)}

EACH_OPTION = ("lr", "beta1", "beta2", "betas", "eps", "weight_decay", "momentum")


def as_tree(row: Array) -> dict[str, Array]:
    """The parameters of a row, by name."""
    first = int(np.prod(SHAPES["weight"]))
    return {"weight": row[:first].reshape(SHAPES["weight"]), "bias": row[first:].copy()}


def as_row(tree: Mapping[str, Any]) -> Array:
    """The parameters in one row, in float64."""
    return np.concatenate([to_numpy(tree[name]).numbers.ravel() for name in SHAPES])


def in_steps(step: Callable[..., Any], init: Callable[..., Any]) -> Callable[..., Any]:
    """The forward of an optimizer's rule."""

    def forward(params: Array, grads: Array, **options: Any) -> tuple[Array, None]:
        tree, rows = as_tree(params), []
        state = init(tree)
        for grad in grads:
            tree, state = step(tree, as_tree(grad), state, **options)
            rows.append(as_row(tree))
        return np.array(rows), None

    return forward


def no_gradients(d_out: Any, saved: Any) -> dict[str, Any]:
    """An optimizer has none."""
    return {}


def _rule(name: str, step: Callable[..., Any], init: Callable[..., Any]) -> Rule:
    return Rule(name, in_steps(step, init), no_gradients, ())


STEPS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "adam": (adam_step, adam_init),
    "adamw": (adamw_step, adam_init),
    "sgd": (sgd_step, sgd_init),
}
OPTIMIZERS = {name: _rule(name, *functions) for name, functions in STEPS.items()}
"""Rules by the names of optimizers."""


class Form(NamedTuple):
    """How a candidate is run: "class", "step", "update" or "factory"; the init of its state, if given."""

    name: str
    function: Callable[..., Any]
    init: Callable[..., Any] | None = None


def form_of(candidate: Any) -> Form:
    """A torch.optim.Optimizer, a step (or init and step), optax's (init, update) or what returns them."""
    if inspect.isclass(candidate):
        if not hasattr(candidate, "zero_grad"):
            raise TypeError(f"the candidate is a class, {candidate.__name__}, but no torch.optim.Optimizer")
        return Form("class", candidate)
    if (pair := _init_and_update(candidate)) is not None:
        first = next(iter(inspect.signature(pair[1]).parameters), "")
        return Form("step" if first.startswith("param") else "update", pair[1], pair[0])
    if not callable(candidate):
        raise TypeError(f"the candidate is {type(candidate).__name__}; a function or a class is expected")
    named = {*inspect.signature(candidate).parameters} & {"params", "grads", "gradients", "grad"}
    return Form("step" if named else "factory", candidate)


def _init_and_update(candidate: Any) -> tuple[Any, Any] | None:
    both = getattr(candidate, "init", None), getattr(candidate, "update", None)
    if isinstance(candidate, tuple) and len(candidate) == 2 and not hasattr(candidate, "init"):
        both = candidate
    return both if all(map(callable, both)) else None


class OptimizerCandidate:
    """A candidate for an optimizer, called like a `RuleCandidate`."""

    returns_gradients = True
    uses_d_lse = False

    def __init__(self, candidate: Any, rule: Rule, names: Mapping[str, str]) -> None:
        self.rule = rule
        self.form, self.function, self.init = form_of(candidate)
        self.own_init = STEPS[rule.name][1]
        self.wanted = [p for p in inspect.signature(STEPS[rule.name][0]).parameters.values()
                       if p.kind is p.KEYWORD_ONLY and p.name != "eps_added"]  # fmt: skip
        first = {"class": ("params",), "step": ("params", "grads", "state")}.get(self.form, ())
        parameter = partial(inspect.Parameter, kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
        wanted = [parameter(name) for name in first] + [parameter(n, default=None) for n in EACH_OPTION]
        found = Parameters({}, {}, (), {}, EACH_OPTION)
        if self.form != "update":
            found = match(rule.name, wanted, self.function, names)
        if "betas" in found.names:  # by that name, or all names
            for name in ("beta1", "beta2"):
                found.names.pop(name, None)
        taken = {*found.names} | ({"betas"} if "beta1" in found.names else set())
        absent = tuple(p.name for p in self.wanted if p.name not in taken)
        self.parameters = found._replace(absent=absent)

    def supported(self, needs: tuple[str, ...]) -> str:
        """The first option in use that the candidate does not take; "" if it takes all."""
        return next((name for name in needs if name in self.parameters.absent), "")

    def adapted(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments themselves."""
        return dict(arguments)

    def call(self, call: RuleCall, framework: NumPy) -> RuleResults:
        """The parameters after each step."""
        run: Any = {"class": self._class, "step": self._step}.get(self.form, self._update)
        out = run(call, framework, lambda row: self._native(row, framework, call))
        last = to_numpy(out[-1]["weight"] if isinstance(out[-1], Mapping) else out[-1]).dtype
        rows = [as_row(x) if isinstance(x, Mapping) else to_numpy(x).numbers.ravel() for x in out]
        return RuleResults({"out": to_numpy(np.array(rows))._replace(dtype=last)}, (), framework.name)

    def _native(self, row: Array, framework: NumPy, call: RuleCall) -> dict[str, Any]:
        return {name: framework.from_numpy(x, call.kept) for name, x in as_tree(row).items()}

    def _options(self, call: RuleCall, **first: Any) -> tuple[list[Any], dict[str, Any]]:
        defaults = {p.name: p.default for p in self.wanted}
        options = {name: call.arguments.get(name, x) for name, x in defaults.items()}
        if "beta1" in self.parameters.names:
            options["beta1"], options["beta2"] = options.pop("betas")
        return self.parameters.arguments(first | options, {})

    def _class(self, call: RuleCall, framework: Any, native: Callable[[Array], Any]) -> list[Any]:
        if framework.name != "torch":
            raise ReturnError("a torch.optim.Optimizer takes torch's tensors")
        params = {
            name: framework.torch.nn.Parameter(x) for name, x in native(call.arguments["params"]).items()
        }
        args, named = self._options(call, params=list(params.values()))
        optimizer, rows = self.function(*args, **named), []
        for row in call.arguments["grads"]:
            for name, grad in native(row).items():
                params[name].grad = grad
            optimizer.step()
            rows.append({name: param.detach().clone() for name, param in params.items()})
        return rows

    def _step(self, call: RuleCall, framework: NumPy, native: Callable[[Array], Any]) -> list[Any]:
        """With a dict of arrays, or one array; the state from its own init, None, {}, or this package's."""
        inits = [self.init] if self.init else [lambda params: None, lambda params: {}, self.own_init]
        failure: Exception | None = None
        for form in (native, lambda row: framework.from_numpy(row, call.kept)):
            for init in inits:
                try:
                    return self._steps(call, form, init)
                except Exception as error:
                    failure = failure or error
        assert failure is not None
        raise failure

    def _steps(self, call: RuleCall, native: Callable[[Array], Any], init: Any) -> list[Any]:
        params, rows = native(call.arguments["params"]), []
        state = init(params)
        for row in call.arguments["grads"]:
            args, named = self._options(call, params=params, grads=native(row), state=state)
            result = self.function(*args, **named)
            if result is not None:  # None: the step was made in place
                if not isinstance(result, tuple | list) or len(result) != 2:
                    raise ReturnError(f"returns {brief(result)}; (params, state) is expected")
                params, state = result
            rows.append({n: x + 0 for n, x in params.items()} if isinstance(params, Mapping) else params + 0)
        return rows

    def _update(self, call: RuleCall, framework: NumPy, native: Callable[[Array], Any]) -> list[Any]:
        init, update = self.init, self.function
        if self.form == "factory":
            args, named = self._options(call)
            pair = _init_and_update(self.function(*args, **named))
            if pair is None:
                raise ReturnError("returns no optimizer with init and update")
            init, update = pair
        assert init is not None
        params, rows = native(call.arguments["params"]), []
        state = init(params)
        for row in call.arguments["grads"]:
            updates, state = update(native(row), state, params)
            params = {name: x + updates[name] for name, x in params.items()}
            rows.append(params)
        return rows
