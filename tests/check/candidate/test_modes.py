"""Arrays have the memory layouts of a specification, and calls its mode; what is refused is named."""

import threading

import numpy as np
import pytest

from numpy_attention.check.candidate.candidate import TENSORS, Candidate, rolled
from numpy_attention.check.candidate.capabilities import Constraints, probe
from numpy_attention.check.candidate.conventions import checked_convention
from numpy_attention.check.candidate.frameworks import NumPy, get_framework
from numpy_attention.check.cases.drawing import draw_case
from numpy_attention.check.cases.specification import LAYOUTS, MODES, SUBSETS, Specification
from numpy_attention.check.reference.evaluation import results
from numpy_attention.check.reference.inputs import Shape
from tests.support.candidates import OURS, simple

PLAIN = Specification("plain", Shape(2, 3, 3, 5, 7, 4, 6))


def called(function, framework=NumPy(), **fields):  # noqa: B008
    case = draw_case(PLAIN._replace(**fields))
    return case, Candidate(function, checked_convention()).call(case, framework)


def assert_right(case, tensors):
    right = results(case)
    for name, x in tensors.items():
        np.testing.assert_allclose(x.numbers, getattr(right, name), rtol=0, atol=1e-5, err_msg=name)


# ------------------------------------------------------------------------------------------- layouts

PROPERTIES = {
    "transposed": lambda x: x.swapaxes(1, 2).flags.c_contiguous and not x.flags.c_contiguous,
    "sliced": lambda x: x.base is not None and x.base.size > x.size and not x.flags.c_contiguous,
    "reversed": lambda x: min(x.strides) < 0,
    "read-only": lambda x: x.flags.c_contiguous and not x.flags.writeable,
}


@pytest.mark.parametrize("layout", PROPERTIES)
@pytest.mark.parametrize("tensor", TENSORS)
def test_one_array_has_the_layout_and_the_numbers_are_the_same(layout, tensor):
    arrays = {}

    def attention(query, key, value, *, d_out):
        arrays.update(query=query, key=key, value=value, d_out=d_out)
        return simple(query, key, value, d_out=d_out)

    case, output = called(attention, layouts=((tensor, layout),))
    assert [name for name, x in arrays.items() if PROPERTIES[layout](x)] == [tensor]
    assert_right(case, output.tensors)


def test_equal_batch_entries_are_expanded_and_others_are_not():
    x = np.arange(24.0, dtype="f4").reshape(2, 3, 4)
    assert NumPy().laid_out(np.repeat(x[:1], 2, axis=0), "expanded").strides[0] == 0
    assert NumPy().laid_out(x, "expanded").strides[0] > 0


def test_a_candidate_that_reads_memory_in_its_own_order_is_wrong():
    def attention(query, key, value, *, d_out):
        return simple(query, key.ravel(order="K").reshape(key.shape), value, d_out=d_out)

    assert_right(*(lambda case, output: (case, output.tensors))(*called(attention)))
    case, output = called(attention, layouts=(("key", "transposed"),))
    with pytest.raises(AssertionError):
        assert_right(case, output.tensors)


@pytest.mark.parametrize("layout", ["transposed", "expanded", "sliced"])
def test_torch_tensors_have_the_layout(layout, peer):
    torch = peer("torch")
    strides = {}

    def attention(query, key, value):
        strides.update(query=query.stride(), key=key.stride())
        return torch.softmax(query @ key.mT * query.shape[-1] ** -0.5, -1) @ value

    framework = get_framework("torch")
    case, output = called(attention, framework, layouts=(("query", layout),))
    assert_right(case, output.tensors)
    assert strides["key"] == (84, 28, 4, 1)
    equal = framework.laid_out(torch.ones(2, 3, 5, 4), layout)
    assert equal.stride() != (60, 20, 4, 1)
    assert framework.layouts == ("transposed", "expanded", "sliced")


# --------------------------------------------------------------------------------------------- modes


def test_no_gradient_means_that_backward_is_not_called():
    forward, _ = OURS
    _, output = called((forward, lambda *_: pytest.fail("called")), mode="no gradient")
    assert set(output.tensors) == {"out", "weights", "lse"}

    def attention(query, key, value, d_out=None):
        out, gradients = simple(
            query, key, value, d_out=np.ones_like(query @ key.mT @ value) if d_out is None else d_out
        )
        return out if d_out is None else (out, gradients)

    case, output = called(attention, mode="no gradient")
    assert set(output.tensors) == {"out"}
    assert "no gradient" in Candidate(attention, checked_convention()).modes(NumPy())
    assert "no gradient" not in Candidate(simple, checked_convention()).modes(NumPy())


def test_the_second_backward_is_judged():
    forward, backward = OURS
    calls = []

    def once(d_out, saved):
        calls.append(1)
        return tuple(x * np.float32(len(calls)) for x in backward(d_out, saved)[:3])

    case, output = called((forward, once), mode="backward twice")
    assert len(calls) == 2
    with pytest.raises(AssertionError, match="d_query"):
        assert_right(case, output.tensors)


def test_a_stale_cache_is_wrong_after_a_call_with_other_numbers():
    kept = {}

    def attention(query, key, value, *, d_out):
        scores = kept.setdefault(query.shape, np.exp(query @ key.swapaxes(-1, -2)))
        return simple(query, key, value, d_out=d_out)[0] * 0 + scores[..., :1], (query, key, value)

    _, first = called(attention, mode="called before")
    kept.clear()
    _, second = called(attention)
    assert not np.allclose(first.tensors["out"].numbers, second.tensors["out"].numbers)
    case = draw_case(PLAIN._replace(options=("mask",)))
    assert rolled(case).query.shape == case.query.shape
    assert (rolled(case).options["mask"] != case.options["mask"]).any()


def test_a_second_thread_calls_beside_the_judged_call():
    threads, seen = set(), threading.Event()

    def attention(query, key, value, *, d_out):
        threads.add(threading.get_ident())
        if len(threads) > 1:
            seen.set()
        seen.wait(5)
        return simple(query, key, value, d_out=d_out)

    case, output = called(attention, mode="in threads")
    assert len(threads) == 2
    assert_right(case, output.tensors)

    def fails_in_the_second(query, key, value, *, d_out):
        if threading.current_thread() is not threading.main_thread():
            raise IndexError("shared")
        return simple(query, key, value, d_out=d_out)

    with pytest.raises(IndexError, match="shared"):
        called(fails_in_the_second, mode="in threads")


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize(
    "mode", [*SUBSETS[:4], "no gradient", "backward twice", "called before", "in threads"]
)
def test_frameworks_give_the_wanted_gradients_alone(name, mode, peer):
    module = peer(name)
    wanted = []

    def attention(query, key, value):
        wanted.append([getattr(x, "requires_grad", None) for x in (query, key, value)])
        softmax = module.softmax if name == "torch" else module.nn.softmax
        return softmax(query @ key.swapaxes(-1, -2) * query.shape[-1] ** -0.5, -1) @ value

    case, output = called(attention, get_framework(name), mode=mode)
    assert_right(case, output.tensors)
    everything = {"d_query", "d_key", "d_value"}
    expected = {f"d_{x}" for x in mode.split(", ")} if mode in SUBSETS else everything
    expected = set() if mode == "no gradient" else expected
    assert set(output.tensors) == {"out"} | expected
    if name == "torch" and mode in (*SUBSETS, "no gradient"):
        assert wanted == [[f"d_{x}" in expected for x in ("query", "key", "value")]]


def test_reentrant_checkpoints_are_differentiated(peer):
    torch = peer("torch")
    checkpoint = pytest.importorskip("torch.utils.checkpoint").checkpoint

    def plain(query, key, value):
        return torch.softmax(query @ key.mT * query.shape[-1] ** -0.5, -1) @ value

    case, output = called(
        lambda q, k, v: checkpoint(plain, q, k, v, use_reentrant=True), get_framework("torch")
    )
    assert_right(case, output.tensors)


# -------------------------------------------------------------------------------------- capabilities


def test_refused_layouts_and_modes_are_left_out_by_name():
    def attention(query, key, value, d_out=None):
        if not query.flags.c_contiguous:
            raise ValueError("query must be contiguous")
        if d_out is None:
            raise RuntimeError("d_out is needed")
        return simple(query, key, value, d_out=d_out)

    result = probe(Candidate(attention, checked_convention()), Constraints(), "float32", 0, 60)
    assert result.left_out["transposed arrays"].startswith("raises ValueError: query must be contiguous")
    assert result.left_out["mode 'no gradient'"].startswith("raises RuntimeError: d_out is needed")
    assert "read-only arrays" not in result.left_out
    plain = Candidate(simple, checked_convention())
    assert plain.layouts(NumPy()) == LAYOUTS
    assert plain.modes(NumPy()) == ("all gradients", "called before", "in threads")
    pair = Candidate(OURS, checked_convention()).modes(NumPy())
    assert set(MODES) - set(pair) == set(SUBSETS)
