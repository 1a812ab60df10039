"""Training: the loop, settings, runs and their files, grids, reports. Knows no task.

A `Task` (task.py) declares data, model, settings and report; its instances live in `tasks/` and are passed
in. Read in this order: data, cleaning, settings, models, evaluation, task; loop, comparison, run,
run_folder; then what is printed or drawn: records, report, grid, pictures, progress. `mixing`, `optimizers`,
`vectors` and `interrupt` are parts of the loop.

May import `functional`, `optim`, `nn` and `files`, never `tasks`, `study` or `cli`.
"""
