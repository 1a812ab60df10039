"""What one may read off the attention of a trained run, each map beside its counter-tests.

Read `passes` first (one example through a model, with interventions: `nn/interventions`), `readings` (which
example, which answer, of each kind of model), then what is computed: `measures` of a map, `integrated`
gradients, `other_map` with the same output, `counter_tests`. `looked` gathers all of it; `verdicts` says what
does not explain; `lines`, `pictures` and `numbers` show it. The command is `numpy-attention look`.
"""
