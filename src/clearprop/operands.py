"""What may stand beside a Tensor in an operation, and what is refused, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, LostGradientError, MissingRuleError
from clearprop.places import current_line
from clearprop.primitive import Primitive

#: Types that need no second look; anything else is turned into an array or refused.
PLAIN = frozenset(
    [np.ndarray, float, int, bool, np.float64, np.float32, np.float16, np.int64, np.bool_]
)


def plain_operand(operand: Any, primitive: Primitive) -> Any:
    """Turn lists into arrays (of Tensors too); refuse what has no derivative, with the reason."""
    if isinstance(operand, list | tuple) and _holds_tensor(operand):
        return stacked(operand)
    if isinstance(operand, np.ma.MaskedArray):
        raise DTypeError(
            f"{primitive.name} of a masked array cannot be recorded.",
            where=current_line(2),
            why="What a masked element contributes to a derivative is not defined here.",
            write="np.where(mask, 0.0, array.data)",
        )
    if operand is None:
        raise DTypeError(
            f"{primitive.name} got None where it needs an array.",
            where=current_line(2),
            write="the array that should stand there",
        )
    array = operand if isinstance(operand, np.generic) else np.asarray(operand)
    refuse_objects([array], primitive)
    return array


def stacked(value: Any) -> Any:
    """Make an array of nested lists that hold recorded values; give anything else back."""
    if isinstance(value, list | tuple) and _holds_tensor(value):
        return np.stack([stacked(part) for part in value])
    return value


def instead_of_plain(line: str | None) -> str:
    """Guess from the user's line why a recorded value was to become plain, and say what helps."""
    text = line or ""
    if "np.array(" in text:
        return "np.stack([a, b]) in the place of np.array([a, b]); an array needs neither."
    if "vectorize(" in text:
        return "f(x), on the whole array, or np.stack([f(v) for v in x]): np.vectorize is a loop."
    if "([" in text or "((" in text:
        return "np.stack([a, b]) in the place of the list [a, b], which NumPy makes plain."
    if "math." in text:
        return "np.sin(x) in the place of math.sin(x), and so on: NumPy's functions are recorded."
    target, equals, _ = text.partition("=")
    if equals and target.rstrip(" +-*/@").endswith("]"):
        return (
            "np.stack([…]) of the parts; or fill np.zeros_like(x), which is recorded where x is, "
            "in the place of a plain np.zeros(…)."
        )
    return ""


def frozen(value: Any) -> Any:
    """Give an array that nobody else writes to: what is kept must stay as it was."""
    return value.copy() if isinstance(value, np.ndarray) and value.flags.writeable else value


def refuse_objects(values: Sequence[Any], primitive: Primitive) -> None:
    """Refuse arrays of anything but numbers."""
    for value in values:
        dtype = getattr(value, "dtype", None)
        if dtype is not None and dtype.kind == "c":
            raise complex_refused(primitive.name, current_line(2))
        if dtype is not None and dtype.kind not in "fiub":
            raise DTypeError(
                f"{primitive.name} of an array of {dtype} cannot be recorded.",
                where=current_line(2),
                why="Only arrays of numbers have a derivative.",
                write="an array of floats: np.asarray(value, dtype=float)",
            )


def complex_refused(what: str, where: str | None) -> DTypeError:
    """Make the error for complex numbers, whose derivatives are not here yet."""
    return DTypeError(
        f"{what} of complex numbers cannot be recorded.",
        where=where,
        why="Derivatives of complex numbers are not here yet, and a wrong one would be worse.",
        write="the real and the imaginary part as two real arrays.",
    )


def _holds_tensor(items: Sequence[Any]) -> bool:
    return any(
        hasattr(type(item), "__clearprop_record__")
        or (isinstance(item, list | tuple) and _holds_tensor(item))
        for item in items
    )


def differentiable(primitive: Primitive, active: int, y: Any) -> int:
    """Drop the operands that have no derivative by nature; refuse those without a rule."""
    if primitive.no_derivative:
        return 0
    for position in range(active.bit_length()):
        if not active >> position & 1 or primitive.rule(position) is not None:
            continue
        if not primitive.is_constant(position):
            raise MissingRuleError(
                f"{primitive.name} has no derivative with respect to its operand {position + 1}.",
                where=current_line(2),
                why="No rule is registered for it, and a gradient is never lost silently.",
                write=f"@{primitive.name}.vjp({primitive.operand_name(position)!r})",
            )
        active &= ~(1 << position)
    if active and primitive.outputs == 1 and y.dtype.kind != "f":
        if y.dtype.kind == "c":
            raise complex_refused(primitive.name, current_line(2))
        raise LostGradientError(
            f"{primitive.name} puts a recorded value into an array of {y.dtype}.",
            where=current_line(2),
            why=f"Numbers of type {y.dtype} have no derivative, so the gradient would be lost.",
            write="an array of floats, such as np.zeros(n) or x.astype(float).",
        )
    return active
