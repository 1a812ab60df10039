"""Numbers that a kernel can read off one call: sizes, options, what is visible, values, memory, history.

Nothing here uses the referee's table of conditions. A fact that a call does not have (the window's width
without a window) is absent, and no condition on it holds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

TENSORS = ("query", "key", "value", "d_out")
OPTIONS = (
    *("causal", "window", "mask", "bias", "scale", "softcap", "sinks", "dropout", "q_offset"),
    *("scale_array", "d_lse", "d_weights"),
)
LINE = 16
"""Bytes that a vector load takes at once."""


def sizes(B: Any, H: Any, G: Any, L: Any, S: Any, D: Any, E: Any) -> dict[str, Any]:
    """The axes, their products, quotients and differences; of numbers or of arrays of them."""
    axes = {"B": B, "H": H, "G": G, "L": L, "S": S, "D": D, "E": E}
    products = {"B H": B * H, "B G": B * G, "B L": B * L, "L S": L * S, "H D": H * D, "L D": L * D,
                "S E": S * E, "H L": H * L, "B H L": B * H * L, "B H L S": B * H * L * S}  # fmt: skip
    related = {"H / G": H // np.maximum(G, 1), "S - L": S - L, "D - E": D - E, "D + E": D + E, "L + S": L + S,
               "S - D": S - D, "L - D": L - D, "L H / G": L * (H // np.maximum(G, 1)),
               "B - H": B - H, "L - H": L - H, "2 L - S": 2 * L - S, "2 S - L": 2 * S - L}  # fmt: skip
    return axes | products | related


def facts(case: Any, arrays: Mapping[str, Any], history: Mapping[str, float]) -> dict[str, float]:
    """All facts of a case whose tensors lie in memory as `arrays` do."""
    found = dict(sizes(*case.specification.shape))
    found |= _options(case)
    if case.query.size and case.key.size and case.value.size:
        found |= _numbers(case)
        found |= memory(arrays)
    wanted = case.specification.mode
    subset = {*wanted.split(", ")} <= {"query", "key", "value"}
    for name in ("query", "key", "value"):
        found[f"gradient of {name}"] = (not subset or name in wanted) and wanted != "no gradient"
    return {name: float(x) for name, x in (found | {**history}).items()}


def _options(case: Any) -> dict[str, Any]:
    options, (B, H, _, L, S, D, _) = case.options, case.specification.shape
    found: dict[str, Any] = {name: name in options for name in OPTIONS}
    found["options"] = len(options)
    if "window" in options:
        left, right = options["window"]
        found |= {
            "window left": left,
            "window right": right,
            "window width": left + right + 1,
        }
        found |= {
            "S - window left": S - left,
            "S - window right": S - right,
            "S - window width": S - left - right - 1,
        }
    for name in ("softcap", "q_offset"):
        if name in options:
            found[f"{name} value"] = options[name]
    scale = options.get("scale", D**-0.5)
    found["scale value"] = scale if np.ndim(scale) == 0 else np.nan
    found["diagonal"] = case.offset
    for name in ("mask", "bias"):
        if name in options:
            axes = zip(["batch", "heads", "queries", "keys"], options[name].shape, (B, H, L, S), strict=True)
            found |= {f"{name} broadcast along {axis}": n == 1 < full for axis, n, full in axes}
    for name in ("bias", "sinks"):
        if name in options and options[name].size:
            x = options[name]
            found |= {f"largest {name}": x.max(), f"smallest {name}": x.min(), f"mean {name}": x.mean()}
            found[f"share of -inf in {name}"] = np.isneginf(x).mean()
    if "dropout" in options and options["dropout"].size:
        found["share dropped"] = (options["dropout"] == 0).mean()
    return found


def _numbers(case: Any) -> dict[str, Any]:
    """What the tensors, the scores and the weights hold, and which keys are visible."""
    B, H, G, L, S, D, _ = case.specification.shape
    found: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for name in TENSORS:
            found |= _of_tensor(name, np.asarray(getattr(case, name), dtype=float))
        seen = np.broadcast_to(True if case.visible is None else case.visible, (B, H, L, S))
        seen = seen & ~np.isneginf(np.broadcast_to(case.options.get("bias", 0.0), seen.shape))
        found |= _of_visible(seen)
        keys = np.repeat(np.asarray(case.key, dtype=float), H // G, axis=1)
        scale = case.options.get("scale_array", case.options.get("scale", D**-0.5))
        scores = scale * (case.query.astype(float) @ keys.swapaxes(-1, -2)) + case.options.get("bias", 0.0)
        found |= _of_scores(np.where(seen, scores, -np.inf), seen, case.options.get("sinks"))
    return found


def _of_tensor(name: str, x: Any) -> dict[str, Any]:
    size = np.abs(x)
    finite = x[np.isfinite(x)]
    return {
        f"largest |{name}|": size[np.isfinite(x)].max(initial=0.0),
        f"smallest |{name}| above 0": finite[finite != 0].size and np.abs(finite[finite != 0]).min(),
        f"mean of {name}": finite.mean() if finite.size else np.nan,
        f"first number of {name}": x.ravel()[0],
        f"last number of {name}": x.ravel()[-1],
        f"share of zeros in {name}": (x == 0).mean(),
        f"zero rows in {name}": (size.max(axis=-1) == 0).sum(),
        f"negative zeros in {name}": ((x == 0) & np.signbit(x)).sum(),
        f"NaN in {name}": np.isnan(x).sum(),
        f"share of positives in {name}": (x > 0).mean(),
        f"sum of squares of {name}": (finite**2).sum(),
        f"equal batch entries of {name}": x.shape[0] > 1 and (x == x[:1]).all(),
    }


def _of_visible(seen: Any) -> dict[str, Any]:
    per_row = seen.sum(axis=-1)
    return {
        "share visible": seen.mean(),
        "all visible": seen.all(),
        "fewest keys of a row": per_row.min(),
        "most keys of a row": per_row.max(),
        "rows with one key": (per_row == 1).sum(),
        "empty rows": (per_row == 0).sum(),
        "keys that no row sees": (~seen.any(axis=-2)).sum(),
        "first key hidden from a row": (~seen[..., 0]).any(),
        "last key hidden from a row": (~seen[..., -1]).any(),
        "first key hidden from all": not seen[..., 0].any(),
        "last key hidden from all": not seen[..., -1].any(),
        "keys of the first row": per_row[..., 0].min(),
        "keys of the last row": per_row[..., -1].min(),
        "rows unequal over the batch": (seen != seen[:1]).any(),
        "rows unequal over the heads": (seen != seen[:, :1]).any(),
    }


def _of_scores(scores: Any, seen: Any, sinks: Any) -> dict[str, Any]:
    highest = scores.max(axis=-1)
    kept = highest[np.isfinite(highest)]
    some = scores[seen & np.isfinite(scores)]
    if not kept.size or not some.size:
        return {}
    powers = np.exp(scores - np.where(np.isfinite(highest), highest, 0.0)[..., None])
    weights = powers / np.maximum(powers.sum(axis=-1, keepdims=True), 1e-300)
    place, top = weights.argmax(axis=-1), weights.max(axis=-1, keepdims=True)
    S = scores.shape[-1]
    found = {
        "largest score": some.max(), "smallest score": some.min(), "mean score": some.mean(),
        "spread of scores": some.max() - some.min(), "least row maximum": kept.min(),
        "largest weight": top.max(), "least largest weight": top.min(),
        "smallest weight": weights[seen].min(),
        "ties in the maximum": ((weights == top) & seen).sum(axis=-1).max(),
        "maximum at the first key": (place == 0).any(), "maximum at the last key": (place == S - 1).any(),
        "largest row sum": powers.sum(axis=-1).max(),
    }  # fmt: skip
    if sinks is not None:
        found["sink above the scores"] = (sinks > highest.max(axis=(0, 2))).sum()
        found["sink below the scores"] = (sinks < highest.min(axis=(0, 2))).sum()
    return found


def memory(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Strides in numbers, contiguity, offset and flags of the tensors as the kernel gets them."""
    found: dict[str, Any] = {}
    for name, x in arrays.items():
        strides = [n // x.itemsize for n in x.strides]
        found |= {f"stride {axis} of {name}": n for axis, n in zip("BHLD", strides, strict=True)}
        found |= {
            f"{name} contiguous": x.flags.c_contiguous,
            f"{name} transposed": strides[1] < strides[2],
            f"{name} writeable": x.flags.writeable,
            f"offset of {name}": offset(x) % LINE,
            f"negative strides in {name}": sum(n < 0 for n in strides),
            f"rows apart in {name}": abs(strides[2]) != x.shape[3],
        }
    contiguous = [x.flags.c_contiguous for x in arrays.values()]
    found["contiguous tensors"] = sum(contiguous)
    if {"query", "key", "value"} <= {*arrays}:
        query, key, value = (arrays[name].strides for name in ("query", "key", "value"))
        found |= {"strides of query = key": query == key, "strides of key = value": key == value}
    return found


def offset(x: Any) -> int:
    """Bytes between the first number of an array and that of the array it is a view of."""
    outer = x
    while isinstance(outer.base, np.ndarray):
        outer = outer.base
    return int(x.__array_interface__["data"][0] - outer.__array_interface__["data"][0])


class History:
    """The calls of a run: how many before, and with the same shape or options."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def next(self, specification: Any, times: int) -> dict[str, float]:
        """The facts of the last of `times` calls with a specification."""
        call = (tuple(specification.shape), tuple(specification.options), specification.mode)
        self.calls += [call] * (times + (specification.mode in ("called before", "in threads")))
        before, last = self.calls[:-1], self.calls[-2:-1] or [((), (), "")]
        (shape, options, _) = last[0]
        return {
            "calls before": len(before),
            "calls with this shape": sum(c[0] == call[0] for c in before),
            "calls with these options": sum(c[1] == call[1] for c in before),
            "the last call's shape": shape == call[0],
            "the last call's options": options == call[1],
            "the last call's S": shape[4] if shape else -1,
            "backward calls": 2 if specification.mode == "backward twice" else 1,
            "other threads": specification.mode == "in threads",
        }


def holding(found: Mapping[str, float], tests: Iterable[tuple[str, str, float]]) -> bool:
    """True if every test holds: a fact, a comparison, a number; "% m" compares the remainder with it."""
    return all(_holds(found.get(fact), comparison, number) for fact, comparison, number in tests)


def _holds(x: float | None, comparison: str, number: float) -> bool:
    if x is None or x != x:
        return False
    if comparison.startswith("%"):
        return bool(x % int(comparison[1:].rstrip("!")) == number) != comparison.endswith("!")
    return bool({"<": x < number, "<=": x <= number, ">": x > number, ">=": x >= number, "==": x == number,
                 "!=": x != number}[comparison])  # fmt: skip
