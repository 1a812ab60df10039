"""What the models share: the options of a block, ids, and positions that are added or inside."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.nn import model_options as options


@pytest.mark.parametrize(
    "positions, added, inside",
    [
        ("learned", nn.Learned(7, 4), None),
        ("sinusoidal", nn.Sinusoidal(4), None),
        (None, None, None),
        (nn.ALiBi(2), None, nn.ALiBi(2)),
    ],
)
def test_positions_are_added_or_inside(positions, added, inside):
    assert options.added_positions(positions, 7, 4) == added
    assert options.inside_positions(positions) == inside


def test_a_block_has_the_models_sizes_and_options():
    model = nn.LanguageModel(5, 4, 2, 3, 7, norm="rms", activation="swiglu", bias=False, softcap=3.0)
    expected = {"activation": "swiglu", "norm_first": True, "norm": "rms", "bias": False, "softcap": 3.0}
    assert options.block(model) == nn.TransformerEncoderLayer(4, 2, 16, **expected)
    own = options.decoder_block(model, nn.Rotary())
    assert own == nn.TransformerDecoderLayer(4, 2, 16, **expected, positions=nn.Rotary())


def test_ids_are_admitted_by_name():
    ids = options.admit_ids("source", [[0, 4]], 5, 2)
    np.testing.assert_array_equal(ids, [[0, 4]])
    with pytest.raises(ValueError, match=r"^source holds 5; less than 5, the segments, is expected"):
        options.admit_ids("source", [[5]], 5, 2, "segments")
    with pytest.raises(ValueError, match=r"^source has length 3; at most 2, the context"):
        options.admit_ids("source", [[0, 0, 0]], 5, 2)


def test_positions_of_a_model_without_any_change_nothing():
    x = np.ones((2, 3, 4))
    assert options.add_positions(None, {}, x) == (x, None)
    assert options.add_positions_backward(None, x, None) == (x, {})
