"""What happens in attention, stage by stage: the seven steps down, and the same seven up.

The steps are those of the kernel, run by the kernel; each is watched, not repeated here. Beside every
gradient stands what the complex step says of it, and under every step the laws that it must keep.
"""

from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attention import AttentionGradients, AttentionSaved
from ..functional.attention.steps import STEPS, Steps
from ..functional.base.admission import Array, quiet
from ..functional.base.arrays import Pair
from .derivatives import Derivative, derivative
from .example import Example
from .line_trace import Run
from .score_step import out_of, pair_of
from .source import NONE, Source, between, equation, mathematics, read
from .step_laws import DOWN, UP, Circumstances, Numbers, Verdict, verdicts
from .trace import RESULTS, Scene, arrays_of, largest, scene


class Stage(NamedTuple):
    """One step, down or up: its equation, what came in, what lay between, and what came out.

    `derivatives` has an entry for each of a backward step's `arrays`. A step that was not asked for is
    `skipped`: it hands on what it took.
    """

    number: int
    name: str
    equation: str
    taken: dict[str, Array]
    between: dict[str, Array]
    arrays: dict[str, Array]
    derivatives: dict[str, Derivative]
    source: Source
    laws: tuple[Verdict, ...]
    skipped: bool

    @property
    def ok(self) -> bool:
        """Whether every gradient is that of the complex step, and every law holds."""
        return all(x.ok for x in self.derivatives.values()) and all(x.ok for x in self.laws)


class Walk(NamedTuple):
    """Seven stages down, seven up, and what attention itself returned.

    `tokens` is the gradient of tokens that are query, key and value at once, or None.
    """

    example: Example
    down: tuple[Stage, ...]
    up: tuple[Stage, ...]
    tokens: Derivative | None
    out: Array
    saved: AttentionSaved
    gradients: AttentionGradients

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return all(stage.ok for stage in (*self.down, *self.up)) and (self.tokens is None or self.tokens.ok)


@quiet
def walk(example: Example, *, steps: Steps = STEPS, score: Pair | None = None) -> Walk:
    """Walk a problem through the seven steps and back.

    Parameters
    ----------
    example : what `study.example.example` gives.
    steps : the seven pairs; STEPS._replace(…) shows another convention, or a planted fault.
    score : a pair instead of that of the example's score, called as that is; None is the rule's own.

    Examples
    --------
    >>> from numpy_attention.study.example import example
    >>> walked = walk(example())
    >>> walked.ok, walked.down[4].name
    (True, 'softmax')
    >>> walked.down[4].arrays["weights"].round(4)
    array([[1.    , 0.    , 0.    ],
           [0.6698, 0.3302, 0.    ],
           [0.3177, 0.6443, 0.0381]])
    >>> print(walked.down[3].source)
    masked = biased if visible is None else np.where(visible, biased, -np.inf)
    """
    seen = scene(example, steps._replace(score=score or pair_of(example, steps)))
    numbers, case = seen.numbers(), seen.circumstances()
    down = tuple(_down(seen, name, numbers, case) for name in Steps._fields)
    up = tuple(_up(seen, name, numbers, case) for name in reversed(Steps._fields))
    tokens = _tokens(seen) if example.shared else None
    return Walk(example, down, up, tokens, seen.out, seen.saved, seen.gradients)


# ----------------------------------------------------------------------------------------------- stages


def _down(seen: Scene, name: str, numbers: Numbers, case: Circumstances) -> Stage:
    run: Run = getattr(seen.down, name)
    if seen.skipped(name):
        return _handing_on(name)
    arrays = {getattr(RESULTS, name): seen.result(name)}
    if name == "softmax":
        arrays["lse"] = seen.saved.lse
    laws = verdicts(DOWN, name, numbers, case, largest(arrays.values()))
    return _stage(name, run, arrays_of(run.arguments), arrays, {}, laws)


def _up(seen: Scene, name: str, numbers: Numbers, case: Circumstances) -> Stage:
    run: Run = getattr(seen.up, name)
    if seen.skipped(name):
        return _handing_on(name)
    arrays, reach = seen.given_back(name), seen.reach(name)
    derivatives = {d: _derivative(seen, name, d, ours, reach) for d, ours in arrays.items()}
    cotangent, given = next(iter(arrays_of(run.arguments).items()))
    d = f"d_{getattr(RESULTS, name)}"  # which a score's own backward calls d_out
    taken = {d: numbers[d]} | ({} if given.shape == numbers[d].shape else {f"Σ_l {d}": given})
    taken |= {told: x for told, x in read(run).items() if told != cotangent}
    return _stage(name, run, taken, arrays, derivatives, verdicts(UP, name, numbers, case, reach))


def _stage(
    name: str,
    run: Run,
    taken: dict[str, Array],
    arrays: dict[str, Array],
    derivatives: dict[str, Derivative],
    laws: tuple[Verdict, ...],
) -> Stage:
    own = {id(x) for x in run.arguments.values()} | {id(x) for x in arrays.values()}
    inner = {told: x for told, x in between(run).items() if told not in (*arrays, "out") and id(x) not in own}
    return Stage(
        Steps._fields.index(name) + 1, name, equation(run.function), taken, inner, arrays,
        derivatives, mathematics(run), laws, skipped=False,
    )  # fmt: skip


def _handing_on(name: str) -> Stage:
    return Stage(Steps._fields.index(name) + 1, name, "", {}, {}, {}, {}, NONE, (), skipped=True)


def _derivative(seen: Scene, step: str, d: str, ours: Array, reach: float) -> Derivative:
    """A gradient of one step beside that of whatever it is the gradient of."""
    example, steps, name = seen.example, seen.steps, d.removeprefix("d_")
    if name in RESULTS:
        before = Steps._fields[RESULTS.index(name)]

        def moved(x: Array) -> Array:
            return out_of(example, steps, {before: x})

        free = seen.visible if before in ("softmax", "dropout") else None  # hidden weights stay 0
        return derivative(ours, seen.result(before), moved, example.d_out, reach, free)
    field, x = _argument(example, step, name)

    def changed(x: Array) -> Array:
        return out_of(_with(example, field, name, x), steps)

    return derivative(ours, x, changed, example.d_out, reach)


def _argument(example: Example, step: str, name: str) -> tuple[str, Array]:
    """Where in an example an argument of a step is, and the argument."""
    if step == "score" and name in example.parameters:
        return "parameters", example.parameters[name]
    if name in example.options:
        return "options", np.asarray(example.options[name])
    field = "key" if name == "x" else name  # x: of the location score, which knows no query
    return field, getattr(example, field)


def _with(example: Example, field: str, name: str, x: Array) -> Example:
    inside = getattr(example, field)
    changed: dict[str, Any] = {field: inside | {name: x} if isinstance(inside, dict) else x}
    return example._replace(**changed)


def _tokens(seen: Scene) -> Derivative:
    """Of tokens that are query, key and value: the three gradients add up."""

    def moved(x: Array) -> Array:
        return out_of(seen.example._replace(query=x, key=x, value=x), seen.steps)

    gradients = seen.gradients
    ours = gradients.d_query + gradients.d_key + gradients.d_value
    return derivative(ours, seen.example.query, moved, seen.example.d_out, seen.reach("score"))
