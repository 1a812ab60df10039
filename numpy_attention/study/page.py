"""A walk as a page of text: equation, lines, numbers and laws of every step, down and up."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .derivatives import Derivative
from .fault_walk import Planted
from .formula import MASKED, formula
from .number_format import WIDTH, Block, band, block, few
from .step_laws import Verdict
from .trace import RESULTS
from .walk import Stage, Walk

_Shown = TypeVar("_Shown")

INDENT = " " * 4
GOOD, BAD = "✓", "✗ WRONG"

READING = """
Row l of the scores and weights belongs to query l, column s to key s. Under each equation stand the lines
of this package that ran, cut to their mathematics, then the numbers that they read and made. A plain 0
is exactly 0. What helpers such as folded do is said at the end.
"""

UPWARDS = """
Let a loss change by d_out with every number of out: loss = Σ d_out * out. Going up, each step takes the
gradient of its result and gives that of what it was given. Beside each stands the same by the complex
step, Im loss(x + 1e-100 i) / 1e-100, one entry at a time, for which no backward is needed.
"""

LOCATION = """
A location score asks no query: each has the same row, the gradients of the rows add up, and d_query is 0.
"""

MARK = "≠"
MARKED = f"""
Where a name is followed by {MARK}, the right steps give other numbers.
"""

CONSISTENT = """
Everything on this page agrees with everything else: what is wrong in the same way there and back is seen
only by a comparison with what is right.
"""

TOO_FAR = "exp leaves the range of numbers: that is why step 5 takes the largest score off first"


def page(walk: Walk, width: int = WIDTH, planted: Planted | None = None) -> Iterator[str]:
    """The lines of a page.

    Parameters
    ----------
    walk : what `study.walk.walk` gives.
    width : columns, from 80 on; only arrays too wide to be broken go beyond it, and never beyond 100.
    planted : what `study.planted.planted` gives, if there is a fault in the walk: it is shown, and the
        arrays that it changes are marked.

    Examples
    --------
    >>> from numpy_attention.study.example import example
    >>> from numpy_attention.study.walk import walk
    >>> lines = list(page(walk(example())))
    >>> print(lines[0])
    Attention, every number: 3 queries, 3 keys, 3 values; dot scores; mask na.causal()
    """
    yield from _Page(width, planted).of(walk)


class _Page:
    """A page of some width, part by part."""

    def __init__(self, width: int, planted: Planted | None) -> None:
        self.width, self.planted = width, planted

    def of(self, walk: Walk) -> Iterator[str]:
        yield from self.given(walk)
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

    def given(self, walk: Walk) -> Iterator[str]:
        example = walk.example
        told = [f"{len(example.query)} queries, {len(example.key)} keys, {len(example.value)} values"]
        arrays = {"query": example.query, "key": example.key, "value": example.value}
        if example.shared:
            told, arrays = [f"{len(example.query)} tokens h"], {"h": example.query, **arrays}
        told += [" ".join([example.score, "scores", *(f"with {x}" for x in example.settings.values())])]
        arrays |= example.parameters
        for name, option in example.options.items():
            if isinstance(option, np.ndarray):
                arrays[name] = option
            elif option is not None:
                told.append(f"{name} {option}")
        yield from textwrap.wrap(f"Attention, every number: {'; '.join(told)}", self.width)
        yield from ("", *self.blocks(arrays), "")
        if example.score == "location":
            yield from self.text(LOCATION)
        yield from self.text(READING)

    def fault(self) -> Iterator[str]:
        """What was planted, and its lines."""
        if self.planted is None:
            return
        fault = self.planted.fault
        yield from (*self.heading(f"Planted: {fault.name}"), *self.text(fault.statement))
        for line in fault.source.splitlines():
            yield from self.hanging(INDENT, line)
        yield from ("", *self.text(MARKED))

    def marked(self, stage: Stage, named: Mapping[str, _Shown]) -> dict[str, _Shown]:
        """The names with a mark at those of arrays that the fault has changed."""
        changed = frozenset() if self.planted is None else self.planted.changed(stage)
        return {f"{name} {MARK}" if name in changed else name: x for name, x in named.items()}

    def down(self, stage: Stage) -> Iterator[str]:
        now, before = RESULTS[stage.number - 1], RESULTS[stage.number - 2]
        if stage.skipped:
            yield from (f"{stage.number}  {stage.name:<8} not asked for: {now} = {before}", "")
            return
        yield from self.head(stage)
        taken = {name: x for name, x in stage.taken.items() if stage.name == "mask" or x.dtype != bool}
        arrays = ({} if stage.name == "score" else taken) | stage.between | stage.arrays
        yield from self.blocks(self.marked(stage, arrays))
        yield from (*([""] if stage.laws else []), *self.laws(stage.laws), "")

    def up(self, stage: Stage) -> Iterator[str]:
        now, before = (f"d_{RESULTS[n]}" for n in (stage.number - 1, stage.number - 2))
        if stage.skipped:
            yield from (f"{stage.number}  {stage.name:<8} not asked for: {before} = {now}", "")
            return
        yield from self.head(stage)
        yield from (*self.blocks(self.marked(stage, stage.taken | stage.between)), "")
        yield from self.compared(self.marked(stage, stage.derivatives))
        yield from (*self.laws(stage.laws), "")

    def head(self, stage: Stage) -> Iterator[str]:
        """The equation, and the lines."""
        first, *others = stage.equation.split("\n")
        yield from self.hanging(f"{stage.number}  {stage.name:<8} ", first)
        for other in others:
            yield from self.hanging(f"{'':12}", other)
        yield f"{INDENT}{stage.source.file or 'no source to be read'}"
        for line in stage.source.lines:
            yield from self.hanging(f"{INDENT}{line.number:>4} │ ", line.text)
        yield ""

    def compared(self, derivatives: Mapping[str, Derivative]) -> Iterator[str]:
        for name, told in derivatives.items():
            ours, exact = block(name, told.ours), block("by complex step", told.exact, shape=False)
            verdict = Block("differ by", [f"{_small(told.difference)}  {_sign(told.ok)}"])
            yield from (*self.side_by_side([ours, exact, verdict]), "")

    def laws(self, laws: Sequence[Verdict]) -> Iterator[str]:
        told = [f"{INDENT}law {law.number or '':>2}  {law.statement}" for law in laws]
        start = max(map(len, told), default=0) + 3
        for statement, law in zip(told, laws, strict=True):
            numbers = _sides(law)
            if law.broken_by:
                yield f"{statement}: not with {', '.join(law.broken_by)}"
            elif start + len(numbers) <= self.width:
                yield f"{statement + ':':<{start}}{numbers}"
            else:
                yield from (f"{statement}:", f"{INDENT}     {numbers}")

    def formula(self, walk: Walk) -> Iterator[str]:
        told = formula(walk)
        if told is None:
            return
        yield from self.heading("The weights by the formula, pair by pair")
        yield f"{INDENT}{told.text}"
        yield from (f"{INDENT}{line}" for line in told.activation.split("\n") if line)
        if MASKED in told.parts:
            yield f"{INDENT}Steps 2 to 4 have changed the scores: exp is taken of what they left, masked"
        if walk.example.options["sinks"] is not None:
            yield f"{INDENT}Σ_k has exp(sinks) in it"
        i, j = np.indices(told.weights.shape) + 1
        table = {"i": i, "j": j} | told.parts
        blocks = [block(name, x.reshape(-1, 1), shape=False) for name, x in table.items()]
        yield from ("", *self.side_by_side(blocks, gap=2), "")
        difference = f"largest difference from the weights of step 5: {_small(told.difference)}"
        yield f"{INDENT}{TOO_FAR if told.overflows else f'{difference}  {_sign(told.ok)}'}"
        yield ""

    def tokens(self, walk: Walk) -> Iterator[str]:
        if walk.tokens is not None:
            yield "0  tokens   h is query, key and value at once: d_h = d_query + d_key + d_value"
            yield from ("", *self.compared({"d_h": walk.tokens}))

    def helpers(self, stages: Iterable[Stage]) -> Iterator[str]:
        helpers = {name: does for stage in stages for name, does in stage.source.helpers.items()}
        yield from self.heading("Helpers in the lines above, as their docstrings have it")
        for name, does in helpers.items():
            yield from self.hanging(f"{INDENT}{name:<16}", does, further=0)
        yield ""

    def damage(self, planted: Planted) -> Iterator[str]:
        """What the fault has done."""
        yield from self.hanging("", f"{planted.fault.name} changes {', '.join(planted.all_changed)}.")
        if planted.wrong_gradients:
            gradients = ", ".join(planted.wrong_gradients)
            yield from self.hanging("", f"Not what the complex step gives: {gradients}.")
        yield from ("Laws that it breaks:" if planted.broken else "It breaks no law of this page.",)
        for number, law in planted.broken:
            yield f"{INDENT}law {number or '':>2}  {law}"
        if planted.walk.ok:
            yield from self.text(CONSISTENT)

    def end(self, walk: Walk) -> Iterator[str]:
        stages = (*walk.down, *walk.up)
        if self.planted is not None:
            yield from self.damage(self.planted)
            return
        if walk.ok:
            derivatives = [x for stage in walk.up for x in stage.derivatives.values()]
            derivatives += [] if walk.tokens is None else [walk.tokens]
            worst = _small(max(x.difference for x in derivatives))
            laws = [law for stage in stages for law in stage.laws if not law.broken_by]
            gradients = f"{len(derivatives)} gradients with the complex step, to {worst}"
            yield f"Everything agrees: {gradients}; {len(laws)} laws hold."
            if any(law.number for law in laws):
                yield "What a numbered law says in general, and why: numpy-attention laws NUMBER."
            return
        wrong = [f"{stage.number}, {stage.name}" for stage in stages if not stage.ok]
        way = "down" if any(not stage.ok for stage in walk.down) else "up"
        first = f"{wrong[0] if wrong else '0, tokens'}, on the way {way}"
        yield f"Not everything agrees. The first that is wrong is step {first}."

    # ------------------------------------------------------------------------------------ layout

    def blocks(self, arrays: Mapping[str, npt.ArrayLike]) -> Iterator[str]:
        """Arrays side by side; those that are the same, all but 0, stand under one title."""
        titles: dict[object, list[str]] = {}
        for name, x in arrays.items():
            array = np.asarray(x)
            titles.setdefault((array.shape, str(array.tolist())) if array.any() else name, []).append(name)
        together = {" = ".join(names): arrays[names[0]] for names in titles.values()}
        shown = (block(told, x, column=told.startswith("lse")) for told, x in together.items())
        return self.side_by_side(shown)

    def side_by_side(self, blocks: Iterable[Block], gap: int = 4) -> Iterator[str]:
        lines = band(blocks, self.width - len(INDENT), gap)
        return (INDENT + line if line else "" for line in lines)

    def heading(self, text: str) -> Iterator[str]:
        yield from (f"── {text} ".ljust(self.width, "─"), "")

    def text(self, text: str) -> Iterator[str]:
        yield from (*textwrap.wrap(" ".join(text.split()), self.width), "")

    def hanging(self, start: str, text: str, further: int = 4) -> Iterator[str]:
        """The text after `start`; what does not fit stands below, a little further in."""
        inner = len(text) - len(text.lstrip())
        if not text.strip():
            yield start.rstrip()
        yield from textwrap.wrap(
            text.lstrip(), self.width, initial_indent=start + " " * inner,
            subsequent_indent=" " * (len(start) + inner + further),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


def _sides(law: Verdict) -> str:
    """The numbers of a law; of a right side that is one number throughout, that one."""
    one = law.right.size > 1 and np.ptp(law.right) == 0
    sides = f"{few(law.left)} {law.relation} {few(law.right.flat[0] if one else law.right)}"
    missed = f"  off by {_small(law.off)}" if law.relation == "=" else ""
    return f"{sides}{missed}  {_sign(law.ok)}"


def _small(x: float) -> str:
    return f"{x:.1e}" if x else "0"


def _sign(ok: bool) -> str:
    return GOOD if ok else BAD
