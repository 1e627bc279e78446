"""Which lines of backward run, and of what it calls in the same file: watched while probes run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CellType, CodeType, FunctionType
from typing import Any

from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import function_of

_TOOLS = (4, 3, 5, 2, 1, 0)  # of sys.monitoring: first those that no kind of tool has for its own


class Ran:
    """What ran of backward and of the user's functions that it called.

    Attributes
    ----------
    lines : dict
        By code, the lines that ran.
    spots : dict
        By code, the instructions that ran: for functions that choose inside of a line.
    forward : set
        The codes that ran outside of backward.
    """

    def __init__(self, backward: Any, source: Source) -> None:
        function = function_of(backward)
        self.own: CodeType = function.__code__
        self._begins = {self.own, *_inside(self.own)}  # a rule is called by what it returns
        self.home: dict[str, Any] = function.__globals__
        self.source = source
        self.lines: dict[CodeType, set[int]] = {}
        self.spots: dict[CodeType, set[int]] = {}
        self.forward: set[CodeType] = set()
        self._wanted: dict[CodeType, set[int]] = {}
        self._chooses: dict[CodeType, bool] = {}

    def fresh(self) -> Ran:
        """Give one for the same functions that has seen nothing."""
        other = Ran.__new__(Ran)
        vars(other).update(vars(self), lines={}, spots={})
        return other

    def add(self, other: Ran) -> None:
        """Take over what another has seen."""
        for mine, theirs in ((self.lines, other.lines), (self.spots, other.spots)):
            for code, seen in theirs.items():
                mine.setdefault(code, set()).update(seen)

    def adds(self, other: Ran) -> bool:
        """Whether another has seen something that this one has not."""
        pairs = ((self.lines, other.lines), (self.spots, other.spots))
        return any(
            seen - mine.get(code, set()) for mine, more in pairs for code, seen in more.items()
        )

    def function(self, code: CodeType) -> FunctionType:
        """Give a function of a code that ran: to look for its syntax, not to be called."""
        cells = tuple(CellType() for _ in code.co_freevars)
        return FunctionType(code, self.home, code.co_name, None, cells)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what runs meanwhile."""
        root: Any = None

        def enter(frame: Any, event: str, arg: Any) -> Any:
            nonlocal root
            code = frame.f_code
            if root is None:
                if code not in self._begins:
                    if frame.f_globals is self.home:
                        self.forward.add(code)
                    return None
                root = frame
            elif frame.f_globals is not self.home:
                return None
            if code not in self._wanted:
                self._learn(code)
            if self._chooses[code]:
                note_spots(frame)
            if self.lines.setdefault(code, {code.co_firstlineno}) >= self._wanted[code]:
                frame.f_trace_lines = False  # all of it has been seen
            return inner

        def inner(frame: Any, event: str, arg: Any) -> Any:
            nonlocal root
            if event == "line":
                seen = self.lines[frame.f_code]
                if frame.f_lineno not in seen:
                    seen.add(frame.f_lineno)
                    frame.f_trace_lines = not seen >= self._wanted[frame.f_code]
            elif event == "opcode":
                spot(frame.f_code, frame.f_lasti)
            elif event == "return" and frame is root:
                root = None
            return inner

        def spot(code: CodeType, offset: int) -> None:
            self.spots.setdefault(code, set()).add(offset // 2)

        with _instructions(spot) as note_spots:
            before = sys.gettrace()
            sys.settrace(enter)
            try:
                yield
            finally:
                sys.settrace(before)

    def _learn(self, code: CodeType) -> None:
        self._wanted[code] = {line for _, _, line in code.co_lines() if line}
        tree = self.source.tree(self.function(code))
        self._chooses[code] = tree is not None and (
            any(isinstance(node, ast.IfExp) for node in ast.walk(tree)) or bool(beside(tree))
        )


@contextmanager
def _instructions(spot: Callable[[CodeType, int], None]) -> Iterator[Callable[[Any], None]]:
    """Give what has each instruction of a frame, the one that runs too, told meanwhile.

    Since Python 3.12 a trace function hears of instructions from the next call on only, so
    that there ``sys.monitoring`` is asked, where one of its six places is free.
    """
    monitoring: Any = getattr(sys, "monitoring", None)
    free = (n for n in _TOOLS if monitoring.get_tool(n) is None) if monitoring else iter(())
    tool = next(free, None)
    if tool is None:
        yield _trace_opcodes
        return
    watched: set[CodeType] = set()

    def watch(frame: Any) -> None:
        watched.add(frame.f_code)
        monitoring.set_local_events(tool, frame.f_code, monitoring.events.INSTRUCTION)

    monitoring.use_tool_id(tool, __name__)
    monitoring.register_callback(tool, monitoring.events.INSTRUCTION, spot)
    try:
        yield watch
    finally:
        for code in watched:
            monitoring.set_local_events(tool, code, 0)
        monitoring.register_callback(tool, monitoring.events.INSTRUCTION, None)
        monitoring.free_tool_id(tool)


def _trace_opcodes(frame: Any) -> None:
    frame.f_trace_opcodes = True


def _inside(code: CodeType) -> Iterator[CodeType]:
    """Give the codes of the functions that are defined in a function."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)


def beside(tree: ast.AST) -> list[ast.stmt]:
    """Give the statements that stand in the line of their condition: ``if c: return x``."""
    return [
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If | ast.For | ast.While)
        for inner in (*node.body, *node.orelse)
        if inner.lineno == node.lineno
    ]
