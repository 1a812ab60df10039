"""The calls on which a candidate is judged, and the judgement of one tensor.

Read `specification` (the description of a case), `cases` (its call), `drawing` (its numbers), `profiles` (the
specifications of a run),
`compare` (one tensor against the reference, within an error bound) and `sensitivity` (each feature of a case
changes the results by far more than that bound). Imports `functional`, `rounding`, `reference` and `pairs`.
"""
