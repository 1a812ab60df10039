"""Parameters from PyTorch's state_dict, and back: the names are the same, nested here and with dots there."""

from collections.abc import Mapping
from typing import Any

from ...functional.base.admission import Array, explained
from ...optim.trees import unflatten
from ..parameters import Params, check_params
from .state import check_state, flat_state, layer_shapes


@explained
def from_torch(layer: Any, state: Mapping[str, Any]) -> Params:
    """The parameters of `layer` from a state_dict of the same layer in PyTorch.

    Parameters
    ----------
    layer : MultiHeadAttention, TransformerEncoderLayer, LayerNorm, … any layer
    state : {"in_proj_weight": array, …}: arrays or tensors by PyTorch's names; gradients too

    Returns
    -------
    Copies, nested as `layer.init` nests them, each in the dtype that came.

    Raises
    ------
    TypeError
        If a value is not a floating-point array.
    ValueError
        One for all: names that are missing or unexpected, shapes that differ, numbers that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from numpy_attention import nn
    >>> layer = nn.MultiHeadAttention(width=2, heads=1, bias=False)
    >>> params = from_torch(layer, {"in_proj_weight": np.ones((6, 2)), "out_proj.weight": np.eye(2)})
    >>> params["out_proj"]
    {'weight': array([[1., 0.],
           [0., 1.]])}
    >>> from_torch(layer, {"in_proj_weight": np.ones((6, 3))})
    Traceback (most recent call last):
        ...
    ValueError: state does not fit MultiHeadAttention: missing out_proj.weight (2, 2); misshapen
    in_proj_weight (6, 3) (not (6, 2))
    """
    shapes = layer_shapes(layer)
    arrays = flat_state("state", state)
    check_state(layer, arrays, shapes)
    return unflatten({name: arrays[name].copy() for name in shapes})


@explained
def to_torch(layer: Any, params: Params) -> dict[str, Array]:
    """The state_dict of the same layer in PyTorch: the inverse of `from_torch`, for gradients too.

    Returns
    -------
    Copies by name: {name: torch.from_numpy(array) for name, array in …items()} is what load_state_dict takes.

    Raises
    ------
    TypeError, ValueError
        If `params` is not nested as `layer.init` nests it, or a shape differs.

    Examples
    --------
    >>> import numpy as np
    >>> from numpy_attention import nn
    >>> layer = nn.MultiHeadAttention(width=2, heads=1)
    >>> list(to_torch(layer, layer.init(np.random.default_rng(0))))
    ['in_proj_weight', 'in_proj_bias', 'out_proj.weight', 'out_proj.bias']
    """
    shapes = layer_shapes(layer)
    check_params(params, layer.shapes())
    arrays = flat_state("params", params)
    return {name: arrays[name].copy() for name in shapes}
