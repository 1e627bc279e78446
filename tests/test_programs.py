"""Programs drawn at random, of reads, writes, views and kept results, on a plain array."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import clearprop as cp


def element(v, i, s, kept):
    v[i] = s * s + v[i - 1] if v.ndim == 1 else np.sin(s)


def one_of_a_row(v, i, s, kept):
    row = v[i]
    if v.ndim > 1:
        row[-1] = s


def in_place(v, i, s, kept):
    v += s
    v[i] *= 1 + 0.1 * s


def where_large(v, i, s, kept):
    v[v > 0.5] *= s


def swapped(v, i, s, kept):
    v[[0, len(v) - 1]] = v[[len(v) - 1, 0]]


WRITES = {
    "element": element,
    "one of a row": one_of_a_row,
    "in place": in_place,
    "where large": where_large,
    "swapped": swapped,
    "tail": lambda v, i, s, kept: v.__setitem__(slice(i, None), s * 2),
    "row by row": lambda v, i, s, kept: v.__setitem__(i, v[i - 1] * s + 1),
    "out": lambda v, i, s, kept: np.add(v, s, out=v),
    "flat": lambda v, i, s, kept: v.flat.__setitem__(0, s),
    "put": lambda v, i, s, kept: np.put(v, [i], s),
    "copyto": lambda v, i, s, kept: np.copyto(v, s, where=np.abs(v) < 0.1),
    "fill": lambda v, i, s, kept: v.fill(0.25),
    "add.at": lambda v, i, s, kept: np.add.at(v, [0, 0], s),
}
READS = {
    "square": lambda v, i, s, kept: kept.append(v**2),
    "product": lambda v, i, s, kept: kept.append(v * s),
    "part": lambda v, i, s, kept: kept.append(v[i]),
    "as it is": lambda v, i, s, kept: kept.append(np.asarray(v) * 1.5),
    "copy": lambda v, i, s, kept: kept.append(v.copy()),
    "repeated": lambda v, i, s, kept: kept.append(np.broadcast_to(v, (2, *v.shape)) * s),
    "run again": lambda v, i, s, kept: kept.append(
        cp.checkpoint(lambda a, b: np.sum(np.sin(a) * b))(v * 1.0, s)
    ),
}
VIEWS = {
    "head": lambda v, i: v[: max(1, i)],
    "reversed": lambda v, i: v[::-1],
    "transposed": lambda v, i: v.T,
    "reshaped": lambda v, i: v.reshape(-1),
    "ravelled": lambda v, i: np.ravel(v),
    "row": lambda v, i: v[i] if v.ndim > 1 else v,
    "same": lambda v, i: v,
    "converted": lambda v, i: np.asarray(v),
    "broadcast": lambda v, i: np.broadcast_arrays(v, 1.0)[0],
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*WRITES, *READS, *VIEWS]),
        st.integers(0, 7),
        st.integers(0, 7),
        st.integers(0, 2),
    ),
    min_size=3,
    max_size=14,
)
X = np.array([0.3, -0.7, 1.1])


def program(steps):
    def f(x):
        array = np.zeros((3, 4))
        views, kept = [array], []
        for name, which, where, source in steps:
            v = views[which % len(views)]
            i, s = where % len(v), x[source]
            if name in VIEWS:
                views.append(VIEWS[name](v, i))
            else:
                {**WRITES, **READS}[name](v, i, s, kept)
        return 0.1 * x[0] + sum(np.sum(np.sin(p + j)) for j, p in enumerate(views + kept))

    return f


@given(steps=STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_program_has_numpys_value_and_its_derivative(steps):
    f = program(steps)
    expected = f(X.copy())
    if not np.isfinite(expected) or abs(expected) > 1e6:
        return
    value, gradient = cp.value_and_grad(f)(X)
    assert value == pytest.approx(expected)
    v, h = np.array([0.5, 0.2, -0.4]), 1e-6
    wide = (f(X + h * v) - f(X - h * v)) / (2 * h)
    narrow = (f(X + h / 2 * v) - f(X - h / 2 * v)) / h
    if abs(wide - narrow) < 1e-5 * (1 + abs(narrow)):  # no kink within the step
        assert gradient @ v == pytest.approx(narrow, rel=1e-4, abs=1e-5)
    assert cp.jvp(f, (X,), (v,))[1] == pytest.approx(gradient @ v, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(cp.trace(f, X).backward()["x"], gradient, rtol=1e-9, atol=1e-9)


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_program_has_its_second_derivative(steps):
    f = program(steps)
    if not np.isfinite(f(X.copy())):
        return
    v = np.array([0.5, 0.2, -0.4])
    forward_over_reverse = cp.jvp(cp.grad(f), (X,), (v,))[1]
    np.testing.assert_allclose(cp.hvp(f)(X, v), forward_over_reverse, rtol=1e-8, atol=1e-8)
