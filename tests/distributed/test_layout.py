"""What does not fit is refused in one sentence, before a task is made."""

import numpy as np
import pytest

import numpy_attention as na
from numpy_attention import distributed as nd
from numpy_attention.distributed.layout import ChunkedCall, Operand, candidates, check_count, regions
from tests.support.distributed_problems import B, H, L, S, as_dask, inputs_of


@pytest.fixture
def da(peer):
    return peer("dask.array")


@pytest.fixture
def arguments(da):
    return dict(zip(("query", "key", "value"), as_dask(da, inputs_of("plain")), strict=False))


def refused(arguments, **changes):
    """The sentence, which is one line."""
    with pytest.raises((TypeError, ValueError)) as error:
        nd.attention_forward(**arguments | changes)
    sentence = str(error.value)
    assert "\n" not in sentence
    assert "expected" in sentence or "must be equal" in sentence
    return sentence


def test_arrays_of_other_libraries(arguments, da):
    sentence = refused(arguments, query=np.ones((B, H, L, 5)))
    assert sentence.startswith("query is a numpy.ndarray; a dask array is expected: write da.from_array(")
    assert refused(arguments, key=[[1.0]]).startswith("key is a builtins.list; a dask array is expected")
    masked = arguments["value"].map_blocks(np.ma.masked_array, meta=np.ma.masked_array(np.ones((1, 1, 1, 1))))
    assert refused(arguments, value=masked) == (
        "value has chunks of MaskedArray; chunks of NumPy are expected"
    )


def test_kinds_and_shapes(arguments):
    assert refused(arguments, key=arguments["key"].astype(int)).startswith("key has dtype int64; float16, ")
    assert (
        refused(arguments, key=arguments["key"][0, 0, 0])
        == "key has shape (5,); at least 2 axes are expected"
    )
    assert refused(arguments, value=arguments["value"][:, :, 1:]).startswith(
        "the number of keys is 23, but that"
    )


def test_chunks_of_unknown_length(arguments):
    query = arguments["query"]
    unknown = query[:, :, query[0, 0, :, 0] > 0]
    assert refused(arguments, query=unknown) == (
        "query has chunks of unknown lengths, ((1, 1), (4, 2), (nan, nan, nan), (5,)); known ones are "
        "expected: write query.compute_chunk_sizes()"
    )


def test_chunks_that_cut_a_group(arguments):
    assert refused(arguments, query=arguments["query"].rechunk({1: (3, 3)})) == (
        "the chunks of heads cut a group: query has (3, 3), key (2, 1), and 2 query heads read a key head; "
        "(4, 2) is expected of query"
    )


def test_chunks_that_differ(arguments):
    key, value = arguments["key"], arguments["value"]
    assert refused(arguments, value=value.rechunk({2: 10})) == (
        "the chunks of keys differ: key (5, 11, 7), value (10, 10, 3); the same are expected (see dask's "
        "rechunk)"
    )
    assert refused(arguments, value=value.rechunk({1: 1})).startswith(
        "the chunks of key heads differ: key (2, 1)"
    )
    assert refused(arguments, key=key.rechunk({0: 2})).startswith(
        "the chunks of batch axis 0 differ: query (1, 1)"
    )
    assert refused(arguments, value=value.rechunk({3: 2})) == (
        "value is cut along its width, (2, 2, 2, 1); one chunk is expected: write value.rechunk({-1: -1})"
    )


def test_options(arguments, da):
    bias = da.zeros((H, L, S), chunks=(6, 5, 23))
    assert refused(arguments, bias=bias).startswith("the chunks of axis 1 of the scores differ: bias (6,)")
    assert refused(arguments, split_every=1) == "split_every holds 1; at least 2 is expected"
    assert refused(arguments, softcap=-1.0) == "softcap is -1.0; a positive number is expected"
    for option, sentence in {
        "bias": r"bias has shape \(3, 2\), which does not broadcast to the shape of the scores",
        "scale": r"scale has shape \(3, 2\), which does not broadcast to the shape of the scores",
        "sinks": r"sinks has shape \(3, 2\), which does not broadcast to the batch and head axes",
        "dropout": r"dropout has shape \(3, 2\), which does not broadcast to the shape of the scores",
    }.items():
        with pytest.raises(ValueError, match=sentence):
            nd.attention_forward(**arguments, **{option: da.ones((3, 2), chunks=2)})
    with pytest.raises(
        TypeError, match=r"dropout is the number 0.3, which reads as a rate; write na.dropout"
    ):
        nd.attention_forward(**arguments, dropout=0.3)
    with pytest.raises(TypeError, match="mask is ndarray, which does not say what True means"):
        nd.attention_forward(**arguments, mask=np.ones((L, S), bool))


def test_a_length_that_makes_a_million_tasks(da):
    x = da.zeros((2**20, 64), chunks=(2**10, 64))
    assert refused({"query": x, "key": x, "value": x}) == (
        "1048576 queries and 1048576 keys in chunks of 1024 and 1024 are more than 1,000,000 tiles, each a "
        "task; fewer are expected: write larger chunks"
    )


def test_masked_tiles_do_not_count():
    lengths = (2**10,) * 2**10
    mask = na.window(2**10, 0)
    call = ChunkedCall((2**20,) * 2, (lengths, lengths), mask, None, None, None, None, 1, 4)
    check_count(call)
    assert len(list(candidates(call))) == 2 * 2**10 - 1


def test_a_tile_knows_its_part_of_the_scores():
    call = ChunkedCall((3, 7, 7), ((1, 2), (5, 2), (4, 3)), None, None, None, None, None, 1, 4)
    assert [(tile, region.slices) for tile, region in regions(call) if tile[0] == 1] == [
        ((1, 0, 0), (slice(1, 3), slice(0, 5), slice(0, 4))),
        ((1, 0, 1), (slice(1, 3), slice(0, 5), slice(4, 7))),
        ((1, 1, 0), (slice(1, 3), slice(5, 7), slice(0, 4))),
        ((1, 1, 1), (slice(1, 3), slice(5, 7), slice(4, 7))),
    ]


def test_an_operand_names_the_chunk_of_a_tile():
    operand = Operand(None, (0, None, 3, None))
    assert operand.place((1, 2, 3, 4)) == (1, 0, 4, 0)


def test_a_number_of_dask_as_dropout_reads_as_a_rate(arguments, da):
    with pytest.raises(TypeError, match="which reads as a rate"):
        nd.attention_forward(**arguments, dropout=da.ones(()) * 0.3)


def test_only_the_first_rows_of_a_huge_grid_are_looked_at():
    lengths, rows = (10,) * 10**5, (0, 0, 0)
    call = ChunkedCall((1, 10**6, 10**6), ((1,), lengths, lengths), None, None, None, None, None, 1, 4)
    assert next(iter(candidates(call))) == rows
    with pytest.raises(ValueError, match=r"more than 1,000,000 tiles"):
        check_count(call._replace(mask=na.causal()))
