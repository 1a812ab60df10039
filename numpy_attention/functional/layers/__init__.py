"""Layers without a state: activations, softmax, linear map, embedding, normalization, positions.

Each is a function with its `_forward` and `_backward`. Begin with `softmax.py` and `linear.py`; `smooth.py`
and `gelu.py` build on `activations.py`; the others stand alone. May import `base`.
"""
