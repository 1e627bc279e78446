"""Nested arguments and results: what is opened, what stays, and what comes back."""

import dataclasses
import types
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clearprop as cp
from clearprop import errors
from clearprop.trees import structure, tree_leaves, tree_map

Pair = namedtuple("Pair", ["W", "b"])


@dataclass
class Model:
    W: Any
    b: Any
    activation: Any = np.tanh
    name: str = "model"
    train: bool = True
    extra: Any = None
    sizes: Any = field(default=(3, 2), metadata={"static": True})

    def __call__(self, x):
        return self.activation(x @ self.W + self.b)


@dataclass(frozen=True, slots=True)
class Frozen:
    W: Any
    runs: Any = field(init=False, default=1.0)
    log: Any = field(default_factory=list, metadata={"static": True})

    def __post_init__(self):
        self.log.append("made")
        object.__setattr__(self, "runs", 2.0)


class Named(dict):
    def __init__(self, owner):
        super().__init__()
        self.owner = owner


class Strange(dict):
    def __copy__(self):
        raise RuntimeError("not to be copied")


class Three(tuple):  # made from three parts, not from a sequence
    __slots__ = ()

    def __new__(cls, a, b, c):
        return super().__new__(cls, (a, b, c))


def tree_of(kind):
    W, b = np.ones((3, 2)), np.zeros(2)
    if kind is defaultdict:
        made = defaultdict(list, W=W, b=b)
    elif kind is Named:
        made = Named("me")
        made.update(W=W, b=b)
    else:
        made = kind(W=W, b=b)
    return made


def parts(tree):
    return (tree["W"], tree["b"]) if isinstance(tree, dict) else (tree.W, tree.b)


def loss(tree, x):
    W, b = parts(tree)
    return np.sum(np.tanh(x @ W + b))


KINDS = [dict, OrderedDict, defaultdict, Named, Strange, Pair, Model]


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_is_nested_as_its_argument(kind):
    tree, x = tree_of(kind), np.arange(6.0).reshape(2, 3)
    expected = cp.grad(lambda W, b: loss(Pair(W, b), x), (0, 1))(*parts(tree))
    g = cp.grad(loss)(tree, x)
    assert type(g) is (dict if kind is Strange else kind)
    for found, wanted in zip(parts(g), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert type(parts(tree)[0]) is np.ndarray  # the caller's own tree is as it was


def test_subclasses_keep_what_they_hold():
    assert cp.grad(loss)(tree_of(Named), np.ones((1, 3))).owner == "me"
    assert cp.grad(loss)(tree_of(defaultdict), np.ones((1, 3))).default_factory is list
    ordered = OrderedDict(z=1.0, a=2.0)
    assert list(cp.grad(lambda p: p["z"] * p["a"])(ordered).items()) == [("z", 2.0), ("a", 1.0)]


@pytest.mark.parametrize("kind", KINDS)
def test_results_may_be_nested_too(kind):
    def f(x):
        tree = tree_of(kind)
        return tree_map(lambda part: part * x, tree)

    y, pullback = cp.vjp(f, 2.0)
    np.testing.assert_array_equal(parts(y)[0], 2 * np.ones((3, 2)))
    assert type(parts(y)[0]) is np.ndarray
    assert pullback(y) == (12.0,)  # Σ W · 2W


@pytest.mark.parametrize("kind", KINDS)
def test_trace_check_source_and_compile_open_the_same_trees(kind):
    tree, x = tree_of(kind), np.arange(6.0).reshape(2, 3) / 7
    names = ["p.W", "p.b"] if kind in (Pair, Model) else ["p['W']", "p['b']"]

    def f(p, x):
        return loss(p, x)

    graph = cp.trace(f, tree, x)
    assert list(graph.inputs) == [*names, "x"]
    d = graph.backward()
    expected = cp.grad(loss)(tree, x)
    np.testing.assert_allclose(d[names[0]], parts(expected)[0])
    report = cp.check(f, tree, x)
    assert report.ok
    assert [finding.name for finding in report.findings] == [*names, "x"]
    compiled = cp.compile(cp.grad(f))
    for _ in range(2):
        g = compiled(tree, x)
        assert type(g) is type(expected)
        np.testing.assert_allclose(parts(g)[0], parts(expected)[0], rtol=1e-12)
    module = {}
    exec(cp.source(f, tree, x), module)
    y, (dp, _) = module["gradients"](tree, x)
    assert y == pytest.approx(loss(tree, x))
    found = dp if isinstance(dp, tuple) else (dp["W"], dp["b"])
    np.testing.assert_allclose(found[0], parts(expected)[0])


# ---- None and dataclasses ---------------------------------------------------------------------


def test_none_stays_none():
    params = {"W": 2.0, "b": None, "more": [None, 3.0]}

    def f(p):
        assert p["b"] is None
        return p["W"] * p["more"][1]

    assert cp.grad(f)(params) == {"W": 3.0, "b": None, "more": [None, 2.0]}
    y, pullback = cp.vjp(lambda p, q: {"y": f(p), "none": q}, params, None)
    assert y == {"y": 6.0, "none": None}
    assert pullback({"y": 1.0, "none": None}) == (cp.grad(f)(params), None)
    assert cp.trace(f, params).output == 6.0
    assert cp.compile(cp.grad(f))(params) == cp.grad(f)(params)
    assert cp.check(f, params).ok
    assert '"b": None' in cp.source(f, params)


def test_compiled_programs_tell_none_from_a_number():
    f = cp.compile(lambda p: p["x"] * (2.0 if p["b"] is None else p["b"]))
    assert f({"x": 3.0, "b": None}) == 6.0
    assert f({"x": 3.0, "b": 5.0}) == 15.0
    assert f({"x": 3.0, "b": None}) == 6.0


def test_compiled_programs_tell_static_fields_apart():
    f = cp.compile(lambda model, x: np.sum(model(x)))
    x, W, b = np.ones((1, 2)), np.ones((2, 1)), np.zeros(1)
    for activation in (np.tanh, np.exp, np.tanh):
        np.testing.assert_allclose(f(Model(W, b, activation), x), activation(2.0))
    with pytest.raises(errors.DTypeError, match="static field"):
        f(Model(W, b, sizes=[3, 2]), x)


def test_static_fields_of_a_dataclass_stay():
    model = Model(np.ones((3, 2)), np.zeros(2), extra=np)
    g = cp.grad(lambda m: np.sum(m(np.ones((1, 3)))))(model)
    assert (g.activation, g.name, g.train, g.extra, g.sizes) == (
        np.tanh,
        "model",
        True,
        np,
        (3, 2),
    )
    assert [name for name, _ in tree_leaves(model, "m")] == ["m.W", "m.b"]


def test_a_frozen_dataclass_with_slots_is_copied_without_running_its_code():
    model = Frozen(3.0)
    g = cp.grad(lambda m: m.W**2 * m.runs)(model)
    assert model.log == ["made"]
    assert g.log is model.log
    assert (g.W, g.runs) == (12.0, 9.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        g.W = 1.0


def test_what_a_dataclass_remembers_is_computed_anew():
    @dataclass
    class Scaled:
        W: Any

        @cached_property
        def square(self):
            return self.W * self.W

    model = Scaled(3.0)
    assert model.square == 9.0
    assert cp.grad(lambda m: m.square)(model).W == 6.0


def test_a_field_that_was_never_set_is_left_out():
    @dataclass
    class Lazy:
        W: Any
        later: Any = field(init=False)

    g = cp.grad(lambda m: m.W * 2.0)(Lazy(3.0))
    assert g.W == 2.0
    assert not hasattr(g, "later")


def test_a_dataclass_of_dataclasses_and_a_callable_one_inside():
    @dataclass
    class Net:
        layers: list[Any]
        head: Model

    net = Net([Pair(2.0, 3.0)], Model(np.ones((1, 1)), np.zeros(1), np.exp))
    g = cp.grad(lambda n: np.sum(n.head(np.ones((1, 1)))) * n.layers[0].W)(net)
    assert isinstance(g.head, Model)
    assert g.layers == [Pair(np.exp(1.0), 0.0)]
    np.testing.assert_allclose(g.head.W, 2 * np.exp(1.0))


def test_what_is_not_differentiated_is_passed_on_itself():
    class Config(dict):
        pass

    model, config = Model(2.0, 3.0), Config(n=2, more=[1.0])

    def f(x, m, c):
        assert m is model
        assert c is config
        return x * m.W * c["n"]

    assert cp.grad(f)(1.0, model, config) == 4.0
    assert cp.grad(f)(np.float32(1.0), model, c=config) == 4.0


def test_a_dataclass_that_derives_from_a_built_in_type():
    @dataclass
    class BrokenError(ValueError):
        loss: Any

    def f(e):
        return e.loss**2

    g = cp.grad(f)(BrokenError(3.0))
    assert type(g) is BrokenError
    assert g.loss == 6.0


# ---- refused, with the reason --------------------------------------------------------------------


def text_of(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


@pytest.mark.parametrize("bad", ["relu", True, np.array([1, 2]), types, {1, 2}, UserDict(a=1.0)])
def test_an_error_names_the_leaf(bad):
    params = {"W": 1.0, "options": [2.0, bad]}
    text = text_of(errors.DTypeError, lambda: cp.grad(lambda p: p["W"])(params))
    assert "Argument 1 of <lambda>: p['options'][1] is a" in text
    text = text_of(errors.DTypeError, lambda: cp.grad(lambda p: p["W"], "p")(p=params))
    assert "Argument 'p' of <lambda>: p['options'][1] is a" in text


def cyclic():
    a: dict[str, Any] = {"x": 1.0}
    a["self"] = [a]
    return a


@pytest.mark.parametrize(
    "call",
    [
        lambda: cp.grad(lambda p: p["x"])(cyclic()),
        lambda: cp.vjp(lambda x: cyclic(), 1.0),
        lambda: cp.vjp(lambda p: p["x"], cyclic()),
        lambda: cp.trace(lambda p: p["x"], cyclic()),
        lambda: cp.check(lambda p: p["x"], cyclic()),
        lambda: cp.compile(lambda p: p["x"])(cyclic()),
        lambda: structure(cyclic()),
    ],
)
def test_a_tree_that_contains_itself(call):
    assert "A dict contains itself." in text_of(errors.DTypeError, call)


def test_the_same_array_twice_is_no_cycle():
    shared = [np.ones(2)]
    g = cp.grad(lambda p: np.sum(p[0][0] * p[1][0]))([shared, shared])
    np.testing.assert_array_equal(g[0][0], [1.0, 1.0])


def test_a_chain_that_is_too_deep():
    chain: Any = 1.0
    for _ in range(5_000):
        chain = (chain,)
    text = text_of(errors.DTypeError, lambda: cp.grad(lambda p: 1.0)(chain))
    assert "nested more than 200 deep" in text


@pytest.mark.parametrize(
    "dy", [{"a": 1.0}, {"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.0, "c": 1.0}, [1.0, 1.0], 1.0]
)
def test_a_cotangent_with_other_keys(dy):
    _, pullback = cp.vjp(lambda x: {"a": x, "b": x}, 1.0)
    graph = cp.trace(lambda x: {"a": x, "b": x}, 1.0)
    for call in (pullback, graph.backward):
        text = text_of(errors.ShapeError, lambda call=call: call(dy))
        assert f"dy is nested as {type(dy).__name__}" in text
        assert "test_trees.py" in text
    assert float(graph.backward({"a": 1.0, "b": 2.0})["x"]) == 3.0


def test_a_function_without_a_return():
    text = text_of(errors.ShapeError, lambda: cp.vjp(lambda x: None, 1.0))
    assert "<lambda> returned None." in text


def test_a_tuple_that_cannot_be_made_from_its_parts_becomes_a_plain_one():
    g = cp.grad(lambda p: p[0] * p[1] * p[2])(Three(2.0, 3.0, 4.0))
    assert g == (12.0, 8.0, 6.0)


TREES = st.recursive(
    st.floats(-2, 2) | st.none(),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.text(max_size=2), parts, max_size=3)
        | st.tuples(parts, parts)
        | st.builds(Pair, parts, parts)
        | st.builds(Model, parts, parts)
    ),
    max_leaves=8,
)


@given(TREES)
def test_any_tree_comes_back_as_it_was(tree):
    tree = [tree]
    assert tree_map(lambda x: x, tree) == tree
    count = len(tree_leaves(tree))
    y, g = cp.value_and_grad(lambda t: sum((x for _, x in tree_leaves(t)), 0.0))(tree)
    assert y == pytest.approx(sum(x for _, x in tree_leaves(tree)), abs=1e-9)
    assert structure(g) == structure(tree)
    assert [x for _, x in tree_leaves(g)] == [1.0] * count
