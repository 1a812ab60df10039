"""Labels as text: which spellings are one class, and whether a column holds classes at all.

Numbers that are equal are one class where all labels are numbers (1, 1.0, 01), booleans likewise (True,
TRUE). Otherwise labels are classes as they are spelled, upper and lower case apart; `notes` names those that
differ in spelling alone.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Context, Decimal, InvalidOperation

from ..functional.base.wording import cut

BOOLEANS = {"true": "True", "false": "False"}
FEW, MANY = 20, 1000
"""Up to FEW different labels are classes; more than MANY different numbers never are."""


def spelling(names: Iterable[str]) -> Callable[[str], str]:
    """The function from a label to the name of its class, where `names` are the labels or classes there are.

    Examples
    --------
    >>> spelling(["0", "1.0"])("01.00"), spelling(["true", "FALSE"])("TRUE"), spelling(["a", "1"])("1.0")
    ('1', 'True', '1.0')
    """
    names = list(names)
    if all(_number(name) is not None for name in names):
        return lambda label: _number(label) or label
    if all(name.lower() in BOOLEANS for name in names):
        return lambda label: BOOLEANS.get(label.lower(), label)
    return lambda label: label


def ordered_classes(labels: Iterable[str]) -> tuple[str, ...]:
    """The classes of labels, in the order of their numbers if all are numbers, else of the alphabet.

    Examples
    --------
    >>> ordered_classes(["10", "9", "10.0"]), ordered_classes(["b", "9", "a"])
    (('9', '10'), ('9', 'a', 'b'))
    """
    distinct = set(labels)
    names = sorted(set(map(spelling(distinct), distinct)))
    return tuple(sorted(names, key=Decimal)) if all(_number(name) for name in names) else tuple(names)


def notes(classes: tuple[str, ...]) -> tuple[str, ...]:
    """A sentence where classes differ in spelling alone: in case, in spaces, or as 1, 1.0 and True do."""
    alike: dict[str, str] = {}
    for name in classes:
        key = _number(name) or " ".join(name.casefold().split())
        key = {"true": "1", "false": "0"}.get(key, key)
        other = alike.setdefault(key, name)
        if other != name:
            return (f"the labels {cut(other)!r} and {cut(name)!r} are spelled differently: two classes",)
    return ()


def check_classes(labels: list[str], classes: tuple[str, ...], where: str) -> None:
    """Raise ValueError if a column `where` holds a regression target, names of examples, or one class."""
    if len(classes) < 2:
        raise ValueError(f"{where} is {cut(classes[0])}; two classes or more are expected")
    if len(classes) <= FEW:
        return
    numbers = all(_number(name) for name in classes)
    fractions = numbers and any("." in name for name in classes)
    if numbers and (fractions or len(classes) > min(MANY, len(labels) // 4)):
        raise ValueError(
            f"{where} is one of {len(classes)} different numbers, a regression target; "
            "only classes are learned: replace the numbers by ranges, such as low and high"
        )
    if max(Counter(labels).values()) == 1 or len(classes) > len(labels) // 2:
        raise ValueError(
            f"{where} is one of {len(classes)} different labels in {len(labels)} rows; "
            "a column of classes is expected, each with several examples"
        )


def _number(label: str) -> str | None:
    """The one spelling of a finite number; None for other text.

    >>> _number("-0.0"), _number("1e2"), _number("0.50"), _number("nan"), _number("x")
    ('0', '100', '0.5', None, None)
    """
    try:
        if "_" in label or not math.isfinite(float(label)):
            return None
        value = Context(prec=len(label) + 1).normalize(Decimal(label))
    except (ValueError, InvalidOperation):
        return None
    if not value:
        return "0"
    return f"{value:f}" if abs(value.adjusted()) < 20 else str(value)
