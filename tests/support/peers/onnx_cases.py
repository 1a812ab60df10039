"""The cases that the onnx package carries for its operators: inputs, and outputs of its own reference.

Loaded once, in memory. A case of an operator is a graph with that one node. Beside it may stand "_expanded"
twins, graphs of simpler nodes with the same inputs and outputs. They show nothing more to whoever does not
run graphs, and are counted apart.
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
    """A call of one operator: attributes, inputs and outputs, all by the names that its schema gives them."""

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
    """All node cases of the package; its own making of them overflows here and there, and says so."""
    if onnx.__version__ != VERSION:
        told = f"onnx is {onnx.__version__}: its cases were counted in {VERSION}, and not compared"
        pytest.fail(told) if os.environ.get(PEERS) == "required" else pytest.skip(told)
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
    """How many graphs repeat the data of these cases, once it is sure that they do."""
    twins = 0
    for case in cases:
        for other in loaded(onnx):
            if other.name.startswith(f"{case.name}_expanded"):
                twins += 1
                (data,) = other.data_sets
                for array, twin in zip([*case.data[0], *case.data[1]], [*data[0], *data[1]], strict=True):
                    same = np.asarray(array).tobytes() == np.asarray(twin).tobytes()
                    assert same, f"{other.name} has other data than {case.name}"
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


def _by_name(formal: Any, given: Any, arrays: list[Any]) -> dict[str, Any]:
    """Arrays come for the names that are not empty; a variadic last name stands for all that is left."""
    names = [formal[min(place, len(formal) - 1)].name for place in range(len(given))]
    kept = [(name, own) for name, own in zip(names, given, strict=True) if own]
    several = len({name for name, _ in kept}) < len(kept)
    pairs = zip(kept, arrays, strict=True)
    return {own if several else name: np.asarray(array) for (name, own), array in pairs}


def _attribute(value: Any) -> Any:
    """An attribute as it was written: float attributes are kept in float32, 0.1 as 0.10000000149."""
    if isinstance(value, float):
        return float(str(np.float32(value)))
    return value.decode() if isinstance(value, bytes) else value


def double(x: Any) -> Any:
    """Any float array, bfloat16 included, in float64, which is exact."""
    return None if x is None else np.asarray(x).astype(np.float64)


def roundoff(dtype: Any) -> float:
    """u, half the distance from 1 to the next number: 2^-8 of bfloat16, 2^-11 of float16, 2^-24, 2^-53."""
    import ml_dtypes

    return float(ml_dtypes.finfo(dtype).eps) / 2


def disagreements(case: OnnxCase, computed: dict[str, tuple[Any, Any]]) -> list[str]:
    """One line for each output that is not as it should be: {name: (value, what it may differ by)}."""
    assert set(computed) == set(case.outputs), f"{case.name} has the outputs {set(case.outputs)}"
    lines = [_disagreement(case, name, *pair) for name, pair in computed.items()]
    return [line for line in lines if line]


def _disagreement(case: OnnxCase, output: str, got: Any, allowed: Any) -> str | None:
    """-inf agrees with -inf, and nothing with NaN."""
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
