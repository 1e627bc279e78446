"""What may stand beside a Tensor in an operation, what is refused, and what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from clearprop.errors import DTypeError, LostGradientError, MissingRuleError
from clearprop.graph import ABSENT, Node, Tape, TracedNode, WideNode, next_index
from clearprop.places import current_line, here
from clearprop.plumbing import is_asked_for
from clearprop.primitive import Primitive

#: Types that need no second look; anything else is turned into an array or refused.
PLAIN = frozenset(
    [
        *(np.ndarray, float, int, bool, complex),
        *(np.float64, np.float32, np.float16, np.int64, np.bool_, np.complex128, np.complex64),
    ]
)


def plain_operand(operand: Any, primitive: Primitive) -> Any:
    """Turn lists into arrays (of Tensors too); refuse what has no derivative, with the reason."""
    if hasattr(type(operand), "__clearprop_record__"):  # a buffer that became recorded
        return operand.__clearprop_tensor__
    if isinstance(operand, list | tuple) and holds_recorded(operand):
        return stacked(operand)
    if isinstance(operand, np.ma.MaskedArray):
        raise DTypeError(
            f"{primitive.name} of a masked array cannot be recorded.",
            where=current_line(2),
            why="What a masked element contributes to a derivative is not defined here.",
            write="np.where(mask, 0.0, array.data)",
        )
    if isinstance(operand, np.matrix):
        raise DTypeError(
            f"{primitive.name} of an np.matrix cannot be recorded.",
            where=current_line(2),
            why="Its * is a matrix product and its ** a power of matrices; what is computed from "
            "a recorded value is an array, for which they are not.",
            write="np.asarray(M) @ x, or np.asarray(M) * x for products of elements.",
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
    if isinstance(value, list | tuple) and holds_recorded(value):
        return np.stack([stacked(part) for part in value])
    return value


def writes_by_index(line: str | None) -> bool:
    """Whether a line of code assigns to an element of something."""
    return re.search(r"\]\s*(\*\*|//|[-+*/@%|&^])?=(?!=)", line or "") is not None


def converts(line: str | None) -> bool:
    """Whether a line of code asks for a Python number itself."""
    return re.search(r"\b(int|float)\d*\(|\.(item|tolist)\(", line or "") is not None


def instead_of_plain(line: str | None, package: str | None = None) -> str:
    """Guess from the user's line why a recorded value was to become plain, and say what helps."""
    text = line or ""
    by_numpy = any(word in text for word in ("array(", "asanyarray", "np.asarray", "np.array"))
    writes = writes_by_index(line) and not converts(line)
    if package is not None and (by_numpy or writes):
        return f'cp.guard("{package}") before: the arrays that {package} makes are then recorded.'
    if "vectorize(" in text:
        return "f(x), on the whole array, or np.stack([f(v) for v in x]): np.vectorize is a loop."
    if "math." in text:
        return "np.sin(x) in the place of math.sin(x), and so on: NumPy's functions are recorded."
    if "asarray(" in text:
        return "the value as it is: an array already; or np.asarray by a name of the module."
    if "np.array(" in text:
        return "np.stack([a, b]) in the place of np.array([a, b]); an array needs neither."
    if "([" in text or "((" in text:
        return "np.stack([a, b]) in the place of the list [a, b], which NumPy makes plain."
    if writes:
        return (
            "y = np.array(y), or np.zeros(…), inside the function, by a name of its module: such "
            "an array takes recorded values; or np.stack([…]) of the parts."
        )
    return ""


def frozen(value: Any) -> Any:
    """Give an array that nobody else writes to: what is kept must stay as it was."""
    at = value if isinstance(value, np.ndarray) else None
    while at is not None:  # a read-only view may show what can be written to
        if isinstance(at, np.ndarray) and at.flags.writeable:
            return value.copy()
        at = getattr(at, "base", None)  # sliding windows have a step of their own between
    return value


def refuse_objects(values: Sequence[Any], primitive: Primitive) -> None:
    """Refuse arrays of anything but numbers, and complex ones where the rules are of real ones."""
    for value in values:
        dtype = getattr(value, "dtype", None)
        if primitive.instead_of_complex and dtype is not None and dtype.kind == "c":
            raise complex_refused(primitive)
        if dtype is not None and dtype.kind not in "fiubc":
            raise DTypeError(
                f"{primitive.name} of an array of {dtype} cannot be recorded.",
                where=current_line(2),
                why="Only arrays of numbers have a derivative.",
                write="an array of floats: np.asarray(value, dtype=float)",
            )


def refuse_complex(primitive: Primitive, inputs: list[Node | None], y: Any) -> None:
    """Refuse complex numbers where the rules of a primitive hold for real ones alone."""
    dtypes = [getattr(y, "dtype", None), *(n.dtype for n in inputs if n is not None)]
    if any(getattr(dtype, "kind", "") == "c" for dtype in dtypes):
        raise complex_refused(primitive)


def complex_refused(primitive: Primitive) -> DTypeError:
    """Make the error for complex operands of a primitive whose rules hold for real ones."""
    return DTypeError(
        f"{primitive.name} of complex numbers cannot be recorded.",
        where=current_line(3),
        why="Its rule holds for real numbers, and a wrong derivative would be worse than none.",
        write=primitive.instead_of_complex,
    )


def refuse_dropping(found: Any, wanted: Any, where: str | None) -> None:
    """Refuse to put complex numbers where only real ones fit: the imaginary part would be lost."""
    if getattr(found, "kind", "") == "c" and wanted.kind not in "cb":
        raise DTypeError(
            f"Complex numbers do not fit into an array of {wanted}.",
            where=where,
            why="The imaginary part would be lost, and its gradient with it.",
            write="np.real(z), np.imag(z) or np.abs(z); or np.zeros(n, complex) for the array.",
        )


def holds_recorded(value: Any) -> bool:
    """Whether a value is recorded, or is nested lists with something recorded in them."""
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))  # a long list of numbers has one
        if any(hasattr(kind, "__clearprop_record__") for kind in kinds):
            return True
        return not kinds.isdisjoint((list, tuple)) and any(map(holds_recorded, value))
    return hasattr(type(value), "__clearprop_record__")


def differentiable(primitive: Primitive, active: int, inputs: list[Node | None], y: Any) -> int:
    """Drop the operands that have no derivative by nature; refuse those without a rule."""
    if primitive.instead_of_complex:
        refuse_complex(primitive, inputs, y)
    if primitive.no_derivative:
        return 0
    for position in range(active.bit_length()):
        if not active >> position & 1 or primitive.rule(position) is not None:
            continue
        if not primitive.is_constant(position) and is_asked_for(inputs[position : position + 1]):
            raise _without_rule(primitive, position)
        active &= ~(1 << position)
    if active and primitive.outputs == 1 and y.dtype.kind not in "fc":
        if not is_asked_for(inputs):
            return 0
        raise LostGradientError(
            f"{primitive.name} puts a recorded value into an array of {y.dtype}.",
            where=current_line(2),
            why=f"Numbers of type {y.dtype} have no derivative, so the gradient would be lost.",
            write="an array of floats, such as np.zeros(n) or x.astype(float).",
        )
    return active


def _without_rule(primitive: Primitive, position: int) -> MissingRuleError:
    operand = primitive.operand_name(position)
    refused = primitive.refused.get(operand)
    return MissingRuleError(
        f"{primitive.name} has no derivative with respect to its operand {position + 1}.",
        where=current_line(2),
        why=refused or "No rule is registered for it, and a gradient is never lost silently.",
        write=f"cp.stop_gradient({operand}), where it is to be a constant"
        if refused
        else f"@{primitive.name}.vjp({operand!r})",
    )


def form_of(primitive: Primitive, y: Any) -> tuple[Any, Any]:
    """Give shape and dtype of a result; tuples of them where there are several outputs."""
    if primitive.outputs > 1:
        return tuple(part.shape for part in y), tuple(part.dtype for part in y)
    return y.shape, y.dtype


def lean_node(
    primitive: Primitive,
    active: int,
    plain: int,
    inputs: list[Node | None],
    values: list[Any],
    attributes: dict[str, Any],
    y: Any,
) -> Node:
    """Make a node that keeps only what the rules of its active operands ask for."""
    positions, output, shapes = primitive.kept(active, len(values))
    kept = tuple(
        (frozen(v) if plain >> i & 1 else v)
        if i in positions
        # of which only the shape is needed, and no node on the record knows it
        else v
        if i in shapes and inputs[i] is None
        else None
        for i, v in enumerate(values)
    )
    sources = tuple(n if active >> i & 1 or i in shapes else None for i, n in enumerate(inputs))
    shape, dtype = form_of(primitive, y)
    return WideNode(primitive, sources, kept, attributes, y if output else None, shape, dtype)


_new = object.__new__


def traced_node(
    primitive: Primitive,
    left: Node | None,
    right: Node | None,
    x: Any,
    z: Any,
    y: Any,
    attributes: dict[str, Any],
    tape: Tape,
) -> Node:
    """Put an operation of one or two operands on a tape, slot by slot: a program has so many."""
    keeps = tape.keeps(primitive)
    if left is None:
        x = frozen(x) if type(x) is np.ndarray else x
    elif not keeps and left.tape is tape:
        x = None
    node: TracedNode = _new(TracedNode)
    if z is ABSENT:
        node.inputs, node.operands = (left,), (x,)
    else:
        if right is None:
            z = frozen(z) if type(z) is np.ndarray else z
        elif not keeps and right.tape is tape:
            z = None
        node.inputs, node.operands = (left, right), (x, z)
    node.primitive = primitive
    node.attributes = attributes
    node.value = y if keeps else None
    node.shape = y.shape
    node.dtype = y.dtype
    node.active = not primitive.no_derivative and (
        (left is not None and left.active) or (right is not None and right.active)
    )
    node.is_inner = False
    node.label = ""
    node.moment = None
    node.place = here(3) if tape.has_places else ()
    node.stage = tape.stage
    node.tape = tape
    node.index = node.root = next_index()
    if left is not None and left.root < node.root:
        node.root = left.root
    if right is not None and right.root < node.root:
        node.root = right.root
    tape.nodes.append(node)
    return node
