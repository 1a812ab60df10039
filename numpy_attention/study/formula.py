"""The concat score's own formula, pair by pair, from the numbers of a walk.

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
"""What steps 2 to 4 have left of the scores."""


class Formula(NamedTuple):
    """The formula, what its activation is, and its parts, each (L, S), by their headings.

    `weights` are those of step 5, which takes the largest score of a row off before it takes exp.
    """

    text: str
    activation: str
    parts: dict[str, Array]
    weights: Array

    @property
    def difference(self) -> float:
        """By how much the formula's last part and the weights differ at most."""
        return float(np.abs([*self.parts.values()][-1] - self.weights).max(initial=0))

    @property
    def overflows(self) -> bool:
        """Whether exp leaves the range of numbers, taken as the formula is written."""
        return not all(np.isfinite(part).all() for name, part in self.parts.items() if name != MASKED)

    @property
    def ok(self) -> bool:
        """Whether that is rounding."""
        return self.overflows or self.difference <= ALLOWED


@quiet
def formula(walk: Walk) -> Formula | None:
    """The formula of a concat walk with its numbers; None for the other scores.

    Examples
    --------
    >>> from numpy_attention.study.example import example
    >>> from numpy_attention.study.walk import walk
    >>> told = formula(walk(example(score="concat", activation="sigmoid")))
    >>> print(told.text)
    weight_ij = exp(σ(w·[h_i; h_j])) / Σ_k exp(σ(w·[h_i; h_k]))
    >>> list(told.parts)
    ['w·[h_i; 0]', 'w·[0; h_j]', 'w·[h_i; h_j]', 'σ(…)', 'exp(…)', 'Σ_k exp', 'exp / Σ']
    >>> told.ok
    True
    """
    inner = walk.down[0].between
    if walk.example.score != "concat" or not {"for_query", "for_key", "inner"} <= inner.keys():
        return None
    name = walk.example.settings["activation"]
    act = SIGNS.get(name, name)
    query, key = ("h", "h") if walk.example.shared else ("q", "k")
    scored = f"w·[{query}_i; {key}_{{}}]"
    text = f"exp({act}({scored}))" if act else f"exp({scored})"
    scores, lse = walk.saved.scores, walk.saved.lse[:, None]
    masked = next(next(iter(stage.arrays.values())) for stage in walk.down[3::-1] if not stage.skipped)
    parts = {
        f"w·[{query}_i; 0]": inner["for_query"],
        f"w·[0; {key}_j]": inner["for_key"].T,
        f"w·[{query}_i; {key}_j]": inner["inner"],
        f"{act}(…)": scores,
        MASKED: masked,
        "exp(…)": np.exp(masked),
        "Σ_k exp": np.exp(lse),
        "exp / Σ": np.exp(masked) / np.exp(lse),
    }
    if np.array_equal(masked, scores):
        del parts[MASKED]
    parts = {told: np.broadcast_to(x, masked.shape) for told, x in parts.items() if told != "(…)"}
    told = equation(ACTIVATIONS[name].forward)
    return Formula(
        f"weight_ij = {text.format('j')} / Σ_k {text.format('k')}", told, parts, walk.saved.weights
    )
