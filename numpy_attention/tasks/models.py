"""The models that tasks train, from settings and the sizes of the data."""

from ..nn.classifier import AttentionClassifier
from ..nn.patch_classifier import PatchClassifier
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
        If heads does not divide hidden_dim, or another score or a temperature is set.
    """
    refuse_scores(settings)
    hidden, heads, layers = settings.hidden_dim, settings.heads, settings.layers or 1
    if hidden % heads:
        raise ValueError(f"heads is {heads}; a number that divides hidden_dim, {hidden}, is expected")
    return PatchClassifier(sizes.input_dim, sizes.tokens, hidden, heads, layers, sizes.outputs)


def refuse_scores(settings: Settings, scores: str = "dot-product") -> None:
    """Raise ValueError if a score or a temperature is set, for a task whose scores are always the same."""
    for name in ("score", "temperature"):
        given, usual = getattr(settings, name), getattr(Settings(), name)
        if given != usual:
            raise ValueError(
                f"{name} is {given!r}; the task {settings.task} has {scores} scores, leave it out"
            )
