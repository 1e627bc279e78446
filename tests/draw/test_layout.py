from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from draw.examples import EXAMPLES
from draw.grouped import LSTM, lstm
from draw.random_graphs import programs, run
from hypothesis import example, given, settings

import clearprop as cp
from clearprop.draw.layout import make_layout
from clearprop.draw.views import make_views


def layout_of(graph, dy=None):
    return make_layout(make_views(graph, graph.backward(dy), is_open=True)[0].model)


def rectangles(layout):
    """All boxes and labels: what they are, and where."""
    found = {("box", i): place for i, place in enumerate(layout.boxes)}
    for i, route in enumerate(layout.routes):
        if route.label is not None:
            found["label", i] = route.label
    return found


def points(route):
    """Points on the line of an arrow, close together."""
    for start, end, y in route.pieces:
        for t in np.linspace(0, 1, 8):
            yield start + t * (end - start), y
    for (_, x0, y0), (x3, _, y3) in pairwise(route.pieces):
        for t in np.linspace(0, 1, 24):
            # as drawn: both control points halfway, each level with its end
            x = (1 - t) ** 3 * x0 + 1.5 * t * (1 - t) * (x0 + x3) + t**3 * x3
            y = ((1 - t) ** 3 + 3 * t * (1 - t) ** 2) * y0 + (3 * t**2 * (1 - t) + t**3) * y3
            yield x, y


def check(layout):
    places = rectangles(layout)
    for (a, p), (b, q) in combinations(places.items(), 2):
        apart = p.right <= q.left + 1e-6 or q.right <= p.left + 1e-6
        apart = apart or p.bottom <= q.top + 1e-6 or q.bottom <= p.top + 1e-6
        assert apart, f"{a} overlaps {b}"
    for number, (arrow, route) in enumerate(zip(layout.model.arrows, layout.routes, strict=True)):
        own = {("box", arrow.source), ("box", arrow.target), ("label", number)}
        xs, ys = zip(*points(route), strict=True)
        x, y = np.array(xs), np.array(ys)
        for key, p in places.items():
            if key not in own:
                inside = (x > p.left + 0.01) & (x < p.right - 0.01)
                inside &= (y > p.top + 0.01) & (y < p.bottom - 0.01)
                assert not inside.any(), f"arrow {number} runs through {key}"
        assert layout.boxes[arrow.source].right < layout.boxes[arrow.target].left + 1e-6
        for (_, end, _), (start, _, _) in pairwise(route.pieces):
            assert end < start
        assert all(start <= end + 1e-6 for start, end, _ in route.pieces)
        if route.label is not None:
            assert any(
                y == route.label.y
                and start <= route.label.left + 1e-6
                and route.label.right <= end + 1e-6
                for start, end, y in route.pieces
            ), "a label stands along a level piece of its line"
    check_frames(layout)
    for p in [*places.values(), *filter(None, layout.frames)]:
        assert p.left >= -1e-6
        assert p.top >= -1e-6
        assert p.right <= layout.width + 1e-6
        assert p.bottom <= layout.height + 1e-6


def check_frames(layout):
    """In a frame stands what belongs to it, and nothing else; frames lie apart or in each other."""
    model = layout.model

    def around(frame):
        while frame >= 0:
            yield frame
            frame = model.frames[frame].parent

    for i, frame in enumerate(layout.frames):
        if frame is None:
            continue
        for box, p in zip(model.boxes, layout.boxes, strict=True):
            if i in around(box.frame):
                assert frame.left < p.left
                assert p.right < frame.right
                assert frame.top < p.top
                assert p.bottom < frame.bottom
            else:
                assert (
                    frame.right <= p.left
                    or p.right <= frame.left
                    or (frame.bottom <= p.top or p.bottom <= frame.top)
                )
        for j, other in enumerate(layout.frames[:i]):
            if other is not None and j not in around(i):
                assert (
                    frame.right <= other.left
                    or other.right <= frame.left
                    or (frame.bottom <= other.top or other.bottom <= frame.top)
                )


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("differentiated", [True, False])
def test_nothing_overlaps_in_the_examples(name, differentiated):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    check(
        make_layout(
            make_views(graph, graph.backward() if differentiated else None, is_open=True)[0].model
        )
    )


@settings(deadline=None)
@given(programs())
@example(
    [  # two frames side by side, of which one is higher where the other begins
        *[("max", 0, 0), ("max", 2, 1), ("×", 0, 0), ("×", 0, 7), ("+", 0, 8)],
        *[("+", 5, 6), ("+", 0, 0), ("×", 0, 8), ("+", 7, 8)],
    ]
)
def test_nothing_overlaps_in_random_graphs(program):
    check(layout_of(cp.trace(lambda x, y: run(program, x, y), 0.5, -0.25)))


@settings(deadline=None)
@given(programs(longest=12))
def test_nothing_overlaps_where_values_are_matrices(program):
    graph = cp.trace(lambda x, y: run(program, x, y), np.eye(3), np.full((3, 3), 1 / 3))
    check(layout_of(graph, np.ones((3, 3))))


def test_a_matrix_that_meets_in_an_argument_keeps_its_rows():
    graph = cp.trace(lambda x: x * x, np.full((3, 3), -1 / 3))
    layout = layout_of(graph, np.ones((3, 3)))
    check(layout)
    assert layout.boxes[0].width < 260


def test_a_chain_is_straight():
    layout = layout_of(cp.trace(EXAMPLES["sigmoid"][0], 0.5))
    live = [r for a, r in zip(layout.model.arrows, layout.routes, strict=True) if a.value]
    assert len({round(y, 6) for route in live for _, _, y in route.pieces}) == 1


@pytest.mark.parametrize("name", ["softmax_with_loss", "assignment", "relu"])
def test_a_value_leaves_its_operation_level_whatever_constants_stand_below(name):
    f, args = EXAMPLES[name]
    layout = layout_of(cp.trace(f, *args))
    for arrow, route in zip(layout.model.arrows, layout.routes, strict=True):
        if layout.model.boxes[arrow.source].kind == "operation":
            assert abs(route.pieces[0][2] - route.pieces[1][2]) < 0.5


def test_a_line_past_other_boxes_does_not_bend_on_its_way():
    f, args = EXAMPLES["apples_and_oranges"]
    layout = layout_of(cp.trace(f, *args))
    tax = layout.routes[7]
    assert len(tax.pieces) > 5
    assert len({y for _, _, y in tax.pieces[:-1]}) == 1


def test_operands_arrive_in_their_order():
    layout = layout_of(
        cp.trace(lambda x: np.concatenate([x[i : i + 1] for i in (2, 0, 1)]), np.ones(3)),
        np.ones(3),
    )
    target = next(i for i, box in enumerate(layout.model.boxes) if box.text == "concatenate")
    arriving = [
        (arrow.operand, route.pieces[-1][2])
        for arrow, route in zip(layout.model.arrows, layout.routes, strict=True)
        if arrow.target == target
    ]
    assert sorted(arriving) == sorted(arriving, key=lambda pair: pair[1])


def test_a_line_that_would_be_too_long_is_cut_and_both_ends_say_so():
    f, args = EXAMPLES["long_lines"]
    layout = layout_of(cp.trace(f, *args))
    check(layout)
    texts = [box.text for box in layout.model.boxes if box.kind == "reference"]
    assert texts == ["to (22)", "x", "to (23)", "y"]


def test_an_intermediate_value_used_far_away_is_referred_to_by_name_and_step():
    def f(x):
        early = np.exp(x)
        z = early
        for _ in range(30):
            z = np.sin(z)
        return early * z + early

    layout = layout_of(cp.trace(f, 0.5))
    check(layout)
    texts = [box.text for box in layout.model.boxes if box.kind == "reference"]
    assert texts == ["to (32), (33)", "early (1)", "early (1)"]


def everything_at_once(x):
    return sum(np.sin(x * k) for k in range(650))


def one_after_the_other(x):
    y = x * np.zeros(500)
    for i in range(500):
        y[i] = y[i] + np.sin(x)
    return np.sum(y)


def back_and_forth(x):
    values = [x]
    for _ in range(1000):
        values.append(np.sin(values[-1]))
    y = x
    for value in reversed(values):
        y = y * value
    return y


@pytest.mark.parametrize("f", [everything_at_once, one_after_the_other, back_and_forth])
def test_two_thousand_operations(f):
    graph = cp.trace(f, 0.1)
    assert len(graph) > 1900
    assert graph.backward().to_svg().endswith("</svg>\n")


def test_what_the_steps_of_a_loop_take_from_arguments_stands_beside_them():
    def f(xs, w):
        h = 1.0
        for t in range(6):
            h = np.tanh(h * w + xs[t])
        return h

    layout = layout_of(cp.trace(f, np.arange(6.0), 0.5))
    check(layout)
    boxes = layout.model.boxes
    sums = [i for i, box in enumerate(boxes) if box.text == "+"]
    taken = [i for i, box in enumerate(boxes) if box.text == "[ ]"]
    assert len(sums) == len(taken) == 6
    for a, b in pairwise(taken):
        assert layout.boxes[a].x < layout.boxes[b].x
    for take, add in zip(taken, sums, strict=True):
        between = [p for p in (layout.boxes[i] for i in sums) if p.x < layout.boxes[add].x]
        assert all(p.right < layout.boxes[take].right for p in between)
    assert [box.text for box in boxes if box.kind == "reference"].count("w") >= 3


def test_steps_drawn_as_groups_stay_level():
    graph = cp.trace(lstm, *LSTM)
    layout = make_views(graph, graph.backward())[0].layout
    cells = [
        place
        for box, place in zip(layout.model.boxes, layout.boxes, strict=True)
        if box.text.startswith("lstm_cell") and box.kind == "group"
    ]
    assert len(cells) == 5
    for a, b in pairwise(cells[1:]):
        assert a.right < b.left
        assert abs(a.y - b.y) < 2
