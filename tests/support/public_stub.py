"""Text of `numpy_attention/__init__.pyi`; `python -m tests.support.public_stub` writes it."""

from pathlib import Path

import numpy_attention as na

STUB = Path(na.__file__).with_suffix(".pyi")


def stub() -> str:
    """Each subpackage and each public name, imported from where it is defined."""
    lines = ["# Made by `python -m tests.support.public_stub` from the table in __init__.py.", ""]
    lines += [f"from . import {name} as {name}" for name in na.SUBPACKAGES]
    for name, module in na.ALIASES.items():
        folder, _, file = module.rpartition(".")
        lines.append(f"from .{folder} import {file} as {name}")
    for module, names in sorted(na.PUBLIC.items()):
        lines += [f"from .{module} import {name} as {name}" for name in names.split()]
    lines += [
        "",
        "PUBLIC: dict[str, str]",
        "ALIASES: dict[str, str]",
        "SUBPACKAGES: tuple[str, ...]",
        "__version__: str",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
