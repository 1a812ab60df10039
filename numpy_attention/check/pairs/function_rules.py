"""The pairs of `functional`: name, forward, backward, and the examples that reach their branches.

They are the first part of the list of `rules`. What needs no layer imports them from here, and does not wait
for all of `nn`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from ...functional.attention import (
    alpha_entmax,
    attend,
    attention,
    entmax_attention,
    normalisers,
    span,
    steps,
)
from ...functional.base.arrays import Pair
from ...functional.fast import fast
from ...functional.layers import (
    activations,
    embedding,
    gelu,
    linear,
    normalization,
    positions,
    smooth,
    softmax,
)
from ...functional.losses import absolute_error, losses, squared_error
from ...functional.losses import binary as binary_losses
from ...functional.scores import additive, concat, cosine, location
from ...functional.scores import products as scores
from ...functional.tiled import blockwise
from . import examples as e
from .differentiation import check_vjp
from .merging import MERGE, MERGE_PAIR
from .report import Report


class Rule(NamedTuple):
    """A pair and the examples that reach its branches. A `step` belongs to a larger pair, in one dtype."""

    name: str
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    examples: tuple[e.Example, ...]
    step: bool = False

    def check(self, example: e.Example, order: int = 1, seed: int = 0) -> Report:
        """`check_vjp` of one example, at `order` or the highest order that exists there."""
        _, args, kwargs, highest = example
        return check_vjp(
            self.forward, self.backward, args, kwargs,
            order=min(order, highest), seed=seed, tidy=not self.step, strict=True,
        )  # fmt: skip


def _rule(module: Any, name: str, *examples: e.Example) -> Rule:
    return Rule(name, getattr(module, f"{name}_forward"), getattr(module, f"{name}_backward"), examples)


def _step(name: str, pair: Pair, example: e.Example) -> Rule:
    return Rule(name, pair.forward, pair.backward, (example,), step=True)


FUNCTIONS = (
    # the seven steps
    _step("score", steps.STEPS.score, e.SCORE_STEP),
    _step("softcap", steps.STEPS.softcap, e.SOFTCAP_STEP),
    _step("bias", steps.STEPS.bias, e.BIAS_STEP),
    _step("mask", steps.STEPS.mask, e.MASK_STEP),
    _step("softmax_step", steps.STEPS.softmax, e.SOFTMAX_STEP),
    _step("dropout", steps.STEPS.dropout, e.DROPOUT_STEP),
    _step("values", steps.STEPS.values, e.VALUES_STEP),
    # their composition
    _rule(attention, "attention", *e.ATTENTION),
    _rule(attend, "attend", *e.ATTEND),
    _rule(blockwise, "blockwise_attention", *e.TILED),
    _rule(fast, "fast_attention", *e.TILED),
    Rule("attention with weights and lse", e.all_outputs_forward, e.all_outputs_backward, e.ATTENTION),
    Rule("merge of attention", *MERGE_PAIR, MERGE),
    Rule("alibi", *e.ALIBI_PAIR, e.ALIBI),
    Rule("relative", *e.RELATIVE_PAIR, e.RELATIVE),
    # other normalisers in step 5
    _step("sigmoid weights", normalisers.SIGMOID, e.SOFTMAX_STEP),
    _step("sparsemax", normalisers.SPARSEMAX, e.SOFTMAX_STEP),
    _step("entmax", normalisers.ENTMAX, e.SOFTMAX_STEP),
    _step("entmax step of any alpha", alpha_entmax.ENTMAX_STEP, e.ENTMAX_STEP),
    _rule(alpha_entmax, "alpha_entmax", *e.ALPHA_ENTMAX),
    _rule(entmax_attention, "entmax_attention", *e.ENTMAX_ATTENTION),
    _rule(span, "span_bias", *e.SPAN_BIAS),
    # scores
    _rule(scores, "dot_scores", *e.DOT_SCORES),
    _rule(scores, "general_scores", *e.GENERAL_SCORES),
    _rule(additive, "additive_scores", *e.ADDITIVE_SCORES),
    _rule(concat, "concat_scores", *e.CONCAT_SCORES),
    _rule(cosine, "cosine_scores", *e.COSINE_SCORES),
    _rule(location, "location_scores", *e.LOCATION_SCORES),
    # layers and losses
    _rule(softmax, "softmax", *e.ROWS),
    _rule(softmax, "log_softmax", *e.ROWS),
    _rule(softmax, "logsumexp", *e.ROWS),
    _rule(linear, "linear", *e.LINEAR),
    _rule(activations, "tanh", *e.ELEMENTS),
    _rule(activations, "sigmoid", *e.ELEMENTS),
    _rule(activations, "relu", *e.ELEMENTS),
    _rule(activations, "leaky_relu", *e.ELEMENTS, e.STEEPER),
    _rule(gelu, "gelu", *e.ELEMENTS),
    _rule(gelu, "gelu_tanh", *e.ELEMENTS),
    _rule(smooth, "silu", *e.ELEMENTS),
    _rule(smooth, "softplus", *e.ELEMENTS),
    _rule(normalization, "layer_norm", *e.LAYER_NORM),
    _rule(normalization, "rms_norm", *e.RMS_NORM),
    _rule(embedding, "embedding", *e.EMBEDDING),
    _rule(positions, "rotary", *e.ROTARY),
    _rule(losses, "cross_entropy", *e.CLASSES),
    _rule(losses, "cross_entropy", *e.DISTRIBUTIONS)._replace(name="cross_entropy of distributions"),
    _rule(binary_losses, "binary_cross_entropy", *e.PROBABILITIES),
    _rule(binary_losses, "binary_cross_entropy_with_logits", *e.LOGITS),
    _rule(squared_error, "mean_squared_error", *e.PREDICTIONS),
    _rule(absolute_error, "mean_absolute_error", *e.PREDICTIONS),
)
"""Every pair of `functional`, once."""
