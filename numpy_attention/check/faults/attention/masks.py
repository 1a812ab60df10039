"""Mistakes with the mask of step 4."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ....functional.attention.steps import (
    STEPS,
    MaskSaved,
    Normalised,
    ScoreGradients,
    ScoreSaved,
    SoftmaxStepSaved,
    Steps,
    mask_forward,
    score_backward,
    softmax_step_backward,
    softmax_step_forward,
)
from ....functional.base.admission import Array
from ....functional.base.arrays import Pair
from ...reference.inputs import Inputs
from ..conditions import all_of, has_choice, has_option, mask_hides, visible_key_counts, visible_of
from ..fault import (
    VISIBLE_PLACES,
    FaultFamily,
    steps_with_visible,
    tag_of,
    tagged,
    textbook_softmax_backward,
)

MASKS = FaultFamily("mask")


def shifted(visible: Array, by: int) -> Array:
    """The mask with each query's visible keys shifted right by `by`; bands extend along their diagonals."""
    L, S = visible.shape[-2:]
    i, j = np.indices((L, S))
    column = np.clip(j - by, 0, S - 1)
    row = np.clip(i + column - (j - by), 0, L - 1)
    return np.asarray(visible[..., row, column])


def _other_corner_shift(visible: Array) -> int:
    """The shift of a band that is aligned at the other corner; 0 if all rows are alike."""
    L, S = visible.shape[-2:]
    if (visible == visible[..., :1, :]).all():
        return 0
    is_bottom_right = bool(visible[..., -1, -1].any() if L < S else not visible[..., 0, 0].any())
    return int(L - S if is_bottom_right else S - L)


@MASKS.visible()
def mask_off_by_one(visible: Array) -> Array:
    """The mask is shifted by one key: under a causal mask, j <= i + 1 for j <= i.

    vllm#3385.
    """
    return shifted(visible, 1)


@MASKS.visible()
def mask_strict(visible: Array) -> Array:
    """The mask is shifted back by one key: under a causal mask, j < i for j <= i."""
    return shifted(visible, -1)


@MASKS.visible()
def mask_from_the_wrong_corner(visible: Array) -> Array:
    """With L != S, positions are counted from the other corner: top left for bottom right, or the reverse.

    pytorch#103082, mlx#2835, flash-attention#517.
    """
    return shifted(visible, _other_corner_shift(visible))


@MASKS.visible()
def mask_inverted(visible: Array) -> Array:
    """The mask is read inverted: visible pairs are hidden, and hidden ones visible.

    LLMs-from-scratch#1061, pytorch#170400.
    """
    return ~visible


@MASKS.visible()
def window_off_by_one_left(visible: Array) -> Array:
    """The window's left width counts the query's own position: the window is one key too short.

    transformers#39408, flash-attention#1133.
    """
    return visible & shifted(visible, 1)


@MASKS.visible()
def window_off_by_one_right(visible: Array) -> Array:
    """The window extends one key too far to the right."""
    return visible | shifted(visible, 1)


@MASKS.visible()
def window_unshifted(visible: Array) -> Array:
    """With L != S, the window's left edge is not shifted with the diagonal.

    flash-attention and ONNX shift it, JAX does not.
    """
    after_start = np.maximum.accumulate(visible, axis=-1)
    before_end = np.maximum.accumulate(visible[..., ::-1], axis=-1)[..., ::-1]
    return shifted(after_start, _other_corner_shift(visible)) & before_end


def _diagonal(visible: Array) -> int | None:
    """The offset o of the lowest diagonal j <= i + o above which all is hidden; None if that hides little."""
    L, S = visible.shape[-2:]
    ahead = np.arange(S) - np.arange(L)[:, None]
    seen = ahead[visible.reshape(-1, L, S).any(axis=0)]
    if not seen.size or 8 * np.count_nonzero(ahead > seen.max()) < ahead.size:
        return None
    return int(seen.max())


def _up_to_diagonal(visible: Array, offset: int) -> Array:
    L, S = visible.shape[-2:]
    return np.tri(L, S, offset, dtype=bool)


@MASKS.visible()
def mask_ignored_beside_causal(visible: Array) -> Array:
    """Under a causal mask nothing else is masked: neither padding nor the left end of a window.

    keras#23038, jax#32300.
    """
    offset = _diagonal(visible)
    return visible if offset is None else np.broadcast_to(_up_to_diagonal(visible, offset), visible.shape)


@MASKS.visible()
def offset_of_the_wrong_sign(visible: Array) -> Array:
    """The diagonal is shifted the wrong way: j <= i - offset for j <= i + offset."""
    offset = _diagonal(visible)
    if not offset:
        return visible
    return visible & _up_to_diagonal(visible, -offset) if offset > 0 else shifted(visible, -2 * offset)


# ------------------------------------------------------------------------- not in the mask itself


def _has_fully_masked_row(call: Inputs) -> bool:
    """Where a row is fully masked, and there is no sink."""
    return not has_option(call, "sinks") and bool((visible_key_counts(call) == 0).any())


@MASKS.steps(active=mask_hides)
def mask_after_softmax() -> Steps:
    """Weights are set to 0 after the softmax: hidden keys keep their share of the row sum."""

    def forward(
        masked: Array, sinks: Array | None = None, visible: Array | None = None
    ) -> tuple[Normalised, SoftmaxStepSaved]:
        (weights, lse), saved = softmax_step_forward(masked, sinks, None)
        weights = weights if visible is None else np.where(visible, weights, 0)
        return Normalised(weights, lse), saved._replace(weights=weights)

    unmasked = Pair(lambda biased, visible=None: (biased, MaskSaved(visible)), STEPS.mask.backward)
    return STEPS._replace(mask=unmasked, softmax=Pair(forward, textbook_softmax_backward))


@MASKS.steps(active=_has_fully_masked_row)
def mask_of_a_finite_number() -> Steps:
    """Hidden scores are set to -10000: a fully masked row gets the mean of all values.

    As in JAX and in Hugging Face's eager path.
    """

    def forward(biased: Array, visible: Array | None = None) -> tuple[Array, MaskSaved]:
        masked = biased if visible is None else np.where(visible, biased, -10000.0)
        return masked, MaskSaved(visible)

    return steps_with_visible(lambda visible: np.ones_like(visible))._replace(
        mask=Pair(forward, STEPS.mask.backward)
    )


@MASKS.steps(active=mask_hides)
def mask_missing_in_backward() -> Steps:
    """Backward recomputes the weights from scores and lse without masking them."""

    def mask(biased: Array, visible: Array | None = None) -> tuple[Array, MaskSaved]:
        return tagged(mask_forward(biased, visible)[0], biased), MaskSaved(None)

    def softmax(
        masked: Array, sinks: Array | None = None, visible: Array | None = None
    ) -> tuple[Normalised, SoftmaxStepSaved]:
        (weights, lse), saved = softmax_step_forward(np.asarray(masked), sinks, visible)
        biased = masked if tag_of(masked) is None else tag_of(masked)
        unmasked = np.exp(np.asarray(biased) - np.where(np.isfinite(lse), lse, 0)[..., None])
        return Normalised(weights, lse), saved._replace(weights=unmasked, visible=None)

    def score_back(d_scores: Array, saved: ScoreSaved) -> ScoreGradients:
        return score_backward(d_scores, saved._replace(visible=None))

    return STEPS._replace(
        score=Pair(STEPS.score.forward, score_back),
        mask=Pair(mask, STEPS.mask.backward),
        softmax=Pair(softmax, softmax_step_backward),
    )


@MASKS.steps(active=mask_hides)
def mask_forgotten() -> Steps:
    """The mask is silently ignored, as on a code path without mask support.

    keras#23038, jax#32300.
    """
    return steps_with_visible(lambda visible: np.ones_like(visible))


def _steps_with_default(default: Callable[[int, int], Array]) -> Steps:
    """The steps, each of which receives `default(L, S)` where visible is None."""

    def with_default(step: str, place: int) -> Pair:
        forward, backward = getattr(STEPS, step)

        def changed(*arguments: Any) -> Any:
            visible = arguments[place] if len(arguments) > place else None
            if visible is None:
                S = (arguments[1] if step == "score" else arguments[0]).shape[-2 if step == "score" else -1]
                visible = default(arguments[0].shape[-2], S)
            given = (*arguments[:place], *[None] * (place - len(arguments)), visible)
            return forward(*given)

        return Pair(changed, backward)

    return STEPS._replace(**{step: with_default(step, place) for step, place in VISIBLE_PLACES.items()})


def _nothing_hidden(call: Inputs) -> bool:
    """Where nothing is hidden, and S > 1."""
    return visible_of(call) is None and call.lengths.S > 1


@MASKS.steps(active=all_of(has_choice, _nothing_hidden))
def causal_unasked() -> Steps:
    """Without a mask, a causal one is applied from the top left corner.

    The default of tt-metal's is_causal.
    """
    return _steps_with_default(lambda L, S: np.tri(L, S, dtype=bool))
