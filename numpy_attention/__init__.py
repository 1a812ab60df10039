"""Attention in pure NumPy, every step forward and backward written by hand.

Do not change a forward's arguments before its backward: saved may hold the arrays themselves (`attention`
copies them). Read `core.py` first: the mathematics in textbook form. A folder uses only those left of it:

    core ← functional ← optim, nn ← check, training ← tasks, distributed ← study ← cli

A public name is imported from its module on first use: importing every module at once would take as long as
importing NumPy. `__init__.pyi` lists the same names for type checkers. CONTRIBUTING.md has the rules of the
house and the line budget of each folder.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# fmt: off
PUBLIC = {
    # attention
    "functional.attention.attention":
        "attention attention_forward attention_backward attention_with AttentionGradients "
        "AttentionSaved StepsSaved",
    "functional.attention.attend": "attend attend_forward attend_backward AttendGradients AttendSaved",
    # the same, tile by tile
    "functional.tiled.blockwise":
        "blockwise_attention blockwise_attention_forward blockwise_attention_backward "
        "blockwise_attention_with BlockwiseSaved",
    "functional.fast.fast": "fast_attention fast_attention_forward fast_attention_backward FastSaved",
    # parts of it, made into the whole
    "functional.attention.merge":
        "attention_merge attention_merge_forward attention_merge_backward Merged PartGradients "
        "MergeSaved",
    # its steps
    "functional.attention.steps": "STEPS Steps",
    "functional.base.arrays": "Pair",
    # masks and dropout, as values
    "functional.masks.builders": "visible hidden causal window padding real_keys segments prefix",
    "functional.masks.mask": "Mask",
    "functional.attention.dropout": "dropout dropout_multipliers Dropout",
    # biases and normalisers
    "functional.attention.biases": "alibi relative Bias Alibi Relative AlibiGradients RelativeGradients",
    "functional.attention.normalisers": "SIGMOID SPARSEMAX ENTMAX",
    "functional.attention.alpha_entmax":
        "alpha_entmax alpha_entmax_forward alpha_entmax_backward entmax_step AlphaEntmaxSaved "
        "AlphaEntmaxGradients",
    "functional.attention.entmax_attention":
        "entmax_attention entmax_attention_forward entmax_attention_backward EntmaxAttentionSaved "
        "EntmaxAttentionGradients",
    "functional.attention.span": "span_bias span_bias_forward span_bias_backward SpanSaved",
    # scores
    "functional.scores.products":
        "dot_scores dot_scores_forward dot_scores_backward general_scores general_scores_forward "
        "general_scores_backward DotSaved DotGradients GeneralSaved GeneralGradients",
    "functional.scores.cosine":
        "cosine_scores cosine_scores_forward cosine_scores_backward CosineSaved CosineGradients",
    "functional.scores.additive":
        "additive_scores additive_scores_forward additive_scores_backward AdditiveSaved "
        "AdditiveGradients",
    "functional.scores.concat":
        "concat_scores concat_scores_forward concat_scores_backward ConcatSaved ConcatGradients",
    "functional.scores.location":
        "location_scores location_scores_forward location_scores_backward LocationSaved "
        "LocationGradients",
    # softmax
    "functional.layers.softmax":
        "softmax softmax_forward softmax_backward log_softmax log_softmax_forward "
        "log_softmax_backward logsumexp logsumexp_forward logsumexp_backward SoftmaxSaved "
        "LogSoftmaxSaved LogsumexpSaved",
    # layers and activations
    "functional.layers.linear": "linear linear_forward linear_backward LinearSaved LinearGradients",
    "functional.layers.activations":
        "tanh tanh_forward tanh_backward sigmoid sigmoid_forward sigmoid_backward relu relu_forward "
        "relu_backward leaky_relu leaky_relu_forward leaky_relu_backward TanhSaved ActivationSaved "
        "SigmoidSaved ReluSaved LeakyReluSaved",
    "functional.layers.smooth":
        "silu silu_forward silu_backward softplus softplus_forward softplus_backward SiluSaved "
        "SoftplusSaved",
    "functional.layers.gelu":
        "gelu gelu_forward gelu_backward gelu_tanh gelu_tanh_forward gelu_tanh_backward "
        "GeluSaved GeluTanhSaved",
    "functional.layers.normalization":
        "layer_norm layer_norm_forward layer_norm_backward rms_norm rms_norm_forward "
        "rms_norm_backward LayerNormSaved LayerNormGradients RmsNormSaved RmsNormGradients",
    "functional.layers.embedding": "embedding embedding_forward embedding_backward EmbeddingSaved",
    "functional.layers.positions": "rotary rotary_forward rotary_backward sinusoidal RotarySaved",
    # losses
    "functional.losses.losses":
        "cross_entropy cross_entropy_forward cross_entropy_backward CrossEntropySaved CrossEntropyGradients",
    "functional.losses.absolute_error":
        "mean_absolute_error mean_absolute_error_forward mean_absolute_error_backward AbsoluteErrorSaved",
    "functional.losses.squared_error":
        "mean_squared_error mean_squared_error_forward mean_squared_error_backward SquaredErrorSaved",
    "functional.losses.binary":
        "binary_cross_entropy binary_cross_entropy_forward binary_cross_entropy_backward "
        "binary_cross_entropy_with_logits binary_cross_entropy_with_logits_forward "
        "binary_cross_entropy_with_logits_backward BinaryCrossEntropySaved LogitsSaved",
    # optimizers
    "optim.sgd": "sgd_init sgd_step",
    "optim.adam": "adam_init adam_step adamw_init adamw_step",
    "optim.in_place": "adam_update adamw_update",
    "optim.clipping": "clip_by_global_norm",
    "optim.schedules": "constant_lr warmup_lr cosine_lr inverse_square_root_lr vaswani_lr",
    # checking
    "check.pairs.differentiation": "check_vjp",
    "check.pairs.report": "Report",
    "check.referee.report": "CandidateReport",
    "check.laws.laws": "LAWS laws check_laws",
    "check.laws.arguments": "CallSpec",
    "check.reference.inputs": "Inputs",
    "check.rounding.error_analysis": "Precision",
    "check.cases.cases": "Case",
    "check.referee.referee": "check_candidate assert_matches_reference",
    "check.referee.external": "cases compare",
    "check.outside.judging": "check_rule",
    # every number as a page
    "study.web.explanation": "explain Explanation",
}
"""Module -> the public names it defines. Each name stands here and nowhere else."""
# fmt: on

ALIASES = {"masks": "functional.masks.builders", "biases": "functional.attention.biases"}
"""Second names of modules: na.masks.causal is na.causal, na.biases.alibi is na.alibi."""

SUBPACKAGES = (
    "check",
    "cli",
    "core",
    "distributed",
    "functional",
    "nn",
    "optim",
    "study",
    "tasks",
    "training",
)

_MODULE_OF = {name: f".{module}" for module, names in PUBLIC.items() for name in names.split()}

__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(import_module(_MODULE_OF[name], __name__), name)
    elif name in SUBPACKAGES or name in ALIASES:
        value = import_module(f".{ALIASES.get(name, name)}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF, *ALIASES})
