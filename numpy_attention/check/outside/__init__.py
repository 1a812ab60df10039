"""Judges what is not attention: somebody else's softmax, norm, activation, score, loss or optimizer.

Read `judging` (`check_rule`). The truth is this package's pair in float64; `expected` adds the bounds of the
textbook `formulas`, computed on arrays that carry their error, `running`. `cases` has shapes and values,
`names` matches parameters, `calling` and `optimizers` call the candidate, `explaining` names the mistake,
`outcome` concludes. `steps`, `step_cases` and `step_formulas` add the steps of attention. It imports all of
`check`.
"""
