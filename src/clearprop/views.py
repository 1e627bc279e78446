"""Views, as NumPy means them: a write shows in the view, in its base, and in its other views.

A Tensor that NumPy would make a view (``x[1:]``, ``x.T``, ``np.reshape(x, …)``) remembers its base
and the step that leads from one to the other. A write makes new versions of both; whoever was
written to behind its back notices at its next use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.graph import TracedNode
from clearprop.rules.indexing import getitem

if TYPE_CHECKING:
    from clearprop.primitive import Primitive
    from clearprop.tensor import Tensor


class View:
    """The step from a base to a Tensor that shares its memory."""

    __slots__ = ("attributes", "base", "primitive", "rest", "root", "seen", "seen_of_root")

    def __init__(
        self, base: Tensor, primitive: Primitive, rest: tuple[Any, ...], attributes: dict[str, Any]
    ) -> None:
        self.base = base
        self.primitive = primitive
        self.rest = rest
        self.attributes = attributes
        self.seen = base._writes
        self.root: Tensor = base if base._view is None else base._view.root
        self.seen_of_root = self.root._writes

    def refresh(self, tensor: Tensor) -> None:
        """Take the step again if the base was written to since."""
        if self.root._writes == self.seen_of_root:
            return  # every write arrives at the root
        chain = [tensor]  # from this view up to the root; a loop, since chains may be long
        while chain[-1]._view is not None:
            chain.append(chain[-1]._view.base)
        for view in reversed(chain[:-1]):
            assert view._view is not None
            view._view._take(view)

    def is_stale(self) -> bool:
        """Whether the view must be taken again before it is read."""
        return self.root._writes != self.seen_of_root

    def place_in_base(self, index: int, length: int) -> Any:
        """Give the index in the base of ``view[index]``; None where it takes more than integers."""
        if self.primitive is not getitem or self.rest:
            return None
        skeleton = self.attributes["index"]
        if all(type(part) is int for part in skeleton):
            return (*skeleton, index)
        if len(skeleton) > 1 or type(skeleton[0]) is not slice:
            return None
        start, _, step = skeleton[0].indices(self.base.shape[0])
        return start + step * index

    def leave(self, tensor: Tensor) -> None:
        """Let go of the base's memory, which is about to be written; keep shape and dtype."""
        empty = np.empty((), tensor._value.dtype)
        tensor._value = np.broadcast_to(empty, tensor._value.shape)
        tensor._writes += 1
        self.seen = self.seen_of_root = -1

    def _take(self, tensor: Tensor) -> None:
        base = self.base
        self.seen_of_root = self.root._writes
        if base._writes == self.seen:
            return
        self.seen = base._writes
        again = self.primitive(base, *self.rest, **self.attributes)
        value = again._value
        if isinstance(tensor._value, np.ndarray) and not isinstance(value, np.ndarray):
            value = np.asarray(value)
        tensor._value, tensor._node = value, again._node
        tensor._writes += 1  # for views of this view

    def write(self, new: Tensor) -> None:
        """Show a new version of the view in its base."""
        base = self.base
        if self.primitive is getitem:
            base._assign(new, self.rest, self.attributes["index"])
        else:
            assert self.primitive.write_back is not None
            base._become(self.primitive.write_back(base, new, *self.rest, **self.attributes))
        if isinstance(base._node, TracedNode):
            base._node.place = ()  # the line names the view that was written, not its base
        # At its next use the view is taken anew, so that it is one of the new base.
        self.seen = self.seen_of_root = -1


def shares_memory(y: Any, x: Any) -> bool:
    """Whether NumPy made a view of ``x``, or of what ``x`` is a view of."""
    base = getattr(y, "base", None)
    while base is not None and not isinstance(base, np.ndarray):
        base = getattr(base, "base", None)  # sliding windows have a step of their own between
    return base is not None and (base is x or base is getattr(x, "base", None))
