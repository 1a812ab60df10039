"""A tile of scores: which rows and keys it has, and views of them."""

from typing import NamedTuple

from ..base.admission import Array


class TileMask(NamedTuple):
    """The mask of some heads on a tile that they do not see completely.

    `at` indexes the tile as `Tile.by_member` shows it. bits are integers that broadcast to that: all bits 1
    where visible, 0 where hidden. shift (rows,) is 0 for rows with a visible key in the tile, else -inf.
    """

    at: tuple[slice, ...]
    bits: Array
    shift: Array


class Tile(NamedTuple):
    """A tile of a block's scores: all of its rows and some columns; or equal pieces down the diagonal.

    Piece i of `pieces` has the block's rows `rows` + i * step and the keys `columns` + i * step. rows is None
    for all rows. The scores of a tile are (groups, pieces, columns, rows).
    """

    columns: slice
    masks: list[TileMask]
    rows: slice | None = None
    pieces: int = 1
    step: int = 0

    def of_rows(self, x: Array) -> Array:
        """The rows (groups, R, X) of a block as (groups, pieces, rows, X)."""
        if self.rows is None:
            return x[:, None]
        return x.reshape(len(x), self.pieces, self.step, -1)[:, :, self.rows]

    def of_transposed(self, x: Array) -> Array:
        """The rows (groups, X, R) of a block as (groups, pieces, X, rows)."""
        if self.rows is None:
            return x[:, None]
        return x.reshape(*x.shape[:2], self.pieces, self.step).swapaxes(1, 2)[..., self.rows]

    def by_row(self, x: Array) -> Array:
        """A number for each row (groups, R) as (groups, pieces, rows)."""
        if self.rows is None:
            return x[:, None]
        return x.reshape(len(x), self.pieces, self.step)[:, :, self.rows]

    def of_keys(self, x: Array) -> Array:
        """The keys (groups, S, X) as (groups, pieces, columns, X)."""
        if self.pieces == 1:
            return x[:, None, self.columns]
        start, width = self.columns.start, self.columns.stop - self.columns.start
        x = x[:, start : start + self.pieces * self.step]
        return x.reshape(len(x), self.pieces, self.step, -1)[:, :, :width]

    def by_member(self, scores: Array, members: int) -> Array:
        """A view of the tile's scores as (groups, columns, members, rows); pieces as they are."""
        if self.rows is not None:
            return scores
        return scores.reshape(len(scores), scores.shape[2], members, -1)
