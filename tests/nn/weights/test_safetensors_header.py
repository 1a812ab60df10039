"""Headers of .safetensors files: true ones are read, all others refused in a sentence and at no cost."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numpy_attention.nn.weights import safetensors_header
from numpy_attention.nn.weights.safetensors_header import Entry, read_header, write_header


def file(header, numbers=b""):
    """The bytes of a file with this header, a text or a dict."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return np.frombuffer(len(text).to_bytes(8, "little") + text + numbers, np.uint8)


def tensor(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


TWO = {"a": tensor(), "b.c": tensor("U8", (3, 1), (8, 11))}
ENTRIES = [Entry("a", "F32", (2,), 0, 8), Entry("b.c", "U8", (3, 1), 8, 11)]


def test_tensors_come_in_the_order_of_their_bytes():
    entries, start = read_header(file({"__metadata__": {"format": "pt", "{[": '"\\"'}, **TWO}, bytes(11)))
    assert entries == ENTRIES
    assert read_header(file(dict(reversed(TWO.items())), bytes(11)))[0] == ENTRIES
    assert start == len(file({"__metadata__": {"format": "pt", "{[": '"\\"'}, **TWO}))


def test_what_is_written_is_read_and_aligned():
    names = [*ENTRIES[:1], ENTRIES[1]._replace(name='σ "quoted"\\\n')]
    header = write_header(names)
    assert len(header) % 8 == 0
    assert read_header(np.frombuffer(header + bytes(11), np.uint8)) == (names, len(header))


def test_spaces_and_any_order_of_the_fields_are_json():
    spaced = b'{ "a" :\n{\t"shape": [ 2 , 3 ], "data_offsets":[0,6],"dtype" : "U8" } }   '
    assert read_header(file(spaced, bytes(6)))[0] == [Entry("a", "U8", (2, 3), 0, 6)]
    assert read_header(file(b"{}"))[0] == read_header(file(b'{"__metadata__":{}}'))[0] == []
    assert read_header(file({"number": tensor(shape=(), offsets=(0, 4))}, bytes(4)))[0][0].shape == ()
    assert read_header(file({"none": tensor(shape=(0, 2**62), offsets=(0, 0))}))[0][0].shape == (0, 2**62)


def raw(text):
    return file(text.encode(), bytes(8))


BODY = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
REFUSED = {
    "nothing": (np.zeros(0, np.uint8), "it has 0 bytes; 8 with"),
    "seven bytes": (np.zeros(7, np.uint8), "it has 7 bytes; 8 with"),
    "a header of 2^63 bytes": (
        np.frombuffer((2**63).to_bytes(8, "little") + b"{}", np.uint8),
        r"its header is said to be 9,223,372,036,854,775,808 bytes long, but 2 follow",
    ),
    "a header of 2^64 - 1 bytes": (np.frombuffer(b"\xff" * 8 + b"{}", np.uint8), "said to be 18,446,744,073"),
    "not UTF-8": (file(b'{"\xff":1}'), "is not UTF-8 at byte 2"),
    "no dict": (raw("[]"), r"its header has '\[\]' at character 0; { is expected"),
    "nothing in it": (raw(""), "its header has nothing at character 0; { is expected"),
    "not closed": (raw('{"a":' + BODY), "its header has nothing at character 53; , or } is expected"),
    "more after it": (raw("{}{}"), r"goes on after its last brace: '{}'"),
    "a last comma": (raw('{"a":' + BODY + ",}"), "has '}' at character 54; a name in quotes"),
    "a number for a name": (raw("{1:" + BODY + "}"), "a name in quotes, and a colon, is expected"),
    "a tab in a name": (raw('{"a\t":' + BODY + "}"), "a name in quotes"),
    "an escape that is none": (raw('{"\\q":' + BODY + "}"), "a name in quotes"),
    "half a character": (raw('{"\\ud800":' + BODY + "}"), "surrogates not allowed"),
    "a name twice": (raw('{"a":' + BODY + ',"\\u0061":' + BODY + "}"), "two of its tensors are called 'a'"),
    "metadata twice": (raw('{"__metadata__":{},"__metadata__":{}}'), "two .* called '__metadata__'"),
    "metadata of numbers": (raw('{"__metadata__":{"a":1}}'), "a text, in __metadata__, is expected"),
    "nested metadata": (raw('{"__metadata__":{"a":{}}}'), "a text, in __metadata__, is expected"),
    "a list for a tensor": (raw('{"a":[]}'), r'has .* {"dtype": "…", .*}, for .a., is expected'),
    "nested lists": (raw('{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}'), "for 'a', is expected"),
    "a field more": (raw('{"a":' + BODY[:-1] + ',"x":[]}}'), "for 'a', is expected"),
    "a field less": (raw('{"a":{"dtype":"F32","shape":[2]}}'), "for 'a', is expected"),
    "a field twice": (
        raw('{"a":{"dtype":"F32","shape":[2],"shape":[2]}}'),
        "'a' has dtype, shape alone; dtype, shape and data_offsets are expected",
    ),
    "an unknown dtype": (file({"a": tensor("F3")}, bytes(8)), "'a' has dtype \"F3\"; one of F64, F32"),
    "a list for a dtype": (file({"a": tensor(["F32"])}, bytes(8)), "for 'a', is expected"),
    "a text for a shape": (
        raw('{"a":' + BODY.replace("[2]", '"2"') + "}"),
        "'a' has shape \"2\"; whole numbers",
    ),
    "a size below 0": (
        file({"a": tensor(shape=(-2,))}, bytes(8)),
        r"'a' has shape \[-2\]; whole numbers >= 0",
    ),
    "two sizes below 0": (file({"a": tensor(shape=(-2, -1))}, bytes(8)), r"shape \[-2, -1\]; whole numbers"),
    "half a size": (file({"a": tensor(shape=(2.0,))}, bytes(8)), r"'a' has shape \[2.0\]; whole numbers"),
    "a size of 1e400": (raw('{"a":' + BODY.replace("[2]", "[1e400]") + "}"), r"shape \[1e400\]; whole"),
    "a size of 4,000 digits": (raw('{"a":' + BODY.replace("[2]", f"[{'9' * 4000}]") + "}"), "'a' has shape"),
    "2^40 numbers": (
        file({"a": tensor(shape=(2**40,))}, bytes(8)),
        r"'a' has 8 bytes; 4,398,046,511,104, for F32",
    ),
    "2^64 numbers": (file({"a": tensor(shape=(2**32, 2**32))}, bytes(8)), "'a' has 8 bytes; 73,786,976,294"),
    "no number in too many": (
        file({"a": tensor(shape=(0, 2**62, 2**62), offsets=(0, 0))}),
        "'a' has shape .*, which no array can have",
    ),
    "a thousand axes": (file({"a": tensor(shape=(1,) * 1000)}, bytes(8)), "'a' has 1000 axes; at most 32"),
    "three offsets": (
        file({"a": tensor(offsets=(0, 4, 8))}, bytes(8)),
        r"data_offsets \[0, 4, 8\]; \[begin, end\]",
    ),
    "offsets backwards": (
        file({"a": tensor(offsets=(8, 0))}, bytes(8)),
        r"data_offsets \[8, 0\]; \[begin, end\]",
    ),
    "an offset below 0": (file({"a": tensor(offsets=(-8, 0))}, bytes(8)), r"data_offsets \[-8, 0\]; whole"),
    "numbers that overlap": (
        file({"a": tensor(), "b": tensor(offsets=(4, 12))}, bytes(12)),
        "'b' begins at byte 4, inside 'a'",
    ),
    "the same numbers": (file({"a": tensor(), "b": tensor()}, bytes(8)), "'b' begins at byte 0, inside 'a'"),
    "a hole": (
        file({"a": tensor(), "b": tensor(offsets=(9, 17))}, bytes(17)),
        "bytes 8 to 9, before 'b', belong to no tensor",
    ),
    "a hole at the start": (file({"a": tensor(offsets=(1, 9))}, bytes(9)), "bytes 0 to 1, before 'a'"),
    "numbers cut": (file(TWO, bytes(10)), "its tensors have 11 bytes, but 10 follow its header"),
    "numbers left": (file(TWO, bytes(12)), "its tensors have 11 bytes, but 12 follow its header"),
    "a long name": (file({"k" * 60_000: tensor()}, bytes(8)), r"has 60,000 characters; at most 1,000"),
    "a deep name": (file({".".join("k" * 70): tensor()}, bytes(8)), "has more than 64 parts"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_anything_else_is_refused_in_a_sentence(how):
    data, message = REFUSED[how]
    with pytest.raises(ValueError, match=message) as caught:
        read_header(data)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_a_header_of_gigabytes_is_not_read(monkeypatch):
    monkeypatch.setattr(safetensors_header, "LONGEST_HEADER", 100)
    with pytest.raises(ValueError, match=r"its header is 101 bytes long; at most 100 are expected"):
        read_header(file(b"{" + b" " * 100))


@given(st.data())
def test_every_truncated_file_is_refused(data):
    whole = file(TWO, bytes(11))
    with pytest.raises(ValueError, match=r"\bits? "):
        read_header(whole[: data.draw(st.integers(0, len(whole) - 1))])


PIECES = [
    *'{}[]":,0128-',
    "a",
    "dtype",
    "shape",
    "data_offsets",
    "F32",
    "U8",
    '"a":' + BODY,
    "[0,8]",
    "\\u0061",
    " ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_words_are_read_as_json_reads_them_or_refused(text):
    """What is read is what json reads; and nothing is raised but ValueError."""
    for each in (text, '{"a":' + text + "}", '{"a":' + BODY + text):
        try:
            entries, _ = read_header(raw(each))
        except ValueError:
            continue
        read = {
            name: (x["dtype"], tuple(x["shape"]), *x["data_offsets"]) for name, x in json.loads(each).items()
        }
        assert {entry.name: tuple(entry[1:]) for entry in entries} == read


@given(st.binary(max_size=40), st.integers(0, 2**64 - 1))
def test_any_bytes_are_refused(rest, length):
    for size in (length, len(rest)):
        data = np.frombuffer(size.to_bytes(8, "little") + rest, np.uint8)
        if rest.strip() != b"{}":
            with pytest.raises(ValueError):  # noqa: PT011
                read_header(data)


def peak(data):
    """The most memory held while a header is read or refused."""
    tracemalloc.start()
    try:
        read_header(data)
    except ValueError:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return most


NESTED = ["[", "[[],", "{},", '{"":', '[{},[],"",', "1,", '{"a":[{},[],[],']


@pytest.mark.parametrize("piece", NESTED)
def test_nested_json_costs_no_more_than_its_own_size(piece):
    for before in ('{"a":', '{"a":{"dtype":"F32","shape":['):
        data = raw(before + piece * (200_000 // len(piece)))
        assert peak(data) < 4 * data.nbytes


def many(count):
    """A file of this many tensors without a number."""
    nothing = BODY.replace("[2]", "[0]").replace("8]", "0]")
    return file(("{" + ",".join(f'"{n}":{nothing}' for n in range(count)) + "}").encode())


def test_many_tensors_cost_a_small_multiple_of_the_file():
    data = many(1000)
    assert len(read_header(data)[0]) == 1000
    assert peak(data) < 12 * data.nbytes


def test_more_tensors_than_any_model_has_are_refused(monkeypatch):
    """A million would take seconds, and memory ten times the file's size."""
    assert safetensors_header.MOST_ARRAYS >= 100_000
    monkeypatch.setattr(safetensors_header, "MOST_ARRAYS", 50)
    assert len(read_header(many(50))[0]) == 50
    with pytest.raises(ValueError, match=r"^it has more tensors than any model; at most 50 are expected$"):
        read_header(many(51))
