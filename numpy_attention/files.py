"""Write files whole or not at all, and read them without running code from them.

A write fills a temporary file in the same folder, flushes it to the disk, and replaces the old file in one
step. If anything fails before that step, Ctrl-C included, the old file is unchanged and the temporary one is
removed. Numbers are read from plain arrays alone, and never before their declared sizes are compared.
"""

import csv
import errno
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .functional.base.wording import brief

PathLike: TypeAlias = str | os.PathLike[str]

MOST_UNPACKED, MOST_RATIO = 2**30, 20
"""A .npz may unpack to this many bytes, or to this many times its own size if that is more."""


def refuse_overwriting(outputs: Iterable[PathLike], inputs: Iterable[PathLike | None]) -> None:
    """Raise ValueError if an output is a file or folder that is read: the same path, or a link to it.

    Examples
    --------
    >>> refuse_overwriting(["new.csv"], ["t.csv", None])
    >>> refuse_overwriting(["./t.csv"], ["t.csv"])
    Traceback (most recent call last):
        ...
    ValueError: t.csv is read, and would be overwritten by ./t.csv; name another place for the output
    """
    read = [path for path in inputs if path is not None]
    for output in outputs:
        for path in read:
            if _same_place(output, path):
                by = "" if os.fspath(output) == os.fspath(path) else f" by {output}"
                raise ValueError(
                    f"{path} is read, and would be overwritten{by}; name another place for the output"
                )


def writable_folder(out: PathLike) -> Path:
    """`out` as a path; ValueError unless it is a folder that can be written to, or can become one."""
    folder = Path(out)
    existing = next(path for path in (folder, *folder.parents) if path.exists() or path.is_symlink())
    if not existing.is_dir():
        raise ValueError(f"{existing} is not a folder; name a new one")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ValueError(f"{existing} may not be written to")
    return folder


def _same_place(one: PathLike, other: PathLike) -> bool:
    same = os.path.realpath(one) == os.path.realpath(other)
    return same or (os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other))


def write_bytes(path: PathLike, data: bytes | Iterable[Any]) -> None:
    """Write `data` to `path`, whole or not at all.

    Parameters
    ----------
    path
        The file to create or replace; its folder must exist. A link stays, and its target is replaced.
    data
        The whole content of the file, or its pieces: anything with bytes.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written, `path` is a folder, a device or a pipe, or the disk
        is full; it names `path`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(f"{folder}/greeting", b"hello")
    ...     os.listdir(folder)
    ['greeting']
    """
    target = Path(os.path.realpath(path))
    if os.path.exists(target) and not os.path.isfile(target):  # a file would replace a device
        kind = "a folder" if os.path.isdir(target) else "a device or a pipe"
        raise OSError(errno.EINVAL, f"it is {kind}, not a file; nothing is written", os.fspath(path))
    temporary = target.parent / f".{os.urandom(8).hex()}.part"
    try:
        with open(temporary, "xb") as file:
            pieces: Iterable[Any] = [data] if isinstance(data, bytes) else data
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            left = "the file before it is unchanged" if target.exists() else "nothing is written"
            raise OSError(error.errno, f"{error.strerror or error}; {left}", os.fspath(path)) from error
        raise


def remove_partial_files(folder: PathLike) -> None:
    """Remove the temporary files that killed writers left in a folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, ".0123456789abcdef.part").write_bytes(b"half a f")
    ...     remove_partial_files(folder)
    ...     os.listdir(folder)
    []
    """
    for path in Path(folder).iterdir():
        if is_partial_file(path):
            path.unlink(missing_ok=True)


def is_partial_file(path: Path) -> bool:
    """True for the name of a temporary file of `write_bytes`."""
    return re.fullmatch(r"\.[0-9a-f]{16}\.part", path.name) is not None


def write_text(path: PathLike, text: str) -> None:
    """Write `text` to `path` in UTF-8, line ends unchanged, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_json(path: PathLike, value: Any) -> None:
    """Write `value` to `path` as indented JSON, as `write_bytes` does.

    Raises
    ------
    TypeError
        If `value` holds something that JSON cannot represent, such as a NumPy array.
    ValueError
        If it holds NaN or an infinity.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_json(f"{folder}/settings.json", {"score": "location", "lr": 0.001})
    ...     read_json(f"{folder}/settings.json")
    {'score': 'location', 'lr': 0.001}
    """
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: PathLike, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table to `path` as CSV, as `write_bytes` does, numbers with all their digits.

    Raises
    ------
    ValueError
        If a row is longer or shorter than the header.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(f"{folder}/history.csv", ["epoch", "loss"], [[1, 0.6931], [2, 0.5]])
    ...     print(Path(folder, "history.csv").read_text())
    epoch,loss
    1,0.6931
    2,0.5
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise ValueError(f"row {number} has {len(row)} columns, the header has {len(header)}")
        writer.writerow(row)
    write_text(path, text.getvalue())


def write_npz(path: PathLike, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to `path` as an uncompressed .npz, as `write_bytes` does.

    `numpy.load` reads it. The same arrays give the same bytes; nothing is ever pickled.

    Raises
    ------
    TypeError
        If an array holds Python objects.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npz(f"{folder}/parameters.npz", {"score.weight": np.array([0.5, 2.0])})
    ...     read_npz(f"{folder}/parameters.npz")
    {'score.weight': array([0.5, 2. ])}
    """
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, value in arrays.items():
            array = np.asarray(value)
            if array.dtype.hasobject:
                raise TypeError(f"array {name!r} has dtype {array.dtype}; numbers are expected")
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    write_bytes(path, data.getvalue())


def read_npz(path: PathLike, *, most_unpacked: int | None = None) -> dict[str, NDArray[Any]]:
    """Read the named arrays of a .npz file; pickled objects are refused, never loaded.

    most_unpacked: bytes that it may unpack to, unless 20 times its own size is more; 1 GiB if None.

    Raises
    ------
    ValueError
        If the file is damaged, is not an .npz file, holds anything but plain arrays, each of its own name, or
        unpacks to far more than its own size.
    OSError
        If the file does not exist or cannot be read.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                size = os.fstat(file.fileno()).st_size
                least = MOST_UNPACKED if most_unpacked is None else most_unpacked
                members = _members(archive, size, max(least, MOST_RATIO * size))
                return {name: _member_array(archive, member) for name, member in members.items()}
        except Exception as error:  # zipfile and NumPy raise a dozen classes for damaged files
            reason = str(error).partition("\n")[0]
            raise ValueError(f"{path} is not a whole .npz of plain arrays: {reason}") from error


def _members(archive: zipfile.ZipFile, size: int, most: int) -> dict[str, zipfile.ZipInfo]:
    """The members by the name of their array; raises before anything is unpacked."""
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        shown = brief(member.filename)
        if name == member.filename:
            raise ValueError(f"its member {shown} is no array: its name does not end in .npy")
        if name in members:
            raise ValueError(f"two of its members are called {shown}")
        if member.flag_bits & 1:
            raise ValueError(f"its member {shown} is encrypted")
        members[name] = member
    unpacked = sum(member.file_size for member in members.values())
    if unpacked > most:
        raise ValueError(
            f"its {size:,} bytes unpack to {unpacked:,}; at most {most:,} are expected (numpy.savez writes "
            "arrays unpacked, of any size)"
        )
    return members


def _member_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """The array of a member; its size is compared with its header before it is unpacked."""
    with archive.open(member) as file:
        shape, dtype = _header(file)
        expected = file.tell() + dtype.itemsize * math.prod(shape)
        if dtype.hasobject:
            raise ValueError(f"its member {brief(member.filename)} holds Python objects")
        if member.file_size != expected:
            raise ValueError(
                f"its member {brief(member.filename)} has {member.file_size:,} bytes; {expected:,}, for "
                f"{dtype} {shape}, are expected"
            )
        file.seek(0)
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        file.read()  # compares the checksum
        return array


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"an array is in format {version}; numbers and text have format (1, 0) or (2, 0)")
    shape, _, dtype = readers[version](file)
    return shape, dtype


def read_json(path: PathLike) -> Any:
    """Read a JSON file.

    Raises
    ------
    ValueError
        If the file is not valid JSON, or an object in it has a key twice, or a number is NaN or infinite.
    OSError
        If the file does not exist or cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        return parse_json(data)
    except ValueError as error:
        raise ValueError(f"{path} is not a whole JSON file: {error}") from error


def parse_json(data: str | bytes) -> Any:
    """The value of a JSON text: no key twice in an object, no NaN, no Infinity.

    Raises
    ------
    ValueError
        If it is not such a text.

    Examples
    --------
    >>> parse_json('{"lr": 0.1, "lr": 0.2}')
    Traceback (most recent call last):
        ...
    ValueError: the key 'lr' occurs twice
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names: dict[str, Any] = {}
        for name, value in pairs:
            if name in names:
                raise ValueError(f"the key {brief(name)} occurs twice")
            names[name] = value
        return names

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not a number of JSON")

    try:
        return json.loads(data, object_pairs_hook=unique, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError(str(error)) from error
