"""The numbers of an example where the user gives none."""

import numpy as np

from ..functional.base.admission import Array

TOKENS = ((1.0, 0.0), (1.0, 2.0), (-1.0, 1.0))
KEY = ((1.0, 1.0), (0.0, 1.0), (2.0, -1.0), (-1.0, 0.5))
VALUE = ((1.0, 2.0), (3.0, -1.0), (0.0, 4.0), (-2.0, 1.0))
"""Keys and values of cross attention; the default example has the first three, and asks for the last two
tokens, so that no query sees one key only."""

PATTERN = (0.5, -1.0, 1.0, 0.25, -0.5, 2.0, -2.0)
"""Numbers of parameters and cotangents; seven of them, so that neither rows nor columns repeat."""


def filled(shape: tuple[int, ...], start: int) -> Array:
    """An array filled by repeating PATTERN from its entry `start`.

    Examples
    --------
    >>> filled((2, 2), 1)
    array([[-1.  ,  1.  ],
           [ 0.25, -0.5 ]])
    """
    return np.resize(np.roll(PATTERN, -start), shape)
