"""A compiled function: traced for the shapes it meets, cut into pieces, run."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from types import MethodType
from typing import Any

import numpy as np

from clearprop.buffers import Buffer, Recorded, unwrapped
from clearprop.compile.memory import give_back, seldom_collected
from clearprop.compile.program import Program
from clearprop.compile.steps import Steps
from clearprop.errors import ClearpropError, DTypeError, MissingExtraError, ShapeError
from clearprop.extras import require
from clearprop.places import current_line
from clearprop.staged.two_runs import staged
from clearprop.tensor import Tensor
from clearprop.trees import flattened, structure, tree_leaves, tree_map, tree_values

_LOG = logging.getLogger("clearprop.compile")
_MOST_PROGRAMS = 64  # kept by one function; what has not been called for longest goes
_SIGNATURES = {  # of NumPy's numbers: a net written with scalars has thousands of them
    np.dtype(code).type: ((), np.dtype(code)) for code in "?bhilqBHILQefdg"
}


class Compiled:
    """What `cp.compile` gives: call it as the function it was made from."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._programs: OrderedDict[Any, Program | None] = OrderedDict()
        self._last: Program | None = None

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Give the method of an instance, which is a constant of its programs."""
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the machine code; trace and compile first where these shapes are new."""
        leaves, nesting = flattened(args)
        named, nesting_of_named = flattened(kwargs)
        if _is_recorded((*leaves, *named)):  # the record must see it
            if any(type(leaf) is Recorded for leaf in (*leaves, *named)):
                args, kwargs = unwrapped((args, kwargs))
            return self._f(*args, **kwargs)
        values = [_plain(leaf) for leaf in leaves]
        constants = tuple(map(_constant, named))
        key = nesting, nesting_of_named, tuple(map(_signature, values)), constants
        program = self._program(key, lambda: (tree_map(_plain, args), kwargs))
        return self._f(*args, **kwargs) if program is None else program(_arrays(values))

    def scan(self, carry: Any, xs: Any, *constants: Any) -> tuple[Any, Any]:
        """Run a step again and again, without Python between the steps.

        The function is one step, ``f(carry, x, *constants) -> (carry, y)``.

        Parameters
        ----------
        carry : array, or nested arrays
            What a step hands on to the next, such as parameters and the state of an optimiser.
        xs : array, or nested arrays
            With a leading axis: ``x`` of step ``i`` is ``xs[i]``.
        *constants
            The same in every step, such as all the samples, of which ``x`` says the numbers.

        Returns
        -------
        carry
            After the last step: new arrays, in the nesting they came in.
        ys
            What the steps gave besides, with a leading axis. Of no steps it is empty; its shape is
            seen by running the step on zeros, without warnings.

        Raises
        ------
        ShapeError
            If ``xs`` has no leading axis, or several lengths of it, or a step hands on something
            of another shape or dtype than it was given; or there are no steps, and the step does
            not run on zeros.

        Examples
        --------
        >>> import numpy as np, clearprop as cp
        >>> def step(w, x):
        ...     loss, slope = cp.value_and_grad(lambda w: np.sum((w - x) ** 2))(w)
        ...     return w - 0.25 * slope, loss
        >>> w, losses = cp.compile(step).scan(np.zeros(2), np.ones((3, 2)))
        >>> w, losses
        (array([0.875, 0.875]), array([2.   , 0.5  , 0.125]))
        """
        before, nesting = flattened((carry,))  # in a tuple None holds no numbers
        whole, nesting_of_xs = flattened(xs)
        others, nesting_of_others = flattened(constants)
        if _is_recorded((*before, *whole, *others)):  # the record must see each step
            carry, xs, constants = unwrapped((carry, xs, constants))
            xs = tree_map(_recorded, xs)
            return _one_by_one(self._f, carry, xs, constants, _steps_of(xs))
        steps = _steps_of(xs)
        before, whole = [_data(v) for v in before], [_data(x) for x in whole]
        others = [_plain(v) for v in others]
        first = [_plain(x[0]) if steps else np.zeros(x.shape[1:], x.dtype) for x in whole]
        values = [*before, *first, *others]
        kind, *parts = nesting_of_others
        key = (kind, nesting, nesting_of_xs, *parts), (dict, ()), tuple(map(_signature, values)), ()

        def put(leaves: list[Any], tree: Any) -> Any:
            given = iter(leaves)
            return tree_map(lambda _: next(given), (tree,))[0]

        def given() -> tuple[Any, Any]:
            return (put(before, carry), put(first, xs), *put(others, constants)), {}

        with contextlib.nullcontext() if steps else _on_zeros():
            program = self._program(key, given)
        if program is not None and program.steps is None:
            _check_pair(program.result, put(before, carry))
            program.steps = Steps(program, len(before), len(whole))
        loop = None if program is None or not all(map(_is_array, whole)) else program.steps
        if program is None or loop is None or not loop.fit:
            seen = None if program is None else program.result
            return _one_by_one(self, put(before, carry), put(whole, xs), constants, steps, seen)
        new, ys = put(loop.run(steps, [*before, *whole, *_arrays(others)]), program.result)
        return new, ys

    def _compiled(self, plain: Any, kwargs: Any) -> Program | None:
        before = time.perf_counter()
        with seldom_collected():
            graph = staged(self._f, plain, kwargs, is_compiled=True)
            give_back()
            program = Program.of(graph) if has_machine_code() else None
        give_back()
        shapes = [f"{name} {np.shape(value)}" for name, value in tree_leaves(plain, "args")]
        name = getattr(self._f, "__name__", "function")
        took = time.perf_counter() - before
        _LOG.info("%s: compiled in %.2f s for %s", name, took, ", ".join(shapes[:20]))
        return program

    def _program(self, key: Any, given: Callable[[], tuple[Any, Any]]) -> Program | None:
        """Give the program for these arguments, which ``given`` gives; None without machine code.

        What cannot be compiled is refused as well.
        """
        try:
            is_known = key in self._programs
        except TypeError:
            raise _refused(*given()) from None
        program = self._programs.get(key)
        if not is_known:
            plain, kwargs = given()
            _refuse_iterators(plain, kwargs)
            program = self._programs[key] = self._compiled(plain, kwargs)
            while len(self._programs) > _MOST_PROGRAMS:
                self._programs.popitem(last=False)
        elif program is not self._last:
            with contextlib.suppress(KeyError):  # another thread may have dropped it just now
                self._programs.move_to_end(key)
        self._last = program
        return program

    @property
    def source(self) -> str:
        """The loops as Python text, which does what the machine code does (of the latest call)."""
        return "" if self._last is None else self._last.source

    @property
    def plan(self) -> str:
        """What is done when: phases, how they are cut, memory and time (of the latest call)."""
        return "" if self._last is None else self._last.plan_text


@functools.cache
def has_machine_code() -> bool:
    """Whether LLVM is there; where it is not, that is said once."""
    try:
        require("llvmlite.binding", "train", "makes machine code", who="cp.compile")
    except MissingExtraError as error:
        warnings.warn(f"{error}\nThe function runs in NumPy.", RuntimeWarning, stacklevel=4)
        return False
    return True


def _one_by_one(
    step: Any, carry: Any, xs: Any, constants: Any, steps: int, seen: Any = None
) -> tuple[Any, Any]:
    """Run the steps one by one: they hold NumPy calls, hand on what they were given, are recorded.

    Whatever is nested stands in a tuple, where None holds no numbers. ``seen`` is what a step
    gives, as far as its shapes, where that is known.
    """
    made = []
    for i in range(steps):
        result = step(carry, tree_map(lambda x, i=i: x[i], xs), *constants)
        _check_pair(result, carry, depth=4)
        carry, y = result
        made.append(list(tree_values((y,))))
    if not made:
        if seen is None:
            first = tree_map(lambda x: np.zeros(x.shape[1:], x.dtype), xs)
            with _on_zeros():
                seen = step(carry, first, *constants)
            _check_pair(seen, carry, depth=4)
        _, y = seen
        empty = tree_map(lambda p: np.empty((0, *np.shape(p)), _described("", p)[2]), (y,))[0]
        own = tree_map(lambda p: p if isinstance(p, Tensor) else np.array(p)[()], (carry,))[0]
        return own, empty
    columns = iter(zip(*made, strict=True))
    return carry, tree_map(lambda _: np.stack(next(columns)), (y,))[0]


@contextlib.contextmanager
def _on_zeros() -> Iterator[None]:
    """Run a step for its shapes alone: that it does not like zeros is no news of the numbers.

    Raises
    ------
    ShapeError
        It does not run on them.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except ClearpropError:
        raise
    except Exception as error:
        raise ShapeError(
            "scan: xs has length 0, and what a step gives cannot be seen with zeros: "
            f"{type(error).__name__}: {error}.",
            where=current_line(4),
            why="The shape of ys is that of what one step gives.",
            write="if len(xs): carry, ys = h.scan(carry, xs, …)",
        ) from error


def _is_recorded(leaves: Sequence[Any]) -> bool:
    """Whether these are being differentiated; asked at every call, of the kinds there are first."""
    kinds = set(map(type, leaves))
    if Recorded in kinds:
        return True
    return any(issubclass(kind, Tensor) for kind in kinds) and any(
        isinstance(leaf, Tensor) and leaf.node is not None for leaf in leaves
    )


def _recorded(x: Any) -> Any:
    """Give what a recorded loop goes through: a record stays one."""
    return x if isinstance(x, Tensor) else _data(x)


def _steps_of(xs: Any) -> int:
    """Give the length of the leading axis."""
    leaves = tree_leaves(xs)
    lengths = {np.shape(x)[0] if np.ndim(x) else None for _, x in leaves}
    if len(lengths) != 1 or None in lengths:
        shapes = [f"{name.lstrip('.') or 'xs'} {np.shape(x)}" for name, x in leaves]
        raise ShapeError(
            f"scan: xs has no leading axis of one length: {', '.join(shapes) or 'it is empty'}.",
            where=current_line(3),
            why="x of step i is xs[i].",
            write="h.scan(carry, np.arange(steps), …)",
        )
    return lengths.pop()  # type: ignore[return-value]


def _described(name: str, value: Any) -> tuple[str, tuple[int, ...], Any]:
    """Give name, shape and dtype of a leaf."""
    is_array = hasattr(value, "shape") and hasattr(value, "dtype")
    dtype = value.dtype if is_array else np.asarray(value).dtype
    return name, value.shape if is_array else np.shape(value), dtype


def _check_pair(result: Any, carry: Any, depth: int = 3) -> None:
    """Check the two parts of a step's result: the first has to be as the carry is."""
    is_pair = isinstance(result, tuple) and len(result) == 2
    found, given = ([_described(*leaf) for leaf in tree_leaves(part)]
                    for part in (result[0] if is_pair else (), carry))  # fmt: skip
    if not is_pair or found != given:
        raise ShapeError(
            "scan: the function gives no pair (carry, y)."
            if not is_pair
            else f"scan: the carry comes out as {found}, and went in as {given}.",
            where=current_line(depth),
            why="What a step hands on is what the next one is given.",
            write="def step(carry, x): …; return carry, y",
        )


def _plain(value: Any) -> Any:
    """Give an argument as the compiled pieces read it: native numbers, one after the other."""
    if type(value) in _SIGNATURES:
        return value
    if isinstance(value, Tensor):
        value = value.value
    if _is_array(value):
        return np.asarray(value, value.dtype.newbyteorder("="), order="C")[()]
    return value


def _data(value: Any) -> Any:
    """Give what a loop hands on or goes through, where a number is data as well."""
    if type(value) is range:
        return np.arange(value.start, value.stop, value.step)
    return np.asarray(value) if type(value) in (bool, int, float) else _plain(value)


def _arrays(values: list[Any]) -> list[Any]:
    """Give the data among arguments."""
    return [np.asarray(v) for v in values if type(v) is float or _is_array(v)]


def _is_array(value: Any) -> bool:
    if type(value) in _SIGNATURES:
        return True
    if type(value) is np.ndarray:
        return value.dtype.kind in "fiubc"
    is_array = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiubc"
    return is_array and not _has_own_arithmetic(value)


def _has_own_arithmetic(value: Any) -> bool:
    """Whether an array computes otherwise than NumPy's: with a mask, with units, as a matrix."""
    kind: Any = type(value)
    if isinstance(value, np.generic | Buffer):
        return False
    return isinstance(value, np.matrix) or any(
        getattr(kind, name) is not getattr(np.ndarray, name)
        for name in ("__array_ufunc__", "__array_function__", "__mul__", "__add__")
    )


def _signature(value: Any) -> Any:
    """Give what a program is made for: the shape and dtype of data, the value of the rest.

    A Python integer is both: it may be differentiated, and ``range(n)`` may count with it.
    """
    known = _SIGNATURES.get(type(value))
    if known is not None:
        return known
    if _is_array(value):
        return (value.shape, value.dtype)
    return float if type(value) is float else _constant(value)


def _constant(value: Any) -> Any:
    """Give what tells a constant from others: 1, 1.0 and True are equal, as 0.0 and -0.0 are."""
    if isinstance(value, float | complex | np.floating | np.complexfloating):
        return (type(value), repr(value))
    if type(value) is slice:  # which has a hash since Python 3.12 only
        return (slice, *map(_constant, (value.start, value.stop, value.step)))
    return (type(value), value)


def _refuse_iterators(args: Any, kwargs: Any) -> None:
    """Refuse what can be read only once: the function is traced twice, and then not run at all."""
    for name, value in (*tree_leaves(args, "args"), *tree_leaves(kwargs, "kwargs")):
        if isinstance(value, Iterator):
            raise DTypeError(
                f"{name} of a compiled function is a {type(value).__name__}.",
                where=current_line(3),
                why="It gives its elements once, and a program is made from several runs.",
                write="list(…) of it, or an array.",
            )


def _refused(args: Any, kwargs: Any) -> DTypeError:
    """Say which argument is neither data nor a constant that can be recognised again."""
    keys = [(name, value, _signature(value)) for name, value in tree_leaves(args, "args")]
    keys += [(name, value, _constant(value)) for name, value in tree_leaves(kwargs, "kwargs")]
    keys.append(("A static field of an argument", "unhashable", structure((args, kwargs))))
    name, value, _ = next(key for key in keys if not _is_hashable(key[2]))
    is_array = isinstance(value, np.ndarray) and not _has_own_arithmetic(value)
    what = f"an array of {value.dtype}" if is_array else f"a {type(value).__name__}"
    return DTypeError(
        f"{name} of a compiled function is {what}.",
        where=current_line(2),
        why="Positional arrays of numbers are data; anything else is a constant of the program, "
        "and has to be hashable.",
        write="arrays of numbers by position, and constants as numbers, strings or tuples.",
    )


def _is_hashable(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True
