"""Attention in pure NumPy, every step forward and backward written by hand: the public names."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .functional.activations import (
    leaky_relu,
    leaky_relu_backward,
    leaky_relu_forward,
    relu,
    relu_backward,
    relu_forward,
    sigmoid,
    sigmoid_backward,
    sigmoid_forward,
    tanh,
    tanh_backward,
    tanh_forward,
)
from .functional.additive import additive_scores, additive_scores_backward, additive_scores_forward
from .functional.arrays import Pair
from .functional.attend import AttendGradients, attend, attend_backward, attend_forward
from .functional.attention import (
    AttentionGradients,
    attention,
    attention_backward,
    attention_forward,
    attention_with,
)
from .functional.biases import alibi, relative
from .functional.binary_losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    binary_cross_entropy_forward,
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
    binary_cross_entropy_with_logits_forward,
)
from .functional.blockwise import (
    blockwise_attention,
    blockwise_attention_backward,
    blockwise_attention_forward,
    blockwise_attention_with,
)
from .functional.concat import concat_scores, concat_scores_backward, concat_scores_forward
from .functional.cosine import cosine_scores, cosine_scores_backward, cosine_scores_forward
from .functional.dropout import dropout, dropout_multipliers
from .functional.embedding import embedding, embedding_backward, embedding_forward
from .functional.fast import fast_attention, fast_attention_backward, fast_attention_forward
from .functional.gelu import (
    gelu,
    gelu_backward,
    gelu_forward,
    gelu_tanh,
    gelu_tanh_backward,
    gelu_tanh_forward,
)
from .functional.linear import linear, linear_backward, linear_forward
from .functional.location import location_scores, location_scores_backward, location_scores_forward
from .functional.losses import (
    cross_entropy,
    cross_entropy_backward,
    cross_entropy_forward,
    mean_squared_error,
    mean_squared_error_backward,
    mean_squared_error_forward,
)
from .functional.masks import causal, hidden, padding, prefix, real_keys, segments, visible, window
from .functional.merge import (
    Merged,
    PartGradients,
    attention_merge,
    attention_merge_backward,
    attention_merge_forward,
)
from .functional.normalisers import ENTMAX, SIGMOID, SPARSEMAX
from .functional.normalization import (
    layer_norm,
    layer_norm_backward,
    layer_norm_forward,
    rms_norm,
    rms_norm_backward,
    rms_norm_forward,
)
from .functional.positions import rotary, rotary_backward, rotary_forward, sinusoidal
from .functional.scores import (
    dot_scores,
    dot_scores_backward,
    dot_scores_forward,
    general_scores,
    general_scores_backward,
    general_scores_forward,
)
from .functional.smooth import (
    silu,
    silu_backward,
    silu_forward,
    softplus,
    softplus_backward,
    softplus_forward,
)
from .functional.softmax import (
    log_softmax,
    log_softmax_backward,
    log_softmax_forward,
    logsumexp,
    logsumexp_backward,
    logsumexp_forward,
    softmax,
    softmax_backward,
    softmax_forward,
)
from .functional.steps import STEPS, Steps
from .optim.adam import adam_init, adam_step, adam_update, adamw_init, adamw_step, adamw_update
from .optim.clipping import clip_by_global_norm
from .optim.schedules import constant_lr, cosine_lr, inverse_square_root_lr, vaswani_lr, warmup_lr
from .optim.sgd import sgd_init, sgd_step

if TYPE_CHECKING:
    from .check.differentiation import check_vjp
    from .check.laws import LAWS, laws

__version__ = "0.1.0"

# fmt: off
__all__ = [
    # attention
    "attention", "attention_forward", "attention_backward", "attention_with", "AttentionGradients",
    "attend", "attend_forward", "attend_backward", "AttendGradients",
    # the same, tile by tile
    "blockwise_attention", "blockwise_attention_forward", "blockwise_attention_backward",
    "blockwise_attention_with", "fast_attention", "fast_attention_forward", "fast_attention_backward",
    # parts of it, made into the whole
    "attention_merge", "attention_merge_forward", "attention_merge_backward", "Merged", "PartGradients",
    # its steps
    "STEPS", "Steps", "Pair",
    # masks and dropout, as values
    "visible", "hidden", "causal", "window", "padding", "real_keys", "segments", "prefix", "dropout",
    "dropout_multipliers",
    # biases and normalisers
    "alibi", "relative", "SIGMOID", "SPARSEMAX", "ENTMAX",
    # scores
    "dot_scores", "dot_scores_forward", "dot_scores_backward", "general_scores", "general_scores_forward",
    "general_scores_backward", "cosine_scores", "cosine_scores_forward", "cosine_scores_backward",
    "additive_scores", "additive_scores_forward", "additive_scores_backward", "concat_scores",
    "concat_scores_forward", "concat_scores_backward", "location_scores", "location_scores_forward",
    "location_scores_backward",
    # softmax
    "softmax", "softmax_forward", "softmax_backward", "log_softmax", "log_softmax_forward",
    "log_softmax_backward", "logsumexp", "logsumexp_forward", "logsumexp_backward",
    # layers and activations
    "linear", "linear_forward", "linear_backward", "tanh", "tanh_forward", "tanh_backward", "sigmoid",
    "sigmoid_forward", "sigmoid_backward", "relu", "relu_forward", "relu_backward", "leaky_relu",
    "leaky_relu_forward", "leaky_relu_backward", "silu", "silu_forward", "silu_backward", "softplus",
    "softplus_forward", "softplus_backward", "gelu", "gelu_forward", "gelu_backward", "gelu_tanh",
    "gelu_tanh_forward", "gelu_tanh_backward", "layer_norm", "layer_norm_forward", "layer_norm_backward",
    "rms_norm", "rms_norm_forward", "rms_norm_backward", "embedding", "embedding_forward",
    "embedding_backward", "rotary", "rotary_forward", "rotary_backward", "sinusoidal",
    # losses
    "cross_entropy", "cross_entropy_forward", "cross_entropy_backward", "mean_squared_error",
    "mean_squared_error_forward", "mean_squared_error_backward", "binary_cross_entropy",
    "binary_cross_entropy_forward", "binary_cross_entropy_backward", "binary_cross_entropy_with_logits",
    "binary_cross_entropy_with_logits_forward", "binary_cross_entropy_with_logits_backward",
    # optimizers
    "sgd_init", "sgd_step", "adam_init", "adam_step", "adam_update", "adamw_init", "adamw_step",
    "adamw_update", "clip_by_global_norm",
    "constant_lr", "warmup_lr", "cosine_lr", "inverse_square_root_lr", "vaswani_lr",
    # checking
    "check_vjp", "LAWS", "laws",
]
# fmt: on

CHECKS = {"check_vjp": ".check.differentiation", "laws": ".check.laws", "LAWS": ".check.laws"}


def __getattr__(name: str) -> Any:
    """What only a check needs is imported when it is asked for: it is half of the import time."""
    if name not in CHECKS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(CHECKS[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *CHECKS})
