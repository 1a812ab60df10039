"""Words of messages: long values and names cut, and the known name that is most like an unknown one."""

from collections.abc import Sequence
from difflib import get_close_matches


def not_one_of(name: str, choice: object, known: Sequence[str]) -> str:
    """The message for a choice that is not one of the known names."""
    near = did_you_mean(choice, known) if isinstance(choice, str) else ""
    return f"{name} is {brief(choice)}{near}; one of {', '.join(map(repr, known))} is expected"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """ " (did you mean 'softmax'?)", with the known word that is most like this one; "" if none is."""
    near = get_close_matches(word[:80], known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def brief(x: object, most: int = 80) -> str:
    """`repr(x)` in one line, cut; an array with axes by its shape."""
    if getattr(x, "ndim", 0) and hasattr(x, "shape"):
        return f"an array {x.shape}"
    try:
        return cut(" ".join(repr(x).split()), most)
    except ValueError:  # a whole number of more digits than Python prints
        return f"a {type(x).__name__} too long to print"


def cut(text: str, most: int = 60) -> str:
    """The text, its middle replaced by … where it is longer than `most`.

    Examples
    --------
    >>> cut("a" * 9, 5), cut("short")
    ('aa…aa', 'short')
    """
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}…{text[len(text) - most + half + 1 :]}"


def counted(count: int, noun: str) -> str:
    """ "1 column", "2 columns"."""
    return f"{count} {noun}" + "s" * (count != 1)


def some_names(names: Sequence[str], most: int = 12) -> str:
    """The first names, separated by commas, each cut.

    Examples
    --------
    >>> some_names(("a", "b", "c"), 2)
    'a, b, …'
    """
    return ", ".join(map(cut, names[:most])) + ", …" * (len(names) > most)
