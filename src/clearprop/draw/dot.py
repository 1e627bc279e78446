"""The picture as text for Graphviz."""

from __future__ import annotations

from collections.abc import Sequence

from clearprop.draw.ink import printable
from clearprop.draw.model import Model
from clearprop.draw.texts import nested, of_arrow, of_box
from clearprop.look import LIGHT

_SHAPES = {
    "operation": "shape=circle, margin=0.02",
    "group": "shape=box3d",
    "junction": "shape=point, width=0.08",
    "argument": "shape=box, style=rounded",
    "output": "shape=box, peripheries=2",
}


def dot(model: Model) -> str:
    """Write a model in the DOT language.

    Values stand on the edges, and below them, after an arrow to the left, the derivatives.
    """
    colour = LIGHT["forward"]
    lines = [
        f"digraph {quoted([model.name])} {{",
        "  rankdir=LR;",
        f'  node [fontname="sans-serif", fontsize=11, color="{colour}"];',
        f'  edge [fontname="sans-serif", fontsize=9, color="{colour}"];',
    ]
    for what, i, depth in nested(model):
        pad = "  " * (depth + 1)
        if what == "frame":
            lines.append(f"{pad}subgraph cluster_{i} {{")
            lines.append(f"{pad}  label={quoted([model.frames[i].title])}; color=gray; fontsize=9;")
        elif what == "end":
            lines.append(f"{pad}}}")
        else:
            box = model.boxes[i]
            shape = _SHAPES.get(box.kind, "shape=box, fontsize=9")
            lines.append(f"{pad}b{i} [label={quoted(of_box(box))}, {shape}];")
    for arrow in model.arrows:
        said = of_arrow(arrow)
        label = f" [label={quoted(said)}]" if said else ""
        lines.append(f"  b{arrow.source} -> b{arrow.target}{label};")
    return "\n".join([*lines, "}", ""])


def quoted(lines: Sequence[str]) -> str:
    """Write lines of text so that Graphviz shows them as they are."""
    shown = []
    for line in lines:
        text = printable(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
        shown.append(" ".join(text.splitlines()))
    return '"' + "\\n".join(shown) + '"'
