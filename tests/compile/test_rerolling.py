"""Programs written on scalars become a few loops, and compute what they are written to."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clearprop as cp
from clearprop.compile import apart
from clearprop.compile.patterns import contraction, grid, steps
from clearprop.trees import tree_leaves

RNG = np.random.default_rng(0)


def numbers(*shape: int) -> Any:
    """Give nested lists of Python floats."""
    return RNG.normal(size=shape).tolist()


def arrays_of(compiled: Any) -> int:
    """Give how many arrays the program has, arguments and results among them."""
    return len(compiled._last.plan.arrays)


def agree(f: Callable[..., Any], *args: Any, bound: float = 1e-12) -> Any:
    """Compile a function, and compare it with itself; give what was compiled."""
    compiled = cp.compile(f)
    for _ in range(2):  # the second call finds the program there
        found, expected = tree_leaves(compiled(*args)), tree_leaves(f(*args))
        assert [name for name, _ in found] == [name for name, _ in expected]
        for (name, a), (_, b) in zip(found, expected, strict=True):
            assert np.shape(a) == np.shape(b), name
            assert np.asarray(a).dtype == np.asarray(b).dtype, name
            np.testing.assert_allclose(a, b, rtol=bound, atol=bound, err_msg=name)
    return compiled


# ---- networks on numbers -------------------------------------------------------------------------


def scores(layers: Any, x: Any) -> Any:
    for neurons in layers:
        sums = [sum(w * v for w, v in zip(ws, x, strict=True)) + b for *ws, b in neurons]
        x = [np.maximum(s, 0) for s in sums]
    return x[0]


def moons_step(layers: Any, points: Any, labels: Any) -> Any:
    def loss(layers: Any) -> Any:
        margins = [
            np.maximum(1 - t * scores(layers, list(point)), 0)
            for point, t in zip(points, labels, strict=True)
        ]
        decay = sum(w * w for neurons in layers for neuron in neurons for w in neuron)
        return sum(margins) * (1 / len(margins)) + 1e-4 * decay

    value, gradient = cp.value_and_grad(loss)(layers)
    return value, cp.optim.sgd(layers, gradient, 0.1)


def layers_of(*sizes: int) -> Any:
    return [numbers(n, m + 1) for m, n in pairwise(sizes)]


POINTS, LABELS = RNG.normal(size=(9, 2)), np.array([-1.0, 1, 1, -1, 1, -1, -1, 1, 1])


def test_a_batch_written_on_numbers_is_a_batch_of_matrices() -> None:
    compiled = agree(moons_step, layers_of(2, 6, 5, 1), POINTS, LABELS)
    assert "@" in compiled.source or "matmul" in compiled.plan
    few = arrays_of(compiled)
    more = agree(moons_step, layers_of(2, 6, 5, 1), RNG.normal(size=(40, 2)), np.resize(LABELS, 40))
    assert arrays_of(more) == few < 60  # however many samples


def test_the_numbers_may_have_32_bits() -> None:
    layers = cp.trees.tree_map(np.float32, layers_of(2, 6, 5, 1))
    agree(moons_step, layers, POINTS.astype("f4"), LABELS.astype("f4"), bound=1e-5)


def test_one_sample_is_matrix_times_vector() -> None:
    def loss(layers: Any, x: Any) -> Any:
        for neurons in layers:
            x = [np.tanh(sum(w * v for w, v in zip(ws, x, strict=True)) + b) for *ws, b in neurons]
        return sum(v * v for v in x)

    def step(layers: Any, x: Any) -> Any:
        value, gradient = cp.value_and_grad(loss)(layers, x)
        return value, cp.optim.sgd(layers, gradient, 0.1)

    compiled = agree(step, layers_of(4, 15, 15, 2), numbers(4))
    assert arrays_of(compiled) < 60


def test_a_recurrent_network_has_arrays_for_each_time() -> None:
    def loss(W: Any, U: Any, xs: Any) -> Any:
        h, total = [0.0] * 5, 0.0
        for x in xs:
            h = [
                np.tanh(
                    sum(w * v for w, v in zip(a, h, strict=True))
                    + sum(u * v for u, v in zip(b, x, strict=True))
                )
                for a, b in zip(W, U, strict=True)
            ]
            total = total + sum(v * v for v in h)
        return total

    f = cp.value_and_grad(loss, argnums=(0, 1))
    compiled = agree(f, numbers(5, 5), numbers(5, 3), numbers(12, 3), bound=1e-11)
    assert arrays_of(compiled) < 30 * 12


def test_steps_hand_on_their_numbers_as_one_array() -> None:
    layers = layers_of(2, 6, 5, 1)

    def step(layers: Any, t: Any, points: Any, labels: Any) -> Any:
        value, layers = moons_step(layers, points, labels * t)
        return layers, value

    compiled = cp.compile(step)
    ts = RNG.uniform(0.5, 1, 7)
    last, losses = compiled.scan(layers, ts, POINTS, LABELS)
    expected = []
    for t in ts:
        layers, value = step(layers, t, POINTS, LABELS)
        expected.append(value)
    np.testing.assert_allclose(losses, expected, rtol=1e-11)
    for (name, a), (_, b) in zip(tree_leaves(last), tree_leaves(layers), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=name)
    assert len(compiled._last.leaves) == 4  # the numbers of all layers are one


def test_numbers_of_each_step_are_one_array() -> None:
    def step(w: Any, x: Any) -> Any:
        def loss(w: Any) -> Any:
            rows = [[np.sin(a * b) for a in w] for b in x]
            return sum(sum(row) * sum(row) for row in rows)

        value, gradient = cp.value_and_grad(loss)(w)
        return [a - 0.001 * b for a, b in zip(w, gradient, strict=True)], [value, *x]

    w, xs = numbers(12), list(RNG.normal(size=(12, 5)))
    compiled = cp.compile(step)
    last, ys = compiled.scan(w, xs)
    for i in range(5):
        w, y = step(w, [x[i] for x in xs])
        np.testing.assert_allclose([part[i] for part in ys], y, rtol=1e-11)
    np.testing.assert_allclose(last, w, rtol=1e-11)


# ---- arrays element by element -------------------------------------------------------------------


def test_a_product_of_matrices_by_hand() -> None:
    def product(a: Any, b: Any) -> Any:
        return np.array(
            [
                [sum(a[i, k] * b[k, j] for k in range(7)) for j in range(b.shape[1])]
                for i in range(len(a))
            ]
        )

    def f(a: Any, b: Any) -> Any:
        both = cp.grad(lambda a, b: np.sum(np.sin(product(a, b))), argnums=(0, 1))
        return product(a, b), both(a, b)

    compiled = agree(f, RNG.normal(size=(6, 7)), RNG.normal(size=(7, 8)))
    assert arrays_of(compiled) < 20


def test_a_convolution_by_hand_fills_an_array() -> None:
    def f(x: Any, w: Any) -> Any:
        y = np.zeros((7, 7))
        for i in range(7):
            for j in range(7):
                total = 0.0
                for a in range(3):
                    for b in range(3):
                        total += x[i + a, j + b] * w[a, b]
                y[i, j] = total
        return np.sum(np.maximum(y, 0) ** 2)

    g = cp.value_and_grad(f, argnums=(0, 1))
    assert arrays_of(agree(g, RNG.normal(size=(9, 9)), RNG.normal(size=(3, 3)))) < 90


def test_what_is_read_of_a_filled_array_is_what_was_written() -> None:
    def f(x: Any) -> Any:
        y = np.ones((4, 30))
        y[0] = x
        for i in range(3):
            for j in range(30):
                y[i + 1, j] = np.tanh(y[i, j] * y[i, (j + 7) % 30]) + y[3, j]
        y[1, 2] = 5.0
        return y

    def both(x: Any) -> Any:
        return f(x), cp.grad(lambda x: np.sum(f(x) ** 2))(x)

    agree(both, RNG.normal(size=30))


def test_what_is_long_to_follow_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_MOST_STEPS", 100)

    def f(x: Any) -> Any:
        y = np.zeros(30)
        for i in range(30):
            y[i] = sum(np.sin(x[i] * x[j]) for j in range(20))
        return y

    agree(f, RNG.normal(size=30))


def test_elements_in_no_order() -> None:
    pairs = [tuple(RNG.choice(20, 2, replace=False).tolist()) for _ in range(100)]

    def energy(at: Any) -> Any:
        total = 0.0
        for i, j in pairs:
            d = np.sqrt((at[i, 0] - at[j, 0]) ** 2 + (at[i, 1] - at[j, 1]) ** 2 + 1e-3)
            total = total + (d - 1.0) ** 2
        return total

    agree(cp.value_and_grad(energy), RNG.normal(size=(20, 2)))


# ---- constants and types -------------------------------------------------------------------------


def test_many_constants_are_data() -> None:
    xs, ys = numbers(60, 3), numbers(60)

    def loss(w: Any) -> Any:
        total = 0.0
        for x, y in zip(xs, ys, strict=True):
            p = 1 / (1 + np.exp(-(w[0] * x[0] + w[1] * x[1] + w[2] * x[2] + w[3])))
            total += (p - y) ** 2
        return total

    assert arrays_of(agree(cp.value_and_grad(loss), RNG.normal(size=4))) < 40


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_python_numbers_take_the_dtype_they_meet(dtype: str) -> None:
    def f(x: Any, k: Any, rate: Any, two: Any) -> Any:
        total, count = 0.0, 0
        for i in range(80):
            v = x[i] * rate + np.tanh(x[(i * 7) % 80]) * two
            count = count + (v > 0.1)
            total = total + np.where(v > 0, v**two, np.abs(v)) * (k[i] + 1)
        return total, count

    x = RNG.normal(size=80).astype(dtype)
    agree(f, x, np.arange(80, dtype="i4"), 0.3, 2, bound=1e-5 if dtype == "f4" else 1e-12)


def test_what_depends_on_itself_in_a_chain_stays_a_chain() -> None:
    def f(x: Any) -> Any:
        s = total = 0.0
        for i in range(150):
            s = s * 0.9 + x[i]
            total += s * s
        return total

    agree(cp.value_and_grad(f), RNG.normal(size=150))


def test_numbers_that_are_computed_each_in_its_own_way_are_left() -> None:
    rng = np.random.default_rng(5)
    plan = [(rng.integers(4), *rng.integers(20 + i, size=2)) for i in range(600)]

    def f(x: Any) -> Any:
        v = list(x)
        for how, i, j in plan:
            forms = (
                lambda a, b: a + b * 0.1,
                lambda a, b: np.tanh(a * b),
                lambda a, b: np.sin(a) - b,
                np.maximum,
            )
            v.append(forms[how](v[i], v[j]))
        return sum(v[-30:])

    agree(f, RNG.normal(size=20))


def test_a_result_that_is_an_argument_is_a_copy() -> None:
    def f(w: Any) -> Any:
        total = sum(np.sin(a * b) for a in w for b in w)
        return w, [total * a for a in w], total

    w = numbers(25)
    agree(f, w)


def test_a_mask_is_checked_beside_numbers() -> None:
    def f(x: Any, m: Any) -> Any:
        x[m > 0]  # its shape is that of the first call
        return sum(np.sin(x[i] * x[j]) for i in range(25) for j in range(25))

    compiled = cp.compile(f)
    x, m = RNG.normal(size=25), np.arange(25.0)
    np.testing.assert_allclose(compiled(x, m), f(x, m))
    with pytest.raises(cp.errors.ShapeError):
        compiled(x, m - 3)


# ---- loops in index arrays -----------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(2, 4), st.integers(-9, 9)), min_size=1, max_size=4))
def test_steps_are_found(loops: list[tuple[int, int]]) -> None:
    shape = tuple(n for n, _ in loops)
    array = sum(
        step * np.arange(n).reshape([n if k == axis else 1 for k in range(len(loops))])
        for axis, (n, step) in enumerate(loops)
    ) + np.full(shape, 3)
    assert steps(array) == (3, tuple(step for _, step in loops))
    lengths = grid([array.reshape(-1)])
    assert lengths is not None
    assert steps(array.reshape(lengths)) is not None


@given(st.lists(st.integers(0, 9), min_size=1, max_size=24))
def test_a_grid_reads_what_is_there(numbers: list[int]) -> None:
    lengths = grid([np.array(numbers), np.arange(len(numbers))])
    if lengths is None:
        assert len(numbers) > 2
        return
    assert steps(np.array(numbers).reshape(lengths)) is not None


@given(*[st.integers(2, 4)] * 3, st.booleans())
def test_a_product_of_matrices_is_found(m: int, n: int, k: int, turned: bool) -> None:
    i, j, t = np.meshgrid(np.arange(m), np.arange(n), np.arange(k), indexing="ij")
    if turned:
        i, j, t = (x.transpose(1, 0, 2) for x in (i, j, t))
    a, b = (i * k + t).reshape(-1, k), (t * n + j).reshape(-1, k)
    found = contraction(a, b)
    assert found is not None
    x, y = RNG.normal(size=m * k), RNG.normal(size=k * n)
    product = (x[found.left] @ y[found.right]).reshape(found.lengths)
    expected = np.sum(x[a] * y[b], axis=1).reshape((n, m) if turned else (m, n))
    np.testing.assert_allclose(product.transpose(np.argsort(found.axes)), expected)


def test_no_product_of_matrices() -> None:
    rng = np.random.default_rng(0)
    assert contraction(rng.integers(9, size=(6, 4)), rng.integers(9, size=(6, 4))) is None
    k = np.arange(4)
    assert contraction(np.array([k, k + 4]), np.array([k, k + 4])) is None  # row by row
