"""CSV files: cells, lines, columns and classes."""

import numpy as np
import pytest

from numpy_attention.tasks.tables import (
    Table,
    class_numbers,
    first_double,
    number_columns,
    read_examples,
    read_table,
)

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


@pytest.mark.parametrize("spelling", ["", "NA", "NaN", "NULL", "?", "none", "n/a", "#N/A", "<NA>", "-nan"])
@pytest.mark.parametrize("strict", [False, True])
def test_a_missing_label_is_refused_with_its_line(tmp_path, spelling, strict):
    (tmp_path / "t.csv").write_text(f"a,b,y\n1,2,0\n3,4,{spelling}\n5,6,1\n")
    with pytest.raises(ValueError, match=r"line 3, column 'y': the label is missing"):
        read_examples(tmp_path / "t.csv", "y", 2, strict=strict)


def test_labels_are_found_among_classes_in_any_spelling_of_their_number():
    table = Table("t.csv", ("y",), [["1.0"], ["0"], ["01"]], [2, 3, 4])
    for classes in (("0", "1"), ("0.0", "1.0")):
        assert class_numbers(table, "y", classes).tolist() == [1, 0, 1]
    with pytest.raises(
        ValueError, match=r"line 2, column 'y': '1.0' is not a class; one of 0, one is expected"
    ):
        class_numbers(table, "y", ("0", "one"))


class Name(str):
    """A name that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        Name.compared += 1
        return str(self) == str(other)


def test_columns_are_found_in_linear_time():
    names = tuple(Name(f"c{place}") for place in range(3000))
    assert first_double(names) is None
    number_columns(Table("t.csv", names, [["1"] * 3000], [2]), tuple(map(str, names)))
    assert Name.compared < 10 * len(names)


def test_a_typo_in_a_column_of_numbers_gives_no_advice_to_drop_it(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,0\n3,4o,1\n")
    with pytest.raises(ValueError, match=r"line 3, column 'b': '4o' is not a number$"):
        read_examples(tmp_path / "t.csv", "y", 2, strict=False)


def test_names_to_drop_may_hold_commas_and_are_composed(tmp_path):
    (tmp_path / "t.csv").write_text('"a, b",e\u0301,c,y\nx,1,2,0\nx,1,2,1\n')
    _, _, columns = read_examples(tmp_path / "t.csv", "y", 1, strict=False, drop='"a, b",e\u0301')
    assert columns == ("c",)
