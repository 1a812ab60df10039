"""Files of the safetensors package are read here and those written here there; both refuse the same ones."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.nn.weights.files import load_weights, read_safetensors, save_weights
from numpy_attention.nn.weights.formats import (
    NARROW_FORMATS,
    NUMPY_FORMATS,
    SIZES,
    read_numbers,
    write_numbers,
)
from numpy_attention.nn.weights.safetensors_header import read_header
from tests.nn.weights.test_safetensors_header import REFUSED, file, tensor

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="."), min_size=1, max_size=5)
SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)
ARRAYS = st.dictionaries(
    NAMES, st.tuples(st.sampled_from(sorted(NUMPY_FORMATS.values())), SHAPES), max_size=6
)


def drawn(arrays):
    rng = np.random.default_rng(len(arrays))
    return {name: np.array(100 * rng.random(shape)).astype(dtype) for name, (dtype, shape) in arrays.items()}


@pytest.fixture(scope="module")
def package(peer):
    peer("safetensors")
    return peer("safetensors.numpy")


@given(arrays=ARRAYS)
def test_both_write_the_same_bytes_and_read_each_other(package, tmp_path_factory, arrays):
    folder, arrays = tmp_path_factory.mktemp("both"), drawn(arrays)
    save_weights(folder / "ours.safetensors", arrays)
    package.save_file(
        arrays, folder / "theirs.safetensors", metadata={"format": "np"} if len(arrays) % 2 else None
    )
    if not len(arrays) % 2:
        assert (folder / "ours.safetensors").read_bytes() == (folder / "theirs.safetensors").read_bytes()
    for loaded in (
        load_weights(folder / "theirs.safetensors"),
        package.load_file(folder / "ours.safetensors"),
    ):
        assert set(loaded) == set(arrays)
        for name, array in arrays.items():
            assert (loaded[name].dtype, loaded[name].shape) == (array.dtype, array.shape)
            np.testing.assert_array_equal(loaded[name], array)


@pytest.mark.parametrize("code", NARROW_FORMATS)
def test_narrow_floats_are_those_of_ml_dtypes(peer, code):
    dtype = np.dtype(getattr(peer("ml_dtypes"), NARROW_FORMATS[code].dtype))
    every = np.arange(2 ** (8 * SIZES[code])).astype(f"<u{SIZES[code]}")
    np.testing.assert_array_equal(
        read_numbers(code, every.view(np.uint8)), every.view(dtype).astype(np.float32)
    )
    np.testing.assert_array_equal(write_numbers(code, every.view(dtype)), every.view(np.uint8))
    rng = np.random.default_rng(0)
    x = rng.standard_normal(10_000) * 2.0 ** rng.integers(-20, 8, 10_000)
    np.testing.assert_array_equal(write_numbers(code, x), write_numbers(code, x.astype(dtype)))


def test_torchs_bfloat16_and_float8_are_read_exactly(peer, tmp_path):
    torch, save_file = peer("torch"), peer("safetensors.torch").save_file
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    dtypes = {
        each: getattr(torch, each)
        for each in ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float16", "float64")
    }
    save_file({name: x.to(dtype) for name, dtype in dtypes.items()}, tmp_path / "a.safetensors")
    for name, array in load_weights(tmp_path / "a.safetensors").items():
        np.testing.assert_array_equal(array, x.to(dtypes[name]).to(torch.float64).numpy())


def test_files_written_here_are_opened_by_torch(peer, tmp_path):
    torch, load_file = peer("torch"), peer("safetensors.torch").load_file
    x = np.random.default_rng(0).standard_normal((5, 7))
    for dtype in ("bfloat16", "float8_e4m3", "float8_e5m2"):
        save_weights(tmp_path / "a.safetensors", {"x": x}, dtype=dtype)
        theirs = load_file(tmp_path / "a.safetensors")["x"]
        assert theirs.dtype == getattr(torch, {"float8_e4m3": "float8_e4m3fn"}.get(dtype, dtype))
        np.testing.assert_array_equal(theirs.float().numpy(), load_weights(tmp_path / "a.safetensors")["x"])


STRICTER = {"a name twice", "a field more", "a long name", "a deep name"}
"""Refused here alone: a name of two arrays, a field without a meaning, and names that no layer has."""


@pytest.mark.parametrize("how", REFUSED)
def test_what_is_refused_here_is_refused_by_the_package(package, how, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(REFUSED[how][0].tobytes())
    refused = None
    try:
        package.load_file(tmp_path / "a.safetensors")
    except Exception as error:
        refused = error
    assert (refused is None) == (how in STRICTER), refused


@given(data=st.data())
def test_a_damaged_header_is_read_by_both_or_refused_by_both(package, tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    header = {"a": tensor(), "b.c": tensor("U8", (3, 1), (8, 11)), "__metadata__": {"x": "y"}}
    content = bytearray(file(header, bytes(11)))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 12))
        content[at] = data.draw(st.sampled_from([*b' "{}[],:0123456789abcFU_-.', content[at] ^ 1]))
    path.write_bytes(content)
    try:
        theirs = {name: x.shape for name, x in package.load_file(path).items()}
    except Exception:
        theirs = None
    try:
        ours = {entry.name: entry.shape for entry in read_header(np.frombuffer(bytes(content), np.uint8))[0]}
    except ValueError:
        ours = None
    assert ours is None or ours == theirs


def test_what_the_package_refuses_is_refused(package, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_weights(path, {"a": np.ones(3)})
    assert list(read_safetensors(path)) == ["a"]

    class Refusing:
        class SafetensorError(Exception):
            pass

        def safe_open(self, *_):
            raise self.SafetensorError("no such thing")

    monkeypatch.setitem(sys.modules, "safetensors", Refusing())
    with pytest.raises(ValueError, match=r"the safetensors package says: no such thing"):
        read_safetensors(path)
