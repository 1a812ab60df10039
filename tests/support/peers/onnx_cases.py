"""Test cases of the onnx package for its operators: inputs, and the outputs of its reference implementation.

Loaded once, in memory. A case of an operator is a graph with that one node. It may have "_expanded" twins,
graphs of simpler nodes with the same inputs and outputs; these are only counted.
"""

import os
import warnings
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.conftest import PEERS

VERSION = "1.23.2"


@dataclass(frozen=True)
class OnnxCase:
    """A call of one operator: attributes, inputs and outputs, by their names in its schema."""

    name: str
    attributes: dict[str, Any]
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    model: Any
    data: tuple[list[Any], list[Any]]

    def attribute(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def but(self, **attributes: Any) -> "OnnxCase":
        """The case with some attributes changed."""
        return replace(self, attributes=self.attributes | attributes)


@cache
def loaded(onnx: ModuleType) -> list[Any]:
    """All node cases of the package; making them raises overflow warnings, which are ignored."""
    if onnx.__version__ != VERSION:
        message = f"onnx is {onnx.__version__}: cases are counted in {VERSION}, and were not compared"
        pytest.fail(message) if os.environ.get(PEERS) == "required" else pytest.skip(message)
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_model_tests(kind="node")


def cases_of(onnx: ModuleType, operator: str) -> list[OnnxCase]:
    """Every case that is one node of this operator."""
    return [
        _read(onnx, case)
        for case in loaded(onnx)
        if [node.op_type for node in case.model.graph.node] == [operator]
    ]


def expanded_twins(onnx: ModuleType, cases: list[OnnxCase]) -> int:
    """The number of expanded twins of these cases, after checking that their data are equal."""
    twins = 0
    for case in cases:
        for other in loaded(onnx):
            if other.name.startswith(f"{case.name}_expanded"):
                twins += 1
                (data,) = other.data_sets
                for array, twin in zip([*case.data[0], *case.data[1]], [*data[0], *data[1]], strict=True):
                    same = np.asarray(array).tobytes() == np.asarray(twin).tobytes()
                    assert same, f"the data of {other.name} differ from those of {case.name}"
    return twins


def _read(onnx: ModuleType, case: Any) -> OnnxCase:
    (node,), (data,) = case.model.graph.node, case.data_sets
    versions = {entry.domain: entry.version for entry in case.model.opset_import}
    schema = onnx.defs.get_schema(node.op_type, versions[node.domain], node.domain)
    attributes = {a.name: _attribute(onnx.helper.get_attribute_value(a)) for a in node.attribute}
    return OnnxCase(
        name=case.name,
        attributes=attributes,
        inputs=_by_name(schema.inputs, node.input, data[0]),
        outputs=_by_name(schema.outputs, node.output, data[1]),
        model=case.model,
        data=data,
    )


def _by_name(formal: Any, names: Any, arrays: list[Any]) -> dict[str, Any]:
    """Arrays by schema name, or by node name with a variadic input; empty node names have no array."""
    formal_names = [formal[min(place, len(formal) - 1)].name for place in range(len(names))]
    present = [pair for pair in zip(formal_names, names, strict=True) if pair[1]]
    variadic = len({formal_name for formal_name, _ in present}) < len(present)
    pairs = zip(present, arrays, strict=True)
    return {own if variadic else formal_name: np.asarray(x) for (formal_name, own), x in pairs}


def _attribute(value: Any) -> Any:
    """An attribute as written: onnx stores floats in float32, 0.1 as 0.10000000149."""
    if isinstance(value, float):
        return float(str(np.float32(value)))
    return value.decode() if isinstance(value, bytes) else value


def double(x: Any) -> Any:
    """Any float array, bfloat16 included, in float64, which is exact."""
    return None if x is None else np.asarray(x).astype(np.float64)


def roundoff(dtype: Any) -> float:
    """Unit roundoff: 2^-8 for bfloat16, 2^-11 for float16, 2^-24, 2^-53."""
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).eps) / 2


def disagreements(case: OnnxCase, computed: dict[str, tuple[Any, Any]]) -> list[str]:
    """One line for each output of {name: (value, tolerance)} that is outside its tolerance."""
    assert set(computed) == set(case.outputs), f"{case.name} has the outputs {set(case.outputs)}"
    lines = [_disagreement(case, name, *pair) for name, pair in computed.items()]
    return [line for line in lines if line]


def _disagreement(case: OnnxCase, output: str, got: Any, allowed: Any) -> str | None:
    """-inf agrees with -inf; NaN with nothing."""
    expected, got = double(case.outputs[output]), double(got)
    if got.shape != expected.shape:
        return f"{case.name}: {output} has shape {got.shape}, not {expected.shape}"
    with np.errstate(invalid="ignore"):
        right = (got == expected) | (np.abs(got - expected) <= allowed)
    if right.all():
        return None
    at = tuple(map(int, np.argwhere(~right)[0]))
    bound = np.broadcast_to(allowed, got.shape)[at]
    return f"{case.name}: {output} at {at} is {got[at]}, not {expected[at]} within {bound:.3g}"
