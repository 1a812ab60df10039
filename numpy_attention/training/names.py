"""Names from the user's files, cut to a length that a line can hold."""

from collections.abc import Sequence

WIDTH, MOST = 60, 12


def cut(name: str, width: int = WIDTH) -> str:
    """The name, its end replaced by … where it is longer than `width`.

    Examples
    --------
    >>> cut("a" * 9, 5), cut("short")
    ('aaaa…', 'short')
    """
    return name if len(name) <= width else name[: width - 1] + "…"


def some_names(names: Sequence[str], most: int = MOST) -> str:
    """The first names, separated by commas, each cut.

    Examples
    --------
    >>> some_names(("a", "b", "c"), 2)
    'a, b, …'
    """
    return ", ".join(map(cut, names[:most])) + ", …" * (len(names) > most)
