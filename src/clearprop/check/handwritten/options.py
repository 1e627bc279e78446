"""What somebody says about a check beforehand: shapes, values, a reference, a seed."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.errors import OptionError

#: How an input can be drawn: real numbers, or integers from ``low`` up to, without, ``high``.
KINDS = ("uniform", "normal", "labels", "one-hot")


@dataclass(frozen=True)
class Drawn:
    """An input that is drawn at random.

    Attributes
    ----------
    shape : tuple of int
        Its shape.
    low, high : float
        Between these bounds. Of ``normal`` the mean is between them and the standard deviation
        a quarter of their distance; ``labels`` are the integers from low up to, without, high.
    kind : str
        ``uniform``, ``normal``, ``labels`` (class numbers) or ``one-hot`` (rows of 0 and one 1).
    """

    shape: tuple[int, ...]
    low: float = -1.0
    high: float = 1.0
    kind: str = "uniform"

    def draw(self, rng: np.random.Generator) -> np.ndarray[Any, Any]:
        """Draw it.

        Examples
        --------
        >>> Drawn((4,), 0, 3, "labels").draw(np.random.default_rng(0))
        array([2, 1, 1, 0])
        """
        if self.kind == "labels":
            return rng.integers(int(self.low), int(self.high), self.shape)
        if self.kind == "one-hot":
            classes = rng.integers(0, self.shape[-1], self.shape[:-1])
            return np.eye(self.shape[-1])[classes]
        if self.kind == "normal":
            return rng.normal((self.low + self.high) / 2, (self.high - self.low) / 4, self.shape)
        return rng.uniform(self.low, self.high, self.shape)


@dataclass(frozen=True)
class Options:
    """What is given to the checker instead of being proposed by it.

    Attributes
    ----------
    shapes : dict
        Shapes of inputs by name; ``x``, or ``Affine.x`` for one candidate only.
    values : dict
        Numbers, arrays, texts or `Drawn` by name, likewise.
    reference : str
        The named reference for what has no forward: ``softmax``.
    seed : int
        For all that is drawn.
    samples : int
        At most so many elements of an argument are moved by the numerical derivative.
    skip : frozenset of (str, int)
        Candidates, by name and line, that have been judged already.
    several : bool
        Whether they are for several files: then a name need not be known in each of them.

    Examples
    --------
    >>> options = Options(shapes={"x": (4, 3), "Conv.x": (1, 2, 5, 5)})
    >>> options.of("Conv").shapes["x"], options.of("Affine").shapes["x"]
    ((1, 2, 5, 5), (4, 3))
    """

    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    reference: str = ""
    seed: int = 0
    samples: int = 500
    skip: frozenset[tuple[str, int]] = frozenset()
    several: bool = False

    def of(self, candidate: str) -> Options:
        """Give the options of one candidate: what is said of it alone goes before the rest."""
        candidate = plain_name(candidate)
        return replace(
            self, shapes=_own(self.shapes, candidate), values=_own(self.values, candidate)
        )


def plain_name(candidate: str) -> str:
    """Give the name of a candidate as it stands in the code, without the line behind it.

    Examples
    --------
    >>> plain_name("Affine (line 12)"), plain_name("Affine")
    ('Affine', 'Affine')
    """
    return re.sub(r" \((cell \d+, )?line \d+\)$", "", candidate)


def _own(given: Mapping[str, Any], candidate: str) -> dict[str, Any]:
    common = {name: value for name, value in given.items() if "." not in name}
    start = f"{candidate}."
    own = {name[len(start) :]: v for name, v in given.items() if name.startswith(start)}
    return common | own


def parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Read ``x=4,3``: a name and a shape.

    Parameters
    ----------
    text : str
        ``x=4,3``, ``Affine.x=4,3``, or ``x=()`` for a number.

    Returns
    -------
    tuple
        The name, and the shape.

    Raises
    ------
    OptionError
        It is not a name, ``=`` and sizes.

    Examples
    --------
    >>> parse_shape("x=4,3"), parse_shape("Mul.x=()")
    (('x', (4, 3)), ('Mul.x', ()))
    """
    name, sign, sizes = (part.strip() for part in text.partition("="))
    if not sign or not name or not all(part.isidentifier() for part in name.split(".")):
        raise OptionError(
            f"--shape {text}: this is not a name, = and sizes.",
            why="a shape belongs to an input, by the name that forward gives it.",
            write="--shape x=4,3 (or --shape Affine.x=4,3 for one candidate only)",
        )
    inner = sizes.strip("()[] ")
    if not inner and sizes[:1] not in ("(", "["):
        raise OptionError(
            f"--shape {text}: there are no sizes.",
            why="a shape is whole numbers with commas between them.",
            write=f"--shape {name}=4,3 (or '{name}=()' for a number)",
        )
    words = [word.strip() for word in inner.split(",")]
    if words and not words[-1]:
        words.pop()  # the comma of a tuple of one
    if not all(word.isdecimal() and word.isascii() and int(word) > 0 for word in words):
        raise OptionError(
            f"--shape {text}: {sizes!r} is not a shape.",
            why="a shape is whole numbers above 0 with commas between them.",
            write=f"--shape {name}=4,3",
        )
    return name, tuple(map(int, words))


def parse_shapes(texts: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Read several shapes; of two for one name nobody knows which is meant.

    Raises
    ------
    OptionError
        One is not a shape, or two have one name.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, shape = parse_shape(text)
        if shapes.get(name, shape) != shape:
            raise OptionError(
                f"--shape {text}: {name} has a shape already, {shapes[name]}.",
                why="an input has one shape.",
                write=f"--shape {name}=… once (or Affine.{name}=… for one candidate only)",
            )
        shapes[name] = shape
    return shapes


def read_inputs(path: str | Path) -> dict[str, Any]:
    """Read values of inputs from a TOML file.

    Parameters
    ----------
    path : path
        ``x = [[1.0, 2.0]]`` is an array, ``t = {shape = [4], high = 3, kind = "labels"}`` is
        drawn, and a table ``[Affine]`` holds what is meant for one candidate only.

    Returns
    -------
    dict
        For `Options.values`; ``Affine.x`` for what is meant for one candidate.

    Raises
    ------
    OptionError
        The file cannot be read, or holds something else.
    """
    tables = read_toml(path, "--inputs")
    values: dict[str, Any] = {}
    for name, value in tables.items():
        if isinstance(value, dict) and "shape" not in value:
            for inner, content in value.items():
                values[f"{name}.{inner}"] = _value(f"{name}.{inner}", content, path)
        else:
            values[name] = _value(name, value, path)
    return values


def read_toml(path: str | Path, option: str) -> dict[str, Any]:
    """Read a TOML file that was given with an option.

    Raises
    ------
    OptionError
        It is not there, is no text, or no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError:
        reason = "it is not text in UTF-8"
    except tomllib.TOMLDecodeError as error:
        reason = str(error).rstrip(".")
    raise OptionError(
        f"{option} {path}: the file cannot be read: {reason}.",
        why="a TOML file is needed.",
        write=f"{option} with the path of a TOML file",
    )


def _value(name: str, value: Any, path: str | Path) -> Any:
    if isinstance(value, dict):
        return _drawn(name, value, path)
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        try:
            array = np.asarray(value)
        except ValueError:
            array = None
        if array is not None and array.dtype.kind in "biuf":
            return array
        why = "an array is a list of numbers, or of lists of numbers of equal length."
        raise _refused(name, path, "this list is no array", why, f"{name} = [[1.0, 2.0]]")
    why = "an input is a number, nested lists of numbers, a text, or a table with a shape."
    raise _refused(name, path, f"{value!r} is no input", why, f"{name} = [[1.0, 2.0]]")


def _drawn(name: str, table: dict[str, Any], path: str | Path) -> Drawn:
    write = f'{name} = {{shape = [4, 3], low = -1.0, high = 1.0, kind = "uniform"}}'
    unknown = [key for key in table if key not in ("shape", "low", "high", "kind")]
    if unknown:
        why = "what is drawn has a shape, low, high and a kind."
        raise _refused(name, path, f"{unknown[0]!r} is not known", why, write)
    shape = table.get("shape")
    if not isinstance(shape, list) or not all(type(n) is int and n > 0 for n in shape):
        why = "a shape is a list of whole numbers above 0."
        raise _refused(name, path, f"shape = {shape!r} is no shape", why, write)
    kind = table.get("kind", "uniform")
    if kind not in KINDS:
        why = f"the kinds are {', '.join(KINDS)}."
        raise _refused(name, path, f"kind = {kind!r} is not known", why, write)
    if kind == "one-hot" and not shape:
        why = "its last axis has the classes."
        raise _refused(name, path, "one-hot rows need an axis", why, write)
    low, high = table.get("low", 0 if kind == "labels" else -1.0), table.get("high", 1.0)
    for word, bound in (("low", low), ("high", high)):
        if type(bound) not in (int, float) or not math.isfinite(bound):
            why = "a bound is a finite number."
            raise _refused(name, path, f"{word} = {bound!r} is no number", why, write)
    if not low < high:
        why = f"low = {low!r} must be below high = {high!r}."
        raise _refused(name, path, "nothing lies between its bounds", why, write)
    if kind == "labels" and not (low == int(low) and high == int(high)):
        why = "class numbers are whole."
        raise _refused(name, path, "labels lie between whole numbers", why, write)
    return Drawn(tuple(shape), low, high, kind)


def _refused(name: str, path: str | Path, what: str, why: str, write: str) -> OptionError:
    return OptionError(f"--inputs {path}: {name}: {what}.", why=why, write=write)
