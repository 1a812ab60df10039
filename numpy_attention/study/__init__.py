"""A small attention problem explained as a page of text: equations, code, every number and gradient.

Reading order: `example` is the problem (`projection` makes query, key and value of tokens); `trace` runs it
and records each step through `line_trace` (`score_step` turns any score into step 1); `walk` adds each step's
lines (`plain_lines`, `source`), gradients (`derivatives`) and laws (`step_laws`, `law_results`).
`fault_walk` is a walk with a planted fault, on one of `fault_examples`; `page` prints all (`page_texts`,
`number_format`, `concat_formula`), `web` as HTML, with the numbers of `walk_data`. `tokens` reads a user's
own numbers from a JSON file. The command is `numpy-attention explain`. `look` is a
folder of its own: the attention of a trained run. `web` and `look` alone import `training` and `tasks`.
"""
