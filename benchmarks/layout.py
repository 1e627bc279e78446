"""Crossings and times of layouts: ours, Graphviz dot, and what there is to install for Python.

All get the same boxes and arrows, with labels of the same size; frames are clusters for dot, the
others know none. Crossings are counted in what is drawn: lines are followed point by point.
"""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from draw.examples import EXAMPLES
from draw.grouped import CONV, LSTM, NET, conv_net, lstm, steps, two_layer_net

import clearprop as cp
from clearprop.draw.layering import assign_columns
from clearprop.draw.layout import make_layout
from clearprop.draw.metrics import box_extent, label_extent
from clearprop.draw.model import Model
from clearprop.draw.texts import nested
from clearprop.draw.views import make_views

Lines = list[list[tuple[float, float]]]


def any_program(count: int, seed: int = 0):
    """Operations on values that were computed a little before."""
    draw = random.Random(seed)

    def f(x, y):
        values = [x, y]
        for _ in range(count):
            a, b = (values[-1 - draw.randrange(min(len(values), 9))] for _ in range(2))
            values.append(np.sin(a) if draw.random() < 0.4 else a * b)
        return sum(values[-3:])

    return f


def cases():
    for name in ("apples", "apples_and_oranges", "sigmoid", "affine", "softmax_with_loss"):
        f, args = EXAMPLES[name]
        yield name, f, args, None
    yield "two-layer net", two_layer_net, NET, None
    yield "conv net", conv_net, CONV, True
    yield "LSTM, 5 steps, groups", lstm, LSTM, None
    yield "LSTM, 5 steps, all", lstm, LSTM, True
    for count in (50, 200):
        yield f"any {count}", any_program(count), (0.5, 0.7), True
    yield "5,000 in groups", lambda x: steps(x, 2500), (0.5,), None
    yield "any 5,000 in groups", any_program(5000), (0.5, 0.7), None


# ---- the layouts -------------------------------------------------------------------------------


def curve(points: list[tuple[float, float]], n: int = 6) -> list[tuple[float, float]]:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points
    t = np.linspace(0, 1, n + 1)[1:]
    a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    xs, ys = a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def ours(model: Model) -> Lines:
    lines = []
    for route in make_layout(model).routes:
        line = [(route.pieces[0][0], route.pieces[0][2])]
        for (_, x0, y0), (x3, _, y3) in pairwise(route.pieces):
            middle = (x0 + x3) / 2
            line.append((x0, y0))
            line += curve([(x0, y0), (middle, y0), (middle, y3), (x3, y3)])
        line.append((route.pieces[-1][1], route.pieces[-1][2]))
        lines.append(line)
    return lines


def by_dot(model: Model) -> Lines:
    text = ['digraph { rankdir=LR; ordering=in; node [shape=box, fixedsize=true, label=""];']
    for what, i, _ in nested(model):
        if what == "box":
            width, above, below = box_extent(model.boxes[i])
            text.append(f"b{i} [width={width / 72:.3f}, height={(above + below) / 72:.3f}];")
        else:
            text.append(f"subgraph cluster_{i} {{" if what == "frame" else "}")
    for i, arrow in enumerate(model.arrows):
        width, above, below = label_extent(arrow)
        label = ""
        if width:
            label = (
                f'label=<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" '
                f'HEIGHT="{above + below:.0f}"><TR><TD></TD></TR></TABLE>>, '
            )
        text.append(f'b{arrow.source} -> b{arrow.target} [{label}id="{i}"];')
    text.append("}")
    done = subprocess.run(
        ["dot", "-Tjson0"], input="\n".join(text), capture_output=True, text=True, check=True,
        timeout=300,
    )  # fmt: skip
    lines: Lines = []
    for edge in json.loads(done.stdout)["edges"]:
        words = [w for w in edge["pos"].split() if w[0] not in "es"]
        points = [(float(x), float(y)) for x, y in (w.split(",")[:2] for w in words)]
        line = points[:1]
        for i in range(0, len(points) - 3, 3):
            line += curve(points[i : i + 4])
        lines.append(line)
    return lines


def flat(model: Model) -> tuple[int, list[tuple[int, int]]]:
    """Boxes and labels as vertices: the others place no labels."""
    count = len(model.boxes)
    edges = []
    for arrow in model.arrows:
        if arrow.value is None:
            edges.append((arrow.source, arrow.target))
        else:
            edges += [(arrow.source, count), (count, arrow.target)]
            count += 1
    return count, list(dict.fromkeys(edges))


def by_fast_sugiyama(model: Model) -> Lines:
    import fast_sugiyama

    _, edges = flat(model)
    lines: Lines = []
    for shift, (places, *_, drawn) in enumerate(fast_sugiyama.from_edges(edges)):
        at = {v: (x + 1e6 * shift, y) for v, (x, y) in places}
        lines += [[at[a], at[b]] for a, b in drawn or edges]
    return lines


def by_igraph(model: Model) -> Lines:
    import igraph

    count, edges = flat(model)
    graph = igraph.Graph(n=count, edges=edges, directed=True)
    # the public method leaves out where the lines bend
    places, bends = graph._layout_sugiyama(None, None, 1, 1, 1000)
    return [
        [tuple(p) for p in (places[a], *between, places[b])]
        for (a, b), between in zip(edges, bends, strict=True)
    ]


def by_grandalf(model: Model) -> Lines:
    from grandalf.graphs import Edge, Graph, Vertex
    from grandalf.layouts import SugiyamaLayout, VertexViewer

    count, edges = flat(model)
    vertices = [Vertex(i) for i in range(count)]
    for vertex in vertices:
        vertex.view = VertexViewer(10, 10)
    lines: Lines = []
    whole = Graph(vertices, [Edge(vertices[a], vertices[b]) for a, b in edges])
    for shift, part in enumerate(whole.C):
        layout = SugiyamaLayout(part)
        layout.init_all()
        layout.draw(20)
        for edge in part.sE:
            bends = layout.ctrls.get(edge) or {}
            between = [bends[rank].view.xy for rank in sorted(bends)]
            line = [edge.v[0].view.xy, *between, edge.v[1].view.xy]
            lines.append([(x + 1e6 * shift, y) for x, y in line])
    return lines


# ---- what is measured --------------------------------------------------------------------------


def crossings(lines: Lines) -> int:
    """Count where lines cross; ends that meet are no crossing."""
    pieces = [(*a, *b, i) for i, line in enumerate(lines) for a, b in pairwise(line) if a != b]
    s = np.array(pieces, dtype=float).reshape(-1, 5)
    x0, y0, x1, y1, of = s.T
    total = 0
    for start in range(0, len(s), 256):
        p = s[start : start + 256, :, None]

        def side(ax: Any, ay: Any, bx: Any, by: Any, cx: Any, cy: Any) -> Any:
            return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)

        a, b = (
            side(p[:, 0], p[:, 1], p[:, 2], p[:, 3], x0, y0),
            side(p[:, 0], p[:, 1], p[:, 2], p[:, 3], x1, y1),
        )
        c, d = side(x0, y0, x1, y1, p[:, 0], p[:, 1]), side(x0, y0, x1, y1, p[:, 2], p[:, 3])
        total += int(np.sum((a * b < -1e-9) & (c * d < -1e-9) & (p[:, 4] != of)))
    return total // 2


LAYOUTS = {
    "clearprop": ours,
    "dot": by_dot,
    "fast-sugiyama": by_fast_sugiyama,
    "igraph": by_igraph,
    "grandalf": by_grandalf,
}


def main() -> None:
    present = {
        name: layout
        for name, layout in LAYOUTS.items()
        if name == "clearprop"
        or (
            shutil.which("dot")
            if name == "dot"
            else importlib.util.find_spec(name.replace("-", "_"))
        )
    }
    print(f"missing: {[name for name in LAYOUTS if name not in present]}")
    print(f"{'':24}{'boxes':>6}{'arrows':>7}" + "".join(f"{name:>22}" for name in present))
    for name, f, args, is_open in cases():
        graph = cp.trace(f, *args)
        view = make_views(graph, graph.backward(), is_open=is_open)[0]
        model, _ = assign_columns(view.model)
        row = f"{name:24}{len(model.boxes):6}{len(model.arrows):7}"
        for layout in present.values():
            begin = time.perf_counter()
            try:
                lines = layout(view.model if layout is ours else model)  # ours cuts it itself
            except Exception as error:
                row += f"{type(error).__name__[:20]:>22}"
                continue
            took = time.perf_counter() - begin
            row += f"{crossings(lines):10} {1000 * took:8.0f} ms"
        print(row, flush=True)


if __name__ == "__main__":
    main()
