"""The next id of a text: from logits to probabilities, through the filters that are asked for, to a draw.

    logits    = logits / penalty if logits > 0 else logits * penalty      of ids that came before
    p         = softmax(logits / temperature)                             temperature 0: 1 for the likeliest
    top_k     the k largest are kept                                      Fan et al. 2018
    top_p     the fewest are kept whose sum reaches top_p                 Holtzman et al. 2020
    min_p     those of at least min_p times the largest are kept          Nguyen et al. 2024

The others become 0 and the rest is divided by its sum, after each filter, in this order. Of equal
probabilities the smaller id comes first.
"""

import numpy as np
import numpy.typing as npt

from ..functional.base.admission import Array, admit, quiet, real_number, whole_numbers
from ..functional.base.arrays import whole_number


@quiet
def next_token_probabilities(
    logits: npt.ArrayLike,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> Array:
    """Probabilities (..., V) of the next id in float64, from logits (..., V).

    Parameters
    ----------
    logits : -inf for an id that must not come
    temperature : at least 0; below 1 sharpens, above 1 flattens, 0 gives 1 to the likeliest id
    top_k : keep the k likeliest; None for all
    top_p : in (0, 1]: keep the fewest ids, likeliest first, whose probabilities add up to top_p or more
    min_p : in [0, 1]: keep the ids whose probability is at least min_p times the largest

    Raises
    ------
    TypeError, ValueError
        For other options, filters beside a temperature of 0, and logits whose largest is not finite.

    Examples
    --------
    >>> logits = np.log([0.5, 0.3, 0.15, 0.05])
    >>> next_token_probabilities(logits, top_k=2).round(4)
    array([0.625, 0.375, 0.   , 0.   ])
    >>> next_token_probabilities(logits, top_p=0.9).round(4)
    array([0.5263, 0.3158, 0.1579, 0.    ])
    >>> next_token_probabilities(logits, temperature=0)
    array([1., 0., 0., 0.])

    References
    ----------
    top_k: Fan, Lewis, Dauphin 2018. top_p: Holtzman et al. 2020. min_p: Nguyen et al. 2024.
    """
    check_sampling(temperature, top_k, top_p, min_p)
    x = _admit_logits(logits)
    if temperature == 0:
        return np.asarray(x.argmax(axis=-1)[..., None] == np.arange(x.shape[-1]), dtype=float)
    p = _shares(np.exp((x - x.max(axis=-1, keepdims=True)) / temperature))
    if top_k is not None:
        p = _shares(np.where(_ranks(x) < top_k, p, 0))
    if top_p is not None and top_p < 1:
        p = _shares(np.where(_mass_before(p) < top_p, p, 0))
    if min_p is not None:
        p = _shares(np.where(p >= min_p * p.max(axis=-1, keepdims=True), p, 0))
    return p


@quiet
def penalise_repetition(logits: npt.ArrayLike, ids: npt.ArrayLike, penalty: float) -> Array:
    """Logits (..., V) in float64, those of ids (..., T) that came before moved towards less likely.

    logits / penalty where positive, logits * penalty where negative, once however often an id came; a penalty
    of 1 changes nothing.

    Examples
    --------
    >>> penalise_repetition([2.0, -1.0, 3.0], [0, 1, 1], 2)
    array([ 1., -2.,  3.])

    References
    ----------
    Keskar et al. 2019 (CTRL), section 4.1, for positive logits; for negative ones as transformers does.
    """
    check_penalty(penalty)
    x, seen = _admit_logits(logits), whole_numbers("ids", ids, least=0)
    if seen.size and seen.max() >= x.shape[-1]:
        raise ValueError(f"ids holds {seen.max()}; less than {x.shape[-1]}, the logits, is expected")
    if seen.shape[:-1] != x.shape[:-1] or not seen.ndim:
        raise ValueError(f"ids has shape {seen.shape}; {x.shape[:-1]} and an axis are expected")
    out = x.copy()
    own = np.take_along_axis(x, seen, axis=-1)
    np.put_along_axis(out, seen, np.where(own > 0, own / penalty, own * penalty), axis=-1)
    return out


def check_sampling(temperature: object, top_k: object, top_p: object, min_p: object) -> None:
    """TypeError or ValueError unless the options are in their ranges, and fit together."""
    if not real_number("temperature", temperature) >= 0:
        raise ValueError(f"temperature is {temperature}; a number of at least 0 is expected")
    if top_k is not None:
        whole_number("top_k", top_k, 1)
    if top_p is not None and not 0 < real_number("top_p", top_p) <= 1:
        raise ValueError(f"top_p is {top_p}; a number above 0 and at most 1 is expected")
    if min_p is not None and not 0 <= real_number("min_p", min_p) <= 1:
        raise ValueError(f"min_p is {min_p}; a number from 0 to 1 is expected")
    for name, given in {"top_k": top_k, "top_p": top_p, "min_p": min_p}.items():
        if temperature == 0 and given is not None:
            raise ValueError(
                f"{name} is {given}, but temperature 0 takes the likeliest id; one of the two is expected"
            )


def check_penalty(penalty: object) -> None:
    """TypeError or ValueError unless it is a number above 0."""
    if not real_number("penalty", penalty) > 0:
        raise ValueError(f"penalty is {penalty}; a number above 0 is expected, 1 for none")


def draw(probabilities: Array, rng: np.random.Generator) -> Array:
    """An id (...) by its probability (..., V): the first whose cumulative sum exceeds a number in [0, 1)."""
    ends = np.cumsum(probabilities, axis=-1)
    numbers = np.asarray(rng.random(ends.shape[:-1]))[..., None]
    return np.asarray((ends <= numbers * ends[..., -1:]).sum(axis=-1))


def _admit_logits(logits: npt.ArrayLike) -> Array:
    x = admit("logits", logits, 1)
    if x.dtype.kind == "c" or not x.shape[-1]:
        raise ValueError(f"logits has dtype {x.dtype} and shape {x.shape}; real (..., V) is expected")
    x = x.astype(np.float64)
    largest = x.max(axis=-1)
    if not np.isfinite(largest).all():
        raise ValueError(f"logits has the largest {largest[~np.isfinite(largest)].flat[0]}; a finite one is "
                         "expected")  # fmt: skip
    return x


def _shares(p: Array) -> Array:
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def _order(p: Array) -> Array:
    """The ids of each row, likeliest first."""
    return np.argsort(-p, axis=-1, kind="stable")


def _ranks(p: Array) -> Array:
    """How many ids come before each one."""
    return np.argsort(_order(p), axis=-1, kind="stable")


def _mass_before(p: Array) -> Array:
    """The sum of the probabilities of the ids before each one."""
    order = _order(p)
    ranked = np.take_along_axis(p, order, axis=-1)
    before = np.concatenate([np.zeros_like(p[..., :1]), np.cumsum(ranked, axis=-1)[..., :-1]], axis=-1)
    return np.take_along_axis(before, _ranks(p), axis=-1)
