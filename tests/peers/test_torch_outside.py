"""PyTorch's own functions and optimizers are judged right, and its gradients by check_vjp."""

import numpy as np
import pytest

import numpy_attention as na

FUNCTIONS = {
    "softmax": "softmax", "log_softmax": "log_softmax", "logsumexp": "logsumexp", "layer_norm": "layer_norm",
    "rms_norm": "rms_norm", "gelu": "gelu", "gelu_tanh": "gelu", "silu": "silu",
    "cross_entropy": "cross_entropy",
    "cross_entropy of distributions": "cross_entropy", "linear": "linear", "embedding": "embedding",
    "binary_cross_entropy": "binary_cross_entropy", "mean_squared_error": "mse_loss",
    "mean_absolute_error": "l1_loss",
    "binary_cross_entropy_with_logits": "binary_cross_entropy_with_logits", "softplus": "softplus",
    "leaky_relu": "leaky_relu", "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid",
}  # fmt: skip


@pytest.mark.parametrize("rule", FUNCTIONS)
def test_function_passes(peer, rule):
    torch = peer("torch")
    own = FUNCTIONS[rule]
    function = getattr(torch, own) if own in ("softmax", "logsumexp") else getattr(torch.nn.functional, own)
    report = na.check_rule(function, rule)
    assert report.ok, str(report)
    assert len([v for v in report.verdicts if v.tensor.startswith("d_")]) > 10


def steps(torch):
    def heads(key, query):
        return key if key.ndim < 3 else key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)

    def softmax_step(masked, sinks):
        column = sinks[..., None, None].expand(*masked.shape[:-1], 1)
        columns = torch.cat([masked, column], -1)
        return torch.softmax(columns, -1)[..., :-1], torch.logsumexp(columns, -1)

    def attend(scores, value, mask=None, bias=None, softcap=None, sinks=None, dropout=None):
        scores = scores if softcap is None else softcap * torch.tanh(scores / softcap)
        scores = scores if bias is None else scores + bias
        scores = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
        weights = torch.softmax(scores, -1) if sinks is None else softmax_step(scores, sinks)[0]
        return (weights if dropout is None else weights * dropout) @ heads(value, weights)

    def sdpa(query, key, value, bias):
        grouped = query.ndim > 3 and query.shape[-3] != key.shape[-3]
        return torch.nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias, enable_gqa=grouped
        )

    def alibi(query, key, value, slopes, offset=0):
        ahead = torch.arange(key.shape[-2]) - torch.arange(query.shape[-2])[:, None] - offset
        return sdpa(query, key, value, -slopes[..., None, None] * ahead.abs())

    def merge(out, lse, block_out, block_lse):  # as ring attention merges
        gate = torch.sigmoid(block_lse - lse)[..., None]
        return out - gate * (out - block_out), lse - torch.nn.functional.logsigmoid(lse - block_lse)

    return {
        "score": lambda q, k, scale: q @ heads(k, q).mT * scale,
        "softcap": lambda x, cap: cap * torch.tanh(x / cap),
        "bias": torch.add,
        "mask": lambda x, mask: x.masked_fill(~mask, -torch.inf),
        "softmax_step": softmax_step,
        "dropout": lambda weights, mask: weights * mask,
        "values": lambda weights, v: weights @ heads(v, weights),
        "attend": attend, "merge of attention": merge, "alibi": alibi,
        "relative": lambda q, k, v, table, buckets: sdpa(q, k, v, table[..., buckets]),
        "sigmoid weights": torch.sigmoid,
    }  # fmt: skip


@pytest.mark.parametrize("rule", ["mask", "softmax_step", "merge of attention", "alibi"])
def test_step_of_attention_passes(peer, rule):
    names = {"input": "capped", "other": "bias"} if rule == "bias" else None
    report = na.check_rule(steps(peer("torch"))[rule], rule, names=names, framework="torch")
    assert report.ok, str(report)
    assert len([v for v in report.verdicts if v.tensor.startswith("d_")]) > 10
    assert not report.left_out


SLOWER = ("score", "softcap", "bias", "dropout", "values", "attend", "relative", "sigmoid weights")


@pytest.mark.slow
@pytest.mark.parametrize("rule", SLOWER)
def test_other_step_of_attention_passes(peer, rule):
    test_step_of_attention_passes(peer, rule)


@pytest.mark.parametrize("rule, name", [("sparsemax", "sparsemax"), ("sparsemax", "sparsemax_bisect"),
                                        ("entmax", "entmax15"), ("entmax", "entmax_bisect")])  # fmt: skip
def test_the_entmax_package_passes(peer, rule, name):
    peer("torch")
    report = na.check_rule(getattr(peer("entmax"), name), rule)
    assert report.ok, str(report)
    assert {*report.worst} == {"out", "d_masked"}


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_optimizer_passes(peer, name):
    report = na.check_rule(getattr(peer("torch").optim, name), name.lower())
    assert report.ok, str(report)
    assert not report.left_out


@pytest.mark.parametrize("order", [1, 2])
def test_softmax_by_autograd_passes_check_vjp_and_a_wrong_one_fails(peer, order):
    torch = peer("torch")

    def forward(x):
        leaf = torch.tensor(x, requires_grad=True)
        out = torch.softmax(leaf, -1)
        return out.detach().numpy(), (leaf, out)

    def backward(d_out, saved):
        leaf, out = saved
        (d_x,) = torch.autograd.grad(out, leaf, torch.tensor(d_out), retain_graph=True)
        return d_x.numpy()

    x = np.random.default_rng(0).standard_normal((3, 5))
    report = na.check_vjp(forward, backward, [x], order=order)
    assert report.ok, str(report)
    assert not na.check_vjp(forward, lambda d, saved: backward(d, saved) * (1 + 1e-7), [x], order=order).ok
