"""A program as the text of a module."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearprop.graph import Node
from clearprop.outside import imports_of, packages_of
from clearprop.source.expressions import Helpers, names_in
from clearprop.source.layout import WIDTH, lines_of, one_line, signature
from clearprop.source.literals import written, zeros
from clearprop.source.program import Program
from clearprop.source.statements import Statement, Statements
from clearprop.trees import fields_of, tree_leaves

_OWN = {"np", "forward", "backward", "gradients"}


@dataclass(frozen=True)
class Line:
    """A line of generated text, and what it computes.

    Attributes
    ----------
    text : str
        With its indentation.
    part : str
        The function it stands in: ``forward``, ``backward``, ``gradients`` or "".
    node : Node or None
        The value that it computes.
    of : Node or None
        In ``backward``, the node of ``forward`` whose derivative it is a part of.
    """

    text: str
    part: str = ""
    node: Node | None = None
    of: Node | None = None


def write_module(program: Program) -> str:
    """Write a program as a module with ``forward``, ``backward`` and ``gradients``."""
    return "".join(f"{line.text}\n" for line in write_lines(program))


def write_lines(program: Program) -> list[Line]:
    """Write a program line by line, each with the node that it computes."""
    return Writer(program, Helpers(_OWN), _OWN).module()


class Writer:
    """Writes the functions of a program.

    Parameters
    ----------
    program : Program
    helpers : Helpers
        The functions that these functions call; programs of one module share them.
    own : set of str
        What no variable may be called.
    """

    def __init__(self, program: Program, helpers: Helpers, own: set[str]) -> None:
        self.program = program
        self.graph = program.graph
        self.helpers = helpers
        self.statements = Statements(program, self.helpers, own)
        self.names = self.statements.names
        self.parameters = {name: self.names.unique(name) for name in self.graph.arguments}

    def module(self) -> list[Line]:
        """Write a whole module, with ``gradients``."""
        forward, backward = self.forward_and_backward()
        gradients = self._function(
            "gradients",
            self._signature(),
            "Compute the result and the gradient of each argument.",
            _plain(self._gradients_body(list(self.statements.constants.parameters))),
        )
        lines = [*forward, *backward, *gradients]
        return [*self._head(lines), *lines]

    def forward_only(self, name: str, doc: str, counts: str | None = None) -> list[Line]:
        """Write a function of this name that computes the result.

        Parameters
        ----------
        name, doc : str
            Of the function.
        counts : str, optional
            The argument whose length is called N there.
        """
        unpack = self._unpack_arguments(counts)
        results = {self.program.output}
        body = self.statements.of_pass(self.program.forward, False, results)
        returned = ast.Name(self.names.of[self.program.output], ast.Load())
        lines = [*_plain(unpack), *self._shaped(body, name), *_returned(returned)]
        return self._function(name, self._signature(), doc, lines)

    def forward_and_backward(self, counts: str | None = None) -> tuple[list[Line], list[Line]]:
        """Write ``forward``, which gives what ``backward`` takes; N as in `forward_only`."""
        program, names = self.program, self.names
        dy = names.of[program.dy] = names.unique("dy")
        unpack = self._unpack_arguments(counts)
        others = {n for n in program.others.values() if isinstance(n, Node)}
        forward = self.statements.of_pass(program.forward, False, {program.output, *others})
        gradients = self.statements.gradients
        backward = self.statements.of_pass(program.backward, True, gradients)
        saved = self._saved(backward) + (["N"] if counts else [])
        pack = ast.Tuple([ast.Name(name, ast.Load()) for name in saved], ast.Load())
        result, body = self._result(backward)
        default = f"={one_line(self._one())}" if not program.output.shape else ""
        given = [ast.Name(names.of[program.output], ast.Load()), *self._others(), pack]
        return (
            self._function(
                "forward",
                self._signature(),
                "Compute the result, the state after it, and what the backward pass needs."
                if program.others
                else "Compute the result, and what the backward pass needs.",
                [
                    *_plain(unpack),
                    *self._shaped(forward, "forward"),
                    *_returned(ast.Tuple(given, ast.Load())),
                ],
            ),
            self._function(
                "backward",
                ["saved", f"{dy}{default}"],
                "Compute the gradient of each argument from that of the result.",
                [*_unpacked(saved), *body, *result],
            ),
        )

    def _signature(self) -> list[str]:
        data = list(self.statements.constants.parameters)
        return [*self.parameters.values(), *(["*", *data] if data else [])]

    def _others(self) -> list[ast.expr]:
        """Write the dict of what is given besides the result, where there is any."""
        constants = self.statements.constants
        values = [
            self.statements.text_of(value)
            if isinstance(value, Node)
            else constants.expression(value)
            for value in self.program.others.values()
        ]
        keys: list[ast.expr | None] = [ast.Constant(name) for name in self.program.others]
        return [ast.Dict(keys, values)] if values else []

    def _head(self, functions: list[Line]) -> list[Line]:
        name = self.graph.name.replace("\\", r"\\").replace('"', r"\"")
        helpers = self.helpers.texts.values()
        said = [*helpers, *(line.text for line in functions)]
        others = packages_of(said)
        needs = f" It imports {' and '.join(others)} too." if others else ""
        title = f'"""{name} and its backward pass, written by clearprop.{needs}"""'
        data = self.statements.constants.parameters
        texts = [title]
        if data:
            kinds = [f"{name}: {array.shape} {array.dtype}" for name, array in data.items()]
            texts = [title.removesuffix('"""'), "", "Arrays to be passed by name, as they were:"]
            texts += [f"    {kind}" for kind in kinds] + ['"""']
        arrays = self.statements.constants.written
        imports = imports_of([*said, "np." if arrays else ""])
        if imports:
            texts += ["", *imports]
        if arrays:
            texts += ["", *constant_lines(arrays)]
        for text in helpers:
            texts += ["", "", *text.split("\n")]
        return [Line(text) for text in texts]

    def _function(
        self, name: str, parameters: Sequence[str], doc: str, body: list[Line]
    ) -> list[Line]:
        head = [*signature(name, list(parameters)), f'    """{doc}"""']
        inside = [Line(line.text, name, line.node, line.of) for line in body]
        return [Line(""), Line(""), *(Line(text, name) for text in head), *inside]

    # ---- the body of backward ------------------------------------------------------------------

    def _result(self, backward: list[Statement]) -> tuple[list[Line], list[Line]]:
        """Write what ``backward`` returns, and what stands before it."""
        result = ast.parse(self._gradient_tree(), mode="eval").body
        if len(backward) == 1 and isinstance(result, ast.Name):
            name, _, value = backward[0].text.partition(" = ")
            if name == result.id and backward[0].of is not None:
                only = Statement(f"return {value}", backward[0].node, backward[0].of)
                return self._grouped([only]), []
        return _returned(result), self._grouped(backward)

    def _grouped(self, backward: list[Statement]) -> list[Line]:
        """Put above the lines that come from one forward line what that line is."""
        lines: list[Line] = []
        last: Node | str | None = None
        for statement in backward:
            of = statement.of
            known = of is not None and of in self.statements.lines
            heading = self.statements.lines[of] if known else None  # type: ignore[index]
            if heading is not None and heading != last:
                if len(heading) > WIDTH - 10:
                    heading = heading.partition(" = ")[0]
                lines.append(Line(f"    # of {heading}", "backward", None, of))
            last = self.statements.lines[of] if known else None  # type: ignore[index]
            comment = "the paths meet" if of is None else ""
            lines += _laid_out(statement, comment, "backward")
        return lines

    def _shaped(self, statements: list[Statement], part: str) -> list[Line]:
        lines: list[Line] = []
        for statement in statements:
            lines += _laid_out(statement, "", part)
        return lines

    def _gradients_body(self, data: list[str]) -> list[str]:
        passed = ", ".join([*self.parameters.values(), *(f"{name}={name}" for name in data)])
        taken = {*self.parameters.values(), *data}
        out, saved = (_free(name, taken) for name in ("y", "saved"))
        dy = f", np.ones_like({out})" if self.program.output.shape else ""
        return [f"{out}, {saved} = forward({passed})", f"return {out}, backward({saved}{dy})"]

    def _one(self) -> ast.expr:
        return self.statements.constants.expression(self.program.output.dtype.type(1))

    def _unpack_arguments(self, counts: str | None) -> list[str]:
        lines = [f"N = len({self.parameters[counts]})"] if counts else []
        names, uses = self.names, self.statements.uses
        results = [self.program.output, *self.program.others.values()]
        for argument, tree in self.graph.arguments.items():
            for label, _ in tree_leaves(tree, argument):
                node = self.graph.inputs.get(label)
                if node is None:
                    continue
                if label == argument:
                    names.of[node] = self.parameters[argument]
                    continue
                name = names.of[node] = names.unique(_last_key(label))
                if uses.get(node) or any(node is each for each in results):
                    lines.append(f"{name} = {self.parameters[argument]}{label[len(argument) :]}")
        return lines

    def _saved(self, backward: list[Statement]) -> list[str]:
        """List the forward values, and the arrays passed by name, that the backward pass reads."""
        program, statements = self.program, self.statements
        forward = set(program.forward) | set(self.graph.inputs.values())
        read = {name for each in backward for name in names_in(ast.parse(each.text))}
        needed = {name: None for name in statements.constants.parameters if name in read}

        def visit(node: Node) -> None:
            node = statements.stands_for(node)
            if node in forward:
                if node in statements.inlined:
                    for source in node.inputs:
                        if source is not None:
                            visit(source)
                else:
                    needed[self.names.of[node]] = None

        for node in program.backward:
            for source in node.inputs:
                if source is not None and node not in statements.skipped:
                    visit(source)
        for node in statements.gradients:
            visit(node)
        return list(needed)

    # ---- the gradients -------------------------------------------------------------------------

    def _gradient_tree(self) -> str:
        """Write the gradients in the nesting of the arguments."""
        texts = []
        for name, argument in self.graph.arguments.items():
            labels = [label for label, _ in tree_leaves(argument, name)]
            wanted = [self.graph.inputs.get(label) in self.program.gradients for label in labels]
            if not any(wanted):
                continue
            texts.append(_tree_text(argument, iter([self._gradient(label) for label in labels])))
        return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"

    def _gradient(self, label: str) -> str:
        node = self.graph.inputs.get(label)
        if node is None or node not in self.program.gradients:
            return "None"
        g = self.program.gradients[node]
        if isinstance(g, Node):
            return ast.unparse(self.statements.text_of(g))
        if node.shape:
            return zeros(node.shape, node.dtype)
        return ast.unparse(self.statements.constants.expression(node.dtype.type(0)))


def constant_lines(arrays: Mapping[str, Any]) -> list[str]:
    """Write arrays that stand above the functions."""
    lines = ["# fmt: off"]
    for name, array in arrays.items():
        text = f"{name} = {one_line(written(array))}"
        lines += textwrap.wrap(text, WIDTH, subsequent_indent="    ")
    return [*lines, "# fmt: on"]


def _laid_out(statement: Statement, comment: str, part: str) -> list[Line]:
    """Write a statement with its shape behind it, or above it where there is no room."""
    node = statement.node
    has_shape = not isinstance(node.dtype, tuple) and node.shape
    name, _, value = statement.text.partition(" = ")
    says = name.isidentifier() and not value.startswith("np.zeros(")
    shape = str(node.shape) if has_shape and says else ""
    comment = ", ".join(filter(None, [shape, comment]))
    tree = ast.parse(statement.text).body[0]
    lines = lines_of(tree, 1)
    if comment and len(lines) == 1 and len(lines[0]) + len(comment) + 4 <= WIDTH:
        lines = [f"{lines[0]}  # {comment}"]
    elif comment:
        lines = [f"    # {comment}", *lines]
    return [Line(text, part, node, statement.of) for text in lines]


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = "out" if name == "y" else f"{name}_"
    return name


def _plain(texts: list[str]) -> list[Line]:
    lines = []
    for text in texts:
        lines += [Line(line) for line in lines_of(ast.parse(text).body[0], 1)]
    return lines


def _returned(value: ast.expr) -> list[Line]:
    return [Line(text) for text in lines_of(ast.Return(value), 1)]


def _unpacked(saved: list[str]) -> list[Line]:
    if not saved:
        return []
    return _plain([f"({', '.join(saved)},) = saved"])


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
