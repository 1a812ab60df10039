"""Losses as pairs: cross-entropy in `losses.py`, binary cross-entropy in `binary.py`, `squared_error.py`,
`absolute_error.py`.

Read `losses.py` first: it has the reductions that all losses share. May import `base` and `layers`.
"""
