"""The syntax of functions and classes that exist, read from the lines that Python knows."""

from __future__ import annotations

import ast
import inspect
import linecache
from functools import lru_cache
from types import CodeType
from typing import Any

from clearprop.check.handwritten.model import Place
from clearprop.check.handwritten.reading import parse

#: Functions that were made of statements, which stand in no file as functions: code → tree.
_MADE: dict[CodeType, ast.FunctionDef] = {}


def remember(code: CodeType, tree: ast.FunctionDef) -> None:
    """Keep the syntax of a function that was made of statements."""
    _MADE[code] = tree


def function_of(found: Any) -> Any:
    """Give the plain function that a method, a static method or a compiled function runs."""
    found = getattr(found, "__func__", found)
    found = getattr(found, "py_func", found)  # Numba
    return inspect.unwrap(found) if callable(found) else found


def node_of(found: Any) -> Any:
    """Give the syntax of a function; None where its source is not known."""
    code = getattr(function_of(found), "__code__", None)
    if code is None:
        return None
    if code in _MADE:
        return _MADE[code]
    text = "".join(linecache.getlines(code.co_filename, function_of(found).__globals__))
    for node in _functions(text).get(code.co_firstlineno, ()):
        if getattr(node, "name", "<lambda>") == code.co_name:
            return node
    return None


def place_of(found: Any) -> Place:
    """Give the line of a class or a function; line 0 where it is not known."""
    if isinstance(found, type):
        return _place_of_class(found)
    function = function_of(found)
    code = getattr(function, "__code__", None)
    if code is None:
        return Place(type(found).__module__, 0)
    node = node_of(function)
    line = node.lineno if node is not None else code.co_firstlineno
    return _place(code.co_filename, line)


def _place_of_class(found: type) -> Place:
    codes = [getattr(function_of(item), "__code__", None) for item in vars(found).values()]
    known = [code for code in codes if code is not None]
    try:
        _, line = inspect.getsourcelines(found)
        file = inspect.getsourcefile(found) or ""
        # Python 3.13 takes a class typed at a prompt for one of the file that is the main module.
        if not known or any(code.co_filename == file for code in known):
            return _place(file, line)
    except (OSError, TypeError, SyntaxError):
        pass
    if not known:
        return Place("<stdin>", 0)
    first = min(known, key=lambda code: code.co_firstlineno)
    return _place(first.co_filename, first.co_firstlineno)


def _place(file: str, line: int) -> Place:
    return Place(file, line, linecache.getline(file, line).strip())


@lru_cache(maxsize=64)
def _functions(text: str) -> dict[int, list[Any]]:
    """Give the functions of a text by the line on which their code begins."""
    found: dict[int, list[Any]] = {}
    try:
        tree = parse(text)
    except SyntaxError:
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            decorators = getattr(node, "decorator_list", [])
            line = min([node.lineno, *(each.lineno for each in decorators)])
            found.setdefault(line, []).append(node)
    return found
