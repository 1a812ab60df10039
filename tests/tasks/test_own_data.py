"""Tasks from the user's own files."""

import numpy as np

from numpy_attention.files import write_npz
from numpy_attention.tasks import load
from numpy_attention.training.settings import Settings


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


def test_labels_of_sequences_have_names_of_their_own(tmp_path):
    x = np.random.default_rng(113).normal(size=(30, 2, 1))
    near = np.array([2.0, 2.0 + 1e-9, -0.5])
    write_npz(tmp_path / "s.npz", {"x": x, "y": near[np.arange(30) % 3]})
    data = load(Settings(task="npz", npz=str(tmp_path / "s.npz")))
    assert data.raw.classes == ("-0.5", "2", "2.000000001")
