"""Speech recognition: an encoder-decoder from frames to digits, its digit error rate, its alignment.

error rate = Σ edit distance(recognised, said) / Σ number of digits said
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ... import nn
from ...functional.base.admission import Array
from ...nn.parameters import Params
from ...training.objective import Figures
from ..words.examples import Pairs
from ..words.objectives import BATCH, Translating, translated
from ..words.translation import cross_attention
from ..words.vocabulary import SPECIAL
from .spectrogram import FRAME, STEP
from .utterances import BANDS, STACKED, Utterance

LONGEST = 200
"""Tokens of a recording, 8 s."""
TOKEN = STACKED * STEP
"""Samples from one token to the next."""
TOKEN_LENGTH = TOKEN - STEP + FRAME
"""Samples of a token."""


@dataclass(frozen=True)
class Recognising(Translating):
    """`Translating` from frames to digits; the second figure is the share of digits right."""

    def figures(self, params: Params, examples: Pairs) -> Figures:
        """Mean loss, in nats a symbol, and 1 - the digit error rate of greedy decoding, 0 at least."""
        loss = super().figures(params, examples).loss
        lengths = examples.target_lengths - 2
        said = [
            row[1 : 1 + length] - len(SPECIAL) for row, length in zip(examples.target, lengths, strict=True)
        ]
        return Figures(loss, digits_right(recognised(self.model, params, examples), said))


def recogniser(words: int, width: int, heads: int, layers: int, dropout: float = 0.0) -> Recognising:
    """An untrained recogniser of that many different words."""
    model = nn.Seq2Seq(
        len(SPECIAL) + words,
        width,
        heads,
        layers,
        LONGEST,
        decoder_layers=1,
        source_width=STACKED * BANDS,
        hidden=2 * width,
        norm_first=True,
        dropout=dropout,
        attention="blockwise",  # all of a batch at once: shorter than fast, where sequences are short
    )
    return Recognising(model)


def recognised(model: nn.Seq2Seq, params: Params, examples: Pairs) -> list[list[int]]:
    """The digits of each recording by greedy decoding."""
    found = translated(model, params, examples)
    return [[place - len(SPECIAL) for place in ids if place >= len(SPECIAL)] for ids in found]


def edit_distance(one: Sequence[int], other: Sequence[int]) -> int:
    """The least number of insertions, deletions and replacements from one sequence to another.

    Levenshtein 1966.

    Examples
    --------
    >>> edit_distance([3, 1, 4, 1], [1, 4, 4, 1, 5])
    3
    """
    distances = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        above, distances[0] = distances[0], row
        for column, right in enumerate(other, 1):
            replaced = above + (left != right)
            above = distances[column]
            distances[column] = min(replaced, above + 1, distances[column - 1] + 1)
    return distances[-1]


def digits_right(found: Sequence[Sequence[int]], said: Sequence[Sequence[int]]) -> float:
    """1 - the digit error rate, 0 at least: insertions count too.

    Examples
    --------
    >>> digits_right([[1, 2, 3], [4]], [[1, 2], [4, 5]])
    0.5
    """
    errors = sum(edit_distance(one, other) for one, other in zip(found, said, strict=True))
    return max(1 - errors / sum(map(len, said)), 0.0)


class Alignment(NamedTuple):
    """How the cross-attention of recordings moves through them."""

    forward: float
    """The share of steps from digit to digit at which the centre of attention moves forward"""
    within: float
    """The mean weight on the tokens that overlap the word itself"""
    uniform: float
    """What that would be if all weights were equal"""


def attended(model: nn.Seq2Seq, params: Params, examples: Pairs) -> list[Array]:
    """The weights (digits, tokens) of each recording by which its digits are predicted, mean of all heads."""
    weights = []
    for first in range(0, examples.size, BATCH):
        some = examples.some(slice(first, first + BATCH))
        last = cross_attention(model, params, some)[-1]
        sizes = zip(last, some.target_lengths - 2, some.source_lengths, strict=True)
        weights += [one[:digits, :tokens] for one, digits, tokens in sizes]
    return weights


def alignment(weights: Sequence[Array], utterances: Sequence[Utterance]) -> Alignment:
    """How weights (digits, tokens) move through utterances.

    Examples
    --------
    >>> one = Utterance(np.zeros(0), (4, 2), (0, 1280), (1280, 2560))
    >>> alignment([np.eye(9)[[1, 6]]], [one])
    Alignment(forward=1.0, within=1.0, uniform=0.5)
    """
    forward, within, uniform = [], [], []
    for own, one in zip(weights, utterances, strict=True):
        place = np.arange(own.shape[1])
        forward.append(np.diff(own @ place) > 0)
        starts, ends = (np.array(x)[:, None] for x in (one.starts, one.ends))
        word = (place * TOKEN < ends) & (place * TOKEN + TOKEN_LENGTH > starts)
        within.append((own * word).sum(axis=1))
        uniform.append(word.mean(axis=1))
    return Alignment(*(float(np.concatenate(each).mean()) for each in (forward, within, uniform)))
