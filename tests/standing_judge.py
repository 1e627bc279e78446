"""A judge to test the isolation with: it executes a file and calls every function in it.

A function is a candidate. What it returns is its verdict, or a whole `Judgement`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FunctionType
from typing import Any

from clearprop.check.handwritten.model import (
    CORRECT,
    NOT_JUDGED,
    FileReport,
    Judgement,
    Place,
)
from clearprop.check.handwritten.options import Options
from clearprop.errors import OptionError, UnknownNameError


def judge_candidates(
    path: str, names: tuple[str, ...], options: Options
) -> Iterator[FileReport | Judgement]:
    space: dict[str, Any] = {"__name__": "user", "OPTIONS": options}
    exec(compile(Path(path).read_text(encoding="utf-8"), path, "exec"), space)
    found = {
        name: Place(path, value.__code__.co_firstlineno)
        for name, value in space.items()
        if isinstance(value, FunctionType) and value.__globals__ is space
    }
    for name in names:
        if name not in found:
            error = UnknownNameError if name == "unknown" else OptionError
            raise error(f"{path}:{name}: it is not there.", why="why", write="another name")
    chosen = {name: p for name, p in found.items() if not names or name in names}
    plan = tuple(Judgement(name, "layer", p, NOT_JUDGED) for name, p in chosen.items())
    yield FileReport(path, plan, {"helper": Place(path, 1)}, ("a note",))
    for name, place in chosen.items():
        if (name, place.line) not in options.skip:
            result = space[name]()
            if isinstance(result, Judgement):
                yield replace(result, name=name, place=place)
            else:
                yield Judgement(name, "layer", place, result or CORRECT)


def judge_without_a_plan(path: str, names: tuple[str, ...], options: Options) -> Iterator[Any]:
    for item in judge_candidates(path, names, options):
        if isinstance(item, Judgement):
            yield item
