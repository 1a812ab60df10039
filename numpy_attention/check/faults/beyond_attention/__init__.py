"""Known mistakes around attention: in the layers, the loss and the optimizer of a model.

`norms` (layer norm, RMS norm), `rotary` positions, `gelu`, `losses` (cross-entropy), `adam` (Adam, AdamW).
Each function is one fault, stated in its docstring, and replaces a rule's whole forward or backward.
They import `functional`, `optim` and, of `faults`, `conditions` and `fault`.
"""
