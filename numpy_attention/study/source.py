"""The equation, mathematical lines and arrays of a traced call, read from its docstring and source."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..functional.base.admission import Array, admit, one_of, real_number
from ..functional.base.arrays import check_broadcast, common_batch, cotangent, round_to, upcast
from .line_trace import LineTrace, unwrapped

ADMISSION = (admit, check_broadcast, common_batch, cotangent, real_number, one_of, upcast)
"""Helpers that check or upcast arguments; a line that only calls them is not shown."""

PACKING = (round_to,)
"""Helpers that only pack a result, as every class does."""

PACKAGE = Path(__file__).parent.parent

Names: TypeAlias = dict[str, Any]


class SourceLine(NamedTuple):
    """One line of a file, without the indentation of its statement."""

    number: int
    text: str


class Source(NamedTuple):
    """Lines of one file, whose path is relative to the package's folder if it lies in it.

    `helpers` maps each function that the lines call to the first sentence of its docstring, inner calls
    first.
    """

    file: str
    lines: tuple[SourceLine, ...]
    helpers: dict[str, str]

    def __str__(self) -> str:
        return "\n".join(line.text for line in self.lines)


NO_SOURCE = Source("", (), {})
"""For functions written in C or typed at a prompt."""


def equation(function: Callable[..., Any]) -> str:
    """The equation that opens a function's docstring, and the derivation that follows it, if any.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> equation(STEPS.mask.forward)
    'masked = where(visible, biased, -inf)'
    """
    function = unwrapped(function)
    doc = inspect.getdoc(function) or ""
    reference = re.search(r"see `(\w+)`", doc.partition("\n\n")[0])
    if reference:
        doc = inspect.getdoc(_namespace(function).get(reference[1])) or doc
    first, *others = doc.split("\n\n")
    shown = [re.split(r"\.\s+(?=[A-Z])", first)[0]]
    for paragraph in others:
        if not (shown[-1].endswith(":") or paragraph.startswith("From ")):
            break
        shown.append(textwrap.dedent(paragraph))
    return "\n".join(shown).removesuffix(".")


def math_source(call: LineTrace) -> Source:
    """The statements that ran, without those that check arguments, pass names on, or pack the result.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.line_trace import traced
    >>> calls = []
    >>> _ = traced(STEPS.values.forward, calls.append)(np.eye(2), np.eye(2))
    >>> print(math_source(calls[0]))
    out = unfold_groups(visible_product(fold_groups(thinned, value), value, visible_rows), thinned)
    """
    try:
        return _source(*_run(call))
    except (OSError, TypeError):
        return NO_SOURCE


def intermediate_arrays(call: LineTrace) -> dict[str, Array]:
    """The numeric arrays that those statements assign, in order.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.line_trace import traced
    >>> calls = []
    >>> _ = traced(STEPS.score.forward, calls.append)(np.eye(2), np.eye(2), scale=np.array(0.5))
    >>> intermediate_arrays(calls[0])
    {'products': array([[1., 0.],
           [0., 1.]])}
    """
    try:
        body = _body(*_run(call))
    except (OSError, TypeError):
        return {}
    names = dict.fromkeys(name for node in body.shown for name in _assigned(node))
    return {name: call.local_names[name] for name in names if _is_numeric(call.local_names.get(name))}


def arrays_read(call: LineTrace) -> dict[str, Array]:
    """The numeric arrays that those statements read but do not assign.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.line_trace import traced
    >>> calls = []
    >>> _, saved = STEPS.softcap.forward(np.array([[1.0]]), 2.0)
    >>> _ = traced(STEPS.softcap.backward, calls.append)(np.array([[3.0]]), saved)
    >>> arrays_read(calls[0])
    {'d_capped': array([[3.]]), 'scores': array([[1.]])}
    """
    try:
        nodes = _body(*_run(call)).shown
    except (OSError, TypeError):
        return {}
    values = call.local_names | {
        f"{owner}.{name}": x
        for owner, saved in call.local_names.items()
        for name, x in getattr(saved, "_asdict", dict)().items()
    }
    assigned = {name for node in nodes for name in _assigned(node)}
    read = dict.fromkeys(name for node in nodes for name in _read(node) if name not in assigned)
    return {name.rpartition(".")[2]: values[name] for name in read if _is_numeric(values.get(name))}


# ------------------------------------------------------------------------------------ reading a function


class _Body(NamedTuple):
    """The text of a function, its first line's number, and the statements to show."""

    text: list[str]
    first: int
    shown: list[ast.stmt]

    def lines(self, node: ast.stmt) -> Iterator[SourceLine]:
        """The lines of a statement; a return of (out, saved) is cut after out."""
        last = node.end_lineno or node.lineno
        text = self.text[node.lineno - 1 : last]
        out = _out_before_saved(node)
        if out is not None and out.end_lineno:
            text = text[: out.end_lineno - node.lineno + 1]
            text[-1] = text[-1].encode()[: out.end_col_offset].decode() + ", …"
        dedented = textwrap.dedent("\n".join(text)).split("\n")
        return (SourceLine(self.first + node.lineno - 1 + n, line) for n, line in enumerate(dedented))


def _run(call: LineTrace) -> tuple[Any, frozenset[int], frozenset[str]]:
    """What decides which statements are shown: function, lines that ran, numeric variables."""
    numeric = frozenset(name for name, x in call.local_names.items() if _is_numeric(x))
    return unwrapped(call.function), call.lines, numeric


@lru_cache(maxsize=1024)
def _source(function: Any, lines: frozenset[int], numeric: frozenset[str]) -> Source:
    body = _body(function, lines, numeric)
    file = Path(inspect.getsourcefile(function) or "")
    in_package = file.is_relative_to(PACKAGE)
    name = file.relative_to(PACKAGE).as_posix() if in_package else file.name
    shown = tuple(line for node in body.shown for line in body.lines(node))
    return Source(name, shown, _helpers(body.shown, _namespace(function)))


@lru_cache(maxsize=1024)
def _body(function: Any, lines: frozenset[int], numeric: frozenset[str]) -> _Body:
    text, first, definition = _parsed(function)
    if not isinstance(definition, ast.FunctionDef):
        whole = ast.Pass(lineno=1, end_lineno=len(text), col_offset=0, end_col_offset=0)
        return _Body(text, first, [whole])
    executed = [node for node in _simple(definition.body) if _was_executed(node, first, lines)]
    names = _namespace(function)
    shown = [node for node in executed if _is_mathematics(node, names, numeric)]
    return _Body(text, first, shown or executed)


@lru_cache(maxsize=256)
def _parsed(function: Any) -> tuple[list[str], int, ast.stmt]:
    """The text of a function, its first line's number, and its definition; Pass if it is no statement."""
    source, first = inspect.getsourcelines(function)
    text = textwrap.dedent("".join(source)).splitlines()
    try:
        return text, first, ast.parse("\n".join(text)).body[0]
    except SyntaxError:  # a lambda in the middle of an expression
        return text, first, ast.Pass()


def _simple(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The innermost statements of a block, without bare expressions and docstrings."""
    for node in block:
        inner = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
        if any(inner):
            for part in inner:
                yield from _simple(part)
        elif not isinstance(node, ast.Expr):
            yield node


def _was_executed(node: ast.stmt, first: int, lines: frozenset[int]) -> bool:
    last = node.end_lineno or node.lineno
    return not lines.isdisjoint(range(first + node.lineno - 1, first + last))


def _is_mathematics(node: ast.stmt, names: Names, numeric: frozenset[str]) -> bool:
    if isinstance(node, ast.Return):
        return node.value is not None and not _is_bookkeeping(node.value, names)
    value = getattr(node, "value", None)
    if not isinstance(value, ast.expr) or _is_bookkeeping(value, names):
        return False
    return not numeric.isdisjoint(_assigned(node))


def _is_bookkeeping(node: ast.expr, names: Names) -> bool:
    """True if an expression computes nothing: names, records of names, checked arguments."""
    if isinstance(node, (ast.Name, ast.Constant)):
        return True
    if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        return _is_bookkeeping(node.value, names)
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(_is_bookkeeping(element, names) for element in node.elts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        called = names.get(node.func.id)
        packs = isinstance(called, type) or called in PACKING
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        return called in ADMISSION or (packs and all(_is_bookkeeping(x, names) for x in arguments))
    return False


def _out_before_saved(node: ast.stmt) -> ast.expr | None:
    """`out` in `return out, Saved(…)`; None for any other statement."""
    value = node.value if isinstance(node, ast.Return) else None
    if isinstance(value, ast.Tuple) and len(value.elts) == 2 and isinstance(value.elts[1], ast.Call):
        return value.elts[0]
    return None


@lru_cache(maxsize=4096)
def _assigned(node: ast.stmt) -> list[str]:
    return [x.id for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)]


@lru_cache(maxsize=4096)
def _read(node: ast.stmt) -> list[str]:
    """The names that a statement reads, from left to right; saved.weights is one dotted name."""
    used = {}
    for x in ast.walk(node):
        if isinstance(x, ast.Name):
            used[x.lineno, x.col_offset] = x.id
    for x in ast.walk(node):
        if isinstance(x, ast.Attribute) and isinstance(x.value, ast.Name):
            used[x.lineno, x.col_offset] = f"{x.value.id}.{x.attr}"
    return [used[place] for place in sorted(used)]


def _is_numeric(x: object) -> bool:
    return isinstance(x, (np.ndarray, np.number)) and x.dtype.kind in "fc"


def _helpers(nodes: list[ast.stmt], names: Names) -> dict[str, str]:
    used = dict.fromkeys(name for node in nodes for name in reversed(_named(node)))
    functions = {name: unwrapped(names[name]) for name in used if callable(names.get(name))}
    return {name: _first_sentence(f) for name, f in functions.items() if inspect.isfunction(f) and f.__doc__}


def _named(node: ast.stmt) -> list[str]:
    return [x.id for x in ast.walk(node) if isinstance(x, ast.Name)]


def _first_sentence(function: Callable[..., Any]) -> str:
    """The first sentence of a docstring, in one line."""
    paragraph = (inspect.getdoc(function) or "").partition("\n\n")[0]
    return re.split(r"\.\s+(?=[A-Z])", " ".join(paragraph.split()))[0].removesuffix(".")


def _namespace(function: Any) -> Names:
    return getattr(function, "__globals__", {})
