"""Exercises: attention there and back, written by the learner, graded with a hint that names the mistake.

`exercise` is the type, and `catalogue` the list of `there`, `back`, `layers`, `losses`, `heads` and
`around`. A `program` is a textbook solution, an operation a line; its `variations` are the mistakes that a
submission is compared with (`changes` of an operation, what is `unasked`), besides those of `check` in
`planted`. `submission` runs a learner's file in a child process, `grading` judges its numbers, `hints` says
what is wrong in three layers. `stub` writes the file to start from, `folder` grades a folder of them, and
`look` has the two exercises without code.

May import `functional`, `optim`, `check`, `files` and `study`; the command is `numpy-attention exercise`.
"""
