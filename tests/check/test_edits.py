"""A fault is put into a layer: what stood there is among the edits, and is found by running them."""

import ast
import time

import numpy as np
import pytest
from handwritten import LAYERS
from handwritten.faults import CASES
from handwritten.faulty import Faulty, close

from clearprop.check.handwritten.catalogue import FAULTS
from clearprop.check.handwritten.edits import compile_function
from clearprop.check.handwritten.edits.trees import Forms


def parsed(source):
    return ast.parse(source).body[0]


def found(case, right=""):
    """Find the first edit that gives back what stood there, and its place."""
    forms = Forms()
    forms.keep(case.tree)
    wanted = forms.of(case.good.body)
    for place, edit in enumerate(case.edits()):
        if right and edit.after == right:
            return place, edit
        if not right and forms.of(edit.build().body) == wanted:
            return place, edit
    raise AssertionError("not among the edits")


@pytest.mark.parametrize(("name", "right", "wrong", "cause", "within", "after"), CASES)
def test_what_stood_there_is_among_the_edits(name, right, wrong, cause, within, after):
    case = Faulty(name, right, wrong)
    place, edit = found(case, after)
    assert edit.cause == cause
    assert place < within
    assert edit.line in [node.lineno for node in ast.walk(case.tree) if isinstance(node, ast.stmt)]
    if wrong and "\n" not in wrong and not after:
        line = next(i for i, t in enumerate(case.source.split("\n"), 1) if wrong in t)
        lines = [i for i, t in enumerate(case.source.split("\n"), 1) if wrong in t]
        assert edit.line in lines or edit.line == line


#: Cases whose gradients another edit makes right first, by another cause that is as good.
OTHERWISE = {"jacobian": ("softmax",), "wrong-value": ("batch norm",)}


@pytest.mark.parametrize(("name", "right", "wrong", "cause"), [case[:4] for case in CASES])
def test_the_first_edit_that_makes_the_gradients_right_names_the_cause(name, right, wrong, cause):
    case = Faulty(name, right, wrong)
    good = compile_function(case.good, "layers.py", case.namespace, case.function)
    expected = case.gradients(good)
    assert not close(run(case, case.function), expected)
    for edit in case.edits():
        new = compile_function(edit.build(), "layers.py", case.namespace, case.function)
        if close(run(case, new), expected):
            assert edit.cause == cause or name in OTHERWISE.get(edit.cause, ())
            return
    raise AssertionError("no edit makes it right")


def run(case, function):
    try:
        with pytest.warns() if False else np.errstate(all="ignore"):
            return case.gradients(function)
    except Exception as error:
        return [type(error)]


@pytest.mark.parametrize("name", LAYERS)
def test_every_edit_changes_something_and_compiles(name, capsys):
    case = Faulty(name)
    begin = time.perf_counter()
    every = list(case.edits())
    built = [edit.build() for edit in every]
    for tree in built:
        compile_function(tree, "layers.py", case.namespace, case.function)
    seconds = time.perf_counter() - begin
    with capsys.disabled():
        lines = case.tree.end_lineno - case.tree.lineno
        print(
            f"\n{name}: {lines} lines, {len(every)} edits, {1e6 * seconds / len(every):.0f} µs each"
        )
    sources = [ast.unparse(tree) for tree in built]
    assert ast.unparse(case.tree) not in sources
    assert len(set(sources)) == len(sources)
    assert [edit.rank for edit in every] == sorted(edit.rank for edit in every)
    assert {edit.cause for edit in every} <= set(FAULTS)
    assert len(every) <= 2500
    for edit in every[::7]:
        assert edit.before != edit.after
        assert edit.what
