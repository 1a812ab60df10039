"""Who is trained side by side: the model that is asked for, and what shows what attention adds.

learned     the model of the settings
uniform     its twin, whose weights are uniform: what can be had without learning where to look
logistic    logistic regression on all columns, where the task asks for it
scratch     the learned one again from the seed's own start, where another run's parameters are the start
"""

from typing import NamedTuple

from ..nn.classifier import AttentionClassifier
from ..nn.logistic import Logistic
from ..nn.self_attention import SelfAttentionClassifier
from ..tasks import TASKS
from .evaluation import Model
from .settings import Settings

LEARNED, UNIFORM, LOGISTIC, SCRATCH = "learned", "uniform", "logistic", "scratch"


class Sizes(NamedTuple):
    """What the data decide about a model."""

    tokens: int
    input_dim: int
    outputs: int


def contenders(settings: Settings, sizes: Sizes) -> dict[str, Model]:
    """The models of a run, by the names above.

    Raises
    ------
    ValueError
        If the heads do not divide the hidden dimension where they have to.
    """
    task = TASKS[settings.task]
    learned = _learned(settings, sizes)
    models: dict[str, Model] = {LEARNED: learned, UNIFORM: learned.twin()}
    if task.logistic:
        models[LOGISTIC] = Logistic(*sizes)
    if settings.start_from is not None:
        models[SCRATCH] = learned
    return models


def _learned(settings: Settings, sizes: Sizes) -> AttentionClassifier | SelfAttentionClassifier:
    tokens, width, outputs = sizes
    hidden, heads, score, temperature = (
        settings.hidden_dim, settings.heads, settings.score, settings.temperature,
    )  # fmt: skip
    if not TASKS[settings.task].layer:
        return AttentionClassifier(width, hidden, heads, score, outputs, temperature)
    if hidden % heads:
        raise ValueError(f"heads is {heads}; a number that divides hidden_dim, {hidden}, is expected")
    return SelfAttentionClassifier(width, tokens, hidden, heads, score, outputs, temperature)
