"""`explain`: attention's every number as one HTML page, for a file or a notebook."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...check.faults import FAULTS, Fault
from ...files import PathLike, write_text
from ...functional.base.admission import Array, as_array, explained, shown
from ...functional.masks.builders import causal as causal_mask
from ...functional.masks.builders import window as window_mask
from ..example import WalkExample, build_example
from ..tokens import LARGEST, MOST
from .document import asset, document
from .online import online_html
from .render import scene_html
from .root_d import root_d_html
from .run_panel import run_data, run_html
from .scenes import Scene, build_scenes, hidden_faults, plant_faults, scene_data, without_faults
from .sentences import LEAD

if TYPE_CHECKING:
    from .replay import Replay

MOST_BYTES = 256 * 1024
"""The largest page without a run."""

TITLE = "Attention, there and back"

OPENED = {
    "causal": "Causal: a query sees its own key and earlier ones",
    "window": "Window: a query sees its own key and the one before",
    "none": "No mask: every query sees every key",
}


class Explanation:
    """A page: `html` is the whole file. A notebook shows it; `save` writes it."""

    def __init__(self, html: str) -> None:
        self.html = html

    def save(self, path: PathLike) -> None:
        """Write the page to a file, whole or not at all; OSError if it cannot be written."""
        write_text(path, self.html)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: a page of {len(self.html.encode()):,} bytes; save(path) writes it>"

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that neither it nor the notebook changes the other's style."""
        frame = f'sandbox="allow-scripts" width="100%" height="760" title="{TITLE}"'
        return f'<iframe {frame} srcdoc="{escape(self.html)}"></iframe>'


@explained
def explain(
    arrays: Mapping[str, npt.ArrayLike] | Sequence[Sequence[float]] | None = None,
    *,
    run: PathLike | None = None,
    score: str = "dot",
    activation: str | None = None,
    heads: int | None = None,
    kv_heads: int | None = None,
    cross: bool = False,
    causal: bool | None = None,
    window: tuple[int, int] | None = None,
    align: str | None = None,
    softcap: float | None = None,
    bias: bool = False,
    sinks: float | None = None,
    dropout: float | None = None,
    lse: bool = False,
    seed: int = 0,
) -> Explanation:
    """Every number of attention, forward and backward, as a page to look at, to break and to move.

    Parameters
    ----------
    arrays : tokens (n, width), of which step 0 makes query, key and value; or arrays by name: tokens, memory,
        W_Q, W_K, W_V, or query, key and value; d_out; the score's parameters. None: a small default. At most
        8 of 8 numbers each.
    run : a run folder of `numpy-attention train --out`, replayed and shown epoch by epoch; None for none.
    score, activation : dot, general, additive, concat, cosine or location; the activation of concat.
    heads, kv_heads, cross : query heads, key heads, and True for keys from other tokens than the queries.
    causal, window, align : a causal mask (None: where it makes sense), or (left, right) keys on each side;
        and the corner it counts from, "top_left" or "bottom_right", if queries and keys differ in number.
    softcap, bias, sinks, dropout, seed : steps 2, 3, 5 and 6; None or False to leave one out.
    lse : True if the loss also depends on lse.

    Returns
    -------
    Explanation
        Shown by a notebook as it is; `save(path)` writes the file of `numpy-attention explain --html`.

    Raises
    ------
    TypeError, ValueError
        For options that do not exist or do not fit together, and arrays that do not fit or are too large to
        show; for a run that cannot be replayed bit by bit.

    Examples
    --------
    >>> page = explain([[1, 0], [1, 2], [-1, 1]])
    >>> page.html.startswith("<!doctype html>")
    True
    """
    named = (
        {"tokens": arrays} if arrays is not None and not isinstance(arrays, Mapping) else dict(arrays or {})
    )
    given = {name: _admitted(name, x) for name, x in named.items()}
    example = build_example(
        given, score=score, activation=activation, heads=heads, kv_heads=kv_heads, cross=cross, causal=causal,
        window=window, align=align, softcap=softcap, bias=bias, sinks=sinks, dropout=dropout, lse=lse,
        seed=seed,
    )  # fmt: skip
    if run is None:
        return explain_example(example)
    if not isinstance(run, (str, os.PathLike)):
        raise TypeError(f"run is {shown(run)}; the path of a run folder is expected")
    from .replay import replay  # all tasks and layers

    return explain_example(example, replay(run))


def _admitted(name: str, x: Any) -> Array:
    """An array that fits on a page; raises for any other."""
    array = as_array(str(name), x)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} is of {array.dtype}; real numbers are expected")
    if any(not 0 < length <= MOST for length in array.shape):
        raise ValueError(
            f"{name} has shape {array.shape}; from 1 to {MOST} rows of as many numbers can be shown"
        )
    array = array.astype(float)
    if (beyond := ~(np.abs(array) <= LARGEST)).any():
        expected = f"finite numbers from {-LARGEST:g} to {LARGEST:g} are expected"
        raise ValueError(f"{name} holds {array[beyond][0]:g}; {expected}")
    return array


def explain_example(
    example: WalkExample, run: "Replay | None" = None, fault: str | None = None
) -> Explanation:
    """The page of an example, and of a run if there is one; `fault` is planted when the page is opened."""
    faults = sorted(FAULTS, key=lambda each: each.name != fault)  # the planted one first
    return page_of(variants(example), run, fault, faults)


def variants(example: WalkExample) -> dict[str, tuple[str, WalkExample]]:
    """The example by the name of its mask; of one head also with each other mask: causal, a window, none."""
    given = example.options["mask"]
    align = "bottom_right" if example.query.shape[-2] != example.key.shape[-2] else None
    masks = {"causal": causal_mask(align), "window": window_mask(1, 0, align), "none": None}
    own = next((name for name, mask in masks.items() if str(mask) == str(given)), None)
    if own is None:
        return {"own": (f"Mask {given}", example)}
    names = [own, *(name for name in masks if name != own and example.query.ndim == 2)]
    options = {name: example.options | {"mask": masks[name]} for name in names}
    return {name: (OPENED[name], example._replace(options=options[name])) for name in names}


def page_of(
    examples: dict[str, tuple[str, WalkExample]], run: "Replay | None" = None, fault: str | None = None,
    faults: Sequence[Fault] = FAULTS,
) -> Explanation:  # fmt: skip
    """The page of some examples, the first of which is shown first; other ones and faults as they fit.

    Raises
    ------
    ValueError
        If the first example alone needs more than MOST_BYTES.
    """
    bare = list(build_scenes(examples, ()))
    sizes = [len(page_html((scene,), None).encode()) for scene in bare]
    if sizes[0] > MOST_BYTES:
        bare[0] = bare[0]._replace(drawn=False)
        sizes[0] = len(page_html(bare[:1], None).encode())
    alone = len(page_html((), None).encode())
    if sizes[0] > MOST_BYTES:
        raise ValueError(f"the page would have {sizes[0]:,} bytes, and at most {MOST_BYTES:,} are written; "
                         "take fewer tokens, or fewer heads")  # fmt: skip
    kept, total = [bare[0]], sizes[0]
    for scene, size in zip(bare[1:], sizes[1:], strict=True):
        if total + size - alone <= MOST_BYTES:
            kept.append(scene)
            total += size - alone
    scenes = plant_faults(kept, faults, MOST_BYTES - total)
    html = page_html(scenes, None, fault)
    while (excess := len(html.encode()) - MOST_BYTES) > 0 and any(scene.faults for scene in scenes):
        scenes = without_faults(scenes, excess)
        html = page_html(scenes, None, fault)
    return Explanation(html if run is None else page_html(scenes, run, fault))


def page_html(scenes: Sequence[Scene], run: "Replay | None", fault: str | None = None) -> str:
    """The file of these scenes."""
    absent = "".join(
        f"<dt><code>{name}</code><dd>{escape(where)}" for name, where in hidden_faults(scenes).items()
    )
    options = "".join(f'<option value="{scene.name}">{escape(scene.title)}' for scene in scenes)
    online = online_html(scenes[0].walk) if scenes else ""
    body = (
        f'<header><h1>{TITLE}</h1><p class="lead">{LEAD}</p></header>'
        f"{asset('bar.html').replace('{scenes}', options)}<main>{''.join(map(scene_html, scenes))}"
        f"{online}{root_d_html()}{'' if run is None else run_html(run)}"
        '<details class="faults"><summary>Mistakes that are not on this page, and where each shows; '
        "<code>explain --break NAME --html FILE</code> makes a page of one</summary>"
        f"<dl>{absent}</dl></details></main>"
    )
    data: dict[str, Any] = {"scenes": [scene_data(scene) for scene in scenes]}
    data |= {} if run is None else {"run": run_data(run)}
    data |= {} if fault is None else {"start": f"e={scenes[0].name}&m=break&f={fault}"}
    return document(TITLE, body, data)
