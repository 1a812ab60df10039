"""Calls an attention from outside the project and reads its results as NumPy arrays.

Read `loading` (a candidate by its address), `conventions` (parameter names, layout, mask meaning),
`frameworks` (arrays of NumPy, PyTorch and JAX), `candidate` (one call) with `axes` (its layout) and
`returned` (the forms of its results), `sandbox` and `process_state` (timeout, errors, output, what it
changes), `refusals` (declined or wrong) and `capabilities` (supported options and shapes, by trial calls). It
imports `check.cases`, `check.reference`, `check.rounding` and `functional`; torch, jax and ml_dtypes only
where they are in use.
"""
