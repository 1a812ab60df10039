"""Forward and backward of `fast_attention` on all heads: the units of the plan, run by threads."""

from functools import partial
from typing import Any

import numpy as np

from ..attention.attention import AttentionGradients
from ..attention.biases import Bias
from ..base.admission import Array
from ..base.arrays import accurate_sum, unbroadcast
from ..base.blas import run_threaded
from ..base.memory import new_array
from ..base.workers import Work, run
from .backward import BackwardInputs, GradientSums, backward_chunk
from .forward import ForwardResults, forward_block
from .kept import Kept, Place
from .kernels import RowStatistics, Workload, to_units
from .plan import WORTH_THREADS, FastSettings, backward_chunks, operations, partition


def forward(work: Workload, settings: FastSettings, kept: Kept) -> ForwardResults:
    """out (..., H, L, E), row statistics (..., H, L) and where they are good, from finite inputs."""
    problem, stack = work.stack.problem, work.stack
    dtype, rows = problem.query.dtype, stack.query.shape[:3]
    out = new_array((*rows, problem.value.shape[-1]), dtype)
    results = ForwardResults(out, RowStatistics(*np.empty((3, *rows), dtype)), np.empty(rows, bool))
    _run(
        partial(forward_block, work, results, _sinks_in_units(work), kept),
        partition(work, settings),
        work,
        settings,
    )
    shape = problem.shape[:-1]
    statistics = results.statistics.reshaped(*shape)
    return ForwardResults(stack.unstacked(out), statistics, results.good.reshape(shape))


def _run(unit: Work, units: list[Any], work: Workload, settings: FastSettings) -> None:
    """Run all units, on this thread where the work is too little for others."""
    if operations(work.stack) < WORTH_THREADS:
        run(unit, units, 1)
    else:
        run_threaded(unit, units, settings.threads)


def _sinks_in_units(work: Workload) -> Array | None:
    """The sinks (N, n), in units."""
    problem, stack = work.stack.problem, work.stack
    if problem.sinks is None:
        return None
    return to_units(np.broadcast_to(problem.sinks, problem.shape[:-2])).reshape(stack.query.shape[:2])


def backward(
    work: Workload, settings: FastSettings, statistics: RowStatistics, out: Array, d_out: Array, d_lse: Array,
    exponentials: dict[Place, list[Array]],
) -> tuple[list[Any], bool]:  # fmt: skip
    """Gradients in the shapes of `TiledArguments`, and False if a cotangent is too small for the kernels."""
    problem, stack, dtype = work.stack.problem, work.stack, out.dtype
    rows = stack.query.shape[:3]
    inputs = BackwardInputs(
        stack.stacked(d_out), stack.stacked(out), d_lse.reshape(rows), statistics.reshaped(*rows),
        _sinks_in_units(work), exponentials,
    )  # fmt: skip
    bias = problem.bias.parameter if isinstance(problem.bias, Bias) else problem.bias
    chunks = backward_chunks(partition(work, settings), stack)
    new = new_array if all(chunk.whole for chunk in chunks) else np.zeros
    gradients = AttentionGradients(  # in the shapes of `HeadStack`, d_sinks by row
        new_array(stack.query.shape, dtype),
        new(stack.key.shape, dtype),
        new(stack.value.shape, dtype),
        None if bias is None else np.zeros(bias.shape, dtype),
        np.empty((*rows, 1), dtype) if isinstance(problem.scale, np.ndarray) else None,
        None if inputs.sinks is None else np.empty(rows, dtype),
    )
    sums = GradientSums(gradients)
    _run(partial(backward_chunk, work, inputs, sums), list(enumerate(chunks)), work, settings)
    d_sinks = None
    if problem.sinks is not None:
        d_sinks = accurate_sum(gradients.d_sinks, axis=-1).reshape(problem.shape[:-2])
        d_sinks = unbroadcast(d_sinks, problem.sinks.shape)
    return [
        stack.unstacked(gradients.d_query),
        stack.keys_unstacked(gradients.d_key),
        stack.keys_unstacked(gradients.d_value),
        gradients.d_bias,
        None if gradients.d_scale is None else stack.unstacked(gradients.d_scale),
        d_sinks,
    ], not sums.too_small
