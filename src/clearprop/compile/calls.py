"""What a program leaves to Python: NumPy calls, and loops of another program."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.compile import forms
from clearprop.compile.elements import is_fixed, weak_number
from clearprop.compile.steps import Steps
from clearprop.errors import ShapeError
from clearprop.graph import Node
from clearprop.places import line_of

if TYPE_CHECKING:
    from clearprop.compile.program import Program


class NumpyCall:
    """A node that remains a NumPy call, without what its first call computed."""

    def __init__(self, node: Node) -> None:
        primitive = node.primitive
        assert primitive is not None
        self.primitive = primitive
        self.attributes = node.attributes
        self.place = node.place
        self.shape, self.dtype = node.shape, node.dtype
        self.operands: list[tuple[Node | None, Any]] = []
        self.weak: set[int] = set()  # positions of floats that take the dtype of the others
        for position, (source, value) in enumerate(zip(node.inputs, node.operands, strict=True)):
            number = weak_number(node, position) if forms.promotes(node) else None
            if number is not None and is_fixed(node, position):
                self.operands.append((None, number))
                continue
            self.operands.append((source, value if source is None else None))
            self.weak |= set() if number is None else {position}

    def __call__(self, value_of: Callable[[Node], Any]) -> Any:
        """Call it with the values of the nodes that it reads."""
        given = [value if source is None else value_of(source) for source, value in self.operands]
        given = [a[()] if isinstance(a, np.ndarray) and not a.shape else a for a in given]
        for position in self.weak:
            given[position] = float(given[position])
        y = self.primitive.implementation(*given, **self.attributes)
        several = self.primitive.outputs > 1
        shape = tuple(map(np.shape, y)) if several else np.shape(y)
        if shape != self.shape:
            raise ShapeError(
                f"{self.primitive.name} gave shape {shape}; "
                f"this program was compiled for {self.shape}.",
                where=None if (line := line_of(self.place)) is None else str(line),
                why="The shape depends on values, and a compiled program has the shapes of "
                "its first call.",
                write="np.where(mask, x, 0) in place of x[mask], or the function uncompiled.",
            )
        return tuple(_own(part, given) for part in y) if several else _own(y, given)


class LoopCall(NumpyCall):
    """A loop: a program of its own is one step, which runs many times.

    Parameters
    ----------
    node : Node
    program : Program
        Its result is a pair: what a step hands on, and what it gives besides.
    """

    def __init__(self, node: Node, program: Program) -> None:
        super().__init__(node)
        body = node.attributes["body"]
        self.program = program
        self.count = body.count
        self.carried, self.rows = len(body.carried), body.rows
        self.attributes = {}  # its nodes have served
        self._steps = Steps(program, self.carried, self.rows)

    def __call__(self, value_of: Callable[[Node], Any]) -> Any:
        """Run all steps: in machine code, or one by one where they hold NumPy calls."""
        given = [value if source is None else value_of(source) for source, value in self.operands]
        if self._steps.fit:
            return tuple(map(np.asarray, self._steps.run(self.count, given)))
        end = self.carried + self.rows
        carried, rows, same = given[: self.carried], given[self.carried : end], given[end:]
        kept = [np.empty(shape, dtype) for shape, dtype in self.given]
        for k in range(self.count):
            carried, ys = self.program([*carried, *(row[k] for row in rows), *same])
            for array, y in zip(kept, ys, strict=True):
                array[k] = y
        return tuple(map(np.asarray, (*carried, *kept)))

    @property
    def given(self) -> list[tuple[Any, Any]]:
        """Shape and dtype of what has a row for each step."""
        return list(zip(self.shape, self.dtype, strict=True))[self.carried :]


def _own(value: Any, given: list[Any]) -> Any:
    """Give a value in C order and in memory of its own: that of the others is used again."""
    parts = [g for g in given if isinstance(g, np.ndarray)]
    is_shared = any(np.may_share_memory(value, part) for part in parts)
    return np.array(value, order="C") if is_shared else np.asarray(value, order="C")
