"""The simplest failing case: its wrong numbers, and the lines of Python that draw it again."""

from typing import Any, NamedTuple

from ..cases.compare import FAIL, Verdict
from ..cases.specification import Specification
from ..pairs.report import WIDTH
from .coverage import Judged

SETTINGS = ("variants", "inputs", "cotangent", "zeros", "hidden", "corner", "empty_rows", "layouts", "mode",
            "window")  # fmt: skip
"""The fields of a specification, besides its shape and options, that make a case less simple."""


class FailingCase(NamedTuple):
    """A case with wrong numbers or a problem.

    Parameters
    ----------
    specification : that of the case.
    verdicts : of its wrong tensors, each with the place, got, right and bound of its largest error.
    large : True if `draw_large` draws it.
    """

    specification: Specification
    verdicts: tuple[Verdict, ...]
    large: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """Lines of Python that draw the case again."""
        where, call = ("cases.drawing", "draw_case(Specification({}))")
        if self.large:
            where, call = "referee.large_shapes", "draw_large(Specification({})).case"
        return (
            f"from numpy_attention.check.{where} import {call.partition('(')[0]}",
            "from numpy_attention.check.cases.specification import Shape, Specification",
            *_wrapped_call(f"case = {call}", _arguments(self.specification)),
        )

    @property
    def description(self) -> str:
        """Its name, shape, options, and what else is special about it."""
        spec = self.specification
        shape = ", ".join(f"{letter} {n}" for letter, n in zip(spec.shape._fields, spec.shape, strict=True))
        special = [f"{name} {_plain(getattr(spec, name))}" for name in SETTINGS if _is_special(spec, name)]
        options = f"with {', '.join(spec.options)}" if spec.options else "no options"
        return f"{spec.name} ({'; '.join([shape, options, *special])})"


def simplest_failure(judged: Judged) -> FailingCase | None:
    """Of the cases with wrong numbers or a problem, the one with the fewest options, then the smallest."""
    failing = []
    for reference, judgement in judged:
        wrong = tuple(verdict for verdict in judgement.verdicts if verdict.verdict == FAIL)
        if wrong or judgement.problems:
            large = judgement.drawn_from is not None
            failing.append(FailingCase(judgement.drawn_from or reference.case.specification, wrong, large))
    return min(failing, key=lambda each: _complexity(each.specification), default=None)


def _complexity(spec: Specification) -> tuple[int, int]:
    B, H, _, L, S, D, E = spec.shape
    special = sum(_is_special(spec, name) for name in SETTINGS if name != "corner")
    return len(spec.options) + special, B * H * L * S * (D + E)


def _is_special(spec: Specification, name: str) -> bool:
    aligned = name != "corner" or ({"causal", "window"} & set(spec.options) and spec.shape.L != spec.shape.S)
    return bool(aligned) and getattr(spec, name) != Specification._field_defaults[name]


def _plain(x: Any) -> str:
    if isinstance(x, tuple):
        return ", ".join(f"{tensor} {layout}" for tensor, layout in x)
    return str(x).replace("_", "-")


# ------------------------------------------------------------------------------------------ as Python


def _arguments(spec: Specification) -> list[str]:
    """The arguments of `Specification`, without those that have their default."""
    words = [f'"{spec.name}",', f"Shape({', '.join(map(str, spec.shape))}),"]
    for name, default in Specification._field_defaults.items():
        value = getattr(spec, name)
        if value == default:
            continue
        if isinstance(value, tuple) and value:
            items = [f"{_quoted(item)}," for item in value]
            items[0] = f"{name}=({items[0]}"
            items[-1] = (items[-1] if len(items) == 1 else items[-1].removesuffix(",")) + "),"
            words += items
        else:
            words.append(f"{name}={_quoted(value)},")
    words[-1] = words[-1].removesuffix(",")
    return words


def _quoted(x: Any) -> str:
    return f'"{x}"' if isinstance(x, str) else repr(x)


def _wrapped_call(call: str, words: list[str]) -> list[str]:
    """The call with its arguments in lines of at most WIDTH characters."""
    before, _, after = call.partition("{}")
    room = WIDTH - 4
    if len(before) + len(" ".join(words)) + len(after) <= room:
        return [before + " ".join(words) + after]
    lines = [before]
    row = "   "
    for word in words:
        if len(row) + 1 + len(word) > room and row.strip():
            lines.append(row)
            row = "   "
        row += " " + word
    return [*lines, row, after]
