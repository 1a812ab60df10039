"""The language model that ships with the package, trained by the task `text` with its defaults.

`text_model.safetensors` holds its parameters in float16, `text_model.json` its settings and its vocabulary.
`python -m benchmarks.shipped_model --run DIR` writes both from a run folder.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from ...files import parse_json
from ...nn.parameters import Params
from ...optim.trees import mapped
from ...training.settings import Settings, check_fields
from .text import TEXT, model
from .vocabulary import Vocabulary

DATA = Path(__file__).parents[1] / "data"
WEIGHTS, FACTS = DATA / "text_model.safetensors", DATA / "text_model.json"
DIGEST = "cfe5db5896c0d1a68e9ce6ef4b085b497b69faa54a8793d88556d65d840398ce"
"""SHA-256 of the weights."""


class ShippedModel(NamedTuple):
    """A trained language model, ready to use."""

    model: nn.LanguageModel
    params: Params
    """In float32"""
    vocabulary: Vocabulary


def shipped_model() -> ShippedModel:
    """The model, its parameters and its vocabulary.

    Examples
    --------
    >>> model, params, vocabulary = shipped_model()
    >>> logits, _ = model.forward(params, vocabulary.encode("The Cheshire Cat")[None])
    >>> logits.shape[-1] == vocabulary.size
    True
    """
    kept: Any = parse_json(FACTS.read_text(encoding="utf-8"))
    facts, _ = TEXT.unpacked(FACTS, kept["facts"], {})
    params = mapped(lambda x: x.astype(np.float32), nn.load_weights(WEIGHTS))
    objective = model(Settings(**check_fields(kept["settings"], complete=False)), facts)
    return ShippedModel(objective.model, params, facts.vocabulary)
