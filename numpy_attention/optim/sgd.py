"""Gradient descent with momentum.

velocity ← momentum * velocity + grad
param    ← param - lr * velocity
"""

from typing import Any

from ..functional.base.admission import Array, explained, quiet
from .updates import Tree, apply_update, initial_state, not_negative

MOMENTS = ("velocity",)


@explained
def sgd_init(params: Tree) -> dict[str, Any]:
    """State before the first step: {"step": 0, "velocity": zeros like params}.

    Parameters
    ----------
    params : a dict of arrays, nested as you like.

    Returns
    -------
    A dict of arrays: velocity is nested like params, in the dtype computed in (float32 for float16).

    Raises
    ------
    TypeError
        For a parameter that is not a real floating array.

    Examples
    --------
    >>> import numpy as np
    >>> sgd_init({"weight": np.ones(2)})
    {'step': array(0), 'velocity': {'weight': array([0., 0.])}}
    """
    return initial_state(params, MOMENTS)


@quiet
def sgd_step(
    params: Tree, grads: Tree, state: Tree, *, lr: float = 1e-3, momentum: float = 0.0
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """One step of gradient descent with momentum.

        velocity ← momentum * velocity + grad
        param    ← param - lr * velocity

    As in PyTorch with dampening 0: the first velocity is the gradient itself, and lr multiplies the
    velocity, so a change of lr acts at once. With momentum = 0 the step is lr * grad, and velocity stays.

    Parameters
    ----------
    params : a dict of arrays, nested as you like. Each keeps its dtype; float16 is computed in float32.
    grads : the same dict with the gradients, each in its parameter's shape.
    state : the result of `sgd_init` or of the last step.
    lr : the learning rate, >= 0.
    momentum : share of the last velocity that stays, >= 0; from 1 on, velocities only grow.

    Returns
    -------
    params, state : new dicts of new arrays. A gradient that is not finite spoils its own entries only.

    Raises
    ------
    TypeError, ValueError
        Before any work: dicts, shapes, dtypes or a state that do not fit, settings out of range.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"weight": np.array([1.0, 2.0])}
    >>> state = sgd_init(params)
    >>> for _ in range(2):
    ...     params, state = sgd_step(params, params, state, lr=0.1, momentum=0.5)
    >>> params, state["velocity"]
    ({'weight': array([0.76, 1.52])}, {'weight': array([1.4, 2.8])})

    References
    ----------
    Polyak 1964; Sutskever et al. 2013, with lr taken out of the velocity.
    """
    lr, momentum = not_negative("lr", lr), not_negative("momentum", momentum)

    def update(step: int, param: Array, grad: Array, velocity: Array) -> tuple[Any, ...]:
        velocity = momentum * velocity + grad
        return param - lr * velocity, velocity

    def update_without_momentum(step: int, param: Array, grad: Array, velocity: Array) -> tuple[Any, ...]:
        return param - lr * grad, velocity.copy()

    chosen = update if momentum else update_without_momentum
    return apply_update(chosen, params, grads, state, MOMENTS)
