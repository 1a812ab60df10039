"""Recognise the mistake in a submission by its numbers: those of which wrong solution are they?"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from ...check.cases.compare import FAIL
from ...check.faults import fault as known_fault
from ...check.outside.explaining import closest, factors
from ...check.outside.outcome import JudgedCase
from ...functional.base.admission import Array
from .changes import DTYPE
from .exercise import Exercise, Named
from .failing_cases import EXTREME, by_cases, rare
from .mistake import Mistake, as_sentence
from .planted import in_words
from .surface import SHAPE, all_zero, coarse, failing, is_all, read, rejudged, turned
from .suspicion import suspects
from .variations import CONSTANT, Workbook, listed

LEFT_OPEN = 1e-6
"""Share of a wrong number's deviation that an explanation may leave open: the rounding of other code."""


class Diagnosis(NamedTuple):
    """The kind of the mistake, the mistake in a sentence, "" if it is unknown; planted faults like it."""

    kind: str = ""
    sentence: str = ""
    faults: tuple[str, ...] = ()


def wrong_tensors(judged: Sequence[JudgedCase]) -> list[str]:
    """The results that are wrong in some case."""
    return list(dict.fromkeys(v.tensor for case in judged for v in case.verdicts if v.verdict == FAIL))


def planted_mistakes(exercise: Exercise) -> list[Mistake]:
    """The planted faults that concern an exercise, under their names."""
    return [_planted(name, function) for name, function in exercise.planted().items()]


def _planted(name: str, function: Callable[..., Named]) -> Mistake:
    return Mistake("a known fault", name, lambda case: function(**case.call.arguments))


def diagnose(exercise: Exercise, workbook: Workbook, judged: Sequence[JudgedCase]) -> Diagnosis:
    """The mistake whose numbers are the submission's: one for all results, one for each, or two at once."""
    if not (wrong := wrong_tensors(judged)):
        return Diagnosis()
    faults = tuple(each.name for each in fitting(planted_mistakes(exercise), judged))
    by_tensor = {name: _read(judged, name) for name in wrong}
    if all(by_tensor.values()):
        return _together(by_tensor, judged, faults)
    single = [*workbook.mistakes(), *workbook.unfinished(*_fills(judged))]
    if found := fitting(single, judged):
        return Diagnosis(found[0].kind, _all_said(found[0].sentence, judged, wrong), faults)
    if sentence := next((text for name in faults if (text := in_words(name))), ""):
        return Diagnosis(f"a known fault in {_family(faults[0])}", sentence, faults)
    if names := turned(judged):
        inner = diagnose(exercise, workbook, rejudged(judged, names))
        words = " ".join(
            as_sentence(f"{name} is returned transposed: {workbook.turned(name)}") for name in names
        )
        return Diagnosis(SHAPE, f"{words} {inner.sentence or _STILL}", faults)
    single = [each for each in single if " and " not in each.name.partition(" are ")[0]]  # of one result
    for mistakes in chain([single], _suspected(workbook, judged, wrong)):
        near = _near(list(mistakes), _plain(judged))
        if mistakes is not single and (found := _closest(_in_all(near), judged)):
            return Diagnosis(found[0].kind, found[0].sentence, faults)
        for name in filter(partial(_tells, judged), wrong):
            by_tensor[name] = by_tensor[name] or _own_first(
                _closest(near[name], _only(judged, name)), name, judged
            )
        if mistakes is single:
            _look_through(by_tensor, single, judged)
        if all(by_tensor.values()) and not rare(by_tensor, judged):
            return _together(by_tensor, judged, faults)
    if rare(by_tensor, judged):
        return Diagnosis(*by_cases(judged, wrong), faults)
    if any(by_tensor.values()) or any(read(judged, name) for name in wrong):
        return _together(by_tensor, judged, faults)
    if multiple := factors(judged):
        return Diagnosis(CONSTANT, as_sentence(multiple), faults)
    return Diagnosis(*by_cases(judged, wrong), faults)


def _tells(judged: Sequence[JudgedCase], name: str) -> bool:
    """True if a result has finite numbers in half of its wrong cases: many mistakes give NaN alone."""
    finite = [bool(np.isfinite(x).any()) for x, _ in failing(judged, name)]
    return 2 * sum(finite) >= len(finite)


def _own_first(mistakes: list[Mistake], name: str, judged: Sequence[JudgedCase]) -> list[Mistake]:
    """Mistakes that give the numbers of one result, those that leave the other results right first."""
    case = _plain(judged)
    right = case.expected.values

    def spoils(each: Mistake) -> bool:
        found = each.results(case)
        return any(n != name and not np.allclose(found[n], right[n], equal_nan=True)
                   for n in right if found[n].shape == right[n].shape)  # fmt: skip

    return sorted(mistakes, key=spoils)


def _read(judged: Sequence[JudgedCase], name: str) -> list[Mistake]:
    """The mistake that can be read from a result itself, if nothing else is wrong with it."""
    own = _only(judged, name)
    if surface := read(judged, name):
        if is_all(judged, surface):
            return [surface.of_right()]
        return _closest([surface.of_right()], own, surface.left_open)
    for kind, words in (all_zero(judged, name), coarse(judged, name)):
        if words:
            return [Mistake(kind, words, lambda case: dict(case.expected.values))]
    return []


def _look_through(
    by_tensor: dict[str, list[Mistake]], single: Sequence[Mistake], judged: Sequence[JudgedCase]
) -> None:
    """Fill in the mistakes under what can be read from a result."""
    for name in [name for name, found in by_tensor.items() if not found]:
        if (surface := read(judged, name)) and _tells(judged, name):
            own, seen = _only(judged, name), [surface.seen(each) for each in single]
            near = _near(seen, _plain(own), surface.left_open)[name]
            by_tensor[name] = _own_first(_closest(near, own, surface.left_open), name, judged)


def _fills(judged: Sequence[JudgedCase]) -> tuple[float, ...]:
    """What parts of results may be left as: 0, and NaN if there is any that no arithmetic made."""
    if any(case.warned for case in judged):
        return (0.0,)
    numbers = (x.numbers for case in judged for x in case.tensors.values())
    return (0.0, np.nan) if any(np.isnan(x).any() for x in numbers) else (0.0,)


def _suspected(
    workbook: Workbook, judged: Sequence[JudgedCase], wrong: Sequence[str]
) -> Iterator[list[Mistake]]:
    """What nobody planted, the simplest first, judging by each wrong result; and two mistakes at once."""
    yield list(workbook.altered())
    several = []
    for name in wrong:
        own = _only(judged, name)
        others = [case for case in own if case.wrong and "hidden" in case.case.name] or own
        one, more = suspects(workbook, _plain(own), others[-1], name)
        several += more
        yield one
    far = [case for case in judged if case.wrong and "thousands" in case.case.name]
    yield list(workbook.pairs(_plain(judged), *far[-1:]))
    yield several


def _family(name: str) -> str:
    family = known_fault(name).family
    return {"learner": "the softmax", "lse": "the online softmax"}.get(family, family)


def fitting(mistakes: Sequence[Mistake], judged: Sequence[JudgedCase]) -> list[Mistake]:
    """The mistakes that give a submission's numbers, those alone that do so in one plain case first."""
    return _closest(_in_all(_near(mistakes, _plain(judged))), judged)


def _closest(
    mistakes: Sequence[Mistake], judged: Sequence[JudgedCase], left_open: float = LEFT_OPEN
) -> list[Mistake]:
    """Those that explain the most cases, with NaN and infinities where the submission has them."""
    return [each for each in closest(mistakes, judged, left_open) if _as_infinite(each, judged)]


def _as_infinite(mistake: Mistake, judged: Sequence[JudgedCase]) -> bool:
    return all(
        _kinds(x.numbers) == _kinds(mistake.results(case)[name])
        for case in judged if case.wrong
        for name, x in case.tensors.items() if not np.isfinite(x.numbers).all()
    )  # fmt: skip


def _kinds(x: Array) -> bytes:
    """Where an array has NaN, infinities of either sign, and finite numbers."""
    return bytes(np.where(np.isnan(x), 3, np.where(np.isinf(x), np.sign(x), 0)).astype(np.int8).tobytes())


def _in_all(near: dict[str, list[Mistake]]) -> list[Mistake]:
    first, *others = near.values()
    sets = [{*map(id, each)} for each in others]
    return [each for each in first if all(id(each) in found for found in sets)]


def _plain(judged: Sequence[JudgedCase]) -> JudgedCase:
    """The largest case with wrong numbers, finite ones, without extreme ones if there is one."""
    wrong = [case for case in judged if case.wrong]
    telling = max(map(_telling, wrong))
    wrong = [case for case in wrong if _telling(case) == telling]
    plain = [case for case in wrong if not any(word in case.case.name for word in EXTREME)]
    return max(plain or wrong, key=lambda case: sum(x.size for x in case.expected.values.values()))


def _telling(case: JudgedCase) -> int:
    """How many of these hold: some numbers are finite, all are, shapes are right, not all numbers are 0."""
    right = case.expected.values
    pairs = [(x.numbers, right[name]) for name, x in case.tensors.items()]
    return (
        any(bool(np.isfinite(x).any()) for x, _ in pairs)
        + all(bool(np.isfinite(x).all()) for x, _ in pairs)
        + all(x.shape == y.shape for x, y in pairs)
        + all(_largest(x) > 1e-12 for x, _ in pairs)
    )


def _near(
    mistakes: Sequence[Mistake], case: JudgedCase, left_open: float = LEFT_OPEN
) -> dict[str, list[Mistake]]:
    """The mistakes that give the submission's numbers in a case, result by result."""
    near: dict[str, list[Mistake]] = {name: [] for name in case.tensors}
    if not any(np.isfinite(x.numbers).any() for x in case.tensors.values()):
        return near  # many mistakes give nothing but NaN
    alike = {
        name: _alike_to(x.numbers, _largest(case.expected.values[name]), left_open)
        for name, x in case.tensors.items()
    }
    for each in mistakes:
        results = each.results(case)
        for name, like in alike.items():
            if like(results[name]):
                near[name].append(each)
    return near


def _alike_to(got: Array, size: float, left_open: float) -> Callable[[Array], bool]:
    """Tells if numbers are these, but for a small share of the largest, NaN and infinities too."""
    finite = np.where(np.isfinite(got), np.abs(got), 0.0)
    place = int(np.argmax(finite)) if got.size else 0
    top = float(np.ravel(got)[place]) if got.size else 0.0
    size = max(size, abs(top) if np.isfinite(top) else 0.0)

    def alike(x: Array) -> bool:
        if got.shape != x.shape:
            return False
        if got.size and abs(top - float(x.flat[place])) > 2 * left_open * size:  # most end here
            return False
        with np.errstate(all="ignore"):
            near = np.abs(got - x) <= left_open * max(_largest(x), size)
        return bool((near | (got == x) | (np.isnan(got) & np.isnan(x))).all())

    return alike


def _largest(x: Array) -> float:
    return float(np.abs(x[np.isfinite(x)]).max(initial=0))


def _only(judged: Sequence[JudgedCase], name: str) -> list[JudgedCase]:
    """The cases with one result alone."""
    return [
        case._replace(
            tensors={n: x for n, x in case.tensors.items() if n == name},
            verdicts=tuple(v for v in case.verdicts if v.tensor == name),
        )
        for case in judged
    ]


def _together(
    by_tensor: dict[str, list[Mistake]], judged: Sequence[JudgedCase], faults: tuple[str, ...]
) -> Diagnosis:
    """A mistake for each result; of a result without one, what can be read from it."""
    said: dict[str, list[str]] = {}
    kinds = []
    for name, found in by_tensor.items():
        sentence = found[0].sentence if found else ""
        surface = read(judged, name)
        if surface and sentence != as_sentence(surface.words):
            kinds.append(surface.kind)
            sentence = f"{as_sentence(surface.words)} {sentence or _STILL}"
        kinds += [found[0].kind] if found else []
        said.setdefault(sentence, []).append(name)
    unknown = said.pop("", [])
    several = len(judged[0].expected.values) > 1
    texts = [
        f"{listed(names)}: {text}" if several and not (len(names) == 1 and names[0] in text) else text
        for text, names in said.items()
    ]
    if unknown:
        verb = "is" if len(unknown) == 1 else "are"
        texts.append(as_sentence(f"{listed(unknown)} {verb} wrong too, by a mistake that is not known here"))
    return Diagnosis(", and ".join(dict.fromkeys(kinds)), " ".join(texts), faults)


_STILL = "Other numbers of it are wrong, too: check again once this is mended."


def _all_said(sentence: str, judged: Sequence[JudgedCase], wrong: Sequence[str]) -> str:
    """The sentence, with dtypes that it does not speak of."""
    surfaces = [found for name in wrong if (found := read(judged, name)) and found.kind == DTYPE]
    return " ".join([sentence, *(as_sentence(each.words) for each in surfaces)])
