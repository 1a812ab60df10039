"""One's own data: how a file becomes examples, and which of them are held out."""

import numpy as np
import pytest

from numpy_attention.files import write_npz
from numpy_attention.tasks import load
from numpy_attention.tasks.hold_out import held_out_rows, split
from numpy_attention.tasks.tables import number_columns, ordered_classes, read_examples, read_table
from numpy_attention.tasks.token_weights import token_weights
from numpy_attention.training.data import Examples
from numpy_attention.training.settings import Settings

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


def test_a_table_may_be_written_in_many_ways(tmp_path):
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


def test_lines_are_those_of_the_file(tmp_path):
    table = read_table_of(tmp_path, b'a,b\n\n1,"2\n"\n\n3,4\n')
    assert table.lines == [4, 6]


def test_columns_are_found_by_name(file):
    np.testing.assert_array_equal(number_columns(read_table(file), ("d", "a"))[0], [4, 1])


def test_classes_have_an_order():
    assert ordered_classes(["2", "10", "-1"]) == ("-1", "2", "10")
    assert ordered_classes(["no", "yes", "maybe"]) == ("maybe", "no", "yes")


def test_a_fifth_of_each_class_is_held_out():
    y = np.repeat([0.0, 1.0, 2.0, 3.0], [100, 41, 3, 1])
    held_out = held_out_rows(np.random.default_rng(0), y)
    assert [int(held_out[y == label].sum()) for label in range(4)] == [20, 8, 1, 0]
    other = held_out_rows(np.random.default_rng(1), y)
    assert (held_out != other).any()


def test_every_example_is_in_one_part():
    examples = Examples(np.arange(40.0).reshape(20, 2, 1), np.arange(20) % 2, lengths=np.arange(20) % 2 + 1)
    data = split(examples, ("a", "b"), 3)
    together = np.concatenate([data.train.x, data.test.x])[:, 0, 0]
    np.testing.assert_array_equal(np.sort(together), np.arange(0, 40, 2))
    for part in (data.train, data.test):
        np.testing.assert_array_equal(part.y, part.x[:, 0, 0] // 2 % 2)
        np.testing.assert_array_equal(part.lengths, part.y + 1)


def test_own_sequences(tmp_path):
    rng = np.random.default_rng(73)
    x, lengths = rng.normal(size=(50, 4, 3)), rng.integers(1, 5, 50)
    y = np.where(np.arange(50) % 3, 7, 2)
    for labels in (y, y.astype(np.float32), np.where(y == 2, "no", "yes")):
        write_npz(tmp_path / "s.npz", {"x": x.astype(np.float32), "y": labels, "lengths": lengths})
        data = load(Settings(task="npz", npz=str(tmp_path / "s.npz")))
        assert data.raw.classes == (("no", "yes") if labels.dtype.kind == "U" else ("2", "7"))
        assert data.train.x.dtype == np.float64
        assert len(data.test.y) == 3 + 7
        padded = np.arange(4) >= data.test.lengths[:, None]
        assert not data.test.x[padded].any()
        assert data.test.x[~padded].all()


def test_the_mean_weights_of_many_tokens_and_classes():
    weights = np.full((3, 2, 25), 1 / 25)
    names, classes = [str(i) for i in range(25)], [f"class {i}" for i in range(9)]
    lines = token_weights(names, weights, np.array([0, 1, 1]), classes)
    assert len(lines) == 1 + 20 + 1
    assert lines[0].split() == ["Mean", "weight", "all", "class", "0", "class", "1"]
    assert lines[-1] == "… and 5 tokens more"


def test_labels_of_sequences_have_names_of_their_own(tmp_path):
    x = np.random.default_rng(113).normal(size=(30, 2, 1))
    near = np.array([2.0, 2.0 + 1e-9, -0.5])
    write_npz(tmp_path / "s.npz", {"x": x, "y": near[np.arange(30) % 3]})
    data = load(Settings(task="npz", npz=str(tmp_path / "s.npz")))
    assert data.raw.classes == ("-0.5", "2", "2.000000001")
