"""Views of a tile's rows and keys, by hand."""

import numpy as np

from numpy_attention.functional.fast.tile import Tile


def test_rows_and_keys_of_a_tile_are_views():
    """Two pieces of 2 rows and 2 keys: rows 2, 3 with keys 1, 2, and rows 6, 7 with keys 5, 6."""
    tile = Tile(slice(1, 3), [], slice(2, 4), 2, 4)
    rows, keys = np.arange(8.0)[None, :, None], np.arange(9.0)[None, :, None]
    assert tile.of_rows(rows)[0, ..., 0].tolist() == [[2, 3], [6, 7]]
    assert tile.of_keys(keys)[0, ..., 0].tolist() == [[1, 2], [5, 6]]
    assert tile.by_row(rows[..., 0])[0].tolist() == [[2, 3], [6, 7]]
    for view, x in ((tile.of_rows(rows), rows), (tile.of_keys(keys), keys)):
        assert np.shares_memory(view, x)


def test_whole_tile_has_all_rows():
    tile, x = Tile(slice(1, 3), []), np.arange(10.0).reshape(1, 5, 2)
    assert tile.of_rows(x).shape == (1, 1, 5, 2)
    assert tile.of_keys(x)[0, 0].tolist() == [[2, 3], [4, 5]]
    assert tile.by_row(x[..., 0]).tolist() == [[[0, 2, 4, 6, 8]]]
    scores = np.arange(12).reshape(1, 1, 2, 6)
    assert tile.by_member(scores, 3)[0, 1].tolist() == [[6, 7], [8, 9], [10, 11]]
    assert tile._replace(rows=slice(0, 1)).by_member(scores, 3) is scores
