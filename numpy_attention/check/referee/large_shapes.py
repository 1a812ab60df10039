"""Judge shapes whose reference does not fit in memory: sampled rows exactly, the whole by the laws.

A row of out and d_query needs one row of scores. A row of d_key and d_value needs a column of scores, hence
the softmax of every query; but backward is linear in d_out. So the candidate is called a second time with a
d_out that is 0 outside the sampled query rows: every row of d_key and d_value is then a sum over the sampled
rows alone, and all of them are judged exactly. The laws are checked over all heads of the first call.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ..candidate.candidate import Candidate
from ..candidate.frameworks import NumPy, to_numpy
from ..candidate.refusals import refusal
from ..cases.capabilities import Capabilities
from ..cases.cases import Case, make_case, visible_pairs
from ..cases.compare import Verdict, expected_results, wrong_shape
from ..cases.sensitivity import ReferenceCase
from ..cases.specification import Specification
from ..reference.error_bounds import BLOCK
from ..reference.inputs import Shape
from ..rounding.formats import FORMATS, Format, Roundoff
from .judging import CaseJudgement, broken_laws, full_error, judge_tensor, other_dtypes
from .precision_guess import coarser_arithmetics, with_arithmetic

SMALL_OPTIONS = ("causal", "window", "scale", "softcap", "sinks")
"""The options that need no (L, S) array."""

MAX_ROWS, MAX_ROW_SCORES = 8, 2**23
"""Most query rows that are sampled, and most scores in them; but the first and last row always are."""

BATCH_OF_TWO, MOST_NUMBERS = "batch of two", 2**26
"""A case besides those of a shape with B = 1, and the numbers in its arrays up to which it is drawn."""

MAX_GROUPS = 4
"""Most key heads that are sampled, each with its query heads."""

BY_QUERY, BY_KEY = ("out", "lse", "d_query"), ("d_key", "d_value")
"""The results with a row for each query, and with a row for each key."""

SOFTCAP = 5.0
"""Small enough to reveal a softcap applied after the mask."""

PLANTED_SCORES = 2**20
"""Most scores in the rows on which faults are planted."""

ONE_ROW_BLOCKS = (1, BLOCK)
"""Block sizes of the error bounds: sampled rows are not neighbours, so each is a block of its own."""


class HeadGroup(NamedTuple):
    """Key head g of batch entry b, and its query heads h."""

    b: int
    g: int
    h: slice

    def __str__(self) -> str:
        heads = f"head {self.h.start}" if self.h.stop - self.h.start == 1 else (
            f"heads {self.h.start} to {self.h.stop - 1}")  # fmt: skip
        return f"batch {self.b}, {heads}"


class SampledCase(NamedTuple):
    """A large case, its arrays in float32 if that holds them; the query rows and heads judged exactly."""

    case: Case
    rows: Array
    groups: tuple[HeadGroup, ...]

    @property
    def sparse(self) -> Case:
        """The case with d_out = 0 outside the sampled rows."""
        d_out = np.zeros_like(self.case.d_out)
        d_out[:, :, self.rows] = self.case.d_out[:, :, self.rows]
        return self.case.rebuilt(d_out=d_out)


def large_specifications(lengths: Sequence[int], capabilities: Capabilities) -> tuple[Specification, ...]:
    """The cases at one shape B, H, G, L, S, D[, E]: plain, and with all supported SMALL_OPTIONS.

    Raises
    ------
    ValueError
        If `lengths` is not a shape of attention.
    """
    if len(lengths) not in (6, 7) or min(lengths) < 1 or lengths[1] % lengths[2]:
        text = ",".join(map(str, lengths))
        raise ValueError(f"shape is {text}; B,H,G,L,S,D[,E] is expected, where G divides H")
    shape = Shape(*lengths, *(lengths[5:] if len(lengths) == 6 else ()))
    options = tuple(name for name in capabilities.options if name in SMALL_OPTIONS)
    if shape.L != shape.S and capabilities.corner is None:
        options = tuple(name for name in options if name not in ("causal", "window"))
    corner = capabilities.corner or "top_left"
    always = (capabilities.always,) if capabilities.always else ()
    plain = Specification(
        "plain", shape, always, dtype=capabilities.dtype, corner=corner, window=capabilities.window,
        seed=capabilities.seed,
    )  # fmt: skip
    rich = plain._replace(name=" and ".join(options), options=(*always, *options))
    specs = [plain, rich] if options else [plain]
    twice = shape._replace(B=2)
    if shape.B == 1 and not capabilities.one_entry and _numbers_in(twice) <= MOST_NUMBERS:
        specs.append(specs[-1]._replace(name=f"{specs[-1].name}, {BATCH_OF_TWO}", shape=twice))
    return tuple(specs)


def _numbers_in(shape: Shape) -> int:
    """The numbers in the inputs, the output and the gradients."""
    B, H, G, L, S, D, E = shape
    return 2 * B * (H * L + G * S) * (D + E)


def draw_large(specification: Specification) -> SampledCase:
    """Draw a large case, its softmax peaked enough to tell a row from the mean of all values."""
    spec, kept = specification, FORMATS[specification.dtype]
    B, H, G, L, S, D, E = spec.shape
    rng = np.random.default_rng([spec.seed, *spec.shape])
    peak = math.sqrt(math.log(max(S, 2)))
    query = _normal(rng, (B, H, L, D), peak, kept)
    key, value = _normal(rng, (B, G, S, D), 1.0, kept), _normal(rng, (B, G, S, E), 1.0, kept)
    d_out = _normal(rng, (B, H, L, E), 1.0, kept)
    offset = S - L if spec.corner == "bottom_right" else 0
    options: dict[str, Any] = {
        "causal": True,
        "window": spec.window or (max(1, S // 4, L + offset - S + 1), max(1, S // 6, -offset)),
        "scale": 1.5 * 2.0 ** math.ceil(-math.log2(D) / 2),
        "softcap": SOFTCAP,
    }
    options = {name: x for name, x in options.items() if name in spec.options}
    if "sinks" in spec.options:
        # near log Σ exp of the row, so that sink and keys share the weight: of normal scores, or capped ones
        rest = peak * peak + (SOFTCAP / 2 if "softcap" in spec.options else peak * peak / 2)
        options["sinks"] = kept.rounded(rng.standard_normal(H) + rest)
    n = H // G
    count = int(np.clip(MAX_ROW_SCORES // max(1, n * S), 2, MAX_ROWS))
    ends = [0, L - 1] if L > 1 else [0]
    rows = np.unique([*ends, *rng.integers(0, L, max(0, count - 2))])
    heads = [(b, g) for b in range(B) for g in range(G)]
    chosen = {0, len(heads) - 1, *rng.permutation(len(heads))[: MAX_GROUPS - 2].tolist()}
    groups = tuple(HeadGroup(b, g, slice(g * n, (g + 1) * n)) for b, g in (heads[i] for i in sorted(chosen)))
    return SampledCase(make_case(spec, query, key, value, d_out, options, offset), rows, groups)


def _normal(rng: Any, shape: tuple[int, ...], deviation: float, kept: Format) -> Array:
    dtype = np.float64 if kept.name == "float64" else np.float32
    x = np.empty(shape, dtype)
    for index in np.ndindex(shape[:2]):
        x[index] = kept.rounded(deviation * rng.standard_normal(shape[2:], dtype=dtype))
    return x


# -------------------------------------------------------------------------------------------- judging


def judge_large(
    candidate: Candidate, sample: SampledCase, framework: NumPy, roundoff: Roundoff, timeout: float
) -> Iterator[tuple[ReferenceCase, CaseJudgement]]:
    """The judgement of each sampled head group; a single one with the failure if a call fails."""
    first = candidate.run(sample.case, framework, timeout, native=True)
    second = candidate.run(sample.sparse, framework, timeout, native=True)
    spec = sample.case.specification
    whole = CaseJudgement({}, printed=first.printed, drawn_from=spec)
    failed = first if first.failure else second
    if failed.failure or (wrong := _wrong_shapes(sample, first.value)):
        reference = sampled_reference(sample, sample.groups[0], roundoff, 2)
        unasked = failed.failure if spec.name.endswith(BATCH_OF_TWO) and not failed.hung else ""
        if not failed.failure:
            yield reference, whole._replace(verdicts=wrong)
        elif declined := unasked or refusal(candidate, sample.case, failed, framework, timeout):
            yield reference, whole._replace(declined=declined)
        else:
            yield reference, whole._replace(problems=(failed.failure,), error=full_error(failed.error))
        return
    dense, sparse = first.value, second.value
    others, under = _nonzero_d_query(sample, sparse), {}
    problems = _broken_laws(sample, dense, roundoff) + others
    if len(problems) > len(others):
        coarser = {name: with_arithmetic(roundoff, name) for name in coarser_arithmetics(roundoff)}
        under = {name: _broken_laws(sample, dense, other) + others for name, other in coarser.items()}
    for group in sample.groups:
        reference = sampled_reference(sample, group, roundoff, len(sample.rows))
        native = {n: _of_group(n, dense[n], group, sample.rows) for n in BY_QUERY if n in dense}
        native |= {n: _of_group(n, sparse[n], group, None) for n in BY_KEY if n in sparse}
        tensors = {name: to_numpy(x) for name, x in native.items()}
        for name, array in tensors.items():
            shape = np.shape(getattr(reference.expected.values, name))
            tensors[name] = array._replace(numbers=array.numbers.reshape(shape))
        verdicts = [judge_tensor(reference, n, array, framework, roundoff) for n, array in tensors.items()]
        placed = tuple(_globally_placed(v, group, sample.rows) for v in verdicts if v is not None)
        dtypes = other_dtypes(tensors, reference.case.format, framework)
        of_group = whole._replace(tensors=tensors, verdicts=placed, dtypes=dtypes)
        yield reference, of_group._replace(problems=problems, problems_under=under)
        problems, under = (), {}


def _wrong_shapes(sample: SampledCase, dense: Mapping[str, Any]) -> tuple[Verdict, ...]:
    """The verdicts on results that have not the shape of the whole case."""
    case = sample.case
    right = {"out": case.d_out.shape, "lse": case.query.shape[:-1], "d_query": case.query.shape}
    right |= {"d_key": case.key.shape, "d_value": case.value.shape}
    return tuple(
        wrong_shape(case.name, name, tuple(x.shape), right[name])
        for name, x in dense.items()
        if name in right and tuple(x.shape) != right[name]
    )


def _of_group(name: str, x: Any, group: HeadGroup, rows: Array | None) -> Any:
    """A group's part of a result: its key head, or its query heads at the given rows."""
    if name in BY_KEY:
        return x[group.b, group.g]
    x = x[group.b, group.h]
    return x if rows is None else x[:, rows]


def _globally_placed(verdict: Verdict, group: HeadGroup, rows: Array) -> Verdict:
    """The verdict with its place in the whole array."""
    if not verdict.place:
        return verdict
    _, h, position, *rest = verdict.place
    if verdict.tensor in BY_KEY:
        return verdict._replace(place=(group.b, group.g, position, *rest))
    return verdict._replace(place=(group.b, group.h.start + h, int(rows[position]), *rest))


def sampled_reference(sample: SampledCase, group: HeadGroup, roundoff: Roundoff, count: int) -> ReferenceCase:
    """The first `count` sampled rows of a group as a small case, with their rows of the mask."""
    case, rows = sample.case, sample.rows[:count]
    S, D, E = case.key.shape[-2], case.key.shape[-1], case.value.shape[-1]
    query, d_out = (x[group.b, group.h][None, :, rows].astype(float) for x in (case.query, case.d_out))
    key, value = (x[group.b, group.g][None, None].astype(float) for x in (case.key, case.value))
    options = {name: x for name, x in case.options.items() if name in ("scale", "softcap")}
    if "sinks" in case.options:
        options["sinks"] = case.options["sinks"][group.h]
    banded = {name: x for name, x in case.options.items() if name in ("causal", "window")}
    if banded:
        visible = [visible_pairs(banded, case.offset + int(row), 1, S) for row in rows]
        full = [np.ones((1, S), dtype=bool) if x is None else x for x in visible]
        options["mask"] = np.concatenate(full)[None, None]
    spec = case.specification._replace(
        name=f"{case.specification.name}: {group}", shape=Shape(1, query.shape[1], 1, len(rows), S, D, E)
    )
    small = make_case(spec, query, key, value, d_out, options)
    return ReferenceCase(small, expected_results(small, roundoff, ONE_ROW_BLOCKS), {})


def control_cases(sample: SampledCase, roundoff: Roundoff) -> list[ReferenceCase]:
    """Small cases of at most PLANTED_SCORES scores, on which every fault is planted."""
    heads = sample.groups[0].h
    scores = (heads.stop - heads.start) * sample.case.key.shape[-2]
    count = int(np.clip(PLANTED_SCORES // max(1, scores), 2, len(sample.rows)))
    groups = sample.groups[: max(1, PLANTED_SCORES // max(1, scores * count))]
    spread = np.unique(np.linspace(0, len(sample.rows) - 1, count).astype(int))  # first and last row included
    few = sample._replace(rows=sample.rows[spread])
    return [sampled_reference(few, group, roundoff, count) for group in groups]


def _nonzero_d_query(sample: SampledCase, sparse: Mapping[str, Any]) -> tuple[str, ...]:
    """A problem unless d_query is 0 in every row whose d_out is 0."""
    if "d_query" not in sparse:
        return ()
    others = np.setdiff1d(np.arange(sample.case.query.shape[-2]), sample.rows)
    for group in sample.groups:
        if np.any(to_numpy(_of_group("d_query", sparse["d_query"], group, others)).numbers):
            return (f"d_query is not 0 in rows where d_out is 0 ({group})",)
    return ()


def _broken_laws(sample: SampledCase, dense: Mapping[str, Any], roundoff: Roundoff) -> tuple[str, ...]:
    """The laws broken in any head, each with the first head group that breaks it."""
    if len(dense) < 2:
        return ()
    case = sample.case
    B, H, G = case.query.shape[0], case.query.shape[1], case.key.shape[1]
    n = H // G
    broken: dict[str, str] = {}
    for b, g in np.ndindex(B, G):
        group = HeadGroup(b, g, slice(g * n, (g + 1) * n))
        options = {k: x[group.h] if k == "sinks" else x for k, x in case.options.items()}
        query, d_out = (x[b, group.h][None] for x in (case.query, case.d_out))
        key, value = (x[b, g][None, None] for x in (case.key, case.value))
        part = case.rebuilt(query=query, key=key, value=value, d_out=d_out, options=options)
        tensors = {}
        for name in BY_QUERY + BY_KEY:
            if name in dense:
                array = to_numpy(_of_group(name, dense[name], group, None))
                axes = (0, 1) if name in BY_KEY else (0,)
                tensors[name] = array._replace(numbers=np.expand_dims(array.numbers, axes))
        for law in broken_laws(part, tensors, roundoff):
            broken.setdefault(law, str(group))
    return tuple(f"breaks {law} (first in {where})" for law, where in broken.items())
