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


def parts(y):
    return y if isinstance(y, tuple) else (y,)
