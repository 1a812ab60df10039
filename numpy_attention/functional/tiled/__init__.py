"""Attention tile by tile, in memory that grows with the sequence lengths, not with their product.

`blockwise.py` runs the seven steps on one tile after another; `online_softmax.py` is its step 5;
`tiling.py` admits the arguments and cuts them into tiles. Read in this order. May import `base`, `masks` and
`attention`; `fast/` builds on this folder and falls back to it.
"""
