"""One run of attention, traced: each step's forward and backward call, and every array by name."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from ..functional.attention.attention import AttentionGradients, AttentionSaved, attention_with
from ..functional.attention.steps import Steps
from ..functional.base.admission import Array
from ..functional.base.arrays import Pair
from .derivatives import Derivative, derivative
from .example import WalkExample
from .law_results import StepEvidence
from .line_trace import LineTrace, traced
from .score_step import with_score_step
from .step_laws import D_LSE, MASKED_ROWS

RESULTS = {
    "score": "scores",
    "softcap": "capped",
    "bias": "biased",
    "mask": "masked",
    "softmax": "weights",
    "dropout": "thinned",
    "values": "out",
}
"""Step -> name of its result."""

GRADIENTS = {
    "score": ("d_query", "d_key", "d_scale"),
    "softcap": ("d_scores",),
    "bias": ("d_capped", "d_bias"),
    "mask": ("d_biased",),
    "softmax": ("d_masked", "d_sinks"),
    "dropout": ("d_weights",),
    "values": ("d_thinned", "d_value"),
}
"""Step -> names of its gradients."""


class AttentionTrace(NamedTuple):
    """One attention call, with the trace of each step's forward (`down`) and backward (`up`) by its name."""

    example: WalkExample
    steps: Steps
    down: dict[str, LineTrace]
    up: dict[str, LineTrace]
    out: Array
    saved: AttentionSaved
    gradients: AttentionGradients
    differentiate: Callable[..., Derivative] = derivative
    """Sets a gradient beside the complex step: entry by entry, or `directional`."""

    @property
    def visible(self) -> Array | None:
        """True where the mask shows a pair; None without a mask."""
        mask, shape = self.example.options["mask"], self.saved.weights.shape
        return None if mask is None else np.broadcast_to(mask.array(*shape[-2:]), shape)

    def result(self, name: str) -> Array:
        """The array that a step passed to the next."""
        if name == "score":
            return self.saved.scores
        result = self.down[name].result[0]
        return np.asarray(result[0] if name == "softmax" else result)

    def step_gradients(self, name: str) -> dict[str, Array]:
        """The gradients that a step's backward returned, by name."""
        result = self.up[name].result
        gradients = result if isinstance(result, tuple) else (result,)
        names = getattr(result, "_fields", GRADIENTS[name])
        return {d: np.asarray(x) for d, x in zip(names, gradients, strict=False) if x is not None}

    def skipped(self, name: str) -> bool:
        """True if a step returned its first argument itself, both down and up."""
        runs = (self.down[name], self.up[name])
        results = [run.result if isinstance(run.result, tuple) else (run.result,) for run in runs]
        return all(
            next(iter(run.arguments.values()), None) is result[0]
            for run, result in zip(runs, results, strict=True)
        )

    def magnitude(self, name: str) -> float:
        """Upper estimate of the numbers behind a step's gradients; their rounding error scales with it."""
        magnitude = largest_magnitude([self.example.d_out, self.example.d_lse])
        for step in reversed(list(RESULTS)[list(RESULTS).index(name) :]):
            run = self.down[step]
            magnitude *= max(1.0, largest_magnitude([*run.arguments.values(), self.result(step)]))
        if name == "score" and self.example.score == "cosine":  # its gradients are divided by lengths
            vectors = (self.example.query, self.example.key)
            lengths = np.concatenate([np.linalg.norm(x, axis=-1).ravel() for x in vectors])
            magnitude /= min(1.0, lengths[lengths > 0].min(initial=1.0))
        return magnitude

    def evidence(self) -> StepEvidence:
        """Every array by name, and the active options, for the laws."""
        example = self.example
        arrays: dict[str, Any] = {name: getattr(example, name) for name in ("query", "key", "value", "d_out")}
        arrays |= array_arguments(example.options) | {"lse": self.saved.lse}
        arrays |= {f"score.{name}": x for name, x in example.parameters.items()}
        arrays |= {result: self.result(name) for name, result in RESULTS.items()}
        if self.visible is not None:
            arrays["visible"] = self.visible
        for name in RESULTS:
            for d, x in self.step_gradients(name).items():
                is_parameter = name == "score" and d.removeprefix("d_") in example.parameters
                arrays[f"score.{d}" if is_parameter else "d_key" if d == "d_x" else d] = x
        features = {name for name, option in example.options.items() if option is not None}
        if example.d_lse is not None:
            arrays["d_lse"] = example.d_lse
            features.add(D_LSE)
        features |= {example.score, example.settings.get("activation", example.score)}
        if not self.saved.weights.any(axis=-1).all():
            features.add(MASKED_ROWS)
        return StepEvidence(arrays, frozenset(features))


def trace_attention(example: WalkExample, steps: Steps) -> AttentionTrace:
    """Run attention forward and backward and trace every step; steps.score is the score's own pair.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.example import build_example
    >>> trace = trace_attention(build_example(), STEPS)
    >>> sorted(trace.down["values"].arguments)
    ['thinned', 'value', 'visible']
    """
    down: list[LineTrace] = []
    up: list[LineTrace] = []
    traced_steps = Steps(*(Pair(traced(a, down.append), traced(b, up.append)) for a, b in steps))
    kernel = attention_with(with_score_step(traced_steps, example))
    out, saved = kernel.forward(example.query, example.key, example.value, **example.options)
    gradients = kernel.backward(example.d_out, saved, d_lse=example.d_lse)
    by_step = dict(zip(RESULTS, down, strict=True)), dict(zip(reversed(RESULTS), up, strict=True))
    return AttentionTrace(example, steps, *by_step, out, saved, gradients)


def array_arguments(arguments: dict[str, Any]) -> dict[str, Array]:
    """The arguments that are arrays; of a tuple, its first entry."""
    first = {name: x[0] if isinstance(x, tuple) else x for name, x in arguments.items()}
    return {name: x for name, x in first.items() if isinstance(x, np.ndarray)}


def largest_magnitude(arrays: Iterable[Any]) -> float:
    """The largest finite magnitude in some arrays; 0 if there is none."""
    finite = [x[np.isfinite(x)] for x in arrays if isinstance(x, np.ndarray)]
    return max((float(np.abs(x).max(initial=0)) for x in finite if x.dtype.kind in "fc"), default=0.0)
