"""Attempts to break out of the formula language, each with its answer; nothing else may happen."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from formula.breakouts import ATTEMPTS, table
from hypothesis import example, given, settings
from hypothesis import strategies as st

import clearprop as cp
from clearprop.errors import FormulaError
from clearprop.explain.steps import steps
from clearprop.formula import Formula, read_value, run
from clearprop.formula.checking import ATTRIBUTES, METHODS
from clearprop.formula.table import FUNCTIONS

DOCUMENTED = Path(__file__).parents[2] / "docs" / "breakout_table.md"


def answer_to(text: str) -> str:
    """Compute a formula with 1 for each of its names."""
    try:
        formula = Formula(text)
        values = {name: 1.0 for name, given in formula.leaves.items() if given is None}
        return f"= {run(formula, values).gradients.graph.output:g}"
    except FormulaError as error:
        return str(error)


@pytest.mark.parametrize(("kind", "attempt", "answer"), ATTEMPTS)
def test_an_attempt_gets_its_answer(kind: str, attempt: str, answer: str) -> None:
    if answer.startswith("="):
        assert answer_to(attempt) == answer
    else:
        assert answer in answer_to(attempt)


def test_the_documented_table_is_this_one() -> None:
    assert DOCUMENTED.read_text(encoding="utf-8") == table(), "python tests/formula/breakouts.py"


def test_no_python_is_executed() -> None:
    """Whatever is typed, no code object runs, nothing is imported and no file is opened."""
    ran: list[str] = []
    texts = [attempt for _, attempt, _ in ATTEMPTS]
    armed = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        # Python's parser looks for a file of the text's name when it shows a syntax error.
        parser = event == "open" and arguments[0] == "<formula>"
        watched = ("exec", "import", "open", "os.system", "subprocess.Popen")
        if armed and event in watched and not parser:
            ran.append(f"{event} {arguments[:1]}")

    for text in texts:  # what is imported when it is first used is imported now
        answer_to(text)
    sys.addaudithook(hook)  # there is no way to remove one: it is disarmed instead
    armed = True
    try:
        for text in texts:
            answer_to(text)
    finally:
        armed = False
    assert ran == []


def test_the_hook_of_that_test_would_see_an_execution() -> None:
    ran: list[str] = []
    armed = True
    sys.addaudithook(lambda event, _: ran.append(event) if armed and event == "exec" else None)
    exec("1 + 1")
    armed = False
    assert ran


def test_what_can_be_called_has_no_way_to_files_or_objects() -> None:
    reached = {*FUNCTIONS, *METHODS, *ATTRIBUTES}
    dangerous = "load|save|file|mem|frompy|vector|eval|exec|import|dump|ctypes|base|data|flags|set"
    assert not [name for name in reached if re.search(dangerous, name)]
    assert all(set(function.keywords) <= {"axis", "keepdims"} for function in FUNCTIONS.values())


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("xyW01.9e+-*/@()[],=<>:; \n#_npTsumexp'\"{}λ\0"), max_size=60)
)
@example("x" * 4001)
def test_any_text_is_computed_or_refused(text: str) -> None:
    found: object = None
    try:
        found = run(Formula(text), {}).gradients
    except FormulaError as error:
        found = error
    if isinstance(found, FormulaError):
        longest = max(map(len, text.split("\n")))
        assert 0 <= found.line <= text.count("\n") + 1
        assert found.column <= longest + 2
        assert found.what
    else:
        assert isinstance(found, cp.Gradients)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
@example("9" * 50_000)
@example("[" * 10_000)
@example("__import__('os')")
@example("1_000")
@example("x")
def test_a_value_is_numbers_or_refused(text: str) -> None:
    try:
        value = read_value(text)
    except FormulaError:
        return
    assert isinstance(value, float) or (
        isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size <= 10_000
    )


@pytest.mark.parametrize("size", [10_001, 10**6, 10**9, 10**15])
def test_nothing_is_made_before_its_size_is_known(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setitem(FUNCTIONS, "ones", FUNCTIONS["ones"]._replace(call=made.append))
    assert "elements" in answer_to(f"ones({size}) * x")
    assert made == []


NAMES = {"x": 2.0, "y": -0.5, "W": np.array([[1.0, 2.0], [3.0, 4.0]]), "v": np.array([1.0, -2, 0])}
WORDS = [
    *(*NAMES, *NAMES, "1", "0", "2", "0.5", "-1", "[1,2,3]", "pi", "x.shape[0]", "len(v)"),
    *("True", "None", "W.shape", "[[0,1],[1,0]]", "pi.T", "(1)"),
]
AXES = ["", "", ", axis=0", ", axis=-1", ", axis=(0,1)", ", axis=x", ", keepdims=True", ", out=x"]


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Write operations on formulas, most of them with sense."""
    sign = st.sampled_from(["+", "-", "*", "/", "**", "@", "<", "=="])
    part = st.sampled_from(
        ["0", "-1", "1:", "::-1", "None", "0,1", ":,0", "5", "len(v)", "W.shape"]
    )
    end = st.sampled_from([".T", ".shape", ".size", ".sum()", ".reshape(-1)", ".reshape(2, 2)"])
    name = st.sampled_from(sorted(FUNCTIONS))
    return st.one_of(
        st.builds("({} {} {})".format, inner, sign, inner),
        st.builds("-{}".format, inner),
        st.builds("{}[{}]".format, inner, part),
        st.builds("({}){}".format, inner, end),
        st.builds("{}({}{})".format, name, inner, st.sampled_from(AXES)),
        st.builds("{}({}, {})".format, name, inner, inner),
        st.builds("{}([{}, {}]{})".format, name, inner, inner, st.sampled_from(AXES)),
        st.builds("where({} > 0, {}, {})".format, inner, inner, inner),
    )


@settings(max_examples=500, deadline=None)
@given(st.recursive(st.sampled_from(WORDS), calls, max_leaves=8))
@example("pi.T * x")
@example("clip(2, x, 3)")
@example("min(x, axis=0)")
@example("expand_dims(v, axis=W.shape)")
def test_any_formula_is_computed_or_refused(text: str) -> None:
    found: object = None
    try:
        formula = Formula(text)
        found = run(formula, {name: NAMES[name] for name in formula.leaves}).gradients
    except FormulaError as error:
        found = error
    if isinstance(found, cp.Gradients):
        told = steps(found)
        assert len(told.steps) <= len(found.graph.nodes)
        assert all(node.shape == found[node].shape for node in found.graph.inputs.values())
