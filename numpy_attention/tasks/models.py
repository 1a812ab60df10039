"""The models that tasks train, from settings and the sizes of the data."""

import math
from typing import Any

from ..nn.adaptive import SOFTMAX
from ..nn.classifier import AttentionClassifier
from ..nn.patch_classifier import PatchClassifier
from ..nn.positions.span import AdaptiveSpan
from ..training.settings import Settings
from .classification.models import DataSizes


def attention_classifier(settings: Settings, sizes: DataSizes) -> AttentionClassifier:
    """Tokens pooled by attention."""
    return AttentionClassifier(
        sizes.input_dim,
        settings.hidden_dim,
        settings.heads,
        settings.score,
        sizes.outputs,
        settings.temperature,
    )


def patch_classifier(settings: Settings, sizes: DataSizes) -> PatchClassifier:
    """A vision transformer of images cut into patches.

    Raises
    ------
    ValueError
        If heads does not divide hidden_dim, or another score is set.
    """
    refuse_scores(settings, adaptive=True)
    hidden, heads, layers = settings.hidden_dim, settings.heads, settings.layers or 1
    if hidden % heads:
        raise ValueError(f"heads is {heads}; a number that divides hidden_dim, {hidden}, is expected")
    side = math.isqrt(sizes.tokens)
    options = adaptive_options(settings, side, side)
    return PatchClassifier(sizes.input_dim, sizes.tokens, hidden, heads, layers, sizes.outputs, **options)


ADAPTIVE = ("normaliser", "span", "span_penalty")
"""Settings of a task whose attention adapts; it may learn a temperature too."""


def adaptive_options(settings: Settings, context: int, columns: int | None = None) -> dict[str, Any]:
    """Options of a model whose attention adapts; context and columns are those of `AdaptiveSpan`."""
    ramp = settings.span
    return {
        "normaliser": settings.normaliser or SOFTMAX,
        "temperature": settings.temperature,
        "span": None if ramp is None else AdaptiveSpan(settings.heads, context, ramp, columns),
    }


def refuse_scores(settings: Settings, scores: str = "dot-product", adaptive: bool = False) -> None:
    """Raise ValueError if a score, or a temperature unless adaptive, is set where it is always the same."""
    for name in ("score",) if adaptive else ("score", "temperature"):
        given, usual = getattr(settings, name), getattr(Settings(), name)
        if given != usual:
            raise ValueError(
                f"{name} is {given!r}; the task {settings.task} has {scores} scores, leave it out"
            )
