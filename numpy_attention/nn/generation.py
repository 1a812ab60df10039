"""Writing with a language model: one id after the other, each drawn from the model's probabilities.

    logits = model(ids so far)          on the KV cache: of the new id alone
    id     = drawn from next_token_probabilities(logits, …)

When the context is full, the model forgets all but the last half of it, which becomes positions 0, 1, 2, …
again: that is right for every kind of positions, and the same with the cache as without.

Beam search keeps the `beams` sequences of the largest sum of log-probabilities. All have the same length, so
dividing by it would change nothing. What all beams have in common is certain, and is given as it comes.
"""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, explained, shown, whole_numbers
from ..functional.base.arrays import whole_number
from ..functional.layers.softmax import log_softmax
from .language_model import LanguageModel
from .layer import admit_flags
from .parameters import Params
from .sampling import (
    check_penalty,
    check_sampling,
    draw,
    next_token_probabilities,
    penalise_repetition,
)


@explained
def generate(
    model: LanguageModel,
    params: Params,
    ids: npt.ArrayLike,
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float = 1.0,
    seed: int = 0,
    beams: int = 1,
    cached: bool = True,
) -> Iterator[int]:
    """The ids that the model writes after `ids`, as they come: an iterator of `length` whole numbers.

    Parameters
    ----------
    model, params : a language model, and its parameters
    ids : (T,) the ids before, at least one; of more than the context the last ones
    length : how many to write; whoever reads the iterator may stop earlier
    temperature, top_k, top_p, min_p : as in `next_token_probabilities`; temperature 0 is greedy
    repetition_penalty : as in `penalise_repetition`, of all ids before, these and the written ones
    seed : of the draws; the same seed writes the same ids
    beams : more than 1 for beam search, which draws nothing: it takes none of the options of sampling
    cached : False to compute all ids anew for each: slower, and the same

    Raises
    ------
    TypeError, ValueError
        For anything else, and options that do not fit together.

    Examples
    --------
    >>> model = LanguageModel(vocabulary=11, width=8, heads=2, layers=2, context=6)
    >>> params = model.init(np.random.default_rng(0))
    >>> [*generate(model, params, [1, 2, 3], 8, temperature=0)]
    [1, 1, 1, 1, 3, 1, 1, 1]
    >>> [*generate(model, params, [1, 2, 3], 8, top_k=5, seed=1)]
    [3, 8, 1, 8, 2, 3, 8, 2]

    References
    ----------
    Greedy and beam search as in Sutskever, Vinyals, Le 2014; the filters where they are.
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"model is {shown(model)}; an nn.LanguageModel is expected")
    model.check(params)
    before = whole_numbers("ids", ids, least=0)
    if before.ndim != 1 or not before.size:
        raise ValueError(f"ids has shape {before.shape}; (T,), at least one id, is expected")
    if before.max() >= model.vocabulary:
        raise ValueError(
            f"ids holds {before.max()}; less than {model.vocabulary}, the vocabulary, is expected"
        )
    length = whole_number("length", length, 0)
    check_sampling(temperature, top_k, top_p, min_p)
    check_penalty(repetition_penalty)
    admit_flags(cached=cached)
    rng = np.random.default_rng(whole_number("seed", seed, 0))
    reader = _Reader(model, params, before, repetition_penalty, cached)
    if whole_number("beams", beams, 1) > 1:
        _refuse_sampling(temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        return _beam_search(reader, length, beams)

    def choose(logits: Array) -> int:
        p = next_token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
        return int(p.argmax() if temperature == 0 else draw(p, rng))

    return _written(reader, length, choose)


def _refuse_sampling(temperature: float, **filters: float | None) -> None:
    changed = None if temperature == 1 else temperature
    for name, given in {"temperature": changed, **filters}.items():
        if given is not None:
            raise ValueError(
                f"{name} is {given}, but beam search draws nothing; {name} or beams is expected, not both"
            )


class _Reader:
    """Sequences (B, T) of a model, and the logits of what follows each."""

    def __init__(
        self, model: LanguageModel, params: Params, ids: Array, penalty: float, cached: bool
    ) -> None:
        self.model, self.params, self.penalty, self.cached = model, params, penalty, cached
        self.ids = ids[None]
        self.start = max(0, len(ids) - model.context)
        """Where the ids begin that the model reads"""
        self.cache, self.read = model.cache(), self.start
        """The cache, and the ids that it has read"""

    def logits(self) -> Array:
        """(B, V) after the repetition penalty."""
        if self.ids.shape[1] - self.start > self.model.context:
            self.start = self.ids.shape[1] - (self.model.context + 1) // 2
            self.cache, self.read = self.model.cache(), self.start
        if self.cached:
            new, cache = self.ids[:, self.read :], self.cache
            logits = self.model.forward(self.params, new, cache=cache)[0][:, -1]
            self.read = self.ids.shape[1]
        else:
            logits = self.model.forward(self.params, self.ids[:, self.start :])[0][:, -1]
        return logits if self.penalty == 1 else penalise_repetition(logits, self.ids, self.penalty)

    def append(self, rows: Array, ids: Array) -> None:
        """Sequence i becomes what sequence rows[i] was, and ids[i] after it."""
        if len(rows) != len(self.ids) or (rows != np.arange(len(rows))).any():
            self.cache.reorder(rows) if self.cached else None
        self.ids = np.concatenate([self.ids[rows], ids[:, None]], axis=1)


def _written(reader: _Reader, length: int, choose: Callable[[Array], int]) -> Iterator[int]:
    for _ in range(length):
        chosen = choose(reader.logits()[0])
        reader.append(np.array([0]), np.array([chosen]))
        yield chosen


def _beam_search(reader: _Reader, length: int, beams: int) -> Iterator[int]:
    scores, given = np.zeros(1), reader.ids.shape[1]
    end = given + length
    for _ in range(length):
        log_p = log_softmax(reader.logits().astype(np.float64))
        sums = scores[:, None] + log_p
        best = np.argsort(-sums, axis=None, kind="stable")[:beams]
        scores = sums.flat[best]
        reader.append(*np.divmod(best, log_p.shape[-1]))
        alike = (reader.ids == reader.ids[0]).all(axis=0)
        certain = len(alike) if alike.all() else int(alike.argmin())
        yield from map(int, reader.ids[0, given:certain])
        given = max(given, certain)
    yield from map(int, reader.ids[0, given:end])
