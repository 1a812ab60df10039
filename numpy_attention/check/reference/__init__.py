"""Reference results for attention: exact ones, and how far correct float programs may be from them.

Read `inputs` (the one type for a call), `oracle` (attention to fifty digits), then `error_bounds`
(a bound for every number, at any precision), then `evaluation` (errors in ulps and relative to the bounds).
Imports `rounding` and `functional`.
"""
