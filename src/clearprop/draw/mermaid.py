"""The picture as text for Mermaid, which many wikis and README files show."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clearprop.draw.ink import printable
from clearprop.draw.model import Model
from clearprop.draw.texts import nested, of_arrow, of_box

_SHAPES = {
    "operation": ("((", "))"),
    "group": ("[[", "]]"),
    "junction": ("((", "))"),
    "argument": ("(", ")"),
    "output": ("[", "]"),
    "constant": ("[", "]"),
    "unused": (">", "]"),
    "reference": (">", "]"),
}
_ROUND, _LONG = 2, ("([", "])")  # more lines than that hang over the edge of a circle
#: What Mermaid reads even so, after it has put the characters back: formulas, icons, new lines.
_READ = re.compile(r"(?<=\$)(?=\$)|(?<=:)(?=fa-)|(?<=\\)(?=n)")
_NOTHING = "\u200b"  # a space of no width, which keeps them apart
#: What Mermaid, Markdown or HTML would take for more than text: written as ``#35;``.
_TAKEN = '"#&<>`;\\*_~[](){}|@$:/%^='


def mermaid(model: Model) -> str:
    """Write a model as a Mermaid flowchart.

    Values stand on the arrows, and below them, after an arrow to the left, the derivatives.
    """
    lines = ["flowchart LR"]
    for what, i, depth in nested(model):
        pad = "  " * (depth + 1)
        if what == "frame":
            lines.append(f"{pad}subgraph g{i}[{quoted([model.frames[i].title])}]")
        elif what == "end":
            lines.append(f"{pad}end")
        else:
            said = of_box(model.boxes[i])
            start, end = _SHAPES[model.boxes[i].kind]
            if start == "((" and len(said) > _ROUND:
                start, end = _LONG
            lines.append(f"{pad}b{i}{start}{quoted(said)}{end}")
    for arrow in model.arrows:
        said = of_arrow(arrow)
        label = f"|{quoted(said)}|" if said else ""
        lines.append(f"  b{arrow.source} -->{label} b{arrow.target}")
    return "\n".join([*lines, ""])


def quoted(lines: Sequence[str]) -> str:
    """Write lines of text so that Mermaid shows them as they are."""
    shown = []
    for line in lines:
        text = _READ.sub(_NOTHING, " ".join(printable(line).split()))
        shown.append("".join(f"#{ord(c)};" if c in _TAKEN else c for c in text))
    return f'"{"<br/>".join(shown) or " "}"'
