"""What was looked at as text: maps in shades, their numbers, the tokens, the verdicts."""

import math
from textwrap import wrap

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import cut
from ...tasks.drawing import draw_image
from .counter_tests import DRAWS, Changed
from .looked import Head, Looked, Place, shares_of
from .measures import signed
from .verdicts import verdicts

WIDTH = 110
MOST_QUERIES, MOST_KEYS, MOST_TOKENS = 16, 32, 10
"""Rows and columns of a map, and tokens of the table, at most."""
LONGEST_NAME = 10

LEGEND = f"""\
entropy: as a share of the log of the number of visible keys; keys: the effective number of them; gradient:
the sum of |weight x gradient|. Change of the answer, loss of the figure: with the weights permuted among the
visible keys (of the answer the mean of {DRAWS} draws), uniform, and with the head removed. other map: the
share of weight that can move while the output stays the same (total variation). agrees: rank correlation with
the size of the integrated gradients."""


def report_lines(looked: Looked) -> list[str]:
    """The whole report."""
    head = f"{looked.task}, example {looked.example} of {looked.examples}: {looked.answer}"
    lines = [
        head,
        f"Explained is {looked.explained}: {value_text(looked.value)}",
        f"The figure is the {looked.metric} of {looked.judged} held-out examples: {looked.figure:.4f}",
        "",
        *LEGEND.splitlines(),
    ]
    for place in looked.places:
        lines += ["", *map_lines(place), "", *number_lines(place, looked)]
    return [*lines, *token_lines(looked), "", *verdict_lines(looked)]


def value_text(x: float) -> str:
    """Four decimals; a power of ten where they would all be 0.

    Examples
    --------
    >>> value_text(-0.25), value_text(-3e-6)
    ('-0.2500', '-3.0e-06')
    """
    return f"{x:.4f}" if abs(x) >= 5e-5 or not x else f"{x:.1e}"


def verdict_lines(looked: Looked) -> list[str]:
    """The verdicts, each from its own line on."""
    return [line for text in verdicts(looked) for line in wrap(text, WIDTH, subsequent_indent="  ")]


# -------------------------------------------------------------------------------------------------- maps


def shown(count: int, most: int, last: bool) -> slice:
    """The rows or columns that are shown: the first ones or the last ones."""
    if count <= most:
        return slice(0, count)
    return slice(count - most, count) if last else slice(0, most)


def part_text(part: slice, count: int, noun: str) -> str:
    """ "queries 34 to 49 of 49", or "16 queries"."""
    if part.stop - part.start == count:
        return f"{count} {noun if count > 1 else {'queries': 'query', 'keys': 'key'}[noun]}"
    return f"{noun} {part.start + 1} to {part.stop} of {count}"


def map_lines(place: Place) -> list[str]:
    """The maps of all heads side by side, a row for each query, a column for each key."""
    heads, L, S = place.weights.shape
    ahead = bool(L > 1 and L == S and not place.visible[0, 0, 1:].any())  # causal: the last queries see most
    rows, columns = shown(L, MOST_QUERIES, ahead), shown(S, MOST_KEYS, ahead)
    title = (
        f"{place.label}: {part_text(rows, L, 'queries')}, {part_text(columns, S, 'keys')}; "
        '"@" is the largest weight of its head'
    )
    labels = [cut(name, LONGEST_NAME) for name in place.queries[rows]] if L > 1 else [""]
    indent, across = max(map(len, labels)), columns.stop - columns.start
    keys = place.keys[columns]
    ruler = "".join(keys) if all(len(name) == 1 for name in keys) else ""
    beside = max((WIDTH - indent) // (max(across, 7) + 3), 1)
    lines = [title]
    for first in range(0, heads, beside):
        some = range(first, min(first + beside, heads))
        drawn = [draw_image(place.weights[head][rows, columns]) for head in some]
        texts = [[f"head {head + 1}" for head in some], *([ruler] * len(drawn) for _ in range(bool(ruler)))]
        texts += [list(row) for row in zip(*drawn, strict=True)]
        names = ["", *[""] * bool(ruler), *labels]
        lines += [
            f"{name:>{indent}}   {'   '.join(f'{cell:<{max(across, 7)}}' for cell in row)}".rstrip()
            for name, row in zip(names, texts, strict=True)
        ]
    return lines


# -------------------------------------------------------------------------------------------------- numbers


def number_lines(place: Place, looked: Looked) -> list[str]:
    """A row for each head, and one for all of them together."""
    lines = [
        f"{'':35}{'Change of the answer':^28}{'Loss of the figure':^28}",
        f"{'':8}{'entropy':>9}{'keys':>7}{'gradient':>11}"
        + f"{'permuted':>10}{'uniform':>9}{'removed':>9}" * 2
        + f"{'other map':>11}{'agrees':>8}",
    ]
    for number, head in enumerate(place.heads, 1):
        lines.append(head_line(f"head {number}", head))
    if len(place.heads) > 1:
        answer, figure = place.together
        lines.append(f"{'together':<35}{changed_text(answer)}{changed_text(figure)}")
    return [line.rstrip() for line in lines]


def head_line(label: str, head: Head) -> str:
    """The row of one head in the table."""
    other = "none" if head.distance is None else f"{head.distance:.3f}"
    return (
        f"{label:<8}{number_text(head.entropy, 3):>9}{head.keys:>7.1f}{head.gradient:>11.4f}"
        f"{changed_text(head.answer)}{changed_text(head.figure)}{other:>11}"
        f"{number_text(head.agreement, 2):>8}"
    )


def changed_text(changed: Changed) -> str:
    """Three columns, signed."""
    widths = (10, 9, 9)
    return "".join(f"{signed(x):>{width}}" for x, width in zip(changed, widths, strict=True))


def number_text(x: float, digits: int) -> str:
    """The number, or "-" for NaN."""
    return "-" if math.isnan(x) else f"{x:.{digits}f}"


# --------------------------------------------------------------------------------------------------- tokens


def token_lines(looked: Looked) -> list[str]:
    """The tokens of each input with the largest attributions, beside rollout and relevance."""
    found = looked.integrated
    if found is None:
        return []
    lines = [
        "",
        f"Integrated gradients from {looked.start}, {found.steps} steps: they add up to "
        f"{sum(x.sum() for x in found.attributions):.4f}, the answer",
        f"rises by {found.difference:.4f}: an error of {found.relative:.1e} of that",
    ]
    for place, (names, attributions) in enumerate(zip(looked.names, found.attributions, strict=True)):
        lines += token_table(looked, place, names, attributions)
    return lines


def token_table(looked: Looked, place: int, names: tuple[str, ...], attributions: Array) -> list[str]:
    """The table of the tokens of one input."""
    columns = shares_of(looked, place)
    order = np.argsort(-np.abs(attributions), kind="stable")[:MOST_TOKENS]
    count, labels = len(names), [label for label, *_ in columns]
    head = f"{'token':<{LONGEST_NAME + 5}}{'integrated':>11}" + "".join(
        f"{name:>11}" for _, name, _ in columns
    )
    lines = ["", *[f"{'':{LONGEST_NAME + 16}}{label_text(labels)}".rstrip()] * (len(set(labels)) > 1), head]
    for token in order:
        cells = "".join(f"{shares[token]:>11.4f}" for *_, shares in columns)
        lines.append(
            f"{token + 1:<5}{cut(names[token], LONGEST_NAME):<{LONGEST_NAME}}"
            f"{signed(float(attributions[token])):>11}{cells}"
        )
    return [*lines, *[f"… and {count - len(order)} tokens more"] * (count > len(order))]


def label_text(labels: list[str]) -> str:
    """The labels of the columns, each above its first one.

    Examples
    --------
    >>> label_text(["encoder", "encoder", "decoder layer 1, to the encoder"])
    '    encoder           to the encoder'
    """
    return "".join(
        f"{label.rpartition(', ')[2]:>11}" if label not in labels[:place] else " " * 11
        for place, label in enumerate(labels)
    )
