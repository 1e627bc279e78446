"""Groups of operations: the calls of the user's functions and layers, and the steps of loops.

Each group is an unbroken run of operations, so that what is drawn of groups alone has no circles.
"""

from __future__ import annotations

import ast
import dis
import linecache
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from types import CodeType
from typing import Literal, NamedTuple

from clearprop.calls import Call
from clearprop.draw.caption import shorten
from clearprop.graph import Node
from clearprop.places import Line, expression_at, is_users, line_of

Kind = Literal["graph", "call", "loop", "step", "part"]
_TITLE = 40


class Group:
    """A run of operations that belong together.

    Attributes
    ----------
    kind : str
        ``graph`` for the whole, ``call``, ``loop``, ``step`` of a loop, or ``part`` of what is
        too long to be seen at once.
    title : str
    line : Line or None
        The user's line that made the call, or heads the loop.
    members : list of Node or Group
        Operations and groups, in the order in which they were computed.
    number : int
        Its number, in order; that of the whole graph is 0.
    parent : Group or None
    start, stop : int
        Its operations are those with the numbers from ``start + 1`` to ``stop``.
    """

    def __init__(
        self, kind: Kind, title: str, line: Line | None, members: Sequence[Node | Group]
    ) -> None:
        self.kind: Kind = kind
        self.title = title
        self.line = line
        self.members = list(members)
        self.number = 0
        self.are_steps = kind == "loop"  # whether its members are steps of a loop
        self.parent: Group | None = None
        self.start = self.stop = 0

    def __len__(self) -> int:
        """Count its operations, those of its groups included."""
        return self.stop - self.start

    def __repr__(self) -> str:
        return f"<{self.kind} {self.title}: ({self.start + 1}) to ({self.stop})>"


def opened(whole: Group, most: int | None = None) -> list[Node | Group]:
    """List what a group is shown by: its operations, and groups that stay closed.

    Groups are opened level by level, while there are at most ``most`` operations and groups.
    """
    units: list[Node | Group] = list(whole.members)
    while any(isinstance(unit, Group) for unit in units):
        inner = [unit.members if isinstance(unit, Group) else [unit] for unit in units]
        if most is not None and sum(map(len, inner)) > most:
            break
        units = [member for members in inner for member in members]
    return units


class _Item(NamedTuple):
    at: int  # the instruction
    member: Node | Group


class _Run:
    """A call with what happened in it, in order."""

    def __init__(self, call: Call | None, at: int) -> None:
        self.call = call
        self.at = at
        self.happened: list[tuple[int, int, Node | _Run]] = []  # instruction, event, what
        self.items: list[_Item] = []


def group(name: str, operations: Sequence[Node], most: int = 30) -> list[Group]:
    """Put operations into groups.

    Parameters
    ----------
    name : str
        Of the traced function.
    operations : sequence of Node
        In the order in which they were computed.
    most : int
        What has more members than this is cut into parts.

    Returns
    -------
    list of Group
        The first is the whole; each stands after the group that holds it.
    """
    runs = _runs(operations)
    for run in reversed(runs):  # those that were called before those that called them
        _make_items(run)
    whole = Group("graph", name, None, [item.member for item in runs[0].items])
    return _finished(whole, operations, most)


def _runs(operations: Sequence[Node]) -> list[_Run]:
    runs = [_Run(None, -1)]
    stack = [runs[0]]
    for node in operations:
        path: list[Call] = []
        call = node.moment.call if node.moment else None
        while call is not None:
            path.append(call)
            call = call.parent
        path.reverse()
        same = 0
        while same < min(len(path), len(stack) - 1) and stack[same + 1].call is path[same]:
            same += 1
        del stack[same + 1 :]
        for call in path[same:]:
            run = _Run(call, call.at)
            runs.append(run)
            stack[-1].happened.append((call.at, -len(runs), run))
            stack.append(run)
        at, event = (node.moment.at, node.moment.event) if node.moment else (-1, 0)
        stack[-1].happened.append((at, event, node))
    return runs


def _make_items(run: _Run) -> None:
    """Join what one of NumPy's functions did, take in what was called, and find the loops."""
    items: list[_Item] = []
    i = 0
    while i < len(run.happened):
        at, event, what = run.happened[i]
        i += 1
        if isinstance(what, _Run):
            items += _called(run, what)
            continue
        nodes = [what]
        while i < len(run.happened) and event and run.happened[i][1] == event:
            inner = run.happened[i][2]
            assert isinstance(inner, Node)
            nodes.append(inner)
            i += 1
        title = _function_at(nodes[0]) if len(nodes) > 1 else None
        if title:
            items.append(_Item(at, Group("call", title, line_of(nodes[0].place), nodes)))
        else:
            items += [_Item(at, node) for node in nodes]
    loops = () if run.call is None else _loops(run.call.code)
    run.items = _split(items, loops, run.call) if loops and run.call else items


def _called(run: _Run, inner: _Run) -> list[_Item]:
    assert inner.call is not None
    members = [item.member for item in inner.items]
    loop = members[0] if len(members) == 1 else None
    is_loop = isinstance(loop, Group) and loop.kind == "loop"
    if (loop and not is_loop) or inner.call.title.startswith("<"):  # a comprehension is no call
        return [_Item(inner.at, member) for member in members]
    title, line = shorten(inner.call.title, _TITLE), _line(run.call, inner.at)
    return [_Item(inner.at, Group("call", title, line, members))]


def _function_at(node: Node) -> str | None:
    """Name the function that the user called for several operations at once."""
    if not node.place or node.moment is None or node.moment.call.code is not node.place[0][0]:
        return None
    expression = expression_at(node.place)
    if not isinstance(expression, ast.Call):
        return None
    return shorten(ast.unparse(expression.func), _TITLE)


def _line(call: Call | None, at: int) -> Line | None:
    """Give the user's line at an instruction of a call, or where he called what leads to it."""
    while call is not None and not is_users(call.code):
        at, call = call.at, call.parent
    return None if call is None or at < 0 else line_of(((call.code, at),))


# ---- loops -------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _loops(code: CodeType) -> tuple[tuple[int, int], ...]:
    """Find the loops of a function: their first and last instructions, outer ones first."""
    ends: dict[int, int] = {}
    for step in dis.get_instructions(code):
        if "JUMP_BACKWARD" in step.opname and "NO_INTERRUPT" not in step.opname:
            ends[step.argval] = max(ends.get(step.argval, 0), step.offset)
    return tuple(sorted(ends.items(), key=lambda loop: (loop[0], -loop[1])))


def _split(items: list[_Item], loops: Sequence[tuple[int, int]], call: Call) -> list[_Item]:
    """Group what was computed in loops by their steps.

    An instruction that does not come after the one before it was reached by a jump back.
    """
    found: list[_Item] = []
    i = 0
    while i < len(items):
        loop = next((p for p in loops if p[0] <= items[i].at <= p[1]), None)
        if loop is None:
            found.append(items[i])
            i += 1
            continue
        inner = [p for p in loops if p != loop and loop[0] <= p[0] and p[1] <= loop[1]]
        steps = [[items[i]]]
        i += 1
        while i < len(items) and loop[0] <= items[i].at <= loop[1]:
            before, now = steps[-1][-1].at, items[i].at
            if now <= before and not any(p[0] <= now and before <= p[1] for p in inner):
                steps.append([])
            steps[-1].append(items[i])
            i += 1
        done = [[item.member for item in _split(step, inner, call)] for step in steps]
        if len(steps) == 1:
            found += [_Item(loop[0], member) for member in done[0]]
            continue
        title, line = _head(call, loop)
        members = [
            part[0] if len(part) == 1 else Group("step", f"step {k}", line, part)
            for k, part in enumerate(done, 1)
        ]
        found.append(_Item(loop[0], Group("loop", title, line, members)))
    return found


def _head(call: Call, loop: tuple[int, int]) -> tuple[str, Line | None]:
    """Give the text of a loop's first line, such as ``for t in range(5)``, and the line."""
    if not is_users(call.code):
        return "loop", _line(call, loop[0])
    lines = [line_of(((call.code, at),)) for at in loop]
    for line in lines:
        if line is not None and re.match(r"(async )?(for|while)\b", line.text):
            return shorten(line.text.partition(" #")[0].rstrip(" :"), _TITLE), line
    first = lines[0]
    if first is None:
        return "loop", None
    inside = re.search(r"\bfor\b.+?\bin\b[^\])}]*\)?", first.text)
    if inside:
        return shorten(inside.group().strip(), _TITLE), first
    for number in range(first.number - 1, max(first.number - 4, 0), -1):  # a while of Python 3.11
        text = linecache.getline(first.file, number).strip()
        if text.startswith("while "):
            return shorten(text.rstrip(" :"), _TITLE), first._replace(number=number, text=text)
    return "loop", first


# ---- from the tree to a list -------------------------------------------------------------------


def _finished(whole: Group, operations: Sequence[Node], most: int) -> list[Group]:
    """Tidy up, cut what is long, and number the groups."""
    number = {node: i for i, node in enumerate(operations)}
    groups: list[Group] = []
    stack = [whole]
    while stack:
        found = stack.pop()
        found.number = len(groups)
        groups.append(found)
        while len(found.members) == 1 and isinstance(found.members[0], Group):
            found.are_steps = found.members[0].are_steps
            found.members = found.members[0].members
        if len(found.members) > most:
            found.members = _parts(found, number, most)
        inner = [member for member in found.members if isinstance(member, Group)]
        for one in inner:
            one.parent = found
        stack += reversed(inner)
    _name_apart(groups)
    for one in reversed(groups):
        if one.members:
            first, last = one.members[0], one.members[-1]
            one.start = first.start if isinstance(first, Group) else number[first]
            one.stop = last.stop if isinstance(last, Group) else number[last] + 1
    return groups


def _name_apart(groups: list[Group]) -> None:
    """Number the calls of one function: Affine 1, Affine 2."""
    calls = [group for group in groups if group.kind in ("call", "loop")]
    several = Counter(m.title for m in calls)
    seen: Counter[str] = Counter()
    for one in calls:
        title = one.title
        if several[title] > 1:
            seen[title] += 1
            one.title = f"{title} {seen[title]}"


def _parts(whole: Group, number: dict[Node, int], most: int) -> list[Node | Group]:
    """Cut the members of a group into parts, of which there are few enough."""
    members = whole.members
    if whole.are_steps:
        return _steps(whole, most)
    size = most
    while len(members) > most * size:
        size *= most
    size = -(-len(members) // -(-len(members) // size))  # parts of about one size
    cuts = [0]
    lines = [_line_number(member) for member in members]
    while cuts[-1] + size + 1 < len(members):
        end = cuts[-1] + size
        at_line = (i for i in range(end, end - size // 3, -1) if lines[i] != lines[i - 1])
        cuts.append(next(at_line, end))
    if len(cuts) == 1:
        cuts.append(len(members) // 2)
    return [
        Group("part", _part_title(members[a:b], lines[a:b], number), _line_of(members[a]),
              members[a:b])
        for a, b in pairwise([*cuts, len(members)])
    ]  # fmt: skip


def _steps(whole: Group, most: int) -> list[Node | Group]:
    members = whole.members
    first = int(whole.title.split()[1].partition("–")[0]) if whole.kind == "part" else 1
    size = 10
    while len(members) > most * size:
        size *= 10
    if size >= len(members):
        size = -(-len(members) // most)
    found: list[Node | Group] = []
    for i in range(0, len(members), size):
        steps = members[i : i + size]
        part = Group("part", f"steps {first + i}–{first + i + len(steps) - 1}", whole.line, steps)
        part.are_steps = True
        found.append(part)
    return found


def _part_title(
    members: Sequence[Node | Group], lines: Sequence[int], number: dict[Node, int]
) -> str:
    known = [line for line in lines if line]
    if known and len(set(known)) > 1 and known == sorted(known):
        return f"lines {known[0]}–{known[-1]}"
    first, last = _end(members[0], 0), _end(members[-1], -1)
    a, b = number[first] + 1, number[last] + 1
    return f"operations {a}–{b}" if a < b else f"operation {a}"


def _end(member: Node | Group, which: int) -> Node:
    while isinstance(member, Group):
        member = member.members[which]
    return member


def _line_of(member: Node | Group) -> Line | None:
    return member.line if isinstance(member, Group) else line_of(member.place)


def _line_number(member: Node | Group) -> int:
    line = _line_of(member)
    return line.number if line else 0
