"""CSV files as text: encodings, separators, comments, quotes, and files that are no CSV."""

import gzip

import pytest

from numpy_attention.tasks.table_text import looks_like_number, read_rows, separator_of

PLAIN = [["a", "b"], ["1", "2"], ["3", "4"]]
SAME = {
    "semicolons": (b"a;b\n1;2\n3;4\n", ";"),
    "tabs": (b"a\tb\n1\t2\n3\t4\n", "tab"),
    "sep=": (b"\xef\xbb\xbfsep=;\r\na;b\r\n1;2\r\n3;4\r\n", None),
    "sep= of a comma": (b"sep=,\na,b\n1,2\n3,4\n", None),
    "sep= in quotes": (b'"sep=;"\na;b\n1;2\n3;4\n', None),
    "comments": (b"# made by A, B and C\n#\n\na,b\n1,2\n3,4\n", None),
    "numpy.savetxt": (b"# a,b\n1,2\n3,4\n", None),
    "UTF-16": ("a\tb\n1\t2\n3\t4\n".encode("utf-16"), "\\t"),
    "quotes after spaces": (b'a, "b"\n1, "2"\n3, 4\n', None),
    "CR": (b"a,b\r1,2\r3,4\r", None),
}


def rows_of(folder, data, delimiter=None):
    (folder / "t.csv").write_bytes(data)
    return read_rows(folder / "t.csv", delimiter)


@pytest.mark.parametrize("how", SAME)
def test_the_same_table_written_otherwise(tmp_path, how):
    assert [row for _, row in rows_of(tmp_path, *SAME[how])] == PLAIN


def test_lines_are_counted_from_the_file_s_first(tmp_path):
    rows = rows_of(tmp_path, b'# one\n# two\na,b\n\n"1\n",2\n')
    assert [line for line, _ in rows] == [3, 6]


def test_letters_are_composed(tmp_path):
    assert rows_of(tmp_path, "e\N{COMBINING ACUTE ACCENT},b\n".encode())[0][1] == ["é", "b"]


REFUSED = {
    "semicolons": (b"a;b;c\n1;2;3\n", "1: the header has one column and 2 semicolons; write --delimiter ';'"),
    "tab": (b"a\tb\n1\t2\n", "one column and 1 tab; write --delimiter tab"),
    "spaces": (b"a b c\n1 2 3\n", "one column and 2 spaces; write --delimiter ' '"),
    "spaces in names": (b"a b c;d e\n1;3\n", "one column and 1 semicolon; write"),
    "a separator below comments": (b"# x\na;b\n", "line 2: the header has one column and 1 semicolon;"),
    "Latin-1": ("a,b\n1,2\nné,3\n".encode("latin-1"), "line 3, character 2 is no text in UTF-8: .* save"),
    "NUL": (b"a,b\n1,\x002\n", "line 2, character 3: a NUL character"),
    "half a UTF-16 letter": (b"\xff\xfea\x00b", "no text in UTF-16"),
    "a quote": (b'a,b\n1,2\n3,"4\n5,6\n', r'line 3: a quote \("\) is opened and never closed'),
    "a quote, long": (b'a,b\n3,"4\n' + b"5,6\n" * 40_000, "line 2: a quote"),
    "gzip": (gzip.compress(b"a,b\n1,2\n"), "is compressed with gzip; unpack it first"),
    "Excel": (b"PK\x03\x04\x14\x00", "is a zip file or an Excel workbook; unpack it, or save the sheet"),
    "a login page": (b"\n<!DOCTYPE html>\n<html><body>Log in</body></html>", "is a web page or XML"),
    "JSON": (b'[{"a": 1}]', "is JSON, no table; write it as CSV"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED)
def test_other_files_are_refused_in_a_sentence(tmp_path, how):
    data, message = REFUSED[how]
    with pytest.raises(ValueError, match=message):
        rows_of(tmp_path, data)


def test_numbers_and_separators():
    assert all(
        map(looks_like_number, ["1", "-1.5", "1,5", ".5", "1e-3", "1.", "1,234.5", "1.234,5", "-1 000"])
    )
    assert not any(map(looks_like_number, ["", "a", "1a", "-", "nan", "1.2.3", "e5", "."]))
    assert [separator_of(name) for name in (";", "tab", "\\t")] == [";", "\t", "\t"]
