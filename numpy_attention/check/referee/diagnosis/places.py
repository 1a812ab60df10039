"""Where in a tensor the wrong numbers are: "only for batch entries above 0", "only in the last tile"."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ....functional.base.admission import Array
from ...reference.oracle import Results
from .evidence import Observation

TILES = (4, 8, 16, 32, 64, 128)
AXES = {
    "query": ("batch entries", "heads", "rows", "columns"),
    "key": ("batch entries", "key heads", "keys", "columns"),
    "pair": ("batch entries", "heads", "rows", "keys"),
}
AXES_OF = {
    "out": "query", "d_query": "query", "lse": "query", "d_key": "key", "d_value": "key", "weights": "pair",
}  # fmt: skip

PEAK = 0.9
"""The weight above which a key counts as a peak."""


def place_of(failing: Sequence[Observation], name: str) -> str:
    """The smallest known set of places outside of which a tensor is right in every case, or ""."""
    wrong = [each for each in failing if name in each.wrong]
    errors = [each.errors(name) for each in wrong]
    best, size = "", 1.0
    for text in _texts(name):
        sets = [_set(text, name, each) for each in wrong]
        if any(x is None for x in sets):
            continue
        inside = [np.broadcast_to(x, e.shape) for x, e in zip(sets, errors, strict=True) if x is not None]
        if any((e & ~x).any() for x, e in zip(inside, errors, strict=True)):
            continue
        share = float(np.mean([x.mean() for x in inside]))
        hit = float(np.mean([e[x].mean() if x.any() else 0.0 for x, e in zip(inside, errors, strict=True)]))
        if share < size and hit > 0.5:
            best, size = text, share
    return best


def _texts(name: str) -> Iterator[str]:
    axes = AXES.get(AXES_OF.get(name, ""), ())
    for axis in axes:
        yield f"only for {axis} above 0"
        yield f"only for the first of the {axis}"
        yield f"only for the last of the {axis}"
        yield f"only for odd {axis}"
        for tile in TILES:
            yield f"only in the last tile of {tile} {axis}"
            yield f"only in {axis} from {tile} on"
            yield f"only for every {tile}th of the {axis}"
    if "rows" in axes:
        yield "only in rows where something is masked"
        yield "only in rows with a weight above 0.9"
        yield "only in fully masked rows"


def _set(text: str, name: str, seen: Observation) -> Array | None:
    """True at the places of the text, or None if they do not exist in this case."""
    x = seen.right(name)
    names = AXES[AXES_OF[name]]
    if ("rows " in text and "masked" in text) or "weight" in text:
        rows = _rows(text, seen)
        return None if rows is None else (rows if name == "lse" else rows[..., None])
    axis = next(n for n, axis in enumerate(names) if axis in text and f"key {axis}" not in text)
    if axis >= x.ndim or x.shape[axis] < 2:
        return None
    n = np.arange(x.shape[axis])
    chosen = _positions(text, n)
    if chosen is None or chosen.all():
        return None
    return np.asarray(chosen.reshape(-1, *(1,) * (x.ndim - 1 - axis)))


def _positions(text: str, n: Array) -> Array | None:
    size = len(n)
    numbers = [int(word.removesuffix("th")) for word in text.split() if word.removesuffix("th").isdigit()]
    tile = numbers[0] if numbers else 0
    rules: tuple[tuple[str, Callable[[], Array]], ...] = (
        ("above 0", lambda: n > 0),
        ("the first of", lambda: n == 0),
        ("the last of", lambda: n == size - 1),
        ("odd", lambda: n % 2 == 1),
        ("last tile", lambda: n >= (size - 1) // tile * tile),
        ("from", lambda: n >= tile),
        ("every", lambda: n % tile == 0),
    )
    return next((rule() for words, rule in rules if words in text), None)


def _rows(text: str, seen: Observation) -> Array | None:
    """Rows of the scores, (B, H, L)."""
    visible, shape = seen.case.visible, seen.case.shape
    if "weight" in text:
        weights = seen.expected.values.weights
        return None if weights is None else np.asarray((np.asarray(weights) > PEAK).any(axis=-1))
    if visible is None:
        return None
    hidden = ~np.broadcast_to(visible, shape)
    return np.asarray(hidden.all(axis=-1) if "fully" in text else hidden.any(axis=-1))


def first_wrong(seen: Observation) -> str:
    """The first wrong tensor in the order of computation, if an intermediate result was returned."""
    order = ("lse", "weights", "out", "d_value", "d_sinks", "d_bias", "d_scale", "d_query", "d_key")
    assert set(order) == set(Results._fields)
    if not {"lse", "weights"} & seen.tensors.keys():
        return ""
    return next((name for name in order if name in seen.wrong), "")
