"""What a fault is, and how one is planted: a wrong function in the place of a right one.

A fault is written as the function that makes the mistake, and its docstring tells the mistake. A family's
decorators put it into the pair concerned:

    @family.forward("mask")      one step's forward       @family.visible()   the mask that all steps see
    @family.backward("mask")     one step's backward      @family.steps()     several steps at once
    @family.pair()               a whole pair

Nothing is patched: what is right stays right beside it.
"""

import inspect
import textwrap
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ...functional.attention.attention import attention_with
from ...functional.attention.steps import STEPS, Steps
from ...functional.base.admission import Array
from ...functional.base.arrays import Pair
from .conditions import Condition, all_of, describe, everywhere, mask_differs, with_visible_keys

EVERY = ("float64", "float32", "float16", "bfloat16")
FINE = ("float64", "float32")
"""Where half precision rounds away what a mistake changes."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Fault(NamedTuple):
    """A mistake that is made, planted in a pair that is called as the right one is.

    `rule` names the row of `check/pairs/rules.py` concerned, "adam" or "adamw" (whose pair has the step as
    its forward and no backward). `active` says of a call's options whether the mistake can show there;
    `dtypes` in which it can be told from rounding. `steps` are those of attention with the mistake in, or
    None where it is none of a step; `function` is what was written wrong.
    """

    name: str
    family: str
    statement: str
    rule: str
    pair: Pair
    active: Condition
    dtypes: tuple[str, ...]
    steps: Steps | None
    function: Callable[..., Any]

    @property
    def source(self) -> str:
        """The lines that make the mistake."""
        return textwrap.dedent(inspect.getsource(self.function)).rstrip()

    @property
    def concerns_laws(self) -> bool:
        """Whether the laws have a say: they read what one call of attention gave, no more."""
        return self.rule == "attention" and self.family != "memory"

    @property
    def shows_where(self) -> str:
        """Where it is active: "where …"."""
        return describe(self.active)

    @property
    def remark(self) -> str:
        """What is known of it besides: where it was seen."""
        return " ".join((inspect.getdoc(self.function) or "").partition("\n\n")[2].split())


class FaultFamily:
    """Faults of one kind, of one rule; `pair` is the rule's own, that of attention if None."""

    def __init__(self, name: str, rule: str = "attention", pair: Pair | None = None) -> None:
        self.name, self.rule, self.own = name, rule, pair
        self.faults: list[Fault] = []

    def forward(
        self, step: str = "", *, active: Condition = everywhere, dtypes: tuple[str, ...] = EVERY
    ) -> Callable[[_Function], _Function]:
        """Decorates a wrong forward: of a step, or of the rule's pair."""

        def planted(function: _Function) -> _Function:
            wrong = Pair(function, self._right(step).backward)
            return self._take(function, wrong, step, active, dtypes)

        return planted

    def backward(
        self, step: str = "", *, active: Condition = everywhere, dtypes: tuple[str, ...] = EVERY
    ) -> Callable[[_Function], _Function]:
        """Decorates a wrong backward: of a step, or of the rule's pair."""

        def planted(function: _Function) -> _Function:
            wrong = Pair(self._right(step).forward, function)
            return self._take(function, wrong, step, active, dtypes)

        return planted

    def steps(
        self, *, active: Condition = everywhere, dtypes: tuple[str, ...] = EVERY
    ) -> Callable[[_Function], _Function]:
        """Decorates a function that gives the steps with the mistake in several of them."""

        def planted(function: _Function) -> _Function:
            steps = function()
            self._add(function, attention_with(steps), steps, active, dtypes)
            return function

        return planted

    def visible(
        self, *, active: Condition = everywhere, dtypes: tuple[str, ...] = EVERY
    ) -> Callable[[_Function], _Function]:
        """Decorates a wrong mask: what every step takes for visible, of what is."""

        def planted(function: _Function) -> _Function:
            steps = steps_with_visible(function)
            changed = mask_differs(function)
            where = changed if active is everywhere else all_of(changed, active)
            self._add(function, attention_with(steps), steps, where, dtypes)
            return function

        return planted

    def pair(
        self, *, active: Condition = everywhere, dtypes: tuple[str, ...] = EVERY
    ) -> Callable[[_Function], _Function]:
        """Decorates a function that gives the whole pair."""

        def planted(function: _Function) -> _Function:
            self._add(function, function(), None, active, dtypes)
            return function

        return planted

    def _right(self, step: str) -> Pair:
        right: Pair | None = getattr(STEPS, step) if step else self.own
        assert right is not None, f"{self.name} has no pair of its own"
        return right

    def _take(
        self, function: _Function, wrong: Pair, step: str, active: Condition, dtypes: tuple[str, ...]
    ) -> _Function:
        steps = STEPS._replace(**{step: wrong}) if step else None
        self._add(function, attention_with(steps) if steps else wrong, steps, active, dtypes)
        return function

    def _add(
        self,
        function: Callable[..., Any],
        pair: Pair,
        steps: Steps | None,
        active: Condition,
        dtypes: tuple[str, ...],
    ) -> None:
        what = (inspect.getdoc(function) or "").partition("\n\n")[0]
        where = with_visible_keys(active) if self.rule == "attention" else active
        name = function.__name__.strip("_").replace("_", "-")
        self.faults.append(
            Fault(name, self.name, " ".join(what.split()), self.rule, pair, where, dtypes, steps, function)
        )


def steps_with_visible(change: Callable[[Array], Array]) -> Steps:
    """The steps, every one of which is told to see `change(visible)`."""

    def taking(forward: Callable[..., Any], place: int) -> Callable[..., Any]:
        @wraps(forward)
        def changed(*arguments: Any) -> Any:
            visible = arguments[place] if len(arguments) > place else None
            return forward(*arguments[:place], None if visible is None else change(visible))

        return changed

    places = {"score": 3, "softcap": 2, "mask": 1, "softmax": 2, "dropout": 2, "values": 2}
    return STEPS._replace(
        **{
            step: Pair(taking(getattr(STEPS, step).forward, place), getattr(STEPS, step).backward)
            for step, place in places.items()
        }
    )


# ------------------------------------------------------------------------- a word to a later step


class TaggedArray(np.ndarray[Any, Any]):
    """An array with a note for a later step, which it keeps through arithmetic."""

    note: Any

    def __array_finalize__(self, of: Any) -> None:
        self.note = getattr(of, "note", None)


def tagged(array: Array, note: Any) -> Array:
    """The array, with a note."""
    with_note = np.asarray(array).view(TaggedArray)
    with_note.note = note
    return with_note


def tag_of(array: Any) -> Any:
    """The note that an array carries, or None."""
    return getattr(array, "note", None)
