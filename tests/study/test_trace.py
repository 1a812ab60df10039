"""The trace of one attention call: every array by name, skipped steps, magnitudes and active options."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import STEPS
from numpy_attention.study.example import build_example
from numpy_attention.study.score_step import score_pair
from numpy_attention.study.trace import array_arguments, largest_magnitude, trace_attention


def trace_of(arrays=None, **options):
    example = build_example(arrays, **options)
    return trace_attention(example, STEPS._replace(score=score_pair(example, STEPS)))


def test_arrays_are_those_of_attention():
    trace = trace_of(softcap=2.0, bias=True, sinks=0.5)
    example, arrays = trace.example, trace.evidence().arrays
    out, saved = na.attention_forward(example.query, example.key, example.value, **example.options)
    gradients = na.attention_backward(example.d_out, saved)
    np.testing.assert_array_equal(arrays["out"], out)
    for name in ("scores", "capped", "biased", "masked", "weights", "lse"):
        np.testing.assert_array_equal(arrays[name], getattr(saved, name))
    for name, x in gradients._asdict().items():
        np.testing.assert_array_equal(arrays[name], x)
    np.testing.assert_array_equal(arrays["visible"], np.tri(2, 3, 1, dtype=bool))


def test_parameters_of_a_score_have_their_own_names():
    arrays = trace_of(score="location").evidence().arrays
    assert arrays["score.d_weight"].shape == arrays["score.weight"].shape == (2,)
    assert arrays["d_key"].shape == (3, 2)
    assert not {"d_weight", "d_x"} & arrays.keys()


@pytest.mark.parametrize("option, step", [("softcap", "softcap"), ("bias", "bias"), ("dropout", "dropout")])
def test_only_unused_steps_are_skipped(option, step):
    assert trace_of().skipped(step)
    used = trace_of(**{option: True if option == "bias" else 0.5})
    assert not used.skipped(step)
    assert not used.skipped("softmax")


def test_magnitude_grows_with_every_step_back_from_the_output():
    tokens = [[10.0, 0.0], [0.0, 10.0]]
    given = {"query": tokens, "key": tokens, "value": tokens, "d_out": [[3.0, 0.0], [0.0, 0.0]]}
    trace = trace_of(given)
    assert trace.magnitude("values") == 3 * 10
    assert trace.magnitude("score") >= trace.magnitude("softmax") >= trace.magnitude("values")


def test_a_fully_masked_row_is_a_condition():
    example = build_example()
    masked = example._replace(options=example.options | {"mask": na.hidden(np.tri(2, 3, 1, dtype=bool))})
    assert "fully masked rows" in trace_attention(masked, STEPS).evidence().features
    assert trace_of(sinks=1.0).evidence().features == {"mask", "scale", "sinks", "dot"}


def test_array_arguments_and_largest_magnitude():
    x = np.array([1.0, -7.0, np.inf])
    assert array_arguments({"x": x, "pair": (x, None), "flag": True}) == {"x": x, "pair": x}
    assert largest_magnitude([x, np.array([3.0]), np.array([True]), 9.0]) == 7
    assert largest_magnitude([]) == 0
