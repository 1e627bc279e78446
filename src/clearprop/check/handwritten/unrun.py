"""Statements of backward that ran in no probe, and the condition on which each of them waits."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from clearprop.check.handwritten.running import Ran, beside

_LONGEST = 60  # characters of a condition
_LEAVES = (ast.Return, ast.Break, ast.Continue, ast.Raise)
_SILENT = (ast.Pass, ast.Raise, ast.Assert, ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom)
_TOLD = re.compile(r"^(print|(warnings|logging|logger|log|self\.log(ger)?)\.\w+)\(")


@dataclass(frozen=True)
class Condition:
    """A test that never came out as ``wanted``; ``said`` puts it in words."""

    said: str
    test: ast.expr | None = None
    wanted: bool = True


@dataclass(frozen=True)
class Unrun:
    """Lines of one function that did not run."""

    code: CodeType
    tree: ast.FunctionDef
    first: int
    last: int
    condition: Condition


def unrun(ran: Ran) -> list[Unrun]:
    """Give what did not run of the functions that were entered, in the order of the file.

    Left out is what gives no gradient: checks that raise, messages, ``return None``, and what can
    never run.
    """
    found: dict[tuple[str, int, int], Unrun] = {}
    for code in ran.lines:
        tree = ran.source.tree(ran.function(code))
        if tree is None:
            continue
        for first, last, condition in _Reader(ran, code).function(tree):
            found.setdefault(
                (code.co_filename, first, last), Unrun(code, tree, first, last, condition)
            )
    return sorted(found.values(), key=lambda each: (each.code is not ran.own, each.first))


class _Reader:
    """Reads a function beside what ran of it."""

    def __init__(self, ran: Ran, code: CodeType) -> None:
        inner = _codes_in(code)
        self.lines = {line for each in inner for line in ran.lines.get(each, ())}
        self.spots: list[tuple[Any, ...]] | None = None
        self.beside: set[int] = set()
        if code in ran.spots:
            places = list(code.co_positions())
            self.spots = [places[i] for i in ran.spots[code] if i < len(places)]

    def function(self, tree: ast.FunctionDef) -> Iterator[tuple[int, int, Condition]]:
        """Give first line, last line and condition of what did not run."""
        self.beside = {id(statement) for statement in beside(tree)}
        yield from self._block(tree.body, Condition(f"`{tree.name}` was not called"))
        if self.spots is not None:
            yield from self._choices(tree)

    def _block(
        self, block: list[ast.stmt], condition: Condition
    ) -> Iterator[tuple[int, int, Condition]]:
        group: list[ast.stmt] = []
        before: ast.stmt | None = None
        for statement in block:
            if self._ran(statement):
                before = statement
                yield from self._inside(statement)
            elif not _says_nothing(statement):
                group.append(statement)
            if isinstance(statement, _LEAVES):
                break
        if group and not isinstance(block[-1], ast.Raise):
            why = condition if before is None else _after(before)
            yield group[0].lineno, group[-1].end_lineno or group[-1].lineno, why

    def _inside(self, statement: ast.stmt) -> Iterator[tuple[int, int, Condition]]:
        if isinstance(statement, ast.If):
            if isinstance(statement.test, ast.Constant):
                return
            test = _short(statement.test)
            yes = Condition(f"the branch `if {test}`", statement.test)
            no = Condition(f"the `else` of `if {test}`", statement.test, wanted=False)
            yield from self._block(statement.body, yes)
            inner = statement.orelse
            if len(inner) == 1 and isinstance(inner[0], ast.If):  # elif: it asks for itself
                yield from self._inside(inner[0])
            else:
                yield from self._block(inner, no)
        elif isinstance(statement, ast.For | ast.While):
            head = _short(statement)
            held = statement.test if isinstance(statement, ast.While) else None
            yield from self._block(statement.body, Condition(f"the loop `{head}` was empty", held))
            yield from self._block(statement.orelse, Condition(f"the `else` of `{head}`"))
        elif isinstance(statement, ast.With):
            yield from self._block(statement.body, _after(statement))
        elif isinstance(statement, ast.Try):
            yield from self._block(statement.body, _after(statement))
            for handler in statement.handlers:
                kind = f"except {ast.unparse(handler.type)}" if handler.type else "except"
                yield from self._block(handler.body, Condition(f"the branch `{kind}`"))
            yield from self._block(statement.orelse, Condition("the `else` of `try`"))
            yield from self._block(statement.finalbody, _after(statement))
        elif isinstance(statement, ast.FunctionDef):
            yield from self._block(statement.body, Condition(f"`{statement.name}` was not called"))
        elif isinstance(statement, ast.Match):
            for case in statement.cases:
                said = f"the branch `case {ast.unparse(case.pattern)}`"
                yield from self._block(case.body, Condition(said, *_matched(statement, case)))

    def _ran(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.Try):  # it has no instruction of its own
            return any(self._ran(inner) for inner in statement.body)
        if self.spots is not None and id(statement) in self.beside:
            return self._seen(statement)
        last = statement.end_lineno or statement.lineno
        body = getattr(statement, "body", None) or getattr(statement, "cases", None)
        if body:
            inner = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
            last = max(statement.lineno, min(last, inner.lineno - 1))
        return any(line in self.lines for line in range(statement.lineno, last + 1))

    def _choices(self, tree: ast.FunctionDef) -> Iterator[tuple[int, int, Condition]]:
        """Give the sides of ``a if c else b`` of which no instruction ran."""
        own = [n for n in _outside_of_lambdas(tree) if isinstance(n, ast.IfExp)]
        for node in own:
            if isinstance(node.test, ast.Constant) or not self._seen(node.test):
                continue
            test = _short(node.test)
            for side, wanted in ((node.body, True), (node.orelse, False)):
                silent = isinstance(side, ast.Constant) and side.value is None
                if silent or self._seen(side):
                    continue
                part = _short(side)
                said = f"`{part}` of `… {'if' if wanted else 'else'} …`: `{test}` was never "
                said += "true" if wanted else "false"
                yield (
                    side.lineno,
                    side.end_lineno or side.lineno,
                    Condition(said, node.test, wanted),
                )

    def _seen(self, node: ast.expr | ast.stmt) -> bool:
        start = node.lineno, node.col_offset
        stop = node.end_lineno, node.end_col_offset
        return any(
            None not in spot and start <= (spot[0], spot[2]) and (spot[1], spot[3]) <= stop
            for spot in self.spots or ()
        )


def _short(node: ast.AST) -> str:
    """Write the first line of some code, as far as a report has room for it."""
    line = ast.unparse(node).splitlines()[0].rstrip(":")
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _codes_in(code: CodeType) -> list[CodeType]:
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _codes_in(constant)
    return found


def _outside_of_lambdas(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what is in the code of a function itself."""
    for child in ast.iter_child_nodes(node):
        kinds = (ast.Lambda, ast.FunctionDef, ast.ListComp, ast.SetComp, ast.DictComp)
        if not isinstance(child, (*kinds, ast.GeneratorExp)):
            yield child
            yield from _outside_of_lambdas(child)


def _after(statement: ast.stmt) -> Condition:
    """Say what keeps the statements after one from being reached."""
    head = _short(statement)
    if isinstance(statement, ast.If):
        if any(isinstance(node, _LEAVES) for s in statement.body for node in ast.walk(s)):
            said = f"they stand after `{head}`, which was always so"
            return Condition(said, statement.test, wanted=False)
        return Condition(f"they stand after the `else` of `{head}`", statement.test)
    return Condition(f"they stand after `{head}`")


def _matched(statement: ast.Match, case: ast.match_case) -> tuple[ast.expr | None, bool]:
    if not isinstance(case.pattern, ast.MatchValue):
        return None, True
    return ast.Compare(statement.subject, [ast.Eq()], [case.pattern.value]), True


def _says_nothing(statement: ast.stmt) -> bool:
    """Whether a statement can have no part in a gradient."""
    if isinstance(statement, ast.Expr):
        if isinstance(statement.value, ast.Constant):
            return True
        return bool(_TOLD.match(ast.unparse(statement)))
    if isinstance(statement, ast.Return):
        value = statement.value
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        return all(
            each is None or (isinstance(each, ast.Constant) and each.value is None)
            for each in parts
        )
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    if isinstance(statement, ast.If):
        inside = [statement.body, statement.orelse]
        return all(
            all(map(_says_nothing, block)) or isinstance(block[-1], ast.Raise) for block in inside
        )
    return isinstance(statement, _SILENT)
