"""The line of backward where a gradient begins: there the upstream gradient should have entered."""

from __future__ import annotations

import ast

from clearprop.check.handwritten.meaning import last_of


def line_that_begins(tree: ast.FunctionDef, label: str) -> int:
    """Give the first line that computes something of a gradient; 0 where there is none.

    Lines that only take what forward kept, ``x, w = cache`` or ``n = len(x)``, compute nothing.

    Examples
    --------
    >>> text = '''def backward(self, dout):
    ...     y = self.y
    ...     dz = 1 - y**2
    ...     dx = dz @ self.W.T
    ...     return dx'''
    >>> line_that_begins(ast.parse(text).body[0], "dx")
    3
    """
    found = 0
    needed = {last_of(label)}
    assigned = [n for n in ast.walk(tree) if isinstance(n, ast.Assign | ast.AugAssign)]
    for node in sorted(assigned, key=lambda each: -each.lineno):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not needed & {_own(n) for target in targets for n in _stored(target)}:
            continue
        read = [n for n in ast.walk(node.value) if isinstance(n, ast.Name | ast.Attribute)]
        needed |= {_own(n) for n in read} - {"self"}
        if isinstance(node, ast.AugAssign) or _computes(node.value):
            found = node.lineno
    return found


def _stored(target: ast.expr) -> list[ast.expr]:
    """Give what an assignment changes: of ``dx[mask]``, ``dx``."""
    if isinstance(target, ast.Subscript):
        return _stored(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return [each for part in target.elts for each in _stored(part)]
    return [target]


def _own(node: ast.expr) -> str:
    return str(getattr(node, "attr", getattr(node, "id", "")))


def _computes(value: ast.expr) -> bool:
    """Whether an expression is arithmetic, or a call that is no look at a size."""
    if isinstance(value, ast.BinOp | ast.UnaryOp):
        return True
    if isinstance(value, ast.Call):
        return _own(value.func) not in ("len", "copy", "ravel", "zeros_like", "zeros")
    return False
