"""What the variables of generated text are called."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Callable, Iterable

from clearprop.graph import Node
from clearprop.source.program import Program

#: What a value that has no name is called after: `total` of `x + b`, `log_p` of `np.log(p)`.
NOUNS = {
    "absolute": "abs",
    "add": "total",
    "astype": "cast",
    "bitwise_and": "mask",
    "bitwise_or": "mask",
    "broadcast_to": "repeated",
    "divide": "quotient",
    "equal": "mask",
    "getitem": "part",
    "greater": "mask",
    "greater_equal": "mask",
    "isnan": "mask",
    "less": "mask",
    "less_equal": "mask",
    "matmul": "product",
    "multiply": "product",
    "negative": "minus",
    "not_equal": "mask",
    "subtract": "difference",
    "unindex": "spread",
    "where": "choice",
}


class Names:
    """The variables of a module: none is given twice.

    Parameters
    ----------
    program : Program
    taken : iterable of str
        What no variable may be called.
    same : callable
        Gives the node that is written in the place of another.
    """

    def __init__(
        self, program: Program, taken: Iterable[str], same: Callable[[Node], Node]
    ) -> None:
        self.program = program
        self.taken = set(taken)
        self.same = same
        self.of: dict[Node, str] = {}
        self._next: dict[str, int] = {}

    def unique(self, wanted: str) -> str:
        """Give an identifier like the one wanted that nobody has yet."""
        wanted = unicodedata.normalize("NFKC", wanted)  # as Python reads identifiers: x² is x2
        if not wanted.isidentifier():
            wanted = "".join(c if f"_{c}".isidentifier() else "_" for c in wanted).strip("_") or "x"
        if not wanted.isidentifier() or keyword.iskeyword(wanted):
            wanted = f"x_{wanted}"
        name, number = wanted, self._next.get(wanted, 2)
        while name in self.taken:
            name, number = f"{wanted}_{number}", number + 1
        self._next[wanted] = number
        self.taken.add(name)
        return name

    def give(self, node: Node, backward: bool) -> str:
        """Name a node."""
        name = self.of[node] = self.unique(self.wanted(node, backward))
        return name

    def wanted(self, node: Node, backward: bool) -> str:
        """Say how a node is named: as by the user, ``d`` and that, or after its operation."""
        of = self.program.cotangents.get(node) if backward else None
        if of is not None:
            name = self.of.get(of) or self.program.name_of(of) or self._noun(of)
            return f"d{name.rstrip('_')}"  # dsum of sum_
        if node is self.program.output and not backward:
            return self.program.name_of(node) or ("out" if "y" in self.taken else "y")
        return (None if backward else self.program.name_of(node)) or self._noun(node)

    def is_named(self, node: Node, backward: bool) -> bool:
        """Whether a node has a name that the user gave, or that comes from such a name."""
        of = self.program.cotangents.get(node) if backward else node
        return of is not None and (of in self.of or self.program.name_of(of) is not None)

    def _noun(self, node: Node) -> str:
        """Call a value after its operation, and after its operand where it is but one."""
        noun = NOUNS.get(node.operation, node.operation)
        if node.operation == "sum" and _counts(self.same(self.program.same(node.inputs[0]))):  # type: ignore[arg-type]
            return "count"
        operands = [
            self.of.get(self.same(self.program.same(n))) for n in node.inputs if n is not None
        ]
        name = operands[0] if len(operands) == 1 else None
        if noun != "mask" and name is not None and name.count("_") < 2:
            return f"{noun}_{name}"
        return f"{noun}_" if hasattr(builtins, noun) else noun


def _counts(node: Node) -> bool:
    return not isinstance(node.dtype, tuple) and node.dtype == bool
