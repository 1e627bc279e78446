"""The lines below a picture that say how to read it."""

from __future__ import annotations

from clearprop.draw.ink import Ink
from clearprop.draw.metrics import LINE, SMALL, text_width
from clearprop.draw.model import Model

_SAMPLE = 34.0  # the width of a sample arrow
_ROW = LINE + 2


def legend(ink: Ink, model: Model, top: float) -> tuple[float, float]:
    """Explain the arrows; give the width and the height that it takes."""
    rows = []
    if not model.boxes:
        rows.append(("", "Nothing was recorded: no argument of numbers, no operation on one."))
    else:
        steps = f", (1) to ({model.steps})" if model.steps > 1 else ""
        back = f", ({model.steps}) to (1)" if model.steps > 1 else ""
        rows.append(("line", f"forward{steps}: the value stands above the arrow"))
        if model.differentiated:
            rows.append(("back", f"backward{back}: the derivative stands below the arrow"))
        elif model.is_constant:
            rows.append(("", "no derivatives: the result depends on no argument of real numbers"))
        else:
            rows.append(("", "derivatives: not computed"))
        if any(box.local for box in model.boxes):
            rows.append(
                (
                    "",
                    "under an operation: its local derivatives; y is its result, ȳ the "
                    "derivative that arrives",
                )
            )
        if any(box.kind == "junction" for box in model.boxes):
            rows.append(("dot", "one value used in several places: their derivatives add up"))
        if any(box.kind == "reference" for box in model.boxes):
            rows.append(
                ("", "dashed box: where a line comes from or goes to that is not drawn whole")
            )
        if any("±" in arrow.value.line for arrow in model.arrows if arrow.value is not None):
            rows.append(("", "(shape) mean ± standard deviation of the elements"))
    for i, (sample, text) in enumerate(rows):
        y = top + _ROW * i + _ROW / 2
        if sample == "dot":
            ink.dot(_SAMPLE / 2, y)
        elif sample == "line":
            ink.path("line", [(0, _SAMPLE - 6, y)])
            ink.head("head", _SAMPLE, y, 1)
        elif sample == "back":
            ink.path("back", [(7, _SAMPLE, y)])
            ink.head("backhead", 0, y, -1)
        ink.text(text, _SAMPLE + 8 if sample else 0, y + 4, "start small muted")
    width = max(text_width(text, SMALL) for _, text in rows) + _SAMPLE + 8
    return width, _ROW * len(rows)
