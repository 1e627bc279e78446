"""An edit of a value that is read once, made where the value was computed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from clearprop.check.handwritten.edits.model import Edit
from clearprop.check.handwritten.edits.scope import is_gradient
from clearprop.check.handwritten.edits.sites import is_product
from clearprop.check.handwritten.edits.trees import binary, twin

_Change = Callable[[ast.expr], ast.expr]


def at_origins(edit: Edit) -> Iterator[tuple[Edit, bool]]:
    """Give the edits of earlier lines that do what an edit does.

    ``return dx * y`` and ``dx = g * y`` mend the same where ``dx`` is read there only. Each comes
    with whether the earlier line is the likelier one: it computes nothing (``m = g``), or what is
    missing had to be computed and the line says that it gives a gradient.

    Examples
    --------
    >>> source = '''def backward(self, dy):
    ...     m = dy
    ...     return self.y * m
    ... '''
    >>> function = ast.parse(source).body[0]
    >>> last = function.body[-1]
    >>> name = last.value.right
    >>> new = ast.parse("np.mean(m)", mode="eval").body
    >>> changed = twin(last, value=twin(last.value, right=new))
    >>> at = (function, (("body", None),), 1, (last,), (changed,), source, (name, new))
    >>> [(earlier, likelier)] = at_origins(Edit("batch-sum", 3, 1.0, "the mean", *at))
    >>> earlier.line, earlier.after, likelier
    (2, 'm = np.mean(dy)', True)
    """
    if edit.spot is None or len(edit.old) != 1:
        return
    block = _block_of(edit)
    for name, change in _changes(*edit.spot, edit.old[0]):
        start = _origin(edit, block, name)
        if start is None:
            continue
        made = block[start]
        assert isinstance(made, ast.Assign | ast.AugAssign)
        value = change(made.value)
        bare = isinstance(made.value, ast.Name | ast.Attribute | ast.Subscript)
        bare = bare or _is_joined(edit)
        likelier = bare or (edit.solved and (is_gradient(name) or edit.cause == "wrong-value"))
        yield (
            replace(
                edit,
                line=made.lineno,
                start=start,
                old=(made,),
                new=(twin(made, value=value),),
                spot=(made.value, value),
            ),
            likelier,
        )


def _is_joined(edit: Edit) -> bool:
    """Whether a name stands alone in a list: ``np.hstack((df, dg))`` computes nothing with it."""
    assert edit.spot is not None
    lists = (n for n in ast.walk(edit.old[0]) if isinstance(n, ast.List | ast.Tuple))
    joined = any(one is edit.spot[0] for each in lists for one in each.elts)
    return joined and isinstance(edit.spot[0], ast.Name)


def _changes(old: ast.expr, new: ast.expr, statement: ast.stmt) -> Iterator[tuple[str, _Change]]:
    """Give names, and what is to be done to their values."""
    if isinstance(old, ast.Name):
        name = old.id
        yield name, lambda value: _filled(new, old, value)
    elif is_product(old) and not isinstance(new, ast.BinOp):  # np.sum(s / n) for s / n
        for node, over in _signs(old, True):
            if isinstance(node, ast.Name) and over:
                yield node.id, lambda value: _filled(new, old, value)
    if isinstance(new, ast.BinOp) and new.left is old and is_product(new):
        for name, over in _factors_beside(statement, old):
            yield name, _multiplied(new, over)


def _multiplied(new: ast.BinOp, over: bool) -> _Change:
    turned = ast.Div() if isinstance(new.op, ast.Mult) else ast.Mult()
    return lambda value: binary(value, new.op if over else turned, new.right)


def _filled(node: ast.expr, old: ast.expr, value: ast.expr) -> ast.expr:
    new: ast.expr = _Filled(old, value).visit(node)
    return new


class _Filled(ast.NodeTransformer):
    """Puts a value in the place of an expression, in a copy."""

    def __init__(self, old: ast.expr, value: ast.expr) -> None:
        self.old, self.value = ast.dump(old), value

    def visit(self, node: ast.AST) -> Any:
        """Return a node with the value in it; what holds no such expression is shared."""
        if isinstance(node, ast.expr) and ast.dump(node) == self.old:
            return self.value
        if not any(isinstance(n, ast.expr) and ast.dump(n) == self.old for n in ast.walk(node)):
            return node
        return super().generic_visit(twin(node, **{f: _again(v) for f, v in ast.iter_fields(node)}))


def _again(field: object) -> object:
    return list(field) if isinstance(field, list) else field


def _factors_beside(statement: ast.stmt, old: ast.expr) -> Iterator[tuple[str, bool]]:
    """Give the names that are multiplied with an expression, and whether on its side of ``/``."""
    for root in ast.walk(statement):
        if not is_product(root):
            continue
        signs = list(_signs(root, True))
        mine = next((over for node, over in signs if node is old), None)
        if mine is None:
            continue
        for node, over in signs:
            if isinstance(node, ast.Name) and node is not old:
                yield node.id, over == mine
        return


def _signs(node: ast.AST, over: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Give all parts of a product, and whether they are above the line."""
    yield node, over
    if is_product(node) and isinstance(node, ast.BinOp):
        yield from _signs(node.left, over)
        yield from _signs(node.right, over is isinstance(node.op, ast.Mult))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from _signs(node.operand, over)


def _block_of(edit: Edit) -> list[ast.stmt]:
    at: ast.AST = edit.function
    for name, position in edit.block:
        below = getattr(at, name)
        at = below if position is None else below[position]
    return at  # type: ignore[return-value]  # the path ends at a list


def _origin(edit: Edit, block: list[ast.stmt], name: str) -> int | None:
    """Give the place of the line that makes a value, if no other line than the edit's reads it."""
    start = next((i for i in range(edit.start - 1, -1, -1) if _sets(block[i], name)), None)
    if start is None or not (_makes(block[start], name) or _scales(edit, block[start], name)):
        return None
    later = block[start + 1 :]
    end = next((i for i, s in enumerate(later) if _makes(s, name)), None)
    read = later if end is None else later[: end + 1]
    here = sum(_reads(s, name) for s in read)
    if end is None and here != sum(_reads(s, name) for s in edit.function.body):
        return None
    return start if here == _reads(edit.old[0], name) == 1 else None


def _makes(statement: ast.stmt, name: str) -> bool:
    """Whether a statement is ``name = …``."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return False
    target = statement.targets[0]
    return isinstance(target, ast.Name) and target.id == name


def _scales(edit: Edit, statement: ast.stmt, name: str) -> bool:
    """Whether a statement is ``name *= …``, and the edit another factor."""
    assert edit.spot is not None
    new = edit.spot[1]
    times = isinstance(new, ast.BinOp) and new.left is edit.spot[0] and is_product(new)
    if not times or not isinstance(statement, ast.AugAssign):
        return False
    target = statement.target
    own = isinstance(target, ast.Name) and target.id == name
    return own and isinstance(statement.op, ast.Mult) and isinstance(edit.spot[0], ast.Name)


def _sets(statement: ast.stmt, name: str) -> bool:
    """Whether a statement makes a value, or changes it."""
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
        for n in ast.walk(statement)
    )


def _reads(statement: ast.stmt, name: str) -> int:
    nodes = ast.walk(statement)
    found = sum(isinstance(n, ast.Name) and n.id == name for n in nodes)
    return found - _makes(statement, name)
