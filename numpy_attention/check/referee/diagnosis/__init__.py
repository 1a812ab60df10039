"""Name the mistake behind wrong numbers: hypotheses are tried on the candidate's own results.

Read `evidence` (one judged case: does a hypothesis give these numbers, within the error bounds?), then the
hypotheses: `wrong_calls` (planted faults, and right attention called under another convention), `changes`
(one tensor times a constant, negated, transposed, permuted), `places` (where in a tensor the wrong numbers
are) and `separating` (the condition that failing cases meet and passing ones do not). `diagnose` tries them,
the simplest first, and says what fits. Imports `cases`, `candidate`, `reference` and `judging`.
"""
