"""What is computed for one element: expressions, made by running NumPy text on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from clearprop.compile.affine import Affine, Var

BOOL, INDEX = np.dtype(bool), np.dtype(np.int64)


class NotCompiledError(Exception):
    """An operation has no loops for these dtypes; it remains a NumPy call."""


class Array:
    """Memory of a program, in C order.

    Attributes
    ----------
    name : str
    shape, dtype
        Of its elements.
    """

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        self.name = name
        self.shape = shape
        self.dtype = np.dtype(dtype)

    @property
    def size(self) -> int:
        """The number of elements."""
        n = 1
        for length in self.shape:
            n *= length
        return n

    @property
    def row(self) -> int:
        """The number of elements in one row, along the first axis."""
        return self.size // self.shape[0] if self.size else 0

    def __repr__(self) -> str:
        return f"<{self.name} {self.shape} {self.dtype}>"


class Scalar(NDArrayOperatorsMixin):
    """One element, of a NumPy dtype; a ufunc of it is another expression, in NumPy's dtypes.

    Expressions are shared, and compared by identity.
    """

    __slots__ = ("dtype",)

    dtype: np.dtype[Any]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        given = tuple(map(_taken, inputs))
        if gives_bool(ufunc) and int in given:
            given = tuple(
                _wide_enough(kind, v, given) for kind, v in zip(given, inputs, strict=True)
            )
        *takes, gives = ufunc.resolve_dtypes((*given, None))
        if any(dtype.kind not in "fiub" or dtype == np.float16 for dtype in (*takes, gives)):
            raise NotCompiledError(ufunc.__name__)
        made = tuple(converted(v, dtype) for v, dtype in zip(inputs, takes, strict=True))
        return _decided(ufunc.__name__, made) or Apply(ufunc.__name__, made, gives)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.where and not kwargs:
            condition, a, b = args
            plain = [v if _taken(v) is type(v) else _dtype_of(v) for v in (a, b)]
            dtype = np.result_type(*plain)
            made = (converted(condition, BOOL), converted(a, dtype), converted(b, dtype))
            return _decided("where", made) or Apply("where", made, dtype)
        raise NotCompiledError(function.__name__)

    def astype(self, dtype: Any) -> Scalar:
        """Give the number in another dtype."""
        return converted(self, np.dtype(dtype))

    def __eq__(self, other: object) -> Any:
        return np.equal(self, other)  # type: ignore[call-overload]

    __hash__ = object.__hash__

    @property
    def parts(self) -> tuple[Scalar, ...]:
        """What it is computed from."""
        return ()


class Constant(Scalar):
    """A number."""

    __slots__ = ("value",)

    def __init__(self, value: Any, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.value = np.asarray(value).astype(self.dtype)[()]


class Apply(Scalar):
    """A ufunc of NumPy's, by its name, of arguments in the dtypes that it computes in."""

    __slots__ = ("arguments", "name")

    def __init__(self, name: str, arguments: tuple[Scalar, ...], dtype: Any) -> None:
        self.name = name
        self.arguments = arguments
        self.dtype = np.dtype(dtype)

    @property
    def parts(self) -> tuple[Scalar, ...]:
        """What it is computed from."""
        return self.arguments


class Convert(Scalar):
    """The number in another dtype, as ``astype`` does it."""

    __slots__ = ("of",)

    def __init__(self, of: Scalar, dtype: Any) -> None:
        self.of = of
        self.dtype = np.dtype(dtype)

    @property
    def parts(self) -> tuple[Scalar, ...]:
        """What it is computed from."""
        return (self.of,)


class Load(Scalar):
    """The element of an array at a place."""

    __slots__ = ("array", "place")

    def __init__(self, array: Array, place: Affine) -> None:
        self.array = array
        self.place = place
        self.dtype = array.dtype


class Number(Scalar):
    """A place as a number."""

    __slots__ = ("place",)

    def __init__(self, place: Affine) -> None:
        self.place = place
        self.dtype = INDEX


class Chosen(Scalar):
    """A whole number that becomes a variable of places.

    Attributes
    ----------
    var : Var
        The variable; its ``chosen`` is this.
    of : Scalar
        The number.
    axis : int
        Of the array that is indexed; negative where the number is right by construction.
    """

    __slots__ = ("axis", "of", "var")

    def __init__(self, of: Scalar, axis: int, extent: int) -> None:
        self.var = Var(extent)
        self.var.chosen = self
        self.of = of
        self.axis = axis
        self.dtype = INDEX

    @property
    def parts(self) -> tuple[Scalar, ...]:
        """What it is computed from."""
        return (self.of,)


class Total(Scalar):
    """What has been combined so far: ``+``, ``max`` or ``min``."""

    __slots__ = ("combine", "start")

    def __init__(self, combine: str, dtype: Any, start: Any) -> None:
        self.combine = combine
        self.dtype = np.dtype(dtype)
        self.start = np.asarray(start).astype(self.dtype)[()]


def _decided(name: str, arguments: tuple[Scalar, ...]) -> Scalar | None:
    """Give the result where a constant among the operands decides it to the last bit."""
    if name == "where":
        condition, yes, no = arguments
        return (yes if condition.value else no) if isinstance(condition, Constant) else None
    if len(arguments) != 2:
        return None
    for x, constant in (arguments, arguments[::-1]):
        if not isinstance(constant, Constant) or x.dtype != constant.dtype:
            continue
        number, is_second = constant.value, constant is arguments[1]
        if constant.dtype == BOOL:
            if name in ("bitwise_and", "logical_and"):
                return x if number else constant
        elif name == "multiply" or (name == "divide" and is_second and x.dtype.kind == "f"):
            return x if number == 1 else None
        elif name == "subtract" and is_second and not np.signbit(number):
            return x if number == 0 else None
    return None


def _taken(value: Any) -> Any:
    """Give what a ufunc asks of an operand: its dtype, or that it is a Python number."""
    return type(value) if type(value) in (bool, int, float) else _dtype_of(value)


def gives_bool(ufunc: Any) -> bool:
    """Whether a ufunc compares."""
    return ufunc in (
        np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal
    )  # fmt: skip


def _wide_enough(kind: Any, value: Any, given: tuple[Any, ...]) -> Any:
    """Compare with an integer that the other's dtype does not hold as NumPy does: exactly."""
    others = [d for d in given if isinstance(d, np.dtype) and d.kind in "iu"]
    if kind is not int or not others:
        return kind
    limits = np.iinfo(others[0])
    if limits.min <= value <= limits.max:
        return kind
    return np.dtype(float if others[0] == np.uint64 else np.int64)


def _dtype_of(value: Any) -> Any:
    return value.dtype if isinstance(value, Scalar) else np.asarray(value).dtype


def converted(value: Any, dtype: Any) -> Scalar:
    """Give a number in a dtype; nothing is done where it has it."""
    if not isinstance(value, Scalar):
        return Constant(value, dtype)
    if value.dtype == dtype:
        return value
    if isinstance(value, Constant):
        with np.errstate(all="ignore"):
            return Constant(value.value, dtype)
    return Convert(value, dtype)
