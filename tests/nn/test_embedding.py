"""The embedding and its table as an output layer."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.check.pairs.layer_examples import LAYER_EXAMPLES
from numpy_attention.check.pairs.rules import LAYERS

LAYER = nn.Embedding(7, 3)


def test_a_row_for_each_id_and_logits_of_every_row():
    params = LAYER.init(np.random.default_rng(0))
    x, _ = LAYER.forward(params, [[2, 0]])
    np.testing.assert_array_equal(x[0], params["weight"][[2, 0]])
    logits, _ = LAYER.tied_forward(params, x)
    np.testing.assert_allclose(logits, x @ params["weight"].T, rtol=1e-15)


def test_ids_out_of_range_are_a_sentence():
    params = LAYER.init(np.random.default_rng(0))
    for ids, error, said in (
        ([7], ValueError, "ids holds 7; less than 7, the rows of weight, is expected"),
        ([-1], ValueError, "ids holds -1; at least 0 is expected"),
        ([0.5], TypeError, "ids has dtype float64; whole numbers are expected"),
    ):
        with pytest.raises(error, match=f"^Embedding: {said}$"):
            LAYER.forward(params, ids)


def test_a_tied_table_counted_once_is_caught():
    """Without the gradient of the input, or of the output, the rule's check fails."""
    (rule,) = [rule for rule in LAYERS if rule.name == "Embedding, tied"]
    (example,) = LAYER_EXAMPLES["Embedding, tied"]

    def of_output_alone(d_out, saved):
        return {"d_weight": saved.layer.tied_backward(d_out, saved.saved[1])[1]["weight"]}

    assert rule.check(example).ok
    assert not rule._replace(backward=of_output_alone).check(example).ok
