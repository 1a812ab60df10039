"""numpy-attention gradcheck [NAME]: check that every backward is the derivative of its forward."""

import argparse
from collections.abc import Iterator

from ..check.pairs.report import Finding, beside
from ..check.pairs.rules import RULES, Rule
from .numbers import whole_number


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.description = (
        "Check every pair of forward and backward, or one: derivatives by the complex step, and "
        "general rules. Prints each gradient's worst error over its bound, and where. Exit status 1 if any "
        "check fails."
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one rule (default: all)")
    parser.add_argument(
        "--order", type=whole_number(1, 2), choices=(1, 2), default=1, help="2: second derivatives as well"
    )
    parser.add_argument(
        "--seed", type=whole_number(), default=0, help="seed of the cotangents and directions"
    )


def run(args: argparse.Namespace) -> int:
    """Print a line for each gradient of each rule; return 0 if all checks pass, else 1."""
    rules = [rule for rule in RULES if args.name in (None, rule.name)]
    if not rules:
        known = ", ".join(rule.name for rule in RULES)
        raise ValueError(f"there is no rule {args.name!r}; rules are {known}")
    width = max(len(rule.name) for rule in rules)
    print(f"{'rule':<{width}}  {'gradient':<14}   error/bound  where")
    wrong = checks = 0
    for rule in rules:
        rows = [*worst_of(rule, args.order, args.seed)]
        column = max(14, *(len(gradient) for gradient, *_ in rows))
        for gradient, example, worst, count in rows:
            checks += count
            wrong += not worst.ok
            verdict = "" if worst.ok else "FAIL: "
            text = f"{verdict}{worst.check}" + (f", {worst.where}" if worst.where else "")
            label = f"{rule.name:<{width}}  {gradient:<{column}} {worst.ratio:13.2e}  "
            print(beside(label, f"{example}: {text}"))
    verdict = f"{wrong} wrong" if wrong else "all right"
    print(f"{checks} checks of {len(rules)} rule{'s' if len(rules) > 1 else ''}: {verdict}")
    return 1 if wrong else 0


def worst_of(rule: Rule, order: int, seed: int) -> Iterator[tuple[str, str, Finding, int]]:
    """For each gradient of a rule: the example with its worst finding, that finding, and their number."""
    findings_of: dict[str, list[tuple[Finding, str]]] = {}
    for example in rule.examples:
        for finding in rule.check(example, order, seed).findings:
            gradient = finding.gradient if finding.gradient.startswith("d_") else "the pair"
            findings_of.setdefault(gradient, []).append((finding, example.name))
    for gradient, findings in findings_of.items():
        worst, name = max(findings, key=lambda pair: pair[0].badness)
        yield gradient, name, worst, len(findings)
