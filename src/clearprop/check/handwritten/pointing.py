"""Which line of a function a finding points at, and that line as it should be."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import Any

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.meaning import last_of
from clearprop.check.handwritten.model import Place


def place_in(driver: Driver, line: int, function: Any = None) -> Place | None:
    """Give the place of a line, of backward where no other function is named; None for none."""
    return driver.source.place(function or driver.backward_function, line) if line else None


def names_set_in(tree: ast.FunctionDef | None) -> set[str]:
    """Name the arguments and locals of a function."""
    nodes = list(ast.walk(tree)) if tree is not None else []
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.arg for n in nodes if isinstance(n, ast.arg)}


def adds(statement: ast.stmt) -> bool:
    """Whether a statement makes more of a value that is there: adds to it, or fills a part."""
    if isinstance(statement, ast.AugAssign):
        return isinstance(statement.op, ast.Add | ast.Sub)
    if not isinstance(statement, ast.Assign):
        return False
    read = {ast.unparse(n) for n in ast.walk(statement.value) if isinstance(n, ast.expr)}
    return any(
        isinstance(target, ast.Subscript) or ast.unparse(target) in read
        for target in statement.targets
    )


def beside(tree: ast.FunctionDef, line: int) -> int:
    """Give the line that adds to the neighbour of a sum to which nothing is added; 0 without one.

    Sums are begun in the order in which they are added to: ``dW = zeros``, ``db = zeros``.
    """
    begun: dict[str, int] = {}
    added_to: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            begun.setdefault(ast.unparse(node.targets[0]), node.lineno)
        if isinstance(node, ast.Assign | ast.AugAssign) and adds(node):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in map(ast.unparse, targets):
                added_to.setdefault(name.partition("[")[0], node.lineno)
    sums = [name for name, at in begun.items() if added_to.get(name, 0) > max(at, line)]
    order = sorted([*sums, *(n for n, at in begun.items() if at == line)], key=begun.__getitem__)
    mine = next((n for n, at in begun.items() if at == line), "")
    if mine not in order or mine in added_to:
        return 0
    at = order.index(mine)
    nearest = [n for n in (*order[at + 1 :], *reversed(order[:at])) if n in sums]
    return added_to[nearest[0]] if nearest else 0


def next_line(tree: ast.FunctionDef, line: int) -> int:
    """Give the line of the next statement of the same block; the line itself at the end of one."""
    for node in ast.walk(tree):
        block = getattr(node, "body", None)
        for one, other in pairwise(block) if isinstance(block, list) else ():
            if one.lineno == line:
                return int(other.lineno)
    return line


def never_filled(tree: ast.FunctionDef, line: int) -> str:
    """Name the array that a line makes, of zeros or of anything, if nothing is written into it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or node.lineno != line or len(node.targets) != 1:
            continue
        name = ast.unparse(node.targets[0])
        if not re.match(r"(np|numpy)\.(zeros|empty)(_like)?\(", ast.unparse(node.value)):
            return ""
        others = [
            ast.unparse(target).partition("[")[0]
            for n in ast.walk(tree)
            if isinstance(n, ast.Assign | ast.AugAssign) and n is not node
            for each in (n.targets if isinstance(n, ast.Assign) else [n.target])
            for target in (each.elts if isinstance(each, ast.Tuple) else [each])
        ]
        calls = re.search(rf"\.at\({re.escape(name)}\b|out={re.escape(name)}\b", ast.unparse(tree))
        return name if name not in others and not calls else ""
    return ""


def end_of_loop(tree: ast.FunctionDef, line: int) -> int:
    """Give the last line of the innermost loop below a line; 0 without one."""
    loops = [n for n in ast.walk(tree) if isinstance(n, ast.For) and n.lineno > line]
    inner = [n for n in loops if not any(isinstance(s, ast.For) for s in n.body)]
    return inner[0].body[-1].lineno if inner else 0


def line_that_gives(tree: ast.FunctionDef, label: str, or_return: bool = True) -> int:
    """Give the line of a function that last assigns a gradient; else that of its last return."""
    name = last_of(label)
    best = 0
    returned = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Return):
            returned = max(returned, node.lineno)
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        for target in targets:
            for part in ast.walk(target):
                own = getattr(part, "attr", getattr(part, "id", None))
                if own == name:
                    best = max(best, target.lineno)
    return best or (returned if or_return else 0)


def multiplied(tree: ast.FunctionDef | None, line: int, factor: str) -> str:
    """Give the statement on a line with one more factor; "" without a factor."""
    for node in ast.walk(tree) if tree is not None and factor else ():
        if isinstance(node, ast.Assign | ast.Return) and node.lineno == line and node.value:
            value = ast.unparse(node.value)
            bare = isinstance(node.value, ast.BinOp) and not isinstance(node.value.op, ast.Mult)
            product = f"({value}) * {factor}" if bare else f"{value} * {factor}"
            if isinstance(node, ast.Return):
                return "" if isinstance(node.value, ast.Tuple) else f"return {product}"
            return f"{' = '.join(map(ast.unparse, node.targets))} = {product}"
    return ""


def added(tree: ast.FunctionDef | None, line: int, term: str) -> str:
    """Give the statement on a line with one more term; "" without a term."""
    for node in ast.walk(tree) if tree is not None and term else ():
        if isinstance(node, ast.Assign | ast.Return) and node.lineno == line and node.value:
            value = f"{ast.unparse(node.value)} + {term}"
            if isinstance(node, ast.Return):
                return "" if isinstance(node.value, ast.Tuple) else f"return {value}"
            return f"{' = '.join(map(ast.unparse, node.targets))} = {value}"
    return ""
