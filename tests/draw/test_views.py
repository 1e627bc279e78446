from __future__ import annotations

import numpy as np
import pytest
from draw.examples import EXAMPLES
from draw.grouped import LSTM, NET, lstm, lstm_cell, steps, two_layer_net
from draw.random_graphs import programs, run
from draw.test_building import arrows
from draw.test_layout import check
from hypothesis import given, settings

import clearprop as cp
from clearprop.draw.views import LIMIT, find_view, make_views
from clearprop.errors import OptionError, UnknownNameError


def views_of(f, *args, limit=LIMIT, is_open=None):
    graph = cp.trace(f, *args)
    return make_views(graph, graph.backward(), limit, is_open)


def test_a_small_graph_is_shown_whole_with_frames():
    whole = views_of(two_layer_net, *NET)[0]
    assert whole.is_open
    assert [frame.title for frame in whole.model.frames] == [
        "Affine 1",
        "sigmoid",
        "Affine 2",
        "softmax",
        "cross_entropy",
    ]
    assert [frame.group for frame in whole.model.frames] == [1, 2, 3, 4, 5]


def test_closed_groups_pass_on_values_and_derivatives():
    whole = views_of(two_layer_net, *NET, is_open=False)[0]
    graph = cp.trace(two_layer_net, *NET)
    d = graph.backward()
    found = arrows(whole.model)
    assert [a[:3] for a in found if a[0] not in ("x", "t", "W1", "b1", "W2", "b2")] == [
        ("Affine 1", "sigmoid", ""),
        ("sigmoid", "Affine 2", "z1"),
        ("Affine 2", "softmax", ""),
        ("softmax", "cross_entropy", "y"),
        ("cross_entropy", "output", ""),
    ]
    z1 = next(a for a in found if a[2] == "z1")
    assert z1[4] == f"{d['z1'].mean():.3g} ± {d['z1'].std():.3g}"
    weights = next(a for a in found if a[:2] == ("W2", "Affine 2"))
    assert weights[4] == f"0 ± {d['W2'].std():.3g}"


def test_the_view_of_a_group_says_where_values_come_from_and_go_to():
    view = find_view(views_of(two_layer_net, *NET), "softmax")
    references = [box for box in view.model.boxes if box.kind == "reference"]
    assert [(box.text, box.refers) for box in references] == [("(8)", (8,)), ("to (14)", (14,))]
    assert (view.model.first, view.model.last) == (9, 13)
    assert view.parent == 0


def test_a_value_that_a_group_uses_itself_and_passes_on_leaves_it_once():
    whole = views_of(lstm, *LSTM)[0]
    assert not whole.is_open
    leaving = [a for a in arrows(whole.model) if a[0] == "lstm_cell 1"]
    assert [(to, name) for _, to, name, *_ in leaving] == [
        ("lstm_cell 2", "h"),
        ("lstm_cell 2", "c"),
    ]


def test_values_leave_a_group_in_the_order_in_which_they_arrive():
    whole = views_of(lstm, *LSTM)[0]
    route = {
        (arrow.output, arrow.operand): (line.pieces[0][2], line.pieces[-1][2])
        for arrow, line in zip(whole.layout.model.arrows, whole.layout.routes, strict=True)
        if whole.layout.model.boxes[arrow.source].text == "lstm_cell 1"
    }
    starts, ends = zip(*sorted(route.values()), strict=True)
    assert len(starts) == 2
    assert list(ends) == sorted(ends)


def test_the_parts_of_a_derivative_that_groups_pass_back_add_up():
    def f(x):
        return np.sum(steps(x, 2) * steps(x, 3))

    whole = views_of(f, np.array([0.5, 2.0]), is_open=False)[0]
    parts = [a for a in whole.model.arrows if whole.model.boxes[a.source].text == "x"]
    total = np.array(eval(whole.model.boxes[0].derivative.line))
    assert len(parts) == 2
    np.testing.assert_allclose(
        sum(np.array(eval(a.derivative.line)) for a in parts), total, rtol=1e-3
    )


def test_many_values_from_group_to_group_are_one_arrow():
    def make(x):
        return [np.sin(x * k) for k in range(8)]

    def use(values):
        total = 0
        for value in values:
            total = total + value * 2
        return total

    def f(x):
        return use(make(x))

    whole = views_of(f, 1.0, is_open=False)[0]
    between = [a for a in arrows(whole.model) if a[:2] == ("make", "use")]
    assert between == [("make", "use", "", "8 values", "8 derivatives")]
    inside = find_view(views_of(f, 1.0), "use")
    assert next(b.text for b in inside.model.boxes if b.kind == "reference") == "(2)"


def test_many_parameters_of_one_group_are_one_box():
    def layer(x, params):
        for W in params:
            x = np.tanh(x * W)
        return x

    def f(x, params):
        return layer(x, params) * x

    views = views_of(f, 1.0, [0.1 * k for k in range(9)], is_open=False)
    assert [b.text for b in views[0].model.boxes if b.kind == "reference"] == ["9 arguments"]


def test_without_gradients_bundles_are_not_computed():
    views = make_views(cp.trace(lstm, *LSTM))
    for view in views:
        for arrow in view.model.arrows:
            assert arrow.derivative is None or arrow.derivative.line == "not computed"


@pytest.mark.parametrize("name", EXAMPLES)
def test_closed_views_of_the_examples_have_no_overlaps(name):
    f, args = EXAMPLES[name]
    graph = cp.trace(f, *args)
    for view in make_views(graph, graph.backward(), limit=8):
        check(view.layout)


@settings(deadline=None)
@given(programs())
def test_closed_views_of_random_graphs_have_no_overlaps_and_no_circles(program):
    graph = cp.trace(lambda x, y: run(program, x, y), 0.5, -0.25)
    for view in make_views(graph, graph.backward(), limit=8):
        assert all(arrow.source < arrow.target for arrow in view.model.arrows)
        check(view.layout)
        for i, box in enumerate(view.model.boxes):
            arriving = [a.operand for a in view.model.arrows if a.target == i]
            leaving = {a.output for a in view.model.arrows if a.source == i}
            assert arriving == list(range(len(box.inputs)))
            assert leaving <= set(range(box.outputs))


@pytest.mark.parametrize(("f", "args"), [(two_layer_net, NET), (lstm, LSTM)])
def test_frames_go_around_their_groups(f, args):
    graph = cp.trace(f, *args)
    for view in make_views(graph, graph.backward()):
        check(view.layout)
        assert f is lstm or None not in view.layout.frames


@settings(deadline=None, max_examples=25)
@given(programs(longest=8), programs(longest=8), programs(longest=8))
def test_frames_around_random_calls(first, second, third):
    def one(x, y):
        return run(first, x, y)

    def two(x, y):
        return run(second, one(y, x), x) + one(x, y)

    def three(x, y):
        return run(third, two(x, one(x, y)), y)

    check(make_views(cp.trace(three, 0.5, -0.25), limit=1000)[0].layout)


@settings(deadline=None)
@given(programs())
def test_every_operation_is_shown_in_some_view(program):
    graph = cp.trace(lambda x, y: run(program, x, y), 0.5, -0.25)
    views = make_views(graph, limit=8)
    shown = {box.number for view in views for box in view.model.boxes}
    assert shown - {0} == set(range(1, views[0].model.steps + 1))


def test_elements_say_what_they_stand_for():
    graph = cp.trace(two_layer_net, *NET)
    picture = graph.backward().to_svg(is_open=False)
    assert 'data-group="4"' in picture
    assert 'data-arrow="0"' in picture
    assert 'data-step="9"' in graph.to_svg(view="softmax")
    assert 'data-refers="14"' in graph.to_svg(view="softmax")


def test_a_view_that_there_is_not_is_an_error_that_names_those_there_are():
    with pytest.raises(UnknownNameError, match=r"one of \['Affine 1', 'sigmoid'"):
        cp.trace(two_layer_net, *NET).to_svg(view="attention")


def test_five_thousand_steps():
    graph = cp.trace(lambda x: steps(x, 2500), 0.5)
    views = make_views(graph, graph.backward())
    assert len(views[0].model.boxes) <= LIMIT
    check(views[0].layout)


def test_a_picture_of_all_operations_has_a_limit():
    def f(x):
        for _ in range(700):
            x = np.sin(x) * 2 + 1
        return x

    graph = cp.trace(f, 1.0)
    with pytest.raises(OptionError, match="f has 2,100 operations, and is_open=True") as caught:
        graph.to_svg(is_open=True)
    assert "test_views.py" in str(caught.value)
    assert 'view="steps 1–100", is_open=True' in str(caught.value)
    assert graph.to_svg(view="steps 1–10", is_open=True).count('data-step="') == 30
    assert 'data-group="' in graph.to_svg(is_open=False)


@pytest.mark.parametrize("count", [3, 5])
def test_the_steps_of_a_short_loop_are_level_too(count):
    def steps(xs, W, U, b):
        h = c = np.zeros((2, 3))
        for x in xs:
            h, c = lstm_cell(x, h, c, W, U, b)
        return np.sum(h**2)

    xs, *weights = LSTM
    layout = make_views(cp.trace(steps, xs[:count], *weights))[0].layout
    cells = [
        place.y
        for box, place in zip(layout.model.boxes, layout.boxes, strict=True)
        if box.kind == "group"
    ]
    assert len(cells) == count
    assert max(cells[1:]) - min(cells[1:]) < 2
    assert abs(cells[0] - cells[1]) < 100  # all arguments arrive there whole
