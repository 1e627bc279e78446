"""A formula as a tree in which every node is of a kind that is listed here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clearprop.errors import FormulaError
from clearprop.formula import limits
from clearprop.formula.checking import check, is_literal, literal, place, refusal
from clearprop.formula.table import CONSTANTS, FUNCTIONS, MODULES
from clearprop.formula.words import Word, cut


@dataclass(frozen=True)
class Statement:
    """``name = expression``, or an expression alone, whose name is empty."""

    name: str
    expression: ast.expr


@dataclass(frozen=True)
class Tree:
    """A formula that was read.

    Attributes
    ----------
    text : str
    statements : tuple of Statement
        What is computed, in order.
    leaves : dict of str to (list or number or None)
        The names without a formula, in order: the value that the text gives them, or None.
    """

    text: str
    statements: tuple[Statement, ...]
    leaves: dict[str, Any]


def read(text: str) -> Tree:
    r"""Read a formula; nothing of it is computed.

    Raises
    ------
    FormulaError
        It cannot be read, or has something in it that is on no list.

    Examples
    --------
    >>> tree = read("t = x + y\nt**2")
    >>> list(tree.leaves), [statement.name for statement in tree.statements]
    (['x', 'y'], ['t', ''])
    """
    words = cut(text)
    module = _parse(text, words)
    for node in _checked_depth(module):
        for child in ast.iter_child_nodes(node):
            child.parent = node  # type: ignore[attr-defined]
    statements: list[Statement] = []
    leaves: dict[str, Any] = {}
    assigned: set[str] = set()
    for statement in module.body:
        name, expression = _split(statement)
        if name and name not in leaves and name not in assigned and is_literal(expression):
            leaves[name] = literal(expression)
            continue
        for used in _names(expression):
            if used.id in MODULES or (used.id in CONSTANTS and used.id not in leaves):
                continue
            if used.id not in assigned and used.id not in leaves:
                leaves[used.id] = None
        if name:
            assigned.add(name)
        statements.append(Statement(name, expression))
    if len(leaves) > limits.NAMES:
        raise FormulaError(
            f"The formula has {len(leaves)} names without a formula of their own.",
            why=f"At most {limits.NAMES} can be drawn and read.",
            write="one name for an array, such as W = [[1, 2], [3, 4]]",
        )
    if not statements:
        raise FormulaError(
            "Nothing is computed." if leaves else "There is no formula.",
            why="A formula says what to compute from its names.",
            write=f"{next(iter(leaves), 'x')} ** 2",
        )
    return Tree(text, tuple(statements), leaves)


def _parse(text: str, words: list[Word]) -> ast.Module:
    """Parse the words: one line a line, blanks in front and comments left out."""
    lines = [""] * (text.count("\n") + 1)
    for word in words:
        if word.kind != "newline":
            line = lines[word.line - 1]
            lines[word.line - 1] = line + " " * (word.column - 1 - len(line)) + word.text
    open_brackets = 0
    shift: dict[int, int] = {}
    for number, line in enumerate(lines, 1):
        bare = line.lstrip(" ") if open_brackets == 0 else line
        shift[number] = len(line) - len(bare)
        lines[number - 1] = bare
        open_brackets += sum(line.count(c) for c in "([") - sum(line.count(c) for c in ")]")
    try:
        module = ast.parse("\n".join(lines), "<formula>")
    except SyntaxError as error:
        at = min(error.lineno or 1, len(lines))
        column = min(error.offset or 1, len(lines[at - 1]) + 1) + shift.get(at, 0)
        raise FormulaError(
            "The formula cannot be read here.",
            at=(at, max(column, 1)),
            why="Something is missing or too much: a sign, a name or a bracket.",
            write="t = x + y on one line, or several such lines",
        ) from None
    except (ValueError, RecursionError, MemoryError):
        raise _too_deep() from None
    for node in ast.walk(module):
        if hasattr(node, "col_offset"):
            node.col_offset += shift.get(node.lineno, 0)  # type: ignore[attr-defined]
            node.end_col_offset += shift.get(node.end_lineno, 0)  # type: ignore[attr-defined]
    return module


def _too_deep(node: Any = None) -> FormulaError:
    return FormulaError(
        "The formula is too deep." if node is None else "The formula is too deep here.",
        at=(0, 0) if node is None else place(node),
        why=f"At most {limits.DEPTH} operations may stand inside one another.",
        write="t = …, on a line above",
    )


def _checked_depth(module: ast.Module) -> list[ast.AST]:
    """List all nodes, level by level; no recursion, for this is what guards it."""
    found: list[ast.AST] = []
    level: list[ast.AST] = [module]
    depth = 0
    while level:
        found += level
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        depth += 1
        if depth > limits.DEPTH:
            raise _too_deep(next((node for node in level if hasattr(node, "lineno")), None))
    return found


def _split(statement: ast.stmt) -> tuple[str, ast.expr]:
    if isinstance(statement, ast.Expr):
        check(statement.value)
        return "", statement.value
    if not isinstance(statement, ast.Assign):
        raise refusal(statement)
    target = statement.targets[0]
    if len(statement.targets) > 1 or not isinstance(target, ast.Name):
        raise FormulaError(
            "This is no name that a value can be given to.",
            at=place(target if len(statement.targets) == 1 else statement.targets[1]),
            why="A line gives one value one name.",
            write="t = x + y",
        )
    if target.id in FUNCTIONS or target.id in MODULES:
        raise FormulaError(
            f"{target.id} is the name of a function here.",
            at=place(target),
            why="One name has one meaning.",
            write=f"my_{target.id} = …",
        )
    check(statement.value)
    return target.id, statement.value


def _names(expression: ast.expr) -> Iterator[ast.Name]:
    """List the names of values, in the order in which they are read."""
    found = [
        node for node in ast.walk(expression) if isinstance(node, ast.Name) and not _is_called(node)
    ]
    return iter(sorted(found, key=lambda node: (node.lineno, node.col_offset)))


def _is_called(node: ast.Name) -> bool:
    parent: Any = getattr(node, "parent", None)
    return isinstance(parent, ast.Call) and parent.func is node
