"""The figures of README and docs/, as SVG for light and for dark pages: python -m benchmarks.figures [FOLDER]

Drawn from the package's own numbers with the shapes and colours of its page. `steps` draws attention step by
step, right and broken, `gradients` what softmax and 1/√D do to a gradient, `training` the default run epoch
by epoch; `canvas` has what they share.
"""
