"""The forward and the backward pass in words, for who cannot see the picture."""

from __future__ import annotations

from clearprop.draw.model import Arrow, Box, Derivative, Model

_LONGEST = 60  # the steps that are told


def in_words(model: Model) -> str:
    """Tell every step: what it is computed from, its value, its derivative."""
    arriving: list[list[Arrow]] = [[] for _ in model.boxes]
    leaving: list[list[Arrow]] = [[] for _ in model.boxes]
    for arrow in model.arrows:
        arriving[arrow.target].append(arrow)
        leaving[arrow.source].append(arrow)

    def called(box: int) -> str:
        while model.boxes[box].kind == "junction":
            box = arriving[box][0].source
        found = model.boxes[box]
        return f"({found.number})" if found.number else found.text

    told = []
    for i, box in enumerate(model.boxes):
        if box.kind == "argument":
            told.append(f"{box.text}{_values(box, leaving[i])}.")
        elif box.kind == "operation":
            operands = ", ".join(called(arrow.source) for arrow in arriving[i])
            told.append(f"({box.number}) {box.text} of {operands}{_values(box, leaving[i])}.")
    if len(told) > _LONGEST:
        told[_LONGEST:] = [f"And {len(told) - _LONGEST} more."]
    if model.is_constant:
        told.append("There are no derivatives: the result depends on no argument of real numbers.")
    elif not model.differentiated:
        told.append("Derivatives are not computed.")
    return "\n".join(told)


def _values(box: Box, arrows: list[Arrow]) -> str:
    if box.value is not None:
        return f": {box.value.line}{_back(box.derivative)}"
    words = []
    for arrow in arrows if box.outputs > 1 else arrows[:1]:
        name = f" {arrow.name} =" if arrow.name else ""
        value = f" {arrow.value.line}" if arrow.value is not None else ""
        parts = box.outputs == 1 and len({a.derivative for a in arrows}) > 1
        derivative = box.derivative or (None if parts else arrow.derivative)
        words.append(f"{name}{value}{_back(derivative)}")
    return ":" + ";".join(words) if words else ""


def _back(derivative: Derivative | None) -> str:
    if derivative is None or derivative.shown is None:
        return ""
    if derivative.state == "no derivative":
        return ", no derivative"
    return f", derivative {derivative.line}"
