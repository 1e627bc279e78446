"""The text of a candidate's functions: their syntax trees, and the lines where they stand."""

from __future__ import annotations

import ast
import inspect
import linecache
import re
from collections.abc import Iterator
from typing import Any

from clearprop.check.handwritten.lambdas import as_function, lambda_of
from clearprop.check.handwritten.model import Place
from clearprop.check.handwritten.sources import function_of, node_of


class Source:
    """The syntax of user code, read by function and kept."""

    def __init__(self) -> None:
        self._trees: dict[Any, ast.FunctionDef | None] = {}

    def tree(self, function: Any) -> ast.FunctionDef | None:
        """Give the syntax tree of a function, with its line numbers in the file; None without."""
        function = function_of(function)
        code = getattr(function, "__code__", None)
        if code is None:
            return None
        if code not in self._trees:
            node = lambda_of(function)
            self._trees[code] = as_function(node) if node is not None else node_of(function)
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

    def read_of_self(self, function: Any) -> list[str]:
        """Name the attributes of ``self`` that a function reads before it sets them."""
        tree = self.tree(function)
        if tree is None or not tree.args.args:
            return []
        owner = tree.args.args[0].arg
        first: dict[str, bool] = {}
        for node in _in_order(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == owner:
                first.setdefault(node.attr, isinstance(node.ctx, ast.Load))
        return [name for name, read in first.items() if read]

    def attributes_on_line(self, tree: ast.FunctionDef, line: int) -> list[str]:
        """Name the attributes of ``self`` that the statement on a line reads."""
        statement = [n for n in ast.walk(tree) if isinstance(n, ast.stmt) and n.lineno == line]
        found = [n for s in statement for n in ast.walk(s) if isinstance(n, ast.Attribute)]
        return [
            n.attr
            for n in found
            if isinstance(n.ctx, ast.Load)
            and isinstance(n.value, ast.Name)
            and n.value.id == "self"
        ]

    def set_of_self(self, function: Any) -> set[str]:
        """Name the attributes of ``self`` that a function sets."""
        tree = self.tree(function)
        nodes = list(ast.walk(tree)) if tree is not None else []
        bare = {n.target for n in nodes if isinstance(n, ast.AnnAssign) and n.value is None}
        return {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            if node not in bare  # self.W: Array says what it will be
        }

    def place(self, function: Any, line: int) -> Place:
        """Give a line of a function's file."""
        function = function_of(function)
        file = function.__code__.co_filename
        return Place(file, line, linecache.getline(file, line).strip())

    def says_order(self, function: Any, names: list[str]) -> bool:
        """Whether the docstring lists names, each on a line of its own, in the order they have."""
        tree = self.tree(function)
        said = (ast.get_docstring(tree) or "") if tree is not None else ""
        lines = [re.search(rf"^[\s\-*]*{re.escape(n)}\s*(:|--|-|=|\()", said, re.M) for n in names]
        at = [line.start() for line in lines if line is not None]
        return len(at) == len(names) > 1 and at == sorted(at)

    def text(self, function: Any) -> str:
        """Give the source of a function, or "" where there is none."""
        tree = self.tree(function)
        return ast.unparse(tree) if tree is not None else ""


def parameters_of(function: Any, skip: int) -> list[tuple[str, bool]]:
    """Give the names of a function's arguments, and whether each must be given."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [(p.name, p.default is p.empty) for p in found if p.kind not in kinds]
    return named[skip:]


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Walk in the order of evaluation, as far as it matters: a value before its target."""
    if isinstance(node, ast.Assign):
        yield from _in_order(node.value)
        for target in node.targets:
            yield from _in_order(target)
        return
    if isinstance(node, ast.AugAssign):
        load = node.target
        if isinstance(load, ast.Attribute):
            yield ast.copy_location(ast.Attribute(load.value, load.attr, ast.Load()), load)
        yield from _in_order(node.value)
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
