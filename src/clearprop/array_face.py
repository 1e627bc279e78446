"""What a Tensor looks like from outside: the operators and methods of a NumPy array.

Each is one line to the primitive, or to the ``np.*`` function, of the same name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.complex_face import ComplexFace
from clearprop.flat import Flat
from clearprop.graph import ABSENT, NO_ATTRIBUTES
from clearprop.rules import arithmetic, comparison, linear


class ArrayFace(ComplexFace):
    """Operators and methods of ndarray; `Tensor` says how an operation is recorded."""

    __slots__ = ()

    def _record(
        self,
        primitive: Any,
        b: Any = ABSENT,
        attributes: dict[str, Any] = NO_ATTRIBUTES,
    ) -> Any:
        raise TypeError(f"{type(self).__name__} does not say how to record {primitive}")

    def _record_after(self, primitive: Any, other: Any) -> Any:
        raise TypeError(f"{type(self).__name__} does not say how to record {primitive}")

    def _update(self, y: Any) -> Any:
        raise TypeError(f"{type(self).__name__} cannot be changed in place")

    def __add__(self, other: Any) -> Any:
        return self._record(arithmetic.add, other)

    def __radd__(self, other: Any) -> Any:
        return self._record_after(arithmetic.add, other)

    def __iadd__(self, other: Any) -> Any:
        return self._update(self._record(arithmetic.add, other))

    def __sub__(self, other: Any) -> Any:
        return self._record(arithmetic.subtract, other)

    def __rsub__(self, other: Any) -> Any:
        return self._record_after(arithmetic.subtract, other)

    def __isub__(self, other: Any) -> Any:
        return self._update(self._record(arithmetic.subtract, other))

    def __mul__(self, other: Any) -> Any:
        return self._record(arithmetic.multiply, other)

    def __rmul__(self, other: Any) -> Any:
        return self._record_after(arithmetic.multiply, other)

    def __imul__(self, other: Any) -> Any:
        return self._update(self._record(arithmetic.multiply, other))

    def __truediv__(self, other: Any) -> Any:
        return self._record(arithmetic.divide, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._record_after(arithmetic.divide, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._update(self._record(arithmetic.divide, other))

    def __floordiv__(self, other: Any) -> Any:
        return self._record(comparison.floor_divide, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._record_after(comparison.floor_divide, other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._update(self._record(comparison.floor_divide, other))

    def __mod__(self, other: Any) -> Any:
        return self._record(arithmetic.remainder, other)

    def __rmod__(self, other: Any) -> Any:
        return self._record_after(arithmetic.remainder, other)

    def __imod__(self, other: Any) -> Any:
        return self._update(self._record(arithmetic.remainder, other))

    def __pow__(self, other: Any) -> Any:
        return self._record(arithmetic.power, other)

    def __rpow__(self, other: Any) -> Any:
        return self._record_after(arithmetic.power, other)

    def __ipow__(self, other: Any) -> Any:
        return self._update(self._record(arithmetic.power, other))

    def __matmul__(self, other: Any) -> Any:
        return self._record(linear.matmul, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._record_after(linear.matmul, other)

    def __imatmul__(self, other: Any) -> Any:
        return self._update(self._record(linear.matmul, other))

    def __and__(self, other: Any) -> Any:
        return self._record(comparison.bitwise_and, other)

    def __rand__(self, other: Any) -> Any:
        return self._record_after(comparison.bitwise_and, other)

    def __iand__(self, other: Any) -> Any:
        return self._update(self._record(comparison.bitwise_and, other))

    def __or__(self, other: Any) -> Any:
        return self._record(comparison.bitwise_or, other)

    def __ror__(self, other: Any) -> Any:
        return self._record_after(comparison.bitwise_or, other)

    def __ior__(self, other: Any) -> Any:
        return self._update(self._record(comparison.bitwise_or, other))

    def __xor__(self, other: Any) -> Any:
        return self._record(comparison.bitwise_xor, other)

    def __rxor__(self, other: Any) -> Any:
        return self._record_after(comparison.bitwise_xor, other)

    def __ixor__(self, other: Any) -> Any:
        return self._update(self._record(comparison.bitwise_xor, other))

    def __lt__(self, other: Any) -> Any:
        return self._record(comparison.less, other)

    def __le__(self, other: Any) -> Any:
        return self._record(comparison.less_equal, other)

    def __gt__(self, other: Any) -> Any:
        return self._record(comparison.greater, other)

    def __ge__(self, other: Any) -> Any:
        return self._record(comparison.greater_equal, other)

    def __eq__(self, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented  # never equal; Python then says so
        return self._record(comparison.equal, other)

    def __ne__(self, other: Any) -> Any:
        if other is None or isinstance(other, str):
            return NotImplemented  # never equal; Python then says so
        return self._record(comparison.not_equal, other)

    def __neg__(self) -> Any:
        return self._record(arithmetic.negative)

    def __pos__(self) -> Any:
        return self._record(arithmetic.positive)

    def __abs__(self) -> Any:
        return self._record(arithmetic.absolute)

    def __invert__(self) -> Any:
        return self._record(comparison.invert)

    __hash__ = object.__hash__  # by identity, since == is elementwise

    def sum(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        **more: Any,
    ) -> Any:
        """As `numpy.sum`."""
        return np.sum(self, axis, dtype, out=out, keepdims=keepdims, **more)

    def prod(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        **more: Any,
    ) -> Any:
        """As `numpy.prod`."""
        return np.prod(self, axis, dtype, out=out, keepdims=keepdims, **more)

    def mean(
        self: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        **more: Any,
    ) -> Any:
        """As `numpy.mean`."""
        return np.mean(self, axis, dtype, out=out, keepdims=keepdims, **more)

    def max(
        self: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **more: Any
    ) -> Any:
        """As `numpy.max`."""
        return np.max(self, axis, out=out, keepdims=keepdims, **more)

    def min(
        self: Any, axis: Any = None, out: Any = None, keepdims: Any = False, **more: Any
    ) -> Any:
        """As `numpy.min`."""
        return np.min(self, axis, out=out, keepdims=keepdims, **more)

    def var(self: Any, *args: Any, **options: Any) -> Any:
        """As `numpy.var`."""
        return np.var(self, *args, **options)

    def std(self: Any, *args: Any, **options: Any) -> Any:
        """As `numpy.std`."""
        return np.std(self, *args, **options)

    def all(self: Any, *args: Any, **options: Any) -> Any:
        """As `numpy.all`."""
        return np.all(self, *args, **options)

    def any(self: Any, *args: Any, **options: Any) -> Any:
        """As `numpy.any`."""
        return np.any(self, *args, **options)

    def argmax(self: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        """As `numpy.argmax`."""
        return np.argmax(self, axis, out=out, keepdims=keepdims)

    def argmin(self: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        """As `numpy.argmin`."""
        return np.argmin(self, axis, out=out, keepdims=keepdims)

    def cumsum(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """As `numpy.cumsum`."""
        return np.cumsum(self, axis, dtype, out=out)

    def cumprod(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        """As `numpy.cumprod`."""
        return np.cumprod(self, axis, dtype, out=out)

    def argsort(self: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> Any:
        """As `numpy.argsort`."""
        return np.argsort(self, axis, kind, stable=stable)

    def sort(self: Any, axis: Any = -1, kind: Any = None, *, stable: Any = None) -> None:
        """As `numpy.ndarray.sort`: in place."""
        self._update(np.sort(self, axis, kind, stable=stable))

    def argpartition(self: Any, kth: Any, axis: Any = -1) -> Any:
        """As `numpy.argpartition`."""
        return np.argpartition(self, kth, axis)

    def partition(self: Any, kth: Any, axis: Any = -1) -> None:
        """As `numpy.ndarray.partition`: in place."""
        self._update(np.partition(self, kth, axis))

    def searchsorted(self: Any, v: Any, side: Any = "left") -> Any:
        """As `numpy.searchsorted`."""
        return np.searchsorted(self, v, side)

    def clip(self: Any, min: Any = None, max: Any = None, out: Any = None) -> Any:
        """As `numpy.clip`."""
        return np.clip(self, min, max, out=out)

    def squeeze(self: Any, axis: Any = None) -> Any:
        """As `numpy.squeeze`."""
        return np.squeeze(self, axis=axis)

    def swapaxes(self: Any, axis1: Any, axis2: Any) -> Any:
        """As `numpy.swapaxes`."""
        return np.swapaxes(self, axis1, axis2)

    def repeat(self: Any, repeats: Any, axis: Any = None) -> Any:
        """As `numpy.repeat`."""
        return np.repeat(self, repeats, axis=axis)

    def take(
        self: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise"
    ) -> Any:
        """As `numpy.take`."""
        return np.take(self, indices, axis=axis, out=out, mode=mode)

    def compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """As `numpy.compress`."""
        return np.compress(condition, self, axis=axis, out=out)

    def choose(self: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
        """As `numpy.choose`."""
        return np.choose(self, choices, out=out, mode=mode)

    def nonzero(self: Any) -> Any:
        """As `numpy.nonzero`."""
        return np.nonzero(self)

    def put(self: Any, indices: Any, values: Any, mode: Any = "raise") -> None:
        """As `numpy.put`: in place."""
        np.put(self, indices, values, mode=mode)

    def fill(self: Any, value: Any) -> None:
        """As `numpy.ndarray.fill`: in place."""
        self[...] = value

    def diagonal(self: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
        """As `numpy.diagonal`."""
        return np.diagonal(self, offset, axis1, axis2)

    def trace(self: Any, *args: Any, **options: Any) -> Any:
        """As `numpy.trace`."""
        return np.trace(self, *args, **options)

    def dot(self: Any, b: Any, out: Any = None) -> Any:
        """As `numpy.dot`."""
        return np.dot(self, b, out=out)

    def round(self: Any, decimals: Any = 0, out: Any = None) -> Any:
        """As `numpy.round`."""
        return np.round(self, decimals, out=out)

    def reshape(self: Any, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
        """As `numpy.ndarray.reshape`: a shape, or its lengths one by one."""
        source = np.copy(self) if copy else self
        return np.reshape(source, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self: Any, *axes: Any) -> Any:
        """As `numpy.ndarray.transpose`."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    @property
    def T(self: Any) -> Any:
        """The array with its axes reversed."""
        return np.transpose(self)

    @property
    def mT(self: Any) -> Any:
        """The array with its last two axes exchanged."""
        return np.matrix_transpose(self)

    @property
    def flat(self: Any) -> Any:
        """The elements in one line: an iterator that can be indexed and written to."""
        return Flat(self)

    @flat.setter
    def flat(self: Any, value: Any) -> None:
        Flat(self)[...] = value

    @property
    def itemsize(self: Any) -> int:
        """The bytes of one element."""
        return int(self.dtype.itemsize)

    @property
    def nbytes(self: Any) -> int:
        """The bytes of all elements."""
        return int(self.value.nbytes)

    @property
    def strides(self: Any) -> Any:
        """The bytes from one element to the next, along each axis."""
        return self.value.strides

    def ravel(self: Any, order: Any = "C") -> Any:
        """As `numpy.ravel`."""
        return np.ravel(self, order)

    def flatten(self: Any, order: Any = "C") -> Any:
        """As `numpy.ndarray.flatten`: a copy, where ``ravel`` is a view."""
        return np.ravel(np.copy(self), order)

    def __round__(self: Any, digits: int = 0) -> Any:
        return np.round(self, digits)

    def __rdivmod__(self: Any, other: Any) -> Any:
        return other // self, other % self

    def __divmod__(self: Any, other: Any) -> Any:
        return self // other, self % other

    def copy(self: Any, order: Any = "C") -> Any:
        """As `numpy.ndarray.copy`; a recorded step. How it lies in memory is not recorded."""
        return np.copy(self)
