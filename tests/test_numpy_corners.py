"""Numbers, empty arrays and odd arguments: NumPy's values, derivatives and refusals."""

import numpy as np
import pytest
from agreeing import agree
from agreeing import outcome_of as outcome

import clearprop as cp
from clearprop.errors import DTypeError

NUMBER = np.array(0.7)
X = np.random.default_rng(5).normal(size=(2, 3))
REDUCTIONS = (
    *(np.sum, np.prod, np.mean, np.max, np.min, np.var, np.std, np.ptp, np.average, np.median),
    *(np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin, np.nanvar, np.nanmedian),
    *(np.cumsum, np.cumprod, np.sort, np.linalg.norm, np.maximum.reduce, np.add.accumulate),
    *(np.fmin.reduce, np.logaddexp.reduce, np.multiply.accumulate),
)


def same_outcome(f, *args):
    """The value and its derivative are right, or NumPy's error is raised."""
    expected = outcome(f, *args)
    if isinstance(expected, Exception):
        with pytest.raises(type(expected)):
            cp.vjp(f, *args)
        return
    y, pullback = cp.vjp(f, *args)
    assert (np.shape(y), y.dtype) == (np.shape(expected), expected.dtype)
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    h = 1e-6
    for i, (x, g) in enumerate(zip(args, pullback(np.ones_like(y)), strict=True)):
        above, below = (f(*args[:i], x + step, *args[i + 1 :]) for step in (h, -h))
        np.testing.assert_allclose(np.sum(g), np.sum(above - below) / (2 * h), atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"keepdims": True}], ids=str)
@pytest.mark.parametrize("axis", [0, -1, 1, None, (), (0,)], ids=str)
@pytest.mark.parametrize("reduce", REDUCTIONS, ids=lambda f: f"{f}".partition(" at 0x")[0])
def test_reductions_of_a_number(reduce, axis, options):
    same_outcome(lambda x: reduce(x, axis=axis, **options), NUMBER)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.clip(2, x, 3),
        lambda x: np.clip(2, min=1.0, max=x + 1),
        lambda x: np.clip(a=2.5, a_min=x, a_max=None),
        lambda x: np.average([1.0, 4.0, 2.0], weights=x[0] ** 2),
        lambda x: np.trapezoid([1.0, 2.0, 4.0], x=x[0]),
        lambda x: np.add.outer(2, x),
        lambda x: np.linspace(1, x, 3),
        lambda x: np.take(np.sum(x), 0, axis=0) + np.repeat(np.sum(x), 2, axis=-1),
        lambda x: np.broadcast_to(np.sum(x), 3),
        lambda x: np.insert([1.0, 2.0], 1, x[:1, :1]),
        lambda x: np.pad(np.sum(x), 2),
        lambda x: np.quantile(x, 0.3, axis=[0]),
        lambda x: np.atleast_1d([1.0, 2.0], x)[0] * x[0, 0],
        lambda x: np.gradient(np.stack([x, 2 * x, x * x]), [0.0, 1.0, 3.0], axis=2),
        lambda x: np.gradient(np.stack([x, x * x], axis=2), [1.0, 1.5, 4.0], axis=1),
        lambda x: np.sum(x, initial=np.float64(2.0)) + np.max(x, initial=np.float64(-9.0)),
    ],
)
def test_plain_first_operands_and_small_forms(f):
    agree(f, X + 2.0, second=False)


def test_outer_makes_an_array_of_a_number():
    x = np.ones(2, np.float32)
    y = cp.vjp(lambda x: np.power.outer(x, -1), x)[0]
    assert y.dtype == np.power.outer(x, -1).dtype


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.expand_dims(x, (2, 2)),
        lambda x: np.expand_dims(x, 5),
        lambda x: np.take(x, 0, axis=5),
        lambda x: np.swapaxes(x, 0, 2),
        lambda x: np.roll(x, 1, axis=2),
        lambda x: np.repeat(x, 2, axis=-3),
        lambda x: np.diff(x, axis=2),
        lambda x: np.split(x, 1, axis=2)[0],
        lambda x: np.median(x, axis=(0, -2)),
        lambda x: np.tensordot(x, x, axes=([2], [0])),
        lambda x: np.apply_over_axes(np.sum, x, (0, 5)),
        lambda x: np.add.accumulate(x[0, 0]),
        lambda x: np.convolve(x, [1.0]),
        lambda x: np.correlate(x[0], 2.0),
        lambda x: np.interp(0.5, [1.0, 2.0], x[0]),
        lambda x: np.matvec(x[0], x[0]),
        lambda x: np.vecmat(x[0], x[0]),
        lambda x: np.vecdot(x, x[0, :1]),
        lambda x: np.resize(x, -1),
        lambda x: np.linspace(0, x, -1),
        lambda x: np.sum(x, where=np.ones((3, 2, 3), bool)),
        lambda x: np.sum(x, initial=np.ones(3)),
        lambda x: np.max(x, initial=np.ones(3)),
        lambda x: np.linalg.norm(x[0, 0], 3),
        lambda x: np.gradient(x, [0.0, 1.0]),
        lambda x: np.cov(x, fweights=[1, 2]),
    ],
)
def test_what_numpy_refuses_is_refused_as_numpy_does(f):
    expected = outcome(f, X)
    assert isinstance(expected, Exception)
    with pytest.raises(type(expected)):
        cp.vjp(f, X)


def test_what_the_user_wrote_is_not_run_again_to_find_numpys_error():
    calls = []

    def fail(line):
        calls.append(line)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cp.vjp(lambda x: np.apply_along_axis(fail, 0, x), X)
    assert len(calls) == 1


def test_looking_for_numpys_error_writes_nothing():
    plain = np.zeros(3)

    def f(x):
        y = np.array(plain) + 0 * x[0]
        with pytest.raises(IndexError):
            np.put(y, [0, 7], x[0, 0])
        return y

    np.testing.assert_array_equal(cp.vjp(f, X)[0], 0)


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:divide", "ignore:invalid")
@pytest.mark.filterwarnings("ignore:Mean of empty", "ignore:All-NaN")
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.var(x, ddof=9),
        lambda x: np.var(x[:0], axis=0, ddof=1),
        lambda x: np.nanvar(x, axis=0, ddof=2),
        lambda x: np.median(x[:0]),
        lambda x: np.nanmedian(x[:0], axis=0),
        lambda x: np.nanquantile(x[:0], 0.5),
    ],
)
def test_too_few_numbers(f):
    y, expected = cp.vjp(f, X)[0], f(X)
    assert np.shape(y) == np.shape(expected)
    np.testing.assert_array_equal(y, expected)


def test_take_gives_a_copy_and_takes_no_masks():
    def f(x):
        x = x * 1.0
        row = np.take(x, 0, axis=0)
        row[0] = 100 * row[1]
        return np.sum(x) + np.sum(row) + np.sum(np.take(x, [True, False]))

    x = np.arange(4.0).reshape(2, 2)
    assert cp.value_and_grad(f)(x)[0] == f(x)
    assert cp.check(f, x).ok


@pytest.mark.parametrize("f", [lambda M, x: M * x, lambda M, x: x @ M, lambda M, x: M**2 + x])
def test_an_old_matrix_is_refused_for_its_products_are_others(f):
    M, x = np.eye(2).view(np.matrix), np.array([0.3, 0.7])
    for position in (0, 1):
        with pytest.raises(DTypeError, match=r"np\.matrix.*np\.asarray\(M\)"):
            cp.grad(lambda *args: np.sum(f(*args)), position)(M, x)
