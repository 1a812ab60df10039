"""The comparisons of attention: rows, and the peers timed in each."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.speed.peers import (
    SpeedCase,
    autograd_formula,
    installed,
    jax_formula,
    mygrad_formula,
    naive,
    ours,
    threads,
    torch_sdpa,
)
from benchmarks.speed.turns import SpeedComparison, left_out
from numpy_attention.functional.base.blas import run_threaded
from numpy_attention.functional.base.workers import Buffers
from numpy_attention.functional.fast.plan import SIDE, STACK
from numpy_attention.functional.tiled.tiling import slices

SHAPES = (
    (1, 16, 16),
    (4, 48, 32),
    (4, 64, 32),
    (12, 128, 64),
    (16, 128, 64),
    (24, 200, 32),
    (16, 256, 64),
    (16, 512, 64),
    (16, 1024, 64),
    (8, 2048, 64),
    (8, 4096, 64),
    (8, 2048, 128),
    (2, 16384, 64),
)
QUICK = (SHAPES[1], (16, 128, 64), (16, 512, 64), (16, 1024, 64))
LONG = tuple(shape for shape in SHAPES if shape[1] >= 512)
"""Shapes of which the window hides something, and that float64 is timed on."""
OTHER = {
    "8 query heads, 2 key heads, 1024 x 1024": SpeedCase(8, 1024, 64, groups=2),
    "8 heads, cross 128 x 4096": SpeedCase(8, 128, 64, S=4096),
    "8 heads, decode 1 x 8192": SpeedCase(8, 1, 64, S=8192),
    "peaked scores (16, 1024, 64)": SpeedCase(16, 1024, 64, size=20.0),
    "peaked scores (8, 2048, 64)": SpeedCase(8, 2048, 64, size=20.0),
}
QUICK_PEERS = ("matrix product", "torch flash", "naive NumPy")

FITS = 2**29
"""Bytes of scores above which peers that materialise them are left out; they need several such arrays."""

SQUARE = 2048
PRODUCTS = "matrix product"
DIRECTIONS = {False: "forward", True: "forward + backward"}
TORCH = {"FLASH_ATTENTION": "torch flash", "MATH": "torch math"}


def plain(quick: bool) -> Iterator[SpeedComparison]:
    """float32, everything visible."""
    return rows({str(s): SpeedCase(*s) for s in (QUICK if quick else SHAPES)}, "float32", quick)


def causal(quick: bool) -> Iterator[SpeedComparison]:
    """float32, causal."""
    return rows(
        {str(s): SpeedCase(*s, see="causal") for s in (QUICK[-1:] if quick else SHAPES)}, "float32", quick
    )


def window(quick: bool) -> Iterator[SpeedComparison]:
    """float32, each query attends to its own key and the 255 before it."""
    return rows(
        {str(s): SpeedCase(*s, see="window") for s in (QUICK[-1:] if quick else LONG)}, "float32", quick
    )


def float64(quick: bool) -> Iterator[SpeedComparison]:
    """float64, everything visible."""
    return rows({str(s): SpeedCase(*s) for s in (QUICK[1:2] if quick else LONG)}, "float64", quick)


def other(quick: bool) -> Iterator[SpeedComparison]:
    """float32: grouped heads, more keys than queries, peaked scores (standard deviation 20)."""
    return rows(dict(list(OTHER.items())[:3]) if quick else OTHER, "float32", quick)


def limit(quick: bool) -> Iterator[SpeedComparison]:
    """The machine's limit: NumPy's matrix product beside torch's, on all threads."""
    for dtype in ("float32", "float64"):
        mine, work = product(dtype), 2.0 * SQUARE**3
        row = f"product of matrices, {dtype}"
        if installed("torch") is None:
            yield left_out(row, "torch", "not installed")
            continue
        import torch

        torch.set_num_threads(threads())
        left, right = (torch.tensor(x) for x in squares(dtype))
        theirs = partial(torch.matmul, left, right)
        yield SpeedComparison(
            row, "torch", mine, theirs, SQUARE * float(np.finfo(dtype).eps), (work, work), (9, 15)
        )


def floor(quick: bool) -> Iterator[SpeedComparison]:
    """A lower bound for attention in NumPy: products, exp2 and one multiplication, beside all of torch's."""
    torch = installed("torch")
    for shape in QUICK[1:2] if quick else (shape for shape in SHAPES if shape[1] >= 128):
        case = SpeedCase(*shape)
        arrays = case.arrays("float32")
        for row, backward, kept in (
            (f"forward, float32, {shape}", False, False),
            (f"forward + backward, float32, {shape}", True, False),
            (f"forward + backward, exponentials kept, float32, {shape}", True, True),
        ):
            mine, work = least_work(arrays, backward, kept), operations(case, backward)
            yield SpeedComparison(
                row, PRODUCTS, mine, product("float32"), flops=(work, 2.0 * SQUARE**3), pairs=(3, 7)
            )
            if torch is None:
                yield left_out(row, "torch flash", "not installed")
                continue
            torch.set_num_threads(threads())
            theirs = torch_sdpa("FLASH_ATTENTION")(case, arrays, backward)
            yield SpeedComparison(row, "torch flash", mine, theirs, pairs=(5, 15))


def least_work(arrays: list[np.ndarray], backward: bool, kept: bool) -> Callable[[], Any]:
    """What fast_attention cannot do without, on its tiles; nothing is added up or checked."""
    heads = max(1, min(-(-len(arrays[0]) // 2), STACK // (arrays[0].shape[1] * arrays[1].shape[1])))
    tiles = [
        (group, rows, columns)
        for group in slices(len(arrays[0]), heads)
        for rows in slices(arrays[0].shape[1], SIDE)
        for columns in slices(arrays[1].shape[1], SIDE)
    ]
    query_rows = np.ascontiguousarray(arrays[0].swapaxes(-1, -2))
    d_out_rows = np.ascontiguousarray(arrays[3].swapaxes(-1, -2))

    def one(place: tuple[slice, slice, slice], buffers: Buffers) -> None:
        group, rows, columns = place
        query, d_out = arrays[0][group, rows], arrays[3][group, rows]
        key, value = arrays[1][group, columns], arrays[2][group, columns]
        shape = (len(key), key.shape[1], query.shape[1])
        tile, other = (buffers(name, shape, key.dtype) for name in ("tile", "other"))
        for_row, for_key = (buffers(name, x.shape, x.dtype) for name, x in (("row", query), ("key", key)))
        np.matmul(key, query_rows[group, :, rows], out=tile)
        np.exp2(tile, out=tile)
        np.matmul(tile.swapaxes(-1, -2), value, out=for_row)
        if backward:
            if not kept:
                np.matmul(key, query_rows[group, :, rows], out=tile)
                np.exp2(tile, out=tile)
            np.matmul(value, d_out_rows[group, :, rows], out=other)
            np.multiply(other, tile, out=other)
            np.matmul(tile, d_out, out=for_key)
            np.matmul(other, query, out=for_key)
            np.matmul(other.swapaxes(-1, -2), key, out=for_row)

    return lambda: run_threaded(one, tiles, threads())


def rows(cases: dict[str, SpeedCase], dtype: str, quick: bool) -> Iterator[SpeedComparison]:
    """Forward, then forward and backward, of each case against every peer, or a few if quick."""
    for backward, direction in DIRECTIONS.items():
        for name, case in cases.items():
            for comparison in one_row(f"{direction}, {dtype}, {name}", case, dtype, backward):
                if not quick or comparison.peer in QUICK_PEERS:
                    yield comparison


def one_row(row: str, case: SpeedCase, dtype: str, backward: bool) -> Iterator[SpeedComparison]:
    """A case against every peer."""
    arrays = case.arrays(dtype)
    mine = ours(case, arrays, backward)
    work = operations(case, backward)
    yield SpeedComparison(row, PRODUCTS, mine, product(dtype), flops=(work, 2.0 * SQUARE**3), pairs=(3, 7))
    scores = case.heads * case.L * case.keys * np.dtype(dtype).itemsize
    for peer, (make, materialises_scores) in peers_of(case, dtype).items():
        if make is None:
            yield left_out(row, peer, "not installed")
        elif materialises_scores and scores > FITS:
            yield left_out(row, peer, f"its scores alone take {scores // 2**20} MiB")
        else:
            pairs = (5, 15) if peer == "torch flash" and scores <= FITS else (3, 7)
            theirs = make(case, arrays, backward)
            yield SpeedComparison(row, peer, mine, theirs, tolerance(case, dtype, backward), pairs=pairs)


def operations(case: SpeedCase, backward: bool) -> float:
    """Floating-point operations of the visible part."""
    return (14.0 if backward else 4.0) * case.visible() * case.D


def peers_of(case: SpeedCase, dtype: str) -> dict[str, tuple[Callable[..., Any] | None, bool]]:
    """(maker or None if not installed, True if it materialises all scores) for each peer."""
    torch, jax = installed("torch"), installed("jax")
    if torch is not None:
        torch.set_num_threads(threads())
    if jax is not None:
        jax.config.update("jax_enable_x64", True)
        jax.config.update("jax_platforms", "cpu")
    peers: dict[str, tuple[Callable[..., Any] | None, bool]] = {
        peer: (torch and torch_sdpa(backend), peer == "torch math") for backend, peer in TORCH.items()
    }
    peers["jax"] = jax and jax_formula, True
    peers["naive NumPy"] = naive, True
    if case.see == "all" and not case.groups and not case.S and case.size == 1 and dtype == "float32":
        peers["autograd"] = installed("autograd") and autograd_formula, True
        peers["MyGrad"] = installed("mygrad") and mygrad_formula, True
    return peers


def tolerance(case: SpeedCase, dtype: str, backward: bool) -> float:
    """Tolerance for roundoff, relative to the largest number.

    A score has an error of up to D eps times its size, which is the relative error of its weight, and a sum
    of n products one of n eps times their absolute sum, where n is S or, for keys and values, L. A wrong
    mask, scale or order of axes gives errors of 1e-1 and more.
    """
    longest = max(case.L, case.keys) if backward else case.keys
    return float((longest + case.D * (1 + 5 * case.size)) * np.finfo(dtype).eps)


def product(dtype: str) -> Callable[[], Any]:
    """The machine's limit: a product of large square matrices, on all threads of NumPy's BLAS."""
    left, right = squares(dtype)
    return partial(np.matmul, left, right, out=np.empty_like(left))


def squares(dtype: str) -> Any:
    """Two square matrices."""
    return np.random.default_rng(1).standard_normal((2, SQUARE, SQUARE)).astype(dtype)
