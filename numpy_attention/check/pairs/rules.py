"""The one list of all pairs: name, forward, backward, and the examples that reach their branches.

Tests, benchmarks and study walk this list. A new variant is one pair and one row, of `function_rules` or of
`layer_examples`: it is then gradient-checked at both orders and tested for the whole contract of a pair.
"""

from .function_rules import FUNCTIONS, Rule
from .layer_examples import LAYER_EXAMPLES, LAYER_PAIR

__all__ = ["FUNCTIONS", "LAYERS", "RULES", "Rule"]

LAYERS = tuple(
    Rule(name, LAYER_PAIR.forward, LAYER_PAIR.backward, examples) for name, examples in LAYER_EXAMPLES.items()
)
"""Every layer of `nn`: its parameters are arguments by their names, "out_proj.weight"."""

RULES = (*FUNCTIONS, *LAYERS)
"""Every pair, once."""
