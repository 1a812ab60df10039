"""Constructors of masks: which keys each query may attend to.

Every function returns a `Mask` value (see `mask.py`), so True is never ambiguous. Masks combine: & is the
intersection of what is visible, | the union, ~ the complement.
"""

import numpy.typing as npt

from ..base.admission import Array, as_array, explained, whole_numbers
from ..base.arrays import common_batch, whole_number
from .kinds import Band, FirstKeys, RealKeys, Segments, Visible
from .mask import Mask


@explained
def visible(array: npt.ArrayLike) -> Mask:
    """The mask of an array of booleans where True means: may attend.

    Parameters
    ----------
    array : booleans that broadcast to (..., H, L, S).

    Returns
    -------
    A mask for `attention` and `attend`; combine with & | ~. mask.array(L, S) is `array`, broadcast.

    Raises
    ------
    TypeError
        For anything but booleans.

    Examples
    --------
    >>> visible([[True, False], [True, True]]).array(2, 2)
    array([[ True, False],
           [ True,  True]])
    """
    return Visible(_booleans("the array of na.visible", array))


@explained
def hidden(array: npt.ArrayLike) -> Mask:
    """The mask of an array of booleans where True means: may not attend.

    Parameters
    ----------
    array : booleans that broadcast to (..., H, L, S).

    Returns
    -------
    A mask, as from `visible`. mask.array(L, S) is `array` inverted, and broadcast.

    Raises
    ------
    TypeError
        For anything but booleans.

    Examples
    --------
    >>> hidden([[False, True], [False, False]]).array(2, 2)
    array([[ True, False],
           [ True,  True]])
    """
    return Visible(~_booleans("the array of na.hidden", array))


@explained
def causal(align: str | None = None, offset: npt.ArrayLike | None = None) -> Mask:
    """No look-ahead: query i, at position i + offset, may attend to key j if j <= i + offset.

    Parameters
    ----------
    align : "top_left" (offset 0) or "bottom_right" (offset S - L: the last query attends to every key). If L
        and S differ, align or offset is required, because both corners are in common use.
    offset : a whole number, or an array of them (...) over the batch axes.

    Returns
    -------
    A mask, as from `visible`. mask.array(L, S) is (..., L, S), with the batch axes of offset.

    Raises
    ------
    TypeError, ValueError
        For an unknown align, align and offset together, or offsets that are not whole.

    Examples
    --------
    >>> causal("bottom_right").array(2, 3)
    array([[ True,  True, False],
           [ True,  True,  True]])
    """
    return Band("causal", None, 0, align, offset)


@explained
def window(
    left: int | None, right: int | None, align: str | None = None, offset: npt.ArrayLike | None = None
) -> Mask:
    """A band: each query attends to its own position and to left and right keys on either side.

    Parameters
    ----------
    left, right : whole numbers >= 0, the own position not counted; None is no limit.
    align, offset : the position of a query among the keys, as in `causal`.

    Returns
    -------
    A mask, as from `causal`.

    Raises
    ------
    TypeError, ValueError
        For widths that are not whole numbers >= 0, and as in `causal`.

    Examples
    --------
    >>> window(1, 0).array(3, 3)
    array([[ True, False, False],
           [ True,  True, False],
           [False,  True,  True]])
    """
    return Band("window", _width("left", left), _width("right", right), align, offset)


def _width(name: str, width: int | None) -> int | None:
    if width is None:
        return None
    return min(whole_number(name, width, least=0), 2**62)


@explained
def padding(lengths: npt.ArrayLike) -> Mask:
    """Padded sequences: only the first `lengths` keys of each batch entry are visible.

    Parameters
    ----------
    lengths : whole numbers (...) over the batch axes, each from 0 to S.

    Returns
    -------
    A mask, as from `visible`. mask.array(L, S) is (..., L, S), with the batch axes of lengths.

    Raises
    ------
    TypeError, ValueError
        For lengths that are not whole, negative, or (on use) above S.

    Examples
    --------
    >>> padding([1, 2]).array(1, 3)
    array([[[ True, False, False]],
    <BLANKLINE>
           [[ True,  True, False]]])
    """
    return FirstKeys("padding", whole_numbers("lengths", lengths, least=0))


@explained
def real_keys(array: npt.ArrayLike) -> Mask:
    """Padding anywhere: only keys marked as real are visible.

    Parameters
    ----------
    array : booleans (..., S), True = real.

    Returns
    -------
    A mask, as from `visible`. mask.array(L, S) is (..., L, S), with the batch axes of `array`.

    Raises
    ------
    TypeError, ValueError
        For anything but booleans over at least one axis.

    Examples
    --------
    >>> real_keys([False, True, True]).array(1, 3)
    array([[False,  True,  True]])
    """
    real = _booleans("the array of na.real_keys", array)
    if not real.ndim:
        raise ValueError(f"the array of na.real_keys is {real}, without an axis; (..., S) is expected")
    return RealKeys(real)


@explained
def segments(query_ids: npt.ArrayLike, key_ids: npt.ArrayLike) -> Mask:
    """Packed documents: a query attends to the keys of its own document.

    Parameters
    ----------
    query_ids : whole numbers (..., L), the document of each query.
    key_ids : likewise (..., S), the document of each key.

    Returns
    -------
    A mask, as from `visible`. mask.array(L, S) is (..., L, S), with the batch axes of both, broadcast.

    Raises
    ------
    TypeError, ValueError
        For ids that are not whole, or without an axis.

    Examples
    --------
    >>> segments([0, 1], [0, 1, 1]).array(2, 3)
    array([[ True, False, False],
           [False,  True,  True]])
    """
    queries, keys = whole_numbers("query_ids", query_ids), whole_numbers("key_ids", key_ids)
    for name, ids in (("query_ids", queries), ("key_ids", keys)):
        if not ids.ndim:
            raise ValueError(f"{name} is {ids}, without an axis; an id for each position is expected")
    common_batch(query_ids=queries.shape[:-1], key_ids=keys.shape[:-1])
    return Segments(queries, keys)


@explained
def prefix(n: npt.ArrayLike) -> Mask:
    """The first n keys, for every query: prefix(n) | causal() is a prefix language model's mask.

    Parameters
    ----------
    n : whole numbers >= 0, one, or (...) over the batch axes. n above S means all keys.

    Returns
    -------
    A mask, as from `visible`. mask.array(L, S) is (..., L, S), with the batch axes of n.

    Raises
    ------
    TypeError, ValueError
        For n that is negative or not whole.

    Examples
    --------
    >>> (prefix(2) | causal()).array(3, 3)
    array([[ True,  True, False],
           [ True,  True, False],
           [ True,  True,  True]])
    """
    return FirstKeys("prefix", whole_numbers("n", n, least=0))


def _booleans(name: str, array: npt.ArrayLike) -> Array:
    booleans = as_array(name, array)
    if booleans.dtype != bool:
        raise TypeError(f"{name} has dtype {booleans.dtype}; booleans are expected")
    return booleans.copy()
