"""Arithmetic, selection and roots, element by element."""

import numpy as np

from clearprop.kinds import OPAQUE
from clearprop.primitive import Case, composition, primitive
from clearprop.rules.complex import complex_of, conjugated, is_complex

NONZERO = (0.5, 2.0)
PAIRS = [Case((3, 4), (3, 4)), Case((3, 4), (4,)), Case((), (3,)), Case((0, 3), (3,))]
SIGNED = [Case(np.array([-1.5, -0.6, 0.7])), Case((3, 4)), Case(()), Case((0, 3))]


@primitive(np.add, symbol="+", latex="x_1 + x_2")
def add(x1, x2):
    return x1 + x2


@add.vjp("x1", "x2", latex=r"\bar y")
def _(dy):
    return dy


@primitive(np.subtract, symbol="−", latex="x_1 - x_2")
def subtract(x1, x2):
    return x1 - x2


@subtract.vjp("x1", latex=r"\bar y")
def _(dy):
    return dy


@subtract.vjp("x2", latex=r"-\bar y")
def _(dy):
    return -dy


@primitive(np.multiply, symbol="×", latex="x_1 x_2")
def multiply(x1, x2):
    return x1 * x2


@multiply.vjp("x1", latex=r"\bar y\,x_2")
def _(dy, x2):
    return dy * x2


@multiply.vjp("x2", latex=r"\bar y\,x_1")
def _(dy, x1):
    return dy * x1


@primitive(
    np.divide,
    symbol="÷",
    latex=r"x_1 / x_2",
    domain=((-2, 2), NONZERO),
    cases=[*PAIRS, Case((3,), np.array([-1.5, -0.6, 0.7]))],
)
def divide(x1, x2):
    return x1 / x2


@divide.vjp("x1", latex=r"\bar y / x_2")
def _(dy, x2):
    return dy / x2


@divide.vjp("x2", latex=r"-\bar y\,y / x_2")
def _(dy, y, x2):
    return -dy * y / x2


@primitive(
    np.remainder,
    symbol="mod",
    latex=r"x_1 \bmod x_2",
    domain=((2.1, 2.9), (0.8, 1.0)),  # x_1 / x_2 between 2 and 3.7: the floor is not 0
    cases=[Case(np.array([2.3, -0.7, 3.4]), np.array([1.1, 1.2, -0.9])), Case((3, 4), (4,))],
)
def remainder(x1, x2):
    return x1 % x2


@remainder.vjp("x1", latex=r"\bar y")
def _(dy):
    return dy


@remainder.vjp("x2", latex=r"-\bar y\,\lfloor x_1 / x_2 \rfloor")
def _(dy, x1, x2):
    return -dy * np.floor_divide(x1, x2)


@primitive(
    np.fmod, latex=r"x_1 - x_2 \operatorname{trunc}(x_1 / x_2)", domain=((2.1, 2.9), (1.5, 2))
)
def fmod(x1, x2):
    return np.fmod(x1, x2)


@fmod.vjp("x1", latex=r"\bar y")
def _(dy):
    return dy


@fmod.vjp("x2", latex=r"-\bar y\,\operatorname{trunc}(x_1 / x_2)")
def _(dy, x1, x2):
    return -dy * np.trunc(x1 / x2)


@primitive(
    np.divmod,
    kind=OPAQUE,
    outputs=2,
    latex=r"(\lfloor x_1 / x_2 \rfloor,\ x_1 \bmod x_2)",
    domain=((2.1, 2.9), (1.5, 2)),
    cases=[Case((3, 4), (4,)), Case((), ())],
)
def divmod(x1, x2):
    return np.divmod(x1, x2)


@divmod.vjp("x1", latex=r"\bar y_2")
def _(dy):
    return dy[1]


@divmod.vjp("x2", latex=r"-\bar y_2\,y_1")
def _(dy, y):
    return -dy[1] * y[0]


@primitive(
    np.modf,
    kind=OPAQUE,
    outputs=2,
    latex=r"(x - \operatorname{trunc} x,\ \operatorname{trunc} x)",
    domain=(1.1, 1.9),
    cases=[Case((3, 4)), Case(())],
)
def modf(x):
    return np.modf(x)


@modf.vjp("x", latex=r"\bar y_1")
def _(dy):
    return dy[0]  # the whole part does not move


@primitive(np.negative, symbol="−", latex="-x")
def negative(x):
    return -x


@negative.vjp("x", latex=r"-\bar y")
def _(dy):
    return -dy


@primitive(np.positive, symbol="+", latex="x")
def positive(x):
    return +x


@positive.vjp("x", latex=r"\bar y")
def _(dy):
    return dy


@primitive(np.reciprocal, symbol="1/x", latex="1/x", domain=NONZERO, cases=SIGNED)
def reciprocal(x):
    return 1 / x


@reciprocal.vjp("x", latex=r"-\bar y\,y^2")
def _(dy, y):
    return -dy * y * y


@primitive(np.square, symbol="²", latex="x^2")
def square(x):
    return x * x


@square.vjp("x", latex=r"2\bar y\,x")
def _(dy, x):
    return dy * 2 * x


@primitive(np.sqrt, symbol="√", latex=r"\sqrt x", domain=NONZERO)
def sqrt(x):
    return np.sqrt(x)


@sqrt.vjp("x", latex=r"\bar y / 2y")
def _(dy, y):
    return dy / (2 * y)


@primitive([np.cbrt, "scipy.special.cbrt"], symbol="∛", latex=r"\sqrt[3]{x}", domain=NONZERO)
def cbrt(x):
    return np.cbrt(x)


@cbrt.vjp("x", latex=r"\bar y / 3y^2")
def _(dy, y):
    return dy / (3 * y * y)


@primitive(
    np.power,
    symbol="**",
    latex="x_1^{x_2}",
    domain=(NONZERO, (-2, 2)),
    cases=[*PAIRS, Case(np.array([-1.5, -0.6, 0.7]), 3), Case(np.array([-1.5, 0.0, 0.7]), 2)],
)
def power(x1, x2):
    return x1**x2


@power.vjp("x1", latex=r"\bar y\,x_2\,x_1^{x_2 - 1}")
def _(dy, x1, x2):
    if isinstance(x2, int | float):  # stays a weak scalar, so that float32 stays float32
        if x2 == 2:
            return dy * (2 * x1)
        return dy * (x2 * x1 ** (x2 - 1)) if x2 else dy * 0
    # 0**0 is 1 and stays 1 beside it, where x1**-1 would be infinite
    return dy * x2 * np.where((x1 == 0) & (x2 == 0), 1, x1) ** (x2 - 1)


@power.vjp("x2", latex=r"\bar y\,y \log x_1")
def _(dy, x1, y):
    base = np.where(x1 == 0, 1, x1)  # 0**x2 does not move with x2 > 0
    if is_complex(y) and not is_complex(x1):
        base = base + 0j  # a negative number has a complex logarithm
    return dy * y * np.log(base)


@primitive(np.absolute, symbol="|x|", latex="|x|", domain=NONZERO, cases=SIGNED)
def absolute(x):
    return np.abs(x)


@absolute.vjp("x", latex=r"\bar y\,\operatorname{sign} x")
def _(dy, x):
    if is_complex(x):
        y = np.abs(x)
        return dy * (np.conjugate(x) / np.where(y == 0, 1, y))  # 0 at the tip of the cone
    return dy * np.sign(x)


@primitive(np.fabs, symbol="|x|", latex="|x|", domain=NONZERO, cases=SIGNED)
def fabs(x):
    return np.fabs(x)


@fabs.vjp("x", latex=r"\bar y\,\operatorname{sign} x")
def _(dy, x):
    return dy * np.sign(x)


@primitive(np.copysign, latex=r"|x_1|\,\operatorname{sign} x_2", domain=(NONZERO, (-2, -0.5)))
def copysign(x1, x2):
    return np.copysign(x1, x2)


@copysign.vjp("x1", latex=r"\bar y\,\operatorname{sign} x_1 \operatorname{sign} x_2")
def _(dy, x1, x2):
    return np.where(np.signbit(x1) == np.signbit(x2), dy, -dy)  # the sign of -0.0 counts


@copysign.vjp("x2", latex="0")
def _(dy):
    return dy * 0


@primitive(
    np.ldexp,
    kind=OPAQUE,  # its exponents are integers, and stay integers where the rest is float32
    constants=("x2",),
    latex=r"x_1 2^{x_2}",
    cases=[Case((3, 4), np.array([1, -2, 0, 3])), Case((), np.int64(2))],
)
def ldexp(x1, x2):
    return np.ldexp(x1, x2)


@ldexp.vjp("x1", latex=r"\bar y\,2^{x_2}")
def _(dy, x2):
    return np.ldexp(dy, x2)


@composition(np.frexp)
def frexp(x):
    exponent = binary_exponent(x)
    return np.ldexp(x, -exponent), exponent


@primitive(
    no_derivative="piecewise constant: its derivative is 0 wherever it has one",
    cases=[Case((3, 4)), Case(())],
)
def binary_exponent(x):
    return np.frexp(x)[1]


@primitive(np.nextafter, kind=OPAQUE, latex="x_1", cases=PAIRS)
def nextafter(x1, x2):
    return np.nextafter(x1, x2)


@nextafter.vjp("x1", latex=r"\bar y")
def _(dy):
    return dy


@nextafter.vjp("x2", latex="0")
def _(dy):
    return dy * 0  # it says which way, not how far


@primitive(
    np.heaviside,
    latex=r"[x_1 > 0] + x_2\,[x_1 = 0]",
    cases=[*PAIRS, Case(np.array([-1.0, 0.0, 1.0]), (3,))],
)
def heaviside(x1, x2):
    return np.where(x1 < 0, 0, np.where(x1 > 0, 1, np.where(x1 == 0, x2, x1)))


@heaviside.vjp("x1", latex="0")
def _(dy):
    return dy * 0  # a step: its derivative is 0 wherever it has one


@heaviside.vjp("x2", latex=r"\bar y\,[x_1 = 0]")
def _(dy, x1):
    return np.where(x1 == 0, dy, 0.0)


@primitive(np.conjugate, latex=r"\overline{x}")
def conjugate(x):
    return np.conjugate(x)  # of a real number: the number itself


@conjugate.vjp("x", latex=r"\overline{\bar y}")
def _(dy):
    return conjugated(dy)


@composition(np.nan_to_num)
def nan_to_num(x, *, nan=0.0, posinf=None, neginf=None):
    if is_complex(x):
        given = {"nan": nan, "posinf": posinf, "neginf": neginf}
        return complex_of(nan_to_num(np.real(x), **given), nan_to_num(np.imag(x), **given))
    limits = np.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    finite = np.where(x == np.inf, high, np.where(x == -np.inf, low, x))
    return np.where(np.isnan(x), nan, finite)


@composition(np.float_power)
def float_power(x1, x2):
    return np.power(*map(_in_double, (x1, x2)))


def _in_double(x):
    return x.astype(complex if is_complex(x) else float) if hasattr(x, "astype") else x
