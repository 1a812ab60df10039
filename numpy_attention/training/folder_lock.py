"""One writer for a run folder: a lock that the system frees when its process ends, however it ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..files import remove_partial_files

LOCK = ".lock"
"""The file in the folder that is locked; it holds the number of the process, and is removed at the end."""

if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: int) -> None:
        os.lseek(file, 2**30, os.SEEK_SET)  # beyond the number, so that others can read it
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)

else:
    import errno
    import fcntl

    UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)

    def _try_lock(file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # file systems without locks: as if there were no other writer
            if error.errno not in UNSUPPORTED:
                raise


@contextmanager
def only_writer(folder: Path | None) -> Iterator[None]:
    """Within the block no other process writes to the folder, which is created, and removed if left empty.

    Temporary files of killed writers are removed. For None, nothing is done.

    Raises
    ------
    ValueError
        If another training writes there.
    """
    if folder is None:
        yield
        return
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    file = _open_locked(folder)
    try:
        remove_partial_files(folder)
        yield
    finally:
        _release(folder / LOCK, file)
        with suppress(OSError):  # not empty
            for path in created:
                path.rmdir()


def _open_locked(folder: Path) -> int:
    while True:
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _try_lock(file)
        except OSError:
            owner = os.read(file, 20).decode(errors="replace")
            os.close(file)
            raise ValueError(
                f"another training{f', process {owner},' if owner.isdigit() else ''} writes to {folder}; "
                "wait for its end, or name another folder"
            ) from None
        if _is_at(folder / LOCK, file):
            os.ftruncate(file, 0)
            os.write(file, str(os.getpid()).encode())
            return file
        os.close(file)  # its owner removed it in between


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def _release(path: Path, file: int) -> None:
    if sys.platform == "win32":  # an open file cannot be removed there
        os.close(file)
    with suppress(OSError):
        path.unlink()
    if sys.platform != "win32":
        os.close(file)
