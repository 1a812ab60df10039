"""Learning rates that depend on the step: plain functions, step -> lr.

Steps count from 1, as Adam's do: the next step is number state["step"] + 1. Each function takes the peak as
`lr`; with its default of 1 the result is a factor.

    params, state = adam_step(params, grads, state, lr=cosine_lr(step, lr=1e-3, warmup=100, total=5000))
"""

import math

from ..functional.base.admission import explained
from .updates import count, not_negative


@explained
def constant_lr(step: int, *, lr: float = 1.0) -> float:
    """The same learning rate at every step.

    Parameters
    ----------
    step : counted from 1.
    lr : the result, >= 0.

    Returns
    -------
    lr, as a float.

    Raises
    ------
    TypeError, ValueError
        For a step that is not a whole number >= 1, or an lr that is negative or not finite.

    Examples
    --------
    >>> constant_lr(7, lr=0.001)
    0.001
    """
    count("step", step, least=1)
    return not_negative("lr", lr)


@explained
def warmup_lr(step: int, *, warmup: int, lr: float = 1.0) -> float:
    """Linear warm-up to `lr`, then constant: lr * min(1, step / warmup).

    Parameters
    ----------
    step : counted from 1.
    warmup : the last step of the warm-up; 0 for none.
    lr : the value at and after it, >= 0.

    Returns
    -------
    The learning rate of this step, a float.

    Raises
    ------
    TypeError, ValueError
        For a step that is not a whole number >= 1, or a setting that is negative or not finite.

    Examples
    --------
    >>> [warmup_lr(step, warmup=4) for step in (1, 2, 3, 4, 5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]

    References
    ----------
    Goyal et al. 2017, section 2.2, from 0.
    """
    step, warmup = count("step", step, least=1), count("warmup", warmup, least=0)
    return not_negative("lr", lr) * _line(step, warmup)


@explained
def cosine_lr(step: int, *, total: int, warmup: int = 0, lr: float = 1.0, final: float = 0.0) -> float:
    """Linear warm-up to `lr`, then half a cosine down to `final`.

        step <= warmup:  lr * step / warmup
        after it:        share * lr + (1 - share) * final,
                         share = (1 + cos(π (step - warmup) / (total - warmup))) / 2

    Parameters
    ----------
    step : counted from 1.
    total : the step at which lr reaches `final` and stays there. With final = 0 that step learns nothing:
        let total be one more than the number of steps.
    warmup : the last step of the warm-up; 0 for none.
    lr, final : both >= 0.

    Returns
    -------
    The learning rate of this step, a float.

    Raises
    ------
    TypeError, ValueError
        For a step that is not a whole number >= 1, a total that is not above warmup, or a setting that is
        negative or not finite.

    Examples
    --------
    >>> [round(cosine_lr(step, total=6, warmup=2), 3) for step in range(1, 8)]
    [0.5, 1.0, 0.854, 0.5, 0.146, 0.0, 0.0]

    References
    ----------
    Loshchilov and Hutter 2017, equation 5, without restarts.
    """
    step, warmup = count("step", step, least=1), count("warmup", warmup, least=0)
    total = count("total", total, least=1)
    if total <= warmup:
        raise ValueError(f"total is {total}; more than warmup, {warmup}, is expected")
    lr, final = not_negative("lr", lr), not_negative("final", final)
    if step <= warmup:
        return lr * _line(step, warmup)
    share = (1 + math.cos(math.pi * min(1.0, (step - warmup) / (total - warmup)))) / 2
    return share * lr + (1 - share) * final


@explained
def inverse_square_root_lr(step: int, *, warmup: int, lr: float = 1.0) -> float:
    """Linear warm-up to `lr`, then down as 1 / √step: lr * min(√(warmup / step), step / warmup).

    Parameters
    ----------
    step : counted from 1.
    warmup : the step of the peak, >= 1.
    lr : the peak, >= 0.

    Returns
    -------
    The learning rate of this step, a float.

    Raises
    ------
    TypeError, ValueError
        For a step or a warmup that is not a whole number >= 1, or an lr that is negative or not finite.

    Examples
    --------
    >>> [inverse_square_root_lr(step, warmup=4) for step in (1, 2, 4, 16, 64)]
    [0.25, 0.5, 1.0, 0.5, 0.25]

    References
    ----------
    Vaswani et al. 2017, equation 3; `vaswani_lr` takes its peak from there too.
    """
    step, warmup = count("step", step, least=1), count("warmup", warmup, least=1)
    return not_negative("lr", lr) * min(math.sqrt(warmup / step), _line(step, warmup))


@explained
def vaswani_lr(step: int, *, width: int, warmup: int = 4000) -> float:
    """The schedule of the Transformer: width^-0.5 * min(step^-0.5, step * warmup^-1.5).

    That is `inverse_square_root_lr` with its peak at (width * warmup)^-0.5.

    Parameters
    ----------
    step : counted from 1.
    width : of the model (the paper's d_model), >= 1.
    warmup : the step of the peak, >= 1.

    Returns
    -------
    The learning rate of this step, a float.

    Raises
    ------
    TypeError, ValueError
        For an argument that is not a whole number >= 1.

    Examples
    --------
    >>> vaswani_lr(4000, width=512)
    0.0006987712429686843

    References
    ----------
    Vaswani et al. 2017, equation 3.
    """
    width, warmup = count("width", width, least=1), count("warmup", warmup, least=1)
    return inverse_square_root_lr(step, warmup=warmup, lr=1 / math.sqrt(width * warmup))


def _line(step: int, warmup: int) -> float:
    """step / warmup, at most 1."""
    return 1.0 if step >= warmup else step / warmup
