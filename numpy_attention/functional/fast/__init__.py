"""Fast attention: the tiles of `tiled/`, sized for the cache and computed by several threads.

`fast.py` admits the arguments, runs the forward and backward, and falls back to blockwise attention. Read on
in `plan.py` (partition of the work), `forward.py` and `backward.py` (one block of rows), `kernels.py`
(operations on a tile), `visibility.py` (masks), `stack.py` (argument layout), `nonfinite.py` (NaN and
infinity) and `blas.py` (threads). May import `base`, `masks`, `attention` and `tiled`; `blas.py` alone
imports threadpoolctl.
"""
