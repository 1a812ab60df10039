"""Weights come back as they went, and no file makes the loader do anything but read it."""

import os
import pickle
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from numpy_attention import nn
from numpy_attention.nn.weights import files
from numpy_attention.nn.weights.files import load_weights, read_safetensors, save_weights

SUFFIXES = [".npz", ".safetensors"]
PARAMS = {
    "layers": {
        "0": {"weight": np.arange(6.0).reshape(2, 3), "bias": np.array([0.5, -0.0], np.float32)},
        "1": {"weight": np.arange(6, dtype=np.float16).reshape(3, 2).T},
    },
    "scale": np.array(7.0),
    "none": np.zeros((0, 5), np.float32),
    "step": np.array(3),
    "σ": np.array([True, False]),
    "phase": np.array([1 + 2j], np.complex64),
}


@pytest.fixture(params=["with the package", "without it"])
def package(request, monkeypatch):
    """Both ways of reading, where the safetensors package is installed."""
    if request.param == "without it":
        monkeypatch.setitem(sys.modules, "safetensors", None)


def flat(tree, above=""):
    pairs = ((f"{above}{key}", value) for key, value in tree.items())
    return {
        n: y
        for name, x in pairs
        for n, y in (flat(x, f"{name}.") if isinstance(x, dict) else {name: x}).items()
    }


def assert_same(one, other):
    one, other = flat(one), flat(other)
    assert set(one) == set(other)
    for name, array in one.items():
        assert (other[name].dtype, other[name].shape) == (array.dtype, array.shape)
        assert other[name].tobytes() == array.tobytes()


# ---------------------------------------------------------------- there and back


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_params_come_back_to_the_bit(suffix, tmp_path, package):
    path = tmp_path / f"params{suffix}"
    save_weights(path, PARAMS)
    assert_same(load_weights(path), PARAMS)
    save_weights(path, flat(PARAMS))
    assert_same(load_weights(str(path)), PARAMS)
    save_weights(path, {})
    assert load_weights(path) == {}


DTYPES = st.sampled_from(["f2", "f4", "f8", ">f4", "c8", "i8", "u1", "?"])


@given(array=hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0)), suffix=st.sampled_from(SUFFIXES))
def test_any_array_comes_back(tmp_path_factory, array, suffix):
    path = tmp_path_factory.mktemp("any") / f"array{suffix}"
    save_weights(path, {"a": array, "b": np.float32([1, 2])})
    assert_same(
        load_weights(path, finite=False),
        {"a": array.astype(array.dtype.newbyteorder("=")), "b": np.float32([1, 2])},
    )


@pytest.mark.parametrize("dtype", files.ROUNDED_TO)
def test_numbers_are_rounded_to_the_dtype_that_is_asked_for(dtype, tmp_path, package):
    """Multiples of 1/8 below 1 are numbers of every format; whole numbers stay as they are."""
    exact = {"weight": np.arange(-7, 8) / 8, "step": np.array(3)}
    inexact = {"weight": np.array([1 / 3])}
    path = tmp_path / "a.safetensors"
    save_weights(path, exact, dtype=dtype)
    loaded = load_weights(path)
    expected = dtype if dtype in ("float64", "float16") else "float32"
    assert_same(loaded, {"weight": exact["weight"].astype(expected), "step": exact["step"]})
    size = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}.get(dtype, 1)
    header = int.from_bytes(path.read_bytes()[:8], "little")
    assert path.stat().st_size == 8 + header + 15 * size + 8
    save_weights(path, inexact, dtype=dtype)
    assert abs(load_weights(path)["weight"][0] * 3 - 1) <= {8: 2e-16, 4: 1e-7, 2: 4e-3, 1: 0.15}[size]
    if size > 2 or dtype == "float16":
        save_weights(tmp_path / "a.npz", exact, dtype=dtype)
        assert_same(
            load_weights(tmp_path / "a.npz"), {"weight": exact["weight"].astype(dtype), "step": exact["step"]}
        )


def test_a_layer_is_carried_through_a_file(tmp_path):
    layer = nn.MultiHeadAttention(width=6, heads=2)
    params = layer.init(np.random.default_rng(0))
    for suffix in SUFFIXES:
        nn.save_weights(tmp_path / f"a{suffix}", params)
        assert_same(nn.from_torch(layer, nn.load_weights(tmp_path / f"a{suffix}")), params)


# ---------------------------------------------------------------- mapped, and whole or not at all


def test_numbers_are_mapped_and_changing_them_changes_no_file(tmp_path):
    path = tmp_path / "large.safetensors"
    save_weights(path, {"weight": np.ones(2**17), "bias": np.ones(3, np.float16)})
    before = path.read_bytes()
    tracemalloc.start()
    params = load_weights(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2**19  # half of the numbers' 2**20 bytes: the check for NaN sees them as bools
    params["weight"][:] = 0
    assert path.read_bytes() == before
    assert load_weights(path)["weight"].all()


def test_a_file_beyond_the_memory_is_read_only(tmp_path, monkeypatch):
    """64 GiB of zeros, of which the disk holds nothing, are refused; a true file is mapped."""
    path = tmp_path / "a.safetensors"
    with open(path, "wb") as file:
        file.truncate(2**36)
    with pytest.raises(ValueError, match=r"its header has nothing at character 0; \{ is expected"):
        load_weights(path)
    save_weights(path, {"a": np.arange(3.0)})
    memmap = np.memmap

    def small(file, dtype, mode):
        if mode == "c":
            raise OSError(12, "Cannot allocate memory")
        return memmap(file, dtype, mode)

    monkeypatch.setattr(np, "memmap", small)
    array = load_weights(path)["a"]
    assert array.tolist() == [0, 1, 2]
    assert not array.flags.writeable


def test_the_file_may_be_saved_again_while_it_is_mapped(tmp_path):
    path = tmp_path / "a.safetensors"
    save_weights(path, {"weight": np.arange(5.0)})
    params = load_weights(path)
    save_weights(path, {"weight": params["weight"] + 1, "bias": np.zeros(2)})
    assert params["weight"].tolist() == [0, 1, 2, 3, 4]
    assert load_weights(path)["weight"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_write_that_stops_half_way_leaves_the_old_file(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"a{suffix}"
    save_weights(path, {"a": np.zeros(2)})
    before = path.read_bytes()

    def stop(*_):
        raise KeyboardInterrupt

    for module, name in ((os, "fsync"), (os, "replace"), (files, "write_numbers")):
        if (module, suffix) != (files, ".npz"):
            with monkeypatch.context() as patched:
                patched.setattr(module, name, stop)
                with pytest.raises(KeyboardInterrupt):
                    save_weights(path, {"a": np.ones(2)})
        assert [each.name for each in tmp_path.iterdir()] == [path.name]
        assert path.read_bytes() == before


# ---------------------------------------------------------------- what is refused

REFUSED = [
    (
        "a.safetensors",
        {"a": np.array([1j])},
        {},
        TypeError,
        r"^params\['a'\] has dtype complex128, .*; write .npz$",
    ),
    (
        "a.npz",
        {"a": np.ones(2)},
        {"dtype": "bfloat16"},
        TypeError,
        "^params.'a'. would be bfloat16, .*; write .safe",
    ),
    ("a.npz", {"a": np.array(["x"])}, {}, TypeError, r"^params\['a'\] is ndarray .*numbers is expected"),
    ("a.npz", {"a": np.array([{}])}, {}, TypeError, r"^params\['a'\] is ndarray"),
    ("a.npz", [np.ones(2)], {}, TypeError, "^params is list; a dict of arrays is expected"),
    ("a.npz", {1: np.ones(2)}, {}, TypeError, "^params has the key 1; strings are expected"),
    ("a.npz", {"a.b": np.ones(2), "a": {"b": np.ones(2)}}, {}, ValueError, "^params has 'a.b' twice"),
    (
        "a.pt",
        {},
        {},
        ValueError,
        r"^path is '.*a.pt'; a name in .npz or .safetensors .*safetensors.torch.save_file",
    ),
    ("a", {}, {}, ValueError, r"^path is '.*a'; a name in .npz or .safetensors is expected$"),
    (
        "a.npz",
        {},
        {"dtype": "float8"},
        ValueError,
        r"^dtype is 'float8' \(did you mean 'float64'\?\); one of .*, 'float8_e4m3'",
    ),
    (
        "a.npz",
        {"a": np.ones(1) * 7e4},
        {"dtype": "float16"},
        ValueError,
        r"^params\['a'\] holds 70000.0, beyond",
    ),
    (
        "a.safetensors",
        {"a": np.ones(1) * -500},
        {"dtype": "float8_e4m3"},
        ValueError,
        "holds -500.0, beyond the largest",
    ),
]


@pytest.mark.parametrize("name, params, options, error, message", REFUSED)
def test_what_no_file_can_hold_is_refused_before_any_work(name, params, options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        save_weights(tmp_path / name, params, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.complex64])
def test_a_number_that_is_not_finite_is_named(suffix, number, dtype, tmp_path):
    weight = np.zeros((3, 5), dtype)
    weight[2, 1] = number
    path = tmp_path / f"a{suffix}"
    save_weights(path, {"layers": {"7": {"weight": weight}}, "step": np.array(3)})
    with pytest.raises(ValueError, match=r"a\.\w+: 'layers\.7\.weight' holds \S+ at \(2, 1\) \(load_weights"):
        load_weights(path)
    np.testing.assert_array_equal(load_weights(path, finite=False)["layers"]["7"]["weight"], weight)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_foreign_damaged_or_missing_file_is_one_sentence(suffix, tmp_path, package):
    path = tmp_path / f"a{suffix}"
    save_weights(path, {"weight": np.arange(3.0)})
    whole = path.read_bytes()
    foreign = [b"[1, 2", b"\xff" * 40, b"PK\x05\x06", pickle.dumps({"a": 1}), b"\x80\x02" * 100]
    for data in (*(whole[:length] for length in range(0, len(whole), 5)), *foreign):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=rf"a\{suffix} is not a whole \{suffix}") as caught:
            load_weights(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        load_weights(tmp_path / f"nowhere{suffix}")
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="director"):
        load_weights(path)


@given(data=st.data())
def test_a_damaged_safetensors_file_is_refused_or_other_numbers(tmp_path_factory, data):
    """Any byte of the header may be anything: only ValueError, and no more numbers than the file's bytes."""
    path = tmp_path_factory.mktemp("damaged") / "a.safetensors"
    save_weights(path, {"a": np.arange(3.0), "b": {"c": np.ones((2, 2), np.float32)}})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 41))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        arrays = read_safetensors(path)
    except ValueError:
        return
    assert sum(array.nbytes for array in arrays.values()) <= 2 * 40


def test_names_that_contradict_each_other_are_refused(tmp_path, package):
    for suffix in SUFFIXES:
        save_weights(tmp_path / f"a{suffix}", {"a": np.ones(2), "a.b": np.ones(2)})
        with pytest.raises(ValueError, match=rf"a\{suffix} has names that contradict each other: .*'a"):
            load_weights(tmp_path / f"a{suffix}")


def test_an_npz_of_text_or_of_too_much_is_refused(tmp_path):
    for name, message in (
        ("k" * 2000, "one of its names has 2,000 characters"),
        ("k." * 99, "more than 64 parts"),
    ):
        np.savez(tmp_path / "names.npz", **{name: np.ones(1)})
        with pytest.raises(ValueError, match=rf"names\.npz: .*{message}"):
            load_weights(tmp_path / "names.npz")
    np.savez(tmp_path / "text.npz", a=np.array(["x"]))
    with pytest.raises(ValueError, match=r"text\.npz: 'a' has dtype <U1; numbers are expected"):
        load_weights(tmp_path / "text.npz")
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(2**22))  # 33 MB in 33 kB
    with pytest.raises(ValueError, match=r"bytes unpack to 33,554,560; at most 16,777,216 are expected"):
        load_weights(tmp_path / "bomb.npz")


def test_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "exploded",)

    np.savez(tmp_path / "a.npz", bomb=np.array([Bomb()], dtype=object))
    (tmp_path / "a.safetensors").write_bytes(pickle.dumps(Bomb()))
    for suffix in SUFFIXES:
        with pytest.raises(ValueError, match="is not a whole"):
            load_weights(tmp_path / f"a{suffix}")
    assert not (tmp_path / "exploded").exists()
