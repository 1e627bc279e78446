"""Tensor: an array that remembers its node, and `record`, which makes it remember.

Ordinary NumPy code reaches us through three doors: operators and methods of Tensor, ufuncs
(NEP 13) and NumPy's other functions (NEP 18). All three end in `record`.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import numpy as np

from clearprop import protocols
from clearprop.array_face import ArrayFace
from clearprop.elements import Elements
from clearprop.errors import OrderError
from clearprop.graph import ABSENT, NO_ATTRIBUTES, Node, ShortNode, Tape, TracedNode, next_index
from clearprop.idioms import IDIOMS
from clearprop.leaving import Leaving, Missing, refuse_setting
from clearprop.operands import (
    PLAIN,
    differentiable,
    form_of,
    frozen,
    lean_node,
    plain_operand,
    refuse_dropping,
    refuse_objects,
    traced_node,
)
from clearprop.places import current_line, here
from clearprop.plumbing import PROJECTION
from clearprop.primitive import BY_FUNCTION, Primitive
from clearprop.rules import shape
from clearprop.views import View, shares_memory


def record(
    primitive: Primitive, operands: Any, attributes: dict[str, Any], in_place: bool = False
) -> Any:
    """Run a primitive on operands of which at least one is a Tensor, and put it on the record.

    With ``in_place`` it may write into its first operand, which nobody else holds; a trace, which
    keeps every value, does not let it.
    """
    values = []
    inputs: list[Node | None] = []
    tape: Tape | None = None
    active = plain = 0
    bit = 1
    for given in operands:
        operand, kind = given, type(given)
        if kind is not Tensor and kind not in PLAIN:
            operand = plain_operand(given, primitive)
            kind = type(operand)
        if kind is Tensor:
            if operand._view is not None:
                operand._view.refresh(operand)
            node = operand._node
            values.append(operand._value)
            if node is not None:
                if node.active:
                    active |= bit
                if node.tape is not None:
                    tape = node.tape
            inputs.append(node)
        else:
            values.append(operand)
            inputs.append(None)
            if kind is np.ndarray:
                plain |= bit
        bit <<= 1
    run = primitive.implementation
    if in_place and tape is None:
        assert primitive.in_place is not None
        run = primitive.in_place
    try:
        y = run(*values, **attributes)
    except TypeError:
        refuse_objects(values, primitive)
        raise
    if type(y) is complex:  # 1j * np.float64(2) is Python's, which knows this one as a float
        y = np.complex128(y)
    elif not primitive.built_in and primitive.outputs == 1 and not hasattr(y, "dtype"):
        y = np.asarray(y)[()]  # a body that computes with math.sin gives Python floats
    if active:
        active = differentiable(primitive, active, inputs, y)
    if tape is None and not active:
        node = None
    elif tape is None:
        node = lean_node(primitive, active, plain, inputs, values, attributes, y)
    else:
        keeps = tape.keeps(primitive)
        kept = tuple(
            frozen(v) if plain >> i & 1 else v if keeps or tape.has_not(source) else None
            for i, (v, source) in enumerate(zip(values, inputs, strict=True))
        )
        shape, dtype = form_of(primitive, y)
        value = y if keeps else None
        form = (primitive, tuple(inputs), kept, attributes, value, shape, dtype)
        if tape.calls is None:
            place, moment = here(2) if tape.has_places else (), None
        else:
            place, moment = tape.calls.look(2)
        node = TracedNode(*form, active=bool(active), tape=tape, place=place, moment=moment)
    if primitive.outputs > 1:
        return tuple(_project(node, y, i) for i in range(primitive.outputs))
    result = Tensor(y, node)
    if primitive.write_back is not None and shares_memory(y, values[0]):
        base = operands[0]
        if type(base) is Tensor:
            result._view = View(base, primitive, tuple(operands[1:]), attributes)
    return result


def record_short(
    a: Any, primitive: Primitive, b: Any = ABSENT, attributes: dict[str, Any] = NO_ATTRIBUTES
) -> Any:
    """Record an operation of one or two operands: what `record` does, by the shortest way.

    Anything out of the ordinary (lists, a missing rule, integers) goes the long way. The node and
    the Tensor are made here, slot by slot: calls would take a fifth of the time.
    """
    x, z = a, b
    left: Node | None = None
    right: Node | None = None
    if type(a) is Tensor:
        if a._view is not None:
            a._view.refresh(a)
        x, left = a._value, a._node
    elif type(a) not in PLAIN:
        return _record_long(a, primitive, b, attributes)
    if type(b) is Tensor:
        if b._view is not None:
            b._view.refresh(b)
        z, right = b._value, b._node
    elif b is not ABSENT and type(b) not in PLAIN:
        if getattr(type(b), "__array_ufunc__", True) is None:
            return NotImplemented  # it answers for itself, as NEP 13 has it: numpy.polynomial does
        return _record_long(a, primitive, b, attributes)
    plan = primitive.plans[(left is not None) + 2 * (right is not None)]
    tape = None if left is None else left.tape
    if right is not None and right.tape is not None:
        tape = right.tape
    if plan is None or (tape is not None and (tape.calls or primitive.instead_of_complex)):
        return _record_long(a, primitive, b, attributes)
    try:
        if b is not ABSENT:
            y = primitive.implementation(x, z)
        elif attributes:
            y = primitive.implementation(x, **attributes)
        else:
            y = primitive.implementation(x)
        dtype = y.dtype
    except (TypeError, AttributeError):  # told apart there
        return _record_long(a, primitive, b, attributes)
    keeps_x, keeps_z, keeps_y, is_constant = plan
    if tape is not None:
        if not (is_constant or dtype.kind in "fc"):
            return _record_long(a, primitive, b, attributes)
        result = Tensor(y, traced_node(primitive, left, right, x, z, y, attributes, tape))
        if primitive.write_back is not None and shares_memory(y, x):
            result._view = View(a, primitive, (), attributes)
        return result
    if is_constant and dtype.kind != "c":
        return Tensor(y)
    if dtype.kind != "f" and (dtype.kind != "c" or primitive.instead_of_complex):
        return _record_long(a, primitive, b, attributes)
    node = ShortNode()
    node.primitive = primitive
    node.left = left
    node.right = right
    if not keeps_x:
        node.first = None
    elif left is None and type(x) is np.ndarray:
        node.first = frozen(x)
    else:
        node.first = x
    if not keeps_z:
        node.second = None
    elif right is None and type(z) is np.ndarray:
        node.second = frozen(z)
    else:
        node.second = z
    node.attributes = attributes
    node.value = y if keeps_y else None
    node.shape = y.shape
    node.dtype = dtype
    node.index = next_index()
    if right is None or (left is not None and left.root < right.root):
        node.root = left.root  # type: ignore[union-attr]  # one of them is recorded
    else:
        node.root = right.root
    result = _new(Tensor)
    result._value = y
    result._node = node
    result._view = None
    result._writes = 0
    result._leaf = None
    if primitive.write_back is not None and shares_memory(y, x):
        result._view = View(a, primitive, (), attributes)
    return result


_new = object.__new__


def _record_long(a: Any, primitive: Primitive, b: Any, attributes: dict[str, Any]) -> Any:
    return record(primitive, (a,) if b is ABSENT else (a, b), attributes)


def _record_call(primitive: Primitive, operands: Any, attributes: dict[str, Any]) -> Any:
    """Record a call of a primitive, by the shortest way where it is a usual one."""
    if len(operands) == 1:
        return record_short(operands[0], primitive, ABSENT, attributes)
    if len(operands) == 2 and not attributes:
        return record_short(operands[0], primitive, operands[1])
    return record(primitive, operands, attributes)


def _project(node: Node | None, y: Any, i: int) -> Tensor:
    part = y[i]
    if node is None:
        return Tensor(part)
    value = part if node.tape is not None and node.tape.keeps(PROJECTION) else None
    form = (PROJECTION, (node,), (None,), {"i": i}, value, part.shape, part.dtype)
    active = node.active and part.dtype.kind in "fc"
    projection = TracedNode(*form, active=active, tape=node.tape, place=node.place)
    return Tensor(part, projection)


class Tensor(Elements, ArrayFace, Leaving):
    """An array that remembers how it was computed.

    It behaves as the NumPy array it holds: operators, methods, indexing and assignment, and
    every ``np.*`` function that has a rule. The plain array is ``.value``.

    Attributes
    ----------
    value : ndarray or NumPy scalar
        The number or array itself.
    grad : ndarray or None
        Filled by ``backward`` on something computed from this leaf; it accumulates until it is
        set to None.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> x = cp.tensor([1.0, 2.0])
    >>> y = np.sum(np.exp(x) * x)
    >>> y.backward()
    >>> print(np.round(x.grad, 4))
    [ 5.4366 22.1672]
    """

    __slots__ = ("__weakref__", "_leaf", "_node", "_value", "_view", "_writes")
    __clearprop_record__ = staticmethod(_record_call)

    def __init__(self, value: Any, node: Node | None = None) -> None:
        self._value = value
        self._node: Node | None = node
        self._view: View | None = None
        self._writes = 0
        self._leaf: Any = None

    @property
    def value(self) -> Any:
        """The plain array or number."""
        if self._view is not None:
            self._view.refresh(self)
        return self._value

    @property
    def node(self) -> Node | None:
        """The node that computed the value; None for a constant."""
        if self._view is not None:
            self._view.refresh(self)
        node: Node | None = self._node
        return node

    @property
    def grad(self) -> Any:
        """The derivative accumulated so far; None before ``backward``, and for what is no leaf."""
        return None if self._leaf is None else self._leaf.grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if self._leaf is None:
            raise OrderError(
                "Only a leaf has a grad that can be set.",
                why="This value was computed from others.",
                write="x = cp.tensor(data); x.grad = None",
            )
        self._leaf.grad = value

    def _record_after(self, primitive: Primitive, other: Any) -> Any:
        return record_short(other, primitive, self)

    _record = record_short
    _run = staticmethod(record)

    # ---- what an array is -------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._value.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """The type of the elements."""
        return self._value.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self._value.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._value.size  # type: ignore[no-any-return]

    def astype(self, dtype: Any, *, copy: bool = True) -> Any:
        """As `numpy.ndarray.astype`; always a recorded copy."""
        if self._value.dtype.kind == "c":
            refuse_dropping(self.dtype, np.dtype(dtype), current_line(1))
        return shape.astype(self, dtype=np.dtype(dtype))

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self._value)))

    def __repr__(self) -> str:
        text = np.array2string(np.asarray(self.value), separator=", ", prefix="Tensor(")
        return f"Tensor({text})"

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, specification: str) -> str:
        return format(self.value, specification)

    def __dir__(self) -> list[str]:
        there = object.__dir__(self)  # what is there only to be refused is not to be proposed
        return [name for name in there if not isinstance(vars(Tensor).get(name), Missing)]

    def __copy__(self) -> Any:
        return np.copy(self)  # recorded, as any other step

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)

    def __reduce__(self) -> Any:
        # The record stays behind; a constant travels.
        return (Tensor, (self.plain("Pickling", "a pickle of the arguments, or of the result"),))

    # ---- NumPy's protocols ---------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if method == "__call__" and not options:
            primitive = BY_FUNCTION.get(ufunc)
            if primitive is not None and len(inputs) == len(primitive.operands) < 3:
                return record_short(inputs[0], primitive, inputs[1] if len(inputs) > 1 else ABSENT)
        if "out" in options:
            options["out"] = tuple(map(_target, options["out"]))
        if method == "at":
            inputs = (_target(inputs[0]), *inputs[1:])
        return protocols.call_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        form = _FORMS.get(function)
        if form is not None and not kwargs and len(args) == 1 and type(args[0]) is Tensor:
            return form(args[0]._value)
        if "out" in kwargs:
            kwargs = {**kwargs, "out": _target(kwargs["out"])}
        if function in _WRITE and args:
            args = (_target(args[0]), *args[1:])
        return protocols.call_function(function, args, kwargs)

    # ---- the imperative face ----------------------------------------------------------------

    def backward(self, dy: Any = None) -> None:
        """Propagate from here to every leaf, adding to their ``grad``.

        Parameters
        ----------
        dy : ndarray, shape of this value, optional
            The cotangent to start from; 1 for a scalar.

        Raises
        ------
        OrderError
            If nothing here was recorded.
        ShapeError
            If this is not a scalar and no ``dy`` is given, or its shape is another one.
        """
        global _accumulate  # noqa: PLW0603 (loaded once)
        if _accumulate is None:  # the sweep runs rules, which may run on Tensors
            from clearprop.sweep import accumulate as _accumulate
        node = self.node
        if node is None or not node.active:
            raise OrderError(
                "backward() on a value that depends on no recorded leaf.",
                where=current_line(1),
                why="Only what is computed from cp.tensor(…) of real numbers has a derivative.",
                write="x = cp.tensor([1.0, 2.0]) before the computation.",
            )
        _accumulate(self, dy)


refuse_setting(Tensor)
for _name in (*dir(np.ndarray), *IDIOMS["A recorded value"]):
    if not _name.startswith("__") and not hasattr(Tensor, _name):
        setattr(Tensor, _name, Missing(_name))


_accumulate: Any = None

#: What rules and compositions ask for again and again, by the shortest way.
_FORMS = {np.shape: attrgetter("shape"), np.ndim: attrgetter("ndim")}

#: NumPy's functions that write into their first argument.
_WRITE = {np.put, np.place, np.putmask, np.copyto, np.put_along_axis, np.fill_diagonal}


def _target(array: Any) -> Any:
    """Give what can take a recorded value: a buffer that was plain becomes recorded."""
    return getattr(array, "__clearprop_tensor__", array)
