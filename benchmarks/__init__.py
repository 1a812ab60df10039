"""Benchmarks: speed, exactness and the detection of faults, beside other libraries.

Each module is a command (`python -m benchmarks.NAME`) that writes its tables to `benchmarks/NAME.md`:
`exactness`, `faults`, `false_alarms`, `overhead`, `profile`, `scale`, `tasks`, and the folder `speed`. The
rest are shared: `contenders` (attention in NumPy, PyTorch and JAX), `frameworks` and `correct_programs`
(correct candidates for the referee), `checkers` and `tolerances` (how others check gradients and numbers).
`attention_maps` draws those of a trained sentence encoder, the folder `figures` the figures of the documents.
`test_regression.py` needs pytest-benchmark.
"""
