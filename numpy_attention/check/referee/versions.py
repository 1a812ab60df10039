"""Where a report was made: the versions, the machine, and the candidate's own source."""

import hashlib
import inspect
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np


def versions(framework: str) -> dict[str, str]:
    """The versions of numpy_attention, NumPy, the framework and Python, and the machine."""
    package = sys.modules["numpy_attention"]
    names = {"numpy_attention": str(package.__version__), "numpy": np.__version__}
    if framework != "numpy":
        names[framework] = str(getattr(sys.modules.get(framework), "__version__", "unknown"))
    system = f"{platform.system()} {platform.machine()}"
    return names | {"python": platform.python_version(), "machine": system}


def source_of(function: Any) -> dict[str, str] | None:
    """The file of a function and the SHA-256 of its content; None if it has no file."""
    try:
        path = inspect.getsourcefile(inspect.unwrap(function))
        content = Path(path or "").read_bytes()
    except (TypeError, OSError, ValueError):
        return None
    return {"file": str(path), "sha256": hashlib.sha256(content).hexdigest()}
