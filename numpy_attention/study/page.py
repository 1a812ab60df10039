"""A walk as a page of text: the equation, code, numbers and laws of every step, down and up."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from . import page_texts as texts
from .concat_formula import MASKED, concat_formula
from .derivatives import Derivative
from .example import WalkExample
from .fault_walk import FaultyWalk
from .law_results import LawResult, StepLaw
from .number_format import WIDTH, TextBlock, array_block, format_few, side_by_side
from .stage import Stage
from .trace import RESULTS, array_arguments
from .walk import Walk

_Shown = TypeVar("_Shown")

ARRAYS = tuple(RESULTS.values())
INDENT = " " * 4
GOOD, BAD = "✓", "✗ WRONG"


def page(walk: Walk, width: int = WIDTH, faulty: FaultyWalk | None = None) -> Iterator[str]:
    """The lines of a page.

    Parameters
    ----------
    walk : from `study.walk.walk`.
    width : columns, at least 80; only arrays that cannot be wrapped exceed it, and never 100 columns.
    faulty : from `study.fault_walk.walk_with_fault`, if `walk` has a planted fault: the fault is shown, and
        the arrays that it changes are marked.

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> from numpy_attention.study.walk import walk
    >>> lines = list(page(walk(build_example())))
    >>> print(lines[0])
    Attention, every number: 2 queries, 3 keys, 3 values; dot scores; mask na.causal('bottom_right')
    """
    with_heads = {"key head": walk.example.key, "head": walk.example.query}
    heads = {len(x): name for name, x in with_heads.items() if x.ndim > 2}
    yield from _Page(width, faulty, heads).lines(walk)


class _Page:
    """The parts of a page of one width."""

    def __init__(self, width: int, faulty: FaultyWalk | None, heads: Mapping[int, str]) -> None:
        self.width, self.faulty, self.heads = width, faulty, heads
        self.explained: set[str] = set()

    def lines(self, walk: Walk) -> Iterator[str]:
        yield from self.inputs(walk)
        yield from self.fault()
        yield from self.heading("Down: seven steps from query, key and value to out")
        for stage in walk.down:
            yield from self.down(stage, walk.example)
        yield from self.formula(walk)
        yield from self.heading("Up: the same seven steps, from d_out to every gradient")
        yield from self.text(texts.UPWARDS.format(lse="" if walk.example.d_lse is None else texts.LSE))
        yield from self.text(texts.COMPLEX_STEP)
        for stage in walk.up:
            yield from self.up(stage, walk.example)
        yield from self.end(walk)

    def inputs(self, walk: Walk) -> Iterator[str]:
        example = walk.example
        L, S = example.query.shape[-2], example.key.shape[-2]
        summary = [f"{L} queries, {S} keys, {S} values"]
        arrays = {"query": example.query, "key": example.key, "value": example.value}
        if example.shared:
            summary, arrays = [f"{L} tokens h"], {"h": example.query, **arrays}
        if example.projection is not None:
            arrays = array_arguments(example.projection._asdict())
            summary = [f"{L} tokens x", f"{S} tokens of memory"][
                : 1 if example.projection.memory is None else 2
            ]
        if example.query.ndim > 2:
            H, G = len(example.query), len(example.key)
            summary += [f"{H} heads" if H == G else f"{H} heads that share {G} key heads"]
        summary += [" ".join([example.score, "scores", *(f"with {x}" for x in example.settings.values())])]
        arrays |= example.parameters
        for name, option in example.options.items():
            if isinstance(option, np.ndarray):
                arrays[name] = option
            elif option is not None:
                summary.append(f"{name} {option}")
        yield from textwrap.wrap(f"Attention, every number: {'; '.join(summary)}", self.width)
        yield from ("", *self.blocks(arrays), "")
        yield from self.text(texts.READING)

    def fault(self) -> Iterator[str]:
        """The planted fault and its source."""
        if self.faulty is None:
            return
        fault = self.faulty.fault
        shows = f"{fault.statement} It shows {fault.shows_where}."
        yield from (*self.heading(f"Planted: {fault.name}"), *self.text(shows))
        for line in fault.source.splitlines():
            yield from self.hanging(INDENT, line)
        yield from ("", *self.text(texts.MARKED + texts.example_text(self.faulty.example_name)))

    def marked(self, stage: Stage, named: Mapping[str, _Shown]) -> dict[str, _Shown]:
        """`named`, with a mark after the names of arrays that the fault changed."""
        changed = frozenset() if self.faulty is None else self.faulty.changed(stage)
        return {f"{name} {texts.MARK}" if name in changed else name: x for name, x in named.items()}

    def down(self, stage: Stage, example: WalkExample) -> Iterator[str]:
        now, before = ARRAYS[stage.number - 1], ARRAYS[stage.number - 2]
        if stage.skipped:
            yield from (f"{stage.number}  {stage.name:<8} not used: {now} = {before}", "")
            return
        yield from self.head(stage, texts.down_texts(stage.name, example))
        inputs = {name: x for name, x in stage.inputs.items() if stage.name == "mask" or x.dtype != bool}
        arrays = ({} if stage.number < 2 else inputs) | stage.intermediates | stage.results
        if arrays:
            yield from (*self.blocks(self.marked(stage, arrays)), "")
        yield from self.laws(stage.laws)

    def up(self, stage: Stage, example: WalkExample) -> Iterator[str]:
        now, before = (f"d_{ARRAYS[n]}" for n in (stage.number - 1, stage.number - 2))
        if stage.skipped:
            yield from (f"{stage.number}  {stage.name:<8} not used: {before} = {now}", "")
            return
        yield from self.head(stage, texts.up_texts(stage.name, example, own=not stage.stated))
        if arrays := stage.inputs | stage.intermediates:
            yield from (*self.blocks(self.marked(stage, arrays)), "")
        yield from self.compared(self.marked(stage, stage.derivatives))
        yield from self.laws(stage.laws)

    def head(self, stage: Stage, sentences: Iterable[str]) -> Iterator[str]:
        """The equation, what is to be said about it, the source lines, and the functions new in them."""
        first, *others = re.sub(r"\n(?=\S)", " ", stage.equation).split("\n")  # indented lines stand alone
        yield from self.hanging(f"{stage.number}  {stage.name:<8} ", first)
        for other in others:
            yield from self.hanging(f"{'':12}", other)
        if stage.stated:
            yield from self.hanging(f"{'':12}", f"here: {' '.join(stage.stated.split())}")
        for sentence in sentences:
            yield from self.paragraph(sentence, INDENT)
        if stage.number or stage.source.lines:
            yield f"{INDENT}{stage.source.file or 'no source available'}"
        for line in stage.source.lines:
            yield from self.hanging(f"{INDENT}{line.number:>4} │ ", line.text)
        for name, doc in stage.source.helpers.items():
            if name not in self.explained:
                yield from self.hanging(f"{INDENT}     {name}: ", doc, further=0)
        self.explained |= stage.source.helpers.keys()
        yield ""

    def compared(self, derivatives: Mapping[str, Derivative]) -> Iterator[str]:
        """Each gradient beside the complex step, and their difference."""
        for name, each in derivatives.items():
            ours, exact = (
                array_block(name, each.ours, heads=self.heads),
                array_block("by complex step", each.exact, shape=False, heads=self.heads),
            )
            difference = TextBlock("differ by", [f"{_small(each.difference)}  {_sign(each.ok)}"])
            yield from (*self.indented([ours, exact, difference]), "")

    def laws(self, results: Sequence[LawResult]) -> Iterator[str]:
        if not results:
            return
        if "law" not in self.explained:
            self.explained.add("law")
            yield from self.paragraph(texts.LAWS, INDENT)
        statements = [_statement(result.law) for result in results]
        start = max(map(len, statements)) + 3
        for statement, result in zip(statements, results, strict=True):
            numbers = _sides(result)
            if result.excluded_by:
                text = f"{statement.lstrip()}: does not apply with {', '.join(result.excluded_by)}"
                yield from self.hanging(INDENT, text)
            elif start + len(numbers) <= self.width:
                yield f"{statement + ':':<{start}}{numbers}"
            else:
                yield from (f"{statement}:", f"{INDENT}     {numbers}")
        yield ""

    def formula(self, walk: Walk) -> Iterator[str]:
        shown = concat_formula(walk)
        if shown is None:
            return
        yield from self.heading("The weights by the formula, pair by pair")
        yield f"{INDENT}{shown.text}"
        yield from (f"{INDENT}{line}" for line in shown.activation.split("\n") if line)
        if MASKED in shown.parts:
            yield f"{INDENT}Steps 2 to 4 changed the scores: exp is taken of their result, masked"
        if walk.example.options["sinks"] is not None:
            yield f"{INDENT}Σ_k includes exp(sinks)"
        i, j = np.indices(shown.weights.shape) + 1
        table = {"i": i, "j": j} | shown.parts
        blocks = [array_block(name, x.reshape(-1, 1), shape=False) for name, x in table.items()]
        yield from ("", *self.indented(blocks, gap=2), "")
        difference = f"largest difference from the weights of step 5: {_small(shown.difference)}"
        yield f"{INDENT}{texts.OVERFLOW if shown.overflows else f'{difference}  {_sign(shown.ok)}'}"
        yield ""

    def fault_effects(self, faulty: FaultyWalk) -> Iterator[str]:
        """The numbers, gradients and laws that the fault breaks."""
        yield from self.hanging("", f"{faulty.fault.name} changes {', '.join(faulty.changed_results)}.")
        if faulty.wrong_gradients:
            gradients = ", ".join(faulty.wrong_gradients)
            yield from self.hanging("", f"Gradients that disagree with the complex step: {gradients}.")
        yield from (
            "Laws on this page that it breaks:" if faulty.broken_laws else "It breaks no law on this page.",
        )
        yield from map(_statement, faulty.broken_laws)
        if faulty.walk.ok:
            yield from self.text(texts.CONSISTENT)

    def end(self, walk: Walk) -> Iterator[str]:
        if self.faulty is not None:
            yield from self.fault_effects(self.faulty)
            return
        if walk.ok:
            derivatives = [x for stage in walk.up for x in stage.derivatives.values()]
            worst = _small(max(x.difference for x in derivatives))
            laws = [result.law for stage in walk.stages for result in stage.laws if not result.excluded_by]
            gradients = f"{len(derivatives)} gradients match the complex step to {worst}"
            yield f"Everything agrees: {gradients}; {len(laws)} laws hold."
            return
        wrong = next(stage for stage in walk.stages if not stage.ok)
        way = "down" if any(not stage.ok for stage in walk.down) else "up"
        first = f"{wrong.number}, {wrong.name}, on the way {way}"
        yield f"Not everything agrees. The first error is in step {first}."

    # ------------------------------------------------------------------------------------ layout

    def blocks(self, arrays: Mapping[str, npt.ArrayLike]) -> Iterator[str]:
        """Arrays side by side; equal arrays, unless all 0, share one title."""
        titles: dict[object, list[str]] = {}
        for name, x in arrays.items():
            array = np.asarray(x)
            titles.setdefault((array.shape, str(array.tolist())) if array.any() else name, []).append(name)
        merged = {" = ".join(names): arrays[names[0]] for names in titles.values()}
        blocks = (
            array_block(title, x, column=self.is_column(title, x), heads=self.heads)
            for title, x in merged.items()
        )
        return self.indented(blocks)

    def is_column(self, title: str, x: npt.ArrayLike) -> bool:
        """True for one number a row: it stands beside the rows."""
        return title.startswith(("lse", "d_lse")) and np.ndim(x) == (2 if self.heads else 1)

    def indented(self, blocks: Iterable[TextBlock], gap: int = 4) -> Iterator[str]:
        lines = side_by_side(blocks, self.width - len(INDENT), gap)
        return (INDENT + line if line else "" for line in lines)

    def heading(self, text: str) -> Iterator[str]:
        yield from (f"── {text} ".ljust(self.width, "─"), "")

    def text(self, text: str) -> Iterator[str]:
        yield from (*self.paragraph(text), "")

    def paragraph(self, text: str, indent: str = "") -> list[str]:
        """The text in lines; [] for none."""
        words = " ".join(text.split())
        return textwrap.wrap(words, self.width, initial_indent=indent, subsequent_indent=indent)

    def hanging(self, start: str, text: str, further: int = 4) -> Iterator[str]:
        """The text after `start`, wrapped with a hanging indent."""
        indent = len(text) - len(text.lstrip())
        if not text.strip():
            yield start.rstrip()
        yield from textwrap.wrap(
            text.lstrip(), self.width, initial_indent=start + " " * indent,
            subsequent_indent=" " * (len(start) + indent + further),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


def _statement(law: StepLaw) -> str:
    return f"{INDENT}law {law.number or '':>2}  {law.statement}"


def _sides(result: LawResult) -> str:
    """Both sides of a law at its worst entry, and the largest deviation."""
    at, entries, left, right, _ = result.worst
    relation = result.sides.relation
    place = f"at {list(at)}, " if result.deviation or relation != "=" else ""
    place = f"{place}worst of {entries}: " if entries > 1 else ""
    deviation = f"  off by {_small(result.deviation)}" if relation == "=" else ""
    return f"{place}{format_few(left)} {relation} {format_few(right)}{deviation}  {_sign(result.ok)}"


def _small(x: float) -> str:
    return f"{x:.1e}" if x else "0"


def _sign(ok: bool) -> str:
    return GOOD if ok else BAD
