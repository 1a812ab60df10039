"""The rules of functions: without those of layers, which take all of `nn` to import."""

import subprocess
import sys

from numpy_attention.check.pairs.function_rules import FUNCTIONS
from numpy_attention.check.pairs.rules import RULES


def test_the_rules_of_functions_come_first_in_the_list() -> None:
    assert RULES[: len(FUNCTIONS)] == FUNCTIONS


def test_who_grades_a_function_does_not_import_layers() -> None:
    words = "import sys, numpy_attention.study.exercises.grading; print('numpy_attention.nn' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", words], text=True) == "False\n"
