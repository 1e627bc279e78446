"""Statements left out, repeated, in the wrong order or the wrong block; writes in place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from benchmarks.mutation.operators.planting import Edit, delete, on_statements, replace, whole
from benchmarks.mutation.operators.scope import Scope, is_gradient, loads, stores

Edits = Iterator[Edit]

#: What backward gives a gradient of and nobody updates.
NOT_PARAMETERS = {"x", "h", "q", "k", "v", "Q", "K", "V", "prev_h", "prev_c", "h_prev", "inputs"}


def _target(stmt: ast.stmt) -> str:
    """The one name that a statement assigns to, "" for several or none."""
    if isinstance(stmt, ast.Assign) and not isinstance(stmt.targets[0], ast.Tuple):
        return ast.unparse(stmt.targets[0])
    return ast.unparse(stmt.target) if isinstance(stmt, ast.AugAssign) else ""


@on_statements
def augmented(scope: Scope) -> Edits:
    for stmt in scope.statements:
        if not isinstance(stmt, ast.AugAssign):
            continue
        target, value = ast.unparse(stmt.target), ast.unparse(stmt.value)
        if isinstance(stmt.op, ast.Add | ast.Sub):
            other = "-" if isinstance(stmt.op, ast.Add) else "+"
            yield replace("sign", stmt, f"{target} {other}= {value}")
            yield replace("assign-not-accumulate", stmt, f"{target} = {value}")
            yield delete("drop-term", stmt)
            yield replace("twice", stmt, f"{whole(stmt)}\n{whole(stmt)}", 0, 1)
        elif isinstance(stmt.op, ast.Div):
            yield delete("count", stmt)
            yield replace("multiply-divide", stmt, f"{target} *= {value}")
            yield replace("count", stmt, f"{whole(stmt)}\n{whole(stmt)}", 0, 1)
        else:
            yield delete("drop-factor", stmt)


@on_statements
def left_out(scope: Scope) -> Edits:
    for stmt in scope.statements:
        target = _target(stmt)
        if isinstance(stmt, ast.Return) and stmt is scope.fn.body[-1]:
            yield delete("returns-nothing", stmt)
        elif isinstance(stmt, ast.Assign) and isinstance(stmt.targets[0], ast.Subscript):
            kind = "mask" if isinstance(stmt.value, ast.Constant) else "forgotten"
            yield delete(kind, stmt)
        elif isinstance(stmt, ast.Assign) and target.startswith("self."):
            yield delete("forgotten", stmt)
        elif isinstance(stmt, ast.Assign) and target in loads(stmt.value):
            yield delete("drop-factor", stmt)


@on_statements
def exchanged_targets(scope: Scope) -> Edits:
    """self.dgamma gets what belongs to self.dbeta."""
    for block in scope.blocks:
        for a, b in pairwise(block):
            if not (isinstance(a, ast.Assign) and isinstance(b, ast.Assign)):
                continue
            ta, tb = _target(a), _target(b)
            if ta and tb and ta != tb and is_gradient(ta) and is_gradient(tb):
                text = f"{tb} = {ast.unparse(a.value)}\n{ta} = {ast.unparse(b.value)}"
                yield Edit("exchanged", a.lineno, b.end_lineno or b.lineno, text, (0, 1))


@on_statements
def order(scope: Scope) -> Edits:
    """A statement before the one that it needs."""
    for block in scope.blocks:
        for a, b in pairwise(block):
            if isinstance(b, ast.Return) or not stores(a) & (loads(b) | stores(b)):
                continue
            if hasattr(a, "body") or hasattr(b, "body"):
                continue
            last = b.end_lineno or b.lineno
            yield Edit("order", a.lineno, last, f"{whole(b)}\n{whole(a)}", (0, 1))


@on_statements
def indentation(scope: Scope) -> Edits:
    for loop in scope.statements:
        if not isinstance(loop, ast.For):
            continue
        body = loop.body
        if len(body) > 1 and not hasattr(body[-1], "body"):
            outside = body.pop()
            text = f"{whole(loop)}\n{whole(outside)}"
            body.append(outside)
            at = len(text.splitlines()) - 1
            yield Edit("indentation", loop.lineno, loop.end_lineno or 0, text, (0, at))
    for block in scope.blocks:
        for loop, after in pairwise(block):
            if isinstance(loop, ast.For) and not hasattr(after, "body"):
                loop.body.append(after)
                text = whole(loop)
                loop.body.pop()
                at = len(text.splitlines()) - 1
                last = after.end_lineno or after.lineno
                yield Edit("indentation", loop.lineno, last, text, (0, at))


@on_statements
def initial_values(scope: Scope) -> Edits:
    """Totals that do not begin at zero, or begin again in every step."""
    for block in scope.blocks:
        for i, stmt in enumerate(block):
            if not isinstance(stmt, ast.Assign) or "np.zeros" not in ast.unparse(stmt.value):
                continue
            yield replace("initial-value", stmt, whole(stmt).replace("np.zeros", "np.ones"))
            loop = next((s for s in block[i + 1 :] if isinstance(s, ast.For)), None)
            target = _target(stmt)
            if loop is None or not target or target not in stores(loop):
                continue
            lines = [
                whole(stmt) if s is stmt else whole(s) for s in block[i + 1 : block.index(loop)]
            ]
            loop.body.insert(0, stmt)
            text = "\n".join([*lines, whole(loop)])
            loop.body.pop(0)
            at = len("\n".join(lines).splitlines())
            last = loop.end_lineno or loop.lineno
            yield Edit("initial-value", stmt.lineno, last, text, (at, at + 1))


@on_statements
def in_place(scope: Scope) -> Edits:
    """Writes into the upstream derivative, the input or the cache."""
    for stmt in scope.statements:
        if not isinstance(stmt, ast.Assign | ast.Return) or stmt.value is None:
            continue
        target = "" if isinstance(stmt, ast.Return) else _target(stmt)
        if isinstance(stmt, ast.Assign) and not target:
            continue
        end = "return {}" if isinstance(stmt, ast.Return) else f"{target} = {{}}"
        value = stmt.value
        text = ast.unparse(value)
        if text.endswith(".copy()") and isinstance(value, ast.Call):
            yield replace("missing-copy", stmt, end.format(text.removesuffix(".copy()")))
        if text.startswith(("np.array(", "np.copy(")):
            yield replace(
                "missing-copy", stmt, end.format(text.split("(")[1].split(",")[0].rstrip(")"))
            )
        if text.startswith(("np.zeros_like(", "np.empty_like(")):
            alias = text.split("(", 1)[1][:-1]
            yield replace("in-place", stmt, end.format(alias))
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mult | ast.Sub | ast.Div):
            sign = {ast.Mult: "*", ast.Sub: "-", ast.Div: "/"}[type(value.op)]
            left, right = ast.unparse(value.left), ast.unparse(value.right)
            sides = [(left, right)]
            if isinstance(value.op, ast.Mult):
                sides.append((right, left))
            for into, by in sides:
                own = into.startswith("self.") and into.removeprefix("self.").isidentifier()
                if (into in scope.upstream or own) and into != target:
                    kind = "in-place" if into in scope.upstream else "in-place-cache"
                    yield replace(kind, stmt, f"{into} {sign}= {by}\n{end.format(into)}", 0, 1)
            if target and left == target:
                yield replace("in-place", stmt, f"{target} {sign}= {right}")
        is_total = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add)
        if is_total and ast.unparse(value.left) == target:
            yield replace("in-place", stmt, f"{target} += {ast.unparse(value.right)}")


@on_statements
def accumulated(scope: Scope) -> Edits:
    """A gradient that is added to that of the last call."""
    for stmt in scope.statements:
        target = _target(stmt)
        if not isinstance(stmt, ast.Assign) or not target.startswith("self."):
            continue
        if isinstance(stmt.targets[0], ast.Subscript) and target.endswith("[...]"):
            yield replace("accumulate", stmt, f"{target} += {ast.unparse(stmt.value)}")
        elif isinstance(stmt.targets[0], ast.Subscript) and "grads[" in target:
            owner, key = target.split("[", 1)
            value = ast.unparse(stmt.value)
            text = f"{target} = {owner}.get({key[:-1]}, 0) + {value}"
            yield replace("accumulate", stmt, text)
        elif isinstance(stmt.targets[0], ast.Attribute):
            name = stmt.targets[0].attr
            new = f"{target} = {ast.unparse(stmt.value)}"
            if "np.zeros" in new or "np.empty" in new:
                text = f"if getattr(self, {name!r}, None) is None:\n    {new}"
                yield replace("accumulate", stmt, text, 0, 1)
            else:
                text = (
                    f"previous = getattr(self, {name!r}, None)\n"
                    f"{new}\nif previous is not None:\n    {target} = {target} + previous"
                )
                yield replace("accumulate", stmt, text, 0, 1, 2, 3)


@on_statements
def updated_first(scope: Scope) -> Edits:
    """The parameter takes its step before it is used."""
    body = scope.body
    for j, stmt in enumerate(body):
        target = _target(stmt)
        bare = target.removeprefix("self.")
        if not isinstance(stmt, ast.Assign) or not bare.startswith("d") or "[" in bare:
            continue
        parameter = ("self." if target.startswith("self.") else "") + bare[1:]
        if bare[1:] in NOT_PARAMETERS or "np.zeros" in ast.unparse(stmt.value):
            continue
        step = f"{parameter} -= 0.01 * {target}"
        later = [s for s in body[j + 1 :] if parameter in loads(s)]
        if later:
            yield replace("update-before-use", stmt, f"{whole(stmt)}\n{step}", 1)
        for i in range(j):
            if parameter in loads(body[i]):
                lines = [whole(stmt), step, *(whole(s) for s in body[i:j])]
                last = stmt.end_lineno or stmt.lineno
                yield Edit("update-before-use", body[i].lineno, last, "\n".join(lines), (1,))
                break
    for i, a in enumerate(body):
        # a layer that takes its step itself
        if i + 1 < len(body) and _target(body[i + 1]) in loads(a) & {"self.weights", "self.W"}:
            b = body[i + 1]
            text = f"{whole(b)}\n{whole(a)}"
            yield Edit("update-before-use", a.lineno, b.end_lineno or 0, text, (0, 1))


@on_statements
def repeated_indices(scope: Scope) -> Edits:
    for stmt in scope.statements:
        if isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Call):
            call = stmt.value
            if ast.unparse(call.func) == "np.add.at":
                a, at, value = (ast.unparse(x) for x in call.args)
                yield replace("repeated-index", stmt, f"{a}[{at}] += {value}")
                yield replace("repeated-index", stmt, f"{a}[{at}] = {value}")
