"""A function that keeps its arguments alone, and runs again in the backward pass."""

import gc
import threading
import tracemalloc
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors
from clearprop.tensor import Tensor

X = np.linspace(0.1, 1.2, 6).reshape(2, 3)
W = np.linspace(-1.0, 1.0, 12).reshape(3, 4)


class Counted:
    """A function that knows how often it ran."""

    def __init__(self, f):
        self.f = f
        self.runs = 0

    def __call__(self, *args, **kwargs):
        self.runs += 1
        return self.f(*args, **kwargs)


def layer(x, W, b=0.5):
    return np.tanh(np.exp(x @ W) + b)


def test_values_and_gradients_are_those_of_the_function():
    found = cp.value_and_grad(lambda *a: np.sum(cp.checkpoint(layer)(*a) ** 2), (0, 1, 2))
    expected = cp.value_and_grad(lambda *a: np.sum(layer(*a) ** 2), (0, 1, 2))
    y, g = found(X, W, 0.5)
    wanted, h = expected(X, W, 0.5)
    assert y == wanted
    for a, b in zip(g, h, strict=True):
        np.testing.assert_array_equal(a, b)
    assert cp.check(lambda *a: np.sum(cp.checkpoint(layer)(*a) ** 2), X, W, 0.5).ok


def test_one_more_run_for_a_backward_pass_whatever_the_operands_and_results():
    f = Counted(lambda a, b, c, *, k: (a * b, {"s": np.sum(b * c) * k}, a))
    ck = cp.checkpoint(f)

    def loss(a, b, c):
        p, q, r = ck(a, b, c, k=2.0)
        return np.sum(p) * q["s"] + np.sum(r)

    g = cp.grad(loss, (0, 1, 2))(X, X + 1, X + 2)
    assert f.runs == 2
    expected = cp.grad(
        lambda a, b, c: np.sum(a * b) * (np.sum(b * c) * 2.0) + np.sum(a), (0, 1, 2)
    )(X, X + 1, X + 2)
    for found, wanted in zip(g, expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_a_result_that_is_not_used_and_one_that_is_no_array():
    ck = cp.checkpoint(lambda x: (x * x, np.exp(x), "text", np.argmax(x), None))

    def loss(x):
        a, _, text, where, none = ck(x)
        assert (text, none) == ("text", None)
        return np.sum(a) * int(where)

    np.testing.assert_array_equal(cp.grad(loss)(X), 2 * X * 5)


def test_a_pullback_runs_it_each_time():
    f = Counted(np.sin)
    _, pullback = cp.vjp(cp.checkpoint(f), X)
    assert f.runs == 1
    for count in (2, 3):
        np.testing.assert_array_equal(pullback(np.ones_like(X))[0], np.cos(X))
        assert f.runs == count


def test_several_calls_and_a_call_on_its_own_result():
    f = Counted(lambda x: np.sin(x) * x)
    ck = cp.checkpoint(f)
    g = cp.grad(lambda x: np.sum(ck(ck(x)) + ck(x)))(X)
    assert f.runs == 6
    np.testing.assert_allclose(g, cp.grad(lambda x: np.sum(f.f(f.f(x)) + f.f(x)))(X), rtol=1e-14)


@dataclass
class Model:
    W: Any
    b: Any
    activation: Any = np.tanh


def test_trees_in_and_out():
    def f(model, batch, *, scale):
        h = model.activation(batch["x"] @ model.W + model.b[0])
        return {"h": h * scale, "sums": [np.sum(h), Model(h, None)]}

    def loss(g):
        def of(model, batch, scale):
            y = g(model, batch, scale=scale)
            return np.sum(y["h"]) * y["sums"][0] + np.sum(y["sums"][1].W)

        return of

    args = (Model(W, [np.ones(4)]), {"x": X, "name": None}, 2.0)
    found = cp.grad(loss(cp.checkpoint(f)), (0, 1, 2))(*args)
    expected = cp.grad(loss(f), (0, 1, 2))(*args)
    np.testing.assert_allclose(found[0].W, expected[0].W, rtol=1e-13)
    np.testing.assert_allclose(found[0].b[0], expected[0].b[0], rtol=1e-13)
    np.testing.assert_allclose(found[1]["x"], expected[1]["x"], rtol=1e-13)
    assert found[1]["name"] is None
    assert found[2] == pytest.approx(expected[2], rel=1e-13)


def test_nested_checkpoints():
    inner = Counted(lambda x: np.exp(np.sin(x)))
    outer = Counted(lambda x: cp.checkpoint(inner)(x) * x)
    g = cp.grad(lambda x: np.sum(cp.checkpoint(outer)(x)))(X)
    assert (outer.runs, inner.runs) == (2, 3)
    np.testing.assert_allclose(g, cp.grad(lambda x: np.sum(np.exp(np.sin(x)) * x))(X), rtol=1e-14)


@pytest.mark.parametrize("order", [2, 3])
def test_higher_derivatives(order):
    def f(x):
        return np.sin(x) * x**2

    found, expected = cp.checkpoint(f), f
    for _ in range(order):
        found, expected = cp.grad(found), cp.grad(expected)
    assert found(0.7) == pytest.approx(expected(0.7), rel=1e-14)


def test_second_derivatives_of_several_arguments_and_nested_checkpoints():
    inner = cp.checkpoint(lambda a, b: (np.exp(a * b), a + b))

    def build(g):
        def f(a, b):
            p, q = g(a, b)
            return np.sum(p * q) * np.sum(q)

        return f

    def plain(a, b):
        return np.exp(a * b), a + b

    def penalty(f):
        return lambda a, b: sum(np.sum(d**2) for d in cp.grad(f, (0, 1))(a, b)) + f(a, b)

    a, b = np.array([0.3, -0.4]), np.array([1.1, 0.2])
    found = cp.grad(penalty(build(cp.checkpoint(inner))), (0, 1))(a, b)
    expected = cp.grad(penalty(build(plain)), (0, 1))(a, b)
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-12)
    assert cp.check(penalty(build(inner)), a, b).ok


def test_an_argument_of_an_outer_derivative():
    ck = cp.checkpoint(lambda x, w: w * x**3)
    assert cp.grad(lambda w: cp.grad(lambda x: ck(x, w))(2.0) * w)(5.0) == 120.0


def test_a_cotangent_on_a_record():
    _, pullback = cp.vjp(cp.checkpoint(np.sin), np.array(0.7))
    assert cp.grad(lambda dy: pullback(dy)[0] ** 2)(3.0) == pytest.approx(6 * np.cos(0.7) ** 2)
    graph = cp.trace(lambda dy: pullback(dy)[0], np.float64(3.0))
    assert float(graph.backward()["dy"]) == pytest.approx(np.cos(0.7))


def test_imperative():
    x = cp.tensor(X)
    y = np.sum(cp.checkpoint(np.sin)(x))
    y.backward()
    y.backward()
    np.testing.assert_array_equal(x.grad, 2 * np.cos(X))


def test_without_anything_recorded_it_is_the_function():
    f = Counted(lambda x, y: x + y)
    assert cp.checkpoint(f)(1.0, 2.0) == 3.0
    assert isinstance(cp.checkpoint(f)(X, 1.0), np.ndarray)
    assert f.runs == 2


def test_a_trace_records_its_steps():
    def f(x):
        h = cp.checkpoint(lambda z: np.exp(np.sin(z)))(x)
        return np.sum(h)

    graph = cp.trace(f, X)
    assert [node.operation for node in graph] == ["argument", "sin", "exp", "sum"]
    expected = cp.grad(f)(X)
    np.testing.assert_array_equal(graph.backward()["x"], expected)
    module = {}
    exec(cp.source(f, X), module)
    np.testing.assert_allclose(module["gradients"](X)[1], expected, rtol=1e-14)
    np.testing.assert_allclose(cp.compile(cp.grad(f))(X), expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_stay(dtype):
    y, g = cp.value_and_grad(lambda x: np.sum(cp.checkpoint(np.tanh)(x) * 2))(X.astype(dtype))
    assert y.dtype == g.dtype == dtype


def test_keyword_positions_methods_and_names():
    class Net:
        def __init__(self, k):
            self.k = k

        @cp.checkpoint
        def __call__(self, x, *rest, power=2):
            """Say what it does."""
            return self.k * x**power + sum(rest)

    net = Net(3.0)
    assert cp.grad(net)(2.0, power=3) == 36.0
    assert cp.grad(net, (0, 1, 2))(2.0, 1.0, 1.0) == (12.0, 1.0, 1.0)
    assert Net.__call__.__doc__ == "Say what it does."


# ---- memory -----------------------------------------------------------------------------------


def deep(x):
    for _ in range(20):
        x = np.sin(x) * 1.01
    return x


def kept_by(f, x):
    """Count the bytes that a record of ``f`` holds on to."""
    gc.collect()
    tracemalloc.start()
    result, pullback = cp.vjp(f, x)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del result, pullback
    return size


def test_what_is_kept_falls():
    x = np.ones(100_000)

    def loss(g):
        return lambda x: np.sum(g(g(g(x))))

    all_of_it, arguments = kept_by(loss(deep), x), kept_by(loss(cp.checkpoint(deep)), x)
    assert all_of_it > 60 * x.nbytes
    assert arguments < 8 * x.nbytes


def test_the_peak_of_a_gradient_falls():
    x = np.ones(100_000)

    def peak(g):
        gc.collect()
        tracemalloc.start()
        cp.grad(lambda x: np.sum(g(g(g(g(x))))))(x)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(cp.checkpoint(deep)) < 0.5 * peak(deep)


def test_what_it_was_called_with_goes_with_the_last_node():
    class Big(np.ndarray):
        pass

    ones = np.ones(3)
    ones.flags.writeable = False  # so that it is not copied

    def constant():
        c = ones.view(Big)
        kept.append(weakref.ref(c))
        return c

    kept: list[Any] = []
    f = cp.checkpoint(lambda x, c: x * np.asarray(c))
    results: list[Any] = []

    def loss(x):
        y = f(x, constant())
        assert kept[0]() is not None
        results.append(y)  # the value leaves the function, with its node
        return np.sum(y)

    cp.grad(loss)(np.ones(3))
    gc.collect()
    assert kept[0]() is not None  # the node still says what was called
    results.clear()
    gc.collect()
    assert kept[0]() is None


# ---- arguments as they were ---------------------------------------------------------------------


def test_a_plain_argument_that_the_caller_changes_later():
    buffer = np.ones(3)
    ck = cp.checkpoint(lambda x, c: x * c)

    def loss(x):
        y = ck(x, buffer)
        buffer[:] = 100.0
        return np.sum(y)

    np.testing.assert_array_equal(cp.grad(loss)(np.ones(3)), np.ones(3))


def test_a_plain_argument_that_the_function_changes():
    @cp.checkpoint
    def f(x, c):
        c += 1.0
        return x * c

    c = np.ones(3)
    _, pullback = cp.vjp(lambda x: f(x, c), np.ones(3))
    np.testing.assert_array_equal(c, [2.0, 2.0, 2.0])  # as NumPy would
    for _ in range(2):
        np.testing.assert_array_equal(pullback(np.ones(3))[0], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(c, [2.0, 2.0, 2.0])


def test_a_list_that_the_function_appends_to():
    log: list[Any] = []

    @cp.checkpoint
    def f(x, log, *, more):
        log.append("ran")
        more["ran"] = True
        return x * x

    more: dict[str, Any] = {}
    assert cp.grad(lambda x: f(x, log, more=more))(3.0) == 6.0
    assert log == ["ran"]  # the second run has a list of its own
    assert more == {"ran": True}


# ---- refused ----------------------------------------------------------------------------------


def text_of(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_a_recorded_value_from_outside_is_named():
    def loss(x, weights):
        @cp.checkpoint
        def f(x):
            return x * weights["W"][0]

        return np.sum(f(x))

    text = text_of(
        errors.LostGradientError, lambda: cp.grad(loss, (0, 1))(X, {"W": [np.ones((2, 3))]})
    )
    assert "f, a checkpoint, uses weights['W'][0], a recorded value of shape (2, 3)" in text
    assert "that is no argument" in text
    assert "cp.checkpoint(f)(x, weights['W'][0])" in text
    assert "test_checkpoint.py" in text


def test_a_recorded_value_from_outside_that_was_computed_and_has_no_name():
    def loss(x):
        values = (value for value in [np.exp(x)])
        return np.sum(cp.checkpoint(lambda z: z * next(values))(x))

    text = text_of(errors.LostGradientError, lambda: cp.grad(loss)(X))
    assert "uses a recorded value of shape (2, 3) that is no argument" in text


def test_a_recorded_attribute_is_named():
    class Net:
        def layer(self, x):
            return x * self.W

    def loss(x, w):
        net = Net()
        net.W = w
        return cp.checkpoint(net.layer)(x)

    text = text_of(
        errors.LostGradientError,
        lambda: cp.grad(loss, (0, 1))(1.0, 2.0),
    )
    assert "uses self.W, a recorded value of shape ()" in text


def test_an_outer_argument_from_outside():
    def outer(w):
        return cp.grad(lambda x: cp.checkpoint(lambda z: z * w)(x))(3.0)

    assert "uses w, a recorded value" in text_of(
        errors.LostGradientError, lambda: cp.grad(outer)(2.0)
    )


def test_a_constant_from_outside_is_no_error():
    def loss(x, w):
        fixed = cp.stop_gradient(w)
        return cp.checkpoint(lambda z: z * fixed)(x) * w

    assert cp.grad(loss, (0, 1))(3.0, 2.0) == (4.0, 6.0)


def test_without_a_recorded_argument_the_function_itself_is_recorded():
    assert cp.grad(lambda w: cp.checkpoint(lambda z: z * w)(3.0))(2.0) == 3.0


def test_writing_into_an_argument():
    @cp.checkpoint
    def f(x):
        x[0] = 0.0
        return x

    text = text_of(errors.LostGradientError, lambda: cp.grad(lambda x: np.sum(f(x)))(X))
    assert "f, a checkpoint, writes into an argument." in text
    assert "a new array" in text


@pytest.mark.parametrize("change", ["value", "nesting", "shape"])
def test_a_function_that_gives_two_values(change):
    runs = []

    @cp.checkpoint
    def f(x):
        runs.append(1)
        if len(runs) == 1:
            return {"y": x}
        return {"value": {"y": x * 2}, "nesting": {"z": x}, "shape": {"y": x[:1]}}[change]

    text = text_of(errors.ClearpropError, lambda: cp.grad(lambda x: np.sum(f(x)["y"]))(X))
    assert "f, a checkpoint, gave other values in the backward pass." in text


def test_a_random_draw():
    rng = np.random.default_rng(0)
    ck = cp.checkpoint(lambda x: x * (rng.uniform(size=x.shape) > 0.5))
    text = text_of(errors.ClearpropError, lambda: cp.grad(lambda x: np.sum(ck(x)))(np.ones((8, 8))))
    assert "the random numbers as an argument" in text


def test_a_function_that_raises():
    ck = cp.checkpoint(lambda x: x * {}["missing"])
    with pytest.raises(KeyError, match="missing"):
        cp.grad(ck)(2.0)

    runs = []

    @cp.checkpoint
    def second(x):
        runs.append(1)
        if len(runs) == 2:
            raise KeyError("late")
        return x * x

    with pytest.raises(KeyError, match="late"):
        cp.grad(second)(2.0)
    assert cp.grad(second)(2.0) == 4.0


@pytest.mark.parametrize("f", [lambda x: x * float(x), lambda x: np.abs(np.sign(x * 1j))])
def test_what_cannot_be_recorded_is_refused_at_once(f):
    with pytest.raises((errors.LostGradientError, errors.DTypeError)) as plain:
        cp.grad(f)(2.0)
    with pytest.raises(type(plain.value)) as caught:
        cp.checkpoint(f)(cp.tensor(2.0))
    assert caught.value.what == plain.value.what


def test_a_thing_that_is_no_function():
    assert "The function to differentiate is a float." in text_of(
        errors.DTypeError, lambda: cp.checkpoint(2.0)
    )


def test_a_value_that_left_a_gradient_is_empty():
    kept = []

    def loss(x):
        y = cp.checkpoint(np.sin)(x)
        kept.append(y)
        return np.sum(y)

    cp.grad(loss)(X)
    assert isinstance(kept[0], Tensor)
    assert "through a record that was let go" in text_of(
        errors.OrderError, lambda: np.sum(kept[0]).backward()
    )


def test_threads_share_a_pullback():
    _, pullback = cp.vjp(cp.checkpoint(lambda x, y: np.sin(x) * y), X, X + 1)
    results: list[Any] = [None] * 8

    def work(k):
        results[k] = pullback(np.full_like(X, float(k)))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, (dx, dy) in enumerate(results):
        np.testing.assert_allclose(dx, k * np.cos(X) * (X + 1))
        np.testing.assert_allclose(dy, k * np.sin(X))


def test_forward_mode_goes_through():
    def layer(tree, b, scale=1.0):
        h = np.tanh(tree["W"] @ tree["x"] + b)
        return {"h": h * scale, "norm": np.sum(h**2)}

    def of(run):
        def f(x, b, scale):
            out = run({"W": np.outer(x, x), "x": x * 1.0}, b, scale=scale)
            return np.append(run({"W": np.eye(3), "x": out["h"]}, b)["h"], out["norm"])

        return f

    args = np.array([0.3, -0.2, 0.9]), np.array([0.1, 0.2, -0.3]), np.float64(1.5)
    v = np.array([1.0, -2.0, 0.5]), np.array([0.4, 0.0, 1.0]), np.float64(-1.0)
    plain, again = of(layer), of(cp.checkpoint(layer))
    np.testing.assert_allclose(cp.jvp(again, args, v)[1], cp.jvp(plain, args, v)[1], rtol=1e-12)
    for i in range(3):
        found, expected = cp.jacobian(again, i)(*args), cp.jacobian(plain, i)(*args)
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def total(f):
        return lambda *args: np.sum(np.sin(f(*args)))

    for derivative in (cp.hvp, lambda f: lambda x, b, s, v: cp.jvp(cp.grad(f), (x, b, s), v)[1]):
        direction = v[0] if derivative is cp.hvp else v
        found = derivative(total(again))(*args, direction)
        np.testing.assert_allclose(found, derivative(total(plain))(*args, direction), rtol=1e-10)
    np.testing.assert_allclose(
        cp.hessian(total(again))(*args), cp.hessian(total(plain))(*args), rtol=1e-10
    )


def test_an_array_that_was_filled_is_an_argument_like_any_other() -> None:
    def weighted(x, y):
        return np.sum(x * np.tanh(y))

    def f(x, run):
        y = np.zeros(3)
        y[0] = x[0] * x[1]
        y[1:] = 2 * x[1:]
        return run(x, y)

    x = np.array([0.5, -1.0, 2.0])
    expected = cp.grad(f)(x, weighted)
    assert np.array_equal(cp.grad(f)(x, cp.checkpoint(weighted)), expected)
    assert np.all(expected != 0)
