"""Whether the names in a request are names of the code: a misspelt one is not ignored."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from clearprop.check.handwritten.attempts import NoSetupError
from clearprop.check.handwritten.model import Candidate
from clearprop.check.handwritten.options import Options, plain_name
from clearprop.check.handwritten.references import reference
from clearprop.check.handwritten.referring import reference_driver
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.styles import driver_for
from clearprop.errors import OptionError


@dataclass(frozen=True)
class Names:
    """What a candidate takes: forward and the constructor; and the gradients that come in."""

    takes: tuple[str, ...]
    upstreams: tuple[str, ...]


def names_taken(candidate: Candidate, named: str = "") -> Names | None:
    """Give the names that a candidate takes; None if nobody knows.

    ``named`` is the reference that it is judged with, where one was named.
    """
    name = named or ("" if candidate.forward is not None else candidate.reference)
    if candidate.problem or not (name or candidate.forward):
        return None
    source = Source()
    try:
        made = reference_driver(candidate, source, reference(name)) if name else None
        driver = made or driver_for(candidate, source)
    except NoSetupError:
        return None  # the judgement says why
    takes = tuple(p.name for p in (*driver.inputs, *driver.constructor))
    return Names(takes, tuple(p.name for p in getattr(driver, "upstreams", ())))


def unknown(candidates: list[Candidate], options: Options, file: str) -> OptionError | None:
    """Give the error for a shape or a value of what nothing in a file takes; None without one.

    It lists the names there are, and has the nearest of them.
    """
    asked = [*options.shapes, *options.values]
    taken: dict[str, list[Names | None]] = {}
    for candidate in candidates if asked else ():
        taken.setdefault(plain_name(candidate.name), []).append(
            names_taken(candidate, options.reference)
        )
    for each in asked:
        owner, dot, name = each.rpartition(".")
        option = "--shape" if each in options.shapes else "--inputs"
        if dot and owner not in taken:
            near = nearest(owner, taken)
            return OptionError(
                f"{option} {each}: nothing with a backward pass in {file} is called {owner}.",
                why=f"There are: {', '.join(taken) or 'none'}.",
                write=_written(options, each, f"{near}.{name}") if near else None,
            )
        groups = taken[owner] if dot else [names for many in taken.values() for names in many]
        if not all(groups) or not groups:
            continue  # of one of them nobody knows
        takes = list(dict.fromkeys(n for names in groups if names for n in names.takes))
        also = [n for names in groups if names for n in names.upstreams]
        if name.partition("[")[0] in (*takes, *also):
            continue
        near = nearest(name, takes)
        who = f"{owner} takes no" if dot else f"nothing in {file} takes"
        return OptionError(
            f"{option} {each}: {who} {name}.",
            why=f"The names are {', '.join(takes) or 'none'}.",
            write=_written(options, each, f"{owner}{dot}{near}") if near else None,
        )
    return None


def _written(options: Options, asked: str, name: str) -> str:
    """Write an option again, with another name."""
    if asked not in options.shapes:
        return f"{name} in the file of --inputs"
    sizes = options.shapes[asked]
    return f"--shape {name}={','.join(map(str, sizes)) or '()'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Give the name that is likest, else the first; "" where there is none."""
    names = list(known)
    return next(iter([*difflib.get_close_matches(name, names, 1, 0.4), *names]), "")
