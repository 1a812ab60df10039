"""Attentions of other packages by name, `torch.sdpa`, where they are installed.

A row of INSTALLED has a name, the packages it needs, the convention by which it is called, and an adapter
that imports the package and returns a function of this project's options. Nothing is imported before that.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module, metadata
from types import SimpleNamespace
from typing import Any, NamedTuple

from ...functional.base.wording import did_you_mean
from .loading import CandidateImportError
from .sandbox import message_of

TOP_LEFT = {"causal": "top_left", "mask": "visible"}
BLHD = TOP_LEFT | {"layout": "BLHD"}


class Installed(NamedTuple):
    """An attention of another package: its name, the packages it needs, its convention and its adapter."""

    name: str
    packages: tuple[str, ...]
    options: Mapping[str, Any]
    adapter: Callable[[], Callable[..., Any]]

    @property
    def missing(self) -> tuple[str, ...]:
        """The packages that are not installed."""
        return tuple(package for package in self.packages if importlib.util.find_spec(package) is None)

    @property
    def versions(self) -> str:
        """The packages with their versions, or those that are not installed."""
        if self.missing:
            return f"{' and '.join(self.missing)} not installed"
        return ", ".join(f"{package} {metadata.version(package)}" for package in self.packages)

    def load(self) -> Callable[..., Any]:
        """The function to judge.

        Raises
        ------
        ValueError
            If a package is not installed.
        CandidateImportError
            If it cannot be imported.
        """
        if self.missing:
            raise ValueError(f"{self.name} needs {' and '.join(self.packages)}; {self.versions}")
        try:
            return self.adapter()
        except Exception as error:
            message = f"{type(error).__name__}: {message_of(error)}"
            raise CandidateImportError(f"cannot be imported: {message}") from error


def find_installed(name: str) -> Installed | None:
    """The row of a name; None for an address: FILE.py:NAME or MODULE:NAME.

    Raises
    ------
    ValueError
        If there is no such name.

    Examples
    --------
    >>> find_installed("torch.sdpa").packages
    ('torch',)
    """
    if ":" in name or name.endswith(".py"):
        return None
    rows = {row.name: row for row in INSTALLED}
    if name not in rows:
        near = did_you_mean(name, list(rows))
        known = ", ".join(rows)
        raise ValueError(
            f"candidate is {name!r}{near}; FILE.py:NAME, MODULE:NAME or one of {known} is expected"
        )
    return rows[name]


# ------------------------------------------------------------------------------------------- adapters


def _torch_sdpa() -> Callable[..., Any]:
    sdpa = import_module("torch.nn.functional").scaled_dot_product_attention

    def attention(
        query: Any, key: Any, value: Any, causal: bool = False, mask: Any = None, bias: Any = None,
        scale: float | None = None,
    ) -> Any:  # fmt: skip
        grouped = query.shape[1] != key.shape[1]
        return sdpa(query, key, value, attn_mask=_either(mask, bias), is_causal=causal, scale=scale,
                    enable_gqa=grouped)  # fmt: skip

    return attention


def _either(mask: Any, bias: Any) -> Any:
    """The one of mask and bias that is in use; both are declined."""
    if mask is not None and bias is not None:
        raise NotImplementedError("mask and bias share a parameter")
    return bias if mask is None else mask


def _torch_multi_head() -> Callable[..., Any]:
    torch = import_module("torch")
    forward = torch.nn.functional.multi_head_attention_forward

    def attention(query: Any, key: Any, value: Any, mask: Any = None, bias: Any = None) -> Any:
        (B, H, L, D), S = query.shape, key.shape[2]
        if key.shape[1] != H or value.shape[3] != D:
            raise NotImplementedError("nn.MultiheadAttention has neither grouped heads nor D != E")
        one = torch.eye(H * D, dtype=query.dtype, device=query.device)
        packed = [x.permute(2, 0, 1, 3).reshape(x.shape[2], B, H * D) for x in (query, key, value)]
        blocked = _either(mask, bias)
        if blocked is not None:
            blocked = blocked.expand(B, H, L, S).reshape(B * H, L, S)
        out, _ = forward(
            *packed,
            H * D,
            H,
            torch.cat([one] * 3),
            None,
            None,
            None,
            False,
            0.0,
            one,
            None,
            attn_mask=blocked,
        )
        return out.reshape(L, B, H, D).permute(1, 2, 0, 3)

    return attention


def _jax() -> Callable[..., Any]:
    jax = import_module("jax")  # compiled as a whole: one operation after the other takes twice as long
    settings = ("is_causal", "local_window_size")
    function = jax.jit(jax.nn.dot_product_attention, static_argnames=settings)

    def attention(
        query: Any, key: Any, value: Any, causal: bool = False, window: Any = None, mask: Any = None,
        bias: Any = None, scale: float | None = None,
    ) -> Any:  # fmt: skip
        return function(
            query, key, value, bias, mask, scale=scale, is_causal=causal, local_window_size=window
        )

    return attention


def _keras() -> Callable[..., Any]:
    present = (name for name in ("jax", "torch") if importlib.util.find_spec(name))
    os.environ.setdefault("KERAS_BACKEND", next(present, "tensorflow"))
    function = import_module("keras").ops.dot_product_attention

    def attention(
        query: Any, key: Any, value: Any, causal: bool = False, mask: Any = None, bias: Any = None,
        scale: float | None = None,
    ) -> Any:  # fmt: skip
        return function(query, key, value, bias, mask, scale=scale, is_causal=causal)

    return attention


def _flax() -> Callable[..., Any]:
    function = import_module("flax.nnx").dot_product_attention

    def attention(query: Any, key: Any, value: Any, mask: Any = None, bias: Any = None) -> Any:
        return function(query, key, value, bias=bias, mask=mask)

    compiled: Callable[..., Any] = import_module("jax").jit(attention)
    return compiled


def _transformers(way: str) -> Callable[..., Any]:
    module = "integrations.sdpa_attention" if way == "sdpa" else "models.llama.modeling_llama"
    function = getattr(import_module(f"transformers.{module}"), f"{way}_attention_forward")

    def attention(query: Any, key: Any, value: Any, bias: Any = None, scale: float | None = None) -> Any:
        groups = query.shape[1] // key.shape[1]
        layer = SimpleNamespace(num_key_value_groups=groups, training=False, is_causal=False)
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        out, weights = function(layer, query, key, value, bias, scaling=scale)
        return out.transpose(1, 2) if weights is None else {"out": out.transpose(1, 2), "weights": weights}

    return attention


def _onnx(session: Callable[[bytes], Callable[..., Any]]) -> Callable[..., Any]:
    """ONNX Attention of opset 23, a model of one node for each set of shapes and attributes."""
    onnx = import_module("onnx")
    models: dict[Any, Callable[..., Any]] = {}

    def attention(
        query: Any, key: Any, value: Any, causal: bool = False, mask: Any = None, bias: Any = None,
        scale: float | None = None, softcap: float | None = None,
    ) -> Any:  # fmt: skip
        arrays = {"Q": query, "K": key, "V": value, "attn_mask": _either(mask, bias)}
        arrays = {name: x for name, x in arrays.items() if x is not None}
        attributes = {"is_causal": int(causal), "scale": scale, "softcap": softcap}
        attributes = {name: x for name, x in attributes.items() if x is not None}
        kinds = tuple((name, x.dtype.name, x.shape) for name, x in arrays.items())
        known = kinds, tuple(attributes.items())
        if known not in models:
            models[known] = session(_onnx_model(onnx, arrays, attributes))
        return models[known](arrays)

    return attention


def _onnx_model(onnx: Any, arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> bytes:
    types = {name: onnx.helper.np_dtype_to_tensor_dtype(x.dtype) for name, x in arrays.items()}
    inputs = [onnx.helper.make_tensor_value_info(name, types[name], x.shape) for name, x in arrays.items()]
    outputs = [onnx.helper.make_tensor_value_info("Y", types["Q"], None)]
    node = onnx.helper.make_node("Attention", list(arrays), ["Y"], **attributes)
    graph = onnx.helper.make_graph([node], "attention", inputs, outputs)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 23)], ir_version=10)
    data: bytes = model.SerializeToString()
    return data


def _onnxruntime() -> Callable[..., Any]:
    runtime = import_module("onnxruntime")

    def session(model: bytes) -> Callable[..., Any]:
        run = runtime.InferenceSession(model, providers=["CPUExecutionProvider"]).run
        return lambda arrays: run(None, dict(arrays))[0]

    return _onnx(session)


def _onnx_reference() -> Callable[..., Any]:
    evaluator = import_module("onnx.reference").ReferenceEvaluator

    def session(model: bytes) -> Callable[..., Any]:
        run = evaluator(import_module("onnx").load_from_string(model)).run
        return lambda arrays: run(None, dict(arrays))[0]

    return _onnx(session)


FORWARD = TOP_LEFT | {"framework": "numpy", "forward_only": True}
TORCH = {"framework": "torch"}

INSTALLED = (
    Installed("torch.sdpa", ("torch",), TOP_LEFT | TORCH, _torch_sdpa),
    Installed("torch.MultiheadAttention", ("torch",), TORCH | {"mask": "hidden"}, _torch_multi_head),
    Installed("jax.dot_product_attention", ("jax",), BLHD | {"framework": "jax"}, _jax),
    Installed("keras.dot_product_attention", ("keras",), BLHD, _keras),
    Installed("flax.dot_product_attention", ("flax",), BLHD | {"framework": "jax"}, _flax),
    Installed("transformers.sdpa", ("transformers", "torch"), TORCH, partial(_transformers, "sdpa")),
    Installed("transformers.eager", ("transformers", "torch"), TORCH, partial(_transformers, "eager")),
    Installed("onnxruntime.Attention", ("onnxruntime", "onnx"), FORWARD, _onnxruntime),
    Installed("onnx.Attention", ("onnx",), FORWARD, _onnx_reference),
)
"""The names that can be checked; `numpy-attention check --list` prints them."""
