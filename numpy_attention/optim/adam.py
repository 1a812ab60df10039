"""Adam, and AdamW: Adam with weight decay beside the gradient instead of inside it.

    first  ← beta1 * first  + (1 - beta1) * grad         a running mean of the gradient
    second ← beta2 * second + (1 - beta2) * grad²        a running mean of its square
    param  ← (1 - lr * weight_decay) * param - lr * first_hat / (√second_hat + eps)

Both means start at 0 and are too small at first: after t steps of a constant gradient, first is
(1 - beta1^t) * grad. Dividing by that factor gives first_hat and, likewise, second_hat.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..functional.base.admission import Array, explained, one_of, quiet
from .updates import Tree, Update, apply_update, decay_rates, initial_state, not_negative

MOMENTS = ("first_moment", "second_moment")

PIECE = 2**19
"""Bytes of each array that are updated at a time, so that all five stay in the cache."""


@explained
def adam_init(params: Tree) -> dict[str, Any]:
    """State before the first step of Adam or AdamW: step 0, and both moments 0, nested like `params`.

    params is a dict of real floating arrays, nested as you like; anything else raises TypeError. Moments have
    the dtype computed in, float32 for float16. `optim.trees.flatten` makes a state ready for an npz.

    Examples
    --------
    >>> adam_init({"weight": np.ones(2)})["first_moment"]
    {'weight': array([0., 0.])}
    """
    return initial_state(params, MOMENTS)


@explained
def adamw_init(params: Tree) -> dict[str, Any]:
    """As `adam_init`: AdamW keeps the same state."""
    return adam_init(params)


@quiet
def adam_step(
    params: Tree, grads: Tree, state: Tree, *, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8, eps_added: str = "after_correction",
) -> tuple[dict[Any, Any], dict[str, Any]]:  # fmt: skip
    """One step of Adam (Kingma and Ba 2015, Algorithm 1): the equation above with weight_decay = 0.

    Parameters
    ----------
    params, grads : dicts of arrays, nested alike. A parameter keeps its dtype; float16 computes in float32.
    state : the result of `adam_init` or of the last step.
    lr, betas, eps : learning rate >= 0; share of each moment kept, in [0, 1); eps >= 0 bounds the divisor.
    eps_added : to the root "after_correction" (Algorithm 1, PyTorch), or "before_correction": section 2's
        "epsilon hat" (TensorFlow, ONNX), lr * √(1 - beta2^t) / (1 - beta1^t) * first / (√second + eps).

    Returns
    -------
    params, state : new dicts of new arrays. A gradient that is not finite spoils its own entries only. With
        eps = 0, a gradient that was always 0 moves nothing. Dicts, shapes, dtypes or a state that do not fit
        and settings out of range raise TypeError or ValueError before any work.

    Examples
    --------
    >>> params, grads = {"weight": np.array([1.0, 1.0])}, {"weight": np.array([0.3, -20.0])}
    >>> adam_step(params, grads, adam_init(params), lr=0.1)[0]
    {'weight': array([0.9, 1.1])}
    """
    return apply_update(_update(lr, betas, eps, eps_added), params, grads, state, MOMENTS, weight_decay=0.0)


@quiet
def adamw_step(
    params: Tree, grads: Tree, state: Tree, *, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8, weight_decay: float | Tree = 0.01, eps_added: str = "after_correction",
) -> tuple[dict[Any, Any], dict[str, Any]]:  # fmt: skip
    """One step of AdamW, the equation above: parameters and results as `adam_step`'s, plus weight_decay >= 0.

    It is one number, or a dict nested like params with one for each, and multiplied by lr as in PyTorch. It
    does not pass through the moments: parameters decay alike. Loshchilov and Hutter 2019, Algorithm 2.

    Examples
    --------
    >>> params, grads = {"weight": np.array([1.0, -1.0])}, {"weight": np.array([0.0, 5.0])}
    >>> adamw_step(params, grads, adamw_init(params), lr=0.1, weight_decay=0.5)[0]
    {'weight': array([ 0.95, -1.05])}
    """
    update = _update(lr, betas, eps, eps_added)
    return apply_update(update, params, grads, state, MOMENTS, weight_decay=weight_decay)


def _update(*settings: Any) -> Update:
    """The equation on copies, in pieces that stay in the cache."""
    advance = adam_equation(*settings)

    def update(step: int, param: Array, grad: Array, first: Array, second: Array, decay: float) -> Any:
        param, first, second = param.copy(), first.copy(), second.copy()
        flat, length = [array.ravel() for array in (param, grad, first, second)], PIECE // param.itemsize
        spare = np.empty_like(flat[0][:length])
        for start in range(0, param.size, length):
            piece = [array[start : start + length] for array in flat]
            advance(step, spare[: piece[0].size], *piece, decay)
        return param, first, second

    return update


def adam_equation(lr: Any, betas: Any, eps: Any, eps_added: Any) -> Callable[..., None]:
    """Validate the settings, and return the equation above in place; `spare` is scratch like the arrays.

    Both corrections are taken out of the quotient (end of the paper's section 2), which saves two passes:

        lr * first_hat / (√second_hat + eps) = rate * first / (√second + eps * √share2)
    """
    lr, eps, (beta1, beta2) = not_negative("lr", lr), not_negative("eps", eps), decay_rates("betas", betas)
    one_of("eps_added", eps_added, ("after_correction", "before_correction"))

    def advance(step: int, spare: Array, param: Array, grad: Array, *rest: Any) -> None:
        first, second, decay = rest
        share1, share2 = 1 - beta1**step, 1 - beta2**step
        rate = lr * math.sqrt(share2) / share1
        first *= beta1
        first += np.multiply(1 - beta1, grad, out=spare)
        second *= beta2
        second += np.multiply(np.multiply(1 - beta2, grad, out=spare), grad, out=spare)
        root = np.sqrt(second, out=spare)
        added = root.dtype.type(eps * math.sqrt(share2) if eps_added == "after_correction" else eps)
        root += added
        direction = np.divide(first, root, out=spare)
        if not added:
            np.copyto(direction, 0, where=first == 0)  # 0 / 0 moves nothing
        if decay:
            param *= 1 - lr * decay
        param -= np.multiply(rate, direction, out=spare)

    return advance
