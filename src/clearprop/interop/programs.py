"""The functions of a standalone file: for any number of samples where that can be shown."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop.interop.exported import predicting, training
from clearprop.interop.free_batch import SIZES, for_any, uses
from clearprop.legible import legible_name
from clearprop.nn.sequential import Sequential
from clearprop.source.expressions import Helpers
from clearprop.source.layout import WIDTH, lines_of
from clearprop.source.module import Line, Writer
from clearprop.source.program import Program

_LONGEST_REASON = 200  # characters


@dataclass(frozen=True)
class Functions:
    """Generated functions, and what they need.

    Attributes
    ----------
    lines : list of str
        Their text.
    arguments : tuple of str
        Of the first one.
    helpers : Helpers
        The functions that they call, and those that were there before.
    written : dict of str to ndarray
        Small arrays that stand above them.
    constants : dict of str to ndarray
        Large ones, to be passed by name.
    state : tuple of str
        The buffers that they read; where they give the state after a step, all.
    reason : str
        Why they are for the number of samples of the example alone; "" where for any.
    """

    lines: list[str]
    arguments: tuple[str, ...]
    helpers: Helpers
    written: Mapping[str, Any]
    constants: Mapping[str, Any]
    state: tuple[str, ...]
    reason: str = ""

    @property
    def is_free(self) -> bool:
        """Whether they are for any number of samples."""
        return not self.reason

    @property
    def arrays(self) -> dict[str, Any]:
        """The arrays beside them, by name."""
        return {**self.written, **self.constants}

    @property
    def passed(self) -> list[str]:
        """What they are called with: the arguments, and the large arrays by name."""
        return [*self.arguments, *(f'{name}=CONSTANTS["{name}"]' for name in self.constants)]


def predict_functions(network: Sequential, x: Any, helpers: Helpers, own: set[str]) -> Functions:
    """Write ``network(x, params, state)``."""

    def program(x: Any) -> Program:
        return predicting(network, x)

    def write(writer: Writer, counts: bool) -> list[list[Line]]:
        return [writer.forward_only("network", "Compute y from x.", counts="x" if counts else None)]

    return _written(_Job(program, write, (x,), network.buffers), helpers, own)


def step_functions(
    network: Sequential, x: Any, t: Any, helpers: Helpers, own: set[str]
) -> Functions:
    """Write ``forward(params, x, t, state)`` and ``backward(saved)``."""

    def program(x: Any, t: Any) -> Program:
        return training(network, x, t)

    def write(writer: Writer, counts: bool) -> list[list[Line]]:
        return list(writer.forward_and_backward(counts="x" if counts else None))

    return _written(_Job(program, write, (x, t), network.buffers), helpers, own)


@dataclass(frozen=True)
class _Job:
    """What is to be written.

    Attributes
    ----------
    program : callable
        Makes the program for some samples.
    write : callable
        Writes its functions; and whether they compute with N.
    samples : tuple of ndarray
        The example: arrays with one row a sample.
    buffers : tuple of str
    """

    program: Callable[..., Program]
    write: Callable[[Writer, bool], list[list[Line]]]
    samples: tuple[Any, ...]
    buffers: Sequence[str]


@dataclass(frozen=True)
class _Text:
    """A program as text, with its writer."""

    parts: list[str]
    writer: Writer

    @property
    def rest(self) -> Any:
        """What stands beside the functions, so that it can be compared."""
        constants = self.writer.statements.constants
        arrays = (constants.written, constants.parameters)
        return (
            self.writer.helpers.texts,
            [{n: (a.shape, a.dtype.str, a.tobytes()) for n, a in some.items()} for some in arrays],
        )


def _written(job: _Job, helpers: Helpers, own: set[str]) -> Functions:
    x = job.samples[0]
    is_batch = x.ndim > 1 or x.dtype.kind != "f"
    reason = "for other numbers of samples it would be another program"
    if not is_batch:
        reason = "a row of numbers is one sample"
    for sizes in SIZES if is_batch else ():
        try:
            programs = [job.program(*(_some(n, a) for a in job.samples)) for n in sizes]
        except Exception as error:  # whatever it is: the example may not have an axis of samples
            first = str(error).partition(". ")[0]
            reason = f"another number of samples is refused ({_one_line(first)})"
            break
        found = _for_any(job, programs, sizes, helpers, own)
        if found is not None:
            return found
    text = _text(job, job.program(*job.samples), False, helpers, own)
    return _functions(job, text, text.parts, reason)


def _for_any(
    job: _Job, programs: list[Program], sizes: Sequence[int], helpers: Helpers, own: set[str]
) -> Functions | None:
    """Write for N samples; None where that cannot be."""
    counts = False
    while True:
        texts = [_text(job, program, counts, helpers, own) for program in programs]
        if any(text.rest != texts[0].rest for text in texts):
            return None
        found = [for_any(part, sizes) for part in zip(*(t.parts for t in texts), strict=True)]
        parts = [part for part in found if part is not None]
        if len(parts) < len(found):
            return None
        if counts or not any(map(uses, parts)):
            return _functions(job, texts[0], parts)
        counts = True


def _text(job: _Job, program: Program, counts: bool, helpers: Helpers, own: set[str]) -> _Text:
    writer = Writer(program, copy.deepcopy(helpers), own)
    parts = job.write(writer, counts)
    return _Text(["\n".join(line.text for line in part) for part in parts], writer)


def _functions(job: _Job, text: _Text, parts: list[str], reason: str = "") -> Functions:
    writer = text.writer
    lines = "\n".join(parts).strip("\n").split("\n")
    read = {source for node in writer.program.forward for source in node.inputs}
    inputs, after = writer.graph.inputs, writer.program.others  # all of the state, if any
    return Functions(
        [short for line in lines for short in _no_wider(line)],
        tuple(writer.parameters.values()),
        writer.helpers,
        writer.statements.constants.written,
        writer.statements.constants.parameters,
        tuple(name for name in job.buffers if after or inputs.get(f"state[{name!r}]") in read),
        reason,
    )


def _no_wider(line: str) -> list[str]:
    """Break a line that N made too long: its comment goes above it, the rest is laid out anew."""
    code, _, comment = line.partition("  # ")
    bare = code.lstrip()
    if len(line) <= WIDTH or not bare or bare.startswith("#"):
        return [line]
    indent = len(code) - len(bare)
    above = [f"{' ' * indent}# {comment}"] if comment else []
    try:
        return above + lines_of(ast.parse(bare).body[0], indent // 4)
    except SyntaxError:  # a part of a statement that has several lines
        return [line]


def _some(count: int, samples: Any) -> Any:
    """Give so many samples: those of the example, again and again."""
    return np.take(samples, np.arange(count) % len(samples), axis=0)


def _one_line(text: str) -> str:
    """Give a text as it may stand in a docstring."""
    text = legible_name(text).replace("\\", "/").replace('"', "'")
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}…"
