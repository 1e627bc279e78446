"""The text of a primitive's body, read back as a syntax tree."""

from __future__ import annotations

import ast
import textwrap
from typing import Any
from weakref import WeakKeyDictionary

from clearprop.errors import ClearpropError
from clearprop.listing import lines_of

_read: WeakKeyDictionary[Any, ast.FunctionDef] = WeakKeyDictionary()


def definition_of(function: Any) -> ast.FunctionDef:
    """Give the definition of a function; whoever changes it changes a copy (`copied`).

    Raises
    ------
    ClearpropError
        If its text lies in no file.
    """
    if function not in _read:
        text = textwrap.dedent("".join(lines_of(function.__code__)))
        if not text:
            raise ClearpropError(
                f"The text of {function.__name__} cannot be read.",
                why="What is written out or compiled is taken from the text of each primitive, "
                "which must lie in a file.",
                write="define the primitive in a module.",
            )
        (tree,) = ast.parse(text).body
        assert isinstance(tree, ast.FunctionDef)
        _read[function] = tree
    return _read[function]


def copied(node: Any) -> Any:
    """Copy a syntax tree, and nothing but the tree.

    ``copy.deepcopy`` would copy whatever else hangs on its nodes. Python has one ``Load`` for all
    trees, and `executing` notes on it the parent that it has seen last: a whole module of the user.
    """
    if isinstance(node, list):
        return [copied(part) for part in node]
    if not isinstance(node, ast.AST):
        return node
    return type(node)(**{name: copied(value) for name, value in ast.iter_fields(node)})
