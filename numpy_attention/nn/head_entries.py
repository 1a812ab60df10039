"""Which entries of a model's parameters belong to one head of an attention alone."""

from typing import Any, TypeAlias

Entries: TypeAlias = dict[str, Any]
"""By the dotted name of a parameter: an index of the entries in it that belong to one head."""

WHOLE = "pooling"
"""The place of an attention that is the whole model."""


def head_entries(layer: Any, place: str = "") -> dict[str, list[Entries]]:
    """For every attention in a `Layer`, by its place: the entries of each of its heads.

    In the order of the parameters. A key and value head that several query heads share belongs to none of
    them.

    Examples
    --------
    >>> from numpy_attention import nn
    >>> model = nn.TransformerEncoder(nn.TransformerEncoderLayer(width=4, heads=2, hidden=3), layers=1)
    >>> (place, (first, second)), = head_entries(model).items()
    >>> place, second["layers.0.self_attn.out_proj.weight"]
    ('layers.0.self_attn', (slice(None, None, None), slice(2, 4, None)))
    """
    before = f"{place}." if place else ""
    own = [{f"{before}{name}": index for name, index in head.items()} for head in layer.own_heads()]
    found = {place or WHOLE: own} if own else {}
    for name, part in layer.parts().items():
        found |= head_entries(part, f"{before}{name}")
    return found
