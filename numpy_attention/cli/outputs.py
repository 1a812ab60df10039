"""Files that a command writes, checked before it works."""

import errno
import os
import tempfile
from pathlib import Path


def writable_file(path: str) -> Path:
    """The absolute path of a file that can be written; raises OSError at once for one that cannot."""
    file = Path(os.path.realpath(path))
    if file.exists() and not file.is_file():
        raise OSError(errno.EINVAL, "not a regular file", path)
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            return file
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
