"""Powers whose exponent is known when the code is written, and powers of whole numbers."""

import machine
import numpy as np
import pytest
from ulps import EDGES, LONG, below, same_at_edges, usual

import clearprop as cp
from clearprop.compile.machine.powers import power
from clearprop.compile.machine.samples import Sample


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_powers_that_are_known(dtype):
    exponents = [0, 1, 2, 3, 4, 5, -1, -2, -3, 0.5, -0.5, 1.5, 2.0, 7.0]
    run = machine.compiled(
        {f"x**{n}": (lambda x, n=n: power(x, n), [dtype]) for n in exponents}
        | {"2**x": (lambda x: power(2, x), [dtype])}
    )
    with np.errstate(over="ignore"):
        x = np.concatenate([EDGES.astype(dtype), usual(dtype, 5000)])
    wide = np.float64 if dtype == "f4" else LONG or np.float64
    with np.errstate(all="ignore"):
        for n in exponents:
            y = run[f"x**{n}"](x)
            exact = np.sqrt(x.astype(wide)) if n == 0.5 else np.power(x.astype(wide), wide(n))
            below(2, y, exact, x)
            same_at_edges(y[: len(EDGES)], exact[: len(EDGES)].astype(dtype), n)
        exact = np.power(wide(2), x.astype(wide))
    below(2, run["2**x"](x), exact, x)


def test_powers_in_a_program_are_multiplied_out():
    h = cp.compile(lambda x: (x**2, x**3.0, x**-1))
    x = usual("f8", 1000)
    x = x[np.abs(x) < 1e100]
    with np.errstate(all="ignore"):
        square, cube, inverse = h(x)
        np.testing.assert_array_equal(square, x * x)
        np.testing.assert_array_equal(cube, x * x * x)
        np.testing.assert_array_equal(inverse, 1 / x)


def test_powers_of_integers():
    cases = {f"x**{n}": (lambda x, n=n: power(x, n), ["i4"]) for n in (0, 1, 2, 3, 9)}
    run = machine.compiled(cases | {"both": (power, ["i8", "i8"])})
    x = np.arange(-50, 51, dtype="i4")
    for n in cases:
        np.testing.assert_array_equal(run[n](x), x ** int(n[3:]))
    a, b = (v.ravel() for v in np.meshgrid(np.arange(-5, 6), np.arange(25)))
    np.testing.assert_array_equal(run["both"](a, b), a**b)
    with pytest.raises(ValueError, match="negative integer powers"):
        power(Sample(x), -1)
