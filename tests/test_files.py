"""Files are written whole or not at all, and no file makes a reader do anything but read it."""

import csv
import errno
import io
import json
import os
import pickle
import stat
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from numpy_attention import files

ARRAYS = {
    "plain": np.arange(6.0).reshape(2, 3),
    "score/weight": np.array([0.5, -0.0, np.nan, np.inf], dtype=np.float32),
    "file": np.array(7),
    "empty": np.zeros((0, 5), dtype=np.float16),
    "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "every second": np.arange(10)[::2],
    "complex": np.array([1 + 2j]),
    "names": np.array(["a", "bc"]),
}


class Bomb:
    """Unpickling it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


# ---------------------------------------------------------------- whole


def test_bytes_text_and_json_come_back(tmp_path):
    files.write_bytes(tmp_path / "bytes", b"\x00\r\n\xff")
    assert (tmp_path / "bytes").read_bytes() == b"\x00\r\n\xff"
    files.write_text(tmp_path / "text", "σ(x)\nσ(-x)\n")
    assert (tmp_path / "text").read_bytes() == "σ(x)\nσ(-x)\n".encode()
    value = {"heads": 2, "lr": 0.1 + 0.2, "score": "σ", "sinks": None, "sizes": [1, 2]}
    files.write_json(tmp_path / "json", value)
    assert files.read_json(tmp_path / "json") == value


def test_csv_keeps_every_digit_and_every_comma(tmp_path):
    files.write_csv(tmp_path / "table.csv", ["epoch", "loss, mean"], [[1, 0.1 + 0.2], [2, np.float64(1) / 3]])
    with open(tmp_path / "table.csv", newline="", encoding="utf-8") as file:
        header, first, second = csv.reader(file)
    assert header == ["epoch", "loss, mean"]
    assert float(first[1]) == 0.1 + 0.2
    assert float(second[1]) == 1 / 3


def test_arrays_come_back_to_the_bit(tmp_path):
    files.write_npz(tmp_path / "arrays.npz", ARRAYS)
    with np.load(tmp_path / "arrays.npz") as numpys:
        for loaded in (files.read_npz(tmp_path / "arrays.npz"), numpys):
            assert list(loaded) == list(ARRAYS)
            for name, array in ARRAYS.items():
                assert loaded[name].dtype == array.dtype
                assert loaded[name].shape == array.shape
                assert loaded[name].tobytes() == array.tobytes()
            assert loaded["columns"].flags.f_contiguous


DTYPES = st.sampled_from(["f2", "f4", "f8", "i8", "?"])


@given(array=hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0)))
def test_any_array_comes_back(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("any") / "array.npz"
    files.write_npz(path, {"array": array})
    assert files.read_npz(path)["array"].tobytes() == array.tobytes()


def test_numpy_savez_is_read(tmp_path):
    np.savez_compressed(tmp_path / "theirs.npz", weight=ARRAYS["plain"])
    assert np.array_equal(files.read_npz(tmp_path / "theirs.npz")["weight"], ARRAYS["plain"])


def test_the_same_arrays_give_the_same_bytes(tmp_path, monkeypatch):
    files.write_npz(tmp_path / "now", ARRAYS)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    files.write_npz(tmp_path / "later", ARRAYS)
    assert (tmp_path / "now").read_bytes() == (tmp_path / "later").read_bytes()


def test_permissions_are_those_of_any_new_file(tmp_path):
    (tmp_path / "usual").touch()
    files.write_text(tmp_path / "ours", "")
    ours, usual = (stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("ours", "usual"))
    assert ours == usual


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_text() == "new"


# ---------------------------------------------------------------- or not at all


@pytest.mark.parametrize("where", ["fsync", "replace"])
@pytest.mark.parametrize("why", [KeyboardInterrupt, OSError, MemoryError])
def test_a_write_that_stops_half_way_leaves_the_old_file(tmp_path, monkeypatch, where, why):
    def stop(*_):
        assert len(list(tmp_path.iterdir())) == 2, "the new bytes should be in a file beside"
        raise why

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, where, stop)
    with pytest.raises(why):
        files.write_text(tmp_path / "file", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_bytes_are_synced_before_the_old_file_is_replaced(tmp_path, monkeypatch):
    synced = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_size))
    monkeypatch.setattr(os, "replace", lambda *paths: (synced.append("replace"), replace(*paths)))
    files.write_text(tmp_path / "file", "new")
    assert synced == [3, "replace"]


@pytest.mark.parametrize(
    "write, why, message",
    [
        (lambda path: files.write_json(path, {"loss": float("nan")}), ValueError, "JSON"),
        (lambda path: files.write_json(path, {"weights": np.zeros(2)}), TypeError, "JSON"),
        (lambda path: files.write_csv(path, ["a", "b"], [[1, 2], [3]]), ValueError, "row 2 has 1 columns, "),
        (lambda path: files.write_npz(path, {"bad": np.array([{}])}), TypeError, "'bad' has dtype object"),
    ],
)
def test_unwritable_values_are_refused_before_any_work(tmp_path, write, why, message):
    (tmp_path / "file").write_text("old")
    with pytest.raises(why, match=message):
        write(tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "nowhere" / "file", "new")


# ---------------------------------------------------------------- reading what others wrote


@pytest.mark.parametrize("read", [files.read_npz, files.read_json])
@pytest.mark.parametrize("data", [b"", b"[1, 2", b"\xff\xfe\x00", b"PK\x05\x06", b"[" * 10**5, b"\x93NUMPY"])
def test_a_foreign_file_is_a_value_error_that_names_it(tmp_path, read, data):
    (tmp_path / "foreign").write_bytes(data)
    with pytest.raises(ValueError, match=r"foreign is not a whole (\.npz of|JSON file)") as caught:
        read(tmp_path / "foreign")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", [files.read_npz, files.read_json])
def test_a_missing_file_is_an_os_error_that_names_it(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="missing"):
        read(tmp_path / "missing")


def test_pickles_are_never_loaded(tmp_path):
    bomb = Bomb(tmp_path / "exploded")
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(bomb))
    np.savez(tmp_path / "object.npz", bomb=np.array([bomb], dtype=object))
    with zipfile.ZipFile(tmp_path / "member.npz", "w") as archive:
        archive.writestr("bomb.npy", pickle.dumps(bomb))
    for name in ("bare", "object", "member"):
        with pytest.raises(ValueError, match=rf"{name}\.npz is not a whole \.npz of plain"):
            files.read_npz(tmp_path / f"{name}.npz")
    assert not bomb.path.exists()


def test_the_reason_is_one_line(tmp_path):
    wide = np.zeros(1, dtype=[(f"column {number}", "f8") for number in range(1000)])
    np.savez(tmp_path / "wide.npz", wide=wide)  # NumPy explains over three lines why it won't read this
    with pytest.raises(ValueError, match=r"wide\.npz is not a whole \.npz of plain arrays: .+") as caught:
        files.read_npz(tmp_path / "wide.npz")
    assert "\n" not in str(caught.value)


def test_every_truncated_archive_is_refused(tmp_path):
    path = tmp_path / "cut.npz"
    files.write_npz(path, {"weight": np.arange(5.0)})
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match=r"cut\.npz is not a whole"):
            files.read_npz(path)


def test_no_damaged_bit_changes_a_number(tmp_path):
    path, weight = tmp_path / "damaged.npz", np.arange(5.0)
    files.write_npz(path, {"weight": weight})
    data = path.read_bytes()
    refused = 0
    for bit in range(0, 8 * len(data), 3):  # every byte, and every place in a byte
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            loaded = files.read_npz(path)
        except ValueError:
            refused += 1
        else:  # a date, say: the archive's own notes are not all covered by its checksums
            assert all(np.array_equal(array, weight) for array in loaded.values())
    assert refused > 8 * weight.nbytes // 3


NPY = np.lib.format


def member(array, **header):
    """The bytes of a .npy file, with a header that may not be true."""
    file = io.BytesIO()
    true = NPY.header_data_from_array_1_0(array)
    NPY.write_array_header_1_0(file, {**true, **header})
    return file.getvalue() + array.tobytes()


def archive(*members, compression=zipfile.ZIP_STORED):
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w", compression) as written:
        warnings.simplefilter("ignore")  # zipfile warns of names that stand twice
        for name, content in members:
            written.writestr(name, content)
    return data.getvalue()


def encrypted(data):
    """The archive with the flag of an encrypted member, in both of its headers."""
    data = bytearray(data)
    for start, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(start) + place] |= 1
    return bytes(data)


FIVE = np.arange(5.0)
REFUSED = {
    "a shape larger than the file": (
        archive(("x.npy", member(FIVE, shape=(2**40,)))),
        r"its member 'x.npy' has 168 bytes; 8,796,093,022,336, for float64 \(1099511627776,\), are expected",
    ),
    "a shape too small": (archive(("x.npy", member(FIVE, shape=(4,)))), "has 168 bytes; 160, for"),
    "objects": (archive(("x.npy", member(FIVE, descr="|O"))), "its member 'x.npy' holds Python objects"),
    "a name twice": (archive(("x.npy", member(FIVE)), ("x.npy", member(FIVE))), "two .* are called 'x.npy'"),
    "no array": (archive(("x.txt", b"hello")), "'x.txt' is no array: its name does not end in .npy"),
    "a folder": (archive(("x/", b"")), "'x/' is no array"),
    "encrypted": (encrypted(archive(("x.npy", member(FIVE)))), "its member 'x.npy' is encrypted"),
    "a long name": (archive(("k" * 60_000, b"")), "'kkk[k]*…k*' is no array"),
    "another format": (archive(("x.npy", b"\x93NUMPY\x09\x00")), "magic string|format"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_archives_of_anything_but_plain_arrays_are_refused_in_a_sentence(tmp_path, how):
    data, message = REFUSED[how]
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ValueError, match=rf"a\.npz is not a whole .npz of .*: .*({message})") as caught:
        files.read_npz(tmp_path / "a.npz")
    assert len(str(caught.value)) < 400


def test_an_archive_that_unpacks_to_gigabytes_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_UNPACKED", 10**5)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(10**5))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(ValueError, match=r"its [\d,]+ bytes unpack to 800,128; at most 100,000 are expected"):
        files.read_npz(tmp_path / "bomb.npz")
    monkeypatch.undo()
    assert files.read_npz(tmp_path / "bomb.npz")["x"].size == 10**5


def test_a_compressed_array_is_compared_with_its_checksum(tmp_path):
    data = bytearray(archive(("x.npy", member(FIVE)), compression=zipfile.ZIP_DEFLATED))
    for place in (14, data.index(b"PK\x01\x02") + 16):  # the checksum in both headers
        data[place] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    with pytest.raises(ValueError, match="Bad CRC-32"):
        files.read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("text", ['{"a": 1, "b": {"c": 1, "c": 1}}', "[NaN]", "-Infinity", "9" * 5000])
def test_json_that_says_two_things_or_no_number_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json is not a whole JSON file: (the key 'c'|.*number|Exc)"):
        files.read_json(tmp_path / "a.json")


FAULTS = [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO]


@pytest.mark.parametrize("number", FAULTS)
@pytest.mark.parametrize("where", ["fsync", "replace", "open"])
def test_what_the_system_refuses_names_the_file_and_what_is_left(tmp_path, monkeypatch, number, where):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "a.txt"
    for left in ("nothing is written", "the file before it is unchanged"):
        with monkeypatch.context() as patch:
            patch.setattr(*(("builtins.open", refuse) if where == "open" else (os, where, refuse)))
            with pytest.raises(OSError, match=f"{os.strerror(number)}; {left}") as caught:
                files.write_text(path, "new")
        assert (caught.value.errno, caught.value.filename) == (number, str(path))
        path.write_text("old")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_a_pipe_and_a_name_too_long_are_refused_by_name(tmp_path):
    (tmp_path / "folder").mkdir()
    getattr(os, "mkfifo", os.mkdir)(tmp_path / "pipe")  # Windows has none
    for name in ("folder", "pipe", "k" * 300):
        with pytest.raises(OSError, match=name):
            files.write_text(tmp_path / name, "new")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.is_file()) == ["folder", "pipe"]


def test_json_in_any_encoding_is_read(tmp_path):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "file").write_text(json.dumps({"σ": 1}, ensure_ascii=False), encoding=encoding)
        assert files.read_json(tmp_path / "file") == {"σ": 1}


def test_only_temporary_files_of_killed_writers_are_removed(tmp_path):
    for name in (".0123456789abcdef.part", ".mine.part", "run.npz"):
        (tmp_path / name).touch()
    files.remove_partial_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".mine.part", "run.npz"}
