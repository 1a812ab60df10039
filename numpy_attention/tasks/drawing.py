"""Images and weights as text; digits side by side, each with its attention weights below it."""

import numpy as np

from ..functional.base.admission import Array
from ..training.task import Box

SIDE = 8
"""An image is 8 x 8."""
BRIGHTEST = 16
SHADES = " .:-=+*#%@"
"""From 0 to the brightest."""


def draw_image(image: Array, brightest: float | None = None) -> list[str]:
    """The lines of an image (H, W), a character a pixel; brightest: that of "@", the largest if None."""
    most = max(float(image.max()), 1e-12) if brightest is None else brightest
    shades = np.clip((image * (len(SHADES) - 1) / most).round().astype(int), 0, len(SHADES) - 1)
    return ["".join(SHADES[shade] for shade in row) for row in shades]


def canvas_lines(image: Array, boxes: tuple[Box, ...]) -> list[str]:
    """A canvas as text, two characters a pixel, with boxes drawn over it and their class at a corner.

    Examples
    --------
    >>> print(*canvas_lines(np.zeros((4, 4)), (Box(0.2, 0.0, 3.1, 3.0, "7"),)), sep="\\n")
    7----+
    |    |
    +----+
    <BLANKLINE>
    """
    cells = [list("".join(2 * shade for shade in line)) for line in draw_image(image, 1.0)]
    for box in boxes:
        left, right = (int(np.clip(round(2 * x), 0, len(cells[0]))) for x in (box.left, box.right))
        top, bottom = (int(np.clip(round(y), 0, len(cells))) for y in (box.top, box.bottom))
        right, bottom = max(right - 1, left), max(bottom - 1, top)
        for row in (top, bottom):
            cells[row][left : right + 1] = ["-"] * (right + 1 - left)
        for row in range(top + 1, bottom):
            cells[row][left] = cells[row][right] = "|"
        for row, column in ((top, right), (bottom, left), (bottom, right)):
            cells[row][column] = "+"
        label = box.label[: right + 1 - left]
        cells[top][left : left + len(label)] = label
    return ["".join(line).rstrip() for line in cells]


def shaded(weights: Array) -> str:
    """A character for each weight, from " " for 0 to "@" for 1.

    Examples
    --------
    >>> shaded(np.array([0.0, 0.1, 0.5, 1.0]))
    ' .=@'
    """
    return "".join(SHADES[round(float(weight) * (len(SHADES) - 1))] for weight in weights)


def draw_digits(images: Array, weights: Array, marked: int = -1) -> list[str]:
    """Images side by side, a line of weights per head, and a mark below one of the images.

    Parameters
    ----------
    images
        (T, 64), grey values 0-16, row by row.
    weights
        (H, T).
    marked
        Index of the image marked "^^^^"; -1 for none.

    Examples
    --------
    >>> ring = [0, 0, 9, 9, 9, 9, 0, 0] + 6 * [0, 9, 0, 0, 0, 0, 9, 0] + [0, 0, 9, 9, 9, 9, 0, 0]
    >>> print(*draw_digits(np.array([ring, 64 * [16]]), np.array([[0.25, 0.75]]), 1)[-4:], sep="\\n")
     +    + @@@@@@@@
      ++++  @@@@@@@@
      0.25    0.75
              ^^^^
    """
    lines = draw_image(np.concatenate([*images.reshape(-1, SIDE, SIDE)], axis=1), BRIGHTEST)
    for head, row in enumerate(weights, 1):
        label = f"  head {head}" if len(weights) > 1 else ""
        lines.append("".join(f"{weight:.2f}".center(SIDE) for weight in row) + label)
    if marked >= 0:
        lines.append(" " * SIDE * marked + "^^^^".center(SIDE))
    return [line.rstrip() for line in lines]
