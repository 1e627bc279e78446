"""Where the text adds in place, as the sweep does: what comes from ``x[i]`` into the gradient of x.

The sweep adds the gradient of ``x[i]`` into the total that there is. Written as an array of zeros
with some elements, added to the total, it would be another order of sums, and longer.
"""

from __future__ import annotations

from clearprop.graph import Node
from clearprop.source.program import Program
from clearprop.source.simplify import users_of

#: Operations whose result is a new array, which nobody else holds.
_NEW = {"add", "subtract", "multiply", "divide", "negative", "matmul", "where", "unindex"}


class Accumulation:
    """The sums of a backward pass that are made in place.

    Attributes
    ----------
    into : dict of Node to Node
        For each such sum what is added, a scatter that is not written itself.
    final : dict of Node to Node
        For what such a sum is made in: the last sum, after which the variable is named.
    """

    def __init__(self, program: Program, results: set[Node]) -> None:
        self.program = program
        backward = [node for node in program.backward if node.primitive is not None]
        users = users_of(program, backward)
        self.into: dict[Node, Node] = {}
        self.final: dict[Node, Node] = {}
        members: dict[Node, Node] = {}
        for node in backward:
            total, added = self._parts(node)
            if total is None or added is None or added in results or len(users[added]) > 1:
                continue
            self.into[node] = added
            is_ours = total in program.cotangents or total.stage is not None or total in self.into
            alone = len(users[total]) == 1 and total not in results
            if alone and is_ours and (total.operation in _NEW) and total in set(backward):
                members[total] = node
        for node in members:
            last = node
            while last in members:
                last = members[last]
            self.final[node] = last
        self.scatters = set(self.into.values())

    def _parts(self, node: Node) -> tuple[Node | None, Node | None]:
        """Give the total and the scatter that a sum of the sweep adds to it."""
        if node.operation != "add" or node.stage is not None or None in node.inputs:
            return None, None
        total, added = (self.program.same(source) for source in node.inputs if source is not None)
        if added.operation != "unindex" or added.stage is None or total is added:
            return None, None
        if added.stage[0].operation != "getitem" or total.dtype != node.dtype:
            return None, None
        return total, added
