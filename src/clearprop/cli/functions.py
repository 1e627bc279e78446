"""FILE:FUNCTION and NAME=VALUE, as commands take them: a function, and its arguments."""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clearprop.check.handwritten.loading import Loaded, load
from clearprop.check.handwritten.options import parse_shape
from clearprop.check.handwritten.placeholders import Placeholder
from clearprop.check.handwritten.probing import line_of_error, quiet
from clearprop.check.handwritten.reading import read
from clearprop.cli.files import split_name
from clearprop.cli.given import given_twice, split_given
from clearprop.cli.layers import as_function, proposed_inputs
from clearprop.cli.proposed import proposed_arguments
from clearprop.errors import ClearpropError, OptionError
from clearprop.idioms import is_called
from clearprop.nn.layer import Layer

#: What an object is run by that cannot be called itself.
_METHODS = ("forward", "predict", "loss")


@dataclass(frozen=True)
class Call:
    """A function of a file, with arguments that it accepts.

    Attributes
    ----------
    function : callable
        As the file defines it.
    arguments : tuple
        To be passed by position: ``function(*arguments)``.
    names : tuple of str
        The parameters that they are for. Parameters behind them keep their defaults.
    proposed : tuple of str
        Those whose values nobody gave: they were drawn at random, in shapes that fit.
    file : str
        The path of the file.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    names: tuple[str, ...]
    proposed: tuple[str, ...]
    file: str

    def described(self) -> str:
        """Give the arguments that were proposed, as they can be typed: ``x=4,3 W=3,5``."""
        given = dict(zip(self.names, self.arguments, strict=True))
        return " ".join(text for name in self.proposed for text in _typed(name, given[name]))


def find_call(target: str, given: Sequence[str], command: str, seed: int = 0) -> Call:
    """Execute a file and find arguments that one of its functions accepts.

    Only the imports, definitions and harmless assignments of the file run, as for
    ``clearprop check``. The function is called once, to see that it accepts the arguments.

    Parameters
    ----------
    target : str
        ``net.py:loss``; a notebook or a page with code will do. Without a function, the only one.
    given : sequence of str
        ``NAME=VALUE`` each, as `parse_given` reads them. What is not given keeps its default; what
        has none is proposed, from names and code, as for ``clearprop check``.
    command : str
        For messages: which command it is.
    seed : int
        For what is drawn.

    Raises
    ------
    OptionError
        There is no such file, function or parameter, or the function raises.
    DataError
        The file is no text.
    """
    path, name = split_name(target, command)
    values = parse_given(given)
    with quiet(), printing_to_stderr():
        loaded = load(read(path))
        found = _function(loaded, path, name, command)
        layer = found if isinstance(found, Layer) else None
        if layer is None:
            call = _called(_run_by(found, path, name), path, values, seed)
            return replace(call, function=found) if callable(found) else call
        function, known = as_function(layer, name.replace(".", "_"))

        def proposed(_: Any, given: dict[str, Any], seed: int) -> dict[str, Any] | None:
            return proposed_inputs(layer, function, given, seed)

        return _called(function, path, {**known, **values}, seed, proposed)


def parse_given(texts: Sequence[str]) -> dict[str, Any]:
    """Read ``x=3.5``, ``x=4,3`` (a shape, as after ``--shape``), ``t=[0, 1, 2]``.

    Parameters
    ----------
    texts : sequence of str
        A name, ``=``, and a Python literal: a number, a list (it becomes an array), a word in
        quotes, True, None; or a shape: ``4,3``, or ``4,`` with one axis. ``params.W=3,5`` is the
        entry ``"W"`` of a dict.

    Returns
    -------
    dict
        By name; a shape is a `Shape`.

    Raises
    ------
    OptionError
        One is neither, or two have one name.

    Examples
    --------
    >>> parse_given(["x=4,3", "lr=0.1", "t=[0, 1]", "params.W=3,"])
    {'x': Shape(4, 3), 'lr': 0.1, 't': array([0, 1]), 'params': {'W': Shape(3,)}}
    """
    values: dict[str, Any] = {}
    for text in texts:
        split = split_given(text)
        if split is None:
            raise _unreadable(text)
        (*path, last), value = split
        name, place = ".".join((*path, last)), values
        for part in path:
            inner = place.setdefault(part, {})
            if not isinstance(inner, dict):
                raise given_twice(name)
            place = inner
        if last in place:
            raise given_twice(name)
        place[last] = _value(text, name, value)
    return values


class Shape(tuple[int, ...]):
    """A shape that was given for an argument, whose numbers are to be drawn."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Shape{super().__repr__()}"

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw numbers of a standard normal distribution."""
        return rng.standard_normal(self) if self else float(rng.standard_normal())


@contextlib.contextmanager
def printing_to_stderr() -> Iterator[None]:
    """Keep what the user's code prints apart from what the command prints."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


# ---- values ------------------------------------------------------------------------------------


def _value(text: str, name: str, value: str) -> Any:
    sizes = value.strip("() ")
    if value == "()" or ("," in sizes and set(sizes) <= set("0123456789, ")):
        return Shape(parse_shape(f"{name}={value}")[1])
    try:
        return _as_array(ast.literal_eval(value))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise _unreadable(text) from None


def _as_array(value: Any) -> Any:
    """Make arrays of lists of numbers, also inside of dicts and tuples."""
    if isinstance(value, dict):
        return {key: _as_array(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_as_array, value))
    if isinstance(value, list):
        made = np.array(value)
        if made.dtype.kind not in "fiub":
            raise ValueError(value)
        return made
    return value


def _drawn(value: Any, rng: np.random.Generator) -> Any:
    if isinstance(value, Shape):
        return value.draw(rng)
    if isinstance(value, dict):
        return {key: _drawn(inner, rng) for key, inner in value.items()}
    return value


def _typed(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _typed(f"{name}.{key}", inner)
    elif isinstance(value, np.ndarray) and value.ndim and value.dtype.kind == "f":
        yield f"{name}={','.join(map(str, value.shape))}{',' * (value.ndim == 1)}"
    else:
        shown = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        yield f"{name}={shown!r}".replace(" ", "")


def _unreadable(text: str) -> OptionError:
    name = text.partition("=")[0].strip()
    name = name if name.isidentifier() else "x"
    return OptionError(
        f"{text}: this is not a name, = and a value.",
        why="an argument is a number, a list, a word in quotes, or sizes with commas between them.",
        write=f"{name}=3.5, {name}=4,3 for a shape, or '{name}=[0, 1, 2]'",
    )


# ---- functions ---------------------------------------------------------------------------------


def _function(loaded: Loaded, path: str, name: str, command: str) -> Any:
    """Give a function of a file by its name, or an object: ``net``, ``net.predict``."""
    functions = {
        each.name: each.object
        for each in loaded.definitions
        if isinstance(each.object, types.FunctionType)
    }
    listed = ", ".join(functions) or "none"
    if not name:
        if len(functions) == 1:
            return next(iter(functions.values()))
        raise OptionError(
            f"{path}: which function is meant?",
            why=f"there are {len(functions)}: {listed}." if functions else "it defines none.",
            write=f"clearprop {command} {path}:{next(reversed(functions), 'FUNCTION')}",
        )
    first, *path_in = name.split(".")
    found = functions.get(first, loaded.namespace.get(first))
    for part in path_in:
        found = getattr(found, part, None)
    if isinstance(found, type):
        raise OptionError(
            f"{path}:{name} is a class.",
            why="a graph belongs to one call of a function.",
            write=f"a function in the file: def f(x): return {name}(…).forward(x)",
        )
    failed = [each for each in loaded.failures if each.name == first]
    if isinstance(found, Placeholder) or failed:
        why = failed[0].reason if failed else repr(found).strip("<>").partition(": ")[2]
        raise OptionError(
            f"{path}: {name} could not be loaded.",
            why=f"{why}.",
            write="definitions that do not need what was not run",
        )
    if found is None:
        near = difflib.get_close_matches(name, functions, 1, 0.4)
        raise OptionError(
            f"{path}: there is no function {name}.",
            why=f"its functions are: {listed}.",
            write=f"{path}:{near[0] if near else next(reversed(functions), 'FUNCTION')}",
        )
    return found


def _run_by(found: Any, path: str, name: str) -> Callable[..., Any]:
    """Give what runs an object: itself, or one of its methods."""
    if is_called(found):
        written = vars(type(found)).get("__call__")
        own = isinstance(written, types.FunctionType)  # whose text can be read
        made: Callable[..., Any] = types.MethodType(written, found) if own else found
        return made
    for method in _METHODS:
        if callable(getattr(found, method, None)):
            return getattr(found, method)  # type: ignore[no-any-return]
    raise OptionError(
        f"{path}:{name} is {type(found).__name__}, which cannot be called.",
        why="a graph belongs to one call of a function, or of an object that has "
        f"{', '.join(_METHODS[:-1])} or {_METHODS[-1]}.",
        write=f"a function in the file: def f(x): return … {name} …",
    )


def _called(
    function: Any,
    path: str,
    values: dict[str, Any],
    seed: int,
    propose: Callable[..., dict[str, Any] | None] = proposed_arguments,
) -> Call:
    name = getattr(function, "__name__", type(function).__name__)
    parameters = _parameters(function, name)
    unknown = [given for given in values if given not in parameters]
    if unknown:
        raise OptionError(
            f"{name} has no parameter {unknown[0]}.",
            why=f"its parameters are: {', '.join(parameters) or 'none'}.",
            write=(difflib.get_close_matches(unknown[0], parameters, 1) or [*parameters, "x"])[0]
            + "=…",
        )
    needed = [n for n, default in parameters.items() if default is inspect.Parameter.empty]
    missing = [n for n in needed if n not in values]
    rng = np.random.default_rng([seed, 314159])
    values = {n: _drawn(values[n], rng) for n in parameters if n in values}
    if missing:
        found = propose(function, values, seed)
        if found is None:
            raise OptionError(
                f"{name}: no {' and '.join(missing)} was found that it accepts.",
                where=str(path),
                why="what is not given is proposed from names and code, and nothing fitted.",
                write=" ".join(f"{n}=4,3" for n in missing),
            )
        values = {n: found[n] for n in parameters if n in found}
    last = max((list(parameters).index(n) for n in values), default=-1)
    names = tuple(parameters)[: last + 1]
    arguments = tuple(values.get(n, parameters[n]) for n in names)
    if not missing:
        _must_run(function, name, path, arguments)
    return Call(function, arguments, names, tuple(missing), path)


def _parameters(function: Any, name: str) -> dict[str, Any]:
    """Give what can be passed by position, with the defaults."""
    found = inspect.signature(function).parameters.values()
    only = [p for p in found if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if only:
        raise OptionError(
            f"{name} takes {only[0].name} by name only.",
            why="arguments are passed by position here.",
            write=f"a function that passes it: def f(x): return {name}(x, {only[0].name}=…)",
        )
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return {p.name: p.default for p in found if p.kind in by_position}


def _must_run(function: Any, name: str, path: str, arguments: tuple[Any, ...]) -> None:
    try:
        function(*arguments)
    except ClearpropError:
        raise
    except Exception as error:
        line = line_of_error(error, {path})
        shapes = ", ".join(str(np.shape(a)) if _has_shape(a) else repr(a)[:40] for a in arguments)
        raise OptionError(
            f"{name} raised {type(error).__name__}: {str(error).strip()[:300] or 'no message'}.",
            where=f"line {line} of {path}" if line else path,
            why=f"it was called with {shapes}.",
            write="arguments that it accepts: x=4,3 for a shape, x=3.5 for a number",
        ) from None


def _has_shape(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic | int | float) and np.ndim(value) > 0
