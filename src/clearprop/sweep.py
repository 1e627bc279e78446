"""The backward sweep: from a cotangent of the output to the cotangents of the leaves.

Broadcasting is undone here and dtypes are repaired here, once, so that a rule is pure calculus.
The sweep visits nodes by falling number, so that a node is visited after everything computed
from it; it does not recurse. Where a higher derivative is asked for, the rules run on Tensors and
are recorded like any other code.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError, LostGradientError, OrderError, ShapeError
from clearprop.explain.watching import looking
from clearprop.graph import GONE, NO_ATTRIBUTES, Leaf, Node, ShortNode, TracedNode
from clearprop.leaves import seed
from clearprop.places import current_line
from clearprop.plumbing import ALIAS, PROJECTION
from clearprop.primitive import Primitive
from clearprop.rule import Rule
from clearprop.rules import shape as shape_rules
from clearprop.rules.complex import real_part
from clearprop.tensor import Tensor


def sweep(
    seeds: Iterable[tuple[Node, Any]],
    *,
    start: int = 0,
    recorded: bool = False,
    release: bool = False,
    forget: bool = False,
    keep_all: bool = False,
) -> dict[Node, Any]:
    """Propagate cotangents to the leaves.

    Parameters
    ----------
    seeds : pairs of node and cotangent
    start : int
        Nodes with smaller numbers belong to an outer record and are not entered.
    recorded : bool
        Run the rules on Tensors, so that the sweep itself can be differentiated.
    release : bool
        Let go of what each node kept, once it has been visited.
    forget : bool
        The same on a record that a program is made of, where constants are still needed.
    keep_all : bool
        Give the cotangents of all nodes, not of the leaves alone.

    Returns
    -------
    dict of Node to array or Tensor
    """
    look = looking()  # None but inside cp.debug_nans
    take = pull if look is None else look.at(pull)
    slow = recorded or look is not None
    pending = _Pending(start, recorded)
    add, queue, cotangents = pending.add, pending.queue, pending.cotangents
    for node, dy in seeds:
        add(node, dy)
    while queue:
        node = heappop(queue)[1]
        dy = cotangents[node] if keep_all else cotangents.pop(node)
        primitive = node.primitive
        assert primitive is not None
        if primitive is PROJECTION:
            source = node.inputs[0]
            assert source is not None
            if source.index >= start:
                add(source, {node.attributes["i"]: dy})
            continue
        if isinstance(node, ShortNode) and not slow and not primitive.overwrites:
            if node.first is GONE:
                raise _let_go()
            source = node.left
            if source is not None and source.index >= start and source.active:
                pending.pull(node, primitive, 0, source, dy)
            source = node.right
            if source is not None and source.index >= start and source.active:
                pending.pull(node, primitive, 1, source, dy)
        elif not node.operands:
            raise _let_go()
        elif primitive.overwrites and not slow:
            _share_out(pending, node, dy, keep_all)
        else:
            for position, source in enumerate(node.inputs):
                if source is None or source.index < start or not source.active:
                    continue
                if slow:
                    rule = primitive.rule(position)
                    if rule is not None:
                        add(source, take(node, position, rule, dy, recorded))
                else:
                    pending.pull(node, primitive, position, source, dy)
        if release:
            node.let_go()
        elif forget and isinstance(node, TracedNode) and node.tape is not None:
            node.forget()
    if look is not None:
        look.at_sums(cotangents)
    return cotangents


def _share_out(pending: _Pending, node: Node, dy: Any, keep_all: bool) -> None:
    """Pull through a node with a rule that changes dy in place, where dy is nobody else's."""
    primitive = node.primitive
    assert primitive is not None
    is_ours = node in pending.ours and not keep_all
    pending.ours.discard(node)
    inputs = node.inputs
    for position in primitive.overwriting_last(len(inputs)):
        source, rule = inputs[position], primitive.rule(position)
        if source is None or source.index < pending.start or not source.active or rule is None:
            continue
        if rule.over is not None and is_ours:
            arguments, attributes = rule.kept_in(node)
            g = rule.over(dy, *arguments, **attributes)
        else:
            g = _pulled(node, primitive, position, source, rule, dy)
            if is_ours and (g is dy or getattr(g, "base", None) is not None):
                g = g.copy()
        pending.add(source, g, is_ours=rule.over is not None)


def _pulled(
    node: Node, primitive: Primitive, position: int, source: Node, rule: Rule, dy: Any
) -> Any:
    """Apply one rule to plain arrays, by the short way where there is one."""
    if rule.quick is None:
        return pull(node, position, rule, dy, recorded=False)
    g = rule.quick(dy, node)
    if g.shape != source.shape or g.dtype != source.dtype:
        g = fit(g, source.shape, source.dtype, primitive, position)
    return g


class _Pending:
    """The cotangents found so far, and the nodes to visit next, the highest number first."""

    __slots__ = ("cotangents", "ours", "queue", "recorded", "start")

    def __init__(self, start: int, recorded: bool) -> None:
        self.start = start
        self.recorded = recorded
        self.queue: list[tuple[int, Node]] = []  # by the number, which no two nodes share
        self.cotangents: dict[Node, Any] = {}
        self.ours: set[Node] = set()  # whose cotangent nobody else holds: it may be written to

    def pull(self, node: Node, primitive: Primitive, position: int, source: Node, dy: Any) -> None:
        """Apply one rule to plain arrays, and add what it gives."""
        rule = primitive.rules.get(position) or primitive.rule(position)
        if rule is None:
            return
        if rule.into is not None and source.shape:
            self.add_into(source, rule, dy, *rule.kept_in(node))
        else:
            self.add(source, _pulled(node, primitive, position, source, rule, dy))

    def add(self, node: Node, g: Any, is_ours: bool = False) -> None:
        total = self.cotangents.get(node)
        if total is None:
            self.cotangents[node] = g
            primitive = node.primitive
            if primitive is not None and not (
                primitive is ALIAS and node.inputs[0].index < self.start  # type: ignore[union-attr]
            ):
                heappush(self.queue, (-node.index, node))
            if is_ours and type(g) is np.ndarray:
                self.ours.add(node)
        elif node in self.ours:
            total += g
        else:
            total = self.cotangents[node] = _plus(total, g)
            if type(total) is np.ndarray and not self.recorded:
                self.ours.add(node)

    def add_into(
        self, node: Node, rule: Rule, dy: Any, arguments: list[Any], attributes: dict[str, Any]
    ) -> None:
        """Add in place what is 0 nearly everywhere: the gradient of ``x[i]``."""
        total = self.cotangents.get(node)
        if total is None:
            self.add(node, np.zeros(node.shape, node.dtype))
        elif node not in self.ours:
            self.cotangents[node] = total.copy()
        self.ours.add(node)
        assert rule.into is not None
        rule.into(self.cotangents[node], dy, *arguments, **attributes)


def _let_go() -> OrderError:
    return OrderError(
        "backward() through a record that was let go.",
        why="cp.grad frees what it kept as it goes; a value that left the function is empty.",
        write="cp.vjp(f, *args), whose pullback can be called again.",
    )


def pull(node: Node, position: int, rule: Rule, dy: Any, recorded: bool) -> Any:
    """Apply one rule: the cotangent of one operand from the cotangent of the output."""
    primitive, source = node.primitive, node.inputs[position]
    assert primitive is not None
    assert source is not None
    if not primitive.built_in:
        dy = _read_only(dy)
    tape = node.tape if recorded else None
    if primitive.outputs > 1:
        dy = _all_outputs(node, dy)
    stage = tape.stage if tape is not None else None
    if tape is not None:
        tape.stage = (node, position)
    try:
        arguments, attributes = needs_of(node, position, rule, recorded)
        g = rule.function(dy, *arguments, **attributes)
        return fit(g, source.shape, source.dtype, primitive, position)
    except ValueError as error:
        if primitive.built_in or "read-only" not in str(error):
            raise
        raise ClearpropError(
            f"The rule of {primitive.name} for {primitive.operand_name(position)} "
            "wrote into dy, or into what was kept for it.",
            why="Other paths share these arrays.",
            write="return dy * …, a new array; not dy *= ….",
        ) from error
    finally:
        if tape is not None:
            tape.stage = stage


def needs_of(
    node: Node, position: int, rule: Rule, recorded: bool
) -> tuple[list[Any], dict[str, Any]]:
    """Give what a rule takes besides dy."""
    if not recorded:
        return rule.kept_in(node, position)
    arguments = []
    for need, operand in rule.needs:
        if need == "operand" and type(node) is TracedNode and not node.primitive.variadic:  # type: ignore[union-attr]
            source, value = node.inputs[operand], node.operands[operand]  # most, and at once
            if source is not None:
                if value is None:
                    raise _let_go()
                value = Tensor(value, source)
            arguments.append(value)
        else:
            arguments.append(_fetch(node, need, operand))
    if not rule.attributes:
        return arguments, NO_ATTRIBUTES
    attributes = {
        name: position if name == "position" else _attribute(node, name) for name in rule.attributes
    }
    return arguments, attributes


def fit(g: Any, shape: tuple[int, ...], dtype: Any, primitive: Primitive, position: int) -> Any:
    """Undo broadcasting and repair the dtype: a cotangent has the shape of what it belongs to."""
    if isinstance(g, int | float):
        g = np.asarray(g, dtype)[()]
    elif type(g) is complex:
        g = np.complex128(g)
    found = getattr(g, "shape", None)
    if found != shape:
        if found is None or not _broadcasts(shape, found):
            operand = primitive.operand_name(position)
            raise ShapeError(
                f"The rule of {primitive.name} for {operand} gave "
                f"{type(g).__name__ if found is None else f'shape {found}'}; "
                f"{operand} has shape {shape}.",
                why="It has no return."
                if g is None
                else "A cotangent has the shape of its operand, or that shape broadcast.",
                write=f"np.broadcast_to(…, {operand}_shape) in the rule.",
            )
        if not shape and type(g) is np.ndarray:
            g = np.add.reduce(g, axis=None)
            return g if g.dtype == dtype else cast(g, dtype)
        extra = tuple(range(len(found) - len(shape)))
        stretched = tuple(
            i + len(extra) for i, n in enumerate(shape) if n == 1 and found[i + len(extra)] != 1
        )
        add: Any = np.add.reduce if type(g) is np.ndarray else np.sum
        g = add(g, axis=extra + stretched, keepdims=not extra)
        if g.shape != shape:
            g = np.reshape(g, shape)
    if g.dtype != dtype:
        g = cast(g, dtype)
    return g


def cast(g: Any, dtype: Any) -> Any:
    """Give a cotangent or a tangent the dtype of what it belongs to.

    What is real has no imaginary direction to move in: there, the real part counts.
    """
    recorded = isinstance(g, Tensor)
    if g.dtype.kind == "c" and dtype.kind != "c":
        g = real_part(g) if recorded else g.real
    if g.dtype == dtype:
        return g
    return shape_rules.astype(g, dtype=dtype) if recorded else g.astype(dtype)


def _broadcasts(shape: tuple[int, ...], found: tuple[int, ...]) -> bool:
    extra = len(found) - len(shape)
    if extra < 0:
        return False
    return found[extra:] == shape or all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(found), strict=False)
    )


def _plus(a: Any, b: Any) -> Any:
    if isinstance(a, dict):
        merged = dict(a)
        for i, g in b.items():
            merged[i] = merged[i] + g if i in merged else g
        return merged
    return a + b


def _all_outputs(node: Node, parts: dict[int, Any]) -> tuple[Any, ...]:
    """Give a cotangent for every output; an output that was not used has a cotangent of 0."""
    return tuple(
        parts[i] if i in parts else np.zeros(shape, dtype)
        for i, (shape, dtype) in enumerate(zip(node.shape, node.dtype, strict=True))
    )


def _read_only(dy: Any) -> Any:
    """Guard the cotangent, which other paths share, from a rule that would write into it."""
    if not isinstance(dy, np.ndarray):
        return dy
    view = dy.view()
    view.flags.writeable = False
    return view


def _fetch(node: Node, need: str, operand: int) -> Any:
    """Read what a rule asks for on the record."""
    primitive = node.primitive
    assert primitive is not None
    if need == "y":
        return _output(node)
    take = operand_of if need == "operand" else shape_of
    if primitive.variadic and operand == len(primitive.operands) - 1:
        positions = primitive.span(operand, len(node.operands))
        return tuple(take(node, i, True) for i in positions)
    return take(node, operand, True)


def operand_of(node: Node, position: int, recorded: bool) -> Any:
    """Give an operand that a node kept: on its record, where the sweep is recorded."""
    if isinstance(node, ShortNode):
        source, value = (node.right, node.second) if position else (node.left, node.first)
    else:
        source, value = node.inputs[position], node.operands[position]
    if source is None or not recorded:
        return value
    if value is None:
        raise _let_go()
    return Tensor(value, source)


def shape_of(node: Node, position: int, recorded: bool) -> Any:
    """Give the shape of an operand, which may not have been kept itself."""
    source = node.inputs[position]
    return np.shape(node.operands[position]) if source is None else source.shape


def _output(node: Node) -> Any:
    assert node.primitive is not None
    if node.value is None:
        raise _let_go()
    if node.primitive.outputs == 1:
        return Tensor(node.value, node)
    parts = []
    for i, part in enumerate(node.value):
        form = (PROJECTION, (node,), (None,), {"i": i}, part, part.shape, part.dtype)
        output = TracedNode(*form, active=node.active, tape=node.tape)
        parts.append(Tensor(part, output))
    return tuple(parts)


def _attribute(node: Node, name: str) -> Any:
    assert node.primitive is not None
    if name in node.attributes:
        return node.attributes[name]
    return node.primitive.attributes[name]


def accumulate(y: Tensor, dy: Any) -> None:
    """Add to the ``grad`` of every leaf (the imperative face)."""
    assert y.node is not None
    dy = seed(y, dy)
    if isinstance(dy, Tensor):
        dy = dy.plain("backward(dy)", "cp.vjp, whose pullback is recorded")
    taken = {id(dy)}
    is_traced = y.node.tape is not None and y.node.tape.is_trace
    found = {} if is_traced else sweep([(y.node, dy)])
    leaves = [node for node in found if isinstance(node, Leaf)]
    if is_traced or any(node.live for node in leaves):
        raise LostGradientError(
            "backward() inside a function that is being differentiated.",
            where=current_line(2),
            why="What it leaves in grad is a plain array, which the outer derivative cannot see.",
            write="cp.grad(f)(x), which may stand inside another derivative.",
        )
    for node in leaves:
        g = found[node]
        node.grad = own(g, taken) if node.grad is None else node.grad + g


def own(g: Any, taken: set[int] | None = None) -> Any:
    """Give a cotangent that nobody else holds, so that the caller may write to it."""
    if not isinstance(g, np.ndarray):
        return g
    if not g.shape:
        return g[()]  # a number, whatever the rule made of it
    if g.base is not None or not g.flags.writeable or (taken is not None and id(g) in taken):
        g = g.copy()
    if taken is not None:
        taken.add(id(g))
    return g
