"""Functions around attention: softmax, layer_norm, cross_entropy, activations, additive scores; and Adam."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import numpy_attention as na
from benchmarks.speed.peers import SpeedCase, installed, naive, threads
from benchmarks.speed.turns import SpeedComparison, left_out

SHAPE, CLASSES, ACTIVATED = (4096, 1024), 8192, (1024, 256)
QUICK_SHAPE, QUICK_CLASSES = (512, 512), 512
PARAMETERS = 10_000_000
EPS = float(np.finfo(np.float32).eps)

Both = Callable[..., tuple[Any, ...]]
"""(arrays, cotangent) -> out and the gradients"""


def normal(*shape: int) -> Any:
    """Standard normal numbers in float32."""
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32)


def functions(quick: bool) -> Iterator[SpeedComparison]:
    """Each forward and backward in float32, and the softmax forward alone."""
    shape, classes = (QUICK_SHAPE, QUICK_CLASSES) if quick else (SHAPE, CLASSES)
    x, d_out = normal(*shape), normal(*shape[::-1]).reshape(shape)
    scipy = installed("scipy.special")
    row = f"softmax {shape}, forward"
    for peer, theirs in (("scipy", scipy and scipy.softmax), ("naive NumPy", naive_softmax)):
        if theirs is None:
            yield left_out(row, peer, "not installed")
        else:
            yield SpeedComparison(
                row, peer, lambda: na.softmax(x), lambda f=theirs: f(x, axis=-1), tolerance(shape[1])
            )
    yield from against(f"softmax {shape}", shape[1], [x], d_out, softmax, TORCH["softmax"], JAX["softmax"])
    weight, bias = normal(shape[1]), normal(shape[1])
    yield from against(
        f"layer_norm {shape}", sum(shape), [x, weight, bias], d_out, layer_norm, TORCH["layer_norm"], None
    )
    logits = normal(shape[0], classes)
    targets = np.random.default_rng(0).integers(classes, size=shape[0])
    yield from against(
        f"cross_entropy {logits.shape}", sum(logits.shape), [logits, targets], np.float32(1),
        cross_entropy, TORCH["cross_entropy"], None,
    )  # fmt: skip
    x, d_out = normal(*ACTIVATED), normal(*ACTIVATED[::-1]).reshape(ACTIVATED)
    for name, theirs in ACTIVATIONS.items():
        yield from against(f"{name} {ACTIVATED}", 64, [x], d_out, partial(activation, name), theirs, None)
    heads, L = (2, 64) if quick else (8, 256)
    rng = np.random.default_rng(0)
    shapes = [(heads, L, 64), (heads, L, 64), (64, 64), (64, 64), (64,), (64,)]
    arguments = [(rng.standard_normal(s) / 8).astype(np.float32) for s in shapes]
    yield from against(
        f"additive scores ({heads}, {L}, {L}), hidden 64", 64 * heads * L, arguments, normal(heads, L, L),
        additive, TORCH["additive"], JAX["additive"],
    )  # fmt: skip
    for see in ("all", "causal"):
        yield reference_attention(SpeedCase(16, 128, 64, see=see))


def reference_attention(case: SpeedCase) -> SpeedComparison:
    """`attention`, which computes in float64, of float32 arrays; the textbook form of float64 arrays."""
    arrays = case.arrays("float32")

    def ours() -> Any:
        out, saved = na.attention_forward(*arrays[:3], mask=case.mask_value())
        return out, *na.attention_backward(arrays[3], saved)[:3]

    row = f"attention ({case.heads}, {case.L}, {case.D}), {case.see}, forward + backward"
    theirs = naive(case, [x.astype(np.float64) for x in arrays], backward=True)
    return SpeedComparison(row, "naive NumPy in float64", ours, theirs, tolerance(1))


def against(
    name: str, terms: int, arguments: list[Any], d_out: Any, ours: Both, torch: Both, jax: Both | None
) -> Iterator[SpeedComparison]:
    """Forward and backward against torch, and against jax where there is a formula."""
    row = f"{name}, forward + backward"
    for peer, wrapped, formula in (("torch", in_torch, torch), ("jax", in_jax, jax)):
        if formula is not None and installed(peer) is None:
            yield left_out(row, peer, "not installed")
        elif formula is not None:
            theirs = wrapped(formula, arguments, d_out)
            yield SpeedComparison(row, peer, lambda: ours(*arguments, d_out), theirs, tolerance(terms))


def tolerance(terms: int) -> float:
    """Tolerance of a sum of n terms: n eps of their absolute sum."""
    return terms * EPS


def naive_softmax(x: Any, axis: int) -> Any:
    """The textbook form."""
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def softmax(x: Any, d_out: Any) -> tuple[Any, ...]:
    """softmax, forward and backward."""
    out, saved = na.softmax_forward(x)
    return out, na.softmax_backward(d_out, saved)


def layer_norm(x: Any, weight: Any, bias: Any, d_out: Any) -> tuple[Any, ...]:
    """layer_norm, forward and backward."""
    out, saved = na.layer_norm_forward(x, weight, bias)
    return (out, *na.layer_norm_backward(d_out, saved))


def cross_entropy(logits: Any, targets: Any, d_out: Any) -> tuple[Any, ...]:
    """cross_entropy, forward and backward."""
    out, saved = na.cross_entropy_forward(logits, targets)
    return out, na.cross_entropy_backward(d_out, saved)


def activation(name: str, x: Any, d_out: Any) -> tuple[Any, ...]:
    """An activation of this name, forward and backward."""
    out, saved = getattr(na, f"{name}_forward")(x)
    return out, getattr(na, f"{name}_backward")(d_out, saved)


def additive(*arguments: Any) -> tuple[Any, ...]:
    """Additive scores, forward and backward."""
    *inputs, d_out = arguments
    out, saved = na.additive_scores_forward(*inputs)
    return (out, *na.additive_scores_backward(d_out, saved))


TORCH: dict[str, Callable[..., Any]] = {
    "softmax": lambda torch, x: torch.softmax(x, -1),
    "layer_norm": lambda torch, x, w, b: torch.nn.functional.layer_norm(x, x.shape[-1:], w, b),
    "cross_entropy": lambda torch, x, y: torch.nn.functional.cross_entropy(x, y),
    "additive": lambda torch, q, k, wq, wk, b, v: (
        torch.tanh((q @ wq.T)[..., :, None, :] + (k @ wk.T)[..., None, :, :] + b) @ v
    ),
}
ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "tanh": lambda torch, x: torch.tanh(x),
    "sigmoid": lambda torch, x: torch.sigmoid(x),
    "relu": lambda torch, x: torch.relu(x),
    "leaky_relu": lambda torch, x: torch.nn.functional.leaky_relu(x),
    "gelu": lambda torch, x: torch.nn.functional.gelu(x),
    "gelu_tanh": lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"),
    "silu": lambda torch, x: torch.nn.functional.silu(x),
    "softplus": lambda torch, x: torch.nn.functional.softplus(x),
}
JAX: dict[str, Callable[..., Any]] = {
    "softmax": lambda jax, x: jax.nn.softmax(x, axis=-1),
    "additive": lambda jax, q, k, wq, wk, b, v: (
        jax.numpy.tanh((q @ wq.T)[..., :, None, :] + (k @ wk.T)[..., None, :, :] + b) @ v
    ),
}


def in_torch(formula: Callable[..., Any], arguments: list[Any], d_out: Any) -> Callable[[], Any]:
    """The output and the gradients of all floating-point arguments."""
    import torch

    torch.set_num_threads(threads())
    tensors = [torch.tensor(x) for x in arguments]
    inputs = [x.requires_grad_() for x in tensors if x.is_floating_point()]
    cotangent = torch.tensor(d_out)

    def both() -> Any:
        out = formula(torch, *tensors)
        return (out, *torch.autograd.grad(out, inputs, cotangent))

    return both


def in_jax(formula: Callable[..., Any], arguments: list[Any], d_out: Any) -> Callable[[], Any]:
    """The output and the gradients, compiled together."""
    import jax

    jax.config.update("jax_platforms", "cpu")
    inputs = [jax.numpy.asarray(x) for x in arguments]

    def both(inputs: Any, d_out: Any) -> Any:
        out, back = jax.vjp(lambda *x: formula(jax, *x), *inputs)
        return (out, *back(d_out))

    compiled, cotangent = jax.jit(both), jax.numpy.asarray(d_out)
    return lambda: jax.block_until_ready(compiled(inputs, cotangent))


# ---------------------------------------------------------------------------------------------- Adam


def adam(quick: bool) -> Iterator[SpeedComparison]:
    """One step on ten million parameters in float32; every call is the next step."""
    size = PARAMETERS // 100 if quick else PARAMETERS
    param, grad = normal(size), normal(size + 1)[1:]
    steps = {"adam_step": partial(pure_adam, param, grad), "adam_update": partial(adam_in_place, param, grad)}
    makers = {f"torch, {kind}": kind for kind in ("fused", "foreach")}
    for name, make in steps.items():
        row = f"{name}, {size:,} parameters"
        for peer, kind in makers.items():
            if installed("torch") is None:
                yield left_out(row, peer, "not installed")
            else:
                yield SpeedComparison(row, peer, make(), torch_adam(param, grad, kind), 4 * EPS)
        yield SpeedComparison(row, "naive NumPy", make(), naive_adam(param, grad), 4 * EPS)


def pure_adam(param: Any, grad: Any) -> Callable[[], Any]:
    """adam_step, which returns new arrays."""
    params, grads = {"weight": param}, {"weight": grad}
    state = na.adam_init(params)

    def step() -> Any:
        nonlocal params, state
        params, state = na.adam_step(params, grads, state)
        return params["weight"]

    return step


def adam_in_place(param: Any, grad: Any) -> Callable[[], Any]:
    """adam_update, which updates its arrays in place."""
    params, grads = {"weight": param.copy()}, {"weight": grad}
    state = na.adam_init(params)

    def step() -> Any:
        na.adam_update(params, grads, state, threads=threads())
        return params["weight"]

    return step


def naive_adam(param: Any, grad: Any) -> Callable[[], Any]:
    """The textbook form."""
    param, first, second, step_number = param.copy(), np.zeros_like(param), np.zeros_like(param), 0

    def step() -> Any:
        nonlocal param, first, second, step_number
        step_number += 1
        first = 0.9 * first + (1 - 0.9) * grad
        second = 0.999 * second + (1 - 0.999) * grad**2
        first_hat, second_hat = first / (1 - 0.9**step_number), second / (1 - 0.999**step_number)
        param = param - 1e-3 * first_hat / (np.sqrt(second_hat) + 1e-8)
        return param

    return step


def torch_adam(param: Any, grad: Any, kind: str) -> Callable[[], Any]:
    """torch.optim.Adam, in place: fused, or its default on this kind of machine."""
    import torch

    torch.set_num_threads(threads())
    weight = torch.nn.Parameter(torch.tensor(param))
    weight.grad = torch.tensor(grad)
    optimizer = torch.optim.Adam([weight], lr=1e-3, **{kind: True})

    def step() -> Any:
        optimizer.step()
        return weight

    return step
