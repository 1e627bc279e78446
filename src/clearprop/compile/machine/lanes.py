"""Values of machine code that are written like numbers: ``a * b + 1`` becomes instructions.

A `Value` is one number, or as many as a vector register holds: its *lanes*. Mathematics is written
once, with operators and the functions below, and runs on three sorts of operands: on `Lanes`, which
write LLVM's language (vectors, or scalars where there is one lane), and on `Sample`, which computes
on NumPy arrays at once, so that the same lines can be tried without a compiler.

Python's numbers take the dtype of what they meet, as in NumPy; two dtypes meet in the one that
NumPy gives them. Booleans are of one bit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

Number = bool | int | float | np.generic

_BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


class Value:
    """A number of a dtype, or several in lanes.

    Attributes
    ----------
    dtype : dtype
    fused : bool
        Whether ``fma(a, b, c)`` rounds once. Where it does not, it is ``a * b + c``.
    """

    __slots__ = ()

    dtype: np.dtype[Any]
    fused: bool

    # What the sorts of values differ in.

    def _apply(self, operation: str, dtype: Any, *others: Value) -> Self:
        """Compute ``operation(self, *others)``, which is of ``dtype``; others have self's dtype."""
        raise NotImplementedError

    def constant(self, number: Number, dtype: Any = None) -> Self:
        """Give a number that stands beside this value; by default of its dtype."""
        raise NotImplementedError

    def _converted(self, dtype: np.dtype[Any]) -> Self:
        raise NotImplementedError

    def _reread(self, dtype: np.dtype[Any]) -> Self:
        """Give the same bits as another dtype of the same size."""
        raise NotImplementedError

    def _chosen(self, yes: Value, no: Value) -> Self:
        """Give yes where self, a boolean, is true, and no where it is false."""
        raise NotImplementedError

    @property
    def known(self) -> float | None:
        """The number, if it is a constant and not NaN."""
        return None

    def _scaled(self, n: Value) -> Self | None:
        """Give ``self * 2**n`` where that is one instruction."""
        return None

    def rarely(self, usual: Sequence[Any], compute: Callable[[], Sequence[Any]]) -> list[Any]:
        """Give ``compute()`` where self, a boolean, is true, and ``usual`` elsewhere.

        Nothing is computed unless some lane asks for it.
        """
        raise NotImplementedError

    def apart(self, name: str, dtypes: Sequence[Any], compute: Callable[..., Any]) -> list[Any]:
        """Give ``compute(self)``, values of ``dtypes``; in code: a function that is written once.

        For what is long and rarely run. ``name`` stands for ``compute`` and all it depends on.
        """
        raise NotImplementedError

    def repeat(
        self,
        values: Sequence[Any],
        unfinished: Callable[..., Any],
        step: Callable[..., Sequence[Any]],
    ) -> list[Any]:
        """Run ``values = step(*values)`` while some lane of ``unfinished(*values)`` is true.

        A step must leave finished lanes as they are. `self` says only what sort of values it is.
        """
        raise NotImplementedError

    # Operators.

    def __add__(self, other: Any) -> Any:
        return _arithmetic("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _arithmetic("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _arithmetic("sub", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _arithmetic("sub", other, self)

    def __mul__(self, other: Any) -> Any:
        return _arithmetic("mul", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _arithmetic("mul", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _divided(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _divided(other, self)

    def __mod__(self, other: Any) -> Any:
        return _division().remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return _division().remainder(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _division().floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _division().floor_divide(other, self)

    def __neg__(self) -> Any:
        return self._apply("neg", self.dtype)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return absolute(self)

    def __lt__(self, other: Any) -> Any:
        return _compared("lt", self, other)

    def __le__(self, other: Any) -> Any:
        return _compared("le", self, other)

    def __gt__(self, other: Any) -> Any:
        return _compared("gt", self, other)

    def __ge__(self, other: Any) -> Any:
        return _compared("ge", self, other)

    def __eq__(self, other: object) -> Any:
        return _compared("eq", self, other)

    def __ne__(self, other: object) -> Any:
        return _compared("ne", self, other)

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("a value of machine code is not known before it runs; use select")

    def __and__(self, other: Any) -> Any:
        return _bitwise("and", self, other)

    __rand__ = __and__

    def __or__(self, other: Any) -> Any:
        return _bitwise("or", self, other)

    __ror__ = __or__

    def __xor__(self, other: Any) -> Any:
        return _bitwise("xor", self, other)

    __rxor__ = __xor__

    def __invert__(self) -> Any:
        return _whole(self)._apply("not", self.dtype)

    def __lshift__(self, count: Any) -> Any:
        return _shifted("shl", self, count)

    def __rshift__(self, count: Any) -> Any:
        return _shifted("shr", self, count)


def meet(*operands: Any) -> list[Any]:
    """Give operands of one dtype, the one in which NumPy computes with them.

    Parameters
    ----------
    *operands : Value or number
        At least one Value.
    """
    witness = next(x for x in operands if isinstance(x, Value))
    dtype = np.result_type(*(x.dtype if isinstance(x, Value) else x for x in operands))
    return [
        convert(x, dtype) if isinstance(x, Value) else witness.constant(x, dtype) for x in operands
    ]


def _division() -> Any:
    from clearprop.compile.machine import division  # it is written with this module

    return division


def _arithmetic(operation: str, first: Any, second: Any) -> Any:
    a, b = meet(first, second)
    if a.dtype.kind == "b":
        if operation == "sub":
            raise TypeError("booleans have no difference in NumPy; use ^")
        operation = {"add": "or", "mul": "and"}[operation]
    return a._apply(operation, a.dtype, b)


def _divided(first: Any, second: Any) -> Any:
    a, b = meet(first, second)
    dtype = np.true_divide(a.dtype.type(1), a.dtype.type(1)).dtype  # of integers: float64
    return convert(a, dtype)._apply("div", dtype, convert(b, dtype))


def _compared(operation: str, first: Any, second: Any) -> Any:
    a, b = meet(first, second)
    return a._apply(operation, np.dtype(bool), b)


def _bitwise(operation: str, first: Any, second: Any) -> Any:
    a, b = meet(first, second)
    return _whole(a)._apply(operation, a.dtype, b)


def _whole(x: Any) -> Any:
    if x.dtype.kind == "f":
        raise TypeError("bitwise operations take integers and booleans; take the bits first")
    return x


def _shifted(operation: str, value: Value, count: Any) -> Any:
    if not isinstance(count, Value) and not 0 <= count < 8 * value.dtype.itemsize:
        raise ValueError(f"a shift of {value.dtype} by {count}")
    a, b = meet(_whole(value), count)
    if isinstance(count, Value):  # NumPy shifts everything out; a processor may do anything
        bits = 8 * a.dtype.itemsize
        inside = (b >= 0) & (b < bits) if a.dtype.kind == "i" else b < bits
        left = a >> (bits - 1) if operation == "shr" and a.dtype.kind == "i" else a.constant(0)
        return select(inside, a._apply(operation, a.dtype, select(inside, b, 0)), left)
    return a._apply(operation, a.dtype, b)


# Functions.


def convert(x: Any, dtype: Any) -> Any:
    """Convert as ``astype``: a boolean is ``x != 0``, a float loses its fraction."""
    dtype = np.dtype(dtype)
    if dtype == x.dtype:
        return x
    if dtype.kind == "b":
        return x != 0
    return x._converted(dtype)


def bits(x: Any) -> Any:
    """Give the bits of a number as an unsigned integer of the same size."""
    return x._reread(np.dtype(_BITS[x.dtype.itemsize]))


def from_bits(x: Any, dtype: Any) -> Any:
    """Give the number that has these bits."""
    return x._reread(np.dtype(dtype))


def select(condition: Any, yes: Any, no: Any) -> Any:
    """Give yes where the condition is true, and no where it is false."""
    if not isinstance(yes, Value) and not isinstance(no, Value):
        dtype = np.result_type(yes, no)
        a, b = condition.constant(yes, dtype), condition.constant(no, dtype)
    else:
        a, b = meet(yes, no)
    if not isinstance(condition, Value):
        return a if condition else b
    return convert(condition, bool)._chosen(a, b)


def fma(a: Any, b: Any, c: Any) -> Any:
    """Give ``a * b + c``, rounded once where the processor does that natively."""
    x, y, z = meet(a, b, c)
    return x._apply("fma", x.dtype, y, z) if x.fused else x * y + z


def in_floats(x: Any) -> Any:
    """Convert whole numbers as NumPy's functions of floats do; those of 16 bits become float32."""
    if x.dtype.kind == "f":
        return x
    return convert(x, np.result_type(np.sqrt(np.ones(1, x.dtype)).dtype, np.float32))


def _in_floats(operation: str) -> Callable[[Any], Any]:
    def function(x: Any) -> Any:
        if x.dtype.kind != "f":
            if operation not in ("sqrt", "rint"):
                return x  # NumPy leaves whole numbers whole
            x = in_floats(x)
        return x._apply(operation, x.dtype)

    function.__name__ = function.__qualname__ = operation
    function.__doc__ = f"Give NumPy's {operation}, elementwise."
    return function


sqrt = _in_floats("sqrt")
floor = _in_floats("floor")
ceil = _in_floats("ceil")
trunc = _in_floats("trunc")
rint = _in_floats("rint")


def absolute(x: Any) -> Any:
    """Give ``|x|``; of the least integer: itself, as NumPy."""
    if x.dtype.kind == "f":
        return x._apply("abs", x.dtype)
    return select(x < 0, -x, x) if x.dtype.kind == "i" else x


def copysign(size: Any, sign: Any) -> Any:
    """Give ``|size|`` with the sign of the other."""
    a, b = meet(size, sign)
    if a.dtype.kind != "f":
        a, b = convert(a, float), convert(b, float)
    return a._apply("copysign", a.dtype, b)


def maximum(first: Any, second: Any) -> Any:
    """Give the larger of two; NaN if one is NaN."""
    return _extreme(operator.gt, first, second)


def minimum(first: Any, second: Any) -> Any:
    """Give the smaller of two; NaN if one is NaN."""
    return _extreme(operator.lt, first, second)


def _extreme(better: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    a, b = meet(first, second)
    if a.dtype.kind == "b":
        return a | b if better is operator.gt else a & b
    if b.known is not None:
        a, b = b, a  # then one instruction is enough: it gives b where nothing compares
    chosen = select(better(a, b), a, b)
    return chosen if a.dtype.kind != "f" or a.known is not None else select(isnan(a), a, chosen)


def fmax(first: Any, second: Any) -> Any:
    """Give the larger of two; the other one if one is NaN."""
    return _extreme_number(operator.gt, first, second)


def fmin(first: Any, second: Any) -> Any:
    """Give the smaller of two; the other one if one is NaN."""
    return _extreme_number(operator.lt, first, second)


def _extreme_number(better: Callable[[Any, Any], Any], first: Any, second: Any) -> Any:
    a, b = meet(first, second)
    if a.dtype.kind != "f":
        return _extreme(better, a, b)
    chosen = select(better(a, b), a, b)
    return chosen if b.known is not None else select(isnan(b), a, chosen)


def isnan(x: Any) -> Any:
    """Whether x is not a number."""
    return x != x if x.dtype.kind == "f" else x.constant(False, bool)  # noqa: PLR0124


def isinf(x: Any) -> Any:
    """Whether x is infinite."""
    return absolute(x) == np.inf if x.dtype.kind == "f" else x.constant(False, bool)


def isfinite(x: Any) -> Any:
    """Whether x is neither infinite nor NaN."""
    return absolute(x) < np.inf if x.dtype.kind == "f" else x.constant(True, bool)


def signbit(x: Any) -> Any:
    """Whether the sign is set, of -0.0 and of NaN too."""
    if x.dtype.kind == "f":
        return from_bits(bits(x), f"i{x.dtype.itemsize}") < 0
    return x < 0 if x.dtype.kind == "i" else x.constant(False, bool)
