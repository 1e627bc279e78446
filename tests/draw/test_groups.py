from __future__ import annotations

import sys

import numpy as np
import pytest
from draw.grouped import (
    LSTM,
    NET,
    comprehension,
    lstm,
    nested_loops,
    one_function_of_several_operations,
    recursive,
    steps,
    through_layers,
    twice_from_one_line,
    two_layer_net,
    while_loop,
)
from draw.random_graphs import programs, run
from hypothesis import given, settings

import clearprop as cp
from clearprop.draw.facts import Facts
from clearprop.draw.groups import Group, opened


def groups_of(f, *args, most=30):
    return Facts(cp.trace(f, *args), None, most).groups


def tree(groups):
    """Say of every group: how deep it lies, its title, its first and last operation."""
    depths = {groups[0]: 0}
    for group in groups[1:]:
        depths[group] = depths[group.parent] + 1
    return [(depths[g], g.title, g.start + 1, g.stop) for g in groups[1:]]


def test_calls_of_functions_and_methods():
    assert tree(groups_of(two_layer_net, *NET)) == [
        (1, "Affine 1", 1, 2),
        (1, "sigmoid", 3, 6),
        (1, "Affine 2", 7, 8),
        (1, "softmax", 9, 13),
        (1, "cross_entropy", 14, 18),
    ]


def test_two_calls_from_one_line_in_a_loop_are_two_groups():
    assert tree(groups_of(twice_from_one_line, np.eye(3))) == [
        (1, "for _ in range(2)", 1, 10),
        (2, "softmax 1", 1, 5),
        (2, "softmax 2", 6, 10),
    ]


def test_the_line_of_a_group_is_that_of_its_call_or_of_the_head_of_its_loop():
    loop, softmax, _ = groups_of(twice_from_one_line, np.eye(3))[1:]
    assert loop.line.text == "for _ in range(2):"
    assert softmax.line.text == "x = softmax(x)"


def test_loops_in_loops():
    found = tree(groups_of(nested_loops, 1.0))
    assert found[:5] == [
        (1, "step 1", 1, 5),
        (2, "for _ in range(2) 1", 1, 4),
        (3, "step 1", 1, 2),
        (3, "step 2", 3, 4),
        (1, "step 2", 6, 10),
    ]
    assert len(found) == 3 * 4


def test_a_while_loop():
    found = groups_of(while_loop, 1.0)
    assert tree(found) == [(1, f"step {k}", 2 * k - 1, 2 * k) for k in range(1, 5)]
    assert found[1].line.text == "while n < 4:"


def test_a_comprehension_is_a_loop_and_no_call():
    found = tree(groups_of(comprehension, 1.0))
    assert (1, "for k in range(3)", 1, 6) in found
    assert (2, "step 3", 5, 6) in found
    assert not any("<" in title for _, title, *_ in found)


def test_what_one_function_of_numpy_does_in_several_operations_is_a_group():
    assert tree(groups_of(one_function_of_several_operations, np.ones(3))) == [
        (1, "np.var", 1, 5),
    ]


def test_layers_are_groups_by_their_class():
    assert tree(groups_of(through_layers, np.ones((2, 4)))) == [
        (1, "Sequential", 1, 5),
        (2, "Affine 1", 1, 2),
        (2, "Affine 2", 4, 5),
        (1, "softmax", 6, 10),
    ]


def test_an_lstm_cell_in_five_steps():
    found = tree(groups_of(lstm, *LSTM))
    assert [title for depth, title, *_ in found if depth == 3 and "lstm" in title] == [
        f"lstm_cell {k}" for k in range(1, 6)
    ]
    assert sum("sigmoid" in title for _, title, *_ in found) == 15


def test_a_recursion_deeper_than_pythons_own_limit_allows_to_walk():
    depth = 300
    groups = groups_of(lambda x: recursive(x, depth), 1.0)
    assert max(d for d, *_ in tree(groups)) == depth - 1
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(120)
        assert len(opened(groups[0])) == 2 * depth
    finally:
        sys.setrecursionlimit(limit)


def test_many_steps_are_groups_of_groups():
    groups = groups_of(lambda x: steps(x, 1000), 1.0)
    found = tree(groups)
    assert [title for depth, title, *_ in found if depth == 1] == [
        f"steps {k}–{k + 99}" for k in range(1, 1001, 100)
    ]
    assert (2, "steps 991–1000", 1981, 2000) in found
    assert (3, "step 991", 1981, 1982) in found


def test_a_long_function_without_calls_is_cut_at_its_lines():
    lines = [f"    x = np.sin(x) * {k}\n" for k in range(100)]
    text = f"def f(x):\n{''.join(lines)}    return x\n"
    scope = {"np": np}
    exec(text, scope)
    groups = groups_of(scope["f"], 1.0)
    assert all(len(group.members) <= 31 for group in groups)
    assert all(group.start % 2 == 0 for group in groups)  # no line is torn apart


@pytest.mark.parametrize("most", [3, 30])
@settings(deadline=None)
@given(program=programs())
def test_groups_hold_every_operation_once_and_in_order(most, program):
    facts = Facts(cp.trace(lambda x, y: run(program, x, y), 0.5, -0.25), None, most)
    assert opened(facts.groups[0]) == facts.operations
    for group in facts.groups:
        at = group.start
        for member in group.members:
            if isinstance(member, Group):
                assert member.parent is group
                assert member.start == at
                at = member.stop
            else:
                assert facts.operations[at] is member
                at += 1
        assert at == group.stop
        assert len(group.members) <= most + 1


def test_a_trace_lets_go_of_the_frames_it_looked_at():
    graph = cp.trace(lstm, *LSTM)
    assert graph._tape.calls._frames == []


def test_a_gradient_alone_knows_of_no_calls():
    seen = []

    def f(x):
        y = np.sin(x)
        seen.append(y.node)
        return y

    cp.grad(f)(1.0)
    assert seen[0].moment is None
