"""A program as the text of a module."""

from __future__ import annotations

import ast
import keyword
from typing import Any

import numpy as np

from clearprop.graph import Node
from clearprop.source.expressions import constant, expression, index
from clearprop.source.program import Program
from clearprop.trees import tree_leaves, tree_map

_LONGEST_EXPRESSION = 60  # characters; a longer one is given a name of its own


def write_module(program: Program) -> str:
    """Write a program as a module with ``forward``, ``backward`` and ``gradients``."""
    return _Writer(program).module()


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.graph = program.graph
        self.helpers: dict[str, str] = {}
        self.names: dict[Node, str] = {}
        self.inlined: dict[Node, ast.expr] = {}
        self.lines: dict[Node, str] = {}  # the forward line that computes a node
        self.taken = {"np", "saved", "forward", "backward", "gradients"}
        self.parameters = {name: self._unique(name) for name in self.graph.arguments}
        self.uses = self._count_uses()

    # ---- names ---------------------------------------------------------------------------

    def _unique(self, wanted: str) -> str:
        wanted = "".join(c if c.isalnum() or c == "_" else "_" for c in wanted).strip("_") or "t"
        if wanted[0].isdigit() or keyword.iskeyword(wanted):
            wanted = f"t_{wanted}"
        name, number = wanted, 2
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self.taken.add(name)
        return name

    def _name(self, node: Node, backward: bool) -> str:
        wanted = self.graph.name_of(node)
        if backward:
            of = self.program.cotangents.get(node)
            inner = None if of is None else self.names.get(of) or self.graph.name_of(of)
            wanted = f"d{inner}" if inner else None
        return self._unique(wanted or ("d" if backward else "t"))

    def _count_uses(self) -> dict[Node, int]:
        program = self.program
        uses: dict[Node, int] = {}
        for node in [*program.forward, *program.backward]:
            for source in node.inputs:
                if source is not None:
                    used = program.same(source)
                    uses[used] = uses.get(used, 0) + 1
        return uses

    # ---- statements ------------------------------------------------------------------------

    def _operands(self, node: Node) -> list[ast.expr]:
        made: list[ast.expr] = []
        for source, value in zip(node.inputs, node.operands, strict=True):
            if source is None:
                made.append(constant(value, str(self.graph.line_of(node) or node.operation)))
            else:
                of = self.program.same(source)
                made.append(self.inlined.get(of) or ast.Name(self.names[of], ast.Load()))
        return made

    def _statements(self, nodes: list[Node], backward: bool, results: set[Node]) -> list[str]:
        """Write nodes as assignments; what is used once and is short moves into its user."""
        section = set(nodes)
        lines: list[str] = []
        for node in nodes:
            if node.primitive is None:
                continue
            operands = self._operands(node)
            if node.primitive.name in ("unindex", "setitem"):
                lines += self._write_by_index(node, operands, backward)
                continue
            made = expression(node, operands, self.helpers)
            text = ast.unparse(made)
            users_here = self._used_in(node, section)
            named = self.graph.name_of(node) is not None or node in self.program.cotangents
            if (
                node not in results
                and self.uses.get(node, 0) == users_here == 1
                and not named
                and len(text) <= _LONGEST_EXPRESSION
            ):
                self.inlined[node] = made
                continue
            name = self.names[node] = self._name(node, backward)
            lines.append(self._commented(node, f"{name} = {text}", backward))
        return lines

    def _used_in(self, node: Node, section: set[Node]) -> int:
        return sum(
            1
            for user in section
            for source in user.inputs
            if source is not None and self.program.same(source) is node
        )

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
            start = f"{name} = np.array({ast.unparse(operands[0])})"
            return [self._commented(node, start, backward), f"{where} = {ast.unparse(operands[1])}"]
        value = ast.unparse(operands[0])
        start = f"{name} = np.zeros({node.shape}, {node.dtype.name!r})"
        flags = [np.asarray(v).dtype == bool for v in node.operands[1:]]
        if all(flags):
            step = f"{where} = {value}"
        else:
            step = f"np.add.at({name}, {_tuple_text(node, arrays)}, {value})"
        return [self._commented(node, start, backward), step]

    def _commented(self, node: Node, text: str, backward: bool) -> str:
        if not backward:
            self.lines[node] = text
            return f"{text}  # {node.shape}" if node.shape else text
        of = None if node.stage is None else self.lines.get(self.program.same(node.stage[0]))
        if of is None:
            return f"{text}  # the paths meet" if node.stage is None else text
        return f"{text}  # of {of}"

    # ---- functions ---------------------------------------------------------------------------

    def module(self) -> str:
        program = self.program
        unpack = self._unpack_arguments()
        forward = self._statements(program.forward, False, {program.output})
        if program.output not in self.names:
            self.names[program.output] = self._unique("y")
        dy = self.names[program.dy] = self._unique("dy")
        gradient_nodes = {
            program.same(g) for g in program.gradients.values() if isinstance(g, Node)
        }
        backward = self._statements(program.backward, True, gradient_nodes)
        saved = self._saved()
        pack = f"({', '.join(saved)}{',' if len(saved) == 1 else ''})"
        result = self._gradient_tree()
        parameters = ", ".join(self.parameters.values())
        default = "=1.0" if not program.output.shape else ""
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
        texts = ["\n\n".join(head), *(t for t in self.helpers.values() if t), *functions]
        return "\n\n\n".join(texts) + "\n"

    def _gradients_body(self, parameters: str) -> list[str]:
        shape = self.program.output.shape
        dy = "" if not shape else f", np.ones({shape}, {self.program.output.dtype.name!r})"
        return [f"y, saved = forward({parameters})", f"return y, backward(saved{dy})"]

    @staticmethod
    def _function(signature: str, doc: str, body: list[str]) -> str:
        lines = [f"def {signature}:", f'    """{doc}"""', *(f"    {line}" for line in body)]
        return "\n".join(lines)

    def _unpack_arguments(self) -> list[str]:
        lines = []
        for label, node in self.graph.inputs.items():
            if label in self.parameters:
                self.names[node] = self.parameters[label]
                continue
            name = self.names[node] = self._unique(_last_key(label))
            if node in self.program.forward or self.uses.get(node):
                owner = next(p for p in self.parameters if label.startswith(p))
                lines.append(f"{name} = {self.parameters[owner]}{label[len(owner) :]}")
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
            parts = iter(labels)
            texts.append(
                _tree_text(tree_map(lambda _, parts=parts: self._gradient(next(parts)), argument))
            )
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    def _gradient(self, label: str) -> str:
        node = self.graph.inputs.get(label)
        if node is None or not node.active:
            return "None"
        g = self.program.gradients[node]
        if isinstance(g, Node):
            g = self.program.same(g)
            return self.names[g] if g in self.names else ast.unparse(self.inlined[g])
        return f"np.zeros({node.shape}, {node.dtype.name!r})" if node.shape else "0.0"


def _tuple_text(node: Node, arrays: list[ast.expr]) -> str:
    parts = []
    for part in node.attributes["index"]:
        one = index((part,), arrays)
        if isinstance(one, ast.Slice):
            parts.append(f"slice({part.start}, {part.stop}, {part.step})")
        else:
            parts.append(ast.unparse(one))
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _tree_text(tree: Any) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key!r}: {_tree_text(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return f"[{', '.join(map(_tree_text, tree))}]"
    if isinstance(tree, tuple):
        return f"({', '.join(map(_tree_text, tree))}{',' if len(tree) == 1 else ''})"
    return str(tree)


def _last_key(label: str) -> str:
    """Give ``W1`` of ``params['W1']``, and ``x_0`` of ``x[0]``."""
    stem, _, key = label.rstrip("]").rpartition("[")
    return key.strip("'\"") if not key.isdigit() else f"{stem}_{key}"
