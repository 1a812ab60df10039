"""Score functions other than attention's own, as pairs; `attend` takes their scores.

Read products (dot, general), then cosine, concat, additive (a hidden layer, in tiles), location (no query).
Imports base/, the activations of layers/, and the check of `scale` in attention/arguments.
"""
