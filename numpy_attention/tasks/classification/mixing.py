"""Mixup: two examples in one, and the loss shared between their labels.

    x    = share * x_1 + (1 - share) * x_2                share from Beta(α, α), the larger part first
    loss = share * loss(logits, y_1) + (1 - share) * loss(logits, y_2)

Predictions then change evenly between two examples, which keeps a model from memorising a small training
part. Zhang, Cisse, Dauphin and Lopez-Paz 2018, equation 1; there one share is drawn per batch, here one per
example.
"""

from typing import Any

import numpy as np

from ...functional.base.admission import Array
from ...functional.losses.binary import (
    binary_cross_entropy_with_logits_backward,
    binary_cross_entropy_with_logits_forward,
)
from ...functional.losses.losses import cross_entropy_backward, cross_entropy_forward
from .data import Examples


def mix(rng: np.random.Generator, examples: Examples, alpha: float) -> Examples:
    """Every example mixed with another one, drawn from all of them; examples without padding."""
    size = len(examples.y)
    partner, drawn = rng.permutation(size), rng.beta(alpha, alpha, size)
    share = np.maximum(drawn, 1 - drawn)
    first = share[:, None, None]
    x = first * examples.x + (1 - first) * examples.x[partner]
    return examples._replace(x=x, other=examples.y[partner], share=share)


def mixed_loss_forward(logits: Array, batch: Examples) -> tuple[float, Any]:
    """The mean loss of mixed examples with logits (N,) or (N, K), and what its backward needs."""
    assert batch.other is not None
    assert batch.share is not None
    shares = batch.share, 1 - batch.share
    binary = logits.ndim == 1
    forward: Any = binary_cross_entropy_with_logits_forward if binary else cross_entropy_forward
    labels = [y if binary else y.astype(np.int64) for y in (batch.y, batch.other)]
    pairs = [forward(logits, y, reduction="none") for y in labels]
    total = sum((share * losses).sum() for share, (losses, _) in zip(shares, pairs, strict=True))
    return float(total) / len(logits), (binary, shares, [saved for _, saved in pairs])


def mixed_loss_backward(saved: Any) -> Array:
    """d_logits, as the logits: the gradients of both losses, weighted by their shares."""
    binary, shares, losses = saved
    backward: Any = binary_cross_entropy_with_logits_backward if binary else cross_entropy_backward
    first, second = (backward(share / len(share), one) for share, one in zip(shares, losses, strict=True))
    return np.asarray(first + second)
