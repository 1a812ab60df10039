"""Helpers of every formula, from validation to threads.

Read admission (which arguments are accepted), then arrays (pairs, dtypes, shapes, masked products); the
others when a formula calls them: stable (overflow and cancellation), grouped_heads, row_blocks (cache),
workers (threads), blas (threads of products). Imports NumPy and the standard library only; blas alone imports
threadpoolctl, if installed.
"""
