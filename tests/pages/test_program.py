"""What the page computes after an argument was changed is what Python computes."""

import sys

import numpy as np
import pytest
from draw.examples import EXAMPLES

import clearprop as cp
from clearprop import nn
from clearprop.check.primitives import examples
from clearprop.draw.facts import Facts
from clearprop.draw.page.arrays import Table
from clearprop.draw.page.lines import Listings
from clearprop.draw.page.pictures import Pictures
from clearprop.draw.page.quantities import Quantities
from clearprop.draw.page.recording import UnwritableError, run_again, write_program
from clearprop.draw.page.steps import Steps
from clearprop.draw.page.writing import page_data
from clearprop.draw.views import make_views
from clearprop.errors import ClearpropError
from clearprop.primitive import PRIMITIVES
from clearprop.trees import tree_leaves, tree_map

#: What a page cannot compute, and says so.
LACKING = {
    "argpartition", "argwhere", "bessel_i", "binary_exponent", "cholesky", "cofactors",
    "cholesky_pullback", "complex_of", "det", "digitize", "divmod", "eig", "eigh", "empty_like",
    "argmax_so_far", "expm", "fftn", "ifftn", "inv", "irfft", "isin", "keep_mask", "lexsort",
    "matrix_rank", "modf", "nanargmax", "nanargmin", "nextafter", "pinv", "qr", "rfft",
    "searchsorted", "singular_values", "slogdet", "solve", "solve_lower", "solve_triangular",
    "spacing", "svd", "uniform", "zeta",
}  # fmt: skip

RUN = """([program, leaves]) => {
    const p = new lib.Program(program);
    if (p.why) return p.why;
    const changed = p.given();
    for (const [label, entry] of Object.entries(leaves)) changed.set(label, lib.read(entry));
    return p.run(changed).map(a => [a.s, Array.from(a.x, String)]);
}"""


def _entry(array):
    return {"s": list(array.shape), "d": array.dtype.name, "v": array.ravel().tolist()}


def _is_float(x):
    return isinstance(x, np.ndarray | np.generic) and x.dtype.kind == "f"


def compare(library, f, given, other, views=make_views):
    """Make the program with some arguments, run it with others, and compare every quantity."""
    graph = cp.trace(f, *given)
    gradients = _backward(graph)
    quantities = _shown(graph, gradients, views)
    try:
        program = write_program(graph, run_again(graph), gradients, quantities)
    except (UnwritableError, ClearpropError) as error:
        return str(error)
    again = cp.trace(f, *other)
    expected = _shown(again, _backward(again), views)
    leaves = {
        label: _entry(np.asarray(x, graph.inputs[label].dtype))
        for name, argument in zip(graph.arguments, other, strict=True)
        for label, x in tree_leaves(argument, name)
        if label in graph.inputs
    }
    found = library.evaluate(RUN, [program, leaves])
    if isinstance(found, str):
        return found
    tables = [expected._value(q) for q, place in expected.places.items() if place >= 0]
    for (shape, values), wanted in zip(found, tables, strict=True):
        assert shape == list(np.shape(wanted))
        got = np.array([float(v.replace("Infinity", "inf")) for v in values])
        scale = np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))
        eps = 2e-6 if np.asarray(wanted).dtype == np.float32 else 1e-13
        np.testing.assert_allclose(got, np.ravel(wanted).astype(float), rtol=eps, atol=eps * scale)
    return ""


def _backward(graph):
    if not any(node.active for node in graph.outputs):
        return None
    return graph.backward(tree_map(lambda y: np.full(np.shape(y), 1.25, y.dtype)[()], graph.output))


def _shown(graph, gradients, views):
    """Give the quantities that a page would show: in its panel, and in its pictures."""
    quantities = Quantities(gradients, Table())
    made = views(graph, gradients)
    facts = made[0].facts if made else Facts(graph, gradients)
    Steps(graph, gradients, facts, quantities, Listings())
    if made:
        Pictures(facts, quantities, made)
    return quantities


def panel_only(graph, gradients):
    """Leave the pictures out: of a single operation they show what the panel does."""
    return ()


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=lambda p: p.name)
def test_every_primitive_and_its_rules(library, primitive):
    if primitive.no_derivative and primitive.name == "empty_like":
        return  # whatever was in memory: nothing to compare
    first = examples(primitive, np.random.default_rng(3))
    second = examples(primitive, np.random.default_rng(4))
    compared = 0
    for (given, attributes), (other, _) in zip(first, second, strict=True):
        if any(np.asarray(x).dtype.kind == "c" for x in given):
            continue
        # Python numbers and what has no derivative stay as they are
        places = [i for i, x in enumerate(given) if _is_float(x)]
        if not places:
            continue

        def f(*floats, given=given, attributes=attributes, places=places):
            operands = list(given)
            for i, x in zip(places, floats, strict=True):
                operands[i] = x
            return primitive(*operands, **attributes)

        why = compare(
            library, f, [given[i] for i in places], [other[i] for i in places], panel_only
        )
        if why:
            of_scipy = "scipy." in str(primitive.numpy)  # its special functions, but for a few
            assert primitive.name in LACKING or of_scipy, why
            return
        compared += 1
    assert primitive.name not in LACKING or not compared, "it can be computed: take it off the list"


def _others(args):
    rng = np.random.default_rng(5)

    def one(x):
        if isinstance(x, dict):
            return {k: one(v) for k, v in x.items()}
        if isinstance(x, float):
            return x * 1.5 + 0.25
        return x * rng.uniform(0.5, 1.5, x.shape) if x.dtype.kind == "f" else x

    return tuple(one(x) for x in args)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_with_other_arguments(library, name):
    f, args = EXAMPLES[name]
    wanted = ""
    if name == "two_outputs":
        wanted = (
            "A page cannot compute polar, your own primitive, step (1); what comes after it would "
            "not follow."
        )
    assert compare(library, f, args, _others(args)) == wanted


def test_a_whole_network_in_float32(library):
    rng = np.random.default_rng(0)

    def network(x, W1, b1, W2, t):
        h = np.maximum(x @ W1 + b1, 0)
        y = h @ W2
        return np.mean((y - t) ** 2)

    def arguments():
        shapes = [(3, 4), (4, 5), (5,), (5, 2), (3, 2)]
        return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]

    assert compare(library, network, arguments(), arguments()) == ""


def test_a_function_that_branches_on_its_values_says_so():
    def f(x):
        return x * 2 if x > 1 else x * 3

    data, _ = page_data(cp.trace(f, 2.0), None)
    assert "x > 1" in data["program"]["why"]
    assert data["program"]["why"] == data["generated"]["why"]


def test_large_arguments_are_not_carried_along():
    data, _ = page_data(cp.trace(np.sum, np.ones((200, 200))), None)
    assert "40000 numbers" in data["program"]["why"]


def test_a_function_that_reads_what_has_changed_says_so():
    scale = [2.0]

    def f(x):
        return x * scale[0]

    graph = cp.trace(f, 3.0)
    scale[0] = 5.0
    data, _ = page_data(graph, graph.backward())
    assert "other numbers now" in data["program"]["why"]


def test_arguments_are_those_of_the_trace_even_if_they_were_overwritten(library):
    x = np.array([1.0, 2.0])
    graph = cp.trace(lambda x: np.sum(x * x), x)
    x[:] = 7.0
    data, _ = page_data(graph, graph.backward())
    assert data["program"]["registers"][0]["v"] == [1.0, 2.0]


def test_a_function_that_exits_when_it_is_run_again_still_has_a_page():
    calls = []

    def once(x):
        calls.append(x)
        if len(calls) > 1:
            sys.exit(3)
        return x * x

    data, _ = page_data(cp.trace(once, 2.0), None)
    for part in "program", "generated":
        assert "leaves the program, by sys.exit" in data[part]["why"]


def test_a_function_that_exits_for_other_numbers_is_edited_all_the_same():
    def picky(x):
        if x.value != 2.0:
            sys.exit("not for this number")
        return x * x

    data, _ = page_data(cp.trace(picky, 2.0), None)
    assert "code" in data["program"]


def test_windows_with_padding_and_ties_are_those_of_the_library(library):
    rng = np.random.default_rng(7)

    def net(x, W, b):
        h = nn.Conv2d(W, b, stride=2, padding=1).forward(x)
        h = nn.MaxPool2d(2, stride=1, padding=1).forward(np.maximum(h, 0))
        return np.sum(nn.AvgPool2d(2, stride=1).forward(h) ** 2)

    given = [rng.normal(size=s) for s in ((2, 2, 7, 6), (3, 2, 3, 3), (3,))]
    other = [rng.normal(size=s) for s in ((2, 2, 7, 6), (3, 2, 3, 3), (3,))]
    assert compare(library, net, given, other) == ""
    other[1][0, 0, 0, 0] = np.nan  # beside the padding, too
    assert compare(library, net, given, other) == ""


def test_the_largest_of_a_window_is_nan_or_the_first(library):
    def pooled(x):
        largest = nn.MaxPool2d(3, stride=2, padding=1).forward(x)
        return np.sum(largest * np.arange(1.0, 10.0).reshape(3, 3))

    other = np.zeros((1, 1, 6, 6))  # ties, NaN, and a window in which all is -inf
    other[0, 0, 2, 3], other[0, 0, 5, 5], other[0, 0, :2, :2] = np.nan, 1.0, -np.inf
    assert compare(library, pooled, [np.arange(36.0).reshape(1, 1, 6, 6)], [other]) == ""


@pytest.mark.parametrize(
    ("f", "x", "said"),
    [
        (lambda x: np.linalg.det(x * 2) + np.sum(x), np.eye(2), "compute det, step (2);"),
        (lambda x: np.sum(np.sin(x)), np.ones(2, np.float16), "compute in float16, as"),
    ],
)
def test_where_editing_stops_is_said(library, f, x, said):
    graph = cp.trace(f, x)
    data, _ = page_data(graph, graph.backward())
    why = library.evaluate("p => new lib.Program(p).why", data["program"])
    assert said in why
    assert "step (" in why
