# Made by `python -m tests.support.public_stub` from the table in __init__.py.

from . import check as check
from . import cli as cli
from . import core as core
from . import functional as functional
from . import nn as nn
from . import optim as optim
from . import study as study
from . import tasks as tasks
from . import training as training
from .check.laws.laws import (
    LAWS as LAWS,
)
from .check.laws.laws import (
    laws as laws,
)
from .check.pairs.differentiation import (
    check_vjp as check_vjp,
)
from .check.referee.external import (
    cases as cases,
)
from .check.referee.external import (
    compare as compare,
)
from .check.referee.referee import (
    assert_matches_reference as assert_matches_reference,
)
from .check.referee.referee import (
    check_candidate as check_candidate,
)
from .functional.attention.attend import (
    AttendGradients as AttendGradients,
)
from .functional.attention.attend import (
    attend as attend,
)
from .functional.attention.attend import (
    attend_backward as attend_backward,
)
from .functional.attention.attend import (
    attend_forward as attend_forward,
)
from .functional.attention.attention import (
    AttentionGradients as AttentionGradients,
)
from .functional.attention.attention import (
    attention as attention,
)
from .functional.attention.attention import (
    attention_backward as attention_backward,
)
from .functional.attention.attention import (
    attention_forward as attention_forward,
)
from .functional.attention.attention import (
    attention_with as attention_with,
)
from .functional.attention.biases import (
    alibi as alibi,
)
from .functional.attention.biases import (
    relative as relative,
)
from .functional.attention.dropout import (
    dropout as dropout,
)
from .functional.attention.dropout import (
    dropout_multipliers as dropout_multipliers,
)
from .functional.attention.merge import (
    Merged as Merged,
)
from .functional.attention.merge import (
    PartGradients as PartGradients,
)
from .functional.attention.merge import (
    attention_merge as attention_merge,
)
from .functional.attention.merge import (
    attention_merge_backward as attention_merge_backward,
)
from .functional.attention.merge import (
    attention_merge_forward as attention_merge_forward,
)
from .functional.attention.normalisers import (
    ENTMAX as ENTMAX,
)
from .functional.attention.normalisers import (
    SIGMOID as SIGMOID,
)
from .functional.attention.normalisers import (
    SPARSEMAX as SPARSEMAX,
)
from .functional.attention.steps import (
    STEPS as STEPS,
)
from .functional.attention.steps import (
    Steps as Steps,
)
from .functional.base.arrays import (
    Pair as Pair,
)
from .functional.fast.fast import (
    fast_attention as fast_attention,
)
from .functional.fast.fast import (
    fast_attention_backward as fast_attention_backward,
)
from .functional.fast.fast import (
    fast_attention_forward as fast_attention_forward,
)
from .functional.layers.activations import (
    leaky_relu as leaky_relu,
)
from .functional.layers.activations import (
    leaky_relu_backward as leaky_relu_backward,
)
from .functional.layers.activations import (
    leaky_relu_forward as leaky_relu_forward,
)
from .functional.layers.activations import (
    relu as relu,
)
from .functional.layers.activations import (
    relu_backward as relu_backward,
)
from .functional.layers.activations import (
    relu_forward as relu_forward,
)
from .functional.layers.activations import (
    sigmoid as sigmoid,
)
from .functional.layers.activations import (
    sigmoid_backward as sigmoid_backward,
)
from .functional.layers.activations import (
    sigmoid_forward as sigmoid_forward,
)
from .functional.layers.activations import (
    tanh as tanh,
)
from .functional.layers.activations import (
    tanh_backward as tanh_backward,
)
from .functional.layers.activations import (
    tanh_forward as tanh_forward,
)
from .functional.layers.embedding import (
    embedding as embedding,
)
from .functional.layers.embedding import (
    embedding_backward as embedding_backward,
)
from .functional.layers.embedding import (
    embedding_forward as embedding_forward,
)
from .functional.layers.gelu import (
    gelu as gelu,
)
from .functional.layers.gelu import (
    gelu_backward as gelu_backward,
)
from .functional.layers.gelu import (
    gelu_forward as gelu_forward,
)
from .functional.layers.gelu import (
    gelu_tanh as gelu_tanh,
)
from .functional.layers.gelu import (
    gelu_tanh_backward as gelu_tanh_backward,
)
from .functional.layers.gelu import (
    gelu_tanh_forward as gelu_tanh_forward,
)
from .functional.layers.linear import (
    linear as linear,
)
from .functional.layers.linear import (
    linear_backward as linear_backward,
)
from .functional.layers.linear import (
    linear_forward as linear_forward,
)
from .functional.layers.normalization import (
    layer_norm as layer_norm,
)
from .functional.layers.normalization import (
    layer_norm_backward as layer_norm_backward,
)
from .functional.layers.normalization import (
    layer_norm_forward as layer_norm_forward,
)
from .functional.layers.normalization import (
    rms_norm as rms_norm,
)
from .functional.layers.normalization import (
    rms_norm_backward as rms_norm_backward,
)
from .functional.layers.normalization import (
    rms_norm_forward as rms_norm_forward,
)
from .functional.layers.positions import (
    rotary as rotary,
)
from .functional.layers.positions import (
    rotary_backward as rotary_backward,
)
from .functional.layers.positions import (
    rotary_forward as rotary_forward,
)
from .functional.layers.positions import (
    sinusoidal as sinusoidal,
)
from .functional.layers.smooth import (
    silu as silu,
)
from .functional.layers.smooth import (
    silu_backward as silu_backward,
)
from .functional.layers.smooth import (
    silu_forward as silu_forward,
)
from .functional.layers.smooth import (
    softplus as softplus,
)
from .functional.layers.smooth import (
    softplus_backward as softplus_backward,
)
from .functional.layers.smooth import (
    softplus_forward as softplus_forward,
)
from .functional.layers.softmax import (
    log_softmax as log_softmax,
)
from .functional.layers.softmax import (
    log_softmax_backward as log_softmax_backward,
)
from .functional.layers.softmax import (
    log_softmax_forward as log_softmax_forward,
)
from .functional.layers.softmax import (
    logsumexp as logsumexp,
)
from .functional.layers.softmax import (
    logsumexp_backward as logsumexp_backward,
)
from .functional.layers.softmax import (
    logsumexp_forward as logsumexp_forward,
)
from .functional.layers.softmax import (
    softmax as softmax,
)
from .functional.layers.softmax import (
    softmax_backward as softmax_backward,
)
from .functional.layers.softmax import (
    softmax_forward as softmax_forward,
)
from .functional.losses.binary import (
    binary_cross_entropy as binary_cross_entropy,
)
from .functional.losses.binary import (
    binary_cross_entropy_backward as binary_cross_entropy_backward,
)
from .functional.losses.binary import (
    binary_cross_entropy_forward as binary_cross_entropy_forward,
)
from .functional.losses.binary import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from .functional.losses.binary import (
    binary_cross_entropy_with_logits_backward as binary_cross_entropy_with_logits_backward,
)
from .functional.losses.binary import (
    binary_cross_entropy_with_logits_forward as binary_cross_entropy_with_logits_forward,
)
from .functional.losses.losses import (
    cross_entropy as cross_entropy,
)
from .functional.losses.losses import (
    cross_entropy_backward as cross_entropy_backward,
)
from .functional.losses.losses import (
    cross_entropy_forward as cross_entropy_forward,
)
from .functional.losses.losses import (
    mean_squared_error as mean_squared_error,
)
from .functional.losses.losses import (
    mean_squared_error_backward as mean_squared_error_backward,
)
from .functional.losses.losses import (
    mean_squared_error_forward as mean_squared_error_forward,
)
from .functional.masks.builders import (
    causal as causal,
)
from .functional.masks.builders import (
    hidden as hidden,
)
from .functional.masks.builders import (
    padding as padding,
)
from .functional.masks.builders import (
    prefix as prefix,
)
from .functional.masks.builders import (
    real_keys as real_keys,
)
from .functional.masks.builders import (
    segments as segments,
)
from .functional.masks.builders import (
    visible as visible,
)
from .functional.masks.builders import (
    window as window,
)
from .functional.scores.additive import (
    additive_scores as additive_scores,
)
from .functional.scores.additive import (
    additive_scores_backward as additive_scores_backward,
)
from .functional.scores.additive import (
    additive_scores_forward as additive_scores_forward,
)
from .functional.scores.concat import (
    concat_scores as concat_scores,
)
from .functional.scores.concat import (
    concat_scores_backward as concat_scores_backward,
)
from .functional.scores.concat import (
    concat_scores_forward as concat_scores_forward,
)
from .functional.scores.cosine import (
    cosine_scores as cosine_scores,
)
from .functional.scores.cosine import (
    cosine_scores_backward as cosine_scores_backward,
)
from .functional.scores.cosine import (
    cosine_scores_forward as cosine_scores_forward,
)
from .functional.scores.location import (
    location_scores as location_scores,
)
from .functional.scores.location import (
    location_scores_backward as location_scores_backward,
)
from .functional.scores.location import (
    location_scores_forward as location_scores_forward,
)
from .functional.scores.products import (
    dot_scores as dot_scores,
)
from .functional.scores.products import (
    dot_scores_backward as dot_scores_backward,
)
from .functional.scores.products import (
    dot_scores_forward as dot_scores_forward,
)
from .functional.scores.products import (
    general_scores as general_scores,
)
from .functional.scores.products import (
    general_scores_backward as general_scores_backward,
)
from .functional.scores.products import (
    general_scores_forward as general_scores_forward,
)
from .functional.tiled.blockwise import (
    blockwise_attention as blockwise_attention,
)
from .functional.tiled.blockwise import (
    blockwise_attention_backward as blockwise_attention_backward,
)
from .functional.tiled.blockwise import (
    blockwise_attention_forward as blockwise_attention_forward,
)
from .functional.tiled.blockwise import (
    blockwise_attention_with as blockwise_attention_with,
)
from .optim.adam import (
    adam_init as adam_init,
)
from .optim.adam import (
    adam_step as adam_step,
)
from .optim.adam import (
    adam_update as adam_update,
)
from .optim.adam import (
    adamw_init as adamw_init,
)
from .optim.adam import (
    adamw_step as adamw_step,
)
from .optim.adam import (
    adamw_update as adamw_update,
)
from .optim.clipping import (
    clip_by_global_norm as clip_by_global_norm,
)
from .optim.schedules import (
    constant_lr as constant_lr,
)
from .optim.schedules import (
    cosine_lr as cosine_lr,
)
from .optim.schedules import (
    inverse_square_root_lr as inverse_square_root_lr,
)
from .optim.schedules import (
    vaswani_lr as vaswani_lr,
)
from .optim.schedules import (
    warmup_lr as warmup_lr,
)
from .optim.sgd import (
    sgd_init as sgd_init,
)
from .optim.sgd import (
    sgd_step as sgd_step,
)

PUBLIC: dict[str, str]
SUBPACKAGES: tuple[str, ...]
__version__: str
