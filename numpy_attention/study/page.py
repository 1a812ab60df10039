"""A walk as a page of text: the equation, code, numbers and laws of every step, down and up."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .concat_formula import MASKED, concat_formula
from .derivatives import Derivative
from .fault_walk import FaultyWalk
from .number_format import WIDTH, TextBlock, array_block, format_few, side_by_side
from .step_laws import LawResult, StepLaw
from .trace import RESULTS
from .walk import Stage, Walk

_Shown = TypeVar("_Shown")

ARRAYS = tuple(RESULTS.values())
INDENT = " " * 4
GOOD, BAD = "✓", "✗ WRONG"

READING = """
Row l of the scores and weights belongs to query l, column s to key s. Below each equation are the lines of
this package that ran, reduced to their mathematics, then the arrays that they read and computed. A plain 0
is exactly 0. The helpers in those lines are explained at the end. The same steps on one page: core.py.
"""

UPWARDS = """
The loss is Σ d_out * out, so d_out is its gradient with respect to out. Going up, each step receives the
gradient of its result and returns the gradients of its inputs. Beside each is the same gradient by the
complex step, Im loss(x + 1e-100 i) / 1e-100, one entry at a time, which needs no backward.
"""

LOCATION = """
A location score does not depend on the query: all queries share one row of scores, the gradients of the
rows add up, and d_query is 0.
"""

MARK = "≠"
MARKED = f"""
The mark {MARK} after a name: these numbers differ from those of the correct steps.
"""

CONSISTENT = """
Everything on this page is consistent: forward and backward contain the same error, which only a comparison
with the correct steps reveals.
"""

OVERFLOW = "exp overflows: this is why step 5 subtracts the largest score first"


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
    Attention, every number: 3 queries, 3 keys, 3 values; dot scores; mask na.causal()
    """
    yield from _Page(width, faulty).lines(walk)


class _Page:
    """The parts of a page of one width."""

    def __init__(self, width: int, faulty: FaultyWalk | None) -> None:
        self.width, self.faulty = width, faulty

    def lines(self, walk: Walk) -> Iterator[str]:
        yield from self.inputs(walk)
        yield from self.fault()
        yield from self.heading("Down: seven steps from query, key and value to out")
        for stage in walk.down:
            yield from self.down(stage)
        yield from self.formula(walk)
        yield from self.heading("Up: the same seven steps, from d_out to every gradient")
        yield from self.text(UPWARDS)
        for stage in walk.up:
            yield from self.up(stage)
        yield from self.tokens(walk)
        yield from self.helpers((*walk.down, *walk.up))
        yield from self.end(walk)

    def inputs(self, walk: Walk) -> Iterator[str]:
        example = walk.example
        summary = [f"{len(example.query)} queries, {len(example.key)} keys, {len(example.value)} values"]
        arrays = {"query": example.query, "key": example.key, "value": example.value}
        if example.shared:
            summary, arrays = [f"{len(example.query)} tokens h"], {"h": example.query, **arrays}
        summary += [" ".join([example.score, "scores", *(f"with {x}" for x in example.settings.values())])]
        arrays |= example.parameters
        for name, option in example.options.items():
            if isinstance(option, np.ndarray):
                arrays[name] = option
            elif option is not None:
                summary.append(f"{name} {option}")
        yield from textwrap.wrap(f"Attention, every number: {'; '.join(summary)}", self.width)
        yield from ("", *self.blocks(arrays), "")
        if example.score == "location":
            yield from self.text(LOCATION)
        yield from self.text(READING)

    def fault(self) -> Iterator[str]:
        """The planted fault and its source."""
        if self.faulty is None:
            return
        fault = self.faulty.fault
        yield from (*self.heading(f"Planted: {fault.name}"), *self.text(fault.statement))
        for line in fault.source.splitlines():
            yield from self.hanging(INDENT, line)
        yield from ("", *self.text(MARKED))

    def marked(self, stage: Stage, named: Mapping[str, _Shown]) -> dict[str, _Shown]:
        """`named`, with a mark after the names of arrays that the fault changed."""
        changed = frozenset() if self.faulty is None else self.faulty.changed(stage)
        return {f"{name} {MARK}" if name in changed else name: x for name, x in named.items()}

    def down(self, stage: Stage) -> Iterator[str]:
        now, before = ARRAYS[stage.number - 1], ARRAYS[stage.number - 2]
        if stage.skipped:
            yield from (f"{stage.number}  {stage.name:<8} not used: {now} = {before}", "")
            return
        yield from self.head(stage)
        inputs = {name: x for name, x in stage.inputs.items() if stage.name == "mask" or x.dtype != bool}
        arrays = ({} if stage.name == "score" else inputs) | stage.intermediates | stage.results
        yield from self.blocks(self.marked(stage, arrays))
        yield from (*([""] if stage.laws else []), *self.laws(stage.laws), "")

    def up(self, stage: Stage) -> Iterator[str]:
        now, before = (f"d_{ARRAYS[n]}" for n in (stage.number - 1, stage.number - 2))
        if stage.skipped:
            yield from (f"{stage.number}  {stage.name:<8} not used: {before} = {now}", "")
            return
        yield from self.head(stage)
        yield from (*self.blocks(self.marked(stage, stage.inputs | stage.intermediates)), "")
        yield from self.compared(self.marked(stage, stage.derivatives))
        yield from (*self.laws(stage.laws), "")

    def head(self, stage: Stage) -> Iterator[str]:
        """The equation and the source lines."""
        first, *others = re.sub(r"\n(?=\S)", " ", stage.equation).split("\n")  # indented lines stand alone
        yield from self.hanging(f"{stage.number}  {stage.name:<8} ", first)
        for other in others:
            yield from self.hanging(f"{'':12}", other)
        yield f"{INDENT}{stage.source.file or 'no source available'}"
        for line in stage.source.lines:
            yield from self.hanging(f"{INDENT}{line.number:>4} │ ", line.text)
        yield ""

    def compared(self, derivatives: Mapping[str, Derivative]) -> Iterator[str]:
        """Each gradient beside the complex step, and their difference."""
        for name, each in derivatives.items():
            ours, exact = (
                array_block(name, each.ours),
                array_block("by complex step", each.exact, shape=False),
            )
            difference = TextBlock("differ by", [f"{_small(each.difference)}  {_sign(each.ok)}"])
            yield from (*self.indented([ours, exact, difference]), "")

    def laws(self, results: Sequence[LawResult]) -> Iterator[str]:
        statements = [_statement(result.law) for result in results]
        start = max(map(len, statements), default=0) + 3
        for statement, result in zip(statements, results, strict=True):
            numbers = _sides(result)
            if result.excluded_by:
                text = f"{statement.lstrip()}: does not apply with {', '.join(result.excluded_by)}"
                yield from self.hanging(INDENT, text)
            elif start + len(numbers) <= self.width:
                yield f"{statement + ':':<{start}}{numbers}"
            else:
                yield from (f"{statement}:", f"{INDENT}     {numbers}")

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
        yield f"{INDENT}{OVERFLOW if shown.overflows else f'{difference}  {_sign(shown.ok)}'}"
        yield ""

    def tokens(self, walk: Walk) -> Iterator[str]:
        if walk.tokens is not None:
            yield "0  tokens   h is query, key and value at once: d_h = d_query + d_key + d_value"
            yield from ("", *self.compared({"d_h": walk.tokens}))

    def helpers(self, stages: Iterable[Stage]) -> Iterator[str]:
        helpers = {name: doc for stage in stages for name, doc in stage.source.helpers.items()}
        yield from self.heading("Helpers in the lines above, from their docstrings")
        for name, doc in helpers.items():
            yield from self.hanging(f"{INDENT}{name:<16}", doc, further=0)
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
            yield from self.text(CONSISTENT)

    def end(self, walk: Walk) -> Iterator[str]:
        stages = (*walk.down, *walk.up)
        if self.faulty is not None:
            yield from self.fault_effects(self.faulty)
            return
        if walk.ok:
            derivatives = [x for stage in walk.up for x in stage.derivatives.values()]
            derivatives += [] if walk.tokens is None else [walk.tokens]
            worst = _small(max(x.difference for x in derivatives))
            laws = [result.law for stage in stages for result in stage.laws if not result.excluded_by]
            gradients = f"{len(derivatives)} gradients match the complex step to {worst}"
            yield f"Everything agrees: {gradients}; {len(laws)} laws hold."
            if any(law.number for law in laws):
                yield "General statement and proof of a numbered law: numpy-attention laws NUMBER."
            return
        wrong = [f"{stage.number}, {stage.name}" for stage in stages if not stage.ok]
        way = "down" if any(not stage.ok for stage in walk.down) else "up"
        first = f"{wrong[0] if wrong else '0, tokens'}, on the way {way}"
        yield f"Not everything agrees. The first error is in step {first}."

    # ------------------------------------------------------------------------------------ layout

    def blocks(self, arrays: Mapping[str, npt.ArrayLike]) -> Iterator[str]:
        """Arrays side by side; equal arrays, unless all 0, share one title."""
        titles: dict[object, list[str]] = {}
        for name, x in arrays.items():
            array = np.asarray(x)
            titles.setdefault((array.shape, str(array.tolist())) if array.any() else name, []).append(name)
        merged = {" = ".join(names): arrays[names[0]] for names in titles.values()}
        blocks = (array_block(title, x, column=title.startswith("lse")) for title, x in merged.items())
        return self.indented(blocks)

    def indented(self, blocks: Iterable[TextBlock], gap: int = 4) -> Iterator[str]:
        lines = side_by_side(blocks, self.width - len(INDENT), gap)
        return (INDENT + line if line else "" for line in lines)

    def heading(self, text: str) -> Iterator[str]:
        yield from (f"── {text} ".ljust(self.width, "─"), "")

    def text(self, text: str) -> Iterator[str]:
        yield from (*textwrap.wrap(" ".join(text.split()), self.width), "")

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
    """Both sides of a law and the deviation; a constant right side as one number."""
    _, left, right, _, relation = result.sides
    constant = right.size > 1 and np.ptp(right) == 0
    sides = f"{format_few(left)} {relation} {format_few(right.flat[0] if constant else right)}"
    deviation = f"  off by {_small(result.deviation)}" if relation == "=" else ""
    return f"{sides}{deviation}  {_sign(result.ok)}"


def _small(x: float) -> str:
    return f"{x:.1e}" if x else "0"


def _sign(ok: bool) -> str:
    return GOOD if ok else BAD
