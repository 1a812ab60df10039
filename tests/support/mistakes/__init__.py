"""Conditional mistakes: a right kernel, wrong by a factor in one tensor where a condition holds.

`listed` draws conditions from the referee's own table; `unlisted` and `kernels` hold conditions that the
table does not list, on the `facts` of a call within the `domain`; `measure` finds the mistakes that no case
of a profile catches, and `table` counts them.
"""
