"""The concat score's formula evaluated pair by pair, from the numbers of a walk.

weight_ij = exp(act(w · [h_i; h_j])) / Σ_k exp(act(w · [h_i; h_k]))
"""

from typing import NamedTuple

import numpy as np

from ..check.pairs.differentiation import ALLOWED
from ..functional.base.admission import Array, quiet
from ..functional.scores.concat import ACTIVATIONS
from .source import equation
from .walk import Walk

SIGNS = {"sigmoid": "σ", "identity": ""}

MASKED = "masked"
"""Heading of the scores after steps 2 to 4."""


class ConcatFormula(NamedTuple):
    """The formula, the equation of its activation, and its parts by heading, each (L, S).

    `weights` are those of step 5, which subtracts the largest score of a row before exp.
    """

    text: str
    activation: str
    parts: dict[str, Array]
    weights: Array

    @property
    def difference(self) -> float:
        """The largest difference between the formula's last part and the weights."""
        return float(np.abs([*self.parts.values()][-1] - self.weights).max(initial=0))

    @property
    def overflows(self) -> bool:
        """True if exp overflows in the formula as written."""
        return not all(np.isfinite(part).all() for name, part in self.parts.items() if name != MASKED)

    @property
    def ok(self) -> bool:
        """True if the difference is within rounding, or the formula overflows."""
        return self.overflows or self.difference <= ALLOWED


@quiet
def concat_formula(walk: Walk) -> ConcatFormula | None:
    """The formula of a concat walk with its numbers; None for the other scores, and for several heads.

    Examples
    --------
    >>> from numpy_attention.study.example import build_example
    >>> from numpy_attention.study.walk import walk
    >>> shown = concat_formula(walk(build_example(score="concat", activation="sigmoid")))
    >>> print(shown.text)
    weight_ij = exp(σ(w·[h_i; h_j])) / Σ_k exp(σ(w·[h_i; h_k]))
    >>> list(shown.parts)
    ['w·[h_i; 0]', 'w·[0; h_j]', 'w·[h_i; h_j]', 'σ(…)', 'exp(…)', 'Σ_k exp', 'exp / Σ']
    >>> shown.ok
    True
    """
    steps = [stage for stage in walk.down if stage.number]
    inner = steps[0].intermediates
    if walk.example.score != "concat" or not {"projected_query", "projected_key", "inner"} <= inner.keys():
        return None
    if walk.saved.weights.ndim > 2:
        return None
    name = walk.example.settings["activation"]
    act = SIGNS.get(name, name)
    query, key = ("h", "h") if walk.example.shared else ("q", "k")
    scored = f"w·[{query}_i; {key}_{{}}]"
    text = f"exp({act}({scored}))" if act else f"exp({scored})"
    scores, lse = walk.saved.scores, walk.saved.lse[:, None]
    masked = next(next(iter(stage.results.values())) for stage in steps[3::-1] if not stage.skipped)
    parts = {
        f"w·[{query}_i; 0]": inner["projected_query"],
        f"w·[0; {key}_j]": inner["projected_key"].T,
        f"w·[{query}_i; {key}_j]": inner["inner"],
        f"{act}(…)": scores,
        MASKED: masked,
        "exp(…)": np.exp(masked),
        "Σ_k exp": np.exp(lse),
        "exp / Σ": np.exp(masked) / np.exp(lse),
    }
    if np.array_equal(masked, scores):
        del parts[MASKED]
    parts = {heading: np.broadcast_to(x, masked.shape) for heading, x in parts.items() if heading != "(…)"}
    activation = equation(ACTIVATIONS[name].forward)
    return ConcatFormula(
        f"weight_ij = {text.format('j')} / Σ_k {text.format('k')}", activation, parts, walk.saved.weights
    )
