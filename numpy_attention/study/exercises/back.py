"""The exercises of the way back: values-back, softmax-back, score-back, and attention-back, all together."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...check.outside.formulas import FORMULAS
from ...check.reference.evaluation import results
from ...check.reference.inputs import Inputs
from ...functional.attention.attention import attention, attention_forward
from ...functional.attention.steps import (
    STEPS,
    SoftmaxStepSaved,
    softmax_step_backward,
    values_backward,
)
from ...functional.base.admission import Array
from ...functional.layers.softmax import softmax
from ...functional.masks.builders import visible as mask_of
from ...functional.scores.products import dot_scores, dot_scores_backward, dot_scores_forward
from . import planted
from .bounds import exact, of_attention, of_gradients, running
from .exercise import FLOAT64, Arguments, Exercise, Named
from .problems import SHAPES, arguments_of, far_out, problem_of, problems
from .there import EXPONENTIAL, HIDDEN, PHRASES, SCALED, SCORES, SMALL

VALUES_BACK_LINES = """
turned_value = transposed(value)
d_weights = d_out @ turned_value
turned_weights = transposed(weights)
d_value = turned_weights @ d_out
"""

SOFTMAX_BACK_LINES = """
agreement = weights * d_weights
average = rowsum(agreement)
excess = d_weights - average
d_scores = weights * excess
"""

SCORE_BACK_LINES = """
d_products = d_scores / root
d_query = d_products @ key
turned = transposed(d_products)
d_key = turned @ query
"""

BACK_PHRASES = {
    "turned_value": "the transposed value",
    "turned_weights": "the transposed weights",
    "out": "the output",
    "scores": "the scores",
    "agreement": "the product of weights and d_weights",
    "average": "the row's weighted average of d_weights",
    "excess": "d_weights minus the row's average",
    "d_products": "the scaled d_scores",
    "turned": "the transposed, scaled d_scores",
    "root": "the square root of the width",
}


def _inner(x: Array, y: Array) -> Any:
    return (x * y).sum()


def _steps_back() -> Iterator[tuple[str, Inputs, Array, Array, Array]]:
    """Each problem with its weights, d_weights and d_scores."""
    for name, problem in problems():
        _, saved = attention_forward(*problem.arguments, **problem.keywords)
        assert problem.d_out is not None
        weights = np.asarray(saved.weights)
        d_weights = problem.d_out @ problem.value.T
        d_scores = softmax_step_backward((d_weights, np.zeros(len(weights))),
                                         SoftmaxStepSaved(weights, None, None,
                                                          problem.visible)).d_masked  # fmt: skip
        yield name, problem, weights, d_weights, np.asarray(d_scores)


# ---------------------------------------------------------------------------------------- values


def _values_cases() -> Iterator[tuple[str, Arguments]]:
    for name, problem, weights, _, _ in _steps_back():
        yield name, {"d_out": problem.d_out, "weights": weights, "value": problem.value}


def _values_back(d_out: Array, weights: Array, value: Array) -> Named:
    found = values_backward(d_out, STEPS.values.forward(weights, value)[1])
    return {"d_weights": found.d_thinned, "d_value": found.d_value}


def _values_bounds(d_out: Array, weights: Array, value: Array) -> Any:
    leaves = {"weights": running(weights), "value": running(value)}
    return of_gradients(leaves["weights"] @ leaves["value"], d_out, leaves)


VALUES_BACK = Exercise(
    "values-back", 10, "from the gradient of the output to those of weights and values",
    """
    out = weights value

A loss has the gradient d_out with respect to out. Return its gradients with respect to weights and value. In
which entries of out does weights_ls occur, and with which factor? In which does value_se?
""",
    {"d_out": "(L, E)", "weights": "(L, S)", "value": "(S, E)"}, {"d_weights": "(L, S)", "d_value": "(S, E)"},
    ({"d_out": np.array([[1.0], [2.0]]), "weights": np.array([[0.25, 0.75], [1.0, 0.0]]),
      "value": np.array([[3.0], [5.0]])},
     {"d_out": np.array([[1.0, 0.0]]), "weights": np.array([[0.25, 0.75]]),
      "value": np.array([[2.0, 1.0], [4.0, 0.0]])}),
    "out = weights @ value" + VALUES_BACK_LINES + SOFTMAX_BACK_LINES,
    _values_back, _values_bounds, _values_cases, BACK_PHRASES,
    (("the columns of d_value add up to those of d_out", lambda n: (n["d_value"].sum(axis=0),
                                                                    n["d_out"].sum(axis=0))),
     ("the sum of d_weights times weights is that of d_value times value",
      lambda n: (_inner(n["d_weights"], n["weights"]), _inner(n["d_value"], n["value"])))),
    lambda n: ({"weights": n["weights"], "value": n["value"]}, lambda weights, value: weights @ value),
    lambda n: {"the number of queries": len(n["weights"]), "the number of keys": len(n["value"]),
               "the width of the values": n["value"].shape[-1]},
    planted.in_values_backward,
)  # fmt: skip


# --------------------------------------------------------------------------------------- softmax


def _softmax_cases() -> Iterator[tuple[str, Arguments]]:
    for name, _, weights, d_weights, _ in _steps_back():
        yield name, {"d_weights": d_weights, "weights": weights}


def _softmax_back(d_weights: Array, weights: Array) -> Named:
    saved = SoftmaxStepSaved(weights, None, None, None)
    return {"d_scores": softmax_step_backward((d_weights, np.zeros(len(weights))), saved).d_masked}


def _softmax_bounds(d_weights: Array, weights: Array) -> Any:
    a = FLOAT64.arithmetic
    return {"d_scores": a.softmax_backward(exact(d_weights), exact(weights), exact(0.0), pinned=False)}


SOFTMAX_BACK = Exercise(
    "softmax-back", 25, "from the gradient of the weights to that of the scores",
    """
    weights_s = exp(scores_s) / Σ_t exp(scores_t)      for each row

A loss has the gradient d_weights with respect to the weights. Return its gradient with respect to the scores.
A score has a say in every weight of its row: how much does weights_t change with scores_s, for t = s and for
another t?
""",
    {"d_weights": "(L, S)", "weights": "(L, S), rows sum to 1"}, {"d_scores": "(L, S)"},
    ({"d_weights": np.array([[1.0, 0.0], [0.0, 2.0]]), "weights": np.array([[0.25, 0.75], [0.5, 0.5]])},
     {"d_weights": np.array([[1.0, 0.0, 2.0], [0.0, -1.0, 1.0]]),
      "weights": np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])}),
    SOFTMAX_BACK_LINES,
    _softmax_back, _softmax_bounds, _softmax_cases, BACK_PHRASES,
    (("each row of d_scores adds up to 0", lambda n: (n["d_scores"].sum(axis=-1), 0.0)),),
    lambda n: ({"scores": np.log(n["weights"])}, lambda scores: softmax(scores)),
    lambda n: {"the number of keys": n["weights"].shape[-1], "the number of queries": len(n["weights"])},
    planted.in_softmax_backward,
)  # fmt: skip


# ----------------------------------------------------------------------------------------- score


def _score_cases() -> Iterator[tuple[str, Arguments]]:
    rng = np.random.default_rng(10)
    for number, (name, problem, _, _, d_scores) in enumerate(_steps_back()):
        if number % 2 and name in SHAPES:  # not those of a softmax alone, whose rows add up to 0
            d_scores = rng.standard_normal(d_scores.shape)
        yield name, {"d_scores": d_scores, "query": problem.query, "key": problem.key}


def _score_back(d_scores: Array, query: Array, key: Array) -> Named:
    found = dot_scores_backward(d_scores, dot_scores_forward(query, key)[1])
    return {"d_query": found.d_query, "d_key": found.d_key}


def _score_bounds(d_scores: Array, query: Array, key: Array) -> Any:
    leaves = {"query": running(query), "key": running(key)}
    return of_gradients(FORMULAS["dot_scores"](**leaves), d_scores, leaves)


SCORE_BACK = Exercise(
    "score-back", 15, "from the gradient of the scores to those of queries and keys",
    """
    scores_ls = query_l · key_s / √D

A loss has the gradient d_scores with respect to the scores. Return its gradients with respect to query and
key. In which scores does query_ld occur, and with which factor?
""",
    {"d_scores": "(L, S)", "query": "(L, D)", "key": "(S, D)"}, {"d_query": "(L, D)", "d_key": "(S, D)"},
    ({"d_scores": np.array([[1.0, -1.0]]), "query": np.array([[2.0, 0.0, 1.0, 1.0]]),
      "key": np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 3.0, 1.0, 0.0]])},
     {"d_scores": np.array([[1.0, 0.5], [0.0, 2.0]]), "query": np.array([[2.0], [1.0]]),
      "key": np.array([[1.0], [4.0]])}),
    SCORES + SCORE_BACK_LINES,
    _score_back, _score_bounds, _score_cases, BACK_PHRASES,
    (("the sum of d_query times query is that of d_key times key",
      lambda n: (_inner(n["d_query"], n["query"]), _inner(n["d_key"], n["key"]))),
     ("where rows of d_scores add up to 0, the columns of d_key do", lambda n: (
         (n["d_key"].sum(axis=0), 0.0) if np.allclose(n["d_scores"].sum(axis=-1), 0) else (0.0, 0.0)))),
    lambda n: ({"query": n["query"], "key": n["key"]}, dot_scores),
    lambda n: {"the width": n["query"].shape[-1], "the root of the width": n["query"].shape[-1] ** 0.5,
               "the number of keys": len(n["key"]), "the number of queries": len(n["query"])},
    lambda: planted.in_score(backward=True),
)  # fmt: skip


# ------------------------------------------------------------------------------------- attention


def _attention_cases() -> Iterator[tuple[str, Arguments]]:
    for name, problem in (*problems(), *far_out()):
        yield name, {"d_out": problem.d_out} | arguments_of(problem)


def _attention_back(d_out: Array, query: Array, key: Array, value: Array, visible: Array) -> Named:
    found = results(problem_of(query, key, value, visible, d_out))
    return {"d_query": found.d_query, "d_key": found.d_key, "d_value": found.d_value}


def _forward(n: Arguments) -> Any:
    variables = {name: n[name] for name in ("query", "key", "value")}
    return variables, lambda **changed: attention(**changed, mask=mask_of(n["visible"]))


ATTENTION_BACK = Exercise(
    "attention-back", 30, "from the gradient of the output to those of query, key and value",
    """
    scores  = query keyᵀ / √D
    masked  = scores  where visible,  else -inf
    weights = softmax(masked)      for each row
    out     = weights value

A loss has the gradient d_out with respect to out. Return its gradients with respect to query, key and value.
Each query sees at least one key, and scores may be in the thousands. values-back, softmax-back and score-back
are its parts: where their files lie beside this one, `from softmax_back import softmax_back` works.
""",
    {"d_out": "(L, E)", "query": "(L, D)", "key": "(S, D)", "value": "(S, E)",
     "visible": "(L, S), True = may attend"},
    {"d_query": "(L, D)", "d_key": "(S, D)", "d_value": "(S, E)"},
    tuple({"d_out": p.d_out} | arguments_of(p) for p in (SMALL, SCALED, HIDDEN)),
    SCORES + "masked = hide(scores, visible)" + EXPONENTIAL.format(x="masked") + "out = weights @ value"
    + VALUES_BACK_LINES + SOFTMAX_BACK_LINES + SCORE_BACK_LINES,
    _attention_back,
    lambda d_out, query, key, value, visible: of_attention(
        problem_of(query, key, value, visible, d_out), "d_query", "d_key", "d_value"),
    _attention_cases, PHRASES | BACK_PHRASES,
    (("the columns of d_key add up to 0", lambda n: (n["d_key"].sum(axis=0), 0.0)),
     ("the sum of d_query times query is that of d_key times key",
      lambda n: (_inner(n["d_query"], n["query"]), _inner(n["d_key"], n["key"]))),
     ("the columns of d_value add up to those of d_out", lambda n: (n["d_value"].sum(axis=0),
                                                                    n["d_out"].sum(axis=0)))),
    _forward,
    lambda n: SCORE_BACK.sizes(n) | {"the width of the values": n["value"].shape[-1]},
    lambda: planted.in_attention(backward=True),
)  # fmt: skip

EXERCISES = (VALUES_BACK, SOFTMAX_BACK, SCORE_BACK, ATTENTION_BACK)
