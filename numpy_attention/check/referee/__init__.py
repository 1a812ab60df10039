"""Judges an attention: every number against the exact reference, under a derived error bound.

Read `referee` first, the whole course of `check_candidate`; then `judging` (one case), `control` (planted
faults that must be caught), `large_shapes` (sampled rows where the whole reference is too large),
`precision_guess` (apparent arithmetic), `coverage` (what ran), `conclusion` (verdict and reason),
`failing_case` (the simplest one), `findings`, `report_text` and `report`. `external` judges arrays computed
elsewhere. It may import every other folder of `check`; nothing in `check` imports it.
"""
