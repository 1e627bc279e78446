"""Where in the user's source an operation stands, and which name its result was given.

While recording, only code objects and instruction offsets are kept (two machine words a frame).
Reading the source and finding the expression happens when somebody asks.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
from bisect import bisect_right
from functools import cache, lru_cache
from types import CodeType, FrameType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

_PACKAGE = __file__.removesuffix("places.py")
_NUMPY = np.__file__.removesuffix("__init__.py")
ENTRY = "call_user_function"  # the frame below which the user's own function runs


class Line(NamedTuple):
    """One line of the user's source."""

    file: str
    number: int
    text: str
    function: str

    def __str__(self) -> str:
        cell = cell_of(self.file)
        shown = f"{cell}, line {self.number}"
        if not cell:
            shown = f"{os.path.basename(self.file)}:{self.number}"  # noqa: PTH119 (pathlib is slow to load)
        return f"{shown}: {self.text}" if self.text else shown


class Written:
    """A piece of text that is walked and not run by Python, such as a formula.

    It stands in a place where the code object of a frame would stand.

    Attributes
    ----------
    line : Line
        The line that it stands on.
    expression : ast.expr
        What was computed; it and all above it have ``parent``, as those of `executing` do.
    text : tuple of str
        The lines of the whole.
    """

    __slots__ = ("expression", "line", "text")
    co_names = ()

    def __init__(self, line: Line, expression: ast.expr, text: tuple[str, ...]) -> None:
        self.line = line
        self.expression = expression
        self.text = text


#: Where an operation was computed: code objects and instructions, the innermost frame first.
Place = tuple[tuple[CodeType | Written, int], ...]


def cell_of(file: str) -> str:
    """Name the cell of a notebook as the tracebacks beside it do, ``Cell In[3]``; empty if none."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    name_of_file = getattr(getattr(shell, "compile", None), "format_code_name", lambda _: None)
    return " ".join(name_of_file(file) or ())


class _IsUsers(dict[str, bool]):
    """Whether a file belongs to the user: asked for every frame of every operation of a trace."""

    def __missing__(self, file: str) -> bool:
        self[file] = answer = not file.startswith((_PACKAGE, _NUMPY))
        return answer


_IS_USERS = _IsUsers()


def is_users(code: CodeType) -> bool:
    """Whether a code object belongs neither to clearprop nor to NumPy."""
    return _IS_USERS[code.co_filename]


def here(depth: int = 1) -> Place:
    """Collect the instructions of the user's frames, from the innermost to the traced function."""
    frame: FrameType | None = sys._getframe(depth)
    found = []
    while frame is not None:
        code = frame.f_code
        if _IS_USERS[code.co_filename]:
            found.append((code, frame.f_lasti))
        elif code.co_name == ENTRY:
            break
        frame = frame.f_back
    return tuple(found)


def line_of(place: Place) -> Line | None:
    """Give the innermost user line of a place."""
    if not place:
        return None
    code, instruction = place[0]
    if isinstance(code, Written):
        return code.line
    number = _line_number(code, instruction)
    text = linecache.getline(code.co_filename, number).strip()
    return Line(code.co_filename, number, text, code.co_name)


def span_of(place: Place) -> tuple[int | None, ...]:
    """Give the innermost user expression of a place: first and last line, first and last byte."""
    return _position(*place[0]) if place else (None, None, None, None)


def current_line(depth: int = 1) -> str | None:
    """Describe the user's line that is running now, for an error message."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and not is_users(frame.f_code):
        frame = frame.f_back
    if frame is None or frame.f_globals.get("__name__") == "typer.main":  # our own command line
        return None
    return str(line_of(((frame.f_code, frame.f_lasti),)))


@cache
def installed_folders() -> tuple[str, ...]:
    """Give the folders of the standard library and of installed packages."""
    import site
    import sysconfig

    paths = sysconfig.get_paths()
    found = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return (*dict.fromkeys(found), site.getusersitepackages())


def current_package(depth: int = 1) -> str | None:
    """Name the installed package whose line is running now; None in the user's own code."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and not is_users(frame.f_code):
        frame = frame.f_back
    if frame is None or not frame.f_code.co_filename.startswith(installed_folders()):
        return None
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] or None


def name_of(place: Place, position: int | None = None, writes: bool = False) -> str | None:
    """Find the variable that the value computed at a place was assigned to.

    ``h = np.tanh(x @ W)`` names the tanh ``h``. A value that is returned takes the name that
    the caller gives it. None where the source cannot be read, or no name was given.

    Parameters
    ----------
    place : tuple
    position : int, optional
        Which element of a tuple the value is.
    writes : bool
        Whether the value is the new version of an array that was written to by index.
    """
    for code, instruction in place:
        expression = _expression(code, instruction)
        if expression is None:  # typed at a prompt, or made by exec: there is no text to read
            name, returned = _stored(code, instruction)
            if name is not None or not returned:
                return name if position is None or name is None else f"{name}[{position}]"
            continue
        name, returned, position = _binding(expression, position, writes)
        writes = False
        if name is not None or not returned:
            return name
    return None


def _line_number(code: CodeType, instruction: int) -> int:
    return _position(code, instruction)[0] or code.co_firstlineno


def _position(code: CodeType | Written, instruction: int) -> tuple[int | None, ...]:
    if isinstance(code, Written):
        at = code.expression
        return (at.lineno, at.end_lineno, at.col_offset, at.end_col_offset)
    positions = _positions(code)
    if 0 <= instruction // 2 < len(positions):
        return positions[instruction // 2]
    return (None, None, None, None)


@lru_cache(maxsize=256)
def _positions(code: CodeType) -> tuple[tuple[int | None, ...], ...]:
    return tuple(code.co_positions())


@lru_cache(maxsize=4096)
def _expression(code: CodeType | Written, instruction: int) -> ast.AST | None:
    if isinstance(code, Written):
        return code.expression
    import executing  # lazily: only a reader of names pays for it

    number = _line_number(code, instruction)
    frame = SimpleNamespace(f_code=code, f_lasti=instruction, f_lineno=number, f_globals={})
    try:
        found = executing.Source.executing(frame)  # type: ignore[arg-type]
    except Exception:  # source that cannot be read or parsed only costs the name
        return None
    return found.node


@lru_cache(maxsize=4096)
def _stored(code: CodeType, instruction: int) -> tuple[str | None, bool]:
    """Read from the bytecode where a value goes: (the variable, whether it is returned)."""
    offsets, steps = _steps(code)
    # During a call of a Python function the offset is that of the last cache entry of the call.
    next_one = bisect_right(offsets, instruction)
    if next_one == len(steps):
        return None, False
    after = steps[next_one]
    if after.opname.startswith("STORE_") and after.opname not in ("STORE_SUBSCR", "STORE_SLICE"):
        name = after.argval[0] if isinstance(after.argval, tuple) else after.argval
        return str(name), False
    return None, after.opname == "RETURN_VALUE"


@lru_cache(maxsize=256)
def _steps(code: CodeType) -> tuple[list[int], list[Any]]:
    import dis

    steps = list(dis.get_instructions(code))
    return [step.offset for step in steps], steps


def _binding(node: Any, position: int | None, writes: bool) -> tuple[str | None, bool, int | None]:
    """Say what becomes of an expression: (its name, whether it is returned, its tuple position)."""
    parent: Any = getattr(node, "parent", None)
    if writes:  # y[i] = value, y[i] += value: the operation is the statement, or its target
        while node is not None and not isinstance(node, ast.Assign | ast.AugAssign):
            node = getattr(node, "parent", None)
        targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
        return _target(targets[0], position), False, None
    if isinstance(node, ast.AugAssign):  # y += value, where y is the value; not y[i] += value
        by_index = isinstance(node.target, ast.Subscript)
        return None if by_index else _target(node.target, position), False, None
    grandparent: Any = getattr(parent, "parent", None)
    if isinstance(parent, ast.Tuple) and isinstance(grandparent, ast.Return | ast.Assign):
        position = parent.elts.index(node)
        node, parent = parent, grandparent
    if isinstance(parent, ast.Return):
        return None, True, position
    if isinstance(parent, ast.Lambda) and parent.body is node:
        return None, True, position
    if isinstance(parent, ast.Assign):
        target: Any = parent.targets[0]
    elif isinstance(parent, ast.AnnAssign | ast.NamedExpr):
        target = parent.target
    else:  # also the right-hand side of y += value, which is not y
        return None, False, None
    if isinstance(target, ast.Subscript):  # y[i] = value: the value is not y, its new version is
        return None, False, None
    return _target(target, position), False, None


def _target(target: Any, position: int | None) -> str | None:
    if isinstance(target, ast.Tuple | ast.List):
        if position is None or position >= len(target.elts):
            return None
        target, position = target.elts[position], None
    if isinstance(target, ast.Subscript):  # a new version of what is subscripted
        target = target.value
    if not isinstance(target, ast.Name | ast.Attribute):
        return None
    name = ast.unparse(target)
    return name if position is None else f"{name}[{position}]"


def expression_at(place: Place) -> ast.AST | None:
    """Give the expression that was being computed at a place, where its text can be read."""
    return _expression(*place[0]) if place else None


def operand_texts(place: Place, names: set[str], count: int) -> list[str] | None:
    """Give the expressions that the operands of an operation are in the user's source.

    None where the text at the place is not a plain call of one of these names, or an operator.
    """
    expression: Any = _expression(*place[0]) if place else None
    parts: list[Any] = []
    if isinstance(expression, ast.BinOp):
        parts = [expression.left, expression.right]
    elif isinstance(expression, ast.AugAssign):
        parts = [expression.target, expression.value]
    elif isinstance(expression, ast.UnaryOp):
        parts = [expression.operand]
    elif isinstance(expression, ast.Call) and _called(expression) in names:
        parts = expression.args[:count]
        if not parts and isinstance(expression.func, ast.Attribute):  # a method: x.sum()
            parts = [expression.func.value]
    if len(parts) != count or any(isinstance(part, ast.Starred) for part in parts):
        return None
    return [ast.unparse(part) for part in parts]


def _called(call: ast.Call) -> str | None:
    return getattr(call.func, "attr", None) or getattr(call.func, "id", None)
