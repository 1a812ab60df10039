"""The stage of a step: arrays are shown once, and a stage is right if its gradients and laws are."""

import numpy as np

from numpy_attention.study.derivatives import Derivative
from numpy_attention.study.example import build_example
from numpy_attention.study.line_trace import traced
from numpy_attention.study.projection import project_forward
from numpy_attention.study.stage import build_stage, skipped_stage


def project_stage(derivatives):
    calls = []
    query, key, value = traced(project_forward, calls.append)(build_example(heads=2).projection)
    made = {"own_query": query, "own_key": key, "own_value": value}
    return build_stage("project", calls[0], {}, made, derivatives, ())


def test_an_array_is_shown_once_whatever_its_names():
    stage = project_stage({})
    assert (stage.number, stage.name, stage.skipped) == (0, "project", False)
    assert stage.source.lines
    shown = {id(x) for x in stage.results.values()}
    assert not shown & {id(x) for x in stage.intermediates.values()}


def test_a_stage_is_right_if_its_gradients_are():
    one, tolerance = np.ones(2), np.full(2, 1e-9)
    assert project_stage({"d": Derivative(one, one, tolerance)}).ok
    assert not project_stage({"d": Derivative(one, 2 * one, tolerance)}).ok


def test_a_skipped_stage_is_empty_and_right():
    stage = skipped_stage("bias")
    assert (stage.number, stage.skipped, stage.ok) == (3, True, True)
    assert stage.results == stage.inputs == {}
