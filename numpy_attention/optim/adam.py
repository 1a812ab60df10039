"""Adam, and AdamW, which is Adam with weight decay beside the gradient instead of inside it.

    first  ← beta1 * first  + (1 - beta1) * grad         a running mean of the gradient
    second ← beta2 * second + (1 - beta2) * grad²        a running mean of its square
    param  ← (1 - lr * weight_decay) * param - lr * first_hat / (√second_hat + eps)

The means start at 0 and therefore come out too small at first: after t steps of a constant gradient the
first one is (1 - beta1^t) * grad. Dividing by that share gives first_hat and, likewise, second_hat.
"""

import math
from typing import Any

import numpy as np

from ..functional.base.admission import Array, one_of, quiet
from .in_place import PIECE, Advance, Part, advance_part, update_in_place
from .settings import decay_rates, not_negative
from .trees import Tree
from .updates import fresh_state, updated

MOMENTS = ("first_moment", "second_moment")


def adam_init(params: Tree) -> dict[str, Any]:
    """The state before the first step: {"step": 0, "first_moment": zeros, "second_moment": zeros}.

    Parameters
    ----------
    params : a dict of arrays, nested as you like.

    Returns
    -------
    A dict of arrays: both moments are trees like params, in the dtype that is computed in (float32 for
    float16). `numpy_attention.optim.trees.flatten` makes it ready for an npz.

    Raises
    ------
    TypeError
        For a parameter that is no real floating array.

    Examples
    --------
    >>> import numpy as np
    >>> state = adam_init({"weight": np.ones(2)})
    >>> state["step"], state["first_moment"]
    (array(0), {'weight': array([0., 0.])})
    """
    return fresh_state(params, MOMENTS)


def adam_step(
    params: Tree,
    grads: Tree,
    state: Tree,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    eps_added: str = "after_correction",
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """One step of Adam, number t counted from 1.

        first  ← beta1 * first  + (1 - beta1) * grad
        second ← beta2 * second + (1 - beta2) * grad²
        first_hat  = first  / (1 - beta1^t)
        second_hat = second / (1 - beta2^t)
        param  ← param - lr * first_hat / (√second_hat + eps)

    The first step is lr * grad / (|grad| + eps): about lr, whatever the gradient's size.

    Parameters
    ----------
    params : a dict of arrays, nested as you like. Each keeps its dtype; float16 is computed in float32.
    grads : the same dict with the gradients, each in its parameter's shape.
    state : what `adam_init` or the last step returned.
    lr : the learning rate, >= 0.
    betas : how much of each moment stays, both in [0, 1).
    eps : keeps the quotient finite, >= 0. With eps = 0 a gradient that was always 0 moves nothing, and one
        so small that its square is 0 (float32: below about 1e-21) moves its parameter to infinity.
    eps_added : to the root "after_correction", as above (Kingma and Ba, PyTorch), or "before_correction":
        lr * √(1 - beta2^t) / (1 - beta1^t) * first / (√second + eps), the paper's "epsilon hat"
        (TensorFlow, ONNX). The same but for an eps that starts 1 / √(1 - beta2) times as large.

    Returns
    -------
    params, state : new dicts of new arrays; nothing that came in is changed. A gradient that is not finite
        makes its own entries infinite or NaN, as IEEE says, and no others: look before you step.

    Raises
    ------
    TypeError, ValueError
        Before anything is computed: for trees or shapes that do not fit, arrays that are not real and
        floating, a state that is not this optimizer's, settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 1.0])}
    >>> grads = {"weight": np.array([0.3, -20.0])}
    >>> params, state = adam_step(params, grads, adam_init(params), lr=0.1)
    >>> params, state["step"]
    ({'weight': array([0.9, 1.1])}, array(1))

    References
    ----------
    Kingma and Ba 2015, Algorithm 1; for epsilon hat the end of their section 2.
    """
    return adamw_step(
        params, grads, state, lr=lr, betas=betas, eps=eps, weight_decay=0.0, eps_added=eps_added
    )


def adamw_init(params: Tree) -> dict[str, Any]:
    """The state before the first step, which is Adam's: see `adam_init`.

    Parameters
    ----------
    params : a dict of arrays, nested as you like.

    Returns
    -------
    What `adam_init` returns.

    Raises
    ------
    TypeError
        As `adam_init` does.

    Examples
    --------
    >>> import numpy as np
    >>> list(adamw_init({"weight": np.ones(2)}))
    ['step', 'first_moment', 'second_moment']
    """
    return adam_init(params)


@quiet
def adamw_step(
    params: Tree,
    grads: Tree,
    state: Tree,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    eps_added: str = "after_correction",
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """One step of AdamW: Adam's, from a parameter that first has decayed by lr * weight_decay.

        param ← (1 - lr * weight_decay) * param - lr * first_hat / (√second_hat + eps)

    The decay is decoupled: it does not pass through the moments, so a parameter with large gradients
    decays as fast as one with small ones. It is multiplied by lr, as in PyTorch; the paper scales both
    by a schedule of their own instead.

    Parameters
    ----------
    params, grads, state, lr, betas, eps, eps_added : as `adam_step` takes them.
    weight_decay : the share of a parameter that goes at each step, per unit of lr; >= 0.

    Returns
    -------
    params, state : as from `adam_step`, and a state of one can go on in the other.

    Raises
    ------
    TypeError, ValueError
        As `adam_step` does.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, -1.0])}
    >>> grads = {"weight": np.array([0.0, 5.0])}
    >>> adamw_step(params, grads, adamw_init(params), lr=0.1, weight_decay=0.5)[0]
    {'weight': array([ 0.95, -1.05])}

    References
    ----------
    Loshchilov and Hutter 2019, Algorithm 2.
    """
    advance = _advance(lr, betas, eps, weight_decay, eps_added)

    def update(step: int, param: Array, grad: Array, first: Array, second: Array) -> tuple[Any, ...]:
        param, first, second = param.copy(), first.copy(), second.copy()
        if param.nbytes <= PIECE:
            advance(step, np.empty_like(param), param, grad, first, second)
        else:
            whole = Part((param, grad, first, second), 0, param.size)
            advance_part(advance, step, whole, lambda name, shape, dtype: np.empty(shape, dtype))
        return param, first, second

    return updated(update, params, grads, state, MOMENTS)


def adam_update(
    params: Tree,
    grads: Tree,
    state: Tree,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    eps_added: str = "after_correction",
    threads: int | None = None,
) -> None:
    """One step of Adam that changes params and state in place: for what is large.

    To the bit what `adam_step` gives, in less time, and without memory of a parameter's size.

    Parameters
    ----------
    params, state : as `adam_step` takes them; their leaves are arrays that can be written to, none of which
        shares memory with another, or with one of grads.
    grads, lr, betas, eps, eps_added : as `adam_step` takes them.
    threads : how many compute at once, or None: as many as there are processors for 2^20 numbers and more.
        No bit depends on it.

    Raises
    ------
    TypeError, ValueError
        Before anything is changed: as `adam_step` does, and for what cannot be changed in place.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 1.0])}
    >>> state = adam_init(params)
    >>> adam_update(params, {"weight": np.array([0.3, -20.0])}, state, lr=0.1)
    >>> params, state["step"]
    ({'weight': array([0.9, 1.1])}, array(1))
    """
    advance = _advance(lr, betas, eps, 0.0, eps_added)
    update_in_place(advance, params, grads, state, MOMENTS, threads)


def adamw_update(
    params: Tree,
    grads: Tree,
    state: Tree,
    *,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
    eps_added: str = "after_correction",
    threads: int | None = None,
) -> None:
    """One step of AdamW that changes params and state in place: to the bit what `adamw_step` gives.

    Parameters
    ----------
    params, grads, state, lr, betas, eps, eps_added, threads : as `adam_update` takes them.
    weight_decay : as `adamw_step` takes it.

    Raises
    ------
    TypeError, ValueError
        As `adam_update` does.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, -1.0])}
    >>> adamw_update(params, {"weight": np.array([0.0, 5.0])}, adamw_init(params), lr=0.1, weight_decay=0.5)
    >>> params
    {'weight': array([ 0.95, -1.05])}
    """
    advance = _advance(lr, betas, eps, weight_decay, eps_added)
    update_in_place(advance, params, grads, state, MOMENTS, threads)


def _advance(lr: Any, betas: Any, eps: Any, weight_decay: Any, eps_added: Any) -> Advance:
    """The equation at the head of this file, settings admitted; with an array to spare, in place.

    What the moments are divided by is drawn out of the quotient, as the paper says at the end of section 2,
    and out of eps as well, so that it is the same quotient with two passes less:

        lr * first_hat / (√second_hat + eps) = rate * first / (√second + eps * √share2)
    """
    lr, eps = not_negative("lr", lr), not_negative("eps", eps)
    weight_decay = not_negative("weight_decay", weight_decay)
    beta1, beta2 = decay_rates("betas", betas)
    one_of("eps_added", eps_added, ("after_correction", "before_correction"))

    def advance(step: int, spare: Array, param: Array, grad: Array, first: Array, second: Array) -> None:
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
            np.copyto(direction, 0, where=first == 0)  # 0 / 0 is no step
        if weight_decay:
            param *= 1 - lr * weight_decay
        param -= np.multiply(rate, direction, out=spare)

    return advance
