"""Arguments that a function or a class here does not have: an error that says what it has."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from clearprop.errors import ArgumentsError, ClearpropError, UnknownKeywordError
from clearprop.idioms_of_training import for_keyword
from clearprop.places import current_line

P = ParamSpec("P")
R = TypeVar("R")

_MISSING = inspect.Parameter.empty
_EXAMPLES = {"input_shape": "(784,)", "model": "net", "data": "((x, t), None)"}


def check_keywords(name: str, signature: inspect.Signature, given: Mapping[str, Any]) -> None:
    """Refuse keywords that are none of a signature, with the one that may be meant.

    Raises
    ------
    UnknownKeywordError
    """
    known = signature.parameters.values()
    if any(each.kind is each.VAR_KEYWORD for each in known):
        return
    unnamed = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL
    names = [each.name for each in known if each.kind not in unnamed and each.name != "cls"]
    for keyword in given:
        if keyword in names:
            continue
        write = for_keyword(name, keyword, given[keyword])
        if write is None:
            close = get_close_matches(keyword.strip("_"), names, 1, 0.5)
            write = f"{close[0]}=…" if close else f"{name}{_shown(signature)}"
        raise UnknownKeywordError(
            f"{name} has no keyword {keyword}.",
            where=current_line(1),
            why=f"Its arguments are {', '.join(names)}." if names else "It takes no arguments.",
            write=write,
        )


def written(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Give arguments as they are written, each in a few characters."""
    said = [_short(value) for value in args]
    return ", ".join([*said, *(f"{name}={_short(value)}" for name, value in kwargs.items())])


def initial_sizes(initial: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Write the arguments for a class method ``initial``, as far as they fit it."""
    signature = inspect.signature(initial)
    seed = {"seed": 0} if "seed" in signature.parameters else {}
    try:
        signature.bind(*args, **{**seed, **kwargs})
    except TypeError:
        return _shown(signature)[1:-1]
    return written(args, {**kwargs, **seed})


def told(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function say what it takes where the arguments do not fit it.

    Raises
    ------
    UnknownKeywordError
        From the function: there is no such keyword.
    ArgumentsError
        From the function: one is missing, or there are too many.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                called, own = name, tuple[Any, ...](args)
                if name.startswith("."):  # of a class, which comes first
                    called, own = f"{name_of(args[0])}{name}", args[1:]
                check_keywords(called, signature, kwargs)
                raise _misfit(called, signature, own, kwargs, str(error)) from None
            return function(*args, **kwargs)

        return checked

    return decorate


def _misfit(
    name: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    what: str,
) -> ArgumentsError:
    if "'seed'" in what:
        why = "Random numbers are drawn by a seed, so that a run can be made again."
        write = f"{name}({', '.join(filter(None, [written(args, kwargs), 'seed=0']))})"
    else:
        why, write = "", f"{name}{_shown(signature)}"
    return ArgumentsError(f"{name}: {what}.", where=current_line(1), why=why, write=write)


def _shown(signature: inspect.Signature) -> str:
    """Give what has to be given, and dots for the rest."""
    own = [each for each in signature.parameters.values() if each.name not in ("self", "cls")]
    needed = [
        f"{each.name}=…" if each.kind is each.KEYWORD_ONLY else _EXAMPLES.get(each.name, each.name)
        for each in own
        if each.default is _MISSING and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    return f"({', '.join([*needed, '…'] if len(needed) < len(own) else needed)})"


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 30 and "\n" not in shown else "…"


def signature_of(kind: Any) -> inspect.Signature:
    """Give what a class is made from, by its ``__init__``."""
    found: inspect.Signature = _signature(kind)
    return found


@cache
def _signature(kind: Any) -> inspect.Signature:
    if kind.__init__ is object.__init__:
        return inspect.Signature()
    own = inspect.signature(kind.__init__)
    return own.replace(parameters=[*own.parameters.values()][1:])


def name_of(kind: Any) -> str:
    """Give the name of a class as a reader writes it, ``nn.Affine``; of one of theirs, its own."""
    package, _, rest = kind.__module__.partition(".")
    name = str(kind.__name__)
    return f"{rest.partition('.')[0]}.{name}" if package == "clearprop" else name


class _SignatureOfInit:
    """The signature of a class, which its ``__new__`` would hide; of instances there is none."""

    def __get__(self, instance: Any, owner: type) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return signature_of(owner)


class Told:
    """A class that says what it is made from where the arguments do not fit.

    They are looked at in ``__new__``, so that subclasses and dataclasses write their ``__init__``
    as ever, and copies and pickles, which give none, pass.
    """

    if not TYPE_CHECKING:  # a type checker is to see the __init__ of the class
        __signature__ = _SignatureOfInit()

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 - it is the __init__'s
            if args or kwargs:
                signature = signature_of(cls)
                check_keywords(name_of(cls), signature, kwargs)
                try:
                    signature.bind(*args, **kwargs)
                except TypeError as error:
                    found = cls._misfit(args, kwargs, str(error))
                    if found is not None:
                        raise found from None
            new = super().__new__
            return new(cls) if new is object.__new__ else new(cls, *args, **kwargs)

    @classmethod
    def _misfit(
        cls, args: tuple[Any, ...], kwargs: Mapping[str, Any], what: str
    ) -> ClearpropError | None:
        """Give the error for arguments that do not fit; None leaves it to Python."""
        return ArgumentsError(
            f"{name_of(cls)}: {what}.",
            where=current_line(1),
            write=f"{name_of(cls)}{_shown(signature_of(cls))}",
        )
