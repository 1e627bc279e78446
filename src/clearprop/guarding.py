"""While a function is differentiated, NumPy's makers of arrays, as the user's code sees them.

NumPy offers no hook on ``np.zeros(3)`` and none on a write to a plain array. So while a function
runs to be differentiated, the names of NumPy in the modules of the user (``np``, or ``zeros``
after ``from numpy import zeros``) lead to makers that give a `Buffer`. Modules of the standard
library and of installed packages are left alone, but for those beside the function itself and those
named to `guard`. The names are set back when the last function has returned, in ``finally``; a
thread that differentiates nothing gets plain arrays meanwhile.
"""

from __future__ import annotations

import sys
import threading
import types
from importlib import import_module
from typing import Any

import numpy as np

from clearprop.buffers import settle, unwrapped
from clearprop.errors import ClearpropError, LostGradientError
from clearprop.makers import REPLACED, guarded_numpy, thread
from clearprop.places import installed_folders
from clearprop.protocols import PLAIN_PYTHON


def call_user_function(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the user's function to be recorded; places are collected up to this frame."""
    guarded = written = False
    thread.depth += 1
    try:
        _names.lead_to_guarded(f)
        guarded = True
        result = unwrapped(f(*args, **kwargs))
    except ClearpropError:
        raise
    except Exception as error:
        # `plain[i] = t`: NumPy replaces our error by its own, and keeps ours as the cause.
        if isinstance(error, ValueError) and isinstance(error.__cause__, ClearpropError):
            raise error.__cause__ from None
        if "scipy" in sys.modules:
            from clearprop.scipys_own import told  # for an error alone

            instead = told(error)
            if instead is not None:
                if error.__cause__ is instead:  # the two would be causes of each other
                    error.__cause__ = error.__context__ = None
                raise instead from error
        raise
    finally:
        thread.depth -= 1
        if guarded:
            _names.lead_to_numpy()
        if not thread.depth:
            written = settle()
    if written:
        raise LostGradientError(
            "Compiled code wrote into an array that holds recorded values.",
            why="What it wrote went to memory that nobody reads: an array that became recorded "
            "keeps its values elsewhere.",
            write="B[:] = what it computes, in the place of out=B.",
        )
    return result


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
        self._bindings: dict[tuple[int, str], tuple[dict[str, Any], str, Any, Any]] = {}
        self._loose: list[int] = []  # scopes of no module

    def lead_to_guarded(self, f: Any) -> None:
        with self._lock:
            if self._changed(f):
                self._look(f)
            self._running += 1
            if self._running == 1:
                for names, name, original, replacement in self._bindings.values():
                    if names.get(name) is original:
                        names[name] = replacement

    def lead_to_numpy(self) -> None:
        with self._lock:
            self._running -= 1
            if not self._running:
                for names, name, original, replacement in self._bindings.values():
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
            import_module("numpy.polynomial")  # else the function does, after names were looked for
            replaced = [(np, guarded_numpy()), *REPLACED]
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
                    self._bindings[key, name] = (names, name, *found)
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
                gone = self._loose.pop(0)
                del self._scopes[gone]
                self._bindings = {k: b for k, b in self._bindings.items() if k[0] != gone}

    def _is_users(self, name: str, module: Any) -> bool:
        if not isinstance(module, types.ModuleType):
            return False
        if name.startswith(PLAIN_PYTHON):
            return True  # it makes arrays by NumPy's names, as a user's module does
        if name.partition(".")[0] in _NEVER:
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
