"""The sigmoid output gate."""

import numpy as np

from numpy_attention import nn
from numpy_attention.nn.gate import gate_backward, gate_forward


def test_a_closed_gate_stops_and_an_open_one_passes():
    gate, joined = nn.Linear(3, 2), np.array([[5.0, 7.0]])
    params = {"weight": np.zeros((2, 3)), "bias": np.array([-1e4, 1e4])}
    gated, saved = gate_forward(gate, params, np.ones((1, 3)), joined)
    assert gated.tolist() == [[0, 7]]
    d_query, d_joined, d_params = gate_backward(gate, np.ones((1, 2)), saved)
    assert d_joined.tolist() == [[0, 1]]
    assert not d_query.any()
    assert not d_params["bias"].any()
