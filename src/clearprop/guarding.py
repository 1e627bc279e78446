"""While a function is differentiated, NumPy's makers of arrays, as the user's code sees them.

NumPy offers no hook on ``np.zeros(3)`` and none on a write to a plain array. So while a function
runs to be differentiated, the names of NumPy in the modules of the user (``np``, or ``zeros``
after ``from numpy import zeros``) lead to makers that give a `Buffer`. Modules of the standard
library and of installed packages are left alone, but for those beside the function itself and those
named to `guard`. The names are set back when the last function has returned, in ``finally``; a
thread that differentiates nothing gets plain arrays meanwhile.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from clearprop.buffers import Buffer, is_recorded, unwrapped
from clearprop.errors import ClearpropError, LostGradientError
from clearprop.operands import holds_recorded, stacked
from clearprop.places import current_line, installed_folders
from clearprop.tensor import Tensor


class _Thread(threading.local):
    depth = 0  # of functions running to be differentiated


_thread = _Thread()


def call_user_function(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the user's function to be recorded; places are collected up to this frame."""
    _names.lead_to_guarded(f)
    _thread.depth += 1
    try:
        return unwrapped(f(*args, **kwargs))
    except ValueError as error:
        # `plain[i] = t`: NumPy replaces our error by its own, and keeps ours as the cause.
        if isinstance(error.__cause__, ClearpropError):
            raise error.__cause__ from None
        raise
    finally:
        _thread.depth -= 1
        _names.lead_to_numpy()


# ---- the makers ---------------------------------------------------------------------------------


def _buffer(y: Any) -> Any:
    """Give a new array the way to become recorded; anything else stays."""
    if type(y) is np.ndarray and y.dtype.kind in "fiub":
        return y.view(Buffer)
    return y


def _guarded(maker: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(maker)
    def make(*args: Any, **kwargs: Any) -> Any:
        y = maker(*args, **kwargs)
        return _buffer(y) if _thread.depth else y

    return make


def _converting(maker: Callable[..., Any]) -> Callable[..., Any]:
    """Guard ``np.array`` and its like, which are also given recorded values, and lists of them."""
    copies = maker is np.array

    @functools.wraps(maker)
    def make(*args: Any, **options: Any) -> Any:
        if not _thread.depth or not args or not holds_recorded(args[0]):
            y = maker(*args, **options)
            return _buffer(y) if _thread.depth and y.base is None and y is not args[0] else y
        y = stacked(unwrapped(args[0]))
        dtype = args[1] if len(args) > 1 else options.get("dtype")
        if dtype is not None and y.dtype != dtype:
            y = y.astype(dtype)
        elif copies and options.get("copy", True) is True:
            y = np.copy(y)
        while y.ndim < options.get("ndmin", 0):
            y = y[None]
        return y

    return make


@functools.wraps(np.full)
def _full(shape: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Any:
    if not _thread.depth or not is_recorded(fill_value):
        y = np.full(shape, fill_value, dtype, **options)
        return _buffer(y) if _thread.depth else y
    y = np.zeros(shape, fill_value.dtype) + unwrapped(fill_value)
    return y if dtype is None else y.astype(dtype)


@functools.wraps(np.arange)
def _arange(*args: Any, **options: Any) -> Any:
    if not _thread.depth or not any(map(is_recorded, args)):
        y = np.arange(*args, **options)
        return _buffer(y) if _thread.depth else y
    start, step = (args[0] if len(args) > 1 else 0.0), (args[2] if len(args) > 2 else 1.0)
    plain = [a.value if isinstance(a, Tensor) else a for a in map(unwrapped, args)]
    y = start + step * np.arange(len(np.arange(*plain)))
    return y.astype(options["dtype"]) if "dtype" in options else y


@functools.wraps(np.isscalar)
def _isscalar(element: Any) -> bool:
    return np.isscalar(element.value if type(element) is Tensor else element)


@functools.wraps(np.ndenumerate, updated=())
def _ndenumerate(arr: Any) -> Any:
    if not _thread.depth or not holds_recorded(arr):
        return np.ndenumerate(arr)
    a = stacked(unwrapped(arr))
    return ((index, a[index]) for index in np.ndindex(*a.shape))


@functools.wraps(np.nditer, updated=())
def _nditer(op: Any, *args: Any, **options: Any) -> Any:
    if _thread.depth and holds_recorded(op):
        raise LostGradientError(
            "np.nditer of a recorded value would cut its gradient.",
            where=current_line(1),
            why="It walks over memory, which remembers nothing.",
            write="for index, value in np.ndenumerate(x): …, or functions of the whole array.",
        )
    return np.nditer(op, *args, **options)


class _ArrayType(type):
    """``np.ndarray`` as the user's code sees it: recorded arrays are arrays too."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value.value if type(value) is Tensor else value, np.ndarray)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return kind is Tensor or issubclass(kind, np.ndarray)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return np.ndarray(*args, **kwargs)


_REPLACED: list[tuple[Any, Any]] = [
    (np.full, _full),
    (np.arange, _arange),
    (np.isscalar, _isscalar),
    (np.ndenumerate, _ndenumerate),
    (np.nditer, _nditer),
    (np.ndarray, _ArrayType("ndarray", (np.ndarray,), {"__module__": "numpy"})),
    *(
        (maker, _converting(maker))
        for maker in (
            np.array,
            np.asarray,
            np.asanyarray,
            np.ascontiguousarray,
            np.asfortranarray,
        )
    ),
    *(
        (maker, _guarded(maker))
        for maker in (
            np.zeros,
            np.ones,
            np.empty,
            np.zeros_like,
            np.ones_like,
            np.empty_like,
            np.full_like,
            np.eye,
            np.identity,
            np.tri,
            np.copy,
            np.repeat,
            np.linspace,
            np.logspace,
            np.geomspace,
            np.fromiter,
            np.fromfunction,
        )
    ),
]


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def _guarded_numpy() -> types.ModuleType:
    module = _Module("numpy", np.__doc__)
    module.__dict__.update(np.__dict__)
    by_id = {id(original): replacement for original, replacement in _REPLACED}
    for name, value in vars(np).items():
        if id(value) in by_id:
            setattr(module, name, by_id[id(value)])
    return module


# ---- the names in the user's modules -----------------------------------------------------------


class _Names:
    """The names that lead to NumPy in the user's modules, and where they lead now."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._running = 0
        self._replacements: dict[int, tuple[Any, Any]] = {}
        self._known: set[str] = set()  # modules that were looked at
        self._more: set[str] = set()  # packages that are treated as the user's
        #: the globals of modules, and how many names they had when they were looked at
        self._scopes: dict[int, tuple[dict[str, Any], int]] = {}
        self._bindings: list[tuple[dict[str, Any], str, Any, Any]] = []
        self._loose: list[int] = []  # scopes of no module

    def lead_to_guarded(self, f: Any) -> None:
        with self._lock:
            if self._changed(f):
                self._look(f)
            self._running += 1
            if self._running == 1:
                for names, name, original, replacement in self._bindings:
                    if names.get(name) is original:
                        names[name] = replacement

    def lead_to_numpy(self) -> None:
        with self._lock:
            self._running -= 1
            if not self._running:
                for names, name, original, replacement in self._bindings:
                    if names.get(name) is replacement:
                        names[name] = original

    def _changed(self, f: Any) -> bool:
        """Whether there are modules, or names in them, that were not looked at yet."""
        if len(sys.modules) != len(self._known):
            return True
        scope = getattr(f, "__globals__", None)
        if scope is None or id(scope) not in self._scopes:
            return True
        return any([len(names) != size for names, size in self._scopes.values()])  # noqa: C419 (faster)

    def _look(self, f: Any) -> None:
        """Find the names of NumPy in the user's modules and in the function's own."""
        if not self._replacements:
            replaced = [(np, _guarded_numpy()), *_REPLACED]
            self._replacements = {id(original): (original, new) for original, new in replaced}
        if len(sys.modules) != len(self._known):
            self._look_at_modules()
        self._look_at(f)
        for key, (names, size) in self._scopes.items():
            if len(names) == size:
                continue
            self._scopes[key] = (names, len(names))
            for name, value in list(names.items()):
                found = self._replacements.get(id(value))
                if found is not None:
                    self._bindings.append((names, name, *found))
                    if self._running:
                        names[name] = found[1]

    def add(self, packages: tuple[str, ...]) -> None:
        with self._lock:
            self._more.update(packages)
            self._known.clear()

    def _look_at_modules(self) -> None:
        for name, module in list(sys.modules.items()):
            if name not in self._known and self._is_users(name, module):
                scope = vars(module)
                self._scopes.setdefault(id(scope), (scope, -1))
        self._known = set(sys.modules)

    def _look_at(self, f: Any) -> None:
        """Take in the function's own module, and those beside it in its package."""
        while not hasattr(f, "__globals__"):
            inner = getattr(f, "func", None) or getattr(f, "__func__", None)
            inner = inner or getattr(f, "__wrapped__", None)
            if inner is None:
                if isinstance(f, type) or not isinstance(type(f).__call__, types.FunctionType):
                    return
                inner = type(f).__call__
            f = inner
        scope = f.__globals__
        if id(scope) in self._scopes:
            return
        name = scope.get("__name__", "")
        if name.partition(".")[0] in _NEVER:
            return
        if name in sys.modules and vars(sys.modules[name]) is scope:
            self.add((name.rpartition(".")[0] or name,))
            self._look_at_modules()
        self._scopes[id(scope)] = (scope, -1)
        if name not in sys.modules or vars(sys.modules[name]) is not scope:  # made by exec
            self._loose.append(id(scope))
            if len(self._loose) > 64 and not self._running:
                names, _ = self._scopes.pop(self._loose.pop(0))
                self._bindings = [b for b in self._bindings if b[0] is not names]

    def _is_users(self, name: str, module: Any) -> bool:
        if name.partition(".")[0] in _NEVER or not isinstance(module, types.ModuleType):
            return False
        if any(name == package or name.startswith(package + ".") for package in self._more):
            return True
        if name == "__main__":
            return True
        file = getattr(module, "__file__", None)
        return file is not None and not file.startswith(installed_folders())


_NEVER = {"numpy", "clearprop"}


_names = _Names()


def guard(*packages: str) -> None:
    """Let recorded values be written to the plain arrays that installed packages make.

    While a function is differentiated, ``B = np.zeros(3); B[0] = x`` works in the modules of the
    user, and in those beside the function in its package. In other installed packages it is an
    error, unless they are named here.

    Parameters
    ----------
    *packages : str
        Names such as ``"filterpy"``, with all that is below them.

    Raises
    ------
    ClearpropError
        If a package is NumPy itself, or no name of one.

    Examples
    --------
    >>> import clearprop as cp
    >>> cp.guard("filterpy", "transforms3d")
    """
    for package in packages:
        if not isinstance(package, str) or package.partition(".")[0] in _NEVER:
            raise ClearpropError(
                f"{package!r} cannot be guarded.",
                why="It takes the names of packages that use NumPy.",
                write='cp.guard("filterpy")',
            )
    _names.add(packages)
