"""Which global names the code of a file reads, and which it binds."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Names:
    """Names by where they are read first: inside functions, and beside them; and names bound."""

    read: dict[str, int] = field(default_factory=dict)
    read_outside: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)


def names_of(trees: list[ast.Module], texts: list[str]) -> Names:
    """Collect the global names of some blocks; both lists are of the same blocks."""
    found = Names()
    for tree, text in zip(trees, texts, strict=True):
        reads: set[str] = set()
        found.read_outside |= _reads_at_the_top(tree)
        try:
            table = symtable.symtable(text, "<block>", "exec")
        except (SyntaxError, RecursionError):  # parses, but does not compile
            continue
        for symbol in table.get_symbols():
            if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace():
                found.bound.add(symbol.get_name())
        for child in table.get_children():
            reads |= set(_reads_inside(child))
        lines = _first_lines(tree)
        for name in sorted(reads):
            found.read.setdefault(name, lines.get(name, 1))
    return found


def _reads_inside(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_global() and symbol.is_referenced():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _reads_inside(child)


def _reads_at_the_top(tree: ast.Module) -> set[str]:
    """Give the names that assignments, decorators, bases and defaults read."""
    found: set[str] = set()
    for node in tree.body:
        parts: list[ast.AST] = []
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            parts = [node.value] if node.value else []
        elif isinstance(node, ast.ClassDef):
            parts = [*node.bases, *node.decorator_list]
        elif isinstance(node, ast.FunctionDef):
            defaults = [each for each in node.args.kw_defaults if each]
            parts = [*node.decorator_list, *node.args.defaults, *defaults]
        for part in parts:
            found |= {n.id for n in ast.walk(part) if isinstance(n, ast.Name)}
    return found


def _first_lines(tree: ast.Module) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found[node.id] = min(node.lineno, found.get(node.id, node.lineno))
    return found
