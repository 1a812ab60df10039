"""Token files: arrays read, and one-sentence errors."""

import json
import re

import numpy as np
import pytest

from numpy_attention.study.tokens import read_tokens


def written(folder, text):
    path = folder / "my tokens.json"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "content, arrays",
    [
        ([[1, 2.5], [3, 4]], {"tokens": [[1, 2.5], [3, 4]]}),
        ({"tokens": [[1]], "scale": 2}, {"tokens": [[1]], "scale": 2}),
        ({"weight": [1, -2]}, {"weight": [1, -2]}),
        ({"weight": [[1, -2], [0, 1]]}, {"weight": [[1, -2], [0, 1]]}),
    ],
)
def test_arrays_are_read_by_name(tmp_path, content, arrays):
    read = read_tokens(written(tmp_path, json.dumps(content)))
    assert read.keys() == arrays.keys()
    for name, x in arrays.items():
        assert read[name].dtype == np.float64
        np.testing.assert_array_equal(read[name], x)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "is not a whole JSON file"),
        ("[[1, 2], [3", "is not a whole JSON file"),
        ("[" * 100_000, "is not a whole JSON file"),
        ("[]", "tokens holds 0 entries; from 1 to 8 can be shown"),
        ("{}", "holds no tokens"),
        ("7", "tokens is 7; a list of lists of numbers is expected"),
        ("null", "tokens is None; a list of lists"),
        ('"abc"', "tokens is 'abc'; a list of lists"),
        ("[1, 2]", "tokens, row 1 is 1; a list of numbers is expected"),
        ("[[1, 2], [3]]", "tokens, row 2 has 1 numbers, but row 1 has 2"),
        ("[[1, 2], []]", "tokens, row 2 has 0 numbers; from 1 to 8"),
        ('[[1, "two"]]', "tokens, row 1, number 2 is 'two'; a number is expected"),
        ("[[1, [2]]]", "tokens, row 1, number 2 is [2]; a number is expected"),
        ("[[1, true]]", "tokens, row 1, number 2 is True; a number is expected"),
        ("[[1, null]]", "tokens, row 1, number 2 is None; a number is expected"),
        ("[[1, NaN]]", "is not a whole JSON file: NaN is not a number of JSON"),
        ("[[Infinity]]", "is not a whole JSON file: Infinity is not a number of JSON"),
        ("[[1e999]]", "tokens, row 1, number 1 is inf; 0 or a size from"),
        ("[[-1000001]]", "tokens, row 1, number 1 is -1000001; 0 or a size from"),
        ("[[0, 1e-10]]", "tokens, row 1, number 2 is 1e-10; 0 or a size from"),
        (f"[[1{'0' * 400}]]", "0…; 0 or a size from"),
        (json.dumps([[0.0] * 9]), "tokens, row 1 has 9 numbers; from 1 to 8 can be shown"),
        (json.dumps([[0.0]] * 9), "tokens holds 9 entries; from 1 to 8 can be shown"),
        ('{"query": 1}', "query is 1; a list of lists"),
        ('{"weight": [1, "2"]}', "weight, number 2 is '2'; a number is expected"),
        ('{"weight": {"a": 1}}', "weight is {'a': 1}; a number is expected"),
    ],
)
def test_invalid_content_is_refused(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        read_tokens(path)
    assert str(refused.value).startswith(str(path))
    assert len(str(refused.value)) < len(str(path)) + 200


def test_unreadable_files_are_refused(tmp_path):
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(ValueError, match="cannot be read") as refused:
            read_tokens(path)
        assert str(refused.value).startswith(str(path))
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not a whole JSON file"):
        read_tokens(binary)
