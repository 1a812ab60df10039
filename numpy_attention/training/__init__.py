"""Training: the loop, settings, runs and their files, grids. Knows no task and no kind of data.

What is trained is an `Objective` (objective.py), a model with its loss; a `Task` (task.py) gives objectives,
data and what is printed; its instances live in `tasks/` and are passed in. Read in this order: objective,
settings, streams, loop, task, run, run_folder; then what training changes: lesion, recovery, records,
watching, agreement; then what is printed: report, grid, progress. `optimizers`, `vectors` and `interrupt` are
parts of the loop.

May import `functional`, `optim`, `nn` and `files`, never `tasks`, `study` or `cli`.
"""
