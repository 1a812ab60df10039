"""Write every figure to FOLDER (docs/figures): python -m benchmarks.figures [FOLDER]"""

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures.canvas import THEMES, Figure
from benchmarks.figures.gradients import root_d, row_average
from benchmarks.figures.steps import broken, ladder
from benchmarks.figures.training import zero
from numpy_attention.files import write_text

FIGURES: dict[str, Callable[[], Figure]] = {
    "ladder": ladder,
    "zero": zero,
    "row-average": row_average,
    "root-d": root_d,
    "broken": broken,
}
"""By the name of the file, which `-light.svg` or `-dark.svg` follows."""


def main() -> None:
    """Draw, write, print sizes."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures")
    folder.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        figure = draw()
        for theme in THEMES:
            text = figure.text(theme)
            write_text(folder / f"{name}-{theme}.svg", text)
            print(f"{folder}/{name}-{theme}.svg: {len(text.encode()):,} bytes")


if __name__ == "__main__":
    main()
