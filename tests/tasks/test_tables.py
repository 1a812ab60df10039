"""CSV files: cells, lines, columns and classes."""

import numpy as np
import pytest

from numpy_attention.tasks.tables import number_columns, ordered_classes, read_examples, read_table

TABLE = """a,b,kind,c,d
1,2,x,3,4
-1.5,1e3, y ,NA,
?,2,x,NaN,inf
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path / "t.csv"


def test_columns_fill_tokens_in_order(file):
    examples, classes, columns = read_examples(file, "kind", 2, strict=False)
    expected = [[[1, 2], [3, 4]], [[-1.5, 1000], [np.nan, np.nan]], [[np.nan, 2], [np.nan, np.inf]]]
    np.testing.assert_array_equal(examples.x, expected)
    np.testing.assert_array_equal(examples.y, [0, 1, 0])
    assert classes == ("x", "y")
    assert columns == ("a", "b", "c", "d")


def test_byte_order_marks_quotes_and_line_ends_do_not_matter(tmp_path):
    plain = read_table_of(tmp_path, b"a,b\n1,2\n3,4\n")
    for other in (
        b"\xef\xbb\xbfa,b\r\n1,2\r\n\r\n3,4\r\n\r\n",
        b'"a","b"\n"1","2"\n3, 4',
        b"a,b\r1,2\r3,4\r",
    ):
        table = read_table_of(tmp_path, other)
        assert (table.columns, table.cells) == (plain.columns, plain.cells)


def read_table_of(folder, data):
    (folder / "t.csv").write_bytes(data)
    return read_table(folder / "t.csv")


def test_each_row_knows_its_line_in_the_file(tmp_path):
    table = read_table_of(tmp_path, b'a,b\n\n1,"2\n"\n\n3,4\n')
    assert table.lines == [4, 6]


def test_columns_are_found_by_name(file):
    np.testing.assert_array_equal(number_columns(read_table(file), ("d", "a"))[0], [4, 1])


def test_classes_have_an_order():
    assert ordered_classes(["2", "10", "-1"]) == ("-1", "2", "10")
    assert ordered_classes(["no", "yes", "maybe"]) == ("maybe", "no", "yes")
