"""A program as the text of a module."""

from __future__ import annotations

import ast
import builtins
import keyword
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.graph import Node
from clearprop.rules.indexing import Slot
from clearprop.source.expressions import (
    Helpers,
    constant,
    expression,
    filled,
    index,
    literal,
    names_in,
    slots,
)
from clearprop.source.program import Program
from clearprop.trees import fields_of, tree_leaves

_LONGEST_EXPRESSION = 45  # characters; a longer one is given a name of its own
_LONGEST_LINE = 96  # with its comment; a longer comment stands above
_OWN = {"np", "forward", "backward", "gradients"}

#: What a value that has no name is called after: `total` of `x + b`, `log_p` of `np.log(p)`.
_NOUNS = {
    "absolute": "abs",
    "add": "total",
    "astype": "cast",
    "divide": "quotient",
    "getitem": "part",
    "matmul": "product",
    "multiply": "product",
    "negative": "minus",
    "subtract": "difference",
    "unindex": "spread",
    "where": "choice",
}


def write_module(program: Program) -> str:
    """Write a program as a module with ``forward``, ``backward`` and ``gradients``."""
    return _Writer(program).module()


def write_lines(program: Program) -> tuple[str, list[tuple[Node, int]]]:
    """Write a program as a module, and say in which lines, from 1, its nodes are computed."""
    writer = _Writer(program)
    text = writer.module()
    number = {line.strip(): i for i, line in enumerate(text.split("\n"), 1)}  # each is there once
    found = []
    for node in [*program.forward, *program.backward]:
        host = node
        while host in writer.hosts:  # it stands in the expression of another
            host = writer.hosts[host]
        found += [(node, number[line]) for line in writer.written.get(host, ()) if line in number]
    return text, found


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.graph = program.graph
        self.helpers = Helpers(_OWN)
        self.names: dict[Node, str] = {}
        self.inlined: dict[Node, ast.expr] = {}
        self.hosts: dict[Node, Node] = {}  # in whose expression an inlined node stands
        self.lines: dict[Node, str] = {}  # the forward line that computes a node
        self.written: dict[Node, list[str]] = {}  # all lines of a node
        nodes = [*self.graph.inputs.values(), *program.forward, *program.backward]
        self.all_float64 = all(n.dtype == np.float64 for n in nodes if _is_float(n))
        # every expression, with gaps for its operands: they have names only when it is written
        self.expressions = {
            node: expression(node, slots(len(node.operands)), self.helpers)
            for node in [*program.forward, *program.backward]
            if node.primitive is not None and not _writes(node)
        }
        self.taken = {*_OWN, "saved", *self._names_of_others()}
        self.parameters = {name: self._unique(name) for name in self.graph.arguments}
        self.uses = self._count_uses([*program.forward, *program.backward])

    # ---- names ---------------------------------------------------------------------------

    def _names_of_others(self) -> set[str]:
        """List the functions that the text will name: no variable may hide one of them."""
        found = {"slice", "_"}
        for made in self.expressions.values():
            found |= names_in(made)
        return found | set(self.helpers.texts)

    def _unique(self, wanted: str) -> str:
        wanted = unicodedata.normalize("NFKC", wanted)  # as Python reads identifiers: x² is x2
        if not wanted.isidentifier():
            wanted = "".join(c if f"_{c}".isidentifier() else "_" for c in wanted).strip("_") or "x"
        if not wanted.isidentifier() or keyword.iskeyword(wanted):
            wanted = f"x_{wanted}"
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name

    def _name(self, node: Node, backward: bool) -> str:
        of = self.program.cotangents.get(node) if backward else None
        if of is not None:
            wanted = f"d{self.names.get(of) or self.graph.name_of(of) or self._noun(of)}"
        elif node is self.program.output:
            wanted = self.graph.name_of(node) or "y"
        else:
            wanted = (None if backward else self.graph.name_of(node)) or self._noun(node)
        return self._unique(wanted)

    def _noun(self, node: Node) -> str:
        """Call a value after its operation, and after its operand where it is but one."""
        noun = _NOUNS.get(node.operation, node.operation)
        operands = [self.names.get(self.program.same(n)) for n in node.inputs if n is not None]
        name = operands[0] if len(operands) == 1 else None
        if name is not None and name.count("_") < 2:
            return f"{noun}_{name}"
        return f"{noun}_" if hasattr(builtins, noun) else noun

    def _count_uses(self, nodes: list[Node]) -> dict[Node, int]:
        uses: dict[Node, int] = {}
        for node in nodes:
            for source in node.inputs:
                if source is not None:
                    used = self.program.same(source)
                    uses[used] = uses.get(used, 0) + 1
        return uses

    # ---- statements ------------------------------------------------------------------------

    def _operands(self, node: Node) -> list[ast.expr]:
        made: list[ast.expr] = []
        for source, value in zip(node.inputs, node.operands, strict=True):
            if source is None:
                where = str(self.graph.line_of(node) or node.operation)
                made.append(constant(value, where, bare=self.all_float64))
            else:
                of = self.program.same(source)
                if of in self.inlined:
                    self.hosts[of] = node
                made.append(self.inlined.get(of) or ast.Name(self.names[of], ast.Load()))
        return made

    def _statements(self, nodes: list[Node], backward: bool, results: set[Node]) -> list[str]:
        """Write nodes as assignments; what is used once and is short moves into its user."""
        uses_here = self._count_uses(nodes)
        lines: list[str] = []
        for node in nodes:
            if node.primitive is None:
                continue
            operands = self._operands(node)
            if _writes(node):
                self.written[node] = self._write_by_index(node, operands, backward)
                lines += self.written[node]
                continue
            made = filled(self.expressions.pop(node), operands)
            text = ast.unparse(made)
            of = self.program.cotangents.get(node) if backward else node
            named = of is not None and (of in self.names or self.graph.name_of(of) is not None)
            if (
                node not in results
                and self.uses.get(node) == uses_here.get(node) == 1
                and not named
                and len(text) <= _LONGEST_EXPRESSION
            ):
                self.inlined[node] = made
                continue
            name = self.names[node] = self._name(node, backward)
            self.written[node] = self._commented(node, f"{name} = {text}", backward)
            lines += self.written[node]
        return lines

    def _write_by_index(self, node: Node, operands: list[ast.expr], backward: bool) -> list[str]:
        name = self.names[node] = self._name(node, backward)
        assert node.primitive is not None
        scatters = node.primitive.name == "unindex"
        arrays = operands[1 if scatters else 2 :]
        where = ast.unparse(
            ast.Subscript(
                ast.Name(name, ast.Load()), index(node.attributes["index"], arrays), ast.Load()
            )
        )
        if not scatters:
            is_new = node.inputs[0] is None and isinstance(node.operands[0], np.ndarray)
            old = ast.unparse(operands[0])
            start = f"{name} = {old if is_new else f'np.array({old})'}"
            return [
                *self._commented(node, start, backward),
                f"{where} = {ast.unparse(operands[1])}",
            ]
        value = ast.unparse(operands[0])
        start = f"{name} = np.zeros({node.shape}, {node.dtype.name!r})"
        flags = [np.asarray(v).dtype == bool for v in node.operands[1:]]
        if all(flags):
            step = f"{where} = {value}"
        else:
            step = f"np.add.at({name}, {_tuple_text(node, arrays)}, {value})"
        return [*self._commented(node, start, backward), step]

    def _commented(self, node: Node, text: str, backward: bool) -> list[str]:
        """Say what a line gives: forward the shape, backward the line it is the derivative of."""
        if not backward:
            self.lines[node] = text
            comment = str(node.shape) if node.shape else ""
        elif node.stage is None:
            comment = "the paths meet"
        else:
            of = self.program.same(node.stage[0])
            while of in self.hosts:
                of = self.hosts[of]
            comment = f"of {self.lines[of]}" if of in self.lines else ""
        if not comment:
            return [text]
        line = f"{text}  # {comment}"
        return [line] if len(line) <= _LONGEST_LINE else [f"# {comment}", text]

    # ---- functions ---------------------------------------------------------------------------

    def module(self) -> str:
        program = self.program
        dy = self.names[program.dy] = self._unique("dy")
        unpack = self._unpack_arguments()
        forward = self._statements(program.forward, False, {program.output})
        gradient_nodes = {
            program.same(g) for g in program.gradients.values() if isinstance(g, Node)
        }
        backward = self._statements(program.backward, True, gradient_nodes)
        saved = self._saved()
        pack = f"({', '.join(saved)}{',' if len(saved) == 1 else ''})"
        result = self._gradient_tree()
        parameters = ", ".join(self.parameters.values())
        one = program.output.dtype.type(1)
        default = f"={ast.unparse(constant(one, '', self.all_float64))}"
        if program.output.shape:
            default = ""
        head = [
            f'"""{self.graph.name} and its backward pass, written by clearprop."""',
            "import numpy as np",
        ]
        functions = [
            self._function(
                f"forward({parameters})",
                "Compute the result, and what the backward pass needs.",
                [*unpack, *forward, f"return {self.names[program.output]}, {pack}"],
            ),
            self._function(
                f"backward(saved, {dy}{default})",
                "Compute the gradient of each argument from that of the result.",
                [*([f"{pack} = saved"] if saved else []), *backward, f"return {result}"],
            ),
            self._function(
                f"gradients({parameters})",
                "Compute the result and the gradient of each argument.",
                self._gradients_body(parameters),
            ),
        ]
        texts = ["\n\n".join(head), *self.helpers.texts.values(), *functions]
        return "\n\n\n".join(texts) + "\n"

    def _gradients_body(self, parameters: str) -> list[str]:
        dy = ", np.ones_like(y)" if self.program.output.shape else ""
        return [f"y, saved = forward({parameters})", f"return y, backward(saved{dy})"]

    @staticmethod
    def _function(signature: str, doc: str, body: list[str]) -> str:
        lines = [f"def {signature}:", f'    """{doc}"""', *(f"    {line}" for line in body)]
        return "\n".join(lines)

    def _unpack_arguments(self) -> list[str]:
        lines = []
        for argument, tree in self.graph.arguments.items():
            for label, _ in tree_leaves(tree, argument):
                node = self.graph.inputs.get(label)
                if node is None:
                    continue
                if label == argument:
                    self.names[node] = self.parameters[argument]
                    continue
                name = self.names[node] = self._unique(_last_key(label))
                if self.uses.get(node) or node is self.program.output:
                    lines.append(f"{name} = {self.parameters[argument]}{label[len(argument) :]}")
        return lines

    def _saved(self) -> list[str]:
        """List the forward values that the backward pass reads."""
        program = self.program
        forward = set(program.forward) | set(self.graph.inputs.values())
        needed: dict[str, None] = {}

        def visit(node: Node) -> None:
            node = program.same(node)
            if node in forward:
                if node in self.inlined:
                    for source in node.inputs:
                        if source is not None:
                            visit(source)
                else:
                    needed[self.names[node]] = None

        for node in program.backward:
            for source in node.inputs:
                if source is not None:
                    visit(source)
        return list(needed)

    def _gradient_tree(self) -> str:
        """Write the gradients in the nesting of the arguments."""
        texts = []
        for name, argument in self.graph.arguments.items():
            labels = [label for label, _ in tree_leaves(argument, name)]
            active = [
                label in self.graph.inputs and self.graph.inputs[label].active for label in labels
            ]
            if not any(active):
                continue
            texts.append(_tree_text(argument, iter([self._gradient(label) for label in labels])))
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    def _gradient(self, label: str) -> str:
        node = self.graph.inputs.get(label)
        if node is None or not node.active:
            return "None"
        g = self.program.gradients[node]
        if isinstance(g, Node):
            g = self.program.same(g)
            return self.names[g] if g in self.names else ast.unparse(self.inlined[g])
        if node.shape:
            return f"np.zeros({node.shape}, {node.dtype.name!r})"
        return ast.unparse(constant(node.dtype.type(0), "", self.all_float64))


def _writes(node: Node) -> bool:
    """Whether the operation is written as an assignment by index."""
    return node.operation in ("unindex", "setitem")


def _is_float(node: Node) -> bool:
    dtypes = node.dtype if isinstance(node.dtype, tuple) else (node.dtype,)
    return any(dtype.kind == "f" for dtype in dtypes)


def _tuple_text(node: Node, arrays: list[ast.expr]) -> str:
    """Write an index as a function takes it."""
    parts = [
        ast.unparse(arrays[part.number]) if isinstance(part, Slot) else literal(part)
        for part in node.attributes["index"]
    ]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _tree_text(tree: Any, leaves: Iterator[str]) -> str:
    """Write a nesting with these texts as its leaves; a dataclass as the dict of its fields."""
    tree = fields_of(tree)
    if isinstance(tree, dict):
        texts = [f"{key!r}: {_tree_text(value, leaves)}" for key, value in tree.items()]
        return f"{{{', '.join(texts)}}}"
    if isinstance(tree, list):
        return f"[{', '.join(_tree_text(value, leaves) for value in tree)}]"
    if isinstance(tree, tuple):
        texts = [_tree_text(value, leaves) for value in tree]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    return "None" if tree is None else next(leaves)


def _last_key(label: str) -> str:
    """Give ``W1`` of ``params['W1']`` and of ``model.W1``, and ``x_0`` of ``x[0]``."""
    if not label.endswith("]"):
        return label.rpartition(".")[2]
    stem, _, key = label.rstrip("]").rpartition("[")
    return key.strip("'\"") if not key.isdigit() else f"{stem}_{key}"
