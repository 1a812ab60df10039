"""The strategy that draws complete attention problems, with all options."""

from functools import cache
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import numpy_attention as na
from tests.support.cases import Case
from tests.support.mask_strategies import masks, some_shape

LENGTHS = {  # distinct primes where possible, so that a swapped axis cannot pass
    "L < S": ((5, 7), (2, 11), (7, 13)),
    "L = S": ((5, 5), (7, 7), (11, 11)),
    "L > S": ((11, 7), (13, 5), (7, 3)),
}
ODD_LENGTHS = {
    "a length of 0": {"L < S": (0, 7), "L = S": (0, 0), "L > S": (5, 0)},
    "a length of 1": {"L < S": (1, 7), "L = S": (1, 1), "L > S": (7, 1)},
}
VALUES = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "peaked": lambda rng, shape: 6 * rng.standard_normal(shape),
    "tied": lambda rng, shape: rng.integers(-1, 2, shape),
    "tiny": lambda rng, shape: 1e-8 * rng.standard_normal(shape),
    "huge": lambda rng, shape: 1e4 * rng.uniform(-3, 3, shape),
}
DTYPES = ("float16", "float32", "float64")

SLOTS = (
    ("one head", "own heads", "grouped heads"),
    ("batch", "broadcast batch"),
    tuple(LENGTHS),
    tuple(ODD_LENGTHS),
    (*DTYPES, "mixed dtypes"),
    tuple(VALUES),
    ("bias",),
    ("broadcast bias",),
    ("hidden bias",),
    ("number scale", "array scale"),
    ("softcap",),
    ("sinks",),
    ("dropout", "multipliers"),
    ("d_weights",),
    ("d_lse",),
)
"""Features of a problem: one per slot or, for an option, none."""

NAMES = {"mask"} | {name for slot in SLOTS for name in slot}


@cache
def sampled(names):
    """st.sampled_from, validated once for each tuple of names."""
    return st.sampled_from(names)


class Chooser:
    """Draws the features of a problem and records them as tags."""

    def __init__(self, draw, without, having):
        unknown = {*without, *having} - NAMES
        assert not unknown, f"unknown features: {unknown}"
        self.draw, self.without, self.having, self.tags = draw, set(without), set(having), set()
        if self.having & {"hidden bias", "broadcast bias"}:
            self.having.add("bias")

    def one(self, *names, unless=0):
        """One of these names; if none is required, None counts as `unless` further choices."""
        required = self.having.intersection(names)
        allowed = [name for name in names if (name in required if required else name not in self.without)]
        name = self.draw(sampled((*[None] * (0 if required else unless), *allowed) or (None,)))
        self.tags |= {name} - {None}
        return name


class AxisLengths(NamedTuple):
    """Axis lengths; batch, H and G as tuples, empty where there is no such axis."""

    batch: tuple[int, ...]
    H: tuple[int, ...]
    G: tuple[int, ...]
    L: int
    S: int
    D: int
    E: int


def sizes(choose):
    """Lengths of all axes."""
    draw, relation = choose.draw, choose.one(*LENGTHS)
    heads = choose.one("one head", "own heads", "grouped heads")
    many = heads != "one head" and choose.one("batch", "broadcast batch", unless=1)
    odd = choose.one(*ODD_LENGTHS, unless=3)
    where = odd and draw(sampled("LDE" + "G" * (heads != "one head") + "B" * bool(many)))
    n = 0 if odd == "a length of 0" else 1

    def length(letter, *usual):
        return n if where == letter else draw(sampled(usual))

    L, S = ODD_LENGTHS[odd][relation] if where == "L" else draw(sampled(LENGTHS[relation]))
    D, E = length("D", 3, 17), length("E", 2, 19)
    if heads == "one head":
        return AxisLengths((), (), (), L, S, D, E)
    G = length("G", 2, 3)
    H = G * draw(sampled((2, 3))) if heads == "grouped heads" else G
    batch = draw(sampled(((2,), (3,), (2, 3)))) if many else ()
    return AxisLengths((n,) if where == "B" else batch, (H,), (G,), L, S, D, E)


def batches(choose, rng, batch):
    """Batch axes of query, key and value; at least one has all of them."""
    if "broadcast batch" not in choose.tags:
        return batch, batch, batch
    some, other = (some_shape(rng, batch) for _ in range(2))
    if some == other == batch:
        other = ()
    return [(batch, some, other)[n] for n in rng.permutation(3)]


@st.composite
def problems(draw, without=(), having=()):
    """Complete attention problems, never `without` and always `having` the named features (see SLOTS)."""
    choose = Chooser(draw, without, having)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    batch, H, G, L, S, D, E = sizes(choose)
    shape = (*batch, *H, L, S)
    scheme, kind, value_kind = choose.one(*DTYPES, "mixed dtypes"), choose.one(*VALUES), choose.one(*VALUES)

    def array(shape, of=kind):
        dtype = draw(sampled(DTYPES)) if scheme == "mixed dtypes" else scheme
        return np.asarray(VALUES[of](rng, shape)).astype(dtype)

    of_query, of_key, of_value = batches(choose, rng, batch)
    given = {
        "query": array((*of_query, *H, L, D)),
        "key": array((*of_key, *G, S, D)),
        "value": array((*of_value, *G, S, E), value_kind),
        "d_out": array((*shape[:-1], E), value_kind),
    }
    if choose.one("mask", "mask", unless=1):
        drawn = draw(masks(batch, H, L, S))
        given.update(mask=drawn.mask, pairs=np.broadcast_to(drawn.pairs, shape))
        choose.tags |= drawn.tags
    if choose.one("bias", unless=1):
        some = shape
        if choose.one("broadcast bias", unless=1):
            some = some_shape(rng, shape)
            some = shape[1:] if some == shape else some
        bias = array(some)
        if choose.one("hidden bias", unless=1):
            bias = np.where(rng.random(some) < 0.3, bias.dtype.type(-np.inf), bias)
        given.update(bias=bias)
    scale = choose.one("number scale", "array scale", unless=2)
    if scale:
        number = scale == "number scale"
        given.update(
            scale=float(rng.normal()) if number else array(some_shape(rng, shape, least=1), "normal")
        )
    if choose.one("softcap", unless=1):
        given.update(softcap=draw(sampled((2.0, 0.5, 30.0))))
    if choose.one("sinks", unless=1):
        given.update(sinks=array(some_shape(rng, shape[:-2])))
    dropout = choose.one("dropout", "multipliers", unless=2)
    if dropout == "dropout":
        given.update(dropout=na.dropout(seed % 97, draw(sampled((0.3, 0.0, 0.9)))))
    elif dropout:
        kept = rng.random(some_shape(rng, shape, least=1)) < 0.6
        given.update(dropout=(kept / 0.6).astype("float32" if scheme == "mixed dtypes" else scheme))
    if choose.one("d_weights", unless=1):
        given.update(d_weights=array(shape, "normal"))
    if choose.one("d_lse", unless=1):
        given.update(d_lse=array(shape[:-1], "normal"))
    return Case(**given, seed=seed, tags=frozenset(choose.tags))


def for_all(without=(), having=(), share=0.6):
    """Make `test(case)` a property of all such problems; .holds is the test, .domain the strategy.

    share: of the profile's examples. Drawing a problem costs as much as testing most properties.
    """

    def decorate(test):
        domain = problems(without=without, having=having)
        run = settings(max_examples=int(settings().max_examples * share))(given(case=domain)(test))
        run.domain, run.holds = domain, test
        return run

    return decorate
