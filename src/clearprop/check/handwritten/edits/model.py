"""An edit, and what the families of edits are given and give."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from clearprop.check.handwritten.edits.scope import Scope, is_gradient
from clearprop.check.handwritten.edits.shapes import Shape, shape_of
from clearprop.check.handwritten.edits.slicing import dead_names
from clearprop.check.handwritten.edits.trees import Path, dotted, names_in, put, text, twin


class Change(NamedTuple):
    """What a family proposes: ``new`` in the place of an expression, or of some statements."""

    new: ast.expr
    cause: str
    rank: float
    what: str


class Lines(NamedTuple):
    """``new`` in the place of ``length`` statements from the one that was given."""

    new: tuple[ast.stmt, ...]
    length: int
    cause: str
    rank: float
    what: str
    line: int = 0  # of the statement at fault, where it is not the first


@dataclass(frozen=True)
class Edit:
    """One edit of the source of a function.

    Attributes
    ----------
    cause : str
        The identifier in ``catalogue.FAULTS``.
    line : int
        The line of the statement that is changed.
    before, after : str
        That statement as it stands, and what to write instead; "" where it should go.
    rank : float
        Lower is tried and believed first.
    what : str
        In a few words: ``divide by N``.
    """

    cause: str
    line: int
    rank: float
    what: str
    function: ast.FunctionDef = field(repr=False, compare=False)
    block: Path = field(repr=False)
    start: int = field(repr=False)
    old: tuple[ast.stmt, ...] = field(repr=False, compare=False)
    new: tuple[ast.stmt, ...] = field(repr=False, compare=False)
    source: str = field(default="", repr=False, compare=False)
    spot: tuple[ast.expr, ast.expr] | None = field(default=None, repr=False, compare=False)
    solved: bool = field(default=False, repr=False, compare=False)  # computed, not guessed

    def build(self) -> ast.FunctionDef:
        """Return the whole edited function; what is not edited is shared with the original."""
        block: list[ast.stmt] = self.function.body
        at: ast.AST = self.function
        for name, position in self.block:
            below = getattr(at, name)
            at = below if position is None else below[position]
        block = at  # type: ignore[assignment]  # the path ends at a list
        edited = [*block[: self.start], *self.new, *block[self.start + len(self.old) :]]
        if not edited:
            edited = [ast.copy_location(ast.Pass(), self.old[0])]
        built: ast.FunctionDef = put(self.function, self.block, edited)
        return built

    @property
    def at(self) -> int:
        """The line to point to: in a dictionary of several lines that of the entry."""
        old = _narrowed(*self.spot)[0] if self.spot else None
        for node in ast.walk(self.old[0]) if old is not None and self.old else ():
            for value in node.values if isinstance(node, ast.Dict) else ():
                if any(part is old for part in ast.walk(value)):
                    return value.lineno
        return self.line

    @property
    def lines(self) -> frozenset[int]:
        """The lines of the statements that are changed or moved."""
        inner = (s.body[i] for s in self.old for i in (0, -1) if getattr(s, "body", None))  # type: ignore[attr-defined]
        several = () if self.spot else (s.lineno for s in (*self.old, *inner))
        return frozenset((self.line, *several))

    @cached_property
    def before(self) -> str:
        """The statement as it stands."""
        return "\n".join(self._own(statement) or text(statement) for statement in self.old)

    @cached_property
    def after(self) -> str:
        """The statement to write instead."""
        if self.spot and len(self.old) == len(self.new) == 1:
            spliced = self._spliced(*self.spot)
            if spliced:
                return spliced
        return "\n".join(
            (self._own(statement) if statement in self.old else "") or text(statement)
            for statement in self.new
        )

    def _own(self, statement: ast.stmt) -> str:
        """Return a statement of one line in the user's own writing."""
        if not self.source or statement.end_lineno != statement.lineno:
            return ""
        line = self.source.split("\n")[statement.lineno - 1].encode()
        return line[statement.col_offset : statement.end_col_offset].decode()

    def _spliced(self, old: ast.expr, new: ast.expr) -> str:
        """Put the new expression into the user's line; "" where that says another thing."""
        (statement,) = self.old
        own = self._own(statement)
        old, new = _narrowed(old, new)
        if not own or old.end_col_offset is None or old.lineno != statement.lineno:
            return ""
        begin, end = (
            column - statement.col_offset for column in (old.col_offset, old.end_col_offset)
        )
        whole = own.encode()
        meant = ast.dump(self.new[0])
        for form in ("{}", "({})"):
            written = form.format(ast.unparse(new)).encode()
            try:
                line = (whole[:begin] + written + whole[end:]).decode()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", SyntaxWarning)  # "1if" where "1 if" is meant
                    read = ast.parse(line).body
            except (SyntaxError, ValueError):
                continue
            if len(read) == 1 and ast.dump(read[0]) == meant:
                return line
        return ""


def _narrowed(old: ast.expr, new: ast.expr) -> tuple[ast.expr, ast.expr]:
    """Go down to the part that differs, where there is only one."""
    while type(old) is type(new):
        pairs = [
            (a, b)
            for field in type(old)._fields
            for a, b in _beside(getattr(old, field, None), getattr(new, field, None))
            if a is not b
        ]
        if len(pairs) != 1 or not all(isinstance(one, ast.expr) for one in pairs[0]):
            break
        old, new = pairs[0]
    return old, new


def _beside(a: Any, b: Any) -> list[tuple[Any, Any]]:
    several = isinstance(a, list) and isinstance(b, list) and len(a) == len(b)
    return list(zip(a, b, strict=True)) if several else [(a, b)]


#: What an expression is in its statement.
VALUE = "value"  # the whole of what is assigned or returned
OPERAND = "operand"  # part of arithmetic, or an array that a function is given
OPTION = "option"  # an axis, a shape, an argument that is no array
INDEX = "index"
TEST = "test"
TARGET = "target"
OVER = "over"  # what a loop runs over
OTHER_ROLE = "other"


@dataclass(frozen=True)
class Site:
    """An expression that may be changed, and where it stands."""

    node: ast.expr
    parent: ast.AST
    path: Path
    role: str
    statement: ast.stmt
    world: World

    @property
    def scope(self) -> Scope:
        """What may be mentioned."""
        return self.world.scope

    @cached_property
    def gradient(self) -> bool:
        """Whether the statement gives a gradient: it assigns one, or returns."""
        statement = self.statement
        if isinstance(statement, ast.Return):
            return True
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AugAssign):
            targets = [statement.target]
        else:
            return False
        return any(
            is_gradient(name) or name in self.scope.upstream
            for target in targets
            for name in names_in(target)
        )

    @cached_property
    def position(self) -> bool:
        """Whether the statement says where in an array something is."""
        statement = self.statement
        if not isinstance(statement, ast.Assign):
            return False
        names = [n for target in statement.targets for n in names_in(target)]
        return bool(names) and all(n in self.world.positions for n in names)

    def read(self, source: str) -> ast.expr | None:
        """Parse an expression that can be evaluated here; None where a name does not exist yet."""
        return self.world.read(source, self.statement.lineno)


@dataclass
class World:
    """What is shared by all edits of one function."""

    function: ast.FunctionDef
    scope: Scope
    kept: Callable[[ast.AST], None]
    wanted: set[int] = field(default_factory=set)  # identities of the lines that keep something
    meant: dict[int, tuple[str, int]] = field(default_factory=dict)  # from `caching.meant`
    pool: dict[tuple[str, int], ast.expr | None] = field(default_factory=dict)
    shapes: dict[str, Shape | None] = field(default_factory=dict)

    @cached_property
    def used(self) -> dict[str, int]:
        """How often each name is read."""
        counts: dict[str, int] = {}
        written = {
            id(node.value)
            for node in ast.walk(self.function)
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
        }
        for node in ast.walk(self.function):
            if id(node) in written:
                continue
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                name = dotted(node)
                counts[name] = counts.get(name, 0) + 1
        return counts

    @cached_property
    def dead(self) -> set[str]:
        """The names that are computed and take part in nothing that the function gives."""
        return dead_names(self.function)

    @cached_property
    def text(self) -> str:
        """The source of the function, as Python writes it."""
        return ast.unparse(self.function)

    @cached_property
    def parts(self) -> list[str]:
        """The parts of arrays that the function reads: ``w[f]``, ``dout[n, f, i, j]``."""
        found: dict[str, None] = {}
        for node in ast.walk(self.function):
            read = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
            if read and not dotted(node.value).endswith("shape"):  # type: ignore[attr-defined]
                found[ast.unparse(node)] = None
            elif isinstance(node, ast.Subscript) and is_gradient(dotted(node.value)):
                of = dotted(node.value).removeprefix("d")  # w[f] where dw[f] is written
                if of in self.scope.locals:
                    found[ast.unparse(twin(node, value=ast.Name(of)))] = None
        return sorted(found, key=len)[:8]

    @cached_property
    def updated(self) -> set[str]:
        """The names that are set anew from what they were: ``self.W -= …``."""
        found: set[str] = set()
        for node in ast.walk(self.function):
            if isinstance(node, ast.AugAssign):
                found.update(names_in(node.target))
            elif isinstance(node, ast.Assign):
                read = {dotted(part) for part in ast.walk(node.value)}
                found.update(n for t in node.targets for n in names_in(t) if n in read)
        return found

    @cached_property
    def written(self) -> set[str]:
        """The names of arrays that are written into: ``dx[mask] = 0``, ``dx += …``."""
        found: set[str] = set()
        for node in ast.walk(self.function):
            if isinstance(node, ast.AugAssign):
                found.update(names_in(node.target))
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                found.update(names_in(node))
        return found

    @cached_property
    def positions(self) -> set[str]:
        """The names that stand in an index and are no gradients: ``r`` of ``x[r:r + 2]``."""
        return {
            part.id
            for node in ast.walk(self.function)
            if isinstance(node, ast.Subscript)
            for part in ast.walk(node.slice)
            if isinstance(part, ast.Name) and not is_gradient(part.id) and "mask" not in part.id
        }

    def running(self, statement: ast.stmt) -> list[str]:
        """The variables of the loops around a statement, the innermost first."""
        around = [
            node
            for node in ast.walk(self.function)
            if isinstance(node, ast.For)
            and node.lineno < statement.lineno <= (node.end_lineno or node.lineno)
        ]
        return [n for node in reversed(around) for n in names_in(node.target) if "." not in n]

    @cached_property
    def set_last(self) -> dict[str, int]:
        """The line at which each name is last assigned."""
        lines: dict[str, int] = {}
        for node in ast.walk(self.function):
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                name = dotted(node)
                lines[name] = max(lines.get(name, node.lineno), node.lineno)
        return lines

    @cached_property
    def set_at(self) -> dict[str, int]:
        """The line at which each name (``dx``, ``self.dW``) is first assigned."""
        lines: dict[str, int] = {}
        for node in ast.walk(self.function):
            if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                name = dotted(node)
                lines[name] = min(lines.get(name, node.lineno), node.lineno)
        return lines

    def shape(self, source: str, tree: ast.expr) -> Shape | None:
        """Give the shape of an expression that is met often."""
        if source not in self.shapes:
            self.shapes[source] = shape_of(tree, self.scope)
        return self.shapes[source]

    def read(self, source: str, line: int) -> ast.expr | None:
        """Parse an expression for a line, once; None where a name does not exist there."""
        key = source, line
        if key not in self.pool:
            tree = ast.parse(self.scope.spelled(source), mode="eval").body
            known = True
            for node in ast.walk(tree):
                if isinstance(node, ast.expr | ast.keyword):
                    node.lineno = node.end_lineno = line
                    node.col_offset = node.end_col_offset = 0
                if isinstance(node, ast.Name):
                    known = known and self.scope.locals.get(node.id, 0) < line
            self.pool[key] = tree if known else None
            if known:
                self.kept(tree)
        return self.pool[key]
