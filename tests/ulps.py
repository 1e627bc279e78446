"""Numbers to try functions on, and how far their results are from the true ones."""

import numpy as np

#: A dtype of 64 bits of fraction or more, where there is one.
LONG = np.longdouble if np.finfo(np.longdouble).nmant >= 63 else None

EDGES = np.array(
    [
        *(0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 2.5, 1e-45, -1e-45),
        *(5e-324, -5e-324, 1e-310, 1e-40, 1e20, -1e20, 2.0**53 + 2, 1e38, -1e38, 1e308, -1e308),
    ]
)


def same_at_edges(y, expected, *operands):
    """The same infinities, NaNs and zeros, with their signs."""
    odd = ~np.isfinite(expected) | (expected == 0)
    np.testing.assert_array_equal(np.isfinite(y) & (y != 0), ~odd, str(operands))
    np.testing.assert_array_equal(y[odd], expected[odd])
    number = odd & ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y[number]), np.signbit(expected[number]))


def errors(y, exact):
    """How many ulp of y's dtype y and exact are apart; infinitely many where NaN differs."""
    info = np.finfo(y.dtype)
    _, exponent = np.frexp(np.maximum(np.abs(exact), exact.dtype.type(info.tiny)))
    ulp = np.ldexp(exact.dtype.type(1), exponent - 1 - info.nmant)
    with np.errstate(all="ignore"):
        away = np.abs(y.astype(exact.dtype) - exact) / ulp
        rounds_to = exact.astype(y.dtype)
    away[(y == rounds_to) & np.isinf(y)] = 0
    away[np.isnan(y) & np.isnan(exact)] = 0
    away[np.isnan(away)] = np.inf
    return away


def below(bound, y, exact, *operands):
    away = errors(y, exact)
    worst = int(np.argmax(away))
    at = [x[worst] for x in operands]
    assert away[worst] <= bound, f"{away[worst]} ulp at {at}: {y[worst]}, not {exact[worst]}"


def patterns(dtype, count, seed=0):
    """Numbers of every exponent, and every sort that is no number."""
    dtype = np.dtype(dtype)
    if dtype.itemsize == 4:
        bits = np.arange(0, 2**32, 2**32 // count | 1, np.uint64).astype(np.uint32)
    else:
        bits = np.random.default_rng(seed).integers(0, 2**64, count, np.uint64)
    return bits.view(dtype)


def usual(dtype, count, seed=0):
    """Numbers of the sizes that functions are used with, and near their corners."""
    rng = np.random.default_rng(seed)
    count //= 5
    return np.concatenate(
        [
            rng.uniform(-12, 12, count),
            rng.uniform(-1, 1, count),
            rng.uniform(-800, 800, count),
            1 + rng.standard_normal(count) * np.exp(rng.uniform(-30, 0, count)),
            np.rint(rng.uniform(-(2**17), 2**17, count)) * (np.pi / 4),
        ]
    ).astype(dtype)
