"""Detection of planted faults by several checkers: python -m benchmarks.faults [FILE]

Runs the referee and the checks of others (torch's gradcheck, slow and fast, jax's check_grads, and three
tolerances) on every planted fault, then on correct code. Writes both matrices, faults by checkers and faults
by laws, to FILE (benchmarks/faults.md), and prints a summary. Needs torch and jax; some minutes on one core.
"""

import sys
import textwrap
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from benchmarks.checkers import jax_check_grads, torch_gradcheck
from benchmarks.contenders import machine
from benchmarks.correct_programs import programs
from benchmarks.tolerances import TENSORS, TOLERANCES, cases, compared, numbers_of, shows
from numpy_attention.check.candidate.frameworks import emulating
from numpy_attention.check.cases.cases import Case
from numpy_attention.check.cases.compare import FAIL
from numpy_attention.check.faults import FAULTS, Fault
from numpy_attention.check.faults.detection import detect, laws_broken_by
from numpy_attention.check.faults.small_problems import PROBLEMS
from numpy_attention.check.laws.laws import LAWS
from numpy_attention.check.pairs.calls import call_of
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.referee.referee import check_candidate
from numpy_attention.check.reference.inputs import Inputs
from numpy_attention.files import write_text
from numpy_attention.functional.attention.attention import attention_backward, attention_forward
from numpy_attention.functional.base.admission import Array
from numpy_attention.functional.base.arrays import Pair

DTYPES = ("float32", "bfloat16")
OURS = tuple(f"the referee, {dtype}" for dtype in DTYPES)
GRADIENTS: dict[str, Callable[..., bool]] = {
    "torch gradcheck, slow": partial(torch_gradcheck, fast=False),
    "torch gradcheck, fast": partial(torch_gradcheck, fast=True),
    "jax check_grads": jax_check_grads,
}
CHECKERS = (*OURS, *GRADIENTS, *(f"{name}, {dtype}" for dtype in DTYPES for name in TOLERANCES))

CORRECT = Pair(attention_forward, attention_backward)
MAX_PROBLEMS = 4
"""The most problems that are differentiated for each fault."""

PROGRAMS = 48
"""Correct programs judged in each dtype."""


ABOUT = """\
{} faults of attention. The referee and the tolerances get the same numbers, those of {} cases in float32
and {} in bfloat16: the smoke profile, and again with cotangents as small as those of a mean loss. A fault
is computed in float64 and rounded once. The gradient checks get up to {} problems in float64, with their
default settings, and output and gradients through autograd: they compare a fault's backward with the
fault's own forward, so a wrong scale, a mask off by one or heads in another order is consistent to them.
Faults of memory are judged over a whole run of the referee. A cell counts the alarms over the problems in
which the fault shows; – means no such problem: it would need sizes that coincide, fully masked rows, a
scale with a gradient, or a cotangent of lse. Correct code: {} programs in each dtype, tile by tile in any
order, on the same cases; and this package's attention in float64 on {} problems with queries of {} sizes.
"""


class Count(NamedTuple):
    """Alarms of a checker, out of a number of runs."""

    alarms: int = 0
    runs: int = 0

    def __add__(self, other: Any) -> "Count":
        return Count(self.alarms + other.alarms, self.runs + other.runs)

    def __str__(self) -> str:
        return f"{self.alarms} of {self.runs}" if self.runs else "–"


# ------------------------------------------------------------------------------------------- faults


def alarms_on(fault: Fault) -> dict[str, Count]:
    """For each checker, its alarms over the problems in which the fault is active."""
    alarms = dict.fromkeys(CHECKERS, Count())
    for dtype in DTYPES:
        for place, (case, _, _) in enumerate(cases(dtype)):
            if fault.family != "memory" and fault.active(case) and shows(fault.pair, dtype, place):
                for name, alarm in compared(dtype, place, numbers_of(case, fault.pair)):
                    alarms[name] += Count(alarm, 1)
        if fault.family == "memory":
            report = check_candidate(tuple(fault.pair), dtype=dtype, framework=emulating(dtype), faults=())
            alarms[f"the referee, {dtype}"] += Count(report.outcome == FAIL, 1)
    for problem in [each for each in PROBLEMS.values() if fault.active(each)][:MAX_PROBLEMS]:
        for name, check in GRADIENTS.items():
            passed = check(_user_view(fault.pair, problem), problem.arguments, problem.keywords)
            alarms[name] += Count(not passed, 1)
    return alarms


def other_rule_row(fault: Fault) -> list[str]:
    """The checkers' results on a fault of another rule, as a row of the table."""
    rule = next(rule for rule in RULES if rule.name == fault.rule)
    active = []
    for example in rule.examples:
        arguments = call_of(*fault.pair, example.args, example.kwargs).arguments
        if fault.active(arguments):
            active.append(example)
    row = []
    for check in GRADIENTS.values():
        passed = [check(fault.pair, each.args, each.kwargs) for each in active[:MAX_PROBLEMS]]
        row.append(str(Count(passed.count(False), len(passed))))
    detected = detect(fault)
    by_numbers = "yes" if detected.numbers else "no"
    return [fault.name, *row, "yes" if detected.derivative else "no", by_numbers]


def _user_view(pair: Pair, problem: Inputs) -> Pair:
    """The pair as autograd sees it: the output, and lse if that has a cotangent."""
    if "d_lse" not in problem.cotangents:
        return pair

    def forward(*arrays: Array, **options: Any) -> tuple[tuple[Any, Array], Any]:
        out, saved = pair.forward(*arrays, **options)
        return (out, np.asarray(saved.lse)), saved

    return Pair(
        lambda query, key, value, **options: forward(query, key, value, **options),
        lambda d, saved: pair.backward(d[0], saved, d_lse=d[1]),
    )


# --------------------------------------------------------------------------------------- correct code

SIZES = {"normal": 1.0, "peaked": 6.0, "huge": 1e3, "tiny": 1e-6}
"""Factors on the query."""


def false_alarms() -> dict[str, Count]:
    """For each checker, its alarms on correct code."""
    alarms = dict.fromkeys(CHECKERS, Count())
    for dtype in DTYPES:
        correct = [each for each in programs(4 * PROGRAMS) if each.kept == dtype][:PROGRAMS]
        for place, (case, _, _) in enumerate(cases(dtype)):
            for program in correct:
                for name, alarm in compared(dtype, place, results_of(program, case)):
                    alarms[name] += Count(alarm, 1)
    for problem in PROBLEMS.values():
        for size in SIZES.values():
            arrays = (size * problem.query, problem.key, problem.value)
            for name, check in GRADIENTS.items():
                passed = check(_user_view(CORRECT, problem), arrays, problem.keywords)
                alarms[name] += Count(not passed, 1)
    return alarms


def results_of(program: Any, case: Case) -> dict[str, Array]:
    """The results of a correct program on a case."""
    narrow = {name: x.astype(np.float32) for name, x in case.arrays.items() if isinstance(x, np.ndarray)}
    arrays = {name: narrow.pop(name) for name in ("query", "key", "value")}
    options = case.options | {name: x for name, x in narrow.items() if name != "mask"}
    options.pop("q_offset", None)
    computed = program(*arrays.values(), **options)
    return {name: np.asarray(computed[name], dtype=float) for name in TENSORS if name in computed}


# -------------------------------------------------------------------------------------------- tables


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown, its columns aligned."""
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return [
        "| " + " | ".join(x.ljust(width) for x, width in zip(row, widths, strict=True)) + " |"
        for row in lines
    ]


def summary(by_fault: dict[str, dict[str, Count]], alarms: dict[str, Count]) -> list[str]:
    """One row per checker."""
    rows = []
    for name in CHECKERS:
        counts = [counts[name] for counts in by_fault.values() if counts[name].runs]
        faults = Count(sum(count.alarms > 0 for count in counts), len(counts))
        rows.append([name, str(faults), str(sum(counts, Count())), str(alarms[name])])
    return table(["", "faults caught", "fault and case together", "false alarms on right code"], rows)


def by_checker(by_fault: dict[str, dict[str, Count]]) -> list[str]:
    """The matrix of faults by checkers."""
    rows = [[name, *(str(counts[checker]) for checker in CHECKERS)] for name, counts in by_fault.items()]
    return table(["fault", *CHECKERS], rows)


def by_law() -> list[str]:
    """The matrix of faults by laws."""
    rows = []
    for fault in FAULTS:
        if fault.concerns_laws:
            broken = laws_broken_by(fault)
            rows.append([fault.name, *("×" if number in broken else "·" for number in LAWS)])
    return table(["fault", *map(str, LAWS)], rows)


def main() -> None:
    """Run everything, write the tables, print the summary."""
    warnings.simplefilter("ignore")
    attention = [fault for fault in FAULTS if fault.rule == "attention"]
    others = [fault for fault in FAULTS if fault.rule in {rule.name for rule in RULES} - {"attention"}]
    by_fault = {}
    for fault in attention:
        by_fault[fault.name] = alarms_on(fault)
        print(fault.name, *map(str, by_fault[fault.name].values()), sep="  ", flush=True)
    lines_of_summary = summary(by_fault, false_alarms())
    print(*lines_of_summary, sep="\n")
    lines = [
        "# Which checker detects which fault",
        "",
        f"Made by `python -m benchmarks.faults`, on {machine()}.",
        "",
        *textwrap.wrap(
            ABOUT.format(
                len(attention),
                *(len(cases(dtype)) for dtype in DTYPES),
                MAX_PROBLEMS,
                PROGRAMS,
                len(PROBLEMS),
                len(SIZES),
            ),
            110,
        ),
        "",
        *lines_of_summary,
        "",
        "## Faults by checkers",
        "",
        *by_checker(by_fault),
        "",
        "## Faults of other rules",
        "",
        "Faults of Adam have no backward: their trajectories are compared with the correct ones.",
        "",
        *table(["fault", *GRADIENTS, "complex step", "numbers"], [other_rule_row(fault) for fault in others]),
        "",
        "## Faults by laws",
        "",
        "×: the law is broken in at least one small problem; `numpy-attention laws N` prints law N.",
        "",
        *by_law(),
    ]
    write_text(sys.argv[1] if len(sys.argv) > 1 else "benchmarks/faults.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
