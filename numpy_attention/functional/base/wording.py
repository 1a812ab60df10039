"""Words of messages: long values cut, and the known name that is most like an unknown one."""

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
    """`repr(x)` for a message, its middle cut out if it is longer than `most`."""
    try:
        text = repr(x)
    except ValueError:  # a whole number of more digits than Python prints
        text = f"a {type(x).__name__} too long to print"
    return text if len(text) <= most else f"{text[: most // 2]}…{text[len(text) - most // 2 :]}"
