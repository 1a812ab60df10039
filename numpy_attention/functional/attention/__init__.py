"""Attention, forward and backward: seven steps, each with its own derivative.

Read steps (the seven pairs), then attention (which chains them down and up), arguments (validation and
broadcasting), attend (steps 2 to 7 on any scores). Options: biases, dropout, normalisers (softmax replaced).
merge joins attention over disjoint sets of keys. Imports base/, masks/ and one activation of layers/.
"""
