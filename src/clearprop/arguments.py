"""Which arguments a derivative is with respect to: found in a call, made leaves, put in place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from operator import index
from typing import Any

import numpy as np

from clearprop.buffers import unwrapped
from clearprop.errors import DTypeError, ShapeError, UnknownNameError
from clearprop.explain.watching import name_leaves, new_tape
from clearprop.graph import Tape, next_index, open_derivatives
from clearprop.guarding import call_user_function
from clearprop.idioms import is_called
from clearprop.leaves import alias, dtype_of_numbers, is_real, leaf, real
from clearprop.legible import legible_name
from clearprop.places import current_line
from clearprop.tensor import Tensor
from clearprop.trees import tree_leaves, tree_map, tree_values

Function = Callable[..., Any]
Argnums = int | str | Sequence[int | str]


class Arguments:
    """What ``argnums`` asks for: read when a derivative is made, looked up at each of its calls.

    Parameters
    ----------
    f : callable
        The function to differentiate.
    argnums : int, str, or sequence of them
        Positions (negative ones count from the last that is given) and names of parameters.

    Attributes
    ----------
    single : bool
        Whether the caller wants one result, not a tuple of them.

    Raises
    ------
    DTypeError
        If ``f`` is no function, or ``argnums`` holds anything but positions and names.
    """

    def __init__(self, f: Function, argnums: Argnums) -> None:
        check_callable(f)
        self.f = f
        self.argnums = argnums
        self.single = isinstance(argnums, str) or hasattr(argnums, "__index__")
        self.wanted = _read(argnums, self.single)
        #: The places themselves, where they are plain positions, and how many must be given.
        self._fixed: tuple[int, ...] | None = None
        positions = [n for n in self.wanted if isinstance(n, int) and n >= 0]
        if len(set(positions)) == len(self.wanted):
            self._fixed = tuple(positions)
        self._least = max(positions, default=-1) + 1

    def places(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[int | str, ...]:
        """Find the arguments in a call: each a position, or the key it was given by.

        Raises
        ------
        ShapeError
            If an argument was not given, or is asked for twice.
        UnknownNameError
            If the function has no parameter of a name.
        """
        if self._fixed is not None and len(args) >= self._least:
            return self._fixed
        found = tuple(self._place(wanted, len(args), kwargs) for wanted in self.wanted)
        if len(set(found)) < len(found):
            raise ShapeError(
                f"argnums is {self.argnums!r}; two of them are one argument.",
                where=current_line(2),
                why="It asks for each argument once.",
                write="argnums=(0, 1), each position or name once.",
            )
        return found

    def values(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Any]:
        """Give the arguments that were asked for, in the order of ``argnums``."""
        return [_at(place, args, kwargs) for place in self.places(args, kwargs)]

    def replaced(
        self, args: Sequence[Any], kwargs: dict[str, Any], values: Sequence[Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Give the arguments of the call with other values for those that were asked for."""
        return _put(self.places(args, kwargs), args, kwargs, values)

    def result(self, parts: Sequence[Any]) -> Any:
        """Give one part for each argument as the caller wants them: one, or a tuple."""
        return parts[0] if self.single else tuple(parts)

    def leaves(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Leaves:
        """Make a leaf of every number and array of the arguments that were asked for.

        Raises
        ------
        DTypeError
            If one of them holds no real numbers.
        """
        places = self.places(args, kwargs)
        for value in args:
            _bring_up_to_date(value)
        for value in kwargs.values():
            _bring_up_to_date(value)
        start = next_index()
        tape = new_tape(keep=False)
        dtype: Any = None  # of Python numbers
        flat: list[Tensor] = []
        made, nodes = [], []
        for place in places:
            value = kwargs[place] if isinstance(place, str) else args[place]
            if type(value) in (float, int):
                dtype = dtype or self._dtype(args, kwargs)
                value = dtype(value)
            if is_real(value):
                part = leaf(value, tape)
                flat.append(part)
                made.append(part)
                nodes.append(part._node)
            else:
                part = self._tree_of_leaves(place, value, (args, kwargs), tape, flat)
                made.append(part)
                nodes.append(part._node if type(part) is Tensor else tree_map(_node_of, part))
        if tape is not None:
            for place, part in zip(places, made, strict=True):
                name_leaves(part, self._name(place))
        given, named = _put(places, args, kwargs, made)
        return Leaves(start, given, named, nodes, flat)

    def _tree_of_leaves(
        self,
        place: int | str,
        tree: Any,
        call: tuple[Sequence[Any], dict[str, Any]],
        tape: Tape | None,
        flat: list[Tensor],
    ) -> Any:
        dtype: Any = None

        def one(value: Any) -> Tensor:
            nonlocal dtype
            if not is_real(value):
                value = unwrapped(value)
                if isinstance(value, Tensor):
                    if value.node is not None:
                        return alias(value, tape)
                    value = value.value
                dtype = dtype or self._dtype(*call)
                value = real(value, lambda: self._described(place, tree, value), dtype)
            made = leaf(value, tape)
            flat.append(made)
            return made

        return tree_map(one, tree)

    @staticmethod
    def _dtype(args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        return dtype_of_numbers((*args, *kwargs.values())).type

    def _name(self, place: int | str) -> str:
        return place if isinstance(place, str) else argument_names(self.f, place + 1)[place]

    def _described(self, place: int | str, tree: Any, value: Any) -> str:
        which = f"{place + 1}" if isinstance(place, int) else repr(place)
        what = f"Argument {which} of {name_of_function(self.f)}"
        if value is tree:
            return what
        name = self._name(place)
        parts = [part for part, found in tree_leaves(tree, name) if found is value]
        return f"{what}: {parts[0]}" if parts else what

    # ---- positions and names -------------------------------------------------------------

    def _place(self, wanted: int | str, count: int, kwargs: dict[str, Any]) -> int | str:
        if isinstance(wanted, str):
            return self._place_of_name(wanted, count, kwargs)
        if -count <= wanted < count:
            return wanted % count
        if 0 <= wanted < len(self._positional) and self._positional[wanted] in kwargs:
            return self._positional[wanted]
        raise ShapeError(
            f"argnums is {self.argnums!r}; {name_of_function(self.f)} was called with "
            f"{count} positional arguments.",
            where=current_line(3),
            why="A position counts the arguments from 0, and each must be given.",
            write=f"argnums=0 up to {count - 1}; or the name of a parameter: argnums='x'."
            if count
            else "cp.grad(f)(x), with the argument in the call.",
        )

    def _place_of_name(self, name: str, count: int, kwargs: dict[str, Any]) -> int | str:
        if name in kwargs:
            return name
        if name in self._positional:
            position = self._positional.index(name)
            if position < count:
                return position
        known = self._parameters
        if name in known and known[name].kind not in _VARIADIC:
            raise ShapeError(
                f"argnums is {self.argnums!r}; {name_of_function(self.f)} was called "
                f"without {name}.",
                where=current_line(3),
                why="A derivative is taken at a value, and a default is none that was given.",
                write=f"{name}=… in the call.",
            )
        names = [n for n, parameter in known.items() if parameter.kind not in _VARIADIC]
        raise UnknownNameError(
            f"{name_of_function(self.f)} has no parameter {name!r}.",
            where=current_line(3),
            why=f"Its parameters are {names}."
            if known
            else "It says nothing about the names of its parameters.",
            write="argnums= the name of one, or its position, counted from 0.",
        )

    @cached_property
    def _parameters(self) -> dict[str, inspect.Parameter]:
        return parameters_of_function(self.f)

    @cached_property
    def _positional(self) -> list[str]:
        """List the parameters that may be given by position, and have a name in a call."""
        return [n for n, p in self._parameters.items() if p.kind in _POSITIONAL]


class Leaves:
    """The arguments of one call, with leaves for those to differentiate with respect to.

    Attributes
    ----------
    start : int
        The number at which this derivative begins: nodes with smaller ones are not its own.
    args, kwargs : list, dict
        What to call the function with.
    nodes : list
        For each argument that was asked for the nodes of its leaves, nested as it is. They are
        remembered here because the function may write to its arguments: the Tensor then is a new
        version, and the gradient is still that with respect to what came in.
    """

    __slots__ = ("_live", "args", "kwargs", "nodes", "start")

    def __init__(
        self,
        start: int,
        args: Any,
        kwargs: dict[str, Any],
        nodes: list[Any],
        made: Sequence[Tensor] = (),
    ) -> None:
        self.start = start
        self.args = args
        self.kwargs = kwargs
        self.nodes = nodes
        self._live = [part._leaf for part in made if part._leaf is not None]

    def call(self, f: Function) -> Any:
        """Call the user's function; meanwhile no ``backward()`` may end at its leaves."""
        for node in self._live:
            node.live = True
        open_derivatives.count += 1
        try:
            return call_user_function(f, *self.args, **self.kwargs)
        finally:
            open_derivatives.count -= 1
            for node in self._live:
                node.live = False


def _node_of(made: Tensor) -> Any:
    return made._node


_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _read(argnums: Any, single: bool) -> tuple[int | str, ...]:
    try:
        given = (argnums,) if single else tuple(argnums)
        return tuple(n if isinstance(n, str) else index(n) for n in given)
    except TypeError:
        raise DTypeError(
            f"argnums is {argnums!r}.",
            where=current_line(3),
            why="It names parameters, or counts positional arguments from 0.",
            write="argnums=0, argnums='x', or argnums=(0, 'x').",
        ) from None


def _at(place: int | str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    return kwargs[place] if isinstance(place, str) else args[place]


def _put(
    places: Sequence[int | str], args: Sequence[Any], kwargs: dict[str, Any], values: Sequence[Any]
) -> tuple[list[Any], dict[str, Any]]:
    given, named = list(args), kwargs
    for place, value in zip(places, values, strict=True):
        if isinstance(place, str):
            named = {**named, place: value}
        else:
            given[place] = value
    return given, named


def _bring_up_to_date(value: Any) -> None:
    """Let views of what was written to take their new values now, before the numbers go on."""
    if type(value) not in _NEVER_VIEWS and not is_real(value):
        for part in map(unwrapped, tree_values(value)):
            if isinstance(part, Tensor) and part._view is not None:
                part._view.refresh(part)


_NEVER_VIEWS = frozenset([float, int, bool, str, type(None), np.ndarray, np.float64, np.float32])


def check_callable(f: Any) -> None:
    """Refuse to differentiate what is no function.

    Raises
    ------
    DTypeError
    """
    if not is_called(f):
        raise DTypeError(
            f"The function to differentiate is a {type(f).__name__}.",
            where=current_line(2),
            why="A derivative is made from the function, not from its result.",
            write="cp.grad(f)(x), not cp.grad(f(x)).",
        )


def name_of_function(f: Function) -> str:
    """Give the name of a function, for messages, pictures and programs."""
    return legible_name(str(getattr(f, "__name__", type(f).__name__)))


def parameters_of_function(f: Function) -> dict[str, inspect.Parameter]:
    """Give the parameters of a function by name; none where it does not say."""
    try:
        return dict(inspect.signature(f).parameters)
    except (TypeError, ValueError):  # some C functions have no signature
        return {}


def argument_names(f: Function, count: int) -> list[str]:
    """Give the names of the first positional parameters of a function."""
    names: list[str] = []
    for parameter in parameters_of_function(f).values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(count - len(names))]
        elif parameter.kind in _POSITIONAL:
            names.append(parameter.name)
    return [*names, *(f"x{i}" for i in range(len(names), count))][:count]
