"""Optimizers: SGD, Adam and AdamW as pure steps, Adam in place, learning-rate schedules, gradient clipping.

Read `adam.py` (the equation), then `updates.py` (one step on a nested dict of arrays), then what you need:
`sgd.py`, `clipping.py`, `schedules.py`, `trees.py` (flat names for files), `in_place.py` (large arrays,
threads).
It may import NumPy, the standard library and `functional`.
"""
