"""NumPy's functions with their less common options: its values, and true derivatives."""

import numpy as np
import pytest
from agreeing import agree

import clearprop as cp

X = np.random.default_rng(3).normal(size=(3, 4))
Y = np.random.default_rng(4).normal(size=(3, 4))
MASK = Y > -0.4

PRODUCTS = {
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, y, dtype=np.float64),
    "einsum 2": lambda x, y: np.einsum(
        "ij,kj->ik", x, y, order="F", casting="safe", optimize=("greedy", 100)
    ),
    "einsum 3": lambda x, y: np.einsum(x, [0, 1], y, [2, 1], optimize=True),
    "einsum 4": lambda x, y: np.einsum("i...,i...", x, y),
    "tensordot": lambda x, y: np.tensordot(x, y, axes=([], [])),
    "kron": lambda x, y: np.kron(x, 2.0) * np.kron(y, 1.0),
    "dot inner": lambda x, y: np.dot(x, 3.0) + np.inner(2.0, y),
    "cross": lambda x, y: np.cross(x[:, :3], [1.0, 2.0, 3.0]) * y[:, :1],
    "trace": lambda x, y: np.trace(x, 1, 0, 1, np.float64) * y,
    "trace 2": lambda x, y: np.linalg.trace(x[:, :3], dtype=np.float64) * y,
    "multi_dot": lambda x, y: np.linalg.multi_dot([x[0], y.T, x, y[1]]),
    "norm": lambda x, y: np.linalg.norm(x, "nuc") * y,
    "norm 2": lambda x, y: np.linalg.norm(x, 2) * np.linalg.norm(y, -2),
    "norm 3": lambda x, y: np.linalg.norm(x[None], "nuc", axis=(2, 0), keepdims=True) * y,
    "norm 4": lambda x, y: np.linalg.norm(x[None], 2, axis=(1, 2)) + np.linalg.norm(y, 2, axis=1),
    "norm 5": lambda x, y: (
        np.linalg.norm(x, 3, axis=0) + np.linalg.norm(y, 0.5, axis=0, keepdims=True)
    ),
    "norm 6": lambda x, y: (
        np.linalg.norm(x[0], 0) * y[0] + np.linalg.norm(y[1], -1) + np.linalg.norm(x[2], -np.inf)
    ),
    "vector_norm": lambda x, y: (
        np.linalg.vector_norm(x, axis=0, ord=3) + np.linalg.vector_norm(y, ord=1)
    ),
    "matrix_norm": lambda x, y: (
        np.linalg.matrix_norm(x, ord="nuc") * np.linalg.matrix_norm(y, ord=2, keepdims=True)
    ),
    "svd svdvals": lambda x, y: np.linalg.svd(x, compute_uv=False) * np.linalg.svdvals(y),
    "svd": lambda x, y: (
        np.linalg.svd(x, full_matrices=False)[0] + np.linalg.svd(y, False).Vh[:, :3]
    ),
    "svd 2": lambda x, y: np.linalg.svd(x[:, :3]).U * np.linalg.svd(y[:, :3]).S,
    "eigh": lambda x, y: (
        np.linalg.eigh(x @ x.T).eigenvectors * np.linalg.eigh(y @ y.T, "U").eigenvalues
    ),
    "eigvalsh": lambda x, y: np.linalg.eigvalsh(x @ x.T, "U") + np.linalg.eigvalsh(y @ y.T),
    "cond": lambda x, y: (
        np.linalg.cond(x) + np.linalg.cond(y, -2) + np.linalg.cond(x[:, :3], "fro")
    ),
    "tensorsolve": lambda x, y: np.linalg.tensorsolve(np.eye(12).reshape(3, 4, 3, 4) + 0.1, x) * y,
    "tensorinv": lambda x, y: np.linalg.tensorinv((x @ y.T).reshape(3, 3), ind=1),
    "cholesky": lambda x, y: np.linalg.cholesky(x @ x.T, upper=True) @ y,
}
ARRANGED = {
    "block": lambda x, y: np.block([[x, y], [y, x]]),
    "block 2": lambda x, y: np.block([[x, y[:, :1]], [np.ones((1, 5))]]),
    "block 3": lambda x, y: np.block([x[0], 2.0, y[0]]) * np.block([[[x]], [[y]]]).size,
    "block 4": lambda x, y: np.block(x) * y,
    "concatenate": lambda x, y: np.concatenate((x, y), axis=None, dtype=np.float64),
    "concatenate 2": lambda x, y: np.concatenate((x, y), 1, dtype=np.float64, casting="same_kind"),
    "stack": lambda x, y: np.stack([x, y], axis=1, dtype=np.float64),
    "vstack hstack": lambda x, y: (
        np.vstack((x, y), dtype=np.float64) * np.hstack((x, y), casting="safe").sum()
    ),
    "append": lambda x, y: np.append(x, 2.0) * y[0, 0],
    "copy": lambda x, y: np.copy(x, order="F", subok=False) * np.copy(y, "K"),
    "full_like zeros_like": lambda x, y: (
        np.full_like(x, y[0]) + np.full_like(x, 3.0, shape=(2, 1, 1)) * np.zeros_like(y, shape=4)
    ),
    "linspace": lambda x, y: np.linspace(x[0], y[0], 5),
    "linspace 2": lambda x, y: np.linspace(x, y, 3, axis=-1, endpoint=False),
    "linspace 3": lambda x, y: np.linspace(x, 1.0, 3, retstep=True),
    "linspace 4": lambda x, y: (
        np.linspace([1.0, 2.0], x[0, :2], 1) * np.linspace(0, y[0, 0], 3, dtype=np.float64)[1]
    ),
    "logspace": lambda x, y: np.logspace(x[0], y[0], 3, base=2.0),
    "apply_along_axis sort": lambda x, y: (
        np.apply_along_axis(np.sort, 0, x) * np.apply_along_axis(np.sum, 1, y)[:, None]
    ),
    "apply_along_axis outer": lambda x, y: np.apply_along_axis(
        lambda v, k: np.outer(v, v)[:k], -1, x, 2
    ),
    "apply_along_axis": lambda x, y: np.apply_along_axis(lambda v: [v[0], v[1] * 2], 0, x) * y[:2],
    "apply_over_axes mean": lambda x, y: (
        np.apply_over_axes(np.sum, x, [0, 1]) + np.apply_over_axes(np.mean, y[None], (0, -1))
    ),
    "unravel_index argmax": lambda x, y: x[np.unravel_index(np.argmax(x), x.shape)] * y,
    "unravel_index argmax 2": lambda x, y: (
        np.unravel_index(np.argmax(x, axis=0), x.shape, "F")[0] * y
    ),
    "triu_indices_from tril_indices_from": lambda x, y: (
        x[:, :3][np.triu_indices_from(x[:, :3])]
        * y[:, :3][np.tril_indices_from(x[:, :3], -1)].sum()
    ),
    "diag_indices_from": lambda x, y: x[:3, :3][np.diag_indices_from(x[:, :3])] * y[0, 0],
    "bincount": lambda x, y: (
        np.bincount([0, 1, 1, 3], weights=x[0], minlength=7) * np.bincount([2], y[0, :1])[2]
    ),
    "flat": lambda x, y: (
        x.flat[3] * y + sum(v for v in x.flat) + next(x.flat) + len(y.flat) + x.flat[2:5].sum()
    ),
    "real_if_close isrealobj iscomplexobj": lambda x, y: (
        np.real_if_close(x) * np.isrealobj(y) + np.iscomplexobj(x)
    ),
    "astype result_type common_type can_cast": lambda x, y: (
        x.astype(np.result_type(x, y)) * (np.common_type(x) == y.dtype) * np.can_cast(x.dtype, "f8")
    ),
    "array_equiv array_equal": lambda x, y: (
        np.array_equiv(x, x[None]) * y + np.array_equal(x, x, equal_nan=True) * x
    ),
    "isclose allclose": lambda x, y: (
        np.isclose(x, [np.nan, np.inf, 0.0, 1.0], equal_nan=True) * y
        + np.allclose(x, x, equal_nan=True)
    ),
    "divmod take": lambda x, y: (
        np.divmod(2.0, x)[1]
        + divmod(2.0, x)[1]
        + x.take([0], 1, mode="clip") * np.reshape(y, (3, 4))
    ),
    "any all trace std": lambda x, y: (
        x.any(0, where=MASK) * x.all(axis=1, keepdims=True) * y
        + x.trace(0, 0, 1) * x.std(0, ddof=1)
    ),
    "polyval interp": lambda x, y: (
        np.polyval([x[0, 0], 1.0, y[0, 0]], y)
        + np.interp(x, [-2.0, 0.0, 2.0], [y[0, 0], 1.0, y[1, 1]])
    ),
    "lists of recorded numbers": lambda x, y: (
        np.tensordot(x, [y[0, 0], 1.0, x[0, 0], y[1, 0]], 1)
        * np.convolve([y[0, 0], 1.0, x[0, 0]], y[0, :1])
        * np.cross([y[0, 0], 1.0, 2.0], x[0, :3])
        * np.quantile(x, [0.1 + 0.01 * y[0, 0] ** 2, 0.5])[0]
        * np.cov(x, aweights=[1.0, y[0, 0] ** 2, 1.0, 2.0])[0]
        * np.vdot([[y[0, 0], 1.0], [x[0, 0], 2.0]], y[:2, :2])
    ),
    "interp": lambda x, y: np.interp(x, [0.3, 1.2, 2.5], y[:, 0], period=3.0),
}
STATISTICS = {
    "cov": lambda x, y: np.cov(x, y),
    "cov 2": lambda x, y: np.cov(x[0], y[0], bias=True) + np.cov(x[0], ddof=0),
    "cov 3": lambda x, y: (
        np.cov(x, rowvar=False) * np.cov(y.T[:, :1], y.T[:, 1:2], rowvar=False)[0, 1]
    ),
    "cov 4": lambda x, y: (
        np.cov(x, fweights=[1, 2, 1, 3]) + np.cov(x, aweights=[1.0, 2.0, 1.0, 0.5]) * y[0, 0]
    ),
    "cov 5": lambda x, y: np.cov(
        x.T, rowvar=False, fweights=np.array([1, 2, 1, 2]), aweights=y[0] ** 2
    ),
    "corrcoef": lambda x, y: np.corrcoef(x, y)[:3],
    "corrcoef 2": lambda x, y: np.corrcoef(x.T, rowvar=False) * np.corrcoef(x[0]) * y[0, 0],
    "quantile": lambda x, y: (
        np.quantile(x, 0.3, axis=0, method="inverted_cdf")
        * np.quantile(y, 0.5, method="inverted_cdf")
    ),
    "quantile 2": lambda x, y: (
        np.quantile(x, [0.25, 0.5], axis=(0, 1), method="averaged_inverted_cdf") + y[0, :2]
    ),
    "percentile": lambda x, y: (
        np.percentile(x, 50, axis=0, method="closest_observation", keepdims=True) * y
    ),
    "quantile 3": lambda x, y: (
        np.quantile(x, 0.5, method="inverted_cdf", weights=np.arange(12.0).reshape(3, 4) + 1) * y
    ),
    "quantile 4": lambda x, y: (
        np.quantile(x, [0.2, 0.7], 1, method="inverted_cdf", weights=[1.0, 2.0, 1.0, 1.0]) * y[0, 0]
    ),
    "quantile 5": lambda x, y: (
        np.quantile(x, [0.2, 0.6], axis=1, method="nearest")
        * np.quantile(y, [0.1], 1, method="lower")
    ),
    "quantile 6": lambda x, y: (
        np.quantile(x, [0.2, 0.6], 1, method="interpolated_inverted_cdf") * y[0, 0]
    ),
    "quantile 7": lambda x, y: (
        np.quantile(x, [0.2, 0.6], 1, method="median_unbiased")
        * np.quantile(y, 0.3, method="hazen")
    ),
    "quantile 8": lambda x, y: (
        np.quantile(x, [0.2, 0.6], 1, method="normal_unbiased")
        * np.quantile(y, 0.3, method="weibull")
    ),
    "cumsum cumprod": lambda x, y: (
        np.cumsum(x, 1, np.float64) * np.cumprod(y, dtype=np.float64).reshape(3, 4)
    ),
    "nancumsum nancumprod": lambda x, y: (
        np.nancumsum(x, 1, np.float64) * np.nancumprod(y, 0, np.float64)
    ),
    "all any": lambda x, y: (
        np.all(x > -9, 0, where=MASK)
        * np.any(x > 0, axis=(0, 1), keepdims=True, where=[True] * 4)
        * y
    ),
    "nanmax nanmin": lambda x, y: (
        np.nanmax(x, axis=0, initial=0.0, where=MASK) * np.nanmin(y, initial=5.0)
    ),
    "nanvar nanmean": lambda x, y: (
        np.nanvar(x, axis=0, mean=np.nanmean(x, axis=0, keepdims=True))
        * np.nanvar(y, 1, correction=1).sum()
    ),
    "nanstd": lambda x, y: np.nanstd(x, axis=0, ddof=1) * y,
    "max var": lambda x, y: (
        np.sum(x, axis=()) * np.max(y, axis=()) * np.var(x, axis=(0, 1), ddof=1, keepdims=True)
    ),
    "mean std": lambda x, y: (
        np.mean(x, (0, 1), np.float64, keepdims=True, where=MASK) * np.std(y, where=MASK, ddof=0.5)
    ),
    "convolve correlate": lambda x, y: (
        np.convolve(x[0], y[0], 1) + np.correlate(x[0], y[0], mode=1)
    ),
}

CASES = PRODUCTS | ARRANGED | STATISTICS


@pytest.mark.parametrize("f", CASES.values(), ids=CASES)
def test_value_and_derivatives(f):
    agree(f, X, Y)


def test_size_of_several_axes():
    for axis, expected in ((None, 24), (1, 3), ((0, -1), 8), ((), 1)):
        g = cp.grad(lambda x, axis=axis: np.sum(x[0, 0]) * np.size(x, axis))(np.ones((2, 3, 4)))
        assert g[0, 0, 0] == expected


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="NumPy has it from 2.1 on")
def test_cumulative_sum_of_a_type():
    agree(lambda x: np.cumulative_sum(x, axis=0, dtype=np.float64, include_initial=True), X)
    agree(lambda x: np.cumulative_prod(x[0], dtype=np.float64), X)


def into(write):
    """Give a function that writes into an array which depended on x before."""

    def f(x):
        t = x[0] * x[1]
        write(x, t)
        return t * x

    return f


OUTPUTS = {
    "sum, by position": lambda x, t: np.sum(x, 0, None, t),
    "mean": lambda x, t: x.mean(0, None, t),
    "max": lambda x, t: np.max(x, 0, t),
    "clip": lambda x, t: np.clip(x[0], 0, 1, t),
    "clip of itself": lambda x, t: t.clip(0, 1, out=t),
    "exp of itself": lambda x, t: np.exp(t, out=t),
    "cumsum": lambda x, t: np.cumsum(x[0], 0, None, t),
    "dot": lambda x, t: x[0, :3].dot(x, t),
    "matmul": lambda x, t: np.matmul(x[0, :3], x, t),
    "take": lambda x, t: x.take([3, 1, 2, 2], None, t),
    "compress": lambda x, t: x[1].compress([1, 1, 1, 1], None, t),
    "choose": lambda x, t: np.choose([0, 1, 0, 1], [x[0], x[1]], t),
    "concatenate": lambda x, t: np.concatenate([x[0, :2], x[1, 2:]], 0, t),
    "stack": lambda x, t: np.stack([x[0, 0], x[1, 0], x[0, 1], x[2, 2]], 0, t),
    "einsum": lambda x, t: np.einsum("ij->j", x, out=t),
    "median": lambda x, t: np.median(x, 0, t),
    "percentile": lambda x, t: np.percentile(x, 30, 0, t),
    "nanmean": lambda x, t: np.nanmean(x, 0, out=t),
    "std": lambda x, t: np.std(x, 0, None, t),
    "ptp": lambda x, t: np.ptp(x, 0, t),
    "trace": lambda x, t: np.trace(np.stack([x[:, :3]] * 4, -1), out=t),
    "add.at": lambda x, t: np.add.at(t, [0, 0, 3], x[:, 0]),
    "power.at": lambda x, t: np.power.at(t, [1, 1], 3),
    "flat": lambda x, t: t.flat.__setitem__([0, -1], x[1, :2]),
}


@pytest.mark.parametrize("write", OUTPUTS.values(), ids=OUTPUTS)
def test_written_in_place(write):
    agree(into(write), X)


def test_flat_is_written_through():
    def f(x):
        y = x.T * 2
        y.flat = x[0]
        y.T.flat[5:7] = x[1, 0]
        return y

    agree(f, X)


@pytest.mark.parametrize(
    ("f", "error", "text"),
    [
        (lambda x: np.block([[x], x]), ValueError, "depths are mismatched"),
        (lambda x: np.block((x, x)), TypeError, "arrays is a tuple"),
        (lambda x: np.bincount([0, 1], weights=x[0]), ValueError, "the same length"),
        (lambda x: np.cov(x, fweights=[1, 2]), RuntimeError, "incompatible numbers of samples"),
        (lambda x: np.apply_along_axis(np.sum, 0, x[:, :0]), ValueError, "iteration dimensions"),
        (lambda x: np.unravel_index(np.argmax(x), 3), ValueError, "out of bounds"),
        (lambda x: np.concatenate([x], dtype=int, casting="safe"), TypeError, "Cannot cast"),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=0), ValueError, "non-zero"),
        (
            lambda x: np.linalg.svd(x, hermitian=True),
            cp.errors.MissingRuleError,
            "np.linalg.eigh is the decomposition of a symmetric matrix",
        ),
        (
            lambda x: np.vectorize(lambda v: v * v)(x),
            cp.errors.LostGradientError,
            r"np.vectorize is a loop",
        ),
        (
            lambda x: np.sum([x[0], x[1]]),
            cp.errors.LostGradientError,
            r"np.stack\(\[a, b\]\) in the place of the list",
        ),
        (
            lambda x: np.nanquantile(x, 0.5, method="inverted_cdf", weights=np.ones((3, 4))),
            cp.errors.MissingRuleError,
            "weights= that passes over NaN",
        ),
    ],
)
def test_what_is_refused_says_why(f, error, text):
    with pytest.raises(error, match=text):
        cp.vjp(f, X)


def test_a_chosen_quantile_jumps_as_its_share_moves():
    def f(q):
        x = X * 1.0
        return np.quantile(cp.tensor(x), q, method="inverted_cdf")

    with pytest.raises(cp.errors.MissingRuleError, match="q computed from an argument"):
        cp.trace(f, 0.3)


def test_bincount_needs_numbers_that_are_known():
    with pytest.raises(cp.errors.MissingRuleError, match=r"np.bincount of numbers computed"):
        cp.trace(lambda x: np.bincount(np.argmin(x, axis=0)), X)
