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
