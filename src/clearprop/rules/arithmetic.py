"""Arithmetic, selection and roots, element by element."""

import numpy as np

from clearprop.kinds import ELEMENTWISE
from clearprop.primitive import Case, primitive

NONZERO = (0.5, 2.0)


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


@primitive(np.divide, symbol="÷", latex=r"x_1 / x_2", domain=((-2, 2), NONZERO))
def divide(x1, x2):
    return x1 / x2


@divide.vjp("x1", latex=r"\bar y / x_2")
def _(dy, x2):
    return dy / x2


@divide.vjp("x2", latex=r"-\bar y\,y / x_2")
def _(dy, y, x2):
    return -dy * y / x2


@primitive(np.remainder, symbol="mod", latex=r"x_1 \bmod x_2", domain=((0.1, 0.9), (1.1, 2.0)))
def remainder(x1, x2):
    return x1 % x2


@remainder.vjp("x1", latex=r"\bar y")
def _(dy):
    return dy


@remainder.vjp("x2", latex=r"-\bar y\,\lfloor x_1 / x_2 \rfloor")
def _(dy, x1, x2):
    return -dy * np.floor_divide(x1, x2)


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


@primitive(np.reciprocal, symbol="1/x", latex="1/x", domain=NONZERO)
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


@primitive(np.power, symbol="**", latex="x_1^{x_2}", domain=(NONZERO, (-2, 2)))
def power(x1, x2):
    return x1**x2


@power.vjp("x1", latex=r"\bar y\,x_2\,x_1^{x_2 - 1}")
def _(dy, x1, x2):
    if isinstance(x2, int | float):  # stays a weak scalar, so that float32 stays float32
        return dy * (x2 * x1 ** (x2 - 1)) if x2 else dy * 0
    # 0**0 is 1 and stays 1 beside it, where x1**-1 would be infinite
    return dy * x2 * np.where((x1 == 0) & (x2 == 0), 1, x1) ** (x2 - 1)


@power.vjp("x2", latex=r"\bar y\,y \log x_1")
def _(dy, x1, y):
    return dy * y * np.log(np.where(x1 == 0, 1, x1))  # 0**x2 does not move with x2 > 0


@primitive(np.absolute, symbol="|x|", latex="|x|", domain=NONZERO)
def absolute(x):
    return np.abs(x)


@absolute.vjp("x", latex=r"\bar y\,\operatorname{sign} x")
def _(dy, x):
    return dy * np.sign(x)


@primitive(np.maximum, symbol="max", latex=r"\max(x_1, x_2)")
def maximum(x1, x2):
    return np.maximum(x1, x2)


@maximum.vjp("x1", latex=r"\bar y\,[x_1 > x_2]")
def _(dy, x1, x2):
    return _share(dy, x1 > x2, x1 == x2)


@maximum.vjp("x2", latex=r"\bar y\,[x_2 > x_1]")
def _(dy, x1, x2):
    return _share(dy, x2 > x1, x1 == x2)


@primitive(np.minimum, symbol="min", latex=r"\min(x_1, x_2)")
def minimum(x1, x2):
    return np.minimum(x1, x2)


@minimum.vjp("x1", latex=r"\bar y\,[x_1 < x_2]")
def _(dy, x1, x2):
    return _share(dy, x1 < x2, x1 == x2)


@minimum.vjp("x2", latex=r"\bar y\,[x_2 < x_1]")
def _(dy, x1, x2):
    return _share(dy, x2 < x1, x1 == x2)


def _share(dy, wins, ties):
    """Give the gradient to the winner; a tie is shared half and half (as JAX and HIPS autograd)."""
    return np.where(ties, dy / 2, np.where(wins, dy, 0.0))


@primitive(
    np.where,
    kind=ELEMENTWISE,
    constants=("condition",),
    latex=r"x\ \text{where}\ c\ \text{else}\ x'",
    cases=[
        Case(np.array([[True, False, True], [False, True, True]]), (2, 3), (2, 3)),
        Case(np.array([True, False, True]), (2, 3), ()),
    ],
)
def where(condition, x, x_else):
    return np.where(condition, x, x_else)


@where.vjp("x", latex=r"\bar y\ \text{where}\ c")
def _(dy, condition):
    return np.where(condition, dy, 0.0)


@where.vjp("x_else", latex=r"\bar y\ \text{where not}\ c")
def _(dy, condition):
    return np.where(condition, 0.0, dy)


@primitive(
    kind=ELEMENTWISE,
    latex=r"\operatorname{clip}(x, a, b)",
    domain=((-2, 2), (-1, -0.1), (0.1, 1)),
    cases=[Case((3, 4), -1.0, 1.0), Case((5,), 0.0, 0.5), Case((3, 4), (4,), ())],
)
def clip(x, low, high):
    return np.minimum(np.maximum(x, low), high)


@clip.vjp("x", latex=r"\bar y\,[a \le x \le b]")
def _(dy, x, low, high):
    return np.where((x >= low) & (x <= high), dy, 0.0)  # the bounds themselves still pass


@clip.vjp("low", latex=r"\bar y\,[x < a \le b]")
def _(dy, x, low, high):
    return np.where((x < low) & (low <= high), dy, 0.0)


@clip.vjp("high", latex=r"\bar y\,[b < \max(x, a)]")
def _(dy, x, low, high):
    return np.where((x > high) | (low > high), dy, 0.0)


@primitive(symbol="ReLU", kind=ELEMENTWISE, latex=r"\max(x, 0)", cases=[Case((3, 4)), Case(())])
def relu(x):
    return np.maximum(x, 0)


@relu.vjp("x", latex=r"\bar y\,[y > 0]")
def _(dy, y):
    return np.where(y > 0, dy, 0.0)  # 0 at x = 0, as the documents have it
