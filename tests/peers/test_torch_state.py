"""The names and shapes of parameters are those of PyTorch's modules: state_dicts go there and back."""

import numpy as np
import pytest

from numpy_attention import nn
from numpy_attention.optim.trees import flatten

W, H, D = 6, 2, 10
"""Width, heads, hidden columns"""
ENCODER, DECODER = nn.TransformerEncoderLayer(W, H, D), nn.TransformerDecoderLayer(W, H, D)
LAYERS = {
    "Linear": (nn.Linear(3, 5), lambda n: n.Linear(3, 5)),
    "Linear without bias": (nn.Linear(3, 5, bias=False), lambda n: n.Linear(3, 5, bias=False)),
    "Embedding": (nn.Embedding(7, 3), lambda n: n.Embedding(7, 3)),
    "LayerNorm": (nn.LayerNorm(5), lambda n: n.LayerNorm(5)),
    "RMSNorm": (nn.RMSNorm(5), lambda n: n.RMSNorm(5)),
    "attention": (nn.MultiHeadAttention(W, H), lambda n: n.MultiheadAttention(W, H)),
    "attention, no bias": (
        nn.MultiHeadAttention(W, H, bias=False),
        lambda n: n.MultiheadAttention(W, H, bias=False),
    ),
    "attention, widths": (
        nn.MultiHeadAttention(W, H, key_width=5, value_width=7),
        lambda n: n.MultiheadAttention(W, H, kdim=5, vdim=7),
    ),
    "attention, extra": (
        nn.MultiHeadAttention(W, H, add_bias_kv=True),
        lambda n: n.MultiheadAttention(W, H, add_bias_kv=True),
    ),
    "encoder layer": (ENCODER, lambda n: n.TransformerEncoderLayer(W, H, D)),
    "decoder layer": (DECODER, lambda n: n.TransformerDecoderLayer(W, H, D)),
    "encoder": (
        nn.TransformerEncoder(ENCODER, 3, norm=True),
        lambda n: n.TransformerEncoder(n.TransformerEncoderLayer(W, H, D), 3, norm=n.LayerNorm(W)),
    ),
    "decoder": (
        nn.TransformerDecoder(DECODER, 2),
        lambda n: n.TransformerDecoder(n.TransformerDecoderLayer(W, H, D), 2),
    ),
    "sequence": (
        nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5)),
        lambda n: n.Sequential(n.Linear(3, 5), n.LayerNorm(5)),
    ),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("name", LAYERS)
def test_state_dicts_go_there_and_back(peer, name):
    torch = peer("torch")
    layer, build = LAYERS[name]
    module = build(torch.nn).double()
    state = module.state_dict()
    params = nn.from_torch(layer, state)
    assert {name: x.shape for name, x in flatten(params).items()} == flatten(layer.shapes())
    own = layer.init(np.random.default_rng(0))
    module.load_state_dict({name: torch.from_numpy(x) for name, x in nn.to_torch(layer, own).items()})
    assert nn.to_torch(layer, params).keys() == state.keys()
    for name, tensor in module.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), flatten(own)[name])
        np.testing.assert_array_equal(nn.to_torch(layer, own)[name], flatten(own)[name])


def test_parameters_that_learn_and_their_gradients_are_read(peer):
    torch = peer("torch")
    module = torch.nn.Linear(3, 5).double()
    module(torch.ones(2, 3, dtype=torch.float64)).sum().backward()
    layer = nn.Linear(3, 5)
    params = nn.from_torch(layer, dict(module.named_parameters()))
    with torch.no_grad():
        module.bias += 1  # copies: a step of torch's optimizer leaves them as they are
    assert (params["bias"] + 1 == module.bias.detach().numpy()).all()
    d_params = nn.from_torch(layer, {name: x.grad for name, x in module.named_parameters()})
    np.testing.assert_array_equal(d_params["weight"], np.full((5, 3), 2.0))


def test_a_bfloat16_tensor_is_told_what_to_write(peer):
    torch = peer("torch")
    with pytest.raises(TypeError, match=r"^state\['weight'\] cannot be read .*\(write .float\(\)\)"):
        nn.from_torch(nn.RMSNorm(5), {"weight": torch.ones(5, dtype=torch.bfloat16)})
