"""What catches which fault: python -m benchmarks.faults [FILE]

Every planted fault is handed to the referee and to what others check with, all run for real: torch's
gradcheck, slow and fast, jax's check_grads, and three tolerances. Then the same is done to right code. Writes
both matrices, faults by checkers and faults by laws, to FILE (benchmarks/faults.md), and prints a summary.
Needs torch and jax; some minutes on one core.
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
from benchmarks.numbers import TENSORS, TOLERANCES, cases, compared, numbers_of, shows
from benchmarks.right import programs
from numpy_attention.check.cases.cases import Case
from numpy_attention.check.cases.compare import FAIL
from numpy_attention.check.faults import FAULTS, Fault
from numpy_attention.check.faults.detection import detect, laws_broken_by
from numpy_attention.check.faults.small_problems import PROBLEMS, SmallProblem
from numpy_attention.check.laws.laws import LAWS
from numpy_attention.check.pairs.calls import call_of
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.check.referee.control import fault_options
from numpy_attention.check.referee.referee import check_candidate
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

RIGHT = Pair(attention_forward, attention_backward)
TRIED = 4
"""So many problems, at most, are differentiated for each fault."""

PROGRAMS = 48
"""So many right programs are judged in each dtype."""


ABOUT = """\
{} faults of attention. The referee and the tolerances get the same numbers, those of {} cases in each
dtype: the smoke profile, and again with cotangents as small as those of a mean loss. A fault is computed
in float64 and rounded once. What differentiates by itself gets up to {} problems in float64, its own
settings, and output and gradients as autograd sees them: it compares a fault with the fault's own
forward, to which a wrong scale, a mask off by one, heads in another order are right. What a fault does
to memory is judged over a whole run of the referee. A cell says in how many of the problems where the
fault shows there was an alarm; – is none, for want of sizes that coincide, rows that see nothing, a
scale with a gradient, or a cotangent of lse. Right code: {} programs in each dtype, tile by tile in any
order, on the same cases; and this package's attention in float64 on {} problems with queries of {}
sizes.
"""


class Count(NamedTuple):
    """How often a checker raised an alarm, and of how many times."""

    alarms: int = 0
    runs: int = 0

    def __add__(self, other: Any) -> "Count":
        return Count(self.alarms + other.alarms, self.runs + other.runs)

    def __str__(self) -> str:
        return f"{self.alarms} of {self.runs}" if self.runs else "–"


# ------------------------------------------------------------------------------------------- faults


def caught(fault: Fault) -> dict[str, Count]:
    """For each checker, in how many of the problems where a fault is active it raised an alarm."""
    found = dict.fromkeys(CHECKERS, Count())
    for dtype in DTYPES:
        for place, (case, _, _) in enumerate(cases(dtype)):
            if (
                fault.family != "memory"
                and fault.active(fault_options(case))
                and shows(fault.pair, dtype, place)
            ):
                for name, alarm in compared(dtype, place, numbers_of(case, fault.pair)):
                    found[name] += Count(alarm, 1)
        if fault.family == "memory":
            report = check_candidate(tuple(fault.pair), dtype=dtype, faults=())
            found[f"the referee, {dtype}"] += Count(report.outcome == FAIL, 1)
    for problem in [each for each in PROBLEMS if fault.active(each.call)][:TRIED]:
        for name, check in GRADIENTS.items():
            passed = check(_seen_by_users(fault.pair, problem), problem.arrays, problem.options)
            found[name] += Count(not passed, 1)
    return found


def elsewhere(fault: Fault) -> list[str]:
    """What sees a fault of another rule: a row of its table."""
    rule = next(rule for rule in RULES if rule.name == fault.rule)
    tried = []
    for example in rule.examples:
        arguments = call_of(*fault.pair, example.args, example.kwargs).arguments
        if fault.active(arguments):
            tried.append(example)
    row = []
    for check in GRADIENTS.values():
        passed = [check(fault.pair, each.args, each.kwargs) for each in tried[:TRIED]]
        row.append(str(Count(passed.count(False), len(passed))))
    seen = detect(fault)
    return [fault.name, *row, "yes" if seen.derivative else "no", "yes" if seen.numbers else "no"]


def _seen_by_users(pair: Pair, problem: SmallProblem) -> Pair:
    """Attention that returns the output, and lse beside it where that has a cotangent."""
    if "d_lse" not in problem.cotangents:
        return pair

    def forward(*arrays: Array, **options: Any) -> tuple[tuple[Any, Array], Any]:
        out, saved = pair.forward(*arrays, **options)
        return (out, np.asarray(saved.lse)), saved

    return Pair(
        lambda query, key, value, **options: forward(query, key, value, **options),
        lambda d, saved: pair.backward(d[0], saved, d_lse=d[1]),
    )


# --------------------------------------------------------------------------------------- right code

SIZES = {"normal": 1.0, "peaked": 6.0, "huge": 1e3, "tiny": 1e-6}
"""What the query is multiplied by."""


def false_alarms() -> dict[str, Count]:
    """For each checker, how often it raises an alarm over right code."""
    found = dict.fromkeys(CHECKERS, Count())
    for dtype in DTYPES:
        right = [each for each in programs(4 * PROGRAMS) if each.kept == dtype][:PROGRAMS]
        for place, (case, _, _) in enumerate(cases(dtype)):
            for program in right:
                for name, alarm in compared(dtype, place, ran(program, case)):
                    found[name] += Count(alarm, 1)
    for problem in PROBLEMS:
        for size in SIZES.values():
            arrays = (size * problem.query, problem.key, problem.value)
            for name, check in GRADIENTS.items():
                passed = check(_seen_by_users(RIGHT, problem), arrays, problem.options)
                found[name] += Count(not passed, 1)
    return found


def ran(program: Any, case: Case) -> dict[str, Array]:
    """What a right program gives."""
    narrow = {name: x.astype(np.float32) for name, x in case.arrays.items() if isinstance(x, np.ndarray)}
    arrays = {name: narrow.pop(name) for name in ("query", "key", "value")}
    options = case.options | {name: x for name, x in narrow.items() if name != "mask"}
    options.pop("q_offset", None)
    found = program(*arrays.values(), **options)
    return {name: np.asarray(found[name], dtype=float) for name in TENSORS if name in found}


# -------------------------------------------------------------------------------------------- tables


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """A table in Markdown, its columns aligned."""
    widths = [max(len(row[n]) for row in (head, *rows)) for n in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return [
        "| " + " | ".join(x.ljust(width) for x, width in zip(row, widths, strict=True)) + " |"
        for row in lines
    ]


def summary(found: dict[str, dict[str, Count]], alarms: dict[str, Count]) -> list[str]:
    """One row for each checker."""
    rows = []
    for name in CHECKERS:
        counts = [counts[name] for counts in found.values() if counts[name].runs]
        faults = Count(sum(count.alarms > 0 for count in counts), len(counts))
        rows.append([name, str(faults), str(sum(counts, Count())), str(alarms[name])])
    return table(["", "faults caught", "fault and case together", "false alarms on right code"], rows)


def by_checker(found: dict[str, dict[str, Count]]) -> list[str]:
    """Faults by checkers."""
    rows = [[name, *(str(counts[checker]) for checker in CHECKERS)] for name, counts in found.items()]
    return table(["fault", *CHECKERS], rows)


def by_law() -> list[str]:
    """Faults by laws."""
    rows = []
    for fault in FAULTS:
        if fault.concerns_laws:
            broken = laws_broken_by(fault)
            rows.append([fault.name, *("×" if number in broken else "·" for number in LAWS)])
    return table(["fault", *map(str, LAWS)], rows)


def main() -> None:
    """Run all, write the tables, print the summary."""
    warnings.simplefilter("ignore")
    attention = [fault for fault in FAULTS if fault.rule == "attention"]
    others = [fault for fault in FAULTS if fault.rule in {rule.name for rule in RULES} - {"attention"}]
    found = {}
    for fault in attention:
        found[fault.name] = caught(fault)
        print(fault.name, *map(str, found[fault.name].values()), sep="  ", flush=True)
    told = summary(found, false_alarms())
    print(*told, sep="\n")
    lines = [
        "# What catches which fault",
        "",
        f"Made by `python -m benchmarks.faults`, on {machine()}.",
        "",
        *textwrap.wrap(
            ABOUT.format(len(attention), len(cases(DTYPES[0])), TRIED, PROGRAMS, len(PROBLEMS), len(SIZES)),
            110,
        ),
        "",
        *told,
        "",
        "## Faults by checkers",
        "",
        *by_checker(found),
        "",
        "## Faults of other rules",
        "",
        "Faults of Adam have no backward: their trajectories are compared with the right ones.",
        "",
        *table(["fault", *GRADIENTS, "complex step", "numbers"], [elsewhere(fault) for fault in others]),
        "",
        "## Faults by laws",
        "",
        "× where the law is broken, over all small problems together; `numpy-attention laws N` says what it "
        "states.",
        "",
        *by_law(),
    ]
    write_text(sys.argv[1] if len(sys.argv) > 1 else "benchmarks/faults.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
