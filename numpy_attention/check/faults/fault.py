"""A fault: a wrong function planted in a pair in place of the right one.

A fault is written as the function that makes the mistake; its docstring states the mistake. A decorator of
its family plants it:

    @family.forward("mask")      one step's forward       @family.visible()   the mask that all steps receive
    @family.backward("mask")     one step's backward      @family.steps()     several steps at once
    @family.pair()               a whole pair

Nothing is patched: the right pair is unchanged.
"""

import inspect
import textwrap
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from ...functional.attention.attention import attention_with
from ...functional.attention.steps import (
    STEPS,
    SoftmaxStepGradients,
    SoftmaxStepSaved,
    Steps,
    softmax_step_backward,
)
from ...functional.base.admission import Array
from ...functional.base.arrays import Pair, keep_visible, unbroadcast
from .conditions import Condition, all_of, describe, everywhere, mask_differs, with_visible_keys

Dtypes: TypeAlias = tuple[str, ...]
EVERY = ("float64", "float32", "float16", "bfloat16")
FINE = ("float64", "float32")
"""For faults whose change is lost in the rounding of half precision."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Decorator(Protocol):
    def __call__(self, function: _Function, /) -> _Function: ...


class Fault(NamedTuple):
    """A known mistake, planted in a pair that is called like the right one.

    `statement` states the mistake in a sentence. `rule` names the row of `check/pairs/rules.py` concerned, or
    "adam" or "adamw" (whose pair has the step as its forward and no backward). `active(call)` is True where
    the mistake changes a result, `dtypes` are those in which the change exceeds rounding. `steps` are
    attention's with the mistake, None if it is not in a step; `function` is the wrong function itself.
    """

    name: str
    family: str
    statement: str
    rule: str
    pair: Pair
    active: Condition
    dtypes: Dtypes
    steps: Steps | None
    function: Callable[..., Any]

    @property
    def source(self) -> str:
        """The source lines of the mistake."""
        return textwrap.dedent(inspect.getsource(self.function)).rstrip()

    @property
    def concerns_laws(self) -> bool:
        """True if the laws can detect it: they read the results of one call of attention."""
        return self.rule == "attention" and self.family not in ("memory", "state")

    @property
    def shows_where(self) -> str:
        """The description of `active`: "where …"."""
        return describe(self.active)

    @property
    def remark(self) -> str:
        """The rest of the docstring: where the mistake was made, if known."""
        return " ".join((inspect.getdoc(self.function) or "").partition("\n\n")[2].split())


class FaultFamily:
    """Faults of one kind in one rule; `pair` is the right one, None for a step of attention."""

    def __init__(self, name: str, rule: str = "attention", pair: Pair | None = None) -> None:
        self.name, self.rule, self.right = name, rule, pair
        self.faults: list[Fault] = []

    def forward(
        self,
        step: str = "",
        *,
        backward: Callable[..., Any] | None = None,
        active: Condition = everywhere,
        dtypes: Dtypes = EVERY,
    ) -> _Decorator:
        """Decorates a wrong forward, of a step or of the rule's pair, with the right backward by default."""

        def planted(function: _Function) -> _Function:
            wrong = Pair(function, backward or self._right(step).backward)
            return self._plant(function, wrong, step, active, dtypes)

        return planted

    def backward(
        self, step: str = "", *, active: Condition = everywhere, dtypes: Dtypes = EVERY
    ) -> _Decorator:
        """Decorates a wrong backward, of a step or of the rule's pair."""

        def planted(function: _Function) -> _Function:
            wrong = Pair(self._right(step).forward, function)
            return self._plant(function, wrong, step, active, dtypes)

        return planted

    def steps(self, *, active: Condition = everywhere, dtypes: Dtypes = EVERY) -> _Decorator:
        """Decorates a function that returns the steps with the mistake in several of them."""

        def planted(function: _Function) -> _Function:
            steps = function()
            self._add(function, attention_with(steps), steps, active, dtypes)
            return function

        return planted

    def visible(self, *, active: Condition = everywhere, dtypes: Dtypes = EVERY) -> _Decorator:
        """Decorates a function from the right mask to the wrong one that every step receives."""

        def planted(function: _Function) -> _Function:
            steps = steps_with_visible(function)
            changed = mask_differs(function)
            where = changed if active is everywhere else all_of(changed, active)
            self._add(function, attention_with(steps), steps, where, dtypes)
            return function

        return planted

    def pair(self, *, active: Condition = everywhere, dtypes: Dtypes = EVERY) -> _Decorator:
        """Decorates a function that returns the whole wrong pair."""

        def planted(function: _Function) -> _Function:
            self._add(function, function(), None, active, dtypes)
            return function

        return planted

    def _right(self, step: str) -> Pair:
        right: Pair | None = getattr(STEPS, step) if step else self.right
        assert right is not None, f"{self.name} has no pair of its own"
        return right

    def _plant(
        self, function: _Function, wrong: Pair, step: str, active: Condition, dtypes: Dtypes
    ) -> _Function:
        steps = STEPS._replace(**{step: wrong}) if step else None
        self._add(function, attention_with(steps) if steps else wrong, steps, active, dtypes)
        return function

    def _add(
        self, function: _Function, pair: Pair, steps: Steps | None, active: Condition, dtypes: Dtypes
    ) -> None:
        name = function.__name__.replace("_", "-")
        statement = " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
        where = with_visible_keys(active) if self.rule == "attention" else active
        planted = Fault(name, self.name, statement, self.rule, pair, where, dtypes, steps, function)
        self.faults.append(planted)


VISIBLE_PLACES = {"score": 3, "softcap": 2, "mask": 1, "softmax": 2, "dropout": 2, "values": 2}
"""The position of the argument `visible` in each step's forward."""


def steps_with_visible(change: Callable[[Array], Array]) -> Steps:
    """The steps, each of which receives `change(visible)` for visible."""

    def with_change(forward: Callable[..., Any], place: int) -> Callable[..., Any]:
        @wraps(forward)
        def changed(*arguments: Any) -> Any:
            visible = arguments[place] if len(arguments) > place else None
            return forward(*arguments[:place], None if visible is None else change(visible))

        return changed

    return STEPS._replace(
        **{
            step: Pair(with_change(getattr(STEPS, step).forward, place), getattr(STEPS, step).backward)
            for step, place in VISIBLE_PLACES.items()
        }
    )


def textbook_softmax_backward(
    d_normalised: tuple[Array, Array], saved: SoftmaxStepSaved
) -> SoftmaxStepGradients:
    """d_masked = weights * (d_weights - Σ weights * d_weights + d_lse), as kernels compute it.

    Where a fault leaves weights that do not sum to 1, the package's form, pinned at the peak, differs.
    """
    weights, d, d_lse = (
        saved.weights,
        keep_visible(d_normalised[0], saved.visible),
        d_normalised[1][..., None],
    )
    mean = (weights * d).sum(axis=-1, keepdims=True)
    right = softmax_step_backward(d_normalised, saved)
    if saved.sinks is not None and saved.sink_weights is not None:
        d_column = (saved.sink_weights * (d_lse - mean))[..., 0]
        right = right._replace(d_sinks=unbroadcast(d_column.sum(axis=-1), saved.sinks.shape))
    return right._replace(d_masked=weights * (d - mean + d_lse))


# ------------------------------------------------------------------ what a step passes to a later one


class TaggedArray(np.ndarray[Any, Any]):
    """An array that carries a tag to a later step, through arithmetic."""

    tag: Any

    def __array_finalize__(self, of: Any) -> None:
        self.tag = getattr(of, "tag", None)


def tagged(array: Array, tag: Any) -> Array:
    """A view of the array that carries a tag."""
    view = np.asarray(array).view(TaggedArray)
    view.tag = tag
    return view


def tag_of(array: Any) -> Any:
    """The tag of an array, or None."""
    return getattr(array, "tag", None)
