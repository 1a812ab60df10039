"""Any score as step 1, so that every score goes through the same seven steps."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..check.pairs.function_rules import FUNCTIONS
from ..functional.attention.attention import attention_with
from ..functional.attention.steps import Normalised, ScoreGradients, Steps
from ..functional.base.admission import Array
from ..functional.base.arrays import Pair
from .example import SCORES, WalkExample


def score_pair(example: WalkExample, steps: Steps) -> Pair:
    """The pair that scores an example: its rule's pair, or step 1 itself for dot scores."""
    name = SCORES[example.score].rule
    pairs: Iterator[Pair] = (Pair(rule.forward, rule.backward) for rule in FUNCTIONS if rule.name == name)
    return next(pairs) if name else steps.score


def loss_inputs(example: WalkExample, steps: Steps, replaced: Mapping[str, Array] | None = None) -> Array:
    """The numbers that the loss depends on, in one row: out, and lse if it has a cotangent.

    Each step named in `replaced` returns that array instead of its own result.
    """
    steps = with_score_step(steps, example)
    for name, x in (replaced or {}).items():
        result = Normalised(x, np.zeros(x.shape[:-1])) if name == "softmax" else x
        steps = steps._replace(**{name: _constant(result)})
    out, saved = attention_with(steps).forward(example.query, example.key, example.value, **example.options)
    return np.ravel(out) if example.d_lse is None else np.concatenate([np.ravel(out), np.ravel(saved.lse)])


def loss_cotangent(example: WalkExample) -> Array:
    """The cotangents of those numbers: d_out, and d_lse if there is one."""
    given = [x for x in (example.d_out, example.d_lse) if x is not None]
    return np.concatenate([np.ravel(x) for x in given])


def _constant(result: Any) -> Pair:
    """A step that returns `result` whatever its arguments."""
    return Pair(lambda *_: (result, None), lambda *_: None)


def with_score_step(steps: Steps, example: WalkExample) -> Steps:
    """Steps with `steps.score`, a score's own pair, adapted to the signature of step 1."""
    if not SCORES[example.score].rule:
        return steps
    adapt = _location_step if example.score == "location" else _pairwise_step
    return steps._replace(score=adapt(steps.score, example))


def _pairwise_step(pair: Pair, example: WalkExample) -> Pair:
    """scores = pair(query, key, parameters)."""

    def forward(query: Array, key: Array, scale: Any, visible: Any) -> tuple[Array, Any]:
        scores, saved = pair.forward(query, key, **example.parameters, **example.settings)
        return scores, saved

    def backward(d_scores: Array, saved: Any) -> ScoreGradients:
        gradients = pair.backward(d_scores, saved)
        return ScoreGradients(gradients[0], gradients[1], np.zeros(()))

    return Pair(forward, backward)


def _location_step(pair: Pair, example: WalkExample) -> Pair:
    """scores_ls = pair(key, parameters)_s, one row for all queries; backward sums d_scores over queries."""

    def forward(query: Array, key: Array, scale: Any, visible: Any) -> tuple[Array, Any]:
        row, saved = pair.forward(key, **example.parameters)
        rows = np.broadcast_to(row[..., None, :], (*query.shape[:-1], key.shape[-2]))
        return rows, (saved, query.shape)

    def backward(d_scores: Array, saved: Any) -> ScoreGradients:
        row_saved, query_shape = saved
        gradients = pair.backward(d_scores.sum(axis=-2), row_saved)
        return ScoreGradients(np.zeros(query_shape), gradients[0], np.zeros(()))

    return Pair(forward, backward)
