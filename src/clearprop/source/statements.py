"""The nodes of a program as assignments: one for each value that has a name or is used again."""

from __future__ import annotations

import ast
from dataclasses import dataclass

import numpy as np

from clearprop.graph import Node
from clearprop.rules.indexing import Slot
from clearprop.source.accumulation import Accumulation
from clearprop.source.constants import Constants
from clearprop.source.expressions import (
    Helpers,
    expression,
    filled,
    index,
    names_in,
    slots,
)
from clearprop.source.layout import WIDTH, one_line
from clearprop.source.literals import zeros
from clearprop.source.names import Names
from clearprop.source.peephole import shortened
from clearprop.source.program import Program
from clearprop.source.simplify import left_out

_LONGEST_EXPRESSION = 45  # characters; a longer one is given a name of its own
_ROOM = WIDTH - 20  # for a name and its value, so that a shape stands behind them


@dataclass(frozen=True)
class Statement:
    """A statement of ``forward`` or ``backward``.

    Attributes
    ----------
    text : str
        In one line, however long.
    node : Node
        What it computes.
    of : Node or None
        Of a statement of ``backward``: the node of ``forward`` whose derivative it is a part of;
        None where paths meet.
    """

    text: str
    node: Node
    of: Node | None = None


class Statements:
    """Writes the nodes of a program, first those of ``forward``, then those of ``backward``.

    Attributes
    ----------
    lines : dict of Node to str
        The forward statement that computes a node.
    """

    def __init__(self, program: Program, helpers: Helpers, own: set[str]) -> None:
        self.program = program
        self.graph = program.graph
        self.helpers = helpers
        self.gradients = {
            program.same(g) for g in program.gradients.values() if isinstance(g, Node)
        }
        self.accumulation = Accumulation(program, self.gradients)
        self.skipped = left_out(program, self.gradients, self.accumulation.into)
        for node in self.skipped:  # what is not written cannot be added to
            self.accumulation.final.pop(node, None)
        every = [*program.forward, *program.backward]
        # every expression, with gaps for its operands: they have names only when it is written
        self._expressions = {
            node: expression(node, slots(len(node.operands)), helpers)
            for node in every
            if node.primitive is not None and not self._by_steps(node) and node not in self.skipped
        }
        taken = {*own, "saved", "slice", "_", *helpers.texts}
        for made in self._expressions.values():
            taken |= names_in(made)
        self.names = Names(program, taken, self.stands_for)
        nodes = [*self.graph.inputs.values(), *every]
        self.all_float64 = all(n.dtype == np.float64 for n in nodes if _is_float(n))
        self.constants = Constants(program.f, self.names.unique, self.all_float64)
        self.inlined: dict[Node, ast.expr] = {}
        self.hosts: dict[Node, Node] = {}  # in whose expression an inlined node stands
        self.lines: dict[Node, str] = {}
        self.uses = self._count_uses(every)

    def stands_for(self, node: Node) -> Node:
        """Give the node that is written where this one is used."""
        node = self.program.same(node)
        while node in self.skipped:
            node = self.program.same(self.skipped[node])
        return node

    def of_pass(self, nodes: list[Node], backward: bool, results: set[Node]) -> list[Statement]:
        """Write nodes as assignments; what is used once and is short moves into its user."""
        uses_here = self._count_uses(nodes)
        found: list[Statement] = []
        for node in nodes:
            if node.primitive is None or node in self.skipped:
                continue
            if backward and node in self.accumulation.scatters:
                continue  # it is written where it is added
            if self._by_steps(node):
                found += self._by_index(node, backward)
                continue
            gaps = self._expressions.pop(node)
            made = shortened(filled(gaps, self._operands(node)))
            room = _ROOM - len(self.names.wanted(node, backward))
            for inner in self._inner(node):  # what makes the line too long gets a line itself
                if len(one_line(made)) <= room:
                    break
                found.append(self._named(inner, self.inlined.pop(inner), backward))
                made = shortened(filled(gaps, self._operands(node)))
            if (
                node not in results
                and self.uses.get(node) == uses_here.get(node) == 1
                and not self.names.is_named(node, backward)
                and node not in self.accumulation.final
                and len(one_line(made)) <= _LONGEST_EXPRESSION
            ):
                self.inlined[node] = made
                continue
            found.append(self._named(node, made, backward))
        return found

    def text_of(self, node: Node) -> ast.expr:
        """Write a value where it is used: its name, or its expression."""
        node = self.stands_for(node)
        return self.inlined.get(node) or ast.Name(self.names.of[node], ast.Load())

    # ---- one statement -------------------------------------------------------------------------

    def _named(self, node: Node, made: ast.expr, backward: bool) -> Statement:
        name = self._name(node, backward)
        return self._statement(node, f"{name} = {one_line(made)}", backward)

    def _name(self, node: Node, backward: bool) -> str:
        """Name a node; what a sum is made in is called as the sum."""
        last = self.accumulation.final.get(node) if backward else None
        if last is None:
            return self.names.of.get(node) or self.names.give(node, backward)
        if last not in self.names.of:
            self.names.give(last, backward)
        self.names.of[node] = self.names.of[last]
        return self.names.of[node]

    def _statement(self, node: Node, text: str, backward: bool) -> Statement:
        if not backward:
            self.lines[node] = text
            return Statement(text, node)
        return Statement(text, node, self._derived_from(node))

    def _derived_from(self, node: Node) -> Node | None:
        """Give the node of forward, with a line of its own, whose derivative this is a part of."""
        of = None if node.stage is None else self.program.same(node.stage[0])
        while of in self.hosts and of not in self.lines:
            of = self.hosts[of]
        return of

    def _inner(self, node: Node) -> list[Node]:
        """List the values that would stand in the expression of a node, the longest first."""
        inner = {self.stands_for(n) for n in node.inputs if n is not None}
        found = [n for n in inner if n in self.inlined]
        return sorted(found, key=lambda n: (-len(one_line(self.inlined[n])), n.index))

    def _operands(self, node: Node) -> list[ast.expr]:
        made: list[ast.expr] = []
        for source, value in zip(node.inputs, node.operands, strict=True):
            if source is None:
                made.append(self.constants.expression(value))
            else:
                of = self.stands_for(source)
                if of in self.inlined:
                    self.hosts[of] = node
                made.append(self.text_of(of))
        return made

    def _count_uses(self, nodes: list[Node]) -> dict[Node, int]:
        uses: dict[Node, int] = {}
        for node in nodes:
            if node in self.skipped:
                continue
            for source in node.inputs:
                if source is not None:
                    used = self.stands_for(source)
                    uses[used] = uses.get(used, 0) + 1
        return uses

    # ---- writes by index -----------------------------------------------------------------------

    def _by_steps(self, node: Node) -> bool:
        """Whether it takes two statements: an array, and a write into it."""
        return node.operation in ("unindex", "setitem") or node in self.accumulation.into

    def _by_index(self, node: Node, backward: bool) -> list[Statement]:
        if node in self.accumulation.into:
            return self._added(node)
        operands = self._operands(node)
        name = self._name(node, backward)
        if node.operation == "unindex":
            start = f"{name} = {zeros(node.shape, node.dtype)}"
            step = _scattering(name, node, operands, adds=backward)
        else:
            is_new = node.inputs[0] is None and isinstance(node.operands[0], np.ndarray)
            old = one_line(operands[0])
            start = f"{name} = {old if is_new else f'np.array({old})'}"
            where = _element(name, index(node.attributes["index"], operands[2:]))
            step = f"{where} = {one_line(operands[1])}"
        return [self._statement(node, text, backward) for text in (start, step)]

    def _added(self, node: Node) -> list[Statement]:
        """Add what comes from an index to the total that there is."""
        assert node.inputs[0] is not None
        total, scatter = self.program.same(node.inputs[0]), self.accumulation.into[node]
        name = self._name(node, True)
        found = []
        if total not in self.accumulation.final:
            start = f"{name} = np.array({one_line(self.text_of(total))})"
            found.append(Statement(start, node, self._derived_from(total)))
        step = _scattering(name, scatter, self._operands(scatter), adds=True)
        return [*found, Statement(step, node, self._derived_from(scatter))]


def _element(name: str, place: ast.expr) -> str:
    return one_line(ast.Subscript(ast.Name(name, ast.Load()), place, ast.Load()))


def _scattering(name: str, node: Node, operands: list[ast.expr], adds: bool) -> str:
    """Write the step that puts a value into an array of zeros, or adds it to a total."""
    value, arrays = one_line(operands[0]), operands[1:]
    if _meets_once(node):
        # the sweep adds up: 0 + -0 is 0, and so it must be here
        where = _element(name, index(node.attributes["index"], arrays))
        return f"{where} {'+=' if adds else '='} {value}"
    return f"np.add.at({name}, {one_line(_whole(node, arrays))}, {value})"


def _is_float(node: Node) -> bool:
    dtypes = node.dtype if isinstance(node.dtype, tuple) else (node.dtype,)
    return any(dtype.kind in "fc" for dtype in dtypes)


def _meets_once(node: Node) -> bool:
    """Whether an index can be seen to meet no element twice, whatever the arguments are."""
    arrays = [np.asarray(value) for value in node.operands[1:]]
    if all(array.dtype == bool for array in arrays):
        return True
    if any(array.dtype == bool for array in arrays):
        return False
    size = np.broadcast(*arrays).size
    return any(
        source is None and array.size == np.unique(array).size == size and (array >= 0).all()
        for array, source in zip(arrays, node.inputs[1:], strict=True)
    )  # row numbers that are fixed and all different: whatever stands beside them


def _whole(node: Node, arrays: list[ast.expr]) -> ast.expr:
    """Write an index as a function takes it."""
    made = index(node.attributes["index"], arrays)
    parts = made.elts if isinstance(made, ast.Tuple) else [made]

    def taken(part: ast.expr) -> ast.expr:
        if not isinstance(part, ast.Slice):
            return part
        bounds = [part.lower, part.upper, part.step]
        given = [ast.Constant(None) if b is None else b for b in bounds]
        return ast.Call(ast.Name("slice", ast.Load()), given, [])

    only = node.attributes["index"]
    if len(parts) == 1 and isinstance(only[0], Slot):
        return parts[0]
    return ast.Tuple([taken(part) for part in parts], ast.Load())
