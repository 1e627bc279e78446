"""Transforms under stress: threads, exceptions, long graphs, odd arrays, and what is refused."""

import contextlib
import copy
import gc
import pickle
import sys
import threading

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors
from clearprop.trees import tree_leaves

CHAIN = 200_000


def in_threads(work, count=8):
    """Run ``work(k)`` in threads that start together; raise what one of them raised."""
    start = threading.Barrier(count)
    failures = []

    def run(k):
        try:
            start.wait()
            work(k)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # switch within a call, not between calls
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if failures:
        raise failures[0]


# ---- threads ------------------------------------------------------------------------------------


def test_threads_that_differentiate_the_same_function():
    def f(x, k):
        h = np.tanh(x * k)
        return np.sum(h * h * x)

    both = cp.value_and_grad(f, ("k", 0))
    second = cp.grad(lambda x: np.sum(cp.grad(f)(x, 2.0) ** 2))
    x = np.linspace(0.1, 1.0, 5)
    expected = [both(x, float(k)) for k in range(8)]
    curved = second(x)

    def work(k):
        for _ in range(30):
            y, (dk, dx) = both(x, float(k))
            assert y == expected[k][0]
            assert dk == expected[k][1][0]
            np.testing.assert_array_equal(dx, expected[k][1][1])
        np.testing.assert_array_equal(second(x), curved)

    in_threads(work)


def test_threads_that_trace():
    def f(x, n):
        total = x
        for _ in range(n):
            total = total * x
        return total

    def work(k):
        for _ in range(10):
            graph = cp.trace(f, 1.5, k)
            assert [node.operation for node in graph][2:] == ["multiply"] * k
            assert float(graph.backward()["x"]) == pytest.approx((k + 1) * 1.5**k)

    in_threads(work)


def test_threads_that_share_a_pullback():
    x = np.linspace(0.1, 1.0, 5)
    _, pullback = cp.vjp(lambda x: np.exp(np.sin(x)) * x, x)
    (expected,) = pullback(np.ones(5))

    def work(k):
        for _ in range(30):
            np.testing.assert_array_equal(pullback(np.full(5, 2.0**k))[0], 2.0**k * expected)

    in_threads(work)


# ---- exceptions ---------------------------------------------------------------------------------


def works():
    """Whether a derivative, a nested one, a trace and a checkpoint are right."""
    assert cp.grad(lambda x: x**3)(2.0) == 12.0
    assert cp.grad(cp.grad(lambda x: x**3))(2.0) == 12.0
    assert float(cp.trace(lambda x: x**3, 2.0).backward()["x"]) == 12.0
    assert cp.grad(cp.checkpoint(lambda x: x**3))(2.0) == 12.0
    return True


@cp.primitive
def explosive(x):
    return x * 1.0


@explosive.vjp("x")
def _(dy, x):
    raise ZeroDivisionError("in the rule")


def fails(x):
    raise ZeroDivisionError("in the function")


@pytest.mark.parametrize(
    "call",
    [
        lambda: cp.grad(fails)(2.0),
        lambda: cp.grad(explosive)(2.0),
        lambda: cp.vjp(explosive, 2.0)[1](1.0),
        lambda: cp.grad(cp.grad(fails))(2.0),
        lambda: cp.grad(cp.grad(explosive))(2.0),
        lambda: cp.grad(lambda x: x * cp.grad(fails)(x))(2.0),
        lambda: cp.grad(lambda x: cp.grad(fails)(3.0) * x)(2.0),
        lambda: cp.trace(fails, 2.0),
        lambda: cp.trace(explosive, 2.0).backward(),
        lambda: cp.trace(cp.grad(explosive), 2.0),
        lambda: cp.grad(cp.checkpoint(fails))(2.0),
        lambda: cp.grad(cp.checkpoint(explosive))(2.0),
        lambda: cp.grad(cp.checkpoint(cp.checkpoint(explosive)))(2.0),
        lambda: cp.check(fails, 2.0),
        lambda: cp.source(explosive, 2.0),
    ],
)
def test_an_exception_leaves_the_next_call_working(call):
    with pytest.raises(ZeroDivisionError, match="in the"):
        call()
    assert works()


def test_an_exception_that_the_function_catches():
    def f(x):
        with contextlib.suppress(ZeroDivisionError):
            cp.grad(fails)(x)
        try:
            np.datetime_as_string(x)
        except errors.MissingRuleError:
            return x * x
        raise AssertionError("no error")

    assert cp.grad(f)(3.0) == 6.0
    assert cp.grad(cp.grad(f))(3.0) == 2.0


def test_leaves_are_free_again_after_an_exception():
    x = cp.tensor(2.0)

    def f(y):
        (x * y).backward()  # y is a leaf of a function that is running
        return y

    with pytest.raises(errors.LostGradientError):
        cp.grad(f)(3.0)
    y = x * x
    y.backward()
    assert x.grad == 4.0


# ---- how functions may be written ---------------------------------------------------------------


def test_generators_recursion_and_closures():
    def powers(x):
        y = 1.0
        while True:
            yield y
            y = y * x

    def series(x, n=5):
        return sum(p for p, _ in zip(powers(x), range(n), strict=False))

    assert cp.grad(series)(2.0) == 1 + 2 * 2 + 3 * 4 + 4 * 8

    def factorial_like(x, n):
        return x if n == 0 else (x + n) * factorial_like(x, n - 1)

    assert cp.grad(factorial_like)(1.0, 2) == pytest.approx(6 + 2 + 3)  # x (x+1) (x+2) at 1

    def adder(k):
        def add(x):
            nonlocal total
            total = total + k * x
            return total

        total = 0.0
        return add

    assert cp.grad(adder(3.0))(1.0) == 3.0


def test_a_generator_that_outlives_its_derivative():
    kept = []

    def f(x):
        steps = (x * k for k in range(3))
        kept.append(steps)
        return next(steps) + next(steps)

    assert cp.grad(f)(2.0) == 1.0
    next(kept[0])  # recorded on what is over, to no harm
    assert works()


# ---- long graphs --------------------------------------------------------------------------------


def chain(x):
    for _ in range(CHAIN):
        x = x * 1.0
    return x


def test_a_long_graph_is_differentiated_and_let_go_without_recursion():
    value, pullback = cp.vjp(chain, 2.0)
    assert (value, pullback(3.0)) == (2.0, (3.0,))
    before = len(gc.get_objects())
    del pullback
    gc.collect()
    assert before - len(gc.get_objects()) > CHAIN / 2  # what the collector follows is gone
    assert works()


def test_a_long_trace_is_swept_and_let_go_without_recursion():
    graph = cp.trace(chain, 2.0)
    assert len(graph) == CHAIN + 1
    assert float(graph.backward()["x"]) == 1.0
    del graph
    gc.collect()
    assert works()


def test_a_long_graph_of_second_order_and_in_a_checkpoint():
    def shorter(x):
        for _ in range(CHAIN // 10):
            x = x * 1.0
        return x * x

    assert cp.grad(cp.grad(shorter))(2.0) == 2.0
    assert cp.grad(cp.checkpoint(shorter))(2.0) == 4.0


@pytest.mark.parametrize("length", [1, CHAIN])
def test_a_record_is_not_pickled(length):
    x = cp.tensor(2.0)
    y = x
    for _ in range(length):
        y = y * 1.0
    for record in (y, y.node, [y]):
        with pytest.raises((errors.LostGradientError, errors.DTypeError), match=r"[Pp]ickl"):
            pickle.dumps(record)
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        copy.deepcopy(y.node)


def test_a_graph_is_not_pickled():
    graph = cp.trace(lambda x: x * x, 2.0)
    with pytest.raises(errors.DTypeError, match="A record cannot be pickled or copied"):
        pickle.dumps(graph)
    assert pickle.loads(pickle.dumps(graph.output)) == 4.0


# ---- dtypes and kinds of arrays -----------------------------------------------------------------


def model(p, x):
    h = np.tanh(x @ p["W"] + p["b"]) * 2
    return np.mean(h**2) + np.sum(np.maximum(p["b"], 0) / 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_no_transform_widens_a_dtype(dtype):
    rng = np.random.default_rng(0)
    p = {"W": rng.normal(size=(3, 2)).astype(dtype), "b": rng.normal(size=2).astype(dtype)}
    x = rng.normal(size=(4, 3)).astype(dtype)

    def dtypes(tree):
        return {np.asarray(leaf).dtype for _, leaf in tree_leaves(tree)}

    def penalty(p):
        g = cp.grad(model)(p, x)
        return np.sum(g["W"] ** 2) + np.sum(g["b"] ** 2)

    flat, unravel = cp.ravel(p)
    results = {
        "value_and_grad": cp.value_and_grad(model)(p, x),
        "by name": cp.value_and_grad(model, ("x", "p"))(p, x=x),
        "second": cp.value_and_grad(penalty)(p),
        "vjp": cp.vjp(model, p, x)[1](1.0),
        "aux": cp.value_and_grad(lambda p: (model(p, x), x @ p["W"]), has_aux=True)(p),
        "checkpoint": cp.value_and_grad(cp.checkpoint(model), (0, 1))(p, x),
        "checkpoint twice": cp.grad(lambda p: penalty_of(cp.checkpoint(model), p, x))(p),
        "stop": cp.value_and_grad(lambda p: model(cp.stop_gradient(p), x) * np.sum(p["b"]))(p),
        "ravel": (flat, unravel(flat), cp.grad(lambda v: model(unravel(v), x))(flat)),
        "trace": traced(p, x),
        "imperative": imperative(p, x),
    }
    for name, result in results.items():
        assert dtypes(result) == {np.dtype(dtype)}, name


def penalty_of(f, p, x):
    return np.sum(cp.grad(f)(p, x)["W"] ** 2)


def traced(p, x):
    graph = cp.trace(model, p, x)
    return [graph.output, graph.backward()["p['W']"]]


def imperative(p, x):
    leaves = {key: cp.tensor(value) for key, value in p.items()}
    y = model(leaves, x)
    y.backward()
    return [y.value, *(leaf.grad for leaf in leaves.values())]


def read_only(x):
    x.flags.writeable = False
    return x


ARRAYS = {
    "0-d": np.array(0.7),
    "NumPy scalar": np.float64(0.7),
    "empty": np.zeros((0, 3)),
    "one element": np.array([0.7]),
    "read-only": read_only(np.linspace(0.1, 1.0, 6)),
    "every second": np.linspace(0.1, 1.0, 12)[::2],
    "reversed": np.linspace(0.1, 1.0, 6)[::-1],
    "transposed": np.linspace(0.1, 1.0, 6).reshape(2, 3).T,
    "column order": np.asfortranarray(np.linspace(0.1, 1.0, 6).reshape(2, 3)),
    "stride 0": np.broadcast_to(np.array([0.3, 0.7]), (3, 2)),
    "unaligned": np.frombuffer(b"\0" + np.linspace(0.1, 1.0, 4).tobytes(), np.float64, offset=1),
    "other byte order": np.linspace(0.1, 1.0, 4).astype(">f8"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_every_kind_of_array_through_every_transform(name):
    x = ARRAYS[name]
    before = np.array(x)

    def f(x):
        return np.sum(np.sin(x) * x)

    expected = np.cos(before) * before + np.sin(before)
    flat, unravel = cp.ravel(x)
    found = {
        "grad": cp.grad(f)(x),
        "by name": cp.grad(f, "x")(x=x),
        "vjp": cp.vjp(f, x)[1](1.0)[0],
        "checkpoint": cp.grad(cp.checkpoint(f))(x),
        "trace": cp.trace(f, x).backward()["x"],
        "ravel": unravel(cp.grad(lambda v: f(unravel(v)))(flat)),
        "compile": cp.compile(cp.grad(f))(x),
    }
    for how, g in found.items():
        assert np.shape(g) == np.shape(x), how
        np.testing.assert_allclose(g, expected, rtol=1e-13, err_msg=how)
    np.testing.assert_array_equal(x, before)
    second = cp.grad(lambda x: np.sum(cp.grad(f)(x)))(x)
    np.testing.assert_allclose(second, 2 * np.cos(before) - before * np.sin(before), rtol=1e-12)
    assert isinstance(cp.grad(f)(x), np.ndarray | np.float64)
    if np.ndim(x):
        g = cp.grad(f)(x)
        g[...] = 0.0  # the caller's own, writeable whatever x was


# ---- refused, with the reason -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (np.ma.array([1.0, 2.0], mask=[0, 1]), "masked array"),
        (np.array([1.0, None]), "array of object"),
        (np.array(["a", "b"]), "array of <U1"),
        (np.array([1, 2]), "array of int64"),
        (np.array([True, False]), "array of bool"),
        (np.array(["2026-01-01"], "datetime64[D]"), r"array of datetime64\[D\]"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda x: cp.grad(np.sum)(x),
        lambda x: cp.value_and_grad(lambda p: 1.0)({"x": x}),
        lambda x: cp.grad(lambda x: 1.0, "x")(x=x),
        lambda x: cp.vjp(np.negative, x),
        lambda x: cp.tensor(x),
        lambda x: cp.ravel([x]),
    ],
)
def test_arrays_that_hold_no_real_numbers(bad, what, call):
    with pytest.raises(errors.DTypeError, match=f"{what}|a MaskedArray") as caught:
        call(bad)
    assert "Why: " in str(caught.value)
    assert "Write instead: " in str(caught.value)
    assert "test_robustness.py" in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [lambda x: cp.trace(np.sum, x), lambda x: cp.check(np.sum, x), lambda x: cp.compile(np.sum)(x)],
)
def test_masked_arrays_everywhere_else(call):
    with pytest.raises(errors.DTypeError, match=r"a masked array|a MaskedArray"):
        call(np.ma.array([1.0, 2.0], mask=[0, 1]))
