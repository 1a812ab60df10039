"""The mathematics: pure functions in forward/backward pairs.

Read attention/ first: seven steps down and the same seven up. masks/ and scores/ supply its arguments,
layers/ and losses/ the rest of a transformer; base/ holds the helpers that all of them call. tiled/ and fast/
compute attention again without storing all scores, and are tested against attention/.

Imports go one way: base <- layers, losses, masks <- attention <- scores, tiled <- fast. Only NumPy and the
standard library from outside, nothing from nn, training or check.
"""
