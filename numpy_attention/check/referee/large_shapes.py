"""Shapes for which the whole reference is too large: some rows judged exactly, the laws held over everything.

A query row of out and d_query needs one row of scores. A key row of d_key and d_value needs a column of them,
hence the whole softmax of every query; but backward is linear in d_out. So the candidate is called once more,
with a d_out that is 0 but for the sampled query rows: then every row of d_key and d_value is a sum over
those, and can be judged exactly, all of them. With the first d_out, which is nowhere 0, the laws are held
over all heads.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..candidate.candidate import Candidate
from ..candidate.frameworks import NumPy, taken
from ..candidate.sandbox import run
from ..cases.cases import Case, Shape, Specification, visible_pairs
from ..cases.compare import Verdict, expected_results
from ..cases.profiles import Capabilities
from ..cases.sensitivity import ReferenceCase
from ..reference.error_bounds import BLOCK
from ..rounding.formats import FORMATS, Format, Roundoff
from .judging import Judged, broken_laws, judge_tensor

SAFE = ("causal", "window", "scale", "softcap", "sinks")
"""The options that need no array of pairs."""

ROWS = 8
"""So many query rows are sampled, the first and the last among them,"""

SCORES = 2**23
"""or fewer, but two, where they have more scores than this;"""

HEADS = 4
"""of so many heads of keys."""

SOFTCAP = 5.0
"""Low enough that what is capped after it was hidden shows."""

PLANTED_SCORES = 2**20
"""So many scores have the rows on which faults are planted."""


ALONE = (1, BLOCK)
"""Each sampled query stands in a block of its own."""


class Part(NamedTuple):
    """The query heads h of one head of keys g, in batch entry b."""

    b: int
    g: int
    h: slice

    def __str__(self) -> str:
        heads = f"head {self.h.start}" if self.h.stop - self.h.start == 1 else (
            f"heads {self.h.start} to {self.h.stop - 1}")  # fmt: skip
        return f"batch {self.b}, {heads}"


class Drawn(NamedTuple):
    """The whole call, in the smallest dtype of NumPy's that holds its numbers, and the sampled rows."""

    case: Case
    rows: Array
    parts: tuple[Part, ...]

    @property
    def sparse(self) -> Case:
        """The same with a d_out that is 0 but in the sampled rows."""
        d_out = np.zeros_like(self.case.d_out)
        d_out[:, :, self.rows] = self.case.d_out[:, :, self.rows]
        return replace(self.case, d_out=d_out)


def draw_large(specification: Specification) -> Drawn:
    """Inputs whose softmax is peaked enough that no row drowns in its mean; rows and heads by the seed."""
    spec, kept = specification, FORMATS[specification.dtype]
    B, H, G, L, S, D, E = spec.shape
    rng = np.random.default_rng([spec.seed, *spec.shape])
    peak = math.sqrt(math.log(max(S, 2)))
    query = _normal(rng, (B, H, L, D), peak, kept)
    key, value = _normal(rng, (B, G, S, D), 1.0, kept), _normal(rng, (B, G, S, E), 1.0, kept)
    d_out = _normal(rng, (B, H, L, E), 1.0, kept)
    shift = S - L if spec.corner == "bottom_right" else 0
    options: dict[str, Any] = {}
    if "causal" in spec.options:
        options["causal"] = True
    if "window" in spec.options:
        options["window"] = (max(1, S // 4, L + shift - S + 1), max(1, S // 6, -shift))
    if "scale" in spec.options:
        options["scale"] = 1.5 * 2.0 ** math.ceil(-math.log2(D) / 2)
    if "softcap" in spec.options:
        options["softcap"] = SOFTCAP
    if "sinks" in spec.options:
        # about as large as the rest of the row, log Σ exp: of normal scores, and of capped ones
        rest = peak * peak + (SOFTCAP / 2 if "softcap" in spec.options else peak * peak / 2)
        options["sinks"] = kept.rounded(rng.standard_normal(H) + rest)
    n = H // G
    count = int(np.clip(SCORES // max(1, n * S), 2, ROWS))
    fixed = [0, L - 1] if L > 1 else [0]
    rows = np.unique([*fixed, *rng.integers(0, L, max(0, count - 2))])
    groups = [(b, g) for b in range(B) for g in range(G)]
    chosen = {0, len(groups) - 1, *rng.permutation(len(groups))[: HEADS - 2].tolist()}
    parts = tuple(Part(b, g, slice(g * n, (g + 1) * n)) for b, g in (groups[i] for i in sorted(chosen)))
    return Drawn(Case(spec, query, key, value, d_out, options, shift), rows, parts)


def _normal(rng: Any, shape: tuple[int, ...], times: float, kept: Format) -> Array:
    dtype = np.float64 if kept.name == "float64" else np.float32
    x = np.empty(shape, dtype)
    for index in np.ndindex(shape[:2]):
        x[index] = kept.rounded(times * rng.standard_normal(shape[2:], dtype=dtype))
    return x


# -------------------------------------------------------------------------------------------- judging


def judge_large(
    candidate: Candidate, drawn: Drawn, framework: NumPy, roundoff: Roundoff, timeout: float
) -> Iterator[tuple[ReferenceCase, Judged]]:
    """One pair for each sampled head of keys, as `judge_case` gives for a case; one alone if a call fails."""
    first = run(partial(_called, candidate, drawn.case, framework), timeout)
    second = run(partial(_called, candidate, drawn.sparse, framework), timeout)
    if told := first.told or second.told:
        yield _small(drawn, drawn.parts[0], roundoff, 2), Judged({}, problems=(told,), printed=first.printed)
        return
    dense, sparse = first.value, second.value
    laws = tuple(_laws(drawn, dense, roundoff)) if len(dense) > 1 else ()
    strays = _strays(candidate, drawn, sparse)
    for part in drawn.parts:
        proof = _small(drawn, part, roundoff, len(drawn.rows))
        rows = {name: x for name, x in dense.items() if name in ("out", "lse", "d_query")}
        found = {name: _of(name, x, part, drawn.rows) for name, x in rows.items()}
        found |= {n: _of(n, sparse[n], part, None) for n in ("d_key", "d_value") if n in sparse}
        numbers = {name: taken(x) for name, x in found.items()}
        numbers = {n: t._replace(numbers=_shaped(t.numbers, n, proof)) for n, t in numbers.items()}
        verdicts = [judge_tensor(proof, n, t, framework, roundoff) for n, t in numbers.items()]
        placed = tuple(_placed(v, part, drawn.rows) for v in verdicts if v is not None)
        yield proof, Judged(numbers, placed, laws + strays, printed=first.printed)
        laws = strays = ()


def _called(candidate: Candidate, case: Case, framework: NumPy) -> dict[str, Any]:
    """What a candidate returns, as it returns it, but for the order of axes."""
    native = candidate.native(case, framework)
    return {name: x for name, x in native.items() if x is not None}


def _of(name: str, x: Any, part: Part, rows: Array | None) -> Any:
    """One head of keys of a result, or the query heads that read it, at some rows."""
    if name in ("d_key", "d_value"):
        return x[part.b, part.g]
    x = x[part.b, part.h]
    return x if rows is None else x[:, rows]


def _shaped(x: Array, name: str, proof: ReferenceCase) -> Array:
    return x.reshape(np.shape(getattr(proof.expected.values, name)))


def _placed(verdict: Verdict, part: Part, rows: Array) -> Verdict:
    """The place of a verdict in the whole array."""
    if not verdict.place:
        return verdict
    _, h, position, *rest = verdict.place
    if verdict.tensor in ("d_key", "d_value"):
        return verdict._replace(place=(part.b, part.g, position, *rest))
    return verdict._replace(place=(part.b, part.h.start + h, int(rows[position]), *rest))


def _small(drawn: Drawn, part: Part, roundoff: Roundoff, count: int) -> ReferenceCase:
    """The sampled rows of some heads as a case of their own, whose mask is their part of the whole."""
    case, rows = drawn.case, drawn.rows[:count]
    S, D, E = case.key.shape[-2], case.key.shape[-1], case.value.shape[-1]
    query, d_out = (x[part.b, part.h][None, :, rows].astype(float) for x in (case.query, case.d_out))
    key, value = (x[part.b, part.g][None, None].astype(float) for x in (case.key, case.value))
    options = {name: x for name, x in case.options.items() if name in ("scale", "softcap")}
    if "sinks" in case.options:
        options["sinks"] = case.options["sinks"][part.h]
    banded = {name: x for name, x in case.options.items() if name in ("causal", "window")}
    if banded:
        seen = [visible_pairs(banded, case.shift + int(row), 1, S) for row in rows]
        whole = [np.ones((1, S), dtype=bool) if x is None else x for x in seen]
        options["mask"] = np.concatenate(whole)[None, None]
    heads = query.shape[1]
    spec = case.specification._replace(
        name=f"{case.specification.name}: {part}", shape=Shape(1, heads, 1, len(rows), S, D, E)
    )
    small = Case(spec, query, key, value, d_out, options)
    return ReferenceCase(small, expected_results(small.inputs, roundoff, ALONE), {})


def large_specifications(lengths: Sequence[int], reach: Capabilities) -> tuple[Specification, ...]:
    """The calls at one shape B, H, G, L, S, D, and E if it is not D: plain, and with all options that fit.

    Raises
    ------
    ValueError
        For a shape that is none.
    """
    if len(lengths) not in (6, 7) or min(lengths) < 1 or lengths[1] % lengths[2]:
        told = ",".join(map(str, lengths))
        raise ValueError(f"shape is {told}; B,H,G,L,S,D[,E] is expected, and that G divides H")
    shape = Shape(*lengths, *(lengths[5:] if len(lengths) == 6 else ()))
    options = tuple(name for name in reach.options if name in SAFE)
    if shape.L != shape.S and reach.corner is None:
        options = tuple(name for name in options if name not in ("causal", "window"))
    corner = reach.corner or "top_left"
    plain = Specification("plain", shape, (), dtype=reach.dtype, corner=corner, seed=reach.seed)
    told = " and ".join(options)
    return (plain, plain._replace(name=told, options=options)) if options else (plain,)


def controls(drawn: Drawn, roundoff: Roundoff) -> list[ReferenceCase]:
    """The rows on which faults are planted: few enough that each can be planted in turn."""
    heads = drawn.parts[0].h
    scores = (heads.stop - heads.start) * drawn.case.key.shape[-2]
    count = int(np.clip(PLANTED_SCORES // max(1, scores), 2, len(drawn.rows)))
    parts = drawn.parts[: max(1, PLANTED_SCORES // max(1, scores * count))]
    ends = np.unique(np.linspace(0, len(drawn.rows) - 1, count).astype(int))  # the first, and the last
    few = drawn._replace(rows=drawn.rows[ends])
    return [_small(few, part, roundoff, count) for part in parts]


def _strays(candidate: Candidate, drawn: Drawn, sparse: Mapping[str, Any]) -> tuple[str, ...]:
    """d_query is 0 wherever d_out is."""
    if "d_query" not in sparse:
        return ()
    others = np.setdiff1d(np.arange(drawn.case.query.shape[-2]), drawn.rows)
    for part in drawn.parts:
        if np.any(taken(_of("d_query", sparse["d_query"], part, others)).numbers):
            return (f"d_query is not 0 in rows where d_out is ({part})",)
    return ()


def _laws(drawn: Drawn, dense: Mapping[str, Any], roundoff: Roundoff) -> Iterator[str]:
    """The laws that are broken, head of keys after head of keys."""
    case = drawn.case
    B, H, G = case.query.shape[0], case.query.shape[1], case.key.shape[1]
    n = H // G
    broken: dict[str, str] = {}
    for b, g in np.ndindex(B, G):
        part = Part(b, g, slice(g * n, (g + 1) * n))
        options = {k: x[part.h] if k == "sinks" else x for k, x in case.options.items()}
        query, d_out = (x[b, part.h][None] for x in (case.query, case.d_out))
        key, value = (x[b, g][None, None] for x in (case.key, case.value))
        whole = replace(case, query=query, key=key, value=value, d_out=d_out, options=options)
        tensors = {}
        for name, x in dense.items():
            if name in ("out", "lse", "d_query", "d_key", "d_value"):
                own = taken(_of(name, x, part, None))
                grouped = own.numbers[None] if name not in ("d_key", "d_value") else own.numbers[None, None]
                tensors[name] = own._replace(numbers=grouped)
        for law in broken_laws(whole, tensors, roundoff):
            broken.setdefault(law, str(part))
    for law, where in broken.items():
        yield f"breaks {law} (first in {where})"
