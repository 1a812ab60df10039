"""Find what was computed instead of a line's result: a sum of products of the textbook solution's numbers.

A line's result is replaced by products of `atoms`, one or two, alone or beside terms that are right; the
following lines are linear in it, so that the factors of both come out of the submission's numbers.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product as cartesian
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from .atoms import ONE, Atom, Atoms, Shelf, fits
from .exercise import Exercise, Named
from .program import Numbers, Program

CLOSE = 1e-6
MOST_PAIRS = 450
"""The likeliest products, that are tried in pairs."""

MOST_SUMS = 40
"""The likeliest sums of a pair, of those that are the numbers."""

PLAIN = 14
"""The likeliest numbers, by which further products are multiplied."""

POWERS = ((-1.0, "divided by {name}"), (1.0, "multiplied by {name}"), (-0.5, "divided by the root of {name}"),
          (0.5, "multiplied by the root of {name}"))  # fmt: skip


class Power(NamedTuple):
    """An atom by its words, multiplied or divided by."""

    words: str
    power: int = 1


Product = tuple[Power, ...]
"""Factors in order of their words; () is one."""


class Size(NamedTuple):
    """A constant factor: its words, "" for one or minus one, and its value in a case."""

    words: str
    of: Callable[[dict[str, Any]], float]


class Term(NamedTuple):
    """A product times a constant."""

    product: Product
    negative: bool = False
    size: str = ""


def product(factors: Sequence[Power]) -> Product:
    """The factors in order, without those that cancel."""
    powers: Counter[str] = Counter()
    for words, power in factors:
        powers[words] += power
    powers.pop(ONE.words, None)
    return tuple(
        Power(words, 1 if power > 0 else -1)
        for words, power in sorted(powers.items())
        for _ in range(abs(power))
    )


def expanded(program: Program, name: str, phrase: Callable[[str], str], depth: int) -> list[Term]:
    """A number as a sum of products of those of which its line, or the lines behind it, make it."""
    line = next((line for line in program.lines if line.target == name), None)
    if line is None or depth == 0 or line.operation not in ("*", "/", "+", "-", "one_minus", "square"):
        return [Term(product([Power(phrase(name))]))]
    first, *rest = ([*expanded(program, x, phrase, depth - 1)] for x in line.operands)
    if line.operation == "one_minus":
        return [Term(()), *_negated(first)]
    if line.operation in "+-":
        return first + (rest[0] if line.operation == "+" else _negated(rest[0]))
    second = first if line.operation == "square" else rest[0]
    if line.operation == "/":
        if len(second) > 1:
            second = expanded(program, line.operands[1], phrase, 0)
        second = [each._replace(product=tuple(Power(w, -p) for w, p in each.product)) for each in second]
    return [Term(product((*a.product, *b.product)), a.negative != b.negative) for a in first for b in second]


def _negated(terms: list[Term]) -> list[Term]:
    return [each._replace(negative=not each.negative) for each in terms]


class Pivot:
    """A line of the solution, or an operand of one, in whose place something else may stand."""

    def __init__(self, exercise: Exercise, number: int, place: int | None, sizes: dict[str, Size]) -> None:
        self.exercise, self.program, self.number, self.place = exercise, exercise.solution, number, place
        self.line, self.sizes = self.program.lines[number], sizes
        self.name = self.line.target if place is None else self.line.operands[place]
        self.levels = [expanded(self.program, self.name, exercise.phrase, depth) for depth in (0, 1, 9)]

    def results(self, numbers: Numbers, x: Any) -> Named:
        """The results if the pivot were x."""
        right = np.asarray(numbers[self.name])
        if fits(x, right.shape):
            x = np.broadcast_to(x, right.shape)
        if self.place is None:
            line = self.line._replace(function=lambda *_: x)
        else:
            place = self.place
            line = self.line._replace(function=lambda *operands: self.line.function(
                *(x if n == place else each for n, each in enumerate(operands))))  # fmt: skip
        found = self.program.with_line(self.number, line).run(numbers, self.number)
        return {name: found[self.exercise.computed(name)] for name in self.exercise.results}

    def linear(self, numbers: Numbers, result: str) -> tuple[Array, Array] | None:
        """A result as constant + matrix pivot, flat; None if it is no such function of the pivot."""
        right = np.asarray(numbers[self.name])
        if right.size < 2 or right.dtype.kind != "f" or not np.isfinite(right).all():
            return None
        zero, one, other = (np.ravel(self.results(numbers, n * right)[result]) for n in (0.0, 1.0, -3.0))
        size = float(np.abs(one - zero).max(initial=0))
        if not size > 0 or not np.allclose(other - zero, 3 * (zero - one), 1e-9, 1e-9 * size):
            return None
        units = np.eye(right.size).reshape(-1, *right.shape)
        return zero, np.array([np.ravel(self.results(numbers, x)[result]) - zero for x in units])


class Guess(NamedTuple):
    """What may have been computed in a pivot's place: a sum of terms, made of known atoms."""

    pivot: Pivot
    terms: tuple[Term, ...]
    cost: float
    known: dict[str, Atom]

    def solve(self, numbers: Numbers, arguments: dict[str, Any]) -> Named:
        """The results in a case."""
        total = np.zeros(())
        for term in self.terms:
            x = np.array(-1.0 if term.negative else 1.0)
            x = x * (self.pivot.sizes[term.size].of(arguments) if term.size else 1.0)
            for words, power in term.product:
                own = self.known[words].value(numbers)
                x = x * (own if power > 0 else 1 / own)
            total = total + x
        return self.pivot.results(numbers, total)


class Family(NamedTuple):
    """Products that have all factors but one in common: those, the power of the last one, and their cost."""

    common: Product
    power: int
    cost: float
    plain: bool = False


class Columns(NamedTuple):
    """Products by number, their costs, and what each gives: a flat result, a row each; and right ones."""

    product: Callable[[int], Product]
    costs: Array
    rows: Array
    right: dict[Product, Array]


def guesses(
    pivot: Pivot, cases: tuple[Numbers, Numbers], found: Atoms, line: tuple[Array, Array], result: Array,
    arguments: dict[str, Any],
) -> list[Guess]:  # fmt: skip
    """What gives a flat result in the first case, the likeliest first; `line` is linear in the pivot."""
    zero, matrix = line
    shelf = found.shelf(*(np.shape(case[pivot.name]) for case in cases))
    known = found.own | {atom.words: atom for atom in shelf.atoms}
    columns = _columns(pivot, cases, found, shelf, matrix)
    sums = _fits(columns, result - zero, pivot, arguments)
    return sorted((Guess(pivot, terms, cost, known) for terms, cost in sums), key=lambda guess: guess.cost)


def _blocks(pivot: Pivot, shelf: Shelf, plain: set[str]) -> Iterator[Family]:
    """What may stand in the pivot's place: right terms, one factor away from them, and others."""
    rights = list(dict.fromkeys(term.product for level in pivot.levels for term in level))
    yield Family((), 1, 1.0)
    for right in rights:
        yield Family(right, 0, 0.5)
        yield Family(right, 1, 0.5)
        yield Family(right, -1, 0.7)
        for n in range(len(right)):
            rest = (*right[:n], *right[n + 1 :])
            yield Family(rest, 0, 1.0)
            yield Family(product((*rest, Power(right[n].words, -right[n].power))), 0, 1.5)
            yield Family(rest, right[n].power, 0.5)
    for atom in [each for each in shelf.atoms if each.words in plain][:PLAIN]:
        own = Power(atom.words)
        yield Family((Power(atom.words, -1),), 0, 2 + atom.cost)
        for common in ((), *rights):
            yield Family(product((*common, own)), 1, 1.5 + atom.cost, plain=True)


def _columns(
    pivot: Pivot, cases: tuple[Numbers, Numbers], found: Atoms, shelf: Shelf, matrix: Array
) -> Columns:
    """All products that differ, the likeliest first, and what they give."""
    blocks = [*_blocks(pivot, shelf, found.plain)]
    costs = np.array([atom.cost for atom in shelf.atoms])
    every = np.arange(len(costs))
    likely = np.array([n for n in every if shelf.atoms[n].words in found.plain])
    chosen = [likely if block.plain else every if block.power else every[:1] for block in blocks]
    price = [
        block.cost + (costs[k] if block.power else np.zeros(1))
        for block, k in zip(blocks, chosen, strict=True)
    ]
    x, y = (
        np.concatenate([
            _common(block.common, found, shelf, rows, np.asarray(case[pivot.name]).shape, case)
            * rows[k] ** block.power
            for block, k in zip(blocks, chosen, strict=True)
        ])
        for rows, case in zip((shelf.rows, shelf.others), cases, strict=True)
    )  # fmt: skip
    rows = x @ matrix
    places = [(n, int(k)) for n, each in enumerate(chosen) for k in each]
    prices = np.concatenate(price)
    kept = _different(rows, y, prices)

    def named(number: int) -> Product:
        n, k = places[kept[number]]
        last = [Power(shelf.atoms[k].words, blocks[n].power)] if blocks[n].power else []
        return product([*blocks[n].common, *last])

    rights = {
        block.common: rows[each] for each, (n, _) in enumerate(places) if (block := blocks[n]).power == 0
    }
    return Columns(named, prices[kept], rows[kept], rights)


def _common(
    factors: Product, found: Atoms, shelf: Shelf, rows: Array, shape: tuple[int, ...], case: Numbers
) -> Array:
    """The product of the factors that a block has in common, flat."""
    x = np.ones(rows.shape[1])
    for words, power in factors:
        place = next((n for n, atom in enumerate(shelf.atoms) if atom.words == words), None)
        own = np.ravel(np.broadcast_to(found.own[words].value(case), shape)) if place is None else rows[place]
        x = x * own**power
    return x


def _different(rows: Array, others: Array, costs: Array) -> list[int]:
    """The places of rows that are finite, not zero, and unlike all others, the cheapest first."""
    marks = []
    for each in (rows, others):
        mark = each @ np.cos(1 + 7 * np.arange(each.shape[1]) ** 2)
        unit = 10.0 ** (np.floor(np.log10(np.abs(mark))) - 9)
        marks.append(np.nan_to_num(np.round(mark / unit) * unit))
    order = np.lexsort((costs, *marks))
    same = np.r_[False, np.all([mark[order][1:] == mark[order][:-1] for mark in marks], axis=0)]
    good = np.asarray(np.isfinite(rows).all(axis=1) & rows.any(axis=1))
    return sorted((int(n) for n in order[~same] if good[n]), key=lambda n: costs[n])


def _fits(
    columns: Columns, got: Array, pivot: Pivot, arguments: dict[str, Any]
) -> Iterator[tuple[tuple[Term, ...], float]]:
    """The sums of one or two products that are the numbers, alone or beside right terms."""
    starts: list[tuple[tuple[Term, ...], Array]] = [((), got)]
    for level in pivot.levels:
        for terms in dict.fromkeys((tuple(level), *((each,) for each in level))):
            sides = [columns.right[term.product] * (-1.0) ** term.negative for term in terms]
            starts.append((terms, got - np.sum(sides, axis=0)))
    lengths = np.sqrt(np.einsum("nm,nm->n", columns.rows, columns.rows))
    units = columns.rows / lengths[:, None]
    both = units[:MOST_PAIRS] @ units[:MOST_PAIRS].T
    constants = {name: size.of(arguments) for name, size in pivot.sizes.items()}
    for known, left in starts:
        size = float(np.sqrt(left @ left))
        if size <= CLOSE * float(np.sqrt(got @ got)):
            continue
        for places, factors in _solved(units, both, left / size):
            for terms in _named(factors * size / lengths[[*places]], places, columns, constants):
                cost = sum(columns.costs[n] for n in places) + len(places) + len(known)
                yield (*known, *terms), float(cost) + 0.5 * sum(bool(term.size) for term in terms)


def _solved(units: Array, both: Array, target: Array) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Of which one unit vector, or two, one is a multiple; `both` are the products of the first ones."""
    along = units @ target
    for n in np.flatnonzero(np.abs(along) > 1 - CLOSE):
        if np.abs(along[n] * units[n] - target).max() < CLOSE / 10:
            yield (int(n),), along[n : n + 1]
    few: Array = along[: len(both)]
    apart = (1 - both * both) * np.logical_and.outer(alone := np.abs(few) < 1 - CLOSE, alone)
    near = few[:, None] ** 2 + few**2 - 2 * both * np.outer(few, few) > (1 - CLOSE) * apart
    pairs = np.argwhere(np.triu(near & (apart > CLOSE), 1))
    for n, m in pairs[np.argsort(pairs.sum(axis=1), kind="stable")][:MOST_SUMS]:
        c = np.linalg.solve([[1, both[n, m]], [both[n, m], 1]], few[[n, m]])
        if np.abs(c @ units[[n, m]] - target).max() < CLOSE / 10 and np.abs(c).min() > CLOSE:
            yield (int(n), int(m)), c


def _named(
    factors: Array, places: tuple[int, ...], columns: Columns, constants: dict[str, float]
) -> Iterator[tuple[Term, ...]]:
    """The terms with each factor's possible names, as two and as a size that is two."""
    names = [
        [""]
        if abs(x - 1) < CLOSE
        else [name for name, size in constants.items() if abs(size / x - 1) < CLOSE]
        for x in np.abs(factors)
    ]
    if all(names):
        products = [columns.product(n) for n in places]
        for chosen in cartesian(*names):
            parts = zip(products, factors, chosen, strict=True)
            yield tuple(Term(each, bool(x < 0), name) for each, x, name in parts)
