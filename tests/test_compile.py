"""cp.compile: the numbers of NumPy, for whatever is passed, or an error that says what to write."""

import gc
import importlib
import sys
import threading
import weakref

import numpy as np
import pytest

import clearprop as cp
from clearprop.check.primitives import examples
from clearprop.compile.elements import gathered_first
from clearprop.compile.nests import Product, Windows
from clearprop.errors import DTypeError, ShapeError
from clearprop.primitive import PRIMITIVES
from clearprop.rules.convolution import conv2d
from clearprop.rules.indexing import Slot
from clearprop.trees import tree_leaves

X = np.arange(12.0).reshape(3, 4)
ROWS = np.array([0, -1, 1])


class Doubling(np.ndarray):
    """An array whose functions are not NumPy's, such as one with units."""

    def __new__(cls, values):
        return np.asarray(values).view(cls)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return 2 * ufunc(*map(np.asarray, inputs), **kwargs)


class Named(np.ndarray):
    """An array that computes as NumPy's do."""


def agree(f, *args, rtol=1e-12):
    """Compare a compiled function with itself: values, dtypes and shapes, result by result."""
    compiled = cp.compile(f)
    for (name, a), (_, b) in zip(tree_leaves(compiled(*args)), tree_leaves(f(*args)), strict=True):
        assert (np.shape(a), a.dtype) == (np.shape(b), np.asarray(b).dtype), name
        np.testing.assert_allclose(a, b, rtol=rtol, err_msg=name)
    return compiled


# ---- numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operands_that_change_no_bit_are_left_out_and_the_others_are_not(dtype):
    x = np.array([-np.inf, -2.5, -0.0, 0.0, 1e-30, 3.0, np.inf, np.nan], dtype)
    one, zero, no = dtype(1), dtype(0), np.zeros(1, bool)

    def f(x):
        return x * one, x / one, x - zero, x + zero, x - -zero, np.where(no, zero, x), one / x

    with np.errstate(all="ignore"):
        for found, expected in zip(cp.compile(f)(x), f(x), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
            np.testing.assert_array_equal(np.signbit(found[2:4]), np.signbit(expected[2:4]))


@pytest.mark.parametrize("f", [lambda x: np.logaddexp(x, 0.0), lambda x: np.logaddexp(0, x)])
def test_softplus_and_its_slope_are_right_in_the_dtype_of_x(f):
    x = np.array([-np.inf, -200, -1, -0.0, 0, 1, 200, np.inf], np.float32)
    wide = x.astype(float)
    sure = np.logaddexp(wide, 0.0), 1 / (1 + np.exp(-wide))
    for program in (cp.value_and_grad, lambda f: cp.compile(cp.value_and_grad(f))):
        y, dx = program(lambda x: np.sum(f(x)[1:-1]) + np.sum(f(x)[::7]))(x)
        assert (y.dtype, dx.dtype) == (np.float32, np.float32)
        np.testing.assert_allclose(dx, sure[1], rtol=3e-7, atol=1e-38)
    np.testing.assert_allclose(cp.compile(f)(x), sure[0], rtol=3e-7, atol=1e-38)


def test_long_sums_of_float32_do_not_stand_still():
    @cp.compile
    def sums(ones, a, b):
        return np.sum(ones), np.mean(ones), np.sum(ones, axis=0), a @ b, b @ a

    n = 2**24 + 2**10
    ones, third = np.ones((n, 1), "f4"), np.full(n, 1 / 3, "f4")
    total, mean, columns, inner, outer = sums(ones, third, np.ones((n, 1), "f4")[:, 0])
    assert (total, mean, columns) == (n, 1, [n])
    assert inner == outer == pytest.approx(n / 3, rel=1e-6)
    assert {total.dtype, mean.dtype, columns.dtype, inner.dtype} == {np.dtype("f4")}


def test_a_long_matrix_product_of_float32_is_as_exact_as_numpys():
    a, b = np.full((1, 10**6), 0.1, "f4"), np.full((10**6, 2), 0.1, "f4")
    np.testing.assert_allclose(cp.compile(np.matmul)(a, b), [[1e4, 1e4]], rtol=5e-5)


def test_extremes_of_integers_and_booleans_start_at_their_own_limits():
    small = np.array([[-7, -3], [-128, -9]], np.int8)
    big = np.array([[2**63 + 1, 2**64 - 1], [5, 7]], np.uint64)

    def extremes(small, big, mask):
        return [
            (np.max(x), np.min(x), np.max(x, axis=0), np.min(x, axis=1, keepdims=True))
            for x in (small, big, mask)
        ]

    agree(extremes, small, big, small > -8)


def test_the_maximum_of_nothing_is_numpys_error():
    with pytest.raises(ValueError, match="zero-size array to reduction operation"):
        cp.compile(lambda x: np.max(x, axis=0))(np.ones((0, 3)))


def test_small_integers_wrap_inside_a_loop():
    a, b = np.array([3, 250], np.uint8), np.array([5, 10], np.uint8)

    def wrapping(a, b, c):
        return (a - b) / 2, (a + b) > 4, np.negative(c) // 3, (c * c) % 7, a < -1, np.sum(a + b)

    agree(wrapping, a, b, np.array([-128, 100], np.int8))


def test_booleans_count_as_in_numpy():
    mask = np.array([True, True, False])

    def counted(mask, x):
        ones = mask | ~mask
        return [
            *(1 // ones, np.reciprocal(ones), mask + mask, mask * 2, mask / 2, mask + 0.5),
            *(np.where(mask, 1, x), np.where(mask, mask, x), mask & (x > 0), mask ^ (x > 1)),
            *(np.sum(mask), np.mean(mask), np.cumsum(mask), mask @ x, mask.astype(int)),
        ]

    agree(counted, mask, np.array([-1, 2, 3]))


def test_every_primitive_without_a_derivative_agrees():
    primitives = [p for p in PRIMITIVES.values() if p.no_derivative]
    calls = [(p, *next(examples(p, np.random.default_rng(0)))) for p in primitives]

    def everything(*args):
        each = zip(calls, args, strict=True)
        return [p(*given, **attributes) for (p, _, attributes), given in each]

    agree(everything, *(tuple(operands) for _, operands, _ in calls))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_float_types_are_kept(dtype):
    def loss(x):
        return np.sum(np.tanh(x) * np.exp(-x))

    x = (X / 12).astype(dtype)
    value, gradient = cp.compile(cp.value_and_grad(loss))(x)
    assert {value.dtype, gradient.dtype} == {np.dtype(dtype)}
    np.testing.assert_allclose(gradient, cp.grad(loss)(x), rtol=1e-3 if dtype == "f2" else 1e-5)


# ---- indices ---------------------------------------------------------------------------------


def test_slices_of_slices_and_flips_of_flips_fuse_rightly():
    def views(x):
        turned = np.flip(np.flip(x)[1:])
        return x[::2][1:], x[:, ::-1][:, ::2], turned, x[1:].T[::-2], x.reshape(2, 6)[:, ::-2][1:]

    agree(views, X)


def test_index_arrays_count_from_the_end_and_are_checked():
    def reads(x, rows, columns):
        table = np.take_along_axis(x, columns, axis=1)
        y = x * 1
        y[rows] = -1
        y[2] = x[:1]  # NumPy lets a value have more axes of length 1
        return x[rows], x[:, rows], x[rows, rows + 1], x[0, :, None][rows], table, y

    good = (X, np.array([0, -3, 1]), np.array([[0], [-4], [3]]))
    reads = agree(reads, *good)
    with pytest.raises(IndexError, match=r"^index 3 is out of bounds for axis 0 with size 3$"):
        reads(X, np.array([0, 3, 1]), good[2])
    with pytest.raises(IndexError, match=r"^index -5 is out of bounds for axis 1 with size 4$"):
        reads(X, good[1], np.array([[0], [-5], [3]]))
    agree(reads, *good)  # and goes on working


def test_the_gradient_of_a_gather_checks_its_indices_too():
    gradient = cp.compile(cp.grad(lambda x, rows: np.sum(x[rows])))
    np.testing.assert_array_equal(gradient(X[:, 0], ROWS), [1, 1, 1])
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        gradient(X[:, 0], ROWS + 9)


def test_a_mask_may_change_as_long_as_the_shape_stays():
    @cp.compile
    def cleared(x, mask):
        y = x * 2
        y[mask] = 0
        return y

    for mask in X > 3.0, X > 7.0:
        np.testing.assert_array_equal(cleared(X, mask), np.where(mask, 0, 2 * X))


def test_a_mask_that_selects_another_number_is_refused():
    def mean(x):
        return np.mean(x[x > 0])

    x = np.array([1.0, -1.0, -1.0])
    for f in mean, cp.grad(mean), lambda x: np.sum(x) / x[x > 0].size:
        compiled = cp.compile(f)
        np.testing.assert_array_equal(compiled(x), f(x))
        np.testing.assert_array_equal(compiled(x[::-1]), f(x[::-1]))
        with pytest.raises(ShapeError) as caught:
            compiled(np.array([1.0, -1.0, 1.0]))
        assert "getitem gave shape (2,); this program was compiled for (1,)" in str(caught.value)
        assert "test_compile.py" in caught.value.where
        assert "np.where(mask, x, 0)" in caught.value.write


def test_a_boolean_is_not_the_index_one():
    agree(lambda x: (x[True], x[False], x[np.True_, 1:]), X)
    assert gathered_first((0, slice(None), Slot(0)))


# ---- what is passed, and what comes back -----------------------------------------------------


def test_any_memory_layout_will_do():
    f = cp.compile(lambda x: np.cumsum(x * 2, axis=0) + x)
    frozen = X[:, ::2].copy()
    frozen.flags.writeable = False
    for x in X[::-1, ::-2], X[:, ::2], np.asfortranarray(X[:, 1:3]), frozen, X[:, :2].astype(">f8"):
        np.testing.assert_array_equal(f(x), np.cumsum(x * 2, axis=0) + x)
    assert f(frozen).dtype.isnative


def test_scalars_and_empty_arrays_are_arrays():
    def reduced(x, empty):
        return [
            *(np.sum(x), np.mean(x, keepdims=True), np.max(x), x[()], x[None], np.cumsum(x)),
            *(np.sum(empty), empty.T @ empty, empty @ empty.T, np.reshape(empty, (3, 0)).T),
            *(np.concatenate([empty, empty]), np.cumsum(empty, axis=1), empty[:, ::2] * x),
            *(np.reshape(empty, (0, 5)), np.sum(empty, axis=0), np.flip(empty)),
        ]

    agree(reduced, np.array(2.5), np.ones((0, 3)))


def test_results_keep_their_nesting_and_are_the_callers_own():
    table = np.arange(3.0)

    @cp.compile
    def f(x, batch):
        y = x * 2
        return {"y": (y, y, x * 2), "x": x, "constant": table, 1: [batch["t"], None, "text"]}

    x, t = np.ones(3), np.zeros(2)
    for _ in range(2):  # the second call sees nothing of what was written to the first's results
        result = f(x, {"t": t})
        assert list(result) == ["y", "x", "constant", 1]
        assert isinstance(result["y"], tuple)
        assert result[1][1:] == [None, "text"]
        for part in (*result["y"], result["x"], result["constant"], result[1][0]):
            part[...] += 1
        np.testing.assert_array_equal(result["y"], [[3, 3, 3]] * 3)
        np.testing.assert_array_equal(result["constant"], [1, 2, 3])
    assert (x == 1).all()
    assert (t == 0).all()


def test_lists_and_tuples_are_different_arguments():
    f = cp.compile(lambda xs: xs)
    assert isinstance(f([1.0]), list)
    assert isinstance(f((1.0,)), tuple)


def test_keyword_arguments_are_constants():
    @cp.compile
    def f(x, *, axis=None, squared=False):
        return np.sum(x * x if squared else x, axis=axis)

    np.testing.assert_array_equal(f(X, axis=0), X.sum(0))
    np.testing.assert_array_equal(f(X, axis=1, squared=True), (X * X).sum(1))
    assert f(X) == X.sum()
    with pytest.raises(DTypeError, match=r"^kwargs\['axis'\] of a compiled .* an array of int64"):
        f(X, axis=np.array([0, 1]))


def test_a_python_integer_may_count():
    @cp.compile
    def repeated(x, n):
        for _ in range(n):
            x = x * 2
        return x + n

    assert [repeated(1.0, n) for n in (1, 3, 1)] == [3, 11, 3]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.array(["a", "b"]), r"args\[1\] of a compiled function is an array of <U1"),
        ({1, 2}, r"args\[1\] of a compiled function is a set"),
        (np.ma.masked_array([1.0], [True]), r"args\[1\] .* is a MaskedArray"),
        (np.ones((1, 2)).view(np.matrix), r"args\[1\] .* is a matrix"),  # whose * is another
        (Doubling(np.ones(3)), r"args\[1\] .* is a Doubling"),
    ],
)
def test_what_is_neither_data_nor_a_constant_is_refused(value, what):
    with pytest.raises(DTypeError, match=what) as caught:
        cp.compile(lambda x, other: x)(X, value)
    assert "test_compile.py" in caught.value.where
    assert "hashable" in caught.value.why


def test_padding_takes_any_number_and_pairs_of_them():
    def padded(x, i):
        return (
            np.pad(x, 1, constant_values=-np.inf),
            np.pad(x, ((0, 1), (2, 0)), constant_values=np.nan),
            np.pad(x, (1, 2), constant_values=(3.0, 4.0)),
            np.pad(i, 1, constant_values=7),
        )

    agree(padded, X, X.astype(int))


def test_a_compiled_function_can_be_differentiated():
    f = cp.compile(lambda x: np.sum(x * x))
    assert f(X) == np.sum(X * X)
    np.testing.assert_array_equal(cp.grad(f)(X), 2 * X)
    np.testing.assert_array_equal(cp.compile(cp.grad(cp.compile(f)))(X), 2 * X)


@pytest.mark.parametrize(("length", "of_steps"), [(400, 0), (3000, 1)])
def test_a_long_chain_is_one_loop_over_elements(length, of_steps):
    @cp.compile
    def chain(x):
        for _ in range(length):
            x = x * 1.001
        return x

    np.testing.assert_allclose(chain(np.ones(2)), 1.001**length)
    assert chain.source.count("    for i in ") == 1
    assert chain.source.count("    for step in ") == of_steps


def test_nothing_of_the_first_call_is_kept():
    f = cp.compile(lambda x: np.sum(np.exp(x)))
    f(X)
    (program,) = f._programs.values()
    nodes = list(program.plan.arrays)
    assert all(node.value is None and node.operands == () for node in nodes if node.primitive)


def test_what_nobody_reads_any_more_gives_its_memory_to_others():
    @cp.compile
    def sums(x):
        for _ in range(20):
            x = np.cumsum(x, axis=0)[::-1].T @ x / np.sum(x)
        return x

    x = np.ones((50, 50))
    np.testing.assert_allclose(sums(x), sums.__wrapped__(x))
    (program,) = sums._programs.values()
    (memory,) = program._idle
    assert memory.space.size < 6 * x.nbytes


def test_the_programs_called_last_are_kept(monkeypatch):
    cp.compile(np.sin)  # loads the module
    monkeypatch.setattr(sys.modules["clearprop.compile.compiled"], "_MOST_PROGRAMS", 2)
    f = cp.compile(lambda x: x + 1)
    for n in (1, 2, 1, 3):
        np.testing.assert_array_equal(f(np.ones(n)), np.full(n, 2))
    kept = [key[2][0][0] for key in f._programs]
    assert kept == [(1,), (3,)]
    code = weakref.ref(f._last.code)
    del f
    gc.collect()
    assert code() is None  # and with it the machine code


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_python_numbers_take_the_dtype_of_what_they_meet(dtype):
    def f(x, a, n):
        return x * a, a - x, x * n, x > a, np.where(x > n, x, a), np.maximum(x, n)

    x = np.arange(4).astype(dtype)
    compiled = agree(f, x, 0.1, 3, rtol=1e-3)
    for found, expected in zip(compiled(x, 0.7, 2), f(x, 0.7, 2), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3)


# ---- without LLVM, and what is said ----------------------------------------------------------


def test_without_llvm_the_function_runs_in_numpy_with_one_warning(monkeypatch):
    compiled = importlib.import_module("clearprop.compile.compiled")

    def missing(module, *_, **__):
        raise cp.errors.MissingExtraError("cp.compile: llvmlite is not installed.")

    monkeypatch.setattr(compiled, "require", missing)
    compiled.has_machine_code.cache_clear()
    try:
        f = cp.compile(lambda x: np.sum(x * x))
        with pytest.warns(RuntimeWarning, match="llvmlite is not installed"):
            assert f(X) == np.sum(X * X)
        assert f(X[:2]) == np.sum(X[:2] ** 2)  # a second warning would be an error
        step = cp.compile(lambda c, x: (c + x, c * 2.0))
        carry, ys = step.scan(np.array(1.0), np.arange(3.0))
        assert carry == 4
        np.testing.assert_array_equal(ys, [2, 2, 4])
        with pytest.raises(cp.errors.StagingError):  # as with LLVM
            cp.compile(lambda x: x if x[0] > 0 else -x)(np.ones(2))
    finally:
        compiled.has_machine_code.cache_clear()


def test_what_is_compiled_is_logged(caplog):
    f = cp.compile(np.cbrt)
    with caplog.at_level("INFO", logger="clearprop.compile"):
        f(np.ones(3))
        f(np.ones(3))
        f(np.ones(4))
    said = [record.message for record in caplog.records]
    assert ["(3,)" in said[0], "(4,)" in said[1]] == [True, True]
    assert len(said) == 2


def test_steps_are_run_in_machine_code():
    def step(carry, x, k):
        a, b = carry
        return (b, a + x * k), a.sum()

    h = cp.compile(step)
    start = np.zeros(3), np.ones(3)
    xs = np.arange(12.0).reshape(4, 3)
    for count in (0, 1, 2, 3, 4):
        carry, expected = start, []
        for x in xs[:count]:
            carry, y = step(carry, x, 0.5)
            expected.append(y)
        found, ys = h.scan(start, xs[:count], 0.5)
        np.testing.assert_allclose(ys, expected)
        for mine, theirs in zip(found, carry, strict=True):
            np.testing.assert_allclose(mine, theirs)
    assert h.plan.startswith("memory: ")
    with pytest.raises(ShapeError, match="no leading axis"):
        h.scan(start, np.array(1.0), 0.5)
    with pytest.raises(ShapeError, match="gives no pair"):
        cp.compile(lambda c, x: c).scan(1.0, xs)
    with pytest.raises(ShapeError, match="the carry comes out as"):
        cp.compile(lambda c, x: (x, c)).scan(np.zeros(2), xs)


def _momentum(carry, x):
    w, m = carry
    m = 0.5 * m + x
    return (w - 0.25 * m, m), x[0]


def _crossed(carry, x):
    w, m = carry
    return (w + m * x, m - w), x[0]


def _turned(carry, x):
    w, m = carry
    return (w[::-1] * 0.5 + x, m + 1), x[0]


def _product(carry, x):
    w, m = carry
    square = m.reshape(30, 30)
    return (w + x, (square @ (square - x[0]) / 900).reshape(-1)), x[1]


def _twice(carry, x):
    w, m = carry
    return (w * 0.5, w + m * 0.25), x[0]


def _stored_first(carry, x):
    w, m = carry
    return (m * 0.5, w + x), w.sum()


@pytest.mark.parametrize(
    ("step", "places"),
    [(_momentum, 2), (_crossed, 2), (_turned, 1), (_product, 1), (_twice, 2), (_stored_first, 1)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_a_step_hands_on_is_written_over_what_it_was_given(step, places, dtype):
    r = np.random.default_rng(0)
    start = tuple(r.random((2, 900)).astype(dtype))
    xs = r.random((5, 900)).astype(dtype)
    kept = [part.copy() for part in start]
    h = cp.compile(step)
    found, ys = h.scan(start, xs)
    program = next(iter(h._programs.values()))
    carry, expected = start, []
    for x in xs:
        carry, y = h(carry, x)
        expected.append(y)
    np.testing.assert_array_equal(ys, expected)
    for mine, theirs in zip(found, carry, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for part, before in zip(start, kept, strict=True):
        np.testing.assert_array_equal(part, before)  # the caller's own
    arrays = [program.plan.arrays[part] for part in (*program.leaves[:2], *program.parts[:2])]
    pairs = zip(arrays[:2], arrays[2:], strict=True)
    assert sum(x in program.over.get(y, ()) for x, y in pairs) == places


@pytest.mark.parametrize("dtype", ["i4", "i8"])
def test_rows_of_a_large_array_are_fetched_before_they_are_copied(dtype):
    x = np.random.default_rng(0).normal(size=(5000, 100))
    rows = np.arange(-50, 50).astype(dtype)[::-1].copy()
    h = cp.compile(lambda x, rows: np.tanh(x[rows]) @ np.ones((100, 30)))
    np.testing.assert_allclose(h(x, rows), h.__wrapped__(x, rows), rtol=1e-12)
    rows[-1] = 5000
    with pytest.raises(IndexError, match="index 5000 is out of bounds for axis 0 with size 5000"):
        h(x, rows)


def test_a_python_integer_is_a_constant_of_the_program():
    x = np.arange(9)
    found = cp.compile(lambda x, n: (x + n, x[n - 1], x * 2**n))(x, 5)
    for a, b in zip(found, (x + 5, x[4], x * 32), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
    assert cp.compile(cp.grad(lambda x: x**3))(3) == 27
    np.testing.assert_array_equal(cp.compile(cp.grad(lambda a, n: np.sum(a) * n))(np.ones(2), 3), 3)
    carry, ys = cp.compile(lambda c, x: (c + x, c)).scan(0, np.arange(4))
    assert (carry, ys.tolist()) == (6, [0, 0, 1, 3])


def test_a_function_that_is_used_often_is_written_once():
    def chain(x, w):
        for _ in range(40):
            x = np.tanh(x * w + 0.1) + np.arctan2(x, w)
        return np.sum(x)

    x, w = np.linspace(-1, 1, 37), np.full(37, 0.9)
    agree(chain, x, w)
    agree(cp.grad(chain), x, w)
    agree(chain, x.astype("f4"), w.astype("f4"), rtol=1e-4)


# ---- no gradient is asked for ----------------------------------------------------------------


def truncated(x):
    return x.astype(int) * 2, (x * 3).astype(np.uint8), x.astype(bool), x - x.astype("i4")


def test_whole_numbers_are_made_of_floats_where_no_gradient_is_asked_for():
    agree(truncated, np.array([1.5, 2.9, 0.0]))
    agree(lambda x: (x * cp.stop_gradient(x).astype(int), x.astype(int)[::-1] / 2), X)
    agree(lambda x: cp.grad(lambda w: np.sum(w * w * x.astype(int)))(x * 2), X)
    agree(lambda x: cp.compile(truncated)(x + 1), X)
    rows = cp.compile(lambda x, at: x[(at * 3).astype(int)])
    np.testing.assert_array_equal(rows(X, np.array([0.1, 0.9])), X[[0, 2]])
    step = cp.compile(lambda c, x: (c + x, (c + x).astype(int)))
    np.testing.assert_array_equal(step.scan(0.0, np.full(4, 0.75))[1], [0, 1, 2, 3])


@pytest.mark.parametrize(
    "f",
    [
        cp.grad(lambda x: np.sum(x.astype(int) * x)),
        lambda x: cp.grad(lambda w: np.sum(w * (w * 2).astype(int)))(x),
        lambda x: cp.grad(lambda w: np.sum(w.astype(int) * x))(np.ones(3)),
        lambda x: cp.vjp(lambda w: w.astype(bool) * x, x)[0],
        lambda x: cp.jvp(lambda w: w * w.astype(int), (x,), (x,))[1],
        lambda x: cp.hvp(lambda w: np.sum(w**3 * w.astype(int)))(x, x),
        cp.grad(lambda x: np.sum(cp.checkpoint(lambda w: w * w.astype(int))(x))),
        cp.value_and_grad(lambda x: (np.sum(x), x.astype(int)), has_aux=True),
        cp.grad(cp.compile(lambda x: np.sum(x.astype(int) * x))),
    ],
)
def test_a_gradient_that_is_asked_for_is_not_lost(f):
    x = np.array([1.5, -2.0, 0.25])
    with pytest.raises(cp.errors.LostGradientError):
        cp.compile(f)(x)
    with pytest.raises(cp.errors.LostGradientError):
        cp.grad(cp.compile(lambda x: np.sum(x.astype(int) * x)))(x)
    with pytest.raises(cp.errors.LostGradientError):
        cp.source(lambda x: np.sum(x.astype(int) * x), x)


def test_a_number_that_is_read_is_refused_as_a_reading():
    for f in lambda x: float(x[0]), lambda x: x.tolist(), lambda x: np.ones(3)[x.astype(int)]:
        with pytest.raises(cp.errors.StagingError, match="is read as a plain"):
            cp.compile(f)(X[0])
    with pytest.raises(cp.errors.StagingError, match="is read as a plain array") as caught:
        cp.compile(lambda rows: X[rows])(ROWS)
    assert "def f(table, rows)" in caught.value.write


def test_bounds_that_no_number_lies_beyond_are_none():
    small, signed = np.array([0, 7, 255], np.uint8), np.array([-128, 3, 100], np.int8)
    for low, high in [(-1, 5), (0, 300), (None, 256), (-1, None), (-300, 300)]:
        agree(lambda x, low=low, high=high: (np.clip(x, low, high), x.clip(low, high)), small)
        agree(lambda x, low=low, high=high: np.clip(x, low, high), signed)
    for f in lambda x: np.clip(x, 0, -5), lambda x: np.clip(x, 300, None):
        for g in f, cp.compile(f):  # NumPy's error
            with pytest.raises(OverflowError, match="out of bounds for uint8"):
                g(small)


def test_the_median_of_booleans_is_between_0_and_1():
    mask = np.array([[True, False, True], [False, False, True]])

    def medians(x):
        return np.median(x), np.median(x, axis=0), np.nanmedian(x, axis=1, keepdims=True)

    agree(medians, mask)
    with pytest.raises(TypeError, match="boolean subtract"):  # NumPy's
        cp.compile(lambda x: np.quantile(x, 0.5))(mask)


# ---- what is passed by mistake, or in bad faith ------------------------------------------------


def test_arrays_of_other_classes_are_arrays(tmp_path):
    mapped = np.memmap(tmp_path / "x", dtype="f8", mode="w+", shape=X.shape)
    mapped[:] = X
    f = cp.compile(lambda x: x * 2 + np.sum(x, axis=0))
    for x in mapped, X.view(Named), np.array(X, order="F").view(Named)[::-1]:
        y = f(x)
        np.testing.assert_array_equal(y, np.asarray(x) * 2 + np.sum(np.asarray(x), axis=0))
        assert type(y) is np.ndarray


@pytest.mark.parametrize("make", [lambda: (v for v in [1.0, 2.0]), lambda: iter([1.0, 2.0])])
def test_what_can_be_read_once_is_refused(make):
    for h in cp.compile(lambda x, it: sum(it) * x), cp.compile(lambda x, it=None: sum(it) * x):
        with pytest.raises(
            DTypeError, match=r"of a compiled function is a (generator|list_it)"
        ) as e:
            h(2.0, make())
        assert "list(…) of it" in e.value.write
        with pytest.raises(DTypeError, match=r"kwargs\['it'\]"):
            h(2.0, it=make())


def test_constants_that_are_equal_are_told_apart():
    signed = cp.compile(lambda x, k: np.copysign(x, k))
    assert [float(signed(1.0, k=k)) for k in (0.0, -0.0, 0.0)] == [1, -1, 1]
    assert [float(signed(1.0, k=k)) for k in (1, True, 2.0)] == [1, 1, 1]
    for _ in range(3):
        assert signed(1.0, k=float("nan")) == 1
    assert len(signed._programs) == 6  # NaN is one constant
    part = cp.compile(lambda x, s: x[s])
    for s in slice(0, 2), slice(2), slice(None, None, -1), Ellipsis:
        np.testing.assert_array_equal(part(X, s), X[s])
    cast = cp.compile(lambda x, kind: x.astype(kind) * 2)
    for kind in np.float32, np.dtype("f8"), "f4", np.int64:
        assert cast(X, kind).dtype == np.dtype(kind)


def test_a_method_is_compiled_for_its_instance():
    class Scale:
        def __init__(self, k):
            self.k = k

        @cp.compile
        def apply(self, x):
            """Multiply."""
            return x * self.k

    two, three = Scale(2.0), Scale(3.0)
    assert (two.apply(1.5), three.apply(1.5), Scale.apply(two, 1.0)) == (3, 4.5, 2)
    assert "def run(x" in three.apply.source
    assert Scale.apply.__doc__ == "Multiply."


def test_what_callers_do_to_results_and_arguments_changes_no_later_call():
    h = cp.compile(lambda x, y: (x + y, x * 1, y.T, np.sum(x * y, axis=0)))
    for size in (4, 400):  # results of many bytes are made in memory that is used again
        x = np.arange(size * size, dtype=float).reshape(size, size)
        for _ in range(4):
            expected = h.__wrapped__(x, x)
            found = h(x, x)
            kept = [memoryview(found[0]), found[1][1:], found[2].T]
            for a, b in zip(found, expected, strict=True):
                np.testing.assert_array_equal(a, b)
            before = [np.array(part) for part in kept]
            x[0] += 1  # the argument changes
            found[3][...] = -1  # and so does a result
            del found
            h(x + 1, x)
            for a, b in zip(kept, before, strict=True):
                np.testing.assert_array_equal(np.asarray(a), b)


def test_an_error_inside_leaves_the_function_usable():
    calls = []

    def f(x):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        if len(calls) == 2:
            raise RuntimeError("not now")
        return x * 2

    h = cp.compile(f)
    for kind in KeyboardInterrupt, RuntimeError:
        with pytest.raises(kind):
            h(X)
    np.testing.assert_array_equal(h(X), X * 2)
    assert h.plan.startswith("memory")

    @cp.compile
    def endless(x):
        return endless(x)

    with pytest.raises(RecursionError):
        endless(X)
    np.testing.assert_array_equal(h(X + 1), X * 2 + 2)


def test_threads_that_call_one_function_do_not_meet():
    h = cp.compile(lambda x, k: (np.tanh(x @ x.T) * k).sum(axis=0))
    draw = np.random.default_rng(0)
    given = [draw.normal(size=(150, 40 + i % 2)) for i in range(4)]
    wrong = []

    def work(i):
        for k in range(15):
            x = given[i][: 150 - k % 3]
            found, expected = h(x, float(k)), h.__wrapped__(x, float(k))
            if not np.allclose(found, expected, rtol=1e-10, atol=1e-10):
                wrong.append((i, k))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_array_that_became_recorded_is_passed_on():
    norm = cp.compile(lambda v, k=1.0: np.sum(v * v) * k)

    def filled(x):
        y = np.zeros(3)
        y[:] = x * 2
        return norm(y) + norm(y[1:], k=2.0)

    np.testing.assert_array_equal(cp.grad(filled)(np.arange(3.0)), [0, 24, 48])
    np.testing.assert_array_equal(cp.compile(cp.grad(filled))(np.arange(3.0)), [0, 24, 48])


def test_sums_have_the_type_that_is_asked_for():
    def sums(x):
        return [
            f(x, dtype=kind)
            for kind in ("i1", "u2", "f4", bool)
            for f in (np.sum, np.prod, np.cumsum, np.cumprod)
            if kind is not bool or f in (np.sum, np.prod)
        ]

    agree(sums, np.full(9, 101, np.int8), rtol=1e-6)
    agree(sums, np.array([3, 0, 200, 7], np.uint8), rtol=1e-6)
    agree(lambda x: np.sum(x, dtype="u1", initial=3), np.full(9, 100, np.uint8))


def test_what_is_added_after_a_product_comes_after_what_it_is_added_to():
    W = np.arange(4.0).reshape(2, 2)

    def f(v):
        return np.sum(np.tanh(v[:4].reshape(2, 2) @ v[4:])), np.sum(W @ v[4:])

    v = np.linspace(0.1, 0.6, 6)
    for k in range(2):
        gradient = cp.grad(lambda v, k=k: f(v)[k])
        np.testing.assert_allclose(cp.compile(gradient)(v), gradient(v), rtol=1e-12)


# ---- many numbers, few threads ---------------------------------------------------------------


def test_steps_go_through_whatever_has_a_leading_axis():
    h = cp.compile(lambda c, x: (c + x, c))
    carry, ys = h.scan(0, range(4))
    assert (carry, ys.tolist()) == (6, [0, 0, 1, 3])
    carry, ys = h.scan(0, range(0))
    assert (carry, ys.shape) == (0, (0,))
    named = cp.compile(lambda c, x, k: (c + x * (2 if k == "twice" else 1), c))
    assert named.scan(1.0, np.ones(3), "twice")[0] == 7
    assert named.scan(1.0, np.ones(3), "once")[0] == 4


def test_numbers_that_are_joined_come_out_as_they_went_in():
    h = cp.compile(lambda c, x: ([v * x for v in c], [v + x for v in c]))
    start = [np.float32(k) for k in range(12)]
    carry, ys = h.scan(start, np.float32([1, 2]))
    assert all(type(v) is np.float32 for v in carry)
    np.testing.assert_array_equal(carry, [2 * k for k in range(12)])
    np.testing.assert_array_equal(ys, [[k + 1, k + 2] for k in range(12)])
    ys[0][:] = 99  # the caller's own
    assert (ys[1][0], start[0]) == (2, 0)


def test_steps_are_differentiated_one_by_one():
    def loss(start, xs, k):
        def step(c, x, k):
            return {"c": c["c"] * k + x, "n": None}, c["c"] * 2.0

        carry, ys = run(step)({"c": start, "n": None}, xs, k)
        return np.sum(carry["c"] ** 2) + np.sum(ys * ys)

    def plainly(step):
        def scan(c, xs, k):
            ys = []
            for i in range(len(xs)):
                c, y = step(c, xs[i], k)
                ys.append(y)
            return c, np.stack(ys)

        return scan

    args = np.array([1.0, 2.0]), np.arange(3.0), np.array(0.5)
    run = plainly
    expected = cp.grad(loss, argnums=(0, 1, 2))(*args)
    run = lambda step: cp.compile(step).scan  # noqa: E731
    found = cp.grad(loss, argnums=(0, 1, 2))(*args)
    for mine, theirs in zip(found, expected, strict=True):
        assert np.any(theirs != 0)
        np.testing.assert_allclose(mine, theirs)
    of_one = cp.grad(lambda k: loss(args[0], range(3), k))(0.5)  # a number, and no array
    np.testing.assert_allclose(of_one, expected[2])


def test_steps_through_an_array_that_became_recorded():
    h = cp.compile(lambda c, x: (c + x, c * 2.0))

    def f(w):
        B = np.zeros(3)
        B[0] = w
        carry, ys = h.scan(B, np.arange(3.0))
        return np.sum(carry) + np.sum(ys)

    assert cp.grad(f)(1.0) == 7.0


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (lambda c, x: (np.stack([c, c]), c), "the carry comes out as"),
        (lambda c, x: (c.astype(np.float32), c), "the carry comes out as .*float32"),
        (lambda c, x: c, "gives no pair"),
    ],
)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_recorded_steps_hand_on_what_they_were_given(step, what, count):
    h, xs = cp.compile(step), np.ones(count)
    for run in (lambda c: h.scan(c, xs)[0], cp.grad(lambda c: np.sum(h.scan(c, xs)[0]))):
        with pytest.raises(ShapeError, match=what) as caught:
            run(np.array(1.0))
        assert "test_compile.py" in str(caught.value.where)


@pytest.mark.parametrize("one", [np.log, lambda x: np.sort(1 / x)])
def test_of_no_steps_only_the_shapes_are_seen(one):
    h, c, xs = cp.compile(lambda c, x: (c * 2.0, one(x))), np.ones(2), np.zeros((0, 2))
    carry, ys = h.scan(c, xs)  # a warning would be an error
    assert (carry.tolist(), ys.shape) == ([1, 1], (0, 2))
    np.testing.assert_array_equal(cp.grad(lambda c: np.sum(h.scan(c, xs)[0]))(c), [1, 1])
    inverse = cp.compile(lambda c, x: (c, np.linalg.inv(x)))
    for run in (inverse.scan, cp.grad(lambda c, xs: np.sum(inverse.scan(c, xs)[0]))):
        with pytest.raises(ShapeError, match=r"seen with zeros: LinAlgError: Singular matrix\."):
            run(c, np.zeros((0, 2, 2)))


@pytest.mark.parametrize("one", [np.square, lambda x: np.linalg.inv(np.eye(2) + x)])
@pytest.mark.parametrize("count", [0, 3])
def test_none_holds_no_numbers_in_a_loop(one, count):
    xs = np.ones((count, 2, 2))
    carry, ys = cp.compile(lambda c, x: (c, one(x))).scan(None, xs)
    assert carry is None
    np.testing.assert_allclose(ys, [one(x) for x in xs] if count else xs)
    carry, ys = cp.compile(lambda c, x: (one(c), None)).scan(np.zeros((2, 2)), xs)
    assert ys is None
    assert carry.shape == (2, 2)


@pytest.mark.parametrize(("rows", "threads"), [(4, 1), (4000, None)])
def test_a_small_program_stays_on_the_callers_thread(rows, threads):
    f = cp.compile(lambda x, W: np.sum(np.tanh(x @ W)))
    f(np.ones((rows, 50)), np.ones((50, 60)))
    assert f._last.threads == threads


@pytest.mark.parametrize("narrow", ["f4", "i8", "u1", "?"])
def test_products_of_two_dtypes_have_kernels(narrow):
    rng = np.random.default_rng(0)
    x = (rng.random((20, 2, 6, 6)) * 3).astype(narrow)
    C = rng.standard_normal((64, 3)).astype("f4")  # a constant is widened, too
    W = rng.standard_normal((4, 2, 3, 3))

    def loss(x, W):
        y = conv2d(x, W, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1)
        return np.sum(np.tanh(np.reshape(y, (20, 64)) @ C) ** 2)

    h = cp.compile(cp.value_and_grad(loss, 1))
    (value, dW), (expected, right) = h(x, W), cp.value_and_grad(loss, 1)(x, W)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(dW, right, atol=1e-12)
    parts = [part for phase in h._last.plan.phases for part in phase]
    works = [work for part in parts for work in getattr(part, "works", [])]
    assert sum(isinstance(work, Product) for work in works) == 2
    assert [work.target for work in works if isinstance(work, Windows)] == ["y", "W"]
