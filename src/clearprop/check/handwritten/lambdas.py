"""Functions that are written as a ``lambda``: found among others, and written as a ``def``."""

from __future__ import annotations

import ast
import linecache
import sys
from types import FunctionType

from clearprop.check.handwritten.reading import parse


def lambda_of(function: FunctionType) -> ast.Lambda | None:
    """Find a lambda among others in one line: its body is the least that holds all its code."""
    code = function.__code__
    if code.co_name != "<lambda>":
        return None
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    spots = [
        ((line, column), (end, end_column))
        for line, end, column, end_column in code.co_positions()
        if None not in (line, end, column, end_column) and end_column
    ]
    try:
        nodes = [n for n in ast.walk(parse(text)) if isinstance(n, ast.Lambda)]
    except SyntaxError:
        return None
    inside = [
        node
        for node in nodes
        if all(
            (node.body.lineno, node.body.col_offset) <= start
            and stop <= (node.body.end_lineno, node.body.end_col_offset)
            for start, stop in spots
        )
    ]
    return min(inside, key=lambda node: len(ast.unparse(node.body)), default=None)


def as_function(node: ast.Lambda) -> ast.FunctionDef:
    """Write a ``def`` with a ``return`` for a lambda, and for one inside it, at its place."""
    body: list[ast.stmt] = [ast.copy_location(ast.Return(node.body), node.body)]
    if isinstance(node.body, ast.Lambda):
        inner = as_function(node.body)
        inner.name = "pull"
        body = [inner, ast.copy_location(ast.Return(ast.Name("pull", ast.Load())), node.body)]
    made = ast.FunctionDef("rule", node.args, body, [])
    if sys.version_info >= (3, 12):
        made.type_params = []
    return ast.fix_missing_locations(ast.copy_location(made, node))
