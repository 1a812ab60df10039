"""Grade a learner's source in this process, for tests of what the grader says, not of how it is run."""

from functools import cache

import numpy as np

from numpy_attention.check.candidate.sandbox import run_sandboxed
from numpy_attention.study.exercises.catalogue import exercise
from numpy_attention.study.exercises.exercise import draw
from numpy_attention.study.exercises.grading import grade_of
from numpy_attention.study.exercises.submission import Answer, answer_call

drawn = cache(lambda name: draw(exercise(name)))


def graded(name, source):
    """The grade of a source text as an answer to an exercise."""
    names = {"np": np}
    exec(source, names)
    asked, cases = exercise(name), drawn(name)
    function = names[asked.function]
    answers = []
    for case in [*cases, cases[0]]:
        result = run_sandboxed(
            lambda case=case: answer_call(function, asked.function, case.call.arguments, (*asked.results,)), 5
        )
        found, problems, warned = result.value or ({}, (), "")
        answers.append(Answer(found, result.failure, (*problems, *result.changed), warned=warned))
    return grade_of(asked, cases, answers, "")
