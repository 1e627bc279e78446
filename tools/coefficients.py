"""Compute the polynomials in src/clearprop/compile/machine/coefficients.py.

    python tools/coefficients.py > src/clearprop/compile/machine/coefficients.py

Each is the best in the sense of Chebyshev: of all polynomials of its degree it has the least
largest error, weighted so that the error counts relative to the function's result (Remez's
exchange, with mpmath's numbers). The tests measure the functions that use them. Needs mpmath.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from mpmath import mp, mpf

mp.dps = 100

POINTS = 24  # of the grid, for each coefficient
ROUNDS = 12


def remez(
    target: Callable[[Any], Any], weight: Callable[[Any], Any], low: Any, high: Any, count: int
) -> tuple[list[Any], Any]:
    """Give the coefficients, least power first, and the largest weighted error."""
    size = POINTS * (count + 1)
    middle, half = (mpf(high) + low) / 2, (mpf(high) - low) / 2
    grid = [middle - half * mp.cos(mp.pi * i / size) for i in range(size + 1)]
    grid = [x for x in grid if abs(x) > half * mpf("1e-6")]
    wanted, weights = [target(x) for x in grid], [abs(weight(x)) for x in grid]
    chosen = [int((i + mpf("0.5")) * (len(grid) - 1) / (count + 1)) for i in range(count + 1)]
    coefficients: list[Any] = []
    largest = mpf(0)
    for _ in range(ROUNDS):
        rows = [
            [grid[i] ** k for k in range(count)] + [(-1) ** n / weights[i]]
            for n, i in enumerate(chosen)
        ]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([wanted[i] for i in chosen]))
        coefficients = list(solution)[:count]
        errors = [
            (mp.polyval(coefficients[::-1], x) - y) * w
            for x, y, w in zip(grid, wanted, weights, strict=True)
        ]
        largest = max(abs(e) for e in errors)
        if largest < abs(solution[count]) * mpf("1.01"):
            break
        chosen = list(_extremes(errors, count + 1))
    return coefficients, largest


def _extremes(errors: list[Any], count: int) -> Iterator[int]:
    """Give where the error is largest in each stretch of one sign: ``count`` neighbours."""
    best: list[int] = []
    for i, e in enumerate(errors):
        if best and (errors[best[-1]] < 0) == (e < 0):
            if abs(e) > abs(errors[best[-1]]):
                best[-1] = i
        else:
            best.append(i)
    while len(best) > count:
        if len(best) == count + 1:
            best.pop(0 if abs(errors[best[0]]) < abs(errors[best[-1]]) else -1)
            break
        i = min(range(len(best)), key=lambda i: abs(errors[best[i]]))
        if 0 < i < len(best) - 1:  # its neighbours are of one sign: the larger one stays
            del best[i + 1 if abs(errors[best[i + 1]]) < abs(errors[best[i - 1]]) else i - 1]
        best.remove(min(best, key=lambda i: abs(errors[i])))
    assert len(best) == count, "the grid is too coarse, or the polynomial is exact"
    yield from best


HALF_LN2 = mp.log(2) / 2 * mpf("1.001")
ROOT2 = mp.sqrt(2)


def _rest(function: Callable[[Any], Any], first: Any = 1) -> Callable[[Any], Any]:
    """Give p of ``function(x) = x * (first + x**2 * p(x**2))``, as a function of ``x**2``."""
    return lambda z: (function(mp.sqrt(z)) / mp.sqrt(z) - first) / z


def _relative(function: Callable[[Any], Any], power: int = 3) -> Callable[[Any], Any]:
    return lambda z: mp.sqrt(z) ** power / function(mp.sqrt(z))


def _s(f: Any) -> Any:
    return f / (2 + f)


QUARTER = (mp.pi / 4 * mpf("1.001")) ** 2
HALF = (mp.pi / 2 * mpf("1.001")) ** 2
Z_LOG = _s(ROOT2 * mpf("1.0001") - 1) ** 2

#: name → (what it is, target, weight, low, high, coefficients for float32, for float64)
TABLE: dict[str, tuple[Any, ...]] = {
    "EXP": (
        "e**x = 1 + x + x**2 p(x), |x| <= ln(2)/2",
        lambda x: (mp.expm1(x) - x) / x**2,
        lambda x: x**2 / mp.expm1(x),
        -HALF_LN2,
        HALF_LN2,
        6,
        11,
    ),
    "TANH": (
        "tanh x = x (1 + z p(z)), z = x**2, |x| <= 0.6",
        _rest(mp.tanh),
        _relative(mp.tanh),
        0,
        mpf("0.36"),
        5,
        11,
    ),
    "LOG": (
        "log(1 + x) = s (2 + z p(z)), s = x/(2 + x), z = s**2, sqrt(1/2) <= 1 + x <= sqrt(2)",
        lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
        lambda z: z,
        0,
        Z_LOG,
        3,
        7,
    ),
    "LOG_WHOLE": (
        "log(1 + x) = x - x**2/2 + x**3 p(x), the same range",
        lambda x: (mp.log1p(x) - x + x**2 / 2) / x**3,
        lambda x: x**3 / mp.log1p(x),
        1 / ROOT2 - 1,
        ROOT2 - 1,
        8,
        None,
    ),
    "ATANH_WORDS": (
        "atanh(s) = s (1 + z/3 + z**2 p(z)), z = s**2, the same range",
        lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1 - z / 3) / z**2,
        lambda z: z**2,
        0,
        Z_LOG,
        None,
        8,
    ),
    "LOG2_SHORT": (
        "log2(1 + x) = s p(z), s = x/(2 + x), z = s**2, the same range; enough for float32",
        lambda z: 2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) / mp.log(2),
        lambda z: mp.sqrt(z) / mp.atanh(mp.sqrt(z)) / 2 * mp.log(2),
        0,
        Z_LOG,
        None,
        5,
    ),
    "EXP2": (
        "2**x = p(x), |x| <= 1/2",
        lambda x: mp.mpf(2) ** x,
        lambda x: mp.mpf(2) ** -x,
        mpf("-0.5001"),
        mpf("0.5001"),
        7,
        12,
    ),
    "EXP2_SHORT": (
        "the same; enough for float32",
        lambda x: mp.mpf(2) ** x,
        lambda x: mp.mpf(2) ** -x,
        mpf("-0.5001"),
        mpf("0.5001"),
        None,
        7,
    ),
    "SIN": (
        "sin x = x (1 + z p(z)), z = x**2, |x| <= pi/2",
        _rest(mp.sin),
        _relative(mp.sin),
        0,
        HALF,
        4,
        8,
    ),
    "SIN_NEAR": (
        "the same, |x| <= pi/4",
        _rest(mp.sin),
        _relative(mp.sin),
        0,
        QUARTER,
        None,
        6,
    ),
    "COS_NEAR": (
        "cos x = 1 - z/2 + z**2 p(z), |x| <= pi/4",
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z**2,
        0,
        QUARTER,
        None,
        6,
    ),
    "ARCSIN": (
        "arcsin x = x (1 + z p(z)), z = x**2, |x| <= 1/2",
        _rest(mp.asin),
        _relative(mp.asin),
        0,
        0.25,
        None,
        12,
    ),
    "ARCTAN": (
        "arctan x = x (1 + z p(z)), z = x**2, |x| <= tan(pi/8)",
        _rest(mp.atan),
        _relative(mp.atan),
        0,
        mp.tan(mp.pi / 8) ** 2 * mpf("1.0001"),
        None,
        11,
    ),
    "ERF": (
        "erf x = x + x p(z), z = x**2, |x| <= 1",
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
        0,
        1,
        7,
        12,
    ),
    "ERFC_LOG2": (
        "log2(erfc x) = -x p(x), 1 <= x, up to where erf rounds to 1",
        lambda x: -mp.log(mp.erfc(x), 2) / x,
        lambda x: x * mp.erfc(x) * mp.log(2),
        1,
        (4, mpf("6.05")),
        6,
        18,
    ),
    "ERFC": (
        "e**(x**2) erfc(x) (1 + 2 x) = p(t), t = (x - 4)/(x + 4), 0 <= x <= 28",
        lambda t: _erfcx(4 * (1 + t) / (1 - t)),
        lambda t: 1 / _erfcx(4 * (1 + t) / (1 - t)),
        -1,
        mpf(24) / 32,
        None,
        23,
    ),
}


def _erfcx(x: Any) -> Any:
    return mp.exp(x * x) * mp.erfc(x) * (1 + 2 * x)


def main() -> None:
    """Write the module."""
    print('"""Polynomials, least power first; computed and written by tools/coefficients.py."""')
    print("\nimport numpy as np\n")
    print("_F4, _F8 = np.dtype(np.float32), np.dtype(np.float64)")
    for name, (what, target, weight, low, high, *counts) in TABLE.items():
        print(f"\n#: {what}\n{name} = {{")
        for i, (dtype, count) in enumerate(zip(("_F4", "_F8"), counts, strict=True)):
            if count is None:
                continue
            end = high[i] if isinstance(high, tuple) else high
            found, error = remez(target, weight, low, end, count)
            print(f"{name} {dtype}: 2**{float(mp.log(error, 2)):.1f}", file=sys.stderr)
            print(f"    {dtype}: (  # error 2**{float(mp.log(error, 2)):.1f}")
            for c in found:
                number = str(np.float32(float(c))) if dtype == "_F4" else repr(float(c))
                print(f"        {number},")
            print("    ),")
        print("}")


if __name__ == "__main__":
    main()
