"""Conditional mistakes that smoke and full let through: python -m benchmarks.mistakes [smoke] [full]

Prints a table for each profile, and the mistakes that escape, by name. Three minutes; smoke alone takes ten
seconds. Runs in a checkout, for the mistakes are part of the tests.
"""

import sys

from tests.support.mistakes.table import HEAD, measured


def main(*profiles: str) -> None:
    """Measure the profiles and print their tables."""
    for profile in profiles or ("smoke", "full"):
        rows, cases = measured(profile)
        print(f"{profile}: {cases} cases", "", HEAD, *rows, "", sep="\n")
        for row in rows[:-2]:
            print(*(f"{row.kind}: {name}" for name in row.escaped), sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
