"""Why a derivative is zero: from the value along its uses, to where the gradient stopped.

At each use the rule is applied to the gradient that arrived there, and once more to one that is
nowhere zero. What is zero for both was stopped by this operation; what is zero for the first alone
arrived as zero, and the search goes on behind the operation.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.explain.causes import cause
from clearprop.graph import Node
from clearprop.kinds import Elementwise
from clearprop.places import Line
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.sweep import pull

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph

_SHOWN = 12  # paths in the text; `paths` has them all


class DeadPath:
    """One way from the value to where its gradient stopped.

    Attributes
    ----------
    nodes : tuple of Node
        From the value to the operation that stopped the gradient.
    names : tuple of str
        The same, by variable where they have one, else by operation.
    line : Line or None
        Where the last operation stands.
    reason : str
    elements : int
        How many elements of the last operand were stopped there.
    """

    def __init__(
        self,
        nodes: tuple[Node, ...],
        names: tuple[str, ...],
        line: Line | None,
        reason: str,
        elements: int,
    ) -> None:
        self.nodes = nodes
        self.names = names
        self.line = line
        self.reason = reason
        self.elements = elements

    def __str__(self) -> str:
        route = " → ".join(_shortened(self.names))
        where = "" if self.line is None else f" [{self.line}]"
        return f"{route}: {self.reason}{where}"

    def __repr__(self) -> str:
        return f"<DeadPath {self}>"


class WhyZero:
    """What `Gradients.why_zero` found; ``str`` of it is the explanation.

    Attributes
    ----------
    name : str
        Of the value.
    zeros, size : int
        How many elements of its derivative are zero, and how many there are.
    paths : list of DeadPath
        Where the gradient stopped, in the order of the program. Empty where nothing is zero.
    """

    def __init__(self, name: str, derivative: Any, paths: list[DeadPath]) -> None:
        self.name = name
        self.derivative = derivative
        self.size = int(np.size(derivative))
        self.zeros = self.size - int(np.count_nonzero(derivative))
        self.paths = paths

    @property
    def is_zero(self) -> bool:
        """Whether the derivative is zero in every element."""
        return self.zeros == self.size

    def __str__(self) -> str:
        lines = [self._first_line()]
        lines += [f"  {path}" for path in self.paths[:_SHOWN]]
        if len(self.paths) > _SHOWN:
            lines.append(f"  … and {len(self.paths) - _SHOWN} more, in .paths")
        return "\n".join(lines)

    __repr__ = __str__

    def _first_line(self) -> str:
        what = f"The derivative with respect to {self.name}"
        if not self.size:
            return f"{what} has no elements."
        if not self.zeros:
            d = np.asarray(self.derivative)
            shown = f"it is {d.min():.6g}"
            if d.min() != d.max():
                shown = f"its elements go from {d.min():.6g} to {d.max():.6g}"
            return f"{what} is not zero: {shown}."
        if not np.ndim(self.derivative):
            return f"{what} is 0:"
        if self.is_zero:
            return f"{what} is 0 in all {self.size} elements:"
        return f"{what} is 0 in {self.zeros} of {self.size} elements, {self._which()}:"

    def _which(self) -> str:
        found = np.argwhere(np.asarray(self.derivative) == 0).tolist()
        shown = ", ".join(f"{self.name}{index}" for index in found[:3])
        return shown + (", …" if len(found) > 3 else "")


def why_zero(gradients: Gradients, key: Any) -> WhyZero:
    """Find out why the derivative of a value is zero; see `Gradients.why_zero`."""
    graph = gradients.graph
    node = graph.find(*key) if isinstance(key, tuple) else graph.find(key)
    derivative = gradients[node]
    search = _Search(gradients, node)
    zero = np.asarray(derivative) == 0
    if zero.any():
        with np.errstate(all="ignore"):
            search.run(zero)
    return WhyZero(search.name(node), derivative, search.paths)


class _Search:
    """The way forward from a value, through all that was computed from it."""

    def __init__(self, gradients: Gradients, start: Node) -> None:
        self.graph: Graph = gradients.graph
        self.cotangents = gradients._cotangents
        self.start = start
        self.paths: list[DeadPath] = []
        self.outputs = set(self.graph.outputs)
        self.users: dict[Node, list[tuple[Node, int]]] = {}
        for node in self.graph.nodes:
            for position, source in enumerate(node.inputs):
                if source is not None:
                    self.users.setdefault(source, []).append((node, position))
        self.came_from: dict[Node, Node] = {}
        self.masks: dict[Node, Any] = {}
        self.queue: list[tuple[int, Node]] = []

    def run(self, zero: Any) -> None:
        self.masks[self.start] = zero
        self.queue = [(self.start.index, self.start)]
        while self.queue:  # by number: all that leads to a node has been seen before it
            _, node = heappop(self.queue)
            self._from(node, self.masks.pop(node))

    def name(self, node: Node) -> str:
        """Give the variable of a node, else its operation."""
        return self.graph.name_of(node) or node.label or node.operation

    def _from(self, node: Node, zero: Any) -> None:
        """Say for the elements of a node whose derivative is zero what stopped it, or go on."""
        users = self.users.get(node, [])
        if not node.active:
            self._stopped(node, None, f"{node.dtype} has no derivative", zero)
        elif node in self.outputs and not np.all(self._arrived(node)):
            self._stopped(node, None, "the dy that backward() was given is 0 there", zero)
        elif not users and node not in self.outputs:
            self._unused(node, zero)
        if node.primitive is not None and node.primitive.outputs > 1:
            for user, _ in users:
                self._go_on(node, user, self._zeros(user))
            return
        given: list[tuple[Node, Any]] = []
        for user, position in users if node.active else []:
            contribution = self._through(node, user, position, zero)
            if contribution is not None:
                given.append((user, contribution))
        self._cancelled(node, zero, given)

    def _through(self, node: Node, user: Node, position: int, zero: Any) -> Any:
        """Follow one use; give what it contributes to the derivative, if anything."""
        primitive = user.primitive
        assert primitive is not None
        rule = primitive.rule(position)
        if primitive is PROJECTION:
            self._go_on(node, user, self._zeros(user))
            return None
        if primitive.no_derivative or rule is None or not user.active:
            self._stopped(node, user, cause(user, position, zero), zero)
            return None

        def pulled(dy: Any) -> Any:
            return np.asarray(pull(user, position, rule, dy, False))

        dense = self._dense(user)
        stopped = zero & (pulled(dense) == 0)
        if stopped.any():
            self._stopped(node, user, cause(user, position, stopped), stopped)
        if user not in self.cotangents:
            self._go_on(node, user, self._zeros(user))
            return None
        contribution = pulled(self.cotangents[user])
        silent = zero & ~stopped & (contribution == 0)
        # What arrives, with all that is not 0 in it made to add up to something.
        arrives = silent & (pulled(self._where_any(user, dense)) != 0)
        if arrives.any():
            self._stopped(node, user, self._vanished(user, position), arrives)
        behind = silent & ~arrives
        if behind.any():
            if primitive.outputs > 1 and self._any_part(user):
                reason = "what arrives at its results does not depend on this input"
                self._stopped(node, user, reason, behind)
            mask = self._zeros(user)
            if isinstance(primitive.kind, Elementwise) and primitive.outputs == 1:
                mask = mask & np.broadcast_to(behind, user.shape)
            self._go_on(node, user, mask)
        return contribution

    def _vanished(self, user: Node, position: int) -> str:
        """Say why the product of two numbers that are not 0, or a sum of such, is 0."""
        source = user.inputs[position]
        assert user.primitive is not None
        assert source is not None
        if isinstance(user.primitive.kind, Elementwise) and user.shape == source.shape:
            return (
                f"underflow: what arrives here, times the derivative of {user.operation}, is "
                f"smaller than the smallest {user.dtype}"
            )
        return f"the contributions of the elements of its result, {user.shape}, cancel"

    def _cancelled(self, node: Node, zero: Any, given: list[tuple[Node, Any]]) -> None:
        parts = [(user, c) for user, c in given if (c[zero] != 0).any()]
        if not parts:
            return
        mask = zero & np.logical_or.reduce([c != 0 for _, c in parts])
        index = tuple(np.argwhere(mask)[0]) if np.ndim(mask) else ()
        sums = [f"{c[index]:+.6g} by {self._described(user)}" for user, c in parts if c[index] != 0]
        at = f" (here for element {[int(i) for i in index]})" if index else ""
        reason = f"its {len(sums)} contributions cancel: {' and '.join(sums)}{at}"
        self._stopped(node, None, reason, mask)

    def _described(self, user: Node) -> str:
        line = self.graph.line_of(user)
        name = self.graph.name_of(user)
        what = f"{user.operation} ({name})" if name else user.operation
        return what if line is None else f"{what} in line {line.number}"

    def _unused(self, node: Node, zero: Any) -> None:
        name = self.graph.name_of(node) or node.label
        if node is self.start:
            reason = (
                "not used by the output: nothing on the record is computed from it "
                "(what is computed from .value is not recorded)"
            )
        else:
            reason = f"{name or 'the result'} is not used by the output"
        self._stopped(node, None, reason, zero)

    def _stopped(self, node: Node, user: Node | None, reason: str, mask: Any) -> None:
        route = [node]
        while route[-1] is not self.start:
            route.append(self.came_from[route[-1]])
        route.reverse()
        nodes = [*route, *([user] if user is not None else [])]
        named = [n for n in nodes if n.primitive is not PROJECTION and n.primitive is not ALIAS]
        last = nodes[-1]
        names = [self.name(n) for n in named]
        if user is not None:  # the operation is what matters here, not how its result is called
            names[-1] = user.operation
        self.paths.append(
            DeadPath(
                tuple(nodes),
                tuple(names),
                self.graph.line_of(last),
                reason,
                int(np.count_nonzero(mask)),
            )
        )

    def _go_on(self, node: Node, user: Node, mask: Any) -> None:
        if user in self.masks:
            self.masks[user] = self.masks[user] | mask
            return
        self.masks[user] = mask
        self.came_from[user] = node
        heappush(self.queue, (user.index, user))

    def _arrived(self, node: Node) -> Any:
        found = self.cotangents.get(node)
        return np.zeros(node.shape, node.dtype) if found is None else np.asarray(found)

    def _zeros(self, node: Node) -> Any:
        """Mark the elements at which the gradient that arrives is 0."""
        assert node.primitive is not None
        if node.primitive.outputs > 1:
            return np.asarray(True)
        return np.asarray(self._arrived(node) == 0)

    def _where_any(self, node: Node, dense: Any) -> Any:
        """Give a gradient that is 0 just where that which arrives is."""
        arrived = self.cotangents[node]
        if isinstance(dense, dict):
            return {i: np.where(part != 0, dense[i], 0)[()] for i, part in arrived.items()}
        return np.where(arrived != 0, dense, 0).astype(node.dtype)[()]

    def _any_part(self, node: Node) -> bool:
        """Whether anything arrives at one of several outputs."""
        return any(np.any(part != 0) for part in self.cotangents.get(node, {}).values())

    def _dense(self, node: Node) -> Any:
        """Give a gradient that is nowhere 0, and cancels nowhere."""
        assert node.primitive is not None
        rng = np.random.default_rng(0)

        def one(shape: Any, dtype: Any) -> Any:
            return np.asarray(rng.uniform(0.5, 1.5, shape), dtype)[()]

        if node.primitive.outputs == 1:
            return one(node.shape, node.dtype)
        forms = enumerate(zip(node.shape, node.dtype, strict=True))
        return {i: one(shape, dtype) for i, (shape, dtype) in forms}


def _shortened(names: tuple[str, ...]) -> list[str]:
    if len(names) <= 8:
        return list(names)
    return [*names[:3], f"… {len(names) - 6} more …", *names[-3:]]
