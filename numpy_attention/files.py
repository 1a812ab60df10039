"""Write files whole or not at all, and read them without running code from them.

A write fills a temporary file in the same folder, flushes it to the disk, and replaces the old file in one
step. If anything fails before that step, Ctrl-C included, the old file is unchanged and the temporary one is
removed.
"""

import csv
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

PathLike: TypeAlias = str | os.PathLike[str]


def write_bytes(path: PathLike, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all.

    Parameters
    ----------
    path
        The file to create or replace; its folder must exist. A link stays, and its target is replaced.
    data
        The whole content of the file.

    Raises
    ------
    OSError
        If the folder does not exist or cannot be written, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_bytes(f"{folder}/greeting", b"hello")
    ...     os.listdir(folder)
    ['greeting']
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".{os.urandom(8).hex()}.part"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
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
    for path in Path(folder).glob(".*.part"):
        if re.fullmatch(r"\.[0-9a-f]{16}\.part", path.name):
            path.unlink(missing_ok=True)


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


def read_npz(path: PathLike) -> dict[str, NDArray[Any]]:
    """Read the named arrays of a .npz file; pickled objects are refused, never loaded.

    Raises
    ------
    ValueError
        If the file is damaged, is not an .npz file, or holds pickled objects.
    OSError
        If the file does not exist or cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {
                name.removesuffix(".npy"): np.lib.format.read_array(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
            }
    except Exception as error:  # zipfile and NumPy raise a dozen classes for damaged files
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} is not a whole .npz of plain arrays: {reason}") from error


def read_json(path: PathLike) -> Any:
    """Read a JSON file.

    Raises
    ------
    ValueError
        If the file is not valid JSON.
    OSError
        If the file does not exist or cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a whole JSON file: {error}") from error
