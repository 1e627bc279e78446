r"""The registry: what an operation computes, how its derivative flows, what kind it is.

A primitive is written once::

    @primitive(np.tanh, latex=r"\tanh x", domain=(-3, 3))
    def tanh(x):
        return np.tanh(x)

    @tanh.vjp("x", latex=r"\bar y\,(1 - y^2)")
    def _(dy, y):
        return dy * (1 - y * y)

The parameters of the function are its operands; keyword-only parameters are attributes.
The parameters of a rule name exactly what must be kept for the backward pass:

=============  ==========================================================================
``dy``         the cotangent of the output (a tuple of them where there are several outputs)
``y``          the output (a tuple where there are several)
an operand     its value, under the operand's own name
``x_shape``    the shape of operand ``x``; its value is not kept for that
an attribute   keyword-only, under its own name
``position``   keyword-only: which of a variable number of operands the rule is for
=============  ==========================================================================

An operand written ``*arrays`` stands for any number of operands; ``arrays`` and
``arrays_shape`` are then tuples. A rule returns the gradient of its operand; it need not
undo broadcasting and need not repair dtypes: the sweep does both.
"""

from __future__ import annotations

import importlib
import inspect
import operator
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from clearprop.errors import ClearpropError
from clearprop.kinds import ELEMENTWISE, OPAQUE, Composite, Kind
from clearprop.legible import legible_name
from clearprop.rule import Rule, parameters_of

#: np.* function → primitive; the one table through which plain NumPy calls are recorded.
BY_FUNCTION: dict[Any, Primitive] = {}

#: np.* function → the same function written with others that have rules: it needs none itself.
COMPOSITIONS: dict[Any, Callable[..., Any]] = {}

#: Every primitive by its name, in the order of registration.
PRIMITIVES: dict[str, Primitive] = {}

#: Dotted names of functions of packages that are not imported until the user does.
_BY_DOTTED_NAME: dict[str, Primitive] = {}

#: Package → the module that registers its primitives, imported when the user has that package.
WITH_PACKAGE: dict[str, str] = {}
#: On NumPy's scalars Python's operators are ten times faster than the ufuncs, and do the same.
_OPERATORS: dict[Any, Callable[..., Any]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.negative: operator.neg,
    np.matmul: operator.matmul,
}


class Case:
    """One example call of a primitive: what its tests, its docs row and its agreement run on.

    Parameters
    ----------
    *operands
        A tuple is the shape of a random array drawn from the operand's domain; anything else
        is the operand itself.
    **attributes
        The keyword arguments of the call.
    """

    __slots__ = ("attributes", "operands")

    def __init__(self, *operands: Any, **attributes: Any) -> None:
        self.operands = operands
        self.attributes = attributes


#: What is kept of an operation of one or two operands for the rules of those that move: whether the
#: first, the second, the output; and whether there is no derivative, so that nothing is kept.
Plan = tuple[bool, bool, bool, bool]


class Primitive:
    """An operation with a derivative (or with a stated reason for having none).

    Calling it runs the operation, and records it where an operand is recorded.

    Attributes
    ----------
    name : str
    function : callable
        The body: NumPy text that every reader can use.
    implementation : callable
        What the interpreter runs: the NumPy ufunc itself where there is one, else the body.
    operands : tuple of str
    variadic : bool
        Whether the last operand stands for any number of them.
    attributes : dict
        Keyword-only parameters and their defaults.
    outputs : int
        The number of outputs; 1 is a plain array, more is a tuple.
    kind : Kind
        How the compiler reads it.
    rules : dict of int to Rule
        By operand position.
    no_derivative : str
        Why there is none; empty where there is one.
    instead_of_complex : str
        What to write where NumPy takes complex numbers and the rules hold for real ones alone;
        empty where they hold for both.
    constants : tuple of str
        Operands without a derivative, such as the condition of ``where``.
    refused : dict of str to str
        Operands whose derivative is not known here, with the reason: asking for it is an error.
    write_back : callable or None
        For what NumPy makes a view: how a new value of the view changes its base.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        numpy: Any = None,
        *,
        name: str | None = None,
        kind: Kind | None = None,
        outputs: int = 1,
        constants: Sequence[str] = (),
        no_derivative: str = "",
        refused: Mapping[str, str] = {},
        instead_of_complex: str = "",
        symbol: str | None = None,
        latex: str = "",
        domain: Any = (-2.0, 2.0),
        cases: Sequence[Case] = (),
        implementation: Callable[..., Any] | None = None,
    ) -> None:
        self.function = function
        self.name = legible_name(name or function.__name__.strip("_"))
        self.operands, keywords, self.variadic = parameters_of(function)
        if {"y", "dy"} & set(self.operands):
            raise ClearpropError(
                f"{self.name} has an operand called y or dy: {list(self.operands)}.",
                why="In a rule y is the output, and dy its cotangent.",
                write="def f(x1, x2): …",
            )
        defaults = function.__kwdefaults__ or {}
        self.attributes = {key: defaults.get(key, inspect.Parameter.empty) for key in keywords}
        self.numpy = numpy
        is_ufunc = isinstance(numpy, np.ufunc)
        by_operator = _OPERATORS.get(numpy) if is_ufunc else None
        own = implementation or function
        self.implementation: Callable[..., Any] = by_operator or numpy if is_ufunc else own
        self.kind = kind or (ELEMENTWISE if is_ufunc else OPAQUE)
        self.is_composite = isinstance(self.kind, Composite)
        self.outputs = outputs
        self.constants = tuple(constants)
        self.no_derivative = no_derivative
        self.refused = dict(refused)
        self.instead_of_complex = instead_of_complex
        self.symbol = symbol or self.name
        self.latex = latex
        self.domain = domain
        self.cases = tuple(cases)
        self.built_in = function.__module__.startswith("clearprop.")
        self.rules: dict[int, Rule] = {}
        self._kept: dict[tuple[int, int], tuple[frozenset[int], bool, frozenset[int]]] = {}
        self.write_back: Callable[..., Any] | None = None
        #: the body where it may write into its first operand, which nobody else holds
        self.in_place: Callable[..., Any] | None = None
        self.overwrites: tuple[int, ...] = ()  # the operands whose rules have such a form for dy
        #: what to keep where no operand is active, the first is, the second is, or both are
        self.plans: list[Plan | None] = self._plans()
        self.__doc__ = function.__doc__
        self.__name__ = self.name

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameters of the body, for whoever asks a callable for its signature."""
        return inspect.signature(self.function)

    def vjp(self, *operands: str, latex: str = "") -> Callable[[Callable[..., Any]], Any]:
        """Register the rule for one or more operands, by name."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            for operand in operands:
                if operand not in self.operands:
                    raise ClearpropError(
                        f"{self.name} has no operand {operand!r}; it has {list(self.operands)}."
                    )
                self.rules[self.operands.index(operand)] = Rule(function, self, latex)
            self._kept.clear()
            self.plans = self._plans()
            return function

        return register

    def into(self, operand: str) -> Callable[[Callable[..., Any]], Any]:
        """Say how the rule of an operand adds to a total in place: ``(total, dy, …)``.

        Where a gradient is 0 nearly everywhere, the sweep so spares an array of zeros.
        """

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.rules[self.operands.index(operand)].into = function
            return function

        return register

    def over(self, operand: str) -> Callable[[Callable[..., Any]], Any]:
        """Say how the rule of an operand changes a ``dy`` in place that nobody else holds."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.rules[self.operands.index(operand)].over = function
            self.overwrites = (*self.overwrites, self.operands.index(operand))
            return function

        return register

    @cache  # noqa: B019 (primitives live as long as the program)
    def overwriting_last(self, count: int) -> tuple[int, ...]:
        """Give the positions of operands, those whose rule overwrites dy after all others."""
        return tuple(sorted(range(count), key=lambda i: (i in self.overwrites, i)))

    def view(self, write_back: Callable[..., Any]) -> Callable[..., Any]:
        """Say that NumPy makes a view here, and how writing to the view changes the base."""
        self.write_back = write_back
        self.plans = self._plans()
        return write_back

    def operand_name(self, position: int) -> str:
        """Give the name of the operand at a position; all variable operands share one."""
        return self.operands[min(position, len(self.operands) - 1)]

    def rule(self, position: int) -> Rule | None:
        """Give the rule for the operand at a position; all variable operands share one."""
        if self.variadic and position >= len(self.operands):
            position = len(self.operands) - 1
        return self.rules.get(position)

    def is_refused(self, position: int) -> bool:
        """Whether the derivative for the operand at a position is not known here."""
        return self.operand_name(position) in self.refused

    def is_constant(self, position: int) -> bool:
        """Whether the operand at a position has no derivative by nature."""
        return self.operand_name(position) in self.constants

    def kept(self, active: int, count: int) -> tuple[frozenset[int], bool, frozenset[int]]:
        """Say what the rules of the active operands (a bit mask) need kept.

        Returns the positions of operands, whether the output, and the positions of operands of
        which only the shape is needed.
        """
        key = (active, count)
        found = self._kept.get(key)
        if found is None:
            needs: dict[str, set[int]] = {"y": set(), "operand": set(), "shape": set()}
            for position in range(count):
                rule = self.rule(position)
                if active >> position & 1 and rule is not None:
                    for need, operand in rule.needs:
                        needs[need].update(self.span(operand, count))
            found = self._kept[key] = (
                frozenset(needs["operand"]),
                bool(needs["y"]),
                frozenset(needs["shape"] - needs["operand"]),
            )
        return found

    def _plans(self) -> list[Plan | None]:
        """Plan the shortest way of recording one or two operands; None where it is too short."""
        plans: list[Plan | None] = [None] * 4
        count = len(self.operands)
        if count > 2 or self.variadic or self.outputs > 1 or not self.built_in:
            return plans
        if self.write_back is not None and count > 1:
            return plans
        for active in range(1, 2**count):
            needed = {i for i in range(count) if active >> i & 1}
            positions, output, shapes = self.kept(active, count)
            if self.no_derivative:
                plans[active] = (False, False, False, True)
            elif needed <= self.rules.keys() and shapes <= needed:
                # Where there is no second operand, it is said in its place.
                plans[active] = (0 in positions, count == 1 or 1 in positions, output, False)
        return plans

    def span(self, operand: int, count: int) -> range:
        """Give the positions that a named operand covers among ``count`` given ones."""
        if self.variadic and operand == len(self.operands) - 1:
            return range(operand, count)
        return range(operand, operand + 1)

    def __call__(self, *operands: Any, **attributes: Any) -> Any:
        """Run the operation; an operand that is recorded records it."""
        for operand in operands:
            recorder = getattr(type(operand), "__clearprop_record__", None)
            if recorder is not None:
                return recorder(self, operands, attributes)
        return self.implementation(*operands, **attributes)

    def __repr__(self) -> str:
        return f"<primitive {self.name}({', '.join([*self.operands, *self.attributes])})>"


def primitive(numpy: Any = None, /, **options: Any) -> Any:
    r"""Register an operation, and its derivative with ``.vjp``.

    Parameters
    ----------
    numpy : NumPy function or ufunc, or dotted name, or sequence of them, optional
        The plain functions that are to be recorded as this primitive. A dotted name such as
        ``"scipy.special.erf"`` is looked up once the user has imported the package.
    **options
        ``kind`` (how the compiler reads it; a ufunc is elementwise), ``outputs``, ``constants``
        (operands without a derivative), ``refused`` (operands whose derivative is asked for in
        vain, and why), ``no_derivative`` (the reason, where there is none at all),
        ``instead_of_complex`` (the line to write where complex numbers are refused),
        ``symbol`` (its label in pictures), ``latex``, ``domain`` (an interval, or one an
        operand, from which its tests draw), ``cases`` (example calls), ``implementation`` (what
        the interpreter runs in the place of the body, to the same bits).

    Returns
    -------
    Primitive
        To be called as the function would be, and to hang rules on.

    Raises
    ------
    ClearpropError
        If a rule asks for something that the operation does not have.

    Examples
    --------
    >>> import numpy as np, clearprop as cp
    >>> @cp.primitive
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.vjp("x")
    ... def _(dy, x):
    ...     return dy * 3 * x * x
    >>> print(cp.grad(cube)(2.0))
    12.0
    """
    if inspect.isfunction(numpy):  # @primitive without parentheses
        return Primitive(numpy)

    names = list(numpy) if isinstance(numpy, list | tuple) else [numpy]

    def register(function: Callable[..., Any]) -> Primitive:
        made = Primitive(function, names[0], **options)
        for name in names:
            if isinstance(name, str):  # the user's stays, where ours comes later
                _BY_DOTTED_NAME[name] = _BY_DOTTED_NAME.get(name, made) if made.built_in else made
            elif name is not None:
                BY_FUNCTION[name] = made
        if made.built_in:
            PRIMITIVES[made.name] = made
        return made

    return register


def composition(numpy: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say what a NumPy function is in terms of others: its derivative follows from theirs."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        COMPOSITIONS[numpy] = function
        return function

    return register


def primitive_for(function: Any) -> Primitive | None:
    """Look up the primitive of a plain function; packages loaded meanwhile count."""
    found: Primitive | None = BY_FUNCTION.get(function)
    if found is None:
        for package, home in WITH_PACKAGE.items():
            if package in sys.modules:
                importlib.import_module(home)
        for dotted, candidate in _BY_DOTTED_NAME.items():
            module, _, attribute = dotted.rpartition(".")
            loaded: Any = getattr(sys.modules.get(module), attribute, None)
            if loaded is not None and loaded is function:
                BY_FUNCTION[function] = found = candidate
                if not isinstance(candidate.numpy, np.ufunc):
                    candidate.implementation = loaded  # machine code, where the body is only text
                break
    return found
