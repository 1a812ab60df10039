"""The mean weight of each token, class by class, as a table in text."""

from collections.abc import Sequence

from ..functional.base.admission import Array
from ..functional.base.wording import cut

MAX_TOKENS, MAX_CLASSES = 20, 6
"""Rows and columns of the table at most."""


def token_weights(names: Sequence[str], weights: Array, y: Array, classes: Sequence[str]) -> list[str]:
    """Mean weight of each token over heads and examples: all of them, and class by class.

    Parameters
    ----------
    names
        Names of the tokens.
    weights, y
        (N, H, T) and (N,).
    classes
        Names of the classes.

    Examples
    --------
    >>> import numpy as np
    >>> weights = np.array([[[0.5, 0.5]], [[0.9, 0.1]]])
    >>> print(*token_weights(["before", "after"], weights, np.array([0.0, 1.0]), ["well", "ill"]), sep="\\n")
    Mean weight        all    well     ill
    before           0.700   0.500   0.900
    after            0.300   0.500   0.100
    """
    by_token = weights.mean(axis=1)  # (N, T)
    columns = [("all", by_token.mean(axis=0))]
    for place, name in enumerate(classes[:MAX_CLASSES]):
        if (y == place).any():
            columns.append((cut(name), by_token[y == place].mean(axis=0)))
    widths = [max(len(name), 6) for name, _ in columns]
    head = "".join(f"  {name:>{width}}" for (name, _), width in zip(columns, widths, strict=True))
    lines = [f"{'Mean weight':<14}{head}{'  …' * (len(classes) > MAX_CLASSES)}"]
    for token, name in enumerate(names[:MAX_TOKENS]):
        cells = (f"  {column[token]:>{width}.3f}" for (_, column), width in zip(columns, widths, strict=True))
        lines.append(f"{name:<14}{''.join(cells)}")
    if len(names) > MAX_TOKENS:
        lines.append(f"… and {len(names) - MAX_TOKENS} tokens more")
    return lines
