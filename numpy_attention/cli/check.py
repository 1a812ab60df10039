"""numpy-attention check FILE.py:NAME: judge an attention, forward and gradients, in a process of its own."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from ..check.candidate.conventions import CORNERS, LAYOUTS, MASKS
from ..check.candidate.frameworks import FRAMEWORKS
from ..check.candidate.installed import INSTALLED
from ..check.cases.profiles import PROFILES
from ..check.cases.specification import EXTRAS, OPTIONS
from ..check.outside import judging
from ..check.referee.supervised import CheckFailed, check_in_child
from ..check.rounding.formats import ARITHMETICS, FORMATS
from ..files import refuse_overwriting, write_text
from ..functional.base.wording import brief
from .numbers import positive_number, whole_number
from .outputs import writable_file

EPILOG = """
The candidate is a function of (query, key, value, **options) that returns the output and is differentiated by
its framework; or one that also takes d_out and returns (output, gradients); or NAME_forward and NAME_backward
in this project's form. It runs in a process of its own, and may crash there. Exit status: 0 PASS; 1 FAIL;
2 wrong usage; 3 NOT JUDGED, INCONCLUSIVE, or COARSER: right in a coarser arithmetic than the default; 4 WRONG
DTYPE: right numbers, not in the inputs' dtype; 130 after Ctrl-C.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Judge an attention in NumPy, PyTorch, JAX or anything with __dlpack__ or __array__: "
        "every number of the output and of every gradient, against an exact reference, under a derived error "
        "bound."
    )
    parser.epilog = EPILOG
    add = parser.add_argument
    add(
        "candidate",
        metavar="FILE.py:NAME",
        nargs="?",
        help="or MODULE:NAME, or FILE.py:FORWARD,BACKWARD, or the name of something installed: torch.sdpa, …",
    )
    add("--list", action="store_true", help="list the names of what can be checked if it is installed")
    add("--as", dest="rule", metavar="RULE", help="not as attention: softmax, layer_norm, adam, …")
    add(
        "--profile",
        choices=PROFILES,
        default="smoke",
        help="each option alone, every condition, or every pair of conditions (default: smoke)",
    )
    add("--json", metavar="FILE", help="write the whole report to FILE")
    add("--seed", type=whole_number(), default=0, metavar="N", help="seed of all random numbers (default: 0)")
    add(
        "--repeat",
        type=whole_number(least=1),
        default=2,
        metavar="N",
        help="run each case N times (default: 2)",
    )
    add(
        "--timeout",
        type=positive_number,
        default=60.0,
        metavar="SECONDS",
        help="limit for one call (default: 60)",
    )
    add("--progress", action="store_true", help="a line every few seconds on stderr, terminal or not")
    add(
        "--memory",
        type=positive_number,
        metavar="GIB",
        help="limit of its memory, on Linux (default: 3/4 of what is free; none with a GPU)",
    )
    add("--budget", type=positive_number, metavar="SECONDS", help="draw no further case after this time")
    add("--forward-only", action="store_true", help="judge the output alone")
    _add_conventions(parser.add_argument_group("calling convention").add_argument)
    _add_limits(parser.add_argument_group("inputs").add_argument)


def _add_conventions(add: Callable[..., Any]) -> None:
    add(
        "--supports",
        type=_words,
        metavar="OPTION,…",
        help=f"options it supports, of {', '.join((*OPTIONS, *EXTRAS))} (default: read from the signature)",
    )
    add(
        "--map",
        type=_pairs,
        metavar="NAME=OPTION,…",
        help="its parameter names: sm_scale=scale,…",
    )
    add(
        "--layout",
        choices=LAYOUTS,
        default="BHLD",
        help="axes of query, key, value, out; C = H D, N = B H (default: BHLD)",
    )
    add("--mask", choices=MASKS, help="meaning of its mask; visible: True = may attend; padding: (B, S)")
    add(
        "--causal",
        choices=CORNERS,
        help="alignment of its diagonal if lengths differ",
    )
    add(
        "--always",
        metavar="causal|window(L,R)",
        help="it is always causal, or has this window; no option says so",
    )
    add("--square", action="store_true", help="it takes L = S alone")
    add("--no-groups", dest="groups", action="store_false", help="it takes no grouped heads")
    add(
        "--framework",
        choices=FRAMEWORKS,
        help="framework of its arrays; emulated: float32 for dtypes that NumPy lacks (default: detected)",
    )
    add("--device", help="device of torch's tensors: cuda, cuda:1, mps, …")


def _add_limits(add: Callable[..., Any]) -> None:
    dtypes, arithmetics = tuple(FORMATS), tuple(ARITHMETICS)
    add("--dtype", choices=dtypes, default="float32", help="dtype of inputs and results (default: float32)")
    add(
        "--arithmetic",
        choices=arithmetics,
        help="precision of its computation (default: float64 or float32)",
    )
    add("--head-dims", type=_numbers, default=(), metavar="N,…", help="supported head widths (default: any)")
    add(
        "--length-multiple",
        type=whole_number(least=1),
        default=1,
        metavar="N",
        help="all lengths are multiples of N",
    )
    add(
        "--empty-rows",
        choices=("zero", "skip"),
        default="zero",
        help="fully masked rows must give 0, or are left out (default: zero)",
    )
    add(
        "--shape",
        type=_numbers,
        metavar="B,H,G,L,S,D[,E]",
        help="judge this size alone: sampled rows exactly, the whole by the laws",
    )


def run(args: argparse.Namespace) -> int:
    """Judge the candidate, print the report and write it; return the status of its outcome."""
    if args.list:
        print(*_installed(), sep="\n")
        return 0
    if args.candidate is None:
        raise ValueError("no candidate: FILE.py:NAME is expected, MODULE:NAME, or a name that --list prints")
    file = None if args.json is None else writable_file(args.json)
    if file is not None:
        refuse_overwriting([args.json], [candidate_file(args.candidate)])
    try:
        wanted = args.progress or (sys.stderr is not None and sys.stderr.isatty())
        progress = _tell if wanted else None
        if args.rule is None:
            report = check_in_child(args.candidate, _arguments(args) | {"progress": progress})
        else:
            judge = f"{judging.__name__}:check_rule"
            report = check_in_child(args.candidate, _rule_arguments(args), judge=judge)
    except TypeError as error:
        raise ValueError(str(error)) from error
    except CheckFailed as error:
        print(error, file=sys.stderr)
        return 3
    if file is not None:
        write_text(file, report.to_json() + "\n")
    print(report)
    return report.status


def candidate_file(address: str) -> str:
    """FILE.py of FILE.py:NAME; of MODULE:NAME the file that the current folder would have it in."""
    place = address.rpartition(":")[0]
    return place if place.endswith(".py") else place.replace(".", os.sep) + ".py"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _installed() -> list[str]:
    """A line for each name: the versions of its packages, or what is not installed."""
    width = max(len(row.name) for row in INSTALLED)
    return [f"{row.name:<{width}}  {row.versions}" for row in INSTALLED]


def _arguments(args: argparse.Namespace) -> dict[str, Any]:
    arguments = {
        name: getattr(args, name)
        for name in ("profile", "budget", "dtype", "arithmetic", "supports", "layout", "mask", "causal",
                     "always", "square", "groups", "forward_only", "framework", "device", "head_dims",
                     "shape", "length_multiple", "repeat", "timeout", "seed")
    }  # fmt: skip
    return arguments | {
        "names": args.map,
        "empty_rows": args.empty_rows == "zero",
        "memory": _memory(args),
        "name": args.candidate,
    }


def _memory(args: argparse.Namespace) -> int | None:
    return None if args.memory is None else int(args.memory * 2**30)


def _rule_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """The options that --as shares; one that is attention's alone is refused."""
    own = ("shape", "supports", "mask", "causal", "head_dims", "forward_only", "always", "square")
    if refused := [name for name in own if getattr(args, name)]:
        raise ValueError(
            f"--{refused[0].replace('_', '-')} is an option of attention, not of --as {args.rule}"
        )
    names = ("dtype", "arithmetic", "framework", "device", "timeout", "seed")
    shared = {name: getattr(args, name) for name in names}
    return shared | {"names": args.map, "rule": args.rule, "name": args.candidate, "memory": _memory(args)}


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _pairs(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in _words(text)]
    if wrong := [name for name, _, option in pairs if not name or not option]:
        raise argparse.ArgumentTypeError(f"{brief(wrong[0])} is not NAME=OPTION")
    return {name.strip(): option.strip() for name, _, option in pairs}


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in _words(text))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"{brief(text)} is not a list of positive whole numbers")
    return numbers
