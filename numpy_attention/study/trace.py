"""What is seen of one run of attention: each step's run down and up, and every array by its name."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attention import AttentionGradients, AttentionSaved, attention_with
from ..functional.attention.steps import Steps
from ..functional.base.admission import Array
from ..functional.base.arrays import Pair
from .example import Example
from .line_trace import Run, watched
from .score_step import with_score
from .step_laws import Circumstances, Numbers

RESULTS = Steps("scores", "capped", "biased", "masked", "weights", "thinned", "out")
"""What each step's result is called."""

GRADIENTS = Steps(
    score=("d_query", "d_key", "d_scale"),
    softcap=("d_scores",),
    bias=("d_capped", "d_bias"),
    mask=("d_biased",),
    softmax=("d_masked", "d_sinks"),
    dropout=("d_weights",),
    values=("d_thinned", "d_value"),
)
"""What each step's gradients are called."""


class Scene(NamedTuple):
    """What a walk has seen: each step's run down, and its run up."""

    example: Example
    steps: Steps
    down: Steps
    up: Steps
    out: Array
    saved: AttentionSaved
    gradients: AttentionGradients

    @property
    def visible(self) -> Array | None:
        """Which pairs the mask lets see each other."""
        mask = self.example.options["mask"]
        return None if mask is None else np.asarray(mask.array(*self.saved.weights.shape))

    def result(self, name: str) -> Array:
        """What a step gave to the next."""
        if name == "score":
            return self.saved.scores
        result = getattr(self.down, name).result[0]
        return np.asarray(result[0] if name == "softmax" else result)

    def given_back(self, name: str) -> dict[str, Array]:
        """What a step gave back, by name."""
        result = getattr(self.up, name).result
        several = result if isinstance(result, tuple) else (result,)
        names = getattr(result, "_fields", getattr(GRADIENTS, name))
        return {d: np.asarray(x) for d, x in zip(names, several, strict=False) if x is not None}

    def skipped(self, name: str) -> bool:
        """Whether a step handed on the very array that it took, down and up."""
        runs = (getattr(self.down, name), getattr(self.up, name))
        results = [run.result if isinstance(run.result, tuple) else (run.result,) for run in runs]
        return all(
            next(iter(run.arguments.values()), None) is result[0]
            for run, result in zip(runs, results, strict=True)
        )

    def reach(self, name: str) -> float:
        """How large the numbers may have been that led to a gradient: what rounding is measured by."""
        reach = largest([self.example.d_out])
        for step in reversed(Steps._fields[Steps._fields.index(name) :]):
            run = getattr(self.down, step)
            reach *= max(1.0, largest([*run.arguments.values(), self.result(step)]))
        if name == "score" and self.example.score == "cosine":  # whose gradients are divided by lengths
            lengths = np.linalg.norm([*self.example.query, *self.example.key], axis=-1)
            reach /= min(1.0, lengths[lengths > 0].min(initial=1.0))
        return reach

    def circumstances(self) -> Circumstances:
        """What is in use, for the laws."""
        options = {name for name, option in self.example.options.items() if option is not None}
        if not self.saved.weights.any(axis=-1).all():
            options.add("blind rows")
        activation = self.example.settings.get("activation", "")
        return Circumstances(frozenset(options), self.example.score, activation)

    def numbers(self) -> Numbers:
        """Every array by its name, for the laws."""
        example = self.example
        numbers: Numbers = {name: getattr(example, name) for name in ("query", "key", "value", "d_out")}
        numbers |= arrays_of(example.options) | {"lse": self.saved.lse}
        numbers |= {f"score.{name}": x for name, x in example.parameters.items()}
        numbers |= {getattr(RESULTS, name): self.result(name) for name in Steps._fields}
        if self.visible is not None:
            numbers["visible"] = self.visible
        for name in Steps._fields:
            for d, x in self.given_back(name).items():
                own = name == "score" and d.removeprefix("d_") in example.parameters
                numbers[f"score.{d}" if own else "d_key" if d == "d_x" else d] = x
        return numbers


def scene(example: Example, steps: Steps) -> Scene:
    """Run attention down and up, and keep what every step did; steps.score is the score's own pair.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.example import example
    >>> seen = scene(example(), STEPS)
    >>> sorted(seen.down.values.arguments)
    ['thinned', 'value', 'visible']
    """
    down: list[Run] = []
    up: list[Run] = []
    watching = Steps(*(Pair(watched(a, down.append), watched(b, up.append)) for a, b in steps))
    kernel = attention_with(with_score(watching, example))
    out, saved = kernel.forward(example.query, example.key, example.value, **example.options)
    gradients = kernel.backward(example.d_out, saved)
    return Scene(example, steps, Steps(*down), Steps(*reversed(up)), out, saved, gradients)


def arrays_of(named: dict[str, Any]) -> dict[str, Array]:
    """The arrays among some arguments; of several in a tuple, the first."""
    given = {name: x[0] if isinstance(x, tuple) else x for name, x in named.items()}
    return {name: x for name, x in given.items() if isinstance(x, np.ndarray)}


def largest(arrays: Iterable[Any]) -> float:
    """The largest finite number there is."""
    finite = [x[np.isfinite(x)] for x in arrays if isinstance(x, np.ndarray)]
    return max((float(np.abs(x).max(initial=0)) for x in finite if x.dtype.kind in "fc"), default=0.0)
