from __future__ import annotations

import numpy as np
import pytest
from draw.examples import EXAMPLES
from draw.random_graphs import programs, run
from hypothesis import given, settings

import clearprop as cp
from clearprop.draw.views import make_views


def model_of(f, *args, dy=None):
    graph = cp.trace(f, *args)
    return make_views(graph, graph.backward(dy), is_open=True)[0].model


def example(name):
    f, args = EXAMPLES[name]
    return model_of(f, *args)


def arrows(model):
    """Say of every arrow: from, to, name, value, derivative."""
    found = []
    for arrow in model.arrows:
        ends = [model.boxes[end] for end in (arrow.source, arrow.target)]
        names = [f"({box.number})" if box.number else box.text or "•" for box in ends]
        value = arrow.value and arrow.value.line
        derivative = arrow.derivative and arrow.derivative.line
        found.append((*names, arrow.name, value, derivative))
    return found


def test_the_apples():
    assert arrows(example("apples")) == [
        ("apple", "(1)", "", "100", "2.2"),
        ("number", "(1)", "", "2", "110"),
        ("(1)", "(2)", "apple_price", "200", "1.1"),
        ("tax", "(2)", "", "1.1", "200"),
        ("(2)", "output", "price", "220", "1"),
    ]


def test_the_apples_and_oranges():
    assert arrows(example("apples_and_oranges")) == [
        ("apple", "(1)", "", "100", "2.2"),
        ("apple_num", "(1)", "", "2", "110"),
        ("orange", "(2)", "", "150", "3.3"),
        ("orange_num", "(2)", "", "3", "165"),
        ("(1)", "(3)", "apple_price", "200", "1.1"),
        ("(2)", "(3)", "orange_price", "450", "1.1"),
        ("(3)", "(4)", "all_price", "650", "1.1"),
        ("tax", "(4)", "", "1.1", "650"),
        ("(4)", "output", "price", "715", "1"),
    ]


def test_an_addition_passes_on_what_arrives():
    assert arrows(model_of(lambda x, y: x + y, 10.0, 5.0, dy=1.3)) == [
        ("x", "(1)", "", "10", "1.3"),
        ("y", "(1)", "", "5", "1.3"),
        ("(1)", "output", "", "15", "1.3"),
    ]


def test_a_multiplication_swaps_its_factors():
    assert arrows(model_of(lambda x, y: x * y, 10.0, 5.0, dy=1.3)) == [
        ("x", "(1)", "", "10", "6.5"),
        ("y", "(1)", "", "5", "13"),
        ("(1)", "output", "", "50", "1.3"),
    ]


def test_the_square_of_a_sum():
    assert arrows(example("squared_sum")) == [
        ("x", "(1)", "", "1", "6"),
        ("y", "(1)", "", "2", "6"),
        ("(1)", "(2)", "t", "3", "6"),
        ("2", "(2)", "", None, None),
        ("(2)", "output", "z", "9", "1"),
    ]


def test_the_sigmoid_chain():
    y = 1 / (1 + np.exp(-0.5))
    e = np.exp(-0.5)
    assert arrows(example("sigmoid")) == [
        ("x", "(1)", "", "0.5", f"{y * (1 - y):.6g}"),
        ("(1)", "(2)", "", "-0.5", f"{-y * y * e:.6g}"),
        ("1", "(3)", "", None, None),
        ("(2)", "(3)", "", f"{e:.6g}", f"{-y * y:.6g}"),
        ("1", "(4)", "", None, None),
        ("(3)", "(4)", "", f"{1 + e:.6g}", f"{-y * y:.6g}"),
        ("(4)", "output", "", f"{y:.6g}", "1"),
    ]


def test_affine_shows_small_matrices():
    found = arrows(example("affine"))
    assert ("W", "(1)", "", "[[1, 0.5], [-0.5, 2]]", "[[9, 9], [12, 12]]") in found
    assert ("b", "(2)", "", "[1, 1]", "[3, 3]") in found


def test_softmax_with_loss_shows_shapes_means_and_spreads():
    found = {(a, b): (value, back) for a, b, _, value, back in arrows(example("softmax_with_loss"))}
    x = EXAMPLES["softmax_with_loss"][1][0]
    assert found["x", "(2)"][0] == f"(4, 3) {x.mean():.3g} ± {x.std():.3g}"
    assert found["(10)", "output"] == ("1.61769", "1")


def test_the_square_of_a_value_has_two_arrows_and_their_sum():
    model = example("square")
    assert arrows(model)[:2] == [("x", "(1)", "", "3", "3")] * 2
    assert [arrow.operand for arrow in model.arrows[:2]] == [0, 1]
    assert model.boxes[0].derivative.line == "6"


def test_paths_part_and_meet_at_a_junction():
    found = arrows(example("diamond"))
    t, slope = np.exp(0.5), 2 * np.sin(np.exp(0.5)) + 2 * np.exp(0.5) * np.cos(np.exp(0.5))
    assert ("(1)", "•", "t", f"{t:.6g}", f"{slope:.6g}") in found
    assert ("•", "(2)", "", f"{t:.6g}", f"{2 * np.sin(t):.6g}") in found
    assert ("•", "(3)", "", f"{t:.6g}", f"{2 * t * np.cos(t):.6g}") in found


def test_index_assignment():
    model = example("assignment")
    assert [box.caption for box in model.boxes if box.caption] == ["[:2]", "[1:3]", "[0]", "[0]"]
    x = model.boxes[0]
    f, args = EXAMPLES["assignment"]
    assert x.derivative.line == f"[{', '.join(f'{d:.4g}' for d in cp.grad(f)(*args))}]"


def test_without_gradients_nothing_is_said_of_derivatives():
    for f, args in EXAMPLES.values():
        model = make_views(cp.trace(f, *args), is_open=True)[0].model
        for part in [*model.boxes, *model.arrows]:
            assert part.derivative is None or part.derivative.state in (
                "not computed",
                "no derivative",
            )


def test_what_no_path_leads_from_is_0_and_says_so():
    model = example("dead_ends")
    assert arrows(model) == [
        ("x", "(1)", "", "2", "3"),
        ("3", "(1)", "", None, None),
        ("x", "(2)", "", "2", "0 (no path)"),
        ("(2)", "unused", "print_me", "-0.416147", "0 (no path)"),
        ("(1)", "output", "seen", "6", "1"),
    ]
    unused = model.boxes[1]
    assert (unused.text, unused.value.line, unused.derivative.line) == (
        "unused",
        "3",
        "0 (no path)",
    )


def test_booleans_and_integers_have_no_derivative():
    found = arrows(example("relu"))
    assert ("x", "(1)", "", "[1, -1, 2]", "– no derivative") in found
    assert ("(1)", "(3)", "mask", "[False, True, False]", "– no derivative") in found
    assert ("t", "(1)", "", "[1, 0, 4]", "– no derivative") in arrows(example("labels"))


def test_an_argument_used_in_a_mask_only_has_a_derivative_of_0():
    model = model_of(lambda x, y: y * (x > 0), 1.0, 2.0)
    assert model.boxes[0].derivative.line == "0 (no path)"


def test_several_results():
    found = arrows(example("several_results"))
    assert ("•", "output['sum']", "", "5", "1") in found
    assert ("•", "(2)", "", "5", "3") in found
    assert ("(2)", "output['product']", "p", "15", "1") in found


def test_the_same_result_twice_is_one_output():
    model = model_of(lambda x: (x, x), 2.0)
    assert arrows(model) == [("x", "output[0], output[1]", "", "2", "2")]


def test_several_outputs_leave_one_operation():
    model = example("two_outputs")
    assert [box.text for box in model.boxes] == ["x", "y", "polar", "×", "output"]
    assert [arrow.output for arrow in model.arrows if arrow.source == 2] == [0, 1]
    assert [a[3:] for a in arrows(model)[:2]] == [("3", "-0.243623"), ("4", "1.34184")]


def test_arguments_of_nested_functions_are_seen_through():
    def f(x):
        return x * cp.grad(np.sin)(x)

    graph = cp.trace(f, 2.0)
    assert any(node.operation == "alias" for node in graph)
    model = make_views(graph, graph.backward(), is_open=True)[0].model
    assert "=" not in [box.text for box in model.boxes]
    assert model.boxes[0].derivative.line == f"{np.cos(2) - 2 * np.sin(2):.6g}"


def test_a_value_from_outside_is_an_argument():
    w = cp.tensor(3.0)
    before = w * 2
    model = model_of(lambda x: x * w + before, 5.0)
    assert arrows(model)[1] == ("captured value", "(1)", "", "3", "5")
    assert arrows(model)[3] == ("captured value", "(2)", "", "not kept", "1")


def test_an_identity_and_an_empty_function():
    assert arrows(model_of(lambda x: x, 2.0)) == [("x", "output", "", "2", "1")]
    assert make_views(cp.trace(lambda: 3), is_open=True)[0].model.boxes == []


def test_constants_are_numbers_or_shapes():
    model = model_of(lambda x: np.sum(x * np.arange(3.0)) * 0.01, np.ones(3))
    assert [box.text for box in model.boxes if box.kind == "constant"] == ["(3,)", "0.01"]


def test_a_long_name_is_cut_and_told_whole_to_who_points_at_it():
    name = "a name that is much longer than any picture can bear"
    box = model_of(lambda d: d[name], {name: 1.0}).boxes[0]
    assert len(box.text) == 32
    assert box.text.endswith("…")
    assert name in box.hint


@pytest.mark.parametrize("name", EXAMPLES)
def test_arrows_lead_from_earlier_boxes_to_later_ones(name):
    model = example(name)
    assert all(arrow.source < arrow.target for arrow in model.arrows)
    for i, box in enumerate(model.boxes):
        operands = [arrow.operand for arrow in model.arrows if arrow.target == i]
        assert operands == list(range(len(box.inputs)))


@settings(deadline=None)
@given(programs())
def test_what_meets_at_a_box_is_the_sum_of_what_its_arrows_bring_back(program):
    graph = cp.trace(lambda x, y: run(program, x, y), 0.5, -0.25)
    model = make_views(graph, graph.backward(), is_open=True)[0].model
    for i, box in enumerate(model.boxes):
        leaving = [
            float(a.derivative.line.split()[0])
            for a in model.arrows
            if a.source == i
            if a.derivative is not None
        ]
        if box.kind == "junction":
            total = next(a.derivative.line for a in model.arrows if a.target == i)
        elif box.kind == "argument" and box.derivative is not None:
            total = box.derivative.line
        else:
            continue
        scale = max(map(abs, leaving), default=0) + 1e-12
        assert abs(float(total.split()[0]) - sum(leaving)) < 1e-4 * scale
