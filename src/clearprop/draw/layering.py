"""In which column each box stands: as far left as what it is computed from allows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from clearprop.draw.model import Arrow, Box, Model

_NEAR = 4  # an argument first used further right stands beside its use, not at the left edge
_FAR = 12  # a line past more columns than this is cut, and both ends say where it goes on
_OFTEN = 4  # and so is one past a few, from an argument used in as many: by steps of a loop
_TOGETHER = 3  # or in as many, where several arguments are used in the same ones
_BESIDE = 2  # but not to its first uses
_LEAVES = ("argument", "constant", "reference")


def assign_columns(model: Model) -> tuple[Model, list[int]]:
    """Give each box its column (longest path from the left); cut lines that would be too long.

    Returns
    -------
    Model
        With a reference at both ends of every line that was cut.
    list of int
        The column of each of its boxes.
    """
    column = _columns(model)
    longest = _longest(model, column)
    kept: list[Arrow] = []
    far: dict[tuple[int, int], list[Arrow]] = {}
    for arrow in model.arrows:
        if column[arrow.target] - column[arrow.source] <= longest[arrow.source]:
            kept.append(arrow)
        else:
            far.setdefault((arrow.source, arrow.output), []).append(arrow)
    if not far:
        return model, column
    shown = replace(model, boxes=list(model.boxes), arrows=kept)
    into = {arrow.target: arrow for arrow in model.arrows}
    for (source, output), arrows in far.items():
        places = [_name(model.boxes[arrow.target]) for arrow in arrows[:3]]
        more = f" and {len(arrows) - 3} more" if len(arrows) > 3 else ""
        steps = tuple(n for arrow in arrows for n in _steps(model, arrow.target))
        text = f"to {', '.join(places)}{more}"
        end = Box("reference", text, inputs=[2], refers=steps, node=arrows[0].node)
        end.frame = model.boxes[source].frame
        to = shown.add(end)
        first = arrows[0]
        shown.arrows.append(Arrow(source, to, 0, output, first.name, first.value, node=first.node))
        column.append(column[source] + 1)
        for arrow in arrows:
            text, steps = _origin(model, arrow, into)
            start = Box("reference", text, refers=steps, node=arrow.node)
            start.frame = model.boxes[arrow.target].frame
            here = shown.add(start)
            shown.arrows.append(replace(arrow, source=here, output=0, name=""))
            column.append(column[arrow.target] - 1)
            target = shown.boxes[arrow.target]
            inputs = [1 if i == arrow.operand else n for i, n in enumerate(target.inputs)]
            shown.boxes[arrow.target] = replace(target, inputs=inputs)
    return shown, column


def _columns(model: Model) -> list[int]:
    arriving: list[list[int]] = [[] for _ in model.boxes]
    leaving: list[list[int]] = [[] for _ in model.boxes]
    for arrow in model.arrows:
        arriving[arrow.target].append(arrow.source)
        leaving[arrow.source].append(arrow.target)
    column = [0] * len(model.boxes)
    for box, sources in enumerate(arriving):
        column[box] = max((column[source] + 1 for source in sources), default=0)
    _move_right(model, column, arriving, leaving)
    for box, kind in enumerate(b.kind for b in model.boxes):
        if kind in _LEAVES and leaving[box]:
            first = min(column[target] for target in leaving[box]) - 1
            if kind != "argument" or first >= _NEAR:
                column[box] = first
    return column


def _move_right(
    model: Model, column: list[int], arriving: list[list[int]], leaving: list[list[int]]
) -> None:
    """Move what needs arguments alone to its use: one operation, or a line that would be cut."""
    boxes = model.boxes
    is_early: list[bool] = []
    for box, sources in zip(boxes, arriving, strict=True):
        is_early.append(
            box.kind in _LEAVES or (bool(sources) and all(is_early[s] for s in sources))
        )
    for i in reversed(range(len(boxes))):
        if not (is_early[i] and boxes[i].kind == "operation" and leaving[i]):
            continue
        first = min(leaving[i], key=column.__getitem__)
        to = column[first] - 1
        is_one = all(boxes[source].kind in _LEAVES for source in arriving[i])
        if (is_one or to - column[i] >= _FAR) and (
            boxes[i].frame in _around(model, boxes[first].frame)
        ):
            column[i] = to


def _around(model: Model, frame: int) -> list[int]:
    """List a frame and those around it; the last is -1."""
    found = [frame]
    while found[-1] >= 0:
        found.append(model.frames[found[-1]].parent)
    return found


def _longest(model: Model, column: list[int]) -> list[int]:
    """Say past how many columns the arrows of each box may lead."""
    ends: dict[int, set[int]] = {}
    for arrow in model.arrows:
        if model.boxes[arrow.source].kind == "argument":
            ends.setdefault(arrow.source, set()).add(column[arrow.target])
    longest = [_FAR] * len(column)
    alike = Counter(map(frozenset, ends.values()))
    is_loop = any(n > 1 and len(columns) >= _TOGETHER for columns, n in alike.items())
    for box, columns in ends.items():
        if len(columns) >= (_TOGETHER if is_loop else _OFTEN):
            longest[box] = max(_BESIDE, min(columns) - column[box])
    return longest


def _name(box: Box) -> str:
    return f"({box.number})" if box.number else box.text


def _steps(model: Model, box: int) -> tuple[int, ...]:
    """Give the step of an operation, the first step of a group; nothing for an argument."""
    found = model.boxes[box]
    if found.group is not None:
        return (model.first_steps[found.group],)
    return (found.number,) if found.number else found.refers


def _origin(model: Model, arrow: Arrow, into: dict[int, Arrow]) -> tuple[str, tuple[int, ...]]:
    """Say where a line that was cut comes from; ``into`` finds the arrow into a junction."""
    while model.boxes[arrow.source].kind == "junction":
        arrow = into[arrow.source]
    box = model.boxes[arrow.source]
    return f"{arrow.name} {_name(box)}".strip(), _steps(model, arrow.source)
