"""Comparisons with other libraries: PyTorch, JAX, autograd, MyGrad, onnx and entmax.

A library that is not installed skips its tests, or fails them with NUMPY_ATTENTION_PEERS=required. Formulas
in the other libraries' operations, and the tolerances, are in `tests/support/peers`.
"""
