"""The equation and the lines of mathematics of a function, read where they stand."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..functional.base.admission import Array, admit, one_of, real_number
from ..functional.base.arrays import check_broadcast, common_batch, cotangent, round_to, upcast
from .line_trace import Run, original

ADMISSION = (admit, check_broadcast, common_batch, cotangent, real_number, one_of, upcast)
"""What lets arguments in, or gives them the dtype that is computed in: no mathematics."""

PACKING = (round_to,)
"""What hands a result out; so does every class."""

PACKAGE = Path(__file__).parent.parent

Names: TypeAlias = dict[str, Any]


class Line(NamedTuple):
    """One line of a file, less the indentation of its statement."""

    number: int
    text: str


class Source(NamedTuple):
    """Lines of one file, which is named from the package's folder on if it lies there.

    `helpers` are the functions that they call, each with what its docstring says first.
    """

    file: str
    lines: tuple[Line, ...]
    helpers: dict[str, str]

    def __str__(self) -> str:
        return "\n".join(line.text for line in self.lines)


NONE = Source("", (), {})
"""Of what is written in C, or typed at a prompt."""


def equation(function: Callable[..., Any]) -> str:
    """What a docstring says first: here that is an equation, and the derivation if one follows.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> equation(STEPS.mask.forward)
    'masked = where(visible, biased, -inf)'
    """
    function = original(function)
    told = inspect.getdoc(function) or ""
    elsewhere = re.search(r"see `(\w+)`", told.partition("\n\n")[0])
    if elsewhere:
        told = inspect.getdoc(_namespace(function).get(elsewhere[1])) or told
    first, *others = told.split("\n\n")
    shown = [re.split(r"\.\s+(?=[A-Z])", first)[0]]
    for paragraph in others:
        if not (shown[-1].endswith(":") or paragraph.startswith("From ")):
            break
        shown.append(textwrap.dedent(paragraph))
    return "\n".join(shown).removesuffix(".")


def mathematics(run: Run) -> Source:
    """The statements that ran, less those that let arguments in, hand on names, or pack the result.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.line_trace import watched
    >>> runs = []
    >>> _ = watched(STEPS.values.forward, runs.append)(np.eye(2), np.eye(2))
    >>> print(mathematics(runs[0]))
    out = unfolded(seen_product(folded(thinned, value), value, visible_rows), thinned)
    """
    try:
        body = _body(run)
        file = Path(inspect.getsourcefile(original(run.function)) or "")
    except (OSError, TypeError):
        return NONE
    inside = file.is_relative_to(PACKAGE)
    name = file.relative_to(PACKAGE).as_posix() if inside else file.name
    lines = tuple(line for node in body.shown for line in body.lines(node))
    return Source(name, lines, _helpers(body.shown, _namespace(original(run.function))))


def between(run: Run) -> dict[str, Array]:
    """The arrays of numbers that those statements set, in their order.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.line_trace import watched
    >>> runs = []
    >>> _ = watched(STEPS.score.forward, runs.append)(np.eye(2), np.eye(2), scale=0.5)
    >>> between(runs[0])
    {'products': array([[1., 0.],
           [0., 1.]])}
    """
    try:
        body = _body(run)
    except (OSError, TypeError):
        return {}
    names = dict.fromkeys(name for node in body.shown for name in _stored(node))
    return {name: run.names[name] for name in names if _is_numbers(run.names.get(name))}


def read(run: Run) -> dict[str, Array]:
    """The arrays of numbers that those statements read, less what they set themselves.

    Examples
    --------
    >>> from numpy_attention import STEPS
    >>> from numpy_attention.study.line_trace import watched
    >>> runs = []
    >>> _, saved = STEPS.softcap.forward(np.array([[1.0]]), 2.0)
    >>> _ = watched(STEPS.softcap.backward, runs.append)(np.array([[3.0]]), saved)
    >>> read(runs[0])
    {'d_capped': array([[3.]]), 'scores': array([[1.]])}
    """
    try:
        nodes = _body(run).shown
    except (OSError, TypeError):
        return {}
    values = run.names | {
        f"{owner}.{name}": x
        for owner, saved in run.names.items()
        for name, x in getattr(saved, "_asdict", dict)().items()
    }
    stored = {name for node in nodes for name in _stored(node)}
    loaded = dict.fromkeys(told for node in nodes for told in _loaded(node) if told not in stored)
    return {told.rpartition(".")[2]: values[told] for told in loaded if _is_numbers(values.get(told))}


# ------------------------------------------------------------------------------------ reading a function


class _Body(NamedTuple):
    """The text of a function, its first line's number, and its statements that are shown."""

    text: list[str]
    first: int
    shown: list[ast.stmt]

    def lines(self, node: ast.stmt) -> Iterator[Line]:
        """The lines of a statement; a return is cut where nothing but packing follows."""
        last = node.end_lineno or node.lineno
        own = self.text[node.lineno - 1 : last]
        tail = _before_packing(node)
        if tail is not None and tail.end_lineno:
            own = own[: tail.end_lineno - node.lineno + 1]
            own[-1] = own[-1].encode()[: tail.end_col_offset].decode() + ", …"
        dedented = textwrap.dedent("\n".join(own)).split("\n")
        return (Line(self.first + node.lineno - 1 + n, text) for n, text in enumerate(dedented))


def _body(run: Run) -> _Body:
    function = original(run.function)
    source, first = inspect.getsourcelines(function)
    text = textwrap.dedent("".join(source)).splitlines()
    try:
        definition = ast.parse("\n".join(text)).body[0]
    except SyntaxError:  # a lambda in the middle of an expression
        definition = ast.Pass()
    if not isinstance(definition, ast.FunctionDef):
        whole = ast.Pass(lineno=1, end_lineno=len(text), col_offset=0, end_col_offset=0)
        return _Body(text, first, [whole])
    ran = [node for node in _simple(definition.body) if _ran(node, first, run.lines)]
    names = _namespace(function)
    shown = [node for node in ran if _is_mathematics(node, names, run.names)]
    return _Body(text, first, shown or ran)


def _simple(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The innermost statements of a block, bare expressions, docstrings among them, less."""
    for node in block:
        inner = [getattr(node, part, []) for part in ("body", "orelse", "finalbody")]
        if any(inner):
            for part in inner:
                yield from _simple(part)
        elif not isinstance(node, ast.Expr):
            yield node


def _ran(node: ast.stmt, first: int, lines: frozenset[int]) -> bool:
    last = node.end_lineno or node.lineno
    return not lines.isdisjoint(range(first + node.lineno - 1, first + last))


def _is_mathematics(node: ast.stmt, names: Names, values: Names) -> bool:
    if isinstance(node, ast.Return):
        return node.value is not None and not _is_packing(node.value, names)
    value = getattr(node, "value", None)
    if not isinstance(value, ast.expr) or _is_packing(value, names):
        return False
    return any(_is_numbers(values.get(name)) for name in _stored(node))


def _is_packing(node: ast.expr, names: Names) -> bool:
    """Whether an expression only hands on what there is: names, records of names, admission."""
    if isinstance(node, (ast.Name, ast.Constant)):
        return True
    if isinstance(node, (ast.Attribute, ast.Subscript, ast.Starred)):
        return _is_packing(node.value, names)
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(_is_packing(element, names) for element in node.elts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        called = names.get(node.func.id)
        packs = isinstance(called, type) or called in PACKING
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        return called in ADMISSION or (packs and all(_is_packing(x, names) for x in given))
    return False


def _before_packing(node: ast.stmt) -> ast.expr | None:
    """The element of a returned tuple after which there is only a record of what is saved."""
    value = node.value if isinstance(node, ast.Return) else None
    if isinstance(value, ast.Tuple) and len(value.elts) == 2 and isinstance(value.elts[1], ast.Call):
        return value.elts[0]
    return None


def _stored(node: ast.stmt) -> list[str]:
    return [x.id for x in ast.walk(node) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)]


def _loaded(node: ast.stmt) -> list[str]:
    """The names that a statement uses, from left to right; of saved.weights, both names in one."""
    used = {}
    for x in ast.walk(node):
        if isinstance(x, ast.Name):
            used[x.lineno, x.col_offset] = x.id
    for x in ast.walk(node):
        if isinstance(x, ast.Attribute) and isinstance(x.value, ast.Name):
            used[x.lineno, x.col_offset] = f"{x.value.id}.{x.attr}"
    return [used[place] for place in sorted(used)]


def _is_numbers(x: object) -> bool:
    return isinstance(x, (np.ndarray, np.number)) and x.dtype.kind in "fc"


def _helpers(nodes: list[ast.stmt], names: Names) -> dict[str, str]:
    used = dict.fromkeys(x.id for node in nodes for x in ast.walk(node) if isinstance(x, ast.Name))
    functions = {name: original(names[name]) for name in used if callable(names.get(name))}
    return {name: _first(f) for name, f in functions.items() if inspect.isfunction(f) and f.__doc__}


def _first(function: Callable[..., Any]) -> str:
    """The first sentence of a docstring, in one line."""
    told = (inspect.getdoc(function) or "").partition("\n\n")[0]
    return re.split(r"\.\s+(?=[A-Z])", " ".join(told.split()))[0].removesuffix(".")


def _namespace(function: Any) -> Names:
    return getattr(function, "__globals__", {})
