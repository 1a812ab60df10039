"""The header of a .safetensors file, checked before a number is read.

    8 bytes    N, the length of the header, unsigned and little-endian
    N bytes    {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
    the rest   the numbers; offsets count from its start

Read word by word rather than as JSON of any kind: nothing is nested, and only names, formats, shapes and
offsets are kept. So memory is bounded by a small multiple of the file's size, whatever the file says.
"""

import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...functional.base.admission import Array
from ...functional.base.wording import brief, cut
from .formats import SIZES

LONGEST_HEADER = 100_000_000
"""Bytes, as the `safetensors` package has it."""
MOST_ARRAYS = 100_000
LONGEST_NAME, MOST_AXES, MOST_PARTS = 1_000, 32, 64


class Entry(NamedTuple):
    """What the header says of one tensor."""

    name: str
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int
    """The first byte, and the one after the last, counted from the start of the numbers"""


def read_header(data: Array) -> tuple[list[Entry], int]:
    """The tensors of a file, in the order of their bytes, and where the numbers start.

    Parameters
    ----------
    data : the bytes of the whole file, uint8; only the header is looked at

    Raises
    ------
    ValueError
        If the header is not one, or its tensors do not fill the rest of the file, each with bytes of its own.
    """
    if len(data) < 8:
        raise ValueError(f"it has {len(data)} bytes; 8 with the length of its header, and that, are expected")
    length = int(data[:8].view("<u8")[0])
    if length > len(data) - 8:
        raise ValueError(f"its header is said to be {length:,} bytes long, but {len(data) - 8:,} follow")
    if length > LONGEST_HEADER:
        raise ValueError(f"its header is {length:,} bytes long; at most {LONGEST_HEADER:,} are expected")
    try:
        text = data[8 : 8 + length].tobytes().decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"its header is not UTF-8 at byte {error.start}") from None
    entries = sorted(_entries(text), key=lambda entry: (entry.begin, entry.end))
    _check_offsets(entries, len(data) - 8 - length)
    return entries, 8 + length


def write_header(entries: Sequence[Entry]) -> bytes:
    """The first bytes of a file with these tensors; padded, so that the numbers are aligned."""
    said = {
        entry.name: {
            "dtype": entry.code, "shape": list(entry.shape), "data_offsets": [entry.begin, entry.end]
        }
        for entry in entries
    }  # fmt: skip
    text = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return np.array([len(text)], "<u8").tobytes() + text


# ------------------------------------------------------------------------------------------- the words

SPACE = r"[ \t\n\r]*"
STRING = r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
WHOLE = rf"(?:0|[1-9][0-9]{{0,18}}){SPACE}"
FIELD = rf'{SPACE}"(dtype|shape|data_offsets)"{SPACE}:{SPACE}("\w*"|\[[^][{{}}"]*\]){SPACE}'

_OPEN = re.compile(r"\{" + SPACE)
_KEY = re.compile(f"({STRING}){SPACE}:{SPACE}")
_TEXT = re.compile(STRING + SPACE)
_TENSOR = re.compile(rf"\{{{FIELD},{FIELD},{FIELD}\}}{SPACE}")
_EXPECTED = '{"dtype": "…", "shape": […], "data_offsets": […, …]}'
_NEXT = re.compile("," + SPACE)
_CLOSE = re.compile(r"\}" + SPACE)
_LIST = re.compile(rf"\[{SPACE}(?:{WHOLE}(?:,{SPACE}{WHOLE})*)?\]")


def _entries(text: str) -> Iterator[Entry]:
    """The tensors that the header lists, each checked by itself."""
    at = _word(_OPEN, text, 0, "{").end()
    seen: set[str] = set()
    while not (close := _CLOSE.match(text, at)):
        if seen:
            at = _word(_NEXT, text, at, ", or }").end()
        key = _word(_KEY, text, at, "a name in quotes, and a colon,")
        name, at = _name(key[1]), key.end()
        if name in seen:
            raise ValueError(f"two of its tensors are called {brief(name)}")
        if len(seen) == MOST_ARRAYS:
            raise ValueError(f"it has more tensors than any model; at most {MOST_ARRAYS:,} are expected")
        seen.add(name)
        if name == "__metadata__":
            at = _after_metadata(text, at)
            continue
        tensor = _TENSOR.match(text, at) or _word(_TENSOR, text, at, f"{_EXPECTED}, for {brief(name)},")
        at = tensor.end()
        yield _entry(name, dict(zip(tensor.groups()[::2], tensor.groups()[1::2], strict=True)))
    if close.end() < len(text):
        raise ValueError(f"its header goes on after its last brace: {cut(text[close.end() :])!r}")


def _word(expected: re.Pattern[str], text: str, at: int, word: str) -> re.Match[str]:
    """The word that must stand at `at`."""
    found = expected.match(text, at)
    if found is None:
        came = repr(cut(text[at : at + 80])) if at < len(text) else "nothing"
        raise ValueError(f"its header has {came} at character {at:,}; {word} is expected")
    return found


def _name(written: str) -> str:
    """A name from its JSON form."""
    name: str = json.loads(written) if "\\" in written else written[1:-1]
    name.encode()  # half a surrogate pair is a UnicodeEncodeError, which is a ValueError
    check_name(name)
    return name


def check_name(name: str) -> None:
    """Raise for a name that is longer or deeper than any layer's."""
    if len(name) > LONGEST_NAME:
        raise ValueError(
            f"one of its names has {len(name):,} characters; at most {LONGEST_NAME:,} are expected"
        )
    if name.count(".") >= MOST_PARTS:
        raise ValueError(f"the name {brief(name)} has more than {MOST_PARTS} parts")


def _after_metadata(text: str, at: int) -> int:
    """The place after the metadata, a flat dict of strings, which are not read."""
    at = first = _word(_OPEN, text, at, "{, after __metadata__,").end()
    while not (close := _CLOSE.match(text, at)):
        if at > first:
            at = _word(_NEXT, text, at, ", or }, in __metadata__,").end()
        at = _word(_KEY, text, at, "a name and a colon, in __metadata__,").end()
        at = _word(_TEXT, text, at, "a text, in __metadata__,").end()
    return close.end()


def _entry(name: str, fields: dict[str, str]) -> Entry:
    """One tensor; raises unless format and shape exist, and the offsets are as far apart as its size."""
    if len(fields) < 3:
        raise ValueError(
            f"{brief(name)} has {', '.join(fields)} alone; dtype, shape and data_offsets are expected"
        )
    code = fields["dtype"].strip('"')
    if code not in SIZES:
        raise ValueError(
            f"{brief(name)} has dtype {_shown(fields['dtype'])}; one of {', '.join(SIZES)} is expected"
        )
    shape, offsets = (_lengths(name, field, fields[field]) for field in ("shape", "data_offsets"))
    if len(shape) > MOST_AXES:
        raise ValueError(f"{brief(name)} has {len(shape)} axes; at most {MOST_AXES} are expected")
    if len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(
            f"{brief(name)} has data_offsets {_shown(fields['data_offsets'])}; [begin, end] is expected"
        )
    size = SIZES[code] * math.prod(shape)
    if offsets[1] - offsets[0] != size:
        raise ValueError(
            f"{brief(name)} has {offsets[1] - offsets[0]:,} bytes; {size:,}, for {code} {shape}, are expected"
        )
    if math.prod(n for n in shape if n) > sys.maxsize:
        raise ValueError(f"{brief(name)} has shape {shape}, which no array can have")
    return Entry(name, code, shape, *offsets)


def _lengths(name: str, field: str, written: str) -> tuple[int, ...]:
    """The whole numbers >= 0 of a list such as [2, 3]."""
    if not _LIST.fullmatch(written):
        raise ValueError(f"{brief(name)} has {field} {_shown(written)}; whole numbers >= 0 are expected")
    inside = written[1:-1].strip()
    return tuple(map(int, inside.split(","))) if inside else ()


def _shown(written: str) -> str:
    """A part of the header as a message shows it: in one line, cut."""
    return cut(repr(written)[1:-1])


def _check_offsets(entries: list[Entry], size: int) -> None:
    """Raise unless the tensors follow each other from byte 0 to the last."""
    end, before = 0, ""
    for entry in entries:
        if entry.begin < end:
            raise ValueError(f"{brief(entry.name)} begins at byte {entry.begin:,}, inside {brief(before)}")
        if entry.begin > end:
            raise ValueError(
                f"bytes {end:,} to {entry.begin:,}, before {brief(entry.name)}, belong to no tensor"
            )
        end, before = entry.end, entry.name
    if end != size:
        raise ValueError(f"its tensors have {end:,} bytes, but {size:,} follow its header")
