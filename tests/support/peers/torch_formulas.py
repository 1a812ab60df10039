"""Every pair of `functional` in torch: torch's own function, or its operations composed.

A formula takes torch and the arguments of the pair's forward by name, arrays as tensors, and returns the
forward's output. Torch differentiates it.
"""

import math

from tests.support.peers import torch_steps as steps

INF = math.inf

# --------------------------------------------------------------------------------------- scores


def dot_scores(torch, query, key, scale=None):
    scale = 1 / math.sqrt(query.shape[-1] or 1) if scale is None else scale
    return scale * torch.einsum("...ld,...sd->...ls", query, key)


def general_scores(torch, query, key, weight):
    return torch.einsum("...ld,...de,...se->...ls", query, weight, key)


def additive_scores(torch, query, key, weight_query, weight_key, bias, vector):
    queries = torch.einsum("...ld,...ad->...la", query, weight_query)[..., :, None, :]
    keys = torch.einsum("...sd,...ad->...sa", key, weight_key)[..., None, :, :]
    inner = torch.tanh(queries + keys + bias[..., None, None, :])
    return torch.einsum("...lsa,...a->...ls", inner, vector)


def concat_scores(torch, query, key, weight, activation="tanh"):
    """The textbook form: query and key are concatenated."""
    L, S = query.shape[-2], key.shape[-2]
    batch = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    pairs = torch.cat(
        [
            query[..., :, None, :].expand(*batch, L, S, query.shape[-1]),
            key[..., None, :, :].expand(*batch, L, S, key.shape[-1]),
        ],
        dim=-1,
    )
    inner = torch.einsum("...lsd,...d->...ls", pairs, weight)
    functions = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu}
    functions |= {"leaky_relu": torch.nn.functional.leaky_relu, "identity": lambda x: x}
    return functions[activation](inner)


def cosine_scores(torch, query, key, sharpness):
    """Rescaled to lengths near 1, which changes no cosine: torch clamps lengths at 1e-8."""
    query, key = (x / x.detach().abs().max() for x in (query, key))
    return sharpness * torch.nn.functional.cosine_similarity(
        query[..., :, None, :], key[..., None, :, :], dim=-1
    )


def location_scores(torch, x, weight, bias=None):
    scores = torch.einsum("...sd,...d->...s", x, weight)
    return scores if bias is None else scores + bias


# -------------------------------------------------------------------- other functions


def softmax(torch, x, axis=-1):
    """Zeros for rows that are all -inf, where torch gives NaN."""
    attends = ~torch.isneginf(x).all(dim=axis, keepdim=True)
    return torch.where(attends, torch.softmax(torch.where(attends, x, 0.0), dim=axis), 0.0)


def log_softmax(torch, x, axis=-1):
    attends = ~torch.isneginf(x).all(dim=axis, keepdim=True)
    return torch.where(attends, torch.log_softmax(torch.where(attends, x, 0.0), dim=axis), -INF)


def logsumexp(torch, x, axis=-1):
    attends = ~torch.isneginf(x).all(dim=axis, keepdim=True)
    lse = torch.logsumexp(torch.where(attends, x, 0.0), dim=axis)
    return torch.where(attends.squeeze(axis), lse, -INF)


def linear(torch, x, weight, bias=None):
    return torch.nn.functional.linear(x, weight, bias)


def leaky_relu(torch, x, slope=0.01):
    return torch.nn.functional.leaky_relu(x, slope)


def gelu(torch, x):
    return torch.nn.functional.gelu(x)


def gelu_tanh(torch, x):
    return torch.nn.functional.gelu(x, approximate="tanh")


def silu(torch, x):
    return torch.nn.functional.silu(x)


def softplus(torch, x):
    """Above a threshold torch returns x: an error of 2e-9 at its default of 20, 4e-18 at 40."""
    return torch.nn.functional.softplus(x, threshold=40)


def layer_norm(torch, x, weight, bias, eps=1e-5):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, eps)


def rms_norm(torch, x, weight, eps=1e-5):
    return torch.nn.functional.rms_norm(x, x.shape[-1:], weight, eps)


def embedding(torch, indices, weight):
    return torch.nn.functional.embedding(indices, weight)


def rotary(torch, x, positions, layout="interleaved", width=None, base=10000.0):
    """Torch has none: each pair, as a complex number, is multiplied by exp(i angle)."""
    width = x.shape[-1] if width is None else width
    turned, rest = x[..., :width], x[..., width:]
    if layout == "halves":
        turned = turned.unflatten(-1, (2, width // 2)).transpose(-1, -2)
    else:
        turned = turned.unflatten(-1, (width // 2, 2))
    rates = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / max(width, 1))
    angles = positions[..., None] * rates
    spun = torch.view_as_complex(turned.contiguous()) * torch.polar(torch.ones_like(angles), angles)
    pairs = torch.view_as_real(spun)
    pairs = pairs.transpose(-1, -2) if layout == "halves" else pairs
    return torch.cat([pairs.flatten(-2), rest], dim=-1)


def cross_entropy(
    torch, logits, targets, weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean"
):
    losses = torch.nn.functional.cross_entropy(
        logits.reshape(logits.shape[:-1].numel(), -1) if logits.numel() else logits,
        targets if targets.is_floating_point() else targets.reshape(-1),
        weight=weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
    return losses.reshape(logits.shape[:-1]) if reduction == "none" else losses


def binary_cross_entropy(torch, probabilities, targets, reduction="mean"):
    """Written out: torch's double backward adds 1e-12 to p and 1 - p, a relative 1e-10 at p = 0.01."""
    p, t = probabilities, targets.to(torch.float64)
    losses = -(t * torch.log(p) + (1 - t) * torch.log1p(-p))
    return {"mean": losses.mean, "sum": losses.sum, "none": losses.clone}[reduction]()


def loss(name):
    def formula(torch, targets, reduction="mean", pos_weight=None, **predictions):
        (given,) = predictions.values()
        weighted = {} if pos_weight is None else {"pos_weight": pos_weight}
        function = getattr(torch.nn.functional, name)
        return function(given, targets.to(torch.float64), reduction=reduction, **weighted)

    return formula


def named(name):
    """torch's function of x with this name."""
    return lambda torch, x: getattr(torch, name)(x)


def span_bias(torch, distance, span, ramp):
    """log of the clipped window; -inf where it is 0, without the NaN of torch's gradient there."""
    window = torch.clamp((ramp + span - distance) / ramp, 0, 1)
    return torch.where(window > 0, torch.log(torch.where(window > 0, window, 1.0)), -INF)


def tiled(torch, block, **arguments):
    """Attention without tiles: `block` changes no number."""
    return steps.attention(torch, **arguments)


FORMULAS = {
    "score": steps.score,
    "softcap": steps.softcap,
    "bias": steps.bias,
    "mask": steps.mask,
    "softmax_step": steps.softmax_step,
    "dropout": steps.dropout,
    "values": steps.values,
    "attention": steps.attention,
    "blockwise_attention": tiled,
    "fast_attention": tiled,
    "attend": steps.attend,
    "attention with weights and lse": steps.all_outputs,
    "alibi": steps.alibi,
    "relative": steps.relative,
    "sigmoid weights": steps.sigmoid_weights,
    "span_bias": span_bias,
    "dot_scores": dot_scores,
    "general_scores": general_scores,
    "additive_scores": additive_scores,
    "concat_scores": concat_scores,
    "cosine_scores": cosine_scores,
    "location_scores": location_scores,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "logsumexp": logsumexp,
    "linear": linear,
    "tanh": named("tanh"),
    "sigmoid": named("sigmoid"),
    "relu": named("relu"),
    "leaky_relu": leaky_relu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "softplus": softplus,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "embedding": embedding,
    "rotary": rotary,
    "cross_entropy": cross_entropy,
    "cross_entropy of distributions": cross_entropy,
    "binary_cross_entropy": loss("binary_cross_entropy"),
    "binary_cross_entropy_with_logits": loss("binary_cross_entropy_with_logits"),
    "mean_squared_error": loss("mse_loss"),
    "mean_absolute_error": loss("l1_loss"),
}
"""Formulas by rule name."""

SECOND = {"binary_cross_entropy": binary_cross_entropy}
"""Formulas that replace those above for second derivatives."""

NOT_IN_TORCH = {
    "sparsemax": "torch has none; test_entmax.py compares with the entmax package",
    "entmax": "torch has none; test_entmax.py compares with the entmax package",
    "entmax step of any alpha": "torch has none; it is alpha_entmax beside a sink",
    "alpha_entmax": "torch has none; test_entmax.py compares with the entmax package",
    "entmax_attention": "torch has none; its step is alpha_entmax, the others are those of attention",
    "merge of attention": "torch has none; test_merge.py compares with attention over all keys",
}
