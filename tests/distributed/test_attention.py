"""The pair on dask arrays: numbers within the bounds, chunks, bits, and how often a tile is computed."""

import functools
import itertools

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import distributed as nd
from numpy_attention.distributed import tiles
from numpy_attention.distributed.graph import visible_tiles
from numpy_attention.functional.fast import part
from tests.support.distributed_problems import PROBLEMS, as_dask, flat, inputs_of, over_bounds


@pytest.fixture
def dask(peer):
    """dask, which computes on the thread that asks."""
    dask = peer("dask")
    peer("dask.array")
    with dask.config.set(scheduler="synchronous"):
        yield dask


def graph_of(dask, inputs, **options):
    query, key, value, d_out, d_lse = as_dask(dask.array, inputs)
    out, saved = nd.attention_forward(query, key, value, **inputs.keywords, **options)
    return out, saved, nd.attention_backward(d_out, saved, d_lse=d_lse)


def computed(dask, inputs, **options):
    out, saved, gradients = graph_of(dask, inputs, **options)
    out, lse, gradients = dask.compute(out, saved.lse, gradients)
    return {"out": out, "lse": lse} | flat(gradients)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", PROBLEMS)
def test_numbers_are_within_the_bounds(name, dtype, dask):
    inputs = inputs_of(name, dtype)
    got = computed(dask, inputs)
    assert all(x.dtype == dtype for what, x in got.items() if what in ("out", "d_query", "d_key", "d_value"))
    assert max(over_bounds(got, inputs, dtype).values()) <= 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_have_the_chunks_of_their_arguments(name, dask):
    inputs = inputs_of(name)
    out, saved, gradients = graph_of(dask, inputs)
    assert out.chunks[:-1] == saved.lse.chunks == saved.call.chunks[:-1]
    gradients = flat(gradients)
    blocks = dask.compute({what: x.to_delayed().ravel().tolist() for what, x in gradients.items()})[0]
    for what, gradient in gradients.items():
        own_name = "parameter" if what == "d_bias" and saved.call.bias is not None else what[2:]
        argument = saved.arrays[own_name]
        assert (gradient.chunks, gradient.dtype) == (argument.chunks, argument.dtype)
        shapes = list(itertools.product(*argument.chunks))
        assert [block.shape for block in blocks[what]] == shapes


def test_options_as_dask_arrays_give_the_same_bits(dask):
    inputs = inputs_of("bias, multipliers")
    chunks = graph_of(dask, inputs)[1].call.chunks
    lazy = inputs.replace(bias=dask.array.from_array(inputs.bias, chunks=chunks[1:]))
    same_bits(computed(dask, inputs), computed(dask, lazy))


def same_bits(a, b):
    assert a.keys() == b.keys()
    assert all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_same_chunks_and_tree_give_the_same_bits_on_threads(dask):
    inputs = inputs_of("causal, sinks")
    one = computed(dask, inputs)
    with dask.config.set(scheduler="threads"):
        same_bits(one, computed(dask, inputs))


@pytest.mark.parametrize("split_every", [2, 3, 16])
def test_other_trees_are_within_the_bounds_too(split_every, dask):
    inputs = inputs_of("plain")
    got = computed(dask, inputs, split_every=split_every)
    assert max(over_bounds(got, inputs, np.float64).values()) <= 1


def test_float16_is_rounded_once(dask):
    inputs = inputs_of("plain", np.float16)
    got = computed(dask, inputs)
    out, saved = na.attention_forward(*inputs.arguments)
    expected = {"out": out} | flat(na.attention_backward(inputs.d_out, saved, d_lse=inputs.d_lse))
    for name, right in expected.items():
        assert got[name].dtype == np.float16
        spacing = np.spacing(np.abs(right)).astype(float)
        assert (np.abs(got[name].astype(float) - right) <= spacing + 1e-6).all(), name


def test_complex_sinks_and_cotangents_make_complex_gradients(dask):
    rng = np.random.default_rng(4)
    query, key, value, d_out = rng.standard_normal((4, 2, 7, 3)).astype(np.float32)
    sinks, d_out = np.array([0.3 + 1j, -0.2]), d_out * (1 + 2j)
    right, right_saved = na.attention_forward(query, key, value, sinks=sinks)
    expected = flat(na.attention_backward(d_out, right_saved)) | {"out": right}
    lazy = [dask.array.from_array(x, chunks=(1, 4, -1)) for x in (query, key, value, d_out)]
    out, saved = nd.attention_forward(*lazy[:3], sinks=sinks)
    arrays = flat(nd.attention_backward(lazy[3], saved)) | {"out": out}
    for name, got in dask.compute(arrays)[0].items():
        assert got.dtype == expected[name].dtype
        assert arrays["out"].dtype == np.complex64
        np.testing.assert_allclose(got, expected[name], rtol=0, atol=1e-5, err_msg=name)


def test_block_and_threads_reach_the_tiles(dask):
    saved = graph_of(dask, inputs_of("plain"), block=(2, 3), threads=2)[1]
    _, options = next(visible_tiles(saved.call, ()))
    assert (options.block, options.threads, options.mask) == ((2, 3), 2, None)


def test_a_tile_that_is_wholly_visible_has_no_mask(dask):
    x = dask.array.zeros((6, 2), chunks=(3, 2))
    call = nd.attention_forward(x, x, x, mask=na.causal())[1].call
    assert {tile: options.mask is None for tile, options in visible_tiles(call, ())} == {
        (0, 0): False, (1, 0): True, (1, 1): False,
    }  # fmt: skip


def test_one_head_without_its_axis_and_no_keys(dask):
    rng = np.random.default_rng(3)
    query, key, value = rng.standard_normal((5, 2)), rng.standard_normal((7, 2)), rng.standard_normal((7, 3))
    out, saved = nd.attention_forward(
        *(dask.array.from_array(x, chunks=(3, -1)) for x in (query, key, value))
    )
    gradients = nd.attention_backward(out, saved)
    right, right_saved = na.attention_forward(query, key, value)
    np.testing.assert_allclose(out.compute(), right, rtol=0, atol=1e-14)
    expected = na.attention_backward(right, right_saved).d_key
    np.testing.assert_allclose(gradients.d_key.compute(), expected, rtol=0, atol=1e-13)
    none = [dask.array.from_array(x, chunks=-1) for x in (query, key[:0], value[:0])]
    assert not nd.attention_forward(*none)[0].compute().any()


def test_masked_tiles_are_never_made(dask):
    """64 x 64 tiles, causal: 2,080 of 4,096."""
    x = dask.array.zeros((64 * 3, 2), chunks=(3, 2))
    out, saved = nd.attention_forward(x, x, x, mask=na.causal())
    gradients = nd.attention_backward(x, saved)
    names = [[key[0].rpartition("-")[2] for key in graph if isinstance(key, tuple)]
             for graph in (out.dask, gradients.d_query.dask)]  # fmt: skip
    assert names[0].count("tile") == 2080
    assert names[1].count("tile") == 2 * 2080  # the forward's, unless they are persisted, and the backward's
    assert len(names[0]) < 3000


def test_tiles_between_documents_are_never_made(dask):
    """The bounds of such a mask rule nothing out, its tiles do: 8 of 64."""
    x, documents = dask.array.zeros((8 * 3, 2), chunks=(3, 2)), np.arange(8 * 3) // 3
    out, _ = nd.attention_forward(x, x, x, mask=na.segments(documents, documents))
    assert sum("-tile" in str(key[0]) for key in out.dask if isinstance(key, tuple)) == 8


def test_each_tile_is_computed_once_there_and_back(dask, monkeypatch):
    """The backward needs no second pass for keys, and recomputes no forward beside it."""
    calls = {"forward": 0, "backward": 0, "merged": 0}

    def counting(name, function):
        @functools.wraps(function)
        def call(*args, **options):
            calls[name] += 1
            return function(*args, **options)

        return call

    monkeypatch.setattr(tiles, "attend_to_part", counting("forward", tiles.attend_to_part))
    monkeypatch.setattr(tiles, "gradients_of_part", counting("backward", tiles.gradients_of_part))
    monkeypatch.setattr(part, "run_backward", counting("merged", part.run_backward))
    computed(dask, inputs_of("plain"))
    tiles_of_grid = 2 * 2 * 3 * 3
    assert calls == {"forward": tiles_of_grid, "backward": tiles_of_grid, "merged": 0}


def test_what_was_saved_can_be_persisted(dask):
    inputs = inputs_of("plain")
    out, saved, _ = graph_of(dask, inputs)
    kept = dask.persist(saved)[0]
    assert len(kept.out.dask) < len(saved.out.dask)
    d_out = as_dask(dask.array, inputs)[3]
    right, got = (nd.attention_backward(d_out, each).d_key.compute() for each in (saved, kept))
    assert right.tobytes() == got.tobytes()


def test_what_does_not_fit_is_refused_before_any_work(dask):
    out, saved, _ = graph_of(dask, inputs_of("plain"))
    with pytest.raises(TypeError, match="saved is int, not what attention_forward returned"):
        nd.attention_backward(out, 3)
    with pytest.raises(TypeError, match=r"d_out is a numpy.ndarray; a dask array is expected"):
        nd.attention_backward(np.ones(out.shape), saved)
    with pytest.raises(ValueError, match=r"d_out has shape \(2, 6, 17\); \(2, 6, 17, 7\) is expected"):
        nd.attention_backward(saved.lse, saved)
