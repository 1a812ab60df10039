"""The recogniser that ships with the package, trained by the task `spoken-digits` with its defaults.

`recogniser.safetensors` holds its parameters in float16, `recogniser.json` its settings and its words.
`python -m benchmarks.shipped_model --run DIR` writes both from a run folder.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ... import nn
from ...files import parse_json
from ...functional.base.admission import Array
from ...nn.parameters import Params
from ...optim.trees import mapped
from ...training.settings import Settings, check_fields
from .recognition import Recognising, recognised
from .spoken_digits import SPOKEN_DIGITS, model
from .utterances import Utterance, pairs_of

DATA = Path(__file__).parents[1] / "data"
WEIGHTS, FACTS = DATA / "recogniser.safetensors", DATA / "recogniser.json"
DIGEST = "1a78629d2e71cb6be41a363defd1fbe0cc77286f22a3615c172c1d9a6958dfb4"
"""SHA-256 of the weights."""


@cache
def shipped_recogniser() -> tuple[Recognising, Params]:
    """The recogniser and its parameters, in float32.

    Examples
    --------
    >>> from .words import read_spoken_digits
    >>> recogniser, params = shipped_recogniser()
    >>> recording = np.concatenate(read_spoken_digits().clips[30:39:3])
    >>> recognised(recogniser.model, params, pairs_of([Utterance(recording, ())]))
    [[0, 1, 2]]
    """
    kept: Any = parse_json(FACTS.read_text(encoding="utf-8"))
    facts, _ = SPOKEN_DIGITS.unpacked(FACTS, kept["facts"], {})
    params = mapped(lambda x: x.astype(np.float32), nn.load_weights(WEIGHTS))
    return model(Settings(**check_fields(kept["settings"], complete=False)), facts), params


def heard_digits(waveforms: Sequence[Array]) -> list[list[int]]:
    """The digits that the recogniser reads in each recording."""
    recogniser, params = shipped_recogniser()
    return recognised(recogniser.model, params, pairs_of([Utterance(x, ()) for x in waveforms]))
