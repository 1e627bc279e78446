"""The text of a candidate's functions: their syntax trees, and the lines where they stand."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable
from typing import Any

from clearprop.check.handwritten.model import Place


class Source:
    """The syntax of user code, read by function and kept."""

    def __init__(self) -> None:
        self._trees: dict[Any, ast.FunctionDef | None] = {}

    def tree(self, function: Any) -> ast.FunctionDef | None:
        """Give the syntax tree of a function, with its line numbers in the file; None without."""
        function = inspect.unwrap(getattr(function, "__func__", function))
        code = getattr(function, "__code__", None)
        if code is None:
            return None
        if code not in self._trees:
            self._trees[code] = _parse(code)
        return self._trees[code]

    def learn(self, code: Any, tree: ast.FunctionDef) -> None:
        """Keep the tree of an edited function, which stands in no file."""
        self._trees[code] = tree

    def returned(self, function: Any) -> list[str]:
        """Name what the last ``return`` of a function gives: a name for each part, or ""."""
        tree = self.tree(function)
        if tree is None:
            return []
        returns = [n for n in ast.walk(tree) if isinstance(n, ast.Return) and n.value is not None]
        if not returns:
            return []
        value = max(returns, key=lambda node: node.lineno).value
        parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
        return [_name(part) for part in parts if part is not None]

    def place(self, function: Any, line: int) -> Place:
        """Give a line of a function's file."""
        function = inspect.unwrap(getattr(function, "__func__", function))
        file = function.__code__.co_filename
        return Place(file, line, linecache.getline(file, line).strip())

    def text(self, function: Any) -> str:
        """Give the source of a function, or "" where there is none."""
        tree = self.tree(function)
        return ast.unparse(tree) if tree is not None else ""


def place_of(function: Callable[..., Any]) -> Place:
    """Give the place where a function begins."""
    code = inspect.unwrap(getattr(function, "__func__", function)).__code__
    line = code.co_firstlineno
    return Place(code.co_filename, line, linecache.getline(code.co_filename, line).strip())


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _parse(code: Any) -> ast.FunctionDef | None:
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return None
    try:
        block = inspect.getblock(lines[code.co_firstlineno - 1 :])
        tree = ast.parse(textwrap.dedent("".join(block)))
    except (SyntaxError, IndexError, ValueError):
        return None
    if not tree.body or not isinstance(tree.body[0], ast.FunctionDef):
        return None
    ast.increment_lineno(tree, code.co_firstlineno - 1)
    return tree.body[0]
