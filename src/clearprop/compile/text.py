"""The loops of a program as Python: the text of what the machine code does."""

from __future__ import annotations

import ast
import builtins
import keyword
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clearprop.compile.calls import LoopCall
from clearprop.compile.grouping import Call, Group
from clearprop.compile.loops_text import Lines, number
from clearprop.compile.nests import Factored, Fourier, Nest, Packing, Product, Windows, Work
from clearprop.compile.planning import Plan
from clearprop.compile.scalars import Array
from clearprop.graph import Node
from clearprop.outside import imports_of
from clearprop.places import line_of, name_of
from clearprop.source.constants import LARGEST, Constants
from clearprop.source.expressions import Helpers, expression
from clearprop.source.layout import WIDTH, one_line
from clearprop.source.literals import written
from clearprop.source.names import NOUNS

#: What a module and its functions are made of; and names that loops like to have.
_OWN = {"np", "run", "range", "min", "float", "first", "last", "start", "stop", "i", "j", "k"}


def names_of(plan: Plan) -> dict[Array, str]:
    """Give every array a name: the user's where there is one."""
    names: dict[Array, str] = {}
    taken: set[str] = set()

    def give(array: Array, stem: str) -> None:
        if not stem.isidentifier():
            stem = "".join(c if c.isalnum() else "_" for c in stem).strip("_") or "t"
            stem = stem if stem.isidentifier() else f"t_{stem}"
        names[array] = _unique(f"{stem}_" if _is_reserved(stem) else stem, taken)

    for node, array in plan.arrays.items():
        stem = NOUNS.get(node.operation, node.operation)
        give(array, node.label or name_of(node.place) or stem)
    for array in plan.constants:
        give(array, "constant")
    for phase in plan.phases:
        for part in phase:
            for array in part.outputs() if isinstance(part, Group) else ():
                if array not in names:
                    give(array, "packed" if array.name.startswith("packed") else "parts")
    return names


def _is_reserved(name: str) -> bool:
    return keyword.iskeyword(name) or name in _OWN or name.startswith("group_")


def _unique(stem: str, taken: set[str]) -> str:
    """Give a name that is not taken, and take it."""
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name)
    return name


def source_of(
    plan: Plan, calls: Mapping[Node, Any], results: Iterable[Node], leaves: Iterable[Node]
) -> str:
    """Write a plan as a module: a function for each group, and ``run``, which calls them.

    ``calls`` says of each operation that remains a NumPy call what it is given: its ``operands``,
    pairs of a node or None and a constant, and which of them are ``weak``.
    """
    writer = _Module(plan, calls)
    return writer.text(list(results), [leaf for leaf in leaves if leaf in plan.arrays])


def plan_of(
    plan: Plan,
    calls: Mapping[Node, Any],
    space: int,
    scratch: int,
    seconds: dict[int, float],
) -> str:
    """Write what is done when: phases, their groups, how these are cut, memory and time.

    ``seconds`` is what each phase took; ``space`` and ``scratch`` are bytes.
    """
    lines = [f"memory: {_size(space)} between phases, {_size(scratch)} for each thread"]
    return "\n".join([*lines, *_phases(plan, calls, seconds)])


def _phases(plan: Plan, calls: Mapping[Node, Any], seconds: dict[int, float]) -> list[str]:
    names = names_of(plan)
    lines = []
    for p, phase in enumerate(plan.phases):
        took = f", {seconds[p] * 1e6:,.0f} µs" if p in seconds else ""
        lines.append(f"phase {p + 1}{took}")
        for part in phase:
            if isinstance(part, Call):
                call = calls[part.node]
                if isinstance(call, LoopCall):
                    lines.append(f"  loop of {call.count:,} steps, each")
                    inside = _phases(call.program.plan, call.program.calls, {})
                    lines += [f"    {line}" for line in inside]
                else:
                    is_view = plan.arrays[part.node] in plan.same_memory
                    what = "the same memory" if is_view else "NumPy call"
                    lines.append(f"  {what}: {part.node.operation} {part.node.shape}")
                continue
            if part.rows:
                lines.append(f"  {part.rows} rows in {part.shards} shards of {part.shard_rows}")
            for stage in part.stages:
                blocks = f"blocks of {stage.block_rows}: " if part.rows else ""
                where = dict.fromkeys(part.local, " (in the shard)")
                where |= dict.fromkeys(stage.local, " (in the block)")
                written = dict.fromkeys(a for work in stage.works for a in work.outputs)
                texts = [f"{names[a]} {a.shape}{where.get(a, '')}" for a in written]
                lines.append(f"    {blocks}{', '.join(texts)}")
    return lines


def _size(count: int) -> str:
    return f"{count / 1024:,.0f} KiB"


class _Module:
    def __init__(self, plan: Plan, calls: Mapping[Node, Any]) -> None:
        self.plan = plan
        self.numpy_calls = calls
        self.names = names_of(plan)
        self.nodes = {array: node for node, array in plan.arrays.items()}
        taken = {*self.names.values(), *_OWN, *dir(builtins)}
        groups = {f"group_{p}" for p in range(1, len(plan.phases) + 1)}
        self.helpers = Helpers(taken | groups)
        self.constants = Constants(
            lambda: None, lambda stem: _unique(stem, self.helpers.reserved), bare=False
        )

    def text(self, results: list[Node], leaves: list[Node]) -> str:
        parts = self.functions(results, leaves)
        return "\n\n\n".join([self._head(parts), *parts]) + "\n"

    def functions(self, results: list[Node], leaves: list[Node]) -> list[str]:
        """Write all functions; the last one is ``run``."""
        parts: list[str] = []
        calls: list[str] = []
        for p, phase in enumerate(self.plan.phases, 1):
            calls.append(f"# phase {p}")
            for k, part in enumerate(phase, 1):
                name = f"group_{p}_{k}" if len(phase) > 1 else f"group_{p}"
                if isinstance(part, Call):
                    call = self.numpy_calls[part.node]
                    if isinstance(call, LoopCall):
                        name = _unique(name.replace("group", "loop"), self.helpers.reserved)
                        loop = LoopText(_Module(call.program.plan, call.program.calls), call)
                        parts.append(loop.function(name))
                        calls.append(self._loop_call(name, part.node, loop))
                    else:
                        calls.append(self._call(part.node))
                    continue
                parts.append(self._group(name, part))
                arguments = ", ".join(self._arguments(part.works))
                if not part.rows:
                    calls.append(f"{name}({arguments})")
                elif part.shards == 1:
                    calls.append(f"{name}({arguments}, 0, {part.rows})")
                else:
                    size = part.shard_rows
                    calls.append(f"for first in range(0, {part.rows}, {size}):  # on any thread")
                    calls.append(
                        f"    {name}({arguments}, first, min(first + {size}, {part.rows}))"
                    )
        parts.append(self._run(results, leaves, calls))
        return [*self.helpers.texts.values(), *parts]

    def _head(self, parts: list[str]) -> str:
        doc = [
            '"""What a compiled function does, as loops in Python; written by clearprop.',
            "",
            "In machine code the innermost loops take a vector of elements at a time, and the",
            "shards of a phase run on any thread.",
        ]
        large = self.given_constants()
        if large:
            doc += ["", "Arrays to be passed to run by name, as they were:"]
            doc += [f"    {name}: {value.shape} {value.dtype}" for name, value in large.items()]
        lines = [*doc[:-1], f'{doc[-1]}"""', "", *imports_of([*parts, "np."])]
        constants = self.constant_lines()
        return "\n".join([*lines, "", *constants] if constants else lines)

    def constant_lines(self) -> list[str]:
        """Write the constants that are small enough."""
        small = {self.names[a]: v for a, v in self.plan.constants.items() if v.size <= LARGEST}
        small |= self.constants.written
        lines = []
        for name, value in small.items():
            text = f"{name} = {one_line(written(value))}"
            lines += textwrap.wrap(text, WIDTH, subsequent_indent="    ")
        return ["# fmt: off", *lines, "# fmt: on"] if small else []

    def given_constants(self) -> dict[str, Any]:
        """Give the constants that are too large to be written."""
        large = {self.names[a]: v for a, v in self.plan.constants.items() if v.size > LARGEST}
        return large | self.constants.parameters

    # ---- run -------------------------------------------------------------------------------------

    def _run(self, results: list[Node], leaves: list[Node], calls: list[str]) -> str:
        plan, names = self.plan, self.names
        arguments = [plan.arrays[leaf] for leaf in leaves]
        given = {*arguments, *plan.constants}
        called = {
            plan.arrays[part.node]
            for phase in plan.phases
            for part in phase
            if isinstance(part, Call)
        }
        large = list(self.given_constants())
        parameters = [*(names[a] for a in arguments), *(["*", *large] if large else [])]
        lines = [f"def run({', '.join(parameters)}):"]
        lines += [
            f"    {names[array]} = np.asarray({names[array]}, {_dtype(array)})"
            for array in arguments
            if not array.shape
        ]
        for array in names:
            if array in given or array in called or not self._is_used(array):
                continue
            start = next((g.parts[array] for g in self._groups() if array in g.parts), None)
            made = _empty(array)
            if start is not None:
                made = f"{made.replace('np.empty', 'np.full')[:-1]}"
                shape, _, dtype = made.removeprefix("np.full(").rpartition(", ")
                made = f"np.full({shape}, {number(np.asarray(start, array.dtype)[()])}, {dtype})"
            lines.append(f"    {names[array]} = {made}")
        lines += [f"    {line}" for line in calls]
        found = ", ".join(names[plan.arrays[node]] for node in results)
        lines.append(f"    return {found}")
        return "\n".join(lines)

    def _groups(self) -> list[Group]:
        return [part for phase in self.plan.phases for part in phase if isinstance(part, Group)]

    def _is_used(self, array: Array) -> bool:
        return any(array in group.outputs() for group in self._groups())

    def _call(self, node: Node) -> str:
        made = one_line(expression(node, self._operands(node), self.helpers))
        return f"{self.names[self.plan.arrays[node]]} = {made}  # NumPy"

    def _loop_call(self, name: str, node: Node, loop: LoopText) -> str:
        given = [one_line(part) for part in self._operands(node)]
        given += [
            f"{key}={one_line(self.constants.expression(value))}"
            for key, value in loop.inside.given_constants().items()
        ]
        return f"{self.names[self.plan.arrays[node]]} = {name}({', '.join(given)})"

    def _operands(self, node: Node) -> list[ast.expr]:
        call = self.numpy_calls[node]
        operands: list[ast.expr] = []
        for position, (source, value) in enumerate(call.operands):
            if source is None:
                operands.append(self.constants.expression(value))
                continue
            name: ast.expr = ast.Name(self.names[self.plan.arrays[source]], ast.Load())
            if position in call.weak:
                name = ast.Call(ast.Name("float", ast.Load()), [name], [])
            operands.append(name)
        return operands

    # ---- groups ----------------------------------------------------------------------------------

    def _arguments(self, works: list[Work]) -> list[str]:
        found: dict[Array, None] = {}
        for work in works:
            found.update(dict.fromkeys(_read(work)))
            found.update(dict.fromkeys(work.outputs))
        return [self.names[array] for array in found]

    def _group(self, name: str, group: Group) -> str:
        rows = ["first", "last"] if group.rows else []
        lines = [f"def {name}({', '.join([*self._arguments(group.works), *rows])}):"]
        for stage in group.stages:
            indent = "    "
            if group.rows and stage.block_rows >= group.shard_rows:
                lines.append("    start, stop = first, last")
            elif group.rows:
                size = stage.block_rows
                lines.append(f"    for start in range(first, last, {size}):")
                if size > 1:
                    lines.append(f"        stop = min(start + {size}, last)")
                else:
                    lines.append("        stop = start + 1")
                indent = "        "
            for work in stage.works:
                lines += [f"{indent}# {comment}" for comment in self._about(work)]
                lines += [indent + line for line in Lines(self.names, group, self.helpers).of(work)]
        return "\n".join(lines)

    def _about(self, work: Work) -> list[str]:
        found = []
        for array in dict.fromkeys(work.outputs):
            node = self.nodes.get(array)
            if node is None:
                what = "a copy" if isinstance(work, Packing) else "a row for each shard"
                found.append(f"{self.names[array]}: {what}")
                continue
            line = line_of(node.place)
            where = "" if line is None or line.text is None else f", of {line.text.strip()}"
            found.append(f"{self.names[array]}: {node.operation}, {node.shape} {node.dtype}{where}")
        return found


class LoopText:
    """A loop of steps as a function, with the functions of a step in it."""

    def __init__(self, inside: _Module, call: LoopCall) -> None:
        self.inside = inside
        self.call = call

    def function(self, name: str) -> str:
        """Write it."""
        program, inside, call = self.call.program, self.inside, self.call
        arrays, names = program.plan.arrays, inside.names
        results = [part for part in program.parts if isinstance(part, Node)]
        leaves = program.leaves
        written = inside.functions(results, [leaf for leaf in leaves if leaf in arrays])

        def free(stem: str) -> str:
            return _unique(stem, inside.helpers.reserved)

        step, rows = free("step"), range(call.carried, call.carried + call.rows)
        own = [names[arrays[x]] if x in arrays else free("unread") for x in leaves]
        given = [free(f"{n}_rows") if k in rows else n for k, n in enumerate(own)]
        kept = [free(f"{names[arrays[x]]}_rows") for x in results[call.carried :]]
        large = list(inside.given_constants())
        to = [*own[: call.carried], *(f"{n}[{step}]" for n in kept)]
        read = [
            f"{given[k]}[{step}]" if k in rows else given[k]
            for k, leaf in enumerate(leaves)
            if leaf in arrays
        ]
        read += [f"{n}={n}" for n in large]
        lines = [*inside.constant_lines(), *"\n\n".join(written).split("\n"), ""]
        for n, (shape, dtype) in zip(kept, call.given, strict=True):
            lines.append(f"{n} = np.empty({shape}, np.{dtype.name.replace('bool', 'bool_')})")
        lines.append(f"for {step} in range({call.count}):")
        lines.append(f"    {', '.join(to)} = run({', '.join(read)})")
        lines.append(f"return {', '.join([*own[: call.carried], *kept])}{',' * (len(to) == 1)}")
        parameters = [*given, *(["*", *large] if large else [])]
        head = f"def {name}({', '.join(parameters)}):"
        return "\n".join([head, *(f"    {line}" if line else "" for line in lines)])


def _empty(array: Array) -> str:
    return f"np.empty({array.shape}, {_dtype(array)})"


def _dtype(array: Array) -> str:
    return f"np.{array.dtype.name.replace('bool', 'bool_')}"


def _read(work: Work) -> list[Array]:
    if isinstance(work, Nest):
        return list(dict.fromkeys(load.array for load in work.loads()))
    if isinstance(work, Product):
        return [work.a.array, work.b.array]
    if isinstance(work, Packing):
        return [work.product.b.array]
    if isinstance(work, Factored | Fourier):
        return [block.array for block, _ in work.inputs]
    if isinstance(work, Windows):
        return [work.first, work.second]
    return [work.key]
