"""The loops of a program as Python: the text of what the machine code does."""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from typing import Any

import numpy as np

from clearprop.compile.affine import Affine, Var
from clearprop.compile.elements import split_place
from clearprop.compile.grouping import Call, Group
from clearprop.compile.nests import (
    Block,
    Draw,
    Nest,
    Packing,
    Product,
    Store,
    Windows,
    Work,
    walked,
)
from clearprop.compile.planning import Plan
from clearprop.compile.scalars import (
    Apply,
    Array,
    Chosen,
    Constant,
    Convert,
    Load,
    Number,
    Scalar,
    Total,
)
from clearprop.graph import Node
from clearprop.places import line_of, name_of
from clearprop.source.names import NOUNS

_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=",
    "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=", "floor_divide": "//",
    "remainder": "%", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "power": "**",
}  # fmt: skip
_LONG = 90  # characters of an expression that gets a line of its own
_LETTERS = "ijklmnpqrs"


def names_of(plan: Plan) -> dict[Array, str]:
    """Give every array a name: the user's where there is one."""
    names: dict[Array, str] = {}
    counts: dict[str, int] = {}

    def give(array: Array, stem: str) -> None:
        if not stem.isidentifier() or keyword.iskeyword(stem) or (len(stem) == 1 and stem in "ijk"):
            stem = "".join(c if c.isalnum() else "_" for c in stem).strip("_") or "t"
            stem = f"{stem}_" if keyword.iskeyword(stem) or stem in _LETTERS else stem
            stem = stem if stem.isidentifier() else f"t_{stem}"
        counts[stem] = counts.get(stem, 0) + 1
        names[array] = stem if counts[stem] == 1 else f"{stem}_{counts[stem]}"

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


def source_of(plan: Plan, results: Iterable[Node], leaves: Iterable[Node]) -> str:
    """Write a plan as a module: a function for each group, and ``run``, which calls them."""
    writer = _Module(plan)
    return writer.text(list(results), [leaf for leaf in leaves if leaf in plan.arrays])


def plan_of(plan: Plan, space: int, scratch: int, seconds: dict[int, float]) -> str:
    """Write what is done when: phases, their groups, how these are cut, memory and time.

    ``seconds`` is what each phase took; ``space`` and ``scratch`` are bytes.
    """
    names = names_of(plan)
    lines = [f"memory: {_size(space)} between phases, {_size(scratch)} for each thread"]
    for p, phase in enumerate(plan.phases):
        took = f", {seconds[p] * 1e6:,.0f} µs" if p in seconds else ""
        lines.append(f"phase {p + 1}{took}")
        for part in phase:
            if isinstance(part, Call):
                lines.append(f"  NumPy call: {part.node.operation} {part.node.shape}")
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
    return "\n".join(lines)


def _size(count: int) -> str:
    return f"{count / 1024:,.0f} KiB"


class _Module:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.names = names_of(plan)
        self.nodes = {array: node for node, array in plan.arrays.items()}

    def text(self, results: list[Node], leaves: list[Node]) -> str:
        parts = [self._head()]
        calls: list[str] = []
        for p, phase in enumerate(self.plan.phases, 1):
            calls.append(f"# phase {p}")
            for k, part in enumerate(phase, 1):
                name = f"group_{p}_{k}" if len(phase) > 1 else f"group_{p}"
                if isinstance(part, Call):
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
        return "\n\n\n".join(parts) + "\n"

    def _head(self) -> str:
        return (
            '"""What a compiled function does, as loops in Python; written by clearprop.\n\n'
            "In machine code the innermost loops take a vector of elements at a time, and the\n"
            'shards of a phase run on any thread."""\n\nimport numpy as np'
        )

    # ---- run -------------------------------------------------------------------------------------

    def _run(self, results: list[Node], leaves: list[Node], calls: list[str]) -> str:
        plan, names = self.plan, self.names
        given = {plan.arrays[leaf] for leaf in leaves}
        given |= set(plan.constants)
        called = {
            plan.arrays[part.node]
            for phase in plan.phases
            for part in phase
            if isinstance(part, Call)
        }
        lines = [f"def run({', '.join(names[a] for a in given_in_order(leaves, plan, given))}):"]
        for array in names:
            if array in given or array in called or not self._is_used(array):
                continue
            start = next((g.parts[array] for g in self._groups() if array in g.parts), None)
            made = _empty(array)
            if start is not None:
                made = f"{made.replace('np.empty', 'np.full')[:-1]}"
                shape, _, dtype = made.removeprefix("np.full(").rpartition(", ")
                made = f"np.full({shape}, {_number(np.asarray(start, array.dtype)[()])}, {dtype})"
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
        assert node.primitive is not None
        arguments = [
            repr(value) if source is None else self.names[self.plan.arrays[source]]
            for source, value in zip(node.inputs, node.operands or (None,) * 9, strict=False)
        ]
        found = self.names[self.plan.arrays[node]]
        attributes = [f"{key}={value!r}" for key, value in node.attributes.items()]
        return f"{found} = {node.primitive.name}({', '.join([*arguments, *attributes])})  # NumPy"

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
                lines += [indent + line for line in _Lines(self.names, group).of(work)]
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


def given_in_order(leaves: list[Node], plan: Plan, given: set[Array]) -> list[Array]:
    """Give the arrays that ``run`` is given: the arguments, then the constants."""
    first = [plan.arrays[leaf] for leaf in leaves]
    return first + [array for array in plan.constants if array in given]


def _empty(array: Array) -> str:
    dtype = f"np.{array.dtype.name.replace('bool', 'bool_')}"
    return f"np.empty({array.shape}, {dtype})"


def _read(work: Work) -> list[Array]:
    if isinstance(work, Nest):
        return list(dict.fromkeys(load.array for load in work.loads()))
    if isinstance(work, Product):
        return [work.a.array, work.b.array]
    if isinstance(work, Packing):
        return [work.product.b.array]
    if isinstance(work, Windows):
        return [work.first, work.second]
    return [work.key]


class _Lines:
    """The lines of one work."""

    def __init__(self, names: dict[Array, str], group: Group) -> None:
        self.names = names
        self.group = group
        size = max(group.shard_rows, 1)
        self.vars: dict[Var, str] = {group.shard: f"first // {size}"}
        self.known: dict[Scalar, str] = {}
        self.texts: dict[Scalar, str] = {}
        self.uses: dict[Scalar, int] = {}
        self.lines: list[str] = []
        self.depth = 0
        self.count = 0

    def of(self, work: Work) -> list[str]:
        if isinstance(work, Nest):
            self._nest(work)
        elif isinstance(work, Product):
            self._product(work)
        elif isinstance(work, Packing):
            _, n, k = work.product.sizes
            self.line(f"pass  # machine code copies it in the order in which it is read ({k}, {n})")
        elif isinstance(work, Windows):
            out, first, second = (self.names[a] for a in (work.out, work.first, work.second))
            self.line(f"convolve_{work.target}({out}, {first}, {second}, start, stop)")
        else:
            assert isinstance(work, Draw)
            rows = ", start, stop" if self.group.rows else ""
            self.line(
                f"keep_mask({self.names[work.out]}, {self.names[work.key]}, {work.rate}{rows})"
            )
        return self.lines

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def _for(self, axis: Var, is_row: bool) -> None:
        name = (
            _LETTERS[len(self.vars) - 1]
            if len(self.vars) <= len(_LETTERS)
            else f"i{len(self.vars)}"
        )
        self.vars[axis] = name
        limits = "start, stop" if is_row else str(axis.extent)
        self.line(f"for {name} in range({limits}):")
        self.depth += 1

    def _nest(self, nest: Nest) -> None:
        for value in walked(nest.values()):
            for part in value.parts:
                self.uses[part] = self.uses.get(part, 0) + 1
        for store in nest.stores:
            self.uses[store.value] = self.uses.get(store.value, 0) + 1
        for _, value in nest.totals:
            self.uses[value] = self.uses.get(value, 0) + 1
        for axis in nest.axes[: nest.depth]:
            self._for(axis, axis is nest.row)
        outer = self.depth
        for total, _ in nest.totals:
            self.count += 1
            name = {"+": "total", "max": "largest", "min": "smallest"}[total.combine]
            self.known[total] = name if self.count == 1 else f"{name}_{self.count}"
            self.line(f"{self.known[total]} = {_number(total.start)}")
        for axis in nest.axes[nest.depth :]:
            self._for(axis, axis is nest.row)
        for value in walked([store.value for store in nest.stores]):
            if not isinstance(value, Total):
                self._shortened(value)
        for store in nest.stores:
            self._store(store)
        for total, value in nest.totals:
            name, text = self.known[total], self.value(value)
            if total.combine == "+":
                self.line(f"{name} += {text}")
            else:
                self.line(f"{name} = np.{total.combine}imum({name}, {text})")
        self.depth = outer
        for store in nest.results:
            self._store(store)

    def _store(self, store: Store) -> None:
        sign = "+=" if store.adds else "="
        value = self.value(store.value)
        self.line(f"{self._at(store.array, store.place)} {sign} {_bare(value)}")

    def _at(self, array: Array, place: Affine) -> str:
        index = split_place(place, array.shape)
        if index is None:
            return f"{self.names[array]}.flat[{self._place(place)}]"
        inside = ", ".join(map(self._place, index)) or "()"
        return f"{self.names[array]}[{inside}]"

    def _place(self, place: Affine) -> str:
        terms = []
        for var, factor in place.terms:
            name = self.vars.get(var) or self.value(var.chosen)
            terms.append(name if factor == 1 else f"{factor} * {name}")
        if place.constant or not terms:
            terms.append(str(place.constant))
        return " + ".join(terms).replace("+ -", "- ")

    def _shortened(self, value: Scalar) -> None:
        """Remember the text of a value; what it is made of has been remembered."""
        self.texts[value] = self.value(value)

    def value(self, value: Scalar) -> str:
        """Write a value; one that is used twice gets a name."""
        if value in self.known:
            return self.known[value]
        if value in self.texts:
            return self.texts[value]
        text = self._text(value)
        is_short = isinstance(value, Constant | Load | Number)
        again = self.uses.get(value, 0) > 1 and not is_short
        if again or isinstance(value, Chosen) or (not is_short and len(text) > _LONG):
            self.count += 1
            name = f"v{self.count}"
            self.line(f"{name} = {_bare(text)}")
            self.known[value] = text = name
        return text

    def _text(self, value: Scalar) -> str:
        if isinstance(value, Constant):
            return _number(value.value)
        if isinstance(value, Load):
            return self._at(value.array, value.place)
        if isinstance(value, Number):
            return f"({self._place(value.place)})"
        if isinstance(value, Convert):
            return f"np.{value.dtype.name.replace('bool', 'bool_')}({_bare(self.value(value.of))})"
        if isinstance(value, Chosen):
            inside = _bare(self.value(value.of))
            return inside if value.axis < 0 else f"range({value.var.extent})[{inside}]"
        assert isinstance(value, Apply)
        parts = [self.value(part) for part in value.arguments]
        if value.name in _SIGNS and len(parts) == 2:
            return f"({parts[0]} {_SIGNS[value.name]} {parts[1]})"
        if value.name == "negative":
            return f"(-{parts[0]})"
        return f"np.{value.name}({', '.join(map(_bare, parts))})"

    def _product(self, work: Product) -> None:
        for axis in work.axes:
            self._for(axis, not work.by_rows and axis is work.axes[0] and bool(self.group.rows))
        m, n, k = work.sizes
        by_rows = work.by_rows and self.group.rows
        rows = "start:stop" if by_rows else ":"
        c, a, b = (
            self._matrix(block, size)
            for block, size in ((work.c, (m, n)), (work.a, (m, k)), (work.b, (k, n)))
        )
        self.line(f"{c}[{rows}] = {a}[{rows}] @ {b}" if by_rows else f"{c}[...] = {a} @ {b}")

    def _matrix(self, block: Block, size: tuple[int, int]) -> str:
        """Write a matrix that lies in an array."""
        name, shape = self.names[block.array], block.array.shape
        plain = block.place == Affine()
        if plain and shape == size and block.strides[1] == 1:
            return name
        if plain and shape == size[::-1] and block.strides[0] == 1:
            return f"{name}.T"
        item = block.array.dtype.itemsize
        strides = tuple(s * item for s in block.strides)
        start = self._place(block.place)
        flat = f"{name}.reshape(-1)[{start}:]"
        return f"np.lib.stride_tricks.as_strided({flat}, {size}, {strides})"


def _bare(text: str) -> str:
    """Leave out parentheses around everything."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0 and k < len(text) - 1:
            return text
    return text[1:-1]


def _number(value: Any) -> str:
    if isinstance(value, np.bool_):
        return str(bool(value))
    if value.dtype.kind != "f":
        return f"np.{value.dtype.name}({int(value)})" if value < 0 else str(int(value))
    if not np.isfinite(value):
        return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return str(value) if value.dtype == np.float32 else repr(float(value))
