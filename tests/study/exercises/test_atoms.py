"""The numbers of which a wrong result may be made."""

import numpy as np

from numpy_attention.study.exercises.atoms import FORMS, SUMS, Atoms, fits


def test_atoms_fit_their_shape_and_differ():
    rng = np.random.default_rng(0)
    one, other = ({"x": rng.standard_normal(shape)} for shape in ((3, 5), (4, 2)))
    shelf = Atoms(one, other, {"x": "the array"}).shelf((3, 5), (4, 2))
    assert {"one", "the array", "the row sums of the array"} <= {each.words for each in shelf.atoms}
    assert shelf.rows.shape == (len(shelf.atoms), 15)
    assert len(shelf.atoms) <= len(SUMS) + len(FORMS) + 20
    assert fits(np.ones((3, 1)), (2, 3, 4))
    assert not fits(np.ones((2, 3)), (3, 3))
