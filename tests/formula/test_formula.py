"""Formulas: what they compute is what NumPy computes, under the names that were typed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clearprop as cp
from clearprop.errors import FormulaError
from clearprop.formula import Formula, pointed, read_value, run, written
from clearprop.formula.given import drawn
from clearprop.formula.table import FUNCTIONS

A = np.array([[0.5, 0.25], [0.75, 0.125]])
V = np.array([0.25, 0.5])

#: Formulas, and the same in Python.
SAME: list[tuple[str, Any, tuple[Any, ...]]] = [
    ("price * count * tax", lambda price, count, tax: price * count * tax, (100.0, 2.0, 1.1)),
    ("t = x + y\nz = t**2", lambda x, y: (x + y) ** 2, (1.0, 2.0)),
    ("1/(1+exp(-x))", lambda x: 1 / (1 + np.exp(-x)), (0.5,)),
    ("np.exp(x) + numpy.sin(x)", lambda x: np.exp(x) + np.sin(x), (0.5,)),
    ("x @ W + b", lambda x, W, b: x @ W + b, (A, A.T, V)),
    ("sum(x, axis=0, keepdims=True)", lambda x: np.sum(x, axis=0, keepdims=True), (A,)),
    ("x.sum(axis=(0, 1))", lambda x: x.sum(axis=(0, 1)), (A,)),
    ("x.T @ x", lambda x: x.T @ x, (A,)),
    ("x[0] * x[-1, None] + x[:, ::-1]", lambda x: x[0] * x[-1, None] + x[:, ::-1], (A,)),
    ("where(x > 0.3, x, 0.1 * x)", lambda x: np.where(x > 0.3, x, 0.1 * x), (A,)),
    (
        "sum(x) / len(x) + x.shape[1] * x.size",
        lambda x: np.sum(x) / 2 + 2 * 4 + 0 * np.sum(x),
        (A,),
    ),
    ("stack([x, y], axis=1)", lambda x, y: np.stack([x, y], axis=1), (V, V)),
    ("concatenate([x, 2 * y])", lambda x, y: np.concatenate([x, 2 * y]), (V, V)),
    ("[x, 2 * x] * 3", lambda x: np.stack([x, 2 * x]) * 3, (V,)),
    ("x.reshape(4)[1] + reshape(x, (2, 2))", lambda x: x.reshape(4)[1] + x, (A,)),
    ("outer(x, y)", lambda x, y: np.outer(x, y), (V, V)),
    ("x * ones((2, 2)) + zeros(2)", lambda x: x * np.ones((2, 2)), (V,)),
    ("2 * pi * e * x", lambda x: 2 * np.pi * np.e * x, (0.5,)),
    ("np.linalg.norm(x)", lambda x: np.linalg.norm(x), (V,)),
    ("clip(x, 0.3, 0.6)", lambda x: np.clip(x, 0.3, 0.6), (A,)),
    ("x = x + 1; x = x * x", lambda x: (x + 1) ** 2, (0.5,)),
    ("(x\n + y)  # over two lines", lambda x, y: x + y, (1.0, 2.0)),
    ("  x +\ty", lambda x, y: x + y, (1.0, 2.0)),
    ("2**-1 * x", lambda x: 0.5 * x, (1.0,)),
    ("-x**2", lambda x: -(x**2), (3.0,)),
]


@pytest.mark.parametrize(("text", "function", "arguments"), SAME)
def test_a_formula_is_the_python_that_it_looks_like(
    text: str, function: Any, arguments: tuple[Any, ...]
) -> None:
    formula = Formula(text)
    ours, theirs = cp.trace(formula, *arguments), cp.trace(function, *arguments)
    np.testing.assert_allclose(ours.output, theirs.output, rtol=1e-14)
    dy = np.ones(np.shape(ours.output))[()]
    for (name, node), other in zip(ours.inputs.items(), theirs.inputs.values(), strict=True):
        expected = theirs.backward(dy)[other]
        np.testing.assert_allclose(ours.backward(dy)[node], expected, rtol=1e-12, err_msg=name)


def test_a_formula_is_checked_like_any_function() -> None:
    assert cp.check(Formula("t = x + y; sin(t) * exp(x * y)"), 0.5, 0.25).ok


def test_names_and_lines_are_those_of_the_text() -> None:
    graph = cp.trace(Formula("t = x + y  # a sum\n  z = exp(-t)\nz * 2"), 1.0, 2.0)
    assert set(graph.names) == {"x", "y", "t", "z"}
    lines = [str(graph.line_of(node)) for node in graph.nodes if node.primitive is not None]
    assert lines == [
        "formula:1: t = x + y",
        "formula:2: z = exp(-t)",
        "formula:2: z = exp(-t)",
        "formula:3: z * 2",
    ]
    assert ">t<" in graph.to_svg()


def test_the_source_of_a_formula_has_its_names() -> None:
    source = cp.source(Formula("t = x + y; t**2"), 1.0, 2.0)
    assert "t = x + y" in source
    assert "    # of out = t**2\n    dt = dy * (2 * t)\n" in source


def test_plain_numbers_make_an_argument() -> None:
    formula = Formula("x = 3\nW = [[1, 2], [3, -4]]\nsum(x * W)")
    assert formula.leaves == {"x": 3, "W": [[1, 2], [3, -4]]}
    done = run(formula, {})
    assert float(done.gradients["x"]) == 2.0
    assert done.proposed == ()


def test_numbers_given_to_a_name_that_was_used_are_no_argument() -> None:
    formula = Formula("y = x * 2\nx = 3\ny + x")
    assert formula.leaves == {"x": None}
    assert run(formula, {"x": 1.0}).gradients.graph.output == 5.0


def test_pi_can_be_a_name_of_ones_own() -> None:
    assert float(run(Formula("pi = 3\npi * x"), {"x": 1.0}).gradients["pi"]) == 1.0


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("1 + sin x", 1, 9, "Write instead: sin(x)"),
        ("t = x + y\nz = 2t", 2, 6, "Write instead: 2 * t"),
        ("  x ^ 2", 1, 5, "Write instead: x**2"),
        ("x +", 1, 4, "Something is missing or too much"),
        ("t = x\n  sine(t)", 2, 3, "Write instead: sin(x)"),
        ("ln(x)", 1, 1, "Write instead: log(x)"),
        ("sqroot(x)", 1, 1, "A formula has its own list"),
        ("x.sums()", 1, 1, "Write instead: .sum"),
        ("exp", 1, 1, "Write instead: exp(x)"),
        ("exp(x, y)", 1, 1, "It takes 1 operand."),
        ("sum(x, axes=0)", 1, 8, "It has axis= and keepdims=."),
        ("(x + y)(z)", 1, 1, "Write instead: (x + y) * (z + 1)"),
        ("(x + (y)", 1, 1, "This ( is never closed"),
        ("x + y)", 1, 6, "This ) closes nothing"),
        ("a = [1, 2]\nb = [1, 2, 3]\na + b", 3, 1, "(2,) and (3,) do not fit"),
        ("x = [[1, 2]]; x @ x", 1, 15, "2 columns meet 1 rows"),
        ("[[1, 2], [3]] * x", 1, 1, "The rows of an array are equally long"),
        ("x > 0", 0, 0, "The result has no derivative"),
        ("1 + 2", 0, 0, "The result depends on no name"),
    ],
)
def test_an_error_says_where_and_what_to_write(
    text: str, line: int, column: int, words: str
) -> None:
    with pytest.raises(FormulaError) as caught:
        run(Formula(text), {})
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)


def test_the_caret_stands_under_the_place_in_a_long_line() -> None:
    text = " + ".join(["x"] * 40) + " + 2y"
    with pytest.raises(FormulaError) as caught:
        Formula(text)
    line, caret = pointed(text, caught.value).splitlines()
    assert line[caret.index("^")] == "y"


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_a_value_is_read_as_it_is_written(numbers: list[float]) -> None:
    text = written(np.array(numbers))
    if all(len(word) < 40 for word in text.strip("[]").split(", ")):
        np.testing.assert_array_equal(read_value(text), numbers)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4,3", "values or a shape? Why: Behind --shape such numbers are sizes. "
         "Write instead: x=[4,3] for values, or --shape x=4,3"),
        ("(4, 3)", "--shape x=4,3"),
        ("", "this is no value"),
        ("abc", "this is no value"),
        ("[1, y]", "this is no value"),
        ("[]", "this is no value"),
        ("[[1, 2], [3]]", "equally long"),
        ("x" * 100, "this is no value"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused(text: str, words: str) -> None:
    with pytest.raises(FormulaError, match="x") as caught:
        read_value(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "price * count * tax",
        "x @ W + b",
        "sum(relu(x @ W1 + b1) @ W2)",
        "mean(softmax_cross_entropy(x @ W, t))",
        "softmax_cross_entropy(x, t)",
        "mean(x, axis=1)",
        "x[0] + x[:, 1]",
        "x.T @ y",
        "(x + 1) @ W",
        "log(x) * y",
    ],
)
def test_proposed_values_fit(text: str) -> None:
    formula = Formula(text)
    done = run(formula, {})
    assert set(done.proposed) == set(formula.leaves)
    assert np.isfinite(done.gradients.graph.output).all()


def test_values_are_for_names_that_need_them() -> None:
    with pytest.raises(FormulaError, match=r"prise is given a value.*Write instead: price=…"):
        run(Formula("price * 2"), {"prise": 1.0})
    with pytest.raises(FormulaError, match="x is given a value twice"):
        run(Formula("x = 3; x**2"), {"x": 1.0})


def test_what_is_drawn_is_the_same_for_the_same_seed() -> None:
    first, second = (drawn((2, 3), "x", np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    with pytest.raises(FormulaError, match="at most 10,000 elements"):
        drawn((10**6, 10**6), "x", np.random.default_rng(0))


@settings(deadline=None)
@given(st.sampled_from(sorted(FUNCTIONS)))
def test_the_usage_of_every_function_can_be_computed(name: str) -> None:
    usage = FUNCTIONS[name].usage
    formula = Formula(usage if FUNCTIONS[name].form != "made" else f"{usage} * x")
    shapes = {"reshape": (2, 3), "matmul": (2, 2), "dot": (2, 2)}
    value = np.full(shapes.get(name, (2,)), 0.5)
    values = dict.fromkeys(formula.leaves, value)
    if FUNCTIONS[name].form == "made":
        values = {"x": 0.5}
    assert np.size(cp.trace(formula, *values.values()).output)
