"""Calls an attention from outside the project and reads its results as NumPy arrays.

Read `loading` (a candidate by its address), `conventions` (parameter names, layout, mask meaning),
`frameworks` (arrays of NumPy, PyTorch and JAX), `candidate` (one call), `sandbox` (timeout, errors, output)
and `capabilities` (supported options and shapes, found by trial calls). It imports `check.cases`,
`check.reference`, `check.rounding` and `functional`; torch and jax only if the process has loaded them.
"""
