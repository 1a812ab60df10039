"""Fast attention: few large calls of NumPy, on tiles sized for the cache, computed by several threads.

`fast.py` admits the arguments, and falls back to blockwise attention. `dense.py` computes small problems,
`tiles.py` all others: read on in `plan.py` (partition of the work), `forward.py` and `backward.py` (one block
of rows), `kernels.py` (operations on a tile, and which numbers they can take), `tile.py` and `visibility.py`
(views and masks), `stack.py` (argument layout), `kept.py` (exponentials kept for the backward),
`nonfinite.py` (NaN and infinity) and `part.py` (attention over a part of the keys, to be merged). May import
`base`, `masks`, `attention` and `tiled`.
"""
