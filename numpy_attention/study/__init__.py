"""A small attention problem explained as a page of text: equations, code, every number and gradient.

Reading order: `example` is the problem; `trace` runs attention and records each step through `line_trace`
(`score_step` turns any score into step 1); `walk` adds each step's source lines (`source`), its gradients
by complex step (`derivatives`) and the laws it must keep (`step_laws`). `fault_walk` is a walk with a planted
fault, `concat_formula` evaluates the concat formula pair by pair, and `page` prints everything, its arrays
formatted by `number_format`. `tokens` reads a user's own numbers from a JSON file.

May import `functional`, `check` and `files`; the command is `numpy-attention explain`.
"""
