"""What a function has to show: NumPy's value, its type, and derivatives that are right."""

import numpy as np

import clearprop as cp


def agree(f, *args, second=True):
    """The value is NumPy's and stays float32; first and second derivatives are right."""
    for dtype in (np.float64, np.float32):
        given = [x.astype(dtype) for x in args]
        expected, found = parts(f(*(x.copy() for x in given))), parts(cp.vjp(f, *given)[0])
        for y, e in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
            assert (y.shape, y.dtype) == (e.shape, e.dtype)
            np.testing.assert_allclose(y, e, rtol=1e-12 if dtype == np.float64 else 1e-5)
        traced = parts(cp.trace(f, *given).output)
        for y, t in zip(found, traced, strict=True):
            np.testing.assert_array_equal(t, y)

    def total(*xs):
        return sum(np.sum(np.sin(y)) for y in parts(f(*xs)) if y.dtype.kind == "f")

    report = cp.check(total, *args)
    assert report.ok, str(report)
    if second:
        gradients = cp.grad(total, tuple(range(len(args))))
        report = cp.check(lambda *xs: sum(np.sum(g * g) for g in gradients(*xs)), *args)
        assert report.ok, str(report)


def outcome_of(f, *args):
    """Give what a call gives, or the error that it raises."""
    try:
        return f(*args)
    except Exception as error:
        return error


def parts(y):
    return y if isinstance(y, tuple) else (y,)


def agree_in_every_mode(f, xs, seed=0):
    """Values are NumPy's; vjp, jvp and a trace say one thing, and so do numerical derivatives.

    The derivative of the gradient is taken in both modes too. ``f`` may give anything nested;
    what is no number that can move is compared alone.
    """
    rng = np.random.default_rng(seed)
    expected = leaves(f(*_copied(xs)))
    found, pullback = cp.vjp(lambda *xs: tuple(leaves(f(*xs))), *xs)
    for y, e in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
        assert (y.shape, y.dtype) == (e.shape, e.dtype)
        np.testing.assert_allclose(y, e, rtol=1e-12, atol=1e-13)
    w = [rng.uniform(0.5, 1.5, np.shape(y)) if _is_float(y) else None for y in found]
    if not xs or all(part is None for part in w):
        return
    v, u = ([rng.normal(size=np.shape(x)) for x in xs] for _ in range(2))

    def total(*xs):
        start = sum(
            np.sum(np.real(x)) for x in xs
        )  # so that there is a path where the derivative is 0
        parts = zip(w, leaves(f(*xs)), strict=True)
        return start + sum(_dot(wi, y) for wi, y in parts if wi is not None)

    def slope(*xs):
        gradients = cp.grad(total, tuple(range(len(xs))))(*xs)
        return sum(_dot(g, vi) for g, vi in zip(gradients, v, strict=True))

    dy = tuple(np.zeros_like(y) if wi is None else wi for wi, y in zip(w, found, strict=True))
    reverse = sum(_dot(g + 1.0, vi) for g, vi in zip(pullback(dy), v, strict=True))
    forward = cp.jvp(total, tuple(xs), tuple(v))[1]
    numerical = along(total, xs, v)
    np.testing.assert_allclose(reverse, numerical, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-9)
    traced = cp.trace(total, *xs).backward()
    by_trace = sum(_dot(traced[f"xs[{i}]"], vi) for i, vi in enumerate(v))
    np.testing.assert_allclose(by_trace, reverse, rtol=1e-9, atol=1e-9)

    second = cp.jvp(slope, tuple(xs), tuple(u))[1]
    gradients = cp.grad(slope, tuple(range(len(xs))))(*xs)
    by_reverse = sum(_dot(g, ui) for g, ui in zip(gradients, u, strict=True))
    np.testing.assert_allclose(second, along(slope, xs, u), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(by_reverse, second, rtol=1e-8, atol=1e-8)


def along(f, xs, v, h=1e-4):
    """Differentiate numerically along a direction, to the fourth order."""

    def at(t):
        return f(*(x + t * d for x, d in zip(xs, v, strict=True)))

    wide, narrow = (at(h) - at(-h)) / (2 * h), (at(h / 2) - at(-h / 2)) / h
    return (4 * narrow - wide) / 3


def leaves(tree):
    """Give what stands in nested tuples, lists and named tuples, in order."""
    if isinstance(tree, tuple | list):
        return [leaf for part in tree for leaf in leaves(part)]
    return [] if tree is None or isinstance(tree, np.dtype | type) else [tree]


def _copied(xs):
    return [np.array(x) if np.ndim(x) else x for x in xs]


def _is_float(y):
    return np.asarray(y).dtype.kind in "fc"


def _dot(a, b):
    return np.sum(np.real(a * b))
