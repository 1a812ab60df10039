"""A call that does not fit is answered by what to write here, and what is to be written runs."""

import inspect
import itertools
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import nn
from numpy_attention.check.pairs.rules import RULES
from numpy_attention.functional.base.hints import ANYWHERE, INSTEAD, LAYER
from numpy_attention.nn.classifier import AttentionClassifier

FUNCTIONS = {name: getattr(na, name) for name in na.__all__ if inspect.isfunction(getattr(na, name))}

RNG = np.random.default_rng(0)
HEADS = dict(zip(("query", "key", "value"), RNG.standard_normal((3, 2, 5, 3)), strict=True))
LOGITS = RNG.standard_normal((5, 3))
TREE = {"w": np.ones(3)}
ADAM = dict(params=TREE, grads=TREE, state=na.adam_init(TREE))
CALLS = {
    **dict.fromkeys(("mask", "dropout", "bias", "scale", "softcap", "sinks"), ("attention", HEADS)),
    **dict.fromkeys(HEADS, ("attention", HEADS)),
    "scores": ("attend", {"scores": RNG.standard_normal((2, 5, 5)), "value": HEADS["value"]}),
    "axis": ("softmax", {"x": LOGITS}),
    "x": ("softmax", {"x": LOGITS}),
    "indices": ("embedding", {"indices": [2, 0], "weight": LOGITS}),
    "weight": ("linear", {"x": LOGITS, "weight": LOGITS}),
    "eps": ("layer_norm", {"x": LOGITS, "weight": np.ones(3), "bias": np.ones(3)}),
    "slope": ("leaky_relu", {"x": LOGITS}),
    **dict.fromkeys(("logits", "targets"), ("cross_entropy", {"logits": LOGITS, "targets": [0, 1, 2, 1, 0]})),
    "probabilities": ("binary_cross_entropy", {"probabilities": [0.5], "targets": [1.0]}),
    "predictions": ("mean_squared_error", {"predictions": LOGITS, "targets": LOGITS}),
    "reduction": ("mean_squared_error", {"predictions": LOGITS, "targets": LOGITS}),
    **dict.fromkeys(("params", "lr", "betas"), ("adam_step", ADAM)),
    "limit": ("clip_by_global_norm", {"grads": TREE, "limit": 1.0}),
    **dict.fromkeys(("seed", "rate"), ("dropout", {"seed": 0, "rate": 0.1})),
    "slopes": ("alibi", {"slopes": [0.5]}),
    "left": ("window", {"left": 1, "right": 0}),
}
"""A parameter -> a public function that has it, and arguments that fit."""

ARRAYS = {
    "mask": np.eye(5, dtype=bool), "bias": np.zeros((5, 5)), "sinks": np.zeros(2), "weight": np.ones((3, 3)),
    "x": LOGITS, "logits": LOGITS, "probabilities": np.array([0.3]), "predictions": LOGITS,
    "slopes": np.array([0.5]), **HEADS,
}  # fmt: skip
"""What `array` stands for in a hint, by the parameter."""

KEYWORDS = [(parameter, keyword) for parameter, hints in INSTEAD.items() for keyword in hints]


def answer(function, *args, **options):
    with pytest.raises(TypeError) as caught:
        function(*args, **options)
    assert len(caught.traceback) < 4 or "got an unexpected" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_names_itself_and_an_unknown_keyword(name):
    text = answer(FUNCTIONS[name], unheard_of=1)
    if name == "assert_matches_reference":
        text = answer(FUNCTIONS[name], print, unheard_of=1)
        name = "check_candidate"
    assert f"{name.replace('check_laws', 'laws')}() has no unheard_of; " in text


@pytest.mark.parametrize(("parameter", "keyword"), KEYWORDS)
def test_a_foreign_keyword_is_answered_by_what_runs(parameter, keyword):
    name, arguments = CALLS[parameter]
    text = answer(getattr(na, name), **arguments, **{keyword: None})
    hint = INSTEAD[parameter][keyword]
    assert text == f"{name}() has no {keyword}; {hint}"
    if hint.startswith("write "):
        code = hint.removeprefix("write ").partition(" (")[0]
        code = code if code.count("(") == code.count(")") else hint.removeprefix("write ").rpartition(" (")[0]
        known = dict(
            na=na, array=ARRAYS.get(parameter), left=2, right=0, lengths=5, number=0.5, seed=0, rate=0.1,
            query_ids=[0] * 5, key_ids=[0] * 5, slopes=np.array([0.5, 0.25]), scale=2.0,
            scores=arguments.get("scores"), indices=[1], targets=arguments.get("targets"), params=TREE,
        )  # fmt: skip
        known["array"] = known["array"][0] if keyword == "key_padding_mask" else known["array"]
        written = eval(f"dict({code})", known)
        getattr(na, name)(**arguments | written)


MASKED = np.ma.masked_array(LOGITS, LOGITS > 0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_masked_array_is_answered_by_mask_only_where_there_is_one(name):
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    count = sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    text = ""
    try:
        FUNCTIONS[name](*[MASKED] * count)
    except (TypeError, ValueError) as error:
        text = str(error)
    said = "is a masked array" in text and "mask" in {p.name for p in parameters}
    assert ("mask= what is hidden" in text) == said


MHA, POOL = nn.MultiHeadAttention(6, 2), AttentionClassifier(3, 5)
X = RNG.standard_normal((2, 4, 6))
HAVE = {"params": MHA.init(RNG), "query": X, "key": X, "value": X, "scale": None, "mask": None}
BACK = {"d_out": X, "saved": MHA.forward(HAVE["params"], X)[1]}
DECODER = nn.TransformerDecoderLayer(6, 2, 5)
DECODE = {"params": DECODER.init(RNG), "x": X, "memory": X}
CLASSIFY = {"params": POOL.init(RNG), "x": X[..., :3], "lengths": [2, 3]}
LAYER_CALLS = {
    **dict.fromkeys(
        ("width", "heads", "bias"), (nn.MultiHeadAttention, {"width": 6, "heads": 2, "bias": True})
    ),
    **dict.fromkeys(HAVE, (MHA.forward, HAVE)),
    **dict.fromkeys(BACK, (MHA.backward, BACK)),
    **dict.fromkeys(("x", "lengths"), (POOL.forward, CLASSIFY)),
    "rng": (MHA.init, {"rng": RNG}),
    **dict.fromkeys(
        (
            "dropout",
            "key_width",
            "value_width",
            "kv_heads",
            "head_width",
            "query_key_norm",
            "softcap",
            "sinks",
        ),
        (nn.MultiHeadAttention, {"width": 6, "heads": 2}),
    ),
    **dict.fromkeys(("hidden", "eps"), (nn.TransformerEncoderLayer, {"width": 6, "heads": 2, "hidden": 5})),
    "rows": (nn.Embedding, {"rows": 7, "width": 3}),
    "rate": (nn.Dropout, {"rate": 0.1}),
    "in_features": (nn.Linear, {"in_features": 3, "out_features": 2}),
    "seed": (MHA.forward, HAVE),
    **dict.fromkeys(("memory", "memory_mask"), (DECODER.forward, DECODE)),
    "outputs": (AttentionClassifier, {"input_dim": 3, "outputs": 1}),
}
"""A parameter -> a constructor or method of a layer that has it, and arguments that fit."""


@pytest.mark.parametrize(
    ("parameter", "keyword"), [(p, keyword) for p, hints in LAYER.items() for keyword in hints]
)
def test_a_foreign_keyword_of_a_layer_is_answered_by_what_runs(parameter, keyword):
    call, arguments = LAYER_CALLS[parameter]
    hint = LAYER[parameter][keyword]
    assert answer(call, **arguments, **{keyword: None}) == f"{call.__qualname__}() has no {keyword}; {hint}"
    if hint.startswith("write "):
        mask = np.eye(4, dtype=bool)
        array = {"mask": mask, "memory_mask": mask, "x": X[..., :3]}.get(parameter, X)
        known = dict(
            na=na, np=np, array=array[0] if "padding_mask" in keyword else array, number=2, left=1,
            right=0, lengths=[2, 3], query_ids=[0] * 4, key_ids=[0] * 4, params=HAVE["params"],
        )  # fmt: skip
        code = hint.removeprefix("write ").partition(" (in")[0].partition(" (True")[0].partition(" (of")[0]
        call(**arguments | eval(f"dict({code.partition(' (or')[0]})", known))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: nn.MultiHeadAttention(6), "MultiHeadAttention(): missing a required argument: 'heads'"),
        (
            lambda: nn.MultiHeadAttention(6, 2, 0.0),
            "MultiHeadAttention() has 3 positional arguments; width, heads",
        ),
        (lambda: nn.MultiHeadAttention(6, 2, biass=1), "MultiHeadAttention() has no biass; write bias="),
        (lambda: MHA.init(), "MultiHeadAttention.init(): missing a required argument: 'rng'"),
        (
            lambda: MHA.forward(X, X, X),
            "MultiHeadAttention: params is ndarray; a dict of arrays, as init returns it, is expected",
        ),
        (lambda: MHA.backward(X), "MultiHeadAttention.backward(): missing a required argument: 'saved'"),
        (lambda: AttentionClassifier(), "AttentionClassifier(): missing a required argument: 'input_dim'"),
    ],
)
def test_a_layer_that_is_called_in_another_way_says_its_own(call, text):
    assert answer(call).startswith(text)


@pytest.mark.parametrize("keyword", ANYWHERE)
def test_a_keyword_that_nothing_here_has(keyword):
    assert answer(na.silu, LOGITS, **{keyword: None}) == f"silu() has no {keyword}; {ANYWHERE[keyword]}"


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (
            lambda q: na.attention(q, q, q, None),
            ("4 positional", "query, key, value", "na.visible(array)"),
        ),
        (
            lambda q: na.layer_norm(q, (3,), q[0], q[0], 1e-5),
            ("5 positional", "normalized_shape: leave"),
        ),
        (lambda q: na.layer_norm(q, (3,), q[0], q[0]), ("eps has shape", "layer_norm(x, weight, bias)")),
        (lambda q: na.layer_norm(q, (3,), weight=q[0], bias=q[0]), ("'weight'", "normalized_shape: leave")),
        (lambda q: na.rms_norm(q, (3,), q[0]), ("eps has shape", "rms_norm(x, weight), without")),
        (lambda q: na.adam_step(TREE, TREE, ADAM["state"], 0.1), ("4 positional", "by name lr=")),
        (lambda q: na.attention(q, q), ("attention()", "'value'")),
        (lambda q: na.attention(q, q, q, scal=1), ("has no scal; write scale=",)),
        (lambda q: na.dropout(q, 0.1), ("seed has shape", "x * na.dropout_multipliers(seed, rate, x.shape)")),
        (lambda q: na.attention(q, q, q, dropout=0.1), ("dropout", "0.1", "na.dropout(seed, rate)")),
        (lambda q: na.attention(q, q, q, mask="causal"), ("mask is 'causal'", "mask=na.causal()")),
        (lambda q: na.attention(q, q, q, mask=True), ("mask is True", "mask=na.causal()")),
        (lambda q: na.attention(q, q, q, mask=(1, 0)), ("mask is (1, 0)", "mask=na.window(left, right)")),
        (lambda q: na.attention(q, q, q, mask=na.causal), ("mask is causal", "mask=na.causal()")),
        (
            lambda q: na.attention(q, q, q, mask=q),
            ("mask is ndarray", "na.visible(array)"),
        ),
        (lambda q: na.attention(q, q, q, bias="alibi"), ("bias is 'alibi'", "na.alibi(slopes)")),
        (lambda q: na.attention(q, q, q, scale="sqrt"), ("scale is str 'sqrt'", "expected")),
        (lambda q: na.softmax(q, axis="last"), ("axis is str 'last'", "a whole number")),
        (lambda q: na.blockwise_attention(q, q, q, block="auto"), ("block is str 'auto'", "a whole number")),
        (lambda q: na.fast_attention(q, q, q, threads=None, layout="BLHD"), ("np.swapaxes(x, -2, -3)",)),
        (
            lambda q: na.check_candidate(print, is_causal=True),
            ("check_candidate() has no is_causal",),
        ),
    ],
)
def test_what_other_libraries_take_is_answered_here(call, parts):
    text = answer(call, RNG.standard_normal((4, 3)))
    assert [part for part in parts if part not in text] == []


SWAPS = {
    "embedding": ([2, 0], LOGITS),
    "cross_entropy": (LOGITS, [0, 1, 2, 1, 0]),
    "linear": (LOGITS[0], LOGITS),
    "layer_norm": (LOGITS, LOGITS[0], LOGITS[1]),
    "rms_norm": (LOGITS, LOGITS[0]),
    "rotary": (LOGITS[:, :2], [0, 1, 2, 3, 4]),
    "location_scores": (LOGITS, LOGITS[0]),
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp"), (LOGITS, -1)),
    "leaky_relu": (LOGITS, 0.5),
    "binary_cross_entropy_with_logits": (np.array([3.0]), np.array([1.0])),
    "cosine_scores": (LOGITS, LOGITS, 2.0),
    "dropout": (0, 0.5),
    "dropout_multipliers": (0, 0.5, (2, 3)),
    "relative": (LOGITS[0], [[0, 1], [1, 0]]),
    "clip_by_global_norm": (TREE, 1.0),
    **dict.fromkeys(("adam_step", "adamw_step", "sgd_step"), (TREE, TREE, None)),
}
"""Functions whose arguments are easily swapped, in the right order."""


@pytest.mark.parametrize("name", SWAPS)
def test_arguments_in_another_order_are_told_the_order(name):
    function = getattr(na, name)
    args = [getattr(na, name.replace("step", "init"))(TREE) if x is None else x for x in SWAPS[name]]
    function(*args)
    order = ", ".join(list(inspect.signature(function).parameters)[: len(args)])
    refusals = []
    for other in itertools.permutations(args):
        try:
            function(*other)
        except (TypeError, ValueError) as error:
            refusals.append(str(error))
    assert refusals
    assert [text for text in refusals if text.count("(the order is") != 1 or order not in text] == []


PUBLIC_RULES = [rule for rule in RULES if hasattr(na, f"{rule.name}_backward")]


@pytest.mark.parametrize("rule", PUBLIC_RULES, ids=lambda rule: rule.name)
def test_every_backward_with_saved_first_is_told_the_order(rule):
    example = rule.examples[0]
    out, saved = rule.forward(*example.args, **example.kwargs)
    assert re.search(r" \(the order is d_\w+, saved\)$", answer(rule.backward, saved, out))


def test_the_order_is_tried_on_copies():
    params, state, rng = {"w": np.ones(3)}, na.adam_init(TREE), np.random.default_rng(0)
    assert answer(na.adam_update, params, state, TREE).endswith("(the order is params, grads, state)")
    assert answer(na.dropout, 0.5, rng).endswith("(the order is seed, rate)")
    assert params["w"].tolist() == [1, 1, 1]
    assert state["step"] == 0
    assert rng.random() == np.random.default_rng(0).random()


def test_other_axis_orders_are_named_where_the_heads_do_not_fit():
    query, key = np.ones((2, 7, 3, 5)), np.ones((2, 4, 3, 5))  # (batch, length, heads, width)
    with pytest.raises(ValueError, match=r"4 does not divide 7 .*np.swapaxes\(x, -2, -3\)"):
        na.attention(query, key, key)
    assert na.attention(*(np.swapaxes(x, -2, -3) for x in (query, key, key))).shape == (2, 3, 7, 5)


def test_a_type_error_from_inside_is_unchanged():
    def step(*_):
        raise TypeError("mine")

    forward, _ = na.attention_with(na.STEPS._replace(mask=na.Pair(step, step)))
    assert answer(forward, **HEADS) == "mine"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_keep_name_signature_text_and_pickle(name):
    function = FUNCTIONS[name]
    assert function.__name__ == name or function is na.laws
    assert inspect.signature(function) == inspect.signature(inspect.unwrap(function))
    assert pickle.loads(pickle.dumps(function)) is function
    assert function.__doc__


def test_the_table_in_the_documents_is_that_of_the_hints():
    text = (Path(__file__).parents[3] / "docs" / "attention.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`\w+=.*) \| `(.*)` \|$", text, flags=re.M)
    pairs = [(keyword, code) for names, code in rows for keyword in re.findall(r"`(\w+)=", names)]
    assert len(pairs) > 10
    hints = [(keyword, hint) for table in INSTEAD.values() for keyword, hint in table.items()]
    missing = [pair for pair in pairs if not any(k == pair[0] and pair[1] in hint for k, hint in hints)]
    assert missing == []


def test_function_without_keywords_names_its_positional_arguments_alone():
    x = np.ones((2, 2))
    with pytest.raises(TypeError, match=r"has 4 positional arguments; x, weight, bias are expected$"):
        na.linear(x, x, x[0], x[0])
