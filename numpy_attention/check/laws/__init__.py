"""Laws: identities and inequalities between the arguments, outputs and gradients of one attention call.

They need no reference and no L × S array. Start with `laws` (all laws by number, and the check) and a file of
laws: `gradient_sums` 1-10, `rows_and_keys` 11-14, `query_rows` 15-21, `second_calls` 22-29, `slope` 30. Then
`law` (the type) and `domain`. What laws read is one `Evidence`: the call's arrays (`arguments`,
`visible_counts`), bounds on them (`bounds`) and a few of its rows (`row_samples`, `measured_errors`). Imports
`rounding`, `reference`, `pairs` and `functional`.
"""
