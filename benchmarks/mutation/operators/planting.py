"""From kinds of mistakes to changed files."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from dataclasses import replace as replace_fields

from benchmarks.mutation.entry import Entry
from benchmarks.mutation.operators.scope import Scope, Spot, last_line, scopes, spots
from benchmarks.mutation.store import joined

#: An operator on expressions yields a kind and what to put in place of the expression.
Expressions = Callable[[Spot, Scope], Iterator[tuple[str, ast.AST]]]
#: An operator on statements yields edits.
Statements = Callable[[Scope], Iterator["Edit"]]

ON_EXPRESSIONS: list[Expressions] = []
ON_STATEMENTS: list[Statements] = []
ON_FORWARD: list[Statements] = []


@dataclass(frozen=True)
class Edit:
    """Lines of the file and what to put there, without their indentation.

    ``right`` are the lines, counted from the first new one, that a finding may point to.
    """

    kind: str
    first: int
    last: int
    text: str
    right: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Mutant:
    """A file with one mistake."""

    entry: str
    kind: str
    first: int
    last: int
    lines: tuple[str, ...]
    right: tuple[int, ...]
    before: str

    def source(self, original: str) -> str:
        """The mutated file."""
        lines = original.splitlines()
        lines[self.first - 1 : self.last] = self.lines
        return "\n".join(lines) + "\n"


def on_expressions(f: Expressions) -> Expressions:
    ON_EXPRESSIONS.append(f)
    return f


def on_statements(f: Statements) -> Statements:
    ON_STATEMENTS.append(f)
    return f


def on_forward(f: Statements) -> Statements:
    """Register an operator for the lines of forward that keep something for backward."""
    ON_FORWARD.append(f)
    return f


def mutants(entry: Entry) -> Iterator[Mutant]:
    """Every mistake of every kind, each file once."""
    original = entry.source
    seen = {ast.dump(ast.parse(original))}
    for scope in scopes(entry):
        for edit in _edits(scope):
            mutant = _mutant(entry, original, edit)
            try:
                shape = ast.dump(ast.parse(mutant.source(original)))
            except SyntaxError as error:
                raise AssertionError(f"{entry.name}, {edit}: not Python") from error
            if shape not in seen:
                seen.add(shape)
                yield mutant


def _edits(scope: Scope) -> Iterator[Edit]:
    if scope.is_forward:
        for operator in ON_FORWARD:
            yield from (_also_of(edit, scope) for edit in operator(scope))
        return
    for operator in ON_STATEMENTS:
        yield from (_also_of(edit, scope) for edit in operator(scope))
    for stmt in scope.statements:
        for spot in list(spots(stmt)):
            for change in ON_EXPRESSIONS:
                for kind, new in change(spot, scope):
                    text = spot.replaced(new)
                    # the loss stays what it is: only its gradients are at stake
                    with_loss = scope.entry.style == "loss and gradient"
                    if with_loss and text.startswith("return") and "return loss, " not in text:
                        continue
                    yield Edit(kind, stmt.lineno, last_line(stmt), text)


def _also_of(edit: Edit, scope: Scope) -> Edit:
    """What is not there has no line: the first line of its function will do as well."""
    if edit.kind not in ("forgotten", "returns-nothing", "not-cached"):
        return edit
    return replace_fields(edit, right=(scope.fn.lineno - edit.first, *edit.right))


def _mutant(entry: Entry, original: str, edit: Edit) -> Mutant:
    lines = original.splitlines()
    old = lines[edit.first - 1 : edit.last]
    indent = old[0][: len(old[0]) - len(old[0].lstrip())]
    new = [indent + line if line else "" for line in edit.text.splitlines()]
    # the lines that follow keep their numbers
    new += [""] * (len(old) - len(new))
    right = tuple(edit.first + r for r in edit.right)
    return Mutant(entry.name, edit.kind, edit.first, edit.last, tuple(new), right, joined(old))


def whole(stmt: ast.stmt) -> str:
    """A statement's text with all of its body."""
    return ast.unparse(stmt)


def replace(kind: str, stmt: ast.stmt, text: str, *right: int) -> Edit:
    """Put this text in place of a simple statement."""
    return Edit(kind, stmt.lineno, last_line(stmt), text, right or (0,))


def delete(kind: str, stmt: ast.stmt) -> Edit:
    """Leave a statement out; a finding may point to the lines around it."""
    return Edit(kind, stmt.lineno, stmt.end_lineno or stmt.lineno, "pass", (-1, 0, 1))
