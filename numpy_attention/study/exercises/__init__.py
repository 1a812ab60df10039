"""Exercises: attention there and back, written by the learner, graded with a hint that names the mistake.

`exercise` is the type, `catalogue` lists them. A `program` is a textbook solution, an operation a line; its
`variations` are the mistakes that a submission is compared with (`changes` of an operation, `indices` of a
loop), besides those of `check` in `planted`. `suspicion` finds others: `expressions` of `atoms` in its place.
`submission` runs a learner's file in a child process, `grading` judges its numbers, `hints` says what is
wrong. `stub` writes the file to start from, `folder` grades a folder, `look` has the exercises without code.

May import `functional`, `optim`, `check`, `files` and `study`; the command is `numpy-attention exercise`.
"""
