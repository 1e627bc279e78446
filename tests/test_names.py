"""The graph speaks the user's names: variables, arguments, lines."""

import numpy as np
import pytest

import clearprop as cp

X = np.linspace(0.1, 1.2, 6).reshape(2, 3)


def names_of(f, *args):
    return {name: len(nodes) for name, nodes in cp.trace(f, *args).names.items()}


def test_variables_and_arguments():
    def f(x, W):
        z = x @ W
        h = np.tanh(z)
        return np.sum(h * h)

    g = cp.trace(f, X, X.T)
    assert list(g.names) == ["x", "W", "z", "h"]
    np.testing.assert_array_equal(g["h"], np.tanh(X @ X.T))
    np.testing.assert_allclose(g.backward()["h"], 2 * g["h"])
    assert "z = x @ W" in str(g.line_of(g.find("z")))


def test_a_name_in_a_loop_has_every_iteration():
    def f(x):
        h = x
        for _ in range(4):
            h = np.sin(h)
        return np.sum(h)

    g = cp.trace(f, X)
    d = g.backward()
    assert len(g.names["h"]) == 4
    np.testing.assert_array_equal(d["h"], np.ones_like(X))
    np.testing.assert_array_equal(d["h", 3], d["h"])
    np.testing.assert_array_equal(d["h", -2], np.cos(g.names["h"][2].value))


def test_what_is_written_by_index_is_a_new_version():
    def f(x):
        y = x * 1.0
        y[0] += 5
        y[1] = y[0] * 2
        return np.sum(y)

    g = cp.trace(f, X)
    assert [node.operation for node in g.names["y"]] == ["multiply", "setitem", "setitem"]


def test_the_callers_name_for_what_a_helper_returns():
    def helper(x):
        return np.exp(x) + 1

    def f(x):
        hidden = helper(x)
        return np.sum(hidden)

    g = cp.trace(f, X)
    np.testing.assert_array_equal(g["hidden"], np.exp(X) + 1)


def test_tuples_walrus_augmented_attributes():
    class Box:
        value = None

    box = Box()

    def pair(x):
        return x * 2, x * 3

    def f(x):
        a, b = pair(x)
        c, d = x + 1, x + 2
        if (e := np.sum(x * 5)) > 0:
            e += np.sum(a)
        box.value = b * c
        return np.sum(box.value * d) + e

    names = names_of(f, X)
    assert names == {"x": 1, "a": 1, "b": 1, "c": 1, "d": 1, "e": 2, "box.value": 1}


def test_several_outputs_of_one_operation():
    from clearprop.rules.normalization import normalize

    def f(x):
        xn, mu, var = normalize(x, axis=(0,), eps=1e-5)
        return np.sum(xn * mu * var)

    assert list(cp.trace(f, X).names) == ["x", "xn", "mu", "var"]


def test_a_composition_has_one_name():
    def f(x):
        spread = np.std(x)
        return spread * 2

    g = cp.trace(f, X)
    assert len(g.names["spread"]) == 1
    assert g["spread"] == pytest.approx(np.std(X))


def test_nested_arguments():
    def f(params, x):
        return np.sum(x @ params["W"][0])

    d = cp.trace(f, {"W": [X.T]}, X).backward()
    np.testing.assert_array_equal(d["params['W'][0]"], np.tile(X.sum(0)[:, None], 2))


def test_code_without_source_has_its_names_from_the_bytecode():
    space = {"np": np}
    exec("def g(x): return np.exp(x) + 1", space)
    exec("def f(x):\n    h = g(x)\n    s = h * h\n    return np.sum(s)", space)
    g = cp.trace(space["f"], X)
    assert list(g.names) == ["x", "h", "s"]
    np.testing.assert_array_equal(g["h"], np.exp(X) + 1)


def test_a_python_int_counts_and_varies():
    def f(x, n):
        total = x * n
        for _ in range(n):
            total = total + 1
        return total

    d = cp.trace(f, 2.0, 3).backward()
    assert (d["x"], d["n"]) == (3.0, 2.0)
    assert "Graph of f" in repr(cp.trace(f, 2.0, 3))
