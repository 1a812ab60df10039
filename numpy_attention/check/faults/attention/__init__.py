"""Known mistakes in attention, a file for each step or subject.

In the order of the seven steps: `scale` and `products` (1 and 7), `softcap` (2), `bias` (3), `masks` (4),
`softmax`, its online form `blocks`, and `sinks` (5), `dropout` (6); `heads` are mistakes with grouped heads,
`memory` those with arrays. A file holds one family; each function is one fault, stated in its docstring.
They import `functional` and, of `faults`, `conditions` and `fault`.
"""
