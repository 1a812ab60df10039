import doctest

import numpy as np
import pytest

from numpy_attention.study.exercises.catalogue import EXERCISES, exercise
from numpy_attention.study.exercises.stub import example, stub, write_new

from .right import SOLUTIONS


@pytest.mark.parametrize("name", EXERCISES)
def test_the_example_of_a_stub_is_right_and_its_function_unwritten(name):
    each = exercise(name)
    text = stub(each)
    names = {}
    exec(compile(text, "stub.py", "exec"), names)
    by_hand = each.by_hand[0].values()
    with pytest.raises(NotImplementedError):
        names[each.function](*by_hand)
    exec(SOLUTIONS[name][0], names)
    test = doctest.DocTestParser().get_doctest(names["__doc__"], names | {"np": np}, name, "stub.py", 0)
    result = doctest.DocTestRunner(verbose=False).run(test)
    assert (result.failed, result.attempted > 2) == (0, True)
    assert max(map(len, text.splitlines())) <= 120


def test_a_stub_tells_shapes_and_how_to_grade_it():
    text = stub(exercise("softmax-back"))
    assert "    d_weights (L, S)\n" in text
    assert "numpy-attention exercise check softmax_back.py" in text
    assert "np.array([[0.25, 0.75], [0.5, 0.5]])" in example(exercise("softmax-back"))
    assert "rowsum" not in text
    assert "sum(" not in text


def test_no_file_is_overwritten(tmp_path):
    path = tmp_path / "a.py"
    write_new(path, "one")
    with pytest.raises(ValueError, match=r"a\.py exists, and is not overwritten"):
        write_new(path, "two")
    assert path.read_text() == "one"
    link = tmp_path / "link.py"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="exists"):
        write_new(link, "two")
