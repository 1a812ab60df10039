"""Say in words how what was computed differs from what is right, and look for it in every line."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...check.outside.outcome import JudgedCase
from .atoms import Atoms
from .changes import FACTOR, FACTOR_TWICE, OPERATION, SIGN, TERM, TOO_MUCH
from .expressions import POWERS, Guess, Pivot, Power, Product, Size, Term, guesses
from .mistake import Mistake
from .variations import CONSTANT, WRONG_ARRAY, Workbook

LENGTH = 30
"""Characters of a sentence that cost as much as another factor."""

FEW = 12
"""Guesses of each line that are compared with all cases."""


@np.errstate(all="ignore")
def suspects(
    workbook: Workbook, case: JudgedCase, other: JudgedCase, result: str
) -> tuple[list[Mistake], list[Mistake]]:
    """The mistakes in one place, and in several, that give a result's numbers in a case, the likeliest first.

    Another case tells apart what is equal by accident.
    """
    exercise, arguments = workbook.exercise, dict(case.call.arguments)
    numbers, others = workbook.numbers[case.case.number], workbook.numbers[other.case.number]
    got = case.tensors[result].numbers
    right = case.expected.values[result]
    if got.shape != right.shape or np.allclose(got, right, 1e-6, 1e-9) or not np.isfinite(got).all():
        return [], []
    sizes, known = _sizes(workbook, arguments), _atoms(workbook, case.case.number, other.case.number)
    found: list[tuple[bool, float, Mistake]] = []
    for number, place in _pivots(workbook):
        pivot = Pivot(exercise, number, place, sizes)
        if line := pivot.linear(numbers, result):
            for guess in guesses(pivot, (numbers, others), known, line, got.ravel(), arguments)[:FEW]:
                kind, words, vague = described(guess, exercise.phrase(workbook.place(pivot.line)))
                found.append(
                    (vague, guess.cost + len(words) / LENGTH, _mistake(workbook, guess, kind, words))
                )
    found.sort(key=lambda each: each[:2])
    return [each for vague, _, each in found if not vague], [each for vague, _, each in found if vague]


def _atoms(workbook: Workbook, case: int, other: int) -> Atoms:
    """The atoms of two cases, made once for all results."""
    if (case, other) not in workbook.atoms:
        numbers = (workbook.numbers[case], workbook.numbers[other])
        workbook.atoms[case, other] = Atoms(*numbers, workbook.exercise.phrases)
    return workbook.atoms[case, other]


def _mistake(workbook: Workbook, guess: Guess, kind: str, words: str) -> Mistake:
    return Mistake(kind, words, lambda case: guess.solve(
        workbook.numbers[case.case.number], dict(case.call.arguments)))  # fmt: skip


def _sizes(workbook: Workbook, arguments: dict[str, Any]) -> dict[str, Size]:
    """Constant factors by their words."""
    names = workbook.exercise.sizes

    def of(name: str, power: float) -> Size:
        words = next(text for each, text in POWERS if each == power).format(name=name)
        return Size(words, lambda n: float(({"two": 2.0} | names(n))[name] ** power))

    every = [of(name, power) for name in ("two", *names(arguments)) for power, _ in POWERS]
    return {size.words: size for size in every}


def _pivots(workbook: Workbook) -> list[tuple[int, int | None]]:
    """The lines of results and gradients, the last first; then operands that no line makes."""
    lines = workbook.program.lines
    used = [(n, line) for n, line in reversed(workbook.used())]
    made = {line.target for line in lines}
    products = [(n, line) for n, line in used if line.operation in ("@", "added_at", "colsum", "transposed")]
    places = [(n, k) for n, line in products for k, name in enumerate(line.operands) if name not in made]
    return [*((n, None) for n, line in used if line.operation != "transposed"), *places]


# ------------------------------------------------------------------------------------------------ words


def described(guess: Guess, where: str) -> tuple[str, str, bool]:
    """The kind and the words of the mistake in a line, and True if it is in more than one place."""
    pivot = guess.pivot
    own = pivot.exercise.phrase(pivot.name)
    tail = "" if pivot.place is None else f", in {where}"
    for level in pivot.levels:
        right = [term for term in level if term not in guess.terms]
        wrong = [term for term in guess.terms if term not in level]
        if found := _one_place(right, wrong, own, tail, alone=len(level) == 1):
            return found[0], found[1].rstrip(","), False
    if len(guess.terms) == 1:
        return WRONG_ARRAY, _instead(_sum(guess.terms), f"{own}{tail}"), False
    return OPERATION, f"what is used in place of {own}{tail} is {_sum(guess.terms)}".rstrip(","), True


def _one_place(
    right: Sequence[Term], wrong: Sequence[Term], own: str, tail: str, *, alone: bool
) -> tuple[str, str] | None:
    """The kind and the words if the terms differ in one place; `tail` is the line of an operand."""
    where = tail if alone else f", in {own}{tail}"
    if not right and len(wrong) == 1:
        verb = "subtracted from" if wrong[0].negative else "added to"
        return TOO_MUCH, f"{_is(_term(wrong[0]))} {verb} {own}{tail}"
    if not wrong and len(right) == 1:
        verb = "subtracted" if right[0].negative else "added"
        return TERM, f"{_is(_term(right[0]))} not {verb}{where}"
    if len(right) != 1 or len(wrong) != 1:
        return None
    (one,), (other,) = right, wrong
    if one.product != other.product and (one.negative, one.size) == (other.negative, other.size):
        return _factor(one.product, other.product, where, own)
    if one.product == other.product and one.size == other.size:
        return SIGN, f"{_product(one.product)}{where} has the wrong sign"
    if one.product == other.product and one.negative == other.negative:
        return CONSTANT, f"{_is(_product(one.product))} {other.size}{where}"
    return (
        (WRONG_ARRAY, _instead(_sum(wrong), f"{own}{tail}"))
        if alone and _product(one.product) == own
        else None
    )


def _factor(right: Product, wrong: Product, where: str, own: str) -> tuple[str, str] | None:
    """Products that differ in one factor."""
    left, more = _without(right, wrong), _without(wrong, right)
    rest = _without(right, left)
    if len(left) == 1 and not more and rest:
        return FACTOR, f"{_is(_product(rest))} not {_verb(left[0])} {left[0].words}{where or f', in {own}'}"
    if len(more) == 1 and not left:
        twice = more[0].power > 0 and more[0] in right
        kind = FACTOR_TWICE if twice else TOO_MUCH
        return kind, f"{_is(_product(right))} {_verb(more[0])} {more[0].words}{' once more' * twice}{where}"
    if len(left) == len(more) == 1:
        a, b = left[0], more[0]
        if a.words == b.words:
            return OPERATION, f"{_is(_product(rest))} {_verb(b)} {a.words}, not {_verb(a).split()[0]}{where}"
        if a.power == b.power:
            place = where or f", in {own}" * (a.words != own)
            return WRONG_ARRAY, _instead(b.words, a.words + place)
    return None


def _instead(words: str, own: str) -> str:
    return f"{_is(words)} used in place of {own}"


def _without(one: Product, other: Product) -> Product:
    rest = [*one]
    for factor in other:
        if factor in rest:
            rest.remove(factor)
    return tuple(rest)


def _verb(factor: Power) -> str:
    return "multiplied by" if factor.power > 0 else "divided by"


def _product(factors: Product) -> str:
    above = " times ".join(factor.words for factor in factors if factor.power > 0) or "one"
    return above + "".join(f" divided by {factor.words}" for factor in factors if factor.power < 0)


def _term(term: Term) -> str:
    return _product(term.product) + f", {term.size}," * bool(term.size)


def _is(words: str) -> str:
    return f"{words} {'are' if ' sums of ' in words[:20] else 'is'}"


def _sum(terms: Sequence[Term]) -> str:
    first, *others = sorted(terms, key=lambda term: term.negative)
    words = "minus " * first.negative + _term(first)
    return words + "".join(f" {'minus' if term.negative else 'plus'} {_term(term)}" for term in others)
