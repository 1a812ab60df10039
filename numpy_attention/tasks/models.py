"""The models that tasks train, from settings and the sizes of the data."""

from ..nn.classifier import AttentionClassifier
from ..nn.self_attention import SelfAttentionClassifier
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


def self_attention_classifier(settings: Settings, sizes: DataSizes) -> SelfAttentionClassifier:
    """Tokens that attend to each other before they are pooled.

    Raises
    ------
    ValueError
        If heads does not divide hidden_dim.
    """
    hidden, heads = settings.hidden_dim, settings.heads
    if hidden % heads:
        raise ValueError(f"heads is {heads}; a number that divides hidden_dim, {hidden}, is expected")
    return SelfAttentionClassifier(
        sizes.input_dim, sizes.tokens, hidden, heads, settings.score, sizes.outputs, settings.temperature
    )
