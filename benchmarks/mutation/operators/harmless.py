"""Changes that change nothing: a checker that complains of one raises a false alarm."""

from __future__ import annotations

import ast
import copy

from benchmarks.mutation.operators.arithmetic import Changes
from benchmarks.mutation.operators.planting import Edit, on_expressions, on_statements, replace
from benchmarks.mutation.operators.scope import Scope, Spot, last_line, spots
from benchmarks.mutation.operators.statements import Edits

KINDS = ("commuted", "extra-copy", "renamed", "rewritten")


@on_expressions
def commuted(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing or not isinstance(node, ast.BinOp):
        return
    if isinstance(node.op, ast.Mult | ast.Add):
        yield "commuted", ast.BinOp(node.right, node.op, node.left)


@on_expressions
def rewritten(spot: Spot, scope: Scope) -> Changes:
    node = spot.node
    if spot.indexing:
        return
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        if isinstance(node.right, ast.Constant) and node.right.value == 2:
            yield "rewritten", ast.BinOp(node.left, ast.Mult(), node.left)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        turned = ast.BinOp(node.right, ast.Sub(), node.left)
        yield "rewritten", ast.UnaryOp(ast.USub(), turned)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        inverse = ast.BinOp(ast.Constant(1.0), ast.Div(), node.right)
        yield "rewritten", ast.BinOp(node.left, ast.Mult(), inverse)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        dot = ast.parse("np.matmul", mode="eval").body
        yield "rewritten", ast.Call(dot, [node.left, node.right], [])
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.sum", "np.mean"):
        method = ast.Attribute(node.args[0], ast.unparse(node.func)[3:], ast.Load())
        yield "rewritten", ast.Call(method, node.args[1:], node.keywords)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        transpose = ast.parse("np.transpose", mode="eval").body
        yield "rewritten", ast.Call(transpose, [node.value], [])


@on_statements
def copies(scope: Scope) -> Edits:
    """Copies that nobody needs."""
    for stmt in scope.statements:
        if isinstance(stmt, ast.Assign) and isinstance(stmt.value, ast.BinOp):
            for spot in spots(stmt):
                if isinstance(spot.node, ast.Name) and spot.node.id in scope.upstream:
                    copied = ast.parse(f"np.array({spot.node.id})", mode="eval").body
                    yield replace("extra-copy", stmt, spot.replaced(copied))
                    break


@on_statements
def renamed(scope: Scope) -> Edits:
    """All local names are others: `dx` becomes `t1`, in the whole function."""
    fn = scope.fn
    if scope.statements[0] is not fn.body[0] and scope.entry.start:
        return
    local = {
        n.id for n in ast.walk(fn) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    } - {a.arg for a in fn.args.args}
    names = {name: f"t{i}" for i, name in enumerate(sorted(local), 1)}
    if not names:
        return
    body = copy.deepcopy(scope.body)
    for node in (n for stmt in body for n in ast.walk(stmt)):
        if isinstance(node, ast.Name) and node.id in names:
            node.id = names[node.id]
    text = "\n".join(ast.unparse(stmt) for stmt in body)
    last = fn.end_lineno or last_line(fn)
    yield Edit("renamed", body[0].lineno, last, text)
