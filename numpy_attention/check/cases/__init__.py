"""The calls on which a candidate is judged, and the judgement of one tensor.

Read `specification` (the description of a case), `cases` (its call), `drawing` (its numbers),
`compare` (one tensor against the reference, within an error bound) and `sensitivity` (each feature of a case
changes the results by far more than that bound). Then `conditions` (what kernels branch on), `drafts` (random
specifications that meet conditions, within a candidate's `capabilities`), `covering` (few cases that meet
every pair of conditions) and `profiles` (the cases of a run). Imports `functional`, `rounding`, `reference`
and `pairs`.
"""
