"""How attention scales over workers: seconds, memory, bytes moved and tasks, beside `fast_attention`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..files import write_csv, write_text
from ..functional.fast.fast import fast_attention_backward, fast_attention_forward
from ..functional.masks.builders import causal
from ..training.pictures import write_figure
from .attention import attention_backward, attention_forward
from .engine import require, settle, worker_count

FORMS = ("{}", "{}", "{:,}", "{}", "{:,}", "{:,}", "{:.2f}", *("{:.1f}",) * 3, *("{:.0f}",) * 3,
         *("{:.1f}",) * 2, "{:.0e}")  # fmt: skip
"""A format for each column of the table."""
MIB = 2**20


class ScaleProblem(NamedTuple):
    """Self-attention in float32: H heads, L queries and keys in chunks, width D."""

    length: int
    chunk: int
    heads: int = 4
    width: int = 64
    causal: bool = False

    @property
    def mask(self) -> Any:
        """The mask, or None."""
        return causal() if self.causal else None

    @property
    def ring_bytes(self) -> int:
        """Bytes of keys and values: a ring of W workers passes them W - 1 times, backward twice as much."""
        return 2 * 4 * self.heads * self.length * self.width


class Scaled(NamedTuple):
    """What a workload took on so many workers; fast_attention's seconds are those of as many threads here."""

    scaling: str
    workers: int
    length: int
    heads: int
    chunk: int
    tasks: int
    graph_seconds: float
    forward_seconds: float
    backward_seconds: float
    processor_seconds: float
    """Of all workers together, forward and backward."""
    moved_mib: float
    """Between workers, forward and backward."""
    ring_mib: float
    """What a ring would move: 3 (W - 1) times keys and values."""
    peak_mib: float
    """The largest worker, its imports included."""
    fast_seconds: float
    fast_processor_seconds: float
    difference: float
    """From fast_attention, in out and d_key, relative to the largest number there."""


def measure(client: Any, work: ScaleProblem, scaling: str = "strong", *, beside: bool = True) -> Scaled:
    """Forward and backward on all workers of a client, and by `fast_attention` if `beside`."""
    da, dask = require("dask.array"), require("dask")
    rng = da.random.default_rng(0)
    shape = (work.heads, work.length, work.width)
    lazy = [rng.standard_normal(shape, chunks=(-1, work.chunk, -1)).astype(np.float32) for _ in range(4)]
    arrays = _persisted(client, lazy)
    before = client.run(usage)
    started = time.perf_counter()
    out, saved = attention_forward(*arrays[:3], mask=work.mask)
    graph_seconds, tasks = time.perf_counter() - started, own_tasks(out, saved.lse)
    started = time.perf_counter()
    out, saved = _persisted(client, (out, saved))
    forward_seconds = time.perf_counter() - started
    started = time.perf_counter()
    gradients = attention_backward(arrays[3], saved)
    graph_seconds, tasks = graph_seconds + time.perf_counter() - started, tasks + own_tasks(*gradients[:3])
    gradients = _persisted(client, gradients)
    backward_seconds, after = time.perf_counter() - started, client.run(usage)
    used = [np.subtract(after[each][:2], before[each][:2]) for each in after if each in before]
    processor, moved = np.sum(used, axis=0) if used else (0.0, 0.0)
    fast, difference = (np.nan, np.nan), np.nan
    if beside:
        local = dask.compute(*arrays)
        fast, difference = _beside(local, work, worker_count(client), out, gradients)
    workers = worker_count(client)
    return Scaled(
        scaling, workers, work.length, work.heads, work.chunk, tasks, graph_seconds, forward_seconds,
        backward_seconds, float(processor), moved / MIB, 3 * (workers - 1) * work.ring_bytes / MIB,
        max(each[2] for each in after.values()) / MIB, *fast, difference,
    )  # fmt: skip


def _persisted(client: Any, lazy: Any) -> Any:
    """The collections, once all their chunks are on the workers."""
    (kept,) = require("dask").persist(lazy)
    collections, _ = require("dask.base").unpack_collections(kept)
    settle(client, require("distributed").futures_of(collections))
    return kept


def own_tasks(*arrays: Any) -> int:
    """Tasks of the arrays' graphs, without those that hold what was persisted."""
    graph = {key: task for array in arrays for key, task in dict(array.dask).items()}
    held = require("distributed").Future
    return sum(1 for task in graph.values() if not isinstance(task, held))


def _beside(
    local: Any, work: ScaleProblem, threads: int, out: Any, gradients: Any
) -> tuple[tuple[float, float], float]:
    """Seconds and processor seconds of `fast_attention`, and the largest relative difference."""
    started, processor = time.perf_counter(), time.process_time()
    right, saved = fast_attention_forward(*local[:3], mask=work.mask, threads=threads)
    expected = fast_attention_backward(local[3], saved)
    spent = time.perf_counter() - started, time.process_time() - processor
    pairs = (out, right), (gradients.d_key, expected.d_key)
    ratios = [np.abs(got.compute() - exact).max() / np.abs(exact).max() for got, exact in pairs]
    return spent, float(max(ratios))


def usage(dask_worker: Any = None) -> tuple[float, float, float]:
    """Of a worker so far: processor seconds, bytes received, and its largest size in bytes."""
    moved = sum(entry["total"] for entry in dask_worker.transfer_incoming_log) if dask_worker else 0
    return time.process_time(), float(moved), largest_size()


def largest_size() -> float:
    """The largest size of this process in bytes; NaN where the system does not say (it does on Linux)."""
    status = Path("/proc/self/status")  # getrusage counts the parent's size before exec, too
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), np.nan)


# ------------------------------------------------------------------------------------------- report


def table(rows: list[Scaled]) -> Iterator[str]:
    """The lines of a Markdown table."""
    heads = (
        "scaling", "workers", "L", "heads", "chunk", "tasks", "graph s", "forward s", "backward s",
        "processor s", "moved MiB", "ring MiB", "peak MiB", "fast_attention s", "processor s", "difference",
    )  # fmt: skip
    cells = [tuple(form.format(x) for form, x in zip(FORMS, row, strict=True)) for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    yield "| " + " | ".join(x.ljust(n) for x, n in zip(heads, widths, strict=True)) + " |"
    yield "| " + " | ".join("-" * n for n in widths) + " |"
    for row in cells:
        yield "| " + " | ".join(x.rjust(n) for x, n in zip(row, widths, strict=True)) + " |"


def write(folder: Path, rows: list[Scaled]) -> None:
    """scale.csv, scale.md and the plot, scale.png and scale.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "scale.csv", Scaled._fields, [tuple(row) for row in rows])
    write_text(folder / "scale.md", "\n".join((*table(rows), "")))
    write_figure(folder, "scale", plot(rows))


def plot(rows: list[Scaled]) -> Any:
    """Seconds of forward and backward over workers, beside `fast_attention`; needs matplotlib."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    kinds = sorted({row.scaling for row in rows})
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        own = [row for row in rows if row.scaling == kind]
        workers = [row.workers for row in own]
        axes.plot(workers, [row.forward_seconds + row.backward_seconds for row in own], "o-", label="dask")
        axes.plot(workers, [row.fast_seconds for row in own], "s--", label="fast_attention")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(
            title=f"{kind} scaling", xlabel="workers", ylabel="seconds, forward and backward", ylim=(0, None)
        )
        axes.legend()
    return figure
