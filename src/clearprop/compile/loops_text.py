"""The lines of one work of a group: loops in Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.compile.affine import Affine, Var, strides_of
from clearprop.compile.elements import split_place
from clearprop.compile.fourier import TRANSFORM
from clearprop.compile.grouping import Group
from clearprop.compile.nests import (
    Block,
    Draw,
    Factored,
    Fourier,
    Nest,
    Packing,
    Product,
    Store,
    Windows,
    Work,
    walked,
)
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
from clearprop.primitive import PRIMITIVES
from clearprop.source.expressions import Helpers
from clearprop.source.literals import literal

_SIGNS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "less": "<", "less_equal": "<=",
    "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=", "floor_divide": "//",
    "remainder": "%", "bitwise_and": "&", "bitwise_or": "|", "bitwise_xor": "^", "power": "**",
}  # fmt: skip
_LONG = 90  # characters of an expression that gets a line of its own
_LETTERS = "ijklmnpqrs"


class Lines:
    """The lines of one work.

    Parameters
    ----------
    names : dict of Array to str
    group : Group
    helpers : Helpers
        Gets the functions that the lines call and NumPy has not.
    """

    def __init__(self, names: dict[Array, str], group: Group, helpers: Helpers) -> None:
        self.names = names
        self.group = group
        self.helpers = helpers
        self.taken = set(names.values())
        self.letters: Iterator[str] = (c for c in _LETTERS if c not in self.taken)
        self.shard = f"first // {max(group.shard_rows, 1)}"
        self.vars: dict[Var, str] = {group.shard: self.shard}
        self.known: dict[Scalar, str] = {}
        self.texts: dict[Scalar, str] = {}
        self.uses: dict[Scalar, int] = {}
        self.lines: list[str] = []
        self.depth = 0

    def of(self, work: Work) -> list[str]:
        """Write a work."""
        if isinstance(work, Nest):
            self._nest(work)
        elif isinstance(work, Product):
            self._product(work)
        elif isinstance(work, Packing):
            _, n, k = work.product.sizes
            self.line(f"pass  # machine code copies it in the order in which it is read ({k}, {n})")
        elif isinstance(work, Windows):
            self._windows(work)
        elif isinstance(work, Factored):
            self._factored(work)
        elif isinstance(work, Fourier):
            self._fourier(work)
        else:
            assert isinstance(work, Draw)
            self._draw(work)
        return self.lines

    def _draw(self, work: Draw) -> None:
        """Write numbers from a key: all of them, and of these the rows."""
        rows = "[start:stop]" if self.group.rows else ""
        is_mask = work.name == "keep_mask"
        how = f"rate={work.rate!r}" if is_mask else f"dtype={literal(work.out.dtype)}"
        how += f", first={work.first}" if work.first else ""
        made = f"{self._called(work.name)}({self.names[work.key]}, shape={work.out.shape}, {how})"
        self.line(f"{self.names[work.out]}[{rows[1:-1] or '...'}] = {made}{rows}")

    def _windows(self, work: Windows) -> None:
        """Write a convolution of some samples; what is a sum over samples gets their part."""
        out, first, second = (self.names[a] for a in (work.out, work.first, work.second))
        rows = "[start:stop]" if self.group.rows else ""
        given = [first + rows, second + (rows if work.target == "W" else "")]
        name = "conv2d" if work.target == "y" else f"conv2d_{work.target}"
        how = dict(work.attributes)
        if work.target == "x":
            samples = "stop - start" if rows else str(work.out.shape[0])
            shape = f"({', '.join([samples, *map(str, work.out.shape[1:])])})"
        else:
            shape = str(work.out.shape[-4:])
        how.pop("shape", None)
        texts = [*given, *([f"shape={shape}"] if work.target != "y" else [])]
        texts += [f"{key}={literal(value)}" for key, value in how.items()]
        made = f"{self._called(name)}({', '.join(texts)})"
        if work.target != "W":
            self.line(f"{out}[{rows[1:-1] or '...'}] = {made}")
        elif work.out in self.group.parts:
            self.line(f"{out}[{self.shard}] += {made}")
        else:
            self.line(f"{out}[...] = {made}")

    def _called(self, name: str) -> str:
        """Give what a primitive is called in the module, which gets its text."""
        return self.helpers.name(name, PRIMITIVES[name].function)

    def line(self, text: str) -> None:
        """Write a line inside the loops that are open."""
        self.lines.append("    " * self.depth + text)

    def _for(self, axis: Var, is_row: bool) -> None:
        name = self.vars[axis] = next(self.letters, "") or self._free("i_1")
        limits = "start, stop" if is_row else str(axis.extent)
        self.line(f"for {name} in range({limits}):")
        self.depth += 1

    def _free(self, stem: str) -> str:
        """Give a name that nothing else has in this work."""
        name, count = stem, 1
        while name in self.taken:
            count += 1
            name = f"{stem.removesuffix('1')}{'' if stem[-1] == '1' else '_'}{count}"
        self.taken.add(name)
        return name

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
            name = {"+": "total", "max": "largest", "min": "smallest"}[total.combine]
            self.known[total] = name = self._free(name)
            self.line(f"{name} = {number(total.start)}")
        for axis in nest.axes[nest.depth :]:
            self._for(axis, axis is nest.row)
        for value in walked([store.value for store in nest.stores]):
            if not isinstance(value, Total):
                self._shortened(value)
        for store in nest.stores:
            self._store(store)
        for total, value in nest.totals:
            name, text = self.known[total], _bare(self.value(value))
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
            factored = f"{factor} * ({name})" if " " in name else f"{factor} * {name}"
            terms.append(name if factor == 1 else factored)
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
            name = self._free("v1")
            self.line(f"{name} = {_bare(text)}")
            self.known[value] = text = name
        return text

    def _text(self, value: Scalar) -> str:
        if isinstance(value, Constant):
            return number(value.value)
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
        called = f"np.{value.name}" if hasattr(np, value.name) else self._called(value.name)
        return f"{called}({', '.join(map(_bare, parts))})"

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

    def _factored(self, work: Factored) -> None:
        for axis in work.axes:
            self._for(axis, axis is work.axes[0] and bool(self.group.rows))
        given = ", ".join(self._part(block, shape) for block, shape in work.inputs)
        form = work.out.array.shape[len(work.out.array.shape) - len(work.out.strides) :]
        out = self._part(work.out, form)
        whole = "[...]" if out == self.names[work.out.array] else ""
        self.line(f"{out}{whole} = np.linalg.{work.name}({given})")

    def _fourier(self, work: Fourier) -> None:
        for axis in work.axes:
            self._for(axis, axis is work.axes[0] and bool(self.group.rows))
        given = [
            "0.0" if block is None else self._line(block, (work.n,)) for block in (work.re, work.im)
        ]
        how = "".join(
            f", {name}={value!r}"
            for name, value in (("inverse", work.inverse), ("norm", work.norm))
            if value
        )
        called = self.helpers.name(TRANSFORM.name, TRANSFORM.function)
        out = self._line(work.out, (2, work.n))
        whole = "" if out.endswith("]") and not out.startswith("np.") else "[...]"
        self.line(f"{out}{whole} = {called}({given[0]}, {given[1]}{how})")

    def _line(self, block: Block, form: tuple[int, ...]) -> str:
        """Write some axes of an array, or whatever lies in it otherwise."""
        shape = block.array.shape
        index = split_place(block.place, shape)
        at = [] if index is None else list(map(self._place, index))
        first = 0
        for length, step in zip(form, block.strides, strict=True):
            steps = strides_of(shape)[first:]
            k = first + steps.index(step) if step in steps else len(shape)
            if index is None or k == len(shape) or shape[k] != length or index[k] != Affine():
                return self._part(block, form)
            at[k], first = ":", k + 1
        return f"{self.names[block.array]}[{', '.join(at)}]"

    def _part(self, block: Block, form: tuple[int, ...]) -> str:
        """Write the last axes of an array, their transpose, or whatever lies in it otherwise."""
        name, shape = self.names[block.array], block.array.shape
        index = split_place(block.place, shape)
        rank = len(form)
        there, steps = shape[len(shape) - rank :], strides_of(shape)[len(shape) - rank :]
        if index is not None and all(i == Affine() for i in index[len(shape) - rank :]):
            at = ", ".join(map(self._place, index[: len(shape) - rank]))
            for turn, letter in ((1, ""), (-1, ".T")):
                found = zip(there[::turn], steps[::turn], strict=True)
                own = zip(form, block.strides, strict=True)
                if there[::turn] == form and all(
                    n == 1 or s == t for (n, s), (_, t) in zip(own, found, strict=True)
                ):
                    return f"{name}[{at}]{letter}" if at else f"{name}{letter}"
        item = block.array.dtype.itemsize
        strides = tuple(s * item for s in block.strides)
        flat = f"{name}.reshape(-1)[{self._place(block.place)}:]"
        return f"np.lib.stride_tricks.as_strided({flat}, {form}, {strides})"

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


def number(value: Any) -> str:
    """Write a number that takes the dtype of what it meets."""
    if isinstance(value, np.bool_):
        return str(bool(value))
    if value.dtype.kind != "f":
        return f"np.{value.dtype.name}({int(value)})" if value < 0 else str(int(value))
    if not np.isfinite(value):
        return "np.nan" if np.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return str(value) if value.dtype == np.float32 else repr(float(value))
