"""Forward mode and derivatives of higher order: jvp, jacobian, hessian, hvp."""

from dataclasses import dataclass

import numpy as np
import pytest

import clearprop as cp
from clearprop import errors
from clearprop.check.primitives import examples
from clearprop.primitive import PRIMITIVES

X = np.array([0.5, -1.5, 2.0])
DIFFERENTIABLE = [p for p in PRIMITIVES.values() if p.rules]


def cases_of(primitive, dtype):
    for operands, attributes in examples(primitive, np.random.default_rng(2)):
        moving = [
            i
            for i, x in enumerate(operands)
            if getattr(getattr(x, "dtype", None), "kind", "") == "f" and primitive.rule(i)
        ]
        given = [x.astype(dtype) if i in moving else x for i, x in enumerate(operands)]

        def f(*xs, given=given, moving=moving, attributes=attributes):
            full = list(given)
            for i, x in zip(moving, xs, strict=True):
                full[i] = x
            return primitive(*full, **attributes)

        yield f, tuple(given[i] for i in moving)


def parts_of(y):
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("primitive", DIFFERENTIABLE, ids=lambda p: p.name)
def test_forward_is_reverse_transposed(primitive):
    r"""<u, J v> is <Jᵀu, v>, for every primitive, also for the derivative of both."""
    rng = np.random.default_rng(0)
    for f, x in cases_of(primitive, np.float64):
        v = tuple(rng.normal(size=part.shape) for part in x)
        y, y_dot = cp.jvp(f, x, v)
        expected, pullback = cp.vjp(f, *x)
        u = tuple(rng.normal(size=np.shape(part)) for part in parts_of(y))
        u_as_y = u if isinstance(y, tuple) else u[0]
        for part, moved, other in zip(
            parts_of(y), parts_of(y_dot), parts_of(expected), strict=True
        ):
            np.testing.assert_array_equal(part, other)
            assert np.shape(moved) == np.shape(part)
        forward = sum(np.sum(a * b) for a, b in zip(u, parts_of(y_dot), strict=True))
        forward = np.real(forward)  # what is real pairs with the real part
        reverse = sum(np.sum(g * t) for g, t in zip(pullback(u_as_y), v, strict=True))
        assert forward == pytest.approx(reverse, rel=1e-9, abs=1e-9)

        def slope(*x, f=f, v=v, u=u):
            moved = parts_of(cp.jvp(f, x, v)[1])
            return np.real(sum(np.sum(a * b) for a, b in zip(u, moved, strict=True)))

        of_slope = cp.grad(slope, tuple(range(len(x))))(*x)
        along = cp.jvp(lambda *x, f=f, u=u_as_y: cp.vjp(f, *x)[1](u), x, v)[1]
        for a, b in zip(of_slope, along, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("primitive", DIFFERENTIABLE, ids=lambda p: p.name)
def test_forward_stays_float32(primitive):
    for f, x in cases_of(primitive, np.float32):
        y, y_dot = cp.jvp(f, x, tuple(np.ones_like(part) for part in x))
        for part, moved in zip(parts_of(y), parts_of(y_dot), strict=True):
            assert moved.dtype == part.dtype


def test_a_direction_of_several_arguments():
    y, y_dot = cp.jvp(lambda x, W: x @ W, (X, np.eye(3)), (np.ones(3), np.full((3, 3), 2.0)))
    np.testing.assert_array_equal(y, X)
    np.testing.assert_allclose(y_dot, 1 + 2 * X.sum())


def test_trees_in_and_out():
    @dataclass
    class Point:
        x: object
        name: str

    primals = ({"a": X, "b": [2.0, None]}, Point(np.float64(3.0), "p"))
    tangents = ({"a": X * 0, "b": [1.0, None]}, Point(10.0, "p"))

    def f(tree, point):
        return {"y": tree["a"] * tree["b"][0] * point.x, "constant": 7.0, "x": point.x}

    y, y_dot = cp.jvp(f, primals, tangents)
    np.testing.assert_allclose(y_dot["y"], X * (3.0 + 20.0))
    assert (y["constant"], y_dot["constant"], y_dot["x"]) == (7.0, 0.0, 10.0)


def test_perturbations_are_not_confused():
    """d/dx (x · d/dy (x + y)) is 1: an inner derivative that sees the outer one gives 2."""

    def slope(f, x):
        return cp.jvp(f, (x,), (1.0,))[1]

    assert slope(lambda x: x * slope(lambda y: x + y, 1.0), 1.0) == 1.0
    assert cp.grad(lambda x: x * slope(lambda y: x + y, 1.0))(1.0) == 1.0
    assert slope(lambda x: x * cp.grad(lambda y: x + y)(1.0), 1.0) == 1.0
    assert slope(lambda x: x * slope(lambda y: x * y, x), 3.0) == 6.0
    assert slope(lambda x: slope(lambda y: y**3 * x, x), 2.0) == pytest.approx(3 * 3 * 4)
    assert cp.grad(lambda x: cp.jvp(lambda y: y * y, (3.0,), (x,))[1])(5.0) == 6.0


def test_third_derivatives_in_every_order_of_modes():
    def forward(f):
        return lambda x: cp.jvp(f, (x,), (1.0,))[1]

    for first in (forward, cp.grad):
        for second in (forward, cp.grad):
            for third in (forward, cp.grad):
                found = third(second(first(np.sin)))(0.7)
                assert found == pytest.approx(-np.cos(0.7), rel=1e-12)


def test_in_place_code_forward():
    def f(x):
        B = np.zeros((2, 3))
        B[0] = x
        B[1] = np.cumsum(x)
        B[:, 1] *= B[0, 0]
        return np.sum(B**2, axis=1)

    h, v = 1e-6, np.array([1.0, -2.0, 0.5])
    numerical = (f(X + h * v) - f(X - h * v)) / (2 * h)
    np.testing.assert_allclose(cp.jvp(f, (X,), (v,))[1], numerical, rtol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_jacobian_forward_and_reverse(rows):
    W = np.random.default_rng(1).normal(size=(rows, 3))
    J = cp.jacobian(lambda x: np.tanh(W @ x))(X)
    np.testing.assert_allclose(J, (1 - np.tanh(W @ X) ** 2)[:, None] * W, rtol=1e-12)
    assert J.shape == (rows, 3)


def test_jacobian_takes_the_shorter_way(monkeypatch):
    from clearprop import jacobians

    calls = []
    for name in ("push", "sweep"):
        run = getattr(jacobians, name)
        monkeypatch.setattr(
            jacobians, name, lambda *a, run=run, name=name, **k: calls.append(name) or run(*a, **k)
        )
    cp.jacobian(lambda x: np.outer(x, x))(X)
    assert calls == ["push"] * 3
    calls.clear()
    cp.jacobian(lambda x: x[:2] * x[2])(X)
    assert calls == ["sweep"] * 2


def test_jacobian_of_trees_and_of_several_arguments():
    def f(p, s):
        return {"a": p["x"] * s, "b": np.sum(p["x"]), "c": 1.0}

    J = cp.jacobian(f, (0, "s"))({"x": X}, 2.0)
    np.testing.assert_array_equal(J["a"][0]["x"], 2 * np.eye(3))
    np.testing.assert_array_equal(J["a"][1], X)
    np.testing.assert_array_equal(J["b"][0]["x"], np.ones(3))
    assert J["b"][1] == 0.0
    np.testing.assert_array_equal(J["c"][0]["x"], np.zeros(3))


def test_jacobian_inside_a_gradient():
    def f(x):
        return np.sum(cp.jacobian(lambda z: np.sin(z) * z[0])(x) ** 2)

    assert cp.check(f, X).ok


def test_hessian():
    H = cp.hessian(lambda x: x[0] ** 2 * x[1] * x[2] + np.sin(x[2]))(X)
    a, b, c = X
    expected = [
        [2 * b * c, 2 * a * c, 2 * a * b],
        [2 * a * c, 0, a**2],
        [2 * a * b, a**2, -np.sin(c)],
    ]
    np.testing.assert_allclose(H, expected, rtol=1e-12)


def test_hessian_of_a_matrix_and_of_several_arguments():
    A = np.arange(4.0).reshape(2, 2)
    assert cp.hessian(lambda A: np.sum(A @ A))(A).shape == (2, 2, 2, 2)
    H = cp.hessian(lambda x, y: np.sum(x * y), ("x", 1))(X, 2 * X)
    np.testing.assert_array_equal(H[0][1], np.eye(3))
    np.testing.assert_array_equal(H[1][1], np.zeros((3, 3)))


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_hvp_is_the_hessian_times_the_vector():
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=7), rng.normal(size=7)
    expected = cp.hessian(rosenbrock)(x) @ v
    np.testing.assert_allclose(cp.hvp(rosenbrock)(x, v), expected, rtol=1e-10)
    by_grad = cp.grad(lambda x: np.vdot(cp.grad(rosenbrock)(x), v))(x)
    np.testing.assert_allclose(by_grad, expected, rtol=1e-10)


def test_hvp_of_several_arguments_and_of_a_tree():
    got = cp.hvp(lambda a, b: a**2 * b, (0, 1))(3.0, 5.0, (1.0, 2.0))
    assert got == (2 * 5.0 + 2 * 3.0 * 2.0, 2 * 3.0)
    tree = cp.hvp(lambda p, k: p["a"] ** 3 * p["b"] * k, "p")(
        {"a": 2.0, "b": 1.0}, {"a": 1.0, "b": 0.0}, k=2.0
    )
    assert tree == {"a": 24.0, "b": 24.0}


def test_hvp_can_be_differentiated():
    assert cp.grad(lambda x: cp.hvp(lambda z: z**4)(x, 1.0))(2.0) == pytest.approx(24 * 2.0)


def test_the_result_is_the_callers_own():
    v = np.ones(3)
    _, moved = cp.jvp(lambda x: x, (X,), (v,))
    moved[:] = 7.0
    np.testing.assert_array_equal(v, 1.0)


def text_of(error, call):
    with pytest.raises(error) as caught:
        call()
    return str(caught.value)


def test_errors_say_what_to_write():
    text = text_of(errors.DTypeError, lambda: cp.jvp(np.sin, X, X))
    assert "The primals are a ndarray." in text
    assert "cp.jvp(f, (x,), (v,))" in text
    text = text_of(errors.ShapeError, lambda: cp.jvp(np.sin, (X,), (np.ones(2),)))
    assert "A tangent has shape (2,), its primal has shape (3,)." in text
    text = text_of(errors.ShapeError, lambda: cp.jvp(np.sin, (X,), (X, X)))
    assert "differ" in text
    text = text_of(errors.DTypeError, lambda: cp.jvp(np.sin, (X,), (X * 1j,)))
    assert "complex128" in text
    text = text_of(errors.ShapeError, lambda: cp.hvp(np.sum)())
    assert "cp.hvp(f)(x, v)" in text
    text = text_of(errors.ShapeError, lambda: cp.hvp(np.sin)(X, X))
    assert "np.sum" in text
