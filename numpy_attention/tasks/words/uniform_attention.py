"""Beside a translation: the same model without a choice where to look, its cross-attention uniform."""

from dataclasses import dataclass

import numpy as np

from ...nn.parameters import Params
from ...training.objective import Objective
from ...training.settings import Settings
from .objectives import Translating
from .translation import encoder_decoder
from .word_task import WordFacts

UNIFORM = "uniform attention"


@dataclass(frozen=True)
class UniformTranslating(Translating):
    """An encoder-decoder whose cross-attention has equal weights on every symbol of the source.

    Queries and keys are zeros, and remain so in training: of scores = scale * query @ keyᵀ both gradients,
    d_query = scale * d_scores @ key and d_key = scale * d_scoresᵀ @ query, are zeros too.
    """

    def init(self, rng: np.random.Generator) -> Params:
        """Initial parameters."""
        params = super().init(rng)
        for block in params["decoder"]["layers"].values():
            for name in ("in_proj_weight", "in_proj_bias"):
                block["multihead_attn"][name][: 2 * self.model.width] = 0  # rows of queries and keys
        return params


def with_uniform_attention(settings: Settings, facts: WordFacts) -> dict[str, Objective]:
    """The model to train beside that of `encoder_decoder`."""
    return {UNIFORM: UniformTranslating(encoder_decoder(settings, facts).model)}
