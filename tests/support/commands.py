"""Commands run in this process, and small data of one's own for them."""

from pathlib import Path
from typing import Any

import numpy as np

from numpy_attention.cli import main
from numpy_attention.files import write_npz

QUICK = ["--epochs", "3", "--hidden-dim", "4", "--batch-size", "16"]
TABLE = ["--csv", "t.csv", "--label", "kind", "--tokens", "2"]


def out_of(capsys: Any, *words: str) -> str:
    """The output of a command that succeeds without a word on stderr."""
    assert main(list(words)) == 0
    out, error = capsys.readouterr()
    assert error == ""
    return str(out)


def write_own_data(folder: Path) -> None:
    """t.csv, a table of two tokens of two columns, and s.npz, the same as sequences of two lengths."""
    rng = np.random.default_rng(109)
    x = rng.normal(size=(80, 2, 2)).round(3)
    y = (x[:, 1, 0] > 0).astype(int) + (x[:, 0, 1] > 0)
    rows = [",".join(map(str, [*row.flat, "abc"[label]])) for row, label in zip(x, y, strict=True)]
    (folder / "t.csv").write_text("\n".join(["p,q,r,s,kind", *rows]) + "\n")
    write_npz(folder / "s.npz", {"x": x, "y": y, "lengths": rng.integers(1, 3, 80)})
