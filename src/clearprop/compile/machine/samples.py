"""`Sample`: values that are NumPy arrays, so that what is written with lanes runs without LLVM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from clearprop.compile.machine.lanes import Number, Value, select

_UFUNCS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "not": np.invert,
    "shl": np.left_shift,
    "shr": np.right_shift,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rint": np.rint,
    "abs": np.abs,
    "copysign": np.copysign,
    "rest": np.fmod,
}


class Sample(Value):
    """An array of numbers, which computes at once; never with a fused product and sum.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop.compile.machine.lanes import select, sqrt
    >>> x = Sample(np.array([4.0, -1.0], np.float32))
    >>> select(x > 0, sqrt(x), 0).array
    array([2., 0.], dtype=float32)
    """

    __slots__ = ("array",)

    fused = False

    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array)

    @property
    def dtype(self) -> np.dtype[Any]:  # type: ignore[override]
        """The dtype of the array."""
        return self.array.dtype

    def __repr__(self) -> str:
        return f"Sample({self.array!r})"

    def constant(self, number: Number, dtype: Any = None) -> Self:  # noqa: D102
        with np.errstate(all="ignore"):
            return type(self)(np.asarray(number).astype(dtype or self.dtype))

    def _apply(self, operation: str, dtype: Any, *others: Any) -> Any:
        a, *rest = (x.array for x in (self, *others))
        with np.errstate(all="ignore"):
            if operation == "quotient":  # towards 0, as processors divide
                result = (a - np.fmod(a, rest[0])) // rest[0]
            else:
                result = _UFUNCS[operation](a, *rest)
        assert result.dtype == dtype
        return Sample(result)

    def _converted(self, dtype: np.dtype[Any]) -> Any:
        with np.errstate(all="ignore"):
            return Sample(self.array.astype(dtype))

    def _reread(self, dtype: np.dtype[Any]) -> Any:
        return Sample(self.array.view(dtype))

    def _chosen(self, yes: Any, no: Any) -> Any:
        return Sample(np.where(self.array, yes.array, no.array))

    def rarely(self, usual: Sequence[Any], compute: Callable[[], Sequence[Any]]) -> list[Any]:  # noqa: D102
        if not self.array.any():
            return list(usual)
        return [select(self, y, x) for x, y in zip(usual, compute(), strict=True)]

    def apart(self, name: str, dtypes: Sequence[Any], compute: Callable[..., Any]) -> list[Any]:  # noqa: D102
        return list(compute(self))

    def repeat(  # noqa: D102
        self,
        values: Sequence[Any],
        unfinished: Callable[..., Any],
        step: Callable[..., Sequence[Any]],
    ) -> list[Any]:
        state = list(values)
        while unfinished(*state).array.any():
            state = list(step(*state))
        return state
