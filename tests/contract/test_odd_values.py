"""Odd values for every argument: TypeError or ValueError that names the argument, or a result."""

import copy
import pickle
import re
from inspect import signature
from typing import Any

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.check.pairs.layer_examples import LAYER_EXAMPLES
from numpy_attention.check.pairs.rules import FUNCTIONS
from numpy_attention.functional.attention.dropout import Dropout
from numpy_attention.functional.masks.mask import Mask
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.logistic import Logistic
from numpy_attention.nn.patch_classifier import PatchClassifier
from numpy_attention.optim import schedules


class Framed:
    """What has __array__, as data frames do."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.eye(3)


class Broken:
    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise RuntimeError("no array today")


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
ODD: dict[str, Any] = {
    "a mask": na.causal(), "masks combined": ~na.causal() | na.prefix(1), "a bias": na.alibi(0.5),
    "a dropout": na.dropout(0, 0.5), "a list of masks": [na.causal()], "text": "abc", "bytes": b"a",
    "None": None, "a dict": {"a": 1}, "a set": {1, 2}, "a generator": (i for i in range(2)), "a class": int,
    "a function": len, "a module": np, "Ellipsis": ..., "a slice": slice(1), "objects": np.array([None, 1]),
    "True": True, "booleans": np.ones((3, 3), bool), "masked": np.ma.ones((3, 3)), "ragged": [[1.0], [1, 2]],
    "masked inside": [np.ma.ones(3)], "matrix": np.eye(3).view(np.matrix), "a frame": Framed(),
    "broken": Broken(),
    "0-d": np.array(1.0), "a date": np.array("2020-01-01", "M8[D]"), "a duration": np.array(3, "m8[s]"),
    "structured": np.zeros(3, [("a", "f4")]), "longdouble": np.ones((3, 3), np.longdouble),
    "nan": np.nan, "inf": np.inf, "-inf": -np.inf, "all -inf": np.full((3, 3), -np.inf), "1j": 1j,
    "2**62": 2**62, "2**63 - 1": 2**63 - 1, "2**63": 2**63, "2**80": 2**80, "10**400": 10**400,
    "10**5000": 10**5000, "-2**63": -(2**63), "-2**63 - 1": -(2**63) - 1, "int64": np.int64(2),
    "uint64": np.uint64(2**64 - 1), "-1": -1, "[-1, -2]": [-1, -2], "[2**80]": [2**80, 1], "1/2": 0.5,
    "[2**63, -1]": [2**63, -1], "nothing": [], "no rows": np.zeros((0, 3)), "six axes": [[[[[[1.0]]]]]],
    "a tuple": (1, 2), "a list in itself": ENDLESS, "a long text": "x" * 9999, "a long list": [0.5] * 999,
    "arrays in a tuple": (np.eye(9),) * 9, "a generator of numbers": np.random.default_rng(0),
}  # fmt: skip

OPTIONS = dict(mask=None, bias=None, sinks=None, softcap=None, dropout=None)
PLAIN = dict(query=np.eye(3), key=np.eye(3), value=np.eye(3), scale=None, **OPTIONS)
ONES = np.ones(3)
CALLS: dict[str, tuple[Any, dict[str, Any]]] = {
    "attention": (na.attention, PLAIN),
    "attention_forward": (na.attention_forward, PLAIN),
    "blockwise_attention": (na.blockwise_attention, {**PLAIN, "block": None}),
    "fast_attention": (na.fast_attention, {**PLAIN, "block": None, "threads": None}),
    "entmax_attention": (na.entmax_attention, {**PLAIN, "alpha": 1.5}),
    "attend": (na.attend, dict(scores=np.eye(3), value=np.eye(3), **OPTIONS)),
    "attention_with": (na.attention_with, dict(steps=na.STEPS)),
    "blockwise_attention_with": (na.blockwise_attention_with, dict(steps=na.STEPS)),
    "attention_merge": (
        lambda out, lse: na.attention_merge((np.eye(3), ONES), (out, lse)),
        dict(out=np.eye(3), lse=ONES),
    ),
    "a part": (lambda part: na.attention_merge((np.eye(3), ONES), part), dict(part=(np.eye(3), ONES))),
    "dot_scores": (na.dot_scores, dict(query=np.eye(3), key=np.eye(3), scale=None)),
    "visible": (na.visible, dict(array=np.ones((3, 3), bool))),
    "hidden": (na.hidden, dict(array=np.ones((3, 3), bool))),
    "real_keys": (na.real_keys, dict(array=np.ones(3, bool))),
    "causal": (na.causal, dict(align=None, offset=None)),
    "window": (na.window, dict(left=1, right=1, align=None, offset=None)),
    "padding": (na.padding, dict(lengths=2)),
    "segments": (na.segments, dict(query_ids=[0, 0, 1], key_ids=[0, 0, 1])),
    "prefix": (na.prefix, dict(n=1)),
    "alibi": (na.alibi, dict(slopes=0.5, align=None, offset=None)),
    "relative": (na.relative, dict(table=np.ones(3), buckets=np.zeros((3, 3), int))),
    "dropout": (na.dropout, dict(seed=0, rate=0.5)),
    "dropout_multipliers": (na.dropout_multipliers, dict(seed=0, rate=0.5, shape=(2, 3))),
    "rotary": (
        na.rotary,
        dict(x=np.ones((3, 4)), positions=[0, 1, 2], layout="halves", width=None, base=1e4),
    ),
    "mask.array": (na.causal("top_left").array, dict(L=3, S=3)),
    "mask.tile": (na.causal("top_left").tile, dict(rows=slice(3), columns=slice(3), L=3, S=3)),
    "bias.array": (na.alibi(0.5, "top_left").array, dict(L=3, S=3)),
    "dropout.array": (na.dropout(0, 0.5).array, dict(shape=(2, 3))),
}
LAYER, X = nn.MultiHeadAttention(6, 2), np.ones((2, 3, 6))
PARAMS = LAYER.init(np.random.default_rng(0))
TREE = {"w": ONES}
STEP = dict(params=TREE, grads=TREE, lr=0.1)
ADAM = dict(state=na.adam_init(TREE), betas=(0.9, 0.999), eps=1e-8, eps_added="after_correction")
CALLS |= {
    "MultiHeadAttention": (nn.MultiHeadAttention, dict(width=6, heads=2, bias=True)),
    "init": (LAYER.init, dict(rng=np.random.default_rng(0))),
    "forward": (LAYER.forward, dict(params=PARAMS, query=X, key=X, value=X, mask=None, scale=None)),
    "backward": (LAYER.backward, dict(d_out=X, saved=LAYER.forward(PARAMS, X)[1])),
    "adam_init": (na.adam_init, dict(params=TREE)),
    "adam_step": (na.adam_step, STEP | ADAM),
    "adamw_step": (na.adamw_step, STEP | ADAM | dict(weight_decay=0.1)),
    "sgd_step": (na.sgd_step, STEP | dict(state=na.sgd_init(TREE), momentum=0.1)),
    "clip_by_global_norm": (na.clip_by_global_norm, dict(grads=TREE, limit=1.0)),
    "cosine_lr": (schedules.cosine_lr, dict(step=1, total=9, warmup=2, lr=0.1, final=0.0)),
}

for layer in (AttentionClassifier(6, 5), PatchClassifier(6, 3, 4), Logistic(3, 6)):
    lengths = [3, 3] if isinstance(layer, PatchClassifier) else [2, 3]
    forward = dict(params=layer.init(np.random.default_rng(0)), x=X, lengths=lengths)
    logits, saved = layer.forward(**forward)
    CALLS |= {
        f"{type(layer).__name__}.forward": (layer.forward, forward),
        f"{type(layer).__name__}.backward": (layer.backward, dict(d_logits=logits, saved=saved)),
    }

STACKS = ("Embedding, tied", "Sequential", "TransformerEncoder", "TransformerDecoder")
LAYERS = {name: examples[0].kwargs for name, examples in LAYER_EXAMPLES.items() if name not in STACKS}
for name, given in LAYERS.items():
    layer = given["layer"]
    sizes = {field: getattr(layer, field) for field in signature(type(layer)).parameters}
    arguments = {n: x for n, x in given.items() if n in signature(layer.forward).parameters}
    arguments["params"] = layer.init(np.random.default_rng(0))
    CALLS |= {f"nn.{name}": (type(layer), sizes), f"nn.{name}.forward": (layer.forward, arguments)}


def _settings(rule: Any) -> dict[str, Any]:
    """The arguments of a public pair, those with a default too."""
    example = max(rule.examples, key=lambda e: len(e.args) + len(e.kwargs))
    bound = signature(getattr(na, rule.name)).bind(*example.args, **example.kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


CALLS |= {
    rule.name: (getattr(na, rule.name), _settings(rule))
    for rule in FUNCTIONS
    if hasattr(na, f"{rule.name}_forward") and rule.name not in CALLS
}
TOO_LARGE = r"Maximum allowed|array is too big|could not be broadcast|Exceeds the limit"
"""NumPy's and Python's own sentences on lengths near 2**63 and on numbers of thousands of digits."""


PAIRS = [(call, name) for call, (_, arguments) in CALLS.items() for name in arguments]
LONG = r"\n|^.{300}"
"""Several lines, or a long one: what came is printed instead of described."""


@pytest.mark.parametrize("call, name", PAIRS)
def test_an_odd_value_is_refused_by_name_in_a_short_line_or_works(call: str, name: str) -> None:
    function, arguments = CALLS[call]
    nameless = {}
    for odd, value in ODD.items():
        try:
            result = function(**{**arguments, name: value})
            if isinstance(result, (Mask, Dropout)) or hasattr(result, "parameter"):
                _use(result)
        except (TypeError, ValueError) as refusal:
            named = re.search(
                rf"\b{name}\b|^part 2 |array of na|(^|: )(mask|bias|grads|targets)\b|number of (key|value)s",
                str(refusal),
            )
            if (not named and not re.search(TOO_LARGE, str(refusal))) or re.search(LONG, str(refusal)):
                nameless[odd] = str(refusal)
    assert not nameless


def _use(value: Any) -> None:
    x = np.ones((1, 1, 3, 2))
    option = "mask" if isinstance(value, Mask) else "dropout" if isinstance(value, Dropout) else "bias"
    repr(value)
    for attention in (na.attention, na.blockwise_attention, na.fast_attention):
        attention(x, x, x, **{option: value})


def test_a_bias_value_is_refused_as_scale_and_sinks() -> None:
    for name in ("scale", "sinks"):
        with pytest.raises(TypeError, match=f"^{name} is Alibi .*; an array of numbers is expected$"):
            na.attention(np.eye(3), np.eye(3), np.eye(3), **{name: na.alibi(0.5)})


def test_small_floats_of_ml_dtypes_are_refused_with_what_to_write() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.int4):
        x = np.ones((3, 3)).astype(dtype)
        for attention in (na.attention, na.attention_forward, na.fast_attention):
            with pytest.raises(TypeError, match=r"^query has dtype .*; write .astype\(np.float32\)$"):
                attention(x, np.eye(3), np.eye(3))


# ------------------------------------------------------------------------------------------ as values

VALUES = {
    "visible": na.visible(np.eye(3, dtype=bool)), "hidden": na.hidden(np.eye(3, dtype=bool)),
    "causal": na.causal(), "causal offset": na.causal(offset=[1, 2]), "window": na.window(1, None),
    "padding": na.padding([1, 3]), "real_keys": na.real_keys([True, False, True]), "prefix": na.prefix(2),
    "segments": na.segments([0, 0, 1], [0, 1, 1]), "combined": ~na.causal() | na.prefix(1) & na.window(1, 1),
    "alibi": na.alibi([0.5, 1.0]), "relative": na.relative(np.arange(3.0), np.eye(3, dtype=int)),
    "dropout": na.dropout(7, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_are_copied_and_pickled_whole_and_are_equal_to_themselves_alone(name: str) -> None:
    value = VALUES[name]
    shape: Any = ((3, 3),) if isinstance(value, Dropout) else (3, 3)
    for other in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(other) is type(value)
        assert repr(other) == repr(value)
        assert other.array(*shape).tolist() == value.array(*shape).tolist()
        assert other != value
    assert value == value
    assert len({value, value}) == 1
