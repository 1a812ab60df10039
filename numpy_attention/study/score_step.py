"""Any score as step 1, so that every score walks the same seven steps."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..check.pairs.rules import RULES
from ..functional.attention.attention import attention_with
from ..functional.attention.steps import Normalised, ScoreGradients, Steps
from ..functional.base.admission import Array
from ..functional.base.arrays import Pair
from .example import SCORES, Example


def pair_of(example: Example, steps: Steps) -> Pair:
    """The pair that scores an example: the rule's, or step 1 as it stands."""
    name = SCORES[example.score].rule
    rules: Iterator[Pair] = (Pair(rule.forward, rule.backward) for rule in RULES if rule.name == name)
    return next(rules) if name else steps.score


def out_of(example: Example, steps: Steps, given: Mapping[str, Array] | None = None) -> Array:
    """The output alone; a step named in `given` gives that array, whatever it is given itself."""
    steps = with_score(steps, example)
    for name, x in (given or {}).items():
        steps = steps._replace(**{name: _giving(Normalised(x, x[..., 0]) if name == "softmax" else x)})
    out, _ = attention_with(steps).forward(example.query, example.key, example.value, **example.options)
    return np.asarray(out)


def _giving(result: Any) -> Pair:
    return Pair(lambda *_: (result, None), lambda *_: None)


def with_score(steps: Steps, example: Example) -> Steps:
    """The steps, whose first is called as a step is, and calls the pair in its place as the score is."""
    if not SCORES[example.score].rule:
        return steps
    return steps._replace(
        score=_of_tokens(steps.score, example)
        if example.score == "location"
        else _of_pairs(steps.score, example)
    )


def _of_pairs(pair: Pair, example: Example) -> Pair:
    """scores = pair(query, key, parameters)."""

    def forward(query: Array, key: Array, scale: Any, visible: Any) -> tuple[Array, Any]:
        scores, saved = pair.forward(query, key, **example.parameters, **example.settings)
        return scores, saved

    def backward(d_scores: Array, saved: Any) -> ScoreGradients:
        gradients = pair.backward(d_scores, saved)
        return ScoreGradients(gradients[0], gradients[1], np.zeros(()))

    return Pair(forward, backward)


def _of_tokens(pair: Pair, example: Example) -> Pair:
    """Every query has the same row, scores_ls = pair(key, parameters)_s; so their gradients add up."""

    def forward(query: Array, key: Array, scale: Any, visible: Any) -> tuple[Array, Any]:
        row, saved = pair.forward(key, **example.parameters)
        return np.broadcast_to(row, (len(query), len(key))), (saved, query.shape)

    def backward(d_scores: Array, saved: Any) -> ScoreGradients:
        own, shape = saved
        gradients = pair.backward(d_scores.sum(axis=0), own)
        return ScoreGradients(np.zeros(shape), gradients[0], np.zeros(()))

    return Pair(forward, backward)
