"""A function to plant mistakes in, its statements and the places of its expressions."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.mutation.entry import Entry, find

NOT_UPSTREAM = {"self", "cache", "learning_rate", "y_true", "x_shape", "fh", "fw", "stride", "pad"}
COUNTS = {"N", "n", "M", "D", "batch", "batch_size", "samples", "outputs", "area", "num_train"}


@dataclass
class Spot:
    """An expression and where it hangs: putting another in its place is one assignment."""

    node: ast.expr
    parent: ast.AST
    field: str
    index: int | None
    stmt: ast.stmt
    indexing: bool
    ancestors: tuple[ast.AST, ...] = ()

    def replaced(self, new: ast.AST) -> str:
        """The text of the statement (of its header, where it has a body) with `new` here."""
        owner: Any = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            owner[self.index] = new
        try:
            return header(self.stmt)
        finally:
            if self.index is None:
                setattr(self.parent, self.field, self.node)
            else:
                owner[self.index] = self.node


@dataclass
class Scope:
    """One function of an entry."""

    entry: Entry
    fn: ast.FunctionDef
    tree: ast.Module
    is_forward: bool = False
    upstream: tuple[str, ...] = ()
    statements: list[ast.stmt] = field(default_factory=list)

    @property
    def blocks(self) -> list[list[ast.stmt]]:
        """Every list of statements: the function's own, those of its loops and branches."""
        found = [self.body]
        for node in self.statements:
            for name in ("body", "orelse"):
                block = getattr(node, name, None)
                if block:
                    found.append(block)
        return found

    @property
    def body(self) -> list[ast.stmt]:
        return [s for s in self.fn.body if s in self.statements]


def scopes(entry: Entry) -> Iterator[Scope]:
    """The functions of an entry that mistakes are planted in, the forward last."""
    for place in entry.places:
        tree = ast.parse(entry.source)
        fn = find(tree, place)
        names = [a.arg for a in fn.args.args if a.arg not in NOT_UPSTREAM]
        taken = entry.style in ("layer", "pair") or (entry.style == "values" and entry.upstream)
        scope = Scope(entry, fn, tree, upstream=tuple(names) if taken else ())
        scope.statements = list(_statements(fn, entry))
        yield scope
    if entry.forward_place:
        tree = ast.parse(entry.source)
        scope = Scope(entry, find(tree, entry.forward_place), tree, is_forward=True)
        scope.statements = list(_statements(scope.fn, None))
        yield scope


def _statements(fn: ast.FunctionDef, entry: Entry | None) -> Iterator[ast.stmt]:
    """Every statement but the docstring, in order; from the entry's start on, if it has one."""
    started = entry is None or not entry.start
    lines = entry.source.splitlines() if entry else []
    for node in _ordered(fn.body):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if entry and not started:
            started = lines[node.lineno - 1].strip().startswith(entry.start)
        if started:
            yield node


def _ordered(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        for name in ("body", "orelse"):
            yield from _ordered(getattr(node, name, []))


def spots(stmt: ast.stmt) -> Iterator[Spot]:
    """Every expression of a statement's own, the outer ones first."""
    yield from _spots(stmt, stmt, indexing=False, ancestors=())


def _spots(
    parent: ast.AST, stmt: ast.stmt, *, indexing: bool, ancestors: tuple[ast.AST, ...]
) -> Iterator[Spot]:
    for name, value in ast.iter_fields(parent):
        if name in ("body", "orelse", "func") and isinstance(parent, ast.stmt):
            continue
        inside = indexing or (isinstance(parent, ast.Subscript) and name == "slice")
        inside = inside or (
            isinstance(parent, ast.Call)
            and isinstance(parent.func, ast.Name)
            and parent.func.id in ("slice", "range")
        )
        many = isinstance(value, list)
        for index, child in enumerate(value if many else [value]):
            if not isinstance(child, ast.AST) or isinstance(child, ast.stmt):
                continue
            if isinstance(child, ast.expr):
                yield Spot(
                    child,
                    parent,
                    name,
                    index if many else None,
                    stmt,
                    inside,
                    (*ancestors, parent),
                )
            yield from _spots(child, stmt, indexing=inside, ancestors=(*ancestors, parent))


def header(stmt: ast.stmt) -> str:
    """The text of a statement; of its first line only, where it has a body."""
    if isinstance(stmt, ast.Return) and isinstance(stmt.value, ast.Tuple):
        return f"return {ast.unparse(stmt.value)[1:-1]}"
    if not hasattr(stmt, "body"):
        return ast.unparse(stmt)
    short = copy.copy(stmt)
    short.body = [ast.Pass()]
    if hasattr(short, "orelse"):
        short.orelse = []
    return ast.unparse(short).splitlines()[0]


def last_line(stmt: ast.stmt) -> int:
    """The last line of a statement, or of its header."""
    if not hasattr(stmt, "body"):
        return stmt.end_lineno or stmt.lineno
    return stmt.lineno


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def loads(node: ast.AST) -> set[str]:
    """What a statement reads: names, and attributes of self as `self.x`."""
    found = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id != "self":
            found.add(n.id)
        elif is_attribute(n) and isinstance(n.ctx, ast.Load):
            found.add(ast.unparse(n))
    return found


def stores(node: ast.AST) -> set[str]:
    """What a statement binds or writes into."""
    found = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Assign):
            targets = n.targets
        elif isinstance(n, ast.AugAssign | ast.For):
            targets = [n.target]
        else:
            continue
        for target in targets:
            for t in target.elts if isinstance(target, ast.Tuple) else [target]:
                root = t
                while isinstance(root, ast.Subscript):
                    root = root.value
                found.add(ast.unparse(root))
    return found


def is_attribute(node: ast.AST) -> bool:
    """Whether it is `self.something`."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )


def is_count(node: ast.expr, scope: Scope) -> bool:
    """Whether it says how many there are: N, x.shape[0], x.size, len(x), H * W."""
    if isinstance(node, ast.Name):
        return node.id in COUNTS
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        names = {"H", "W", "k", *COUNTS}
        return all(is_count(s, scope) or (isinstance(s, ast.Name) and s.id in names) for s in sides)
    text = ast.unparse(node)
    ends = (".size", ".batch_size")
    return text.startswith("len(") or ".shape[" in text or text.endswith(ends)


def is_gradient(name: str) -> bool:
    """Whether a name is that of a derivative: dW, self.dx, grads['W'], delta, dweights."""
    bare = name.removeprefix("self.")
    return bare.startswith(("d", "grad", "err", "g")) and not bare.startswith(("gamma", "delta_"))
