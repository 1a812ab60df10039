"""The contract of a forward/backward pair, and the list of all pairs that keep it.

`differentiation` compares a backward with its forward's derivative by the complex step; `invariants` has the
rest of the contract (purity, linearity, dtypes, layouts); both read `calls` and report with `report`. `rules`
lists every pair with its `examples` (`merging` adapts one of them). Imports `functional` only.
"""
