"""``debug_nans``: records that look at every value, so that a NaN is caught where it arises.

A transform that runs inside the block makes its leaves on a tape that looks at each node as it
joins; outside it nothing looks, and nothing is paid. What is found is told by `nonfinite`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from clearprop.graph import Leaf, Node, Tape
from clearprop.trees import tree_leaves


class Look(NamedTuple):
    """What is looked for inside a block, and at what a sweep looks."""

    infinities: bool

    def at(self, pull: Callable[..., Any]) -> Callable[..., Any]:
        """Give the application of a rule that looks at its result."""
        from clearprop.explain.nonfinite import look_backward

        def take(node: Node, position: int, rule: Any, dy: Any, recorded: bool) -> Any:
            g = pull(node, position, rule, dy, recorded)
            look_backward(node, position, dy, g, self.infinities)
            return g

        return take

    def at_sums(self, found: dict[Node, Any]) -> None:
        """Look at what has been added up at the arguments."""
        from clearprop.explain.nonfinite import look_at_sum

        for node, g in found.items():
            look_at_sum(node, g, self.infinities)


_now: ContextVar[Look | None] = ContextVar("clearprop_debug_nans", default=None)


@contextmanager
def debug_nans(*, infinities: bool = True) -> Iterator[None]:
    """Stop at the first operation, forward or backward, that makes a NaN or an infinity.

    Inside the block every `grad`, `value_and_grad`, `vjp`, `trace` and ``backward()`` looks at
    what each operation gives. It also decorates a function: ``@cp.debug_nans()``.

    Parameters
    ----------
    infinities : bool, default True
        Whether an infinity counts too; ``False`` where infinities are meant, as in a mask of
        scores by ``-inf`` that is an argument. (An infinity that stands in the code, as in
        ``np.where(mask, scores, -np.inf)``, is taken to be meant; what comes of it is let pass
        until it is a NaN.)

    Raises
    ------
    NonFiniteError
        From the derivative: the operation, its line, the elements that went in, and what to write
        instead where that is known. An argument that held a NaN or an infinity is named as such.

    Notes
    -----
    Put it around the call of the derivative, not inside the function. A function compiled by
    `compile` is looked at only while it is traced. NumPy's warnings about what is looked for are
    silent inside, for the error says more. Another thread is not looked at.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> def entropy(p):
    ...     return -np.sum(p * np.log(p))
    >>> with cp.debug_nans():
    ...     cp.grad(entropy)(np.array([0.5, 0.5, 0.0]))
    Traceback (most recent call last):
        ...
    clearprop.errors.NonFiniteError: log made -inf of p[2] = 0 (1 of 3 elements)...
    """
    token = _now.set(Look(infinities))
    silent: dict[str, Any] = {"invalid": "ignore"}
    if infinities:
        silent |= {"divide": "ignore", "over": "ignore"}
    try:
        with np.errstate(**silent):
            yield
    finally:
        _now.reset(token)


@contextmanager
def unwatched() -> Iterator[None]:
    """Look at nothing, also inside a block."""
    token = _now.set(None)
    try:
        yield
    finally:
        _now.reset(token)


class _Looking(list[Node]):
    """The nodes of a watched tape: each is looked at as it joins."""

    def __init__(self, keep: bool) -> None:
        super().__init__()
        self._keep = keep

    def append(self, node: Node) -> None:
        watch = _now.get()  # a value may have left the block
        # A rule may make a NaN and drop it (np.where): what it returns is looked at by the sweep.
        if watch is not None and node.primitive is not None and node.stage is None:
            from clearprop.explain.nonfinite import look_forward

            look_forward(node, watch.infinities)
        if self._keep:
            super().append(node)


class WatchedLeaf(Leaf):
    """An argument on a watched tape."""

    __slots__ = ("label", "tape")

    def __init__(self, value: Any, tape: Tape) -> None:
        super().__init__(value)
        self.tape = tape
        self.label = ""


def new_tape(*, keep: bool) -> Tape | None:
    """Give the tape for a new record: one that looks, or (unless kept for a trace) none."""
    watch = _now.get()
    if watch is None:
        return Tape() if keep else None
    tape = Tape()
    tape.nodes = _Looking(keep)
    tape.is_trace = keep
    return tape


def name_leaves(tree: Any, name: str) -> None:
    """Note on the leaves of one argument what they are called."""
    for label, part in tree_leaves(tree, name):
        if part.node.tape is not None:
            part.node.label = label


def looking() -> Look | None:
    """Give what a sweep looks at; None outside a block."""
    return _now.get()
