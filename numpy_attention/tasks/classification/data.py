"""Examples of classification, and a task's parts."""

from typing import Any, NamedTuple

from ...functional.base.admission import Array


class Examples(NamedTuple):
    """N examples, each a sequence of T tokens of `input_dim` numbers."""

    x: Array
    """(N, T, input_dim)"""
    y: Array
    """(N,) the class, counted from 0"""
    decisive: Array | None = None
    """(N,) the token that decides the label, -1 for none; shown in reports, never to a model"""
    lengths: Array | None = None
    """(N,) number of real tokens, the rest being padding; None: all are real"""
    other: Array | None = None
    """(N,) the class of the second example where examples are mixed; see `mixing`"""
    share: Array | None = None
    """(N,) the share of y where examples are mixed; the rest is that of `other`"""

    @property
    def size(self) -> int:
        """N"""
        return len(self.y)

    def some(self, rows: Any) -> "Examples":
        """The examples selected by an index array or a slice."""
        optional = [None if array is None else array[rows] for array in self[2:]]
        return Examples(self.x[rows], self.y[rows], *optional)


class Data(NamedTuple):
    """A task's raw data: training part and held-out part."""

    train: Examples
    test: Examples
    """The held-out part"""
    classes: tuple[str, ...] = ("no", "yes")
    """Names of the classes, two or more."""
    columns: tuple[str, ...] = ()
    """Columns of a table, in the order in which they fill the tokens; () if the data are no table."""
    by_place: bool = False
    """True if a column has its own mean and deviation in each token."""
    label: str | None = None
    """The column of a table that holds the class."""
    notes: tuple[str, ...] = ()
    """What the user should know about the data, a sentence each."""
    validation: Examples | None = None
    """A share of the training part that is not trained on, where training stops early by it"""

    @property
    def outputs(self) -> int:
        """Number of logits per example: one for two classes, else one per class."""
        return 1 if len(self.classes) == 2 else len(self.classes)
