"""Which calls an operation was computed in: two calls of one function are told apart.

Only a trace asks. It keeps the frames of the latest operation until the next one: a frame that is
still the same object is the same call, and one that is another is another, whatever their code.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from clearprop.places import ENTRY, Place, is_users

if TYPE_CHECKING:
    from clearprop.graph import Node

_LAYERS = __file__.removesuffix("calls.py") + "nn"
_CLASS = ("forward", "compute", "__call__")  # methods whose class says more than their name


class Call:
    """One run of a function.

    Attributes
    ----------
    parent : Call or None
        Who called it; None for the traced function.
    at : int
        The instruction in the caller's code.
    code : CodeType
    title : str
        The name of the function, or of the class where it is the method of a layer.
    names : dict of str to str
        Where a layer computes: its parameters, and what they are called outside, ``W1`` for ``W``.
    """

    __slots__ = ("at", "code", "names", "parent", "title")

    def __init__(self, parent: Call | None, at: int, frame: FrameType) -> None:
        self.parent = parent
        self.at = at
        self.code: CodeType = frame.f_code
        self.title = _title(frame)
        self.names = _names(frame)


class Moment(NamedTuple):
    """When an operation was computed: in which call, at which instruction of it.

    What NumPy's one function does in several operations has one number, ``event``.
    """

    call: Call
    at: int
    event: int


class Calls:
    """The calls of one trace, as they happen."""

    def __init__(self) -> None:
        self._frames: list[FrameType] = []  # of the latest operation, outermost first
        self._calls: list[Call] = []
        self._entry: FrameType | None = None  # what the innermost of them had called
        self._root: Call | None = None
        self._event = 0

    def look(self, depth: int) -> tuple[Place, Moment | None]:
        """Say where an operation is computed that is being recorded."""
        frame: FrameType | None = sys._getframe(depth)
        frames: list[FrameType] = []
        place: list[tuple[CodeType, int]] = []
        before: FrameType | None = None
        entry: FrameType | None = None
        while frame is not None:
            code = frame.f_code
            users = is_users(code)
            if users:
                place.append((code, frame.f_lasti))
            elif code.co_name == ENTRY:
                break
            if users or (code.co_name == "compute" and code.co_filename.startswith(_LAYERS)):
                if not frames:
                    entry = before
                frames.append(frame)
            before, frame = frame, frame.f_back
        if not frames:
            return tuple(place), None
        frames.reverse()
        same = 0
        for old, new in zip(self._frames, frames, strict=False):
            if old is not new:
                break
            same += 1
        if not (same == len(frames) == len(self._frames) and entry is self._entry and entry):
            self._event += 1
        del self._calls[same:]
        for i in range(same, len(frames)):
            above = self._calls[i - 1] if i else self._root
            call = Call(above, frames[i - 1].f_lasti if i else -1, frames[i])
            self._calls.append(call)
            if self._root is None:
                self._root = call
        self._frames, self._entry = frames, entry
        return tuple(place), Moment(self._calls[-1], frames[-1].f_lasti, self._event)

    def forget(self) -> None:
        """Let go of the frames, and of what lives in them."""
        self._frames, self._calls, self._entry = [], [], None


def inner_values(nodes: Iterable[Node]) -> set[Node]:
    """Find what layers compute on the way to their results: all but the last of each run.

    The user's line calls a layer, or a network of them, and names what comes back.
    """
    found: set[Node] = set()
    last: Node | None = None
    before: tuple[Call | None, int] | None = None
    for node in nodes:
        outside = None if node.moment is None else _outside(node.moment.call)
        if last is not None and before is not None and outside == before:
            found.add(last)
        last, before = node, outside
    return found


def _outside(call: Call | None) -> tuple[Call | None, int] | None:
    """Say where the user called the layer that this is a call of; None where it is the user's."""
    found = None
    while call is not None and not is_users(call.code):
        found = call.parent, call.at
        call = call.parent
    return found


def _title(frame: FrameType) -> str:
    code = frame.f_code
    name = code.co_name
    if code.co_argcount and code.co_varnames[0] == "self":
        owner: Any = frame.f_locals.get("self")
        kind = type(owner).__name__
        return kind if name in _CLASS else f"{kind}.{name}"
    return "lambda" if name == "<lambda>" else name


def _names(frame: FrameType) -> dict[str, str]:
    code = frame.f_code
    if code.co_name != "compute" or code.co_varnames[:1] != ("self",):
        return {}
    layer: Any = frame.f_locals.get("self")
    own = (*getattr(layer, "parameters", ()), *getattr(layer, "buffers", ()))
    return {name: getattr(layer, "called", {}).get(name, name) for name in own}
