"""Text of `numpy_attention/__init__.pyi`; `python -m tests.support.public_stub` writes it."""

from pathlib import Path

import numpy_attention as na

STUB = Path(na.__file__).with_suffix(".pyi")


def stub() -> str:
    """The text of `__init__.pyi`: each public name imported from its module, and the subpackages."""
    lines = ["# Made by `python -m tests.support.public_stub` from the table in __init__.py.", ""]
    lines += [f"from . import {', '.join(f'{name} as {name}' for name in na.SUBPACKAGES)}"]
    for module, names in sorted(na.PUBLIC.items()):
        lines.append(f"from .{module} import (")
        lines += [f"    {name} as {name}," for name in sorted(names.split())]
        lines.append(")")
    return "\n".join(
        [*lines, "", "PUBLIC: dict[str, str]", "SUBPACKAGES: tuple[str, ...]", "__version__: str", ""]
    )


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
