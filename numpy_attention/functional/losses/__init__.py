"""Losses as pairs: cross-entropy and squared error in `losses.py`, binary cross-entropy in `binary.py`.

Read `losses.py` first: it has the reductions that all losses share. May import `base` and `layers`.
"""
