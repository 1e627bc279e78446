"""The text of a standalone file, put together from generated functions."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import numpy as np

import clearprop
from clearprop.interop.preparations import (
    ARRAYS,
    metadata_lines,
    arrays_of,
    example_for,
    said_of,
    text_of,
)
from clearprop.interop.programs import Functions
from clearprop.interop.weights import arrays_beside, arrays_inside
from clearprop.data.preparing import Preparation
from clearprop.outside import imports_of, packages_of
from clearprop.nn.sequential import Sequential
from clearprop.source.layout import WIDTH
from clearprop.source.literals import literal
from clearprop.source.module import constant_lines

_COMPARED = 10  # numbers by which the file checks itself
_GAP = "\0"  # a space at which no line is broken

#: What the functions of the file, and its arrays, are called: no variable has such a name.
OWN = {
    *("np", "N", "PARAMS", "STATE", "CONSTANTS", "ARRAYS", "CLASSES", "Path", "base64", "sys"),
    *("prepare", ARRAYS),
    *("main", "network", "predict", "forward", "backward", "step"),
}


class StandaloneText:
    """A file with ``predict``, with or without ``step``.

    Parameters
    ----------
    network : Sequential
    x : ndarray
        Some samples.
    predict : Functions
    step : Functions or None
    prepare : Scaled, Standardized or None
        What is done to samples first.
    metadata : dict of str to str
        For the first lines.
    classes : tuple of str
        The names of the classes, if there are any.

    Attributes
    ----------
    arrays : dict of str to ndarray
        All that belong to it, by their own names.
    """

    def __init__(
        self,
        network: Sequential,
        x: Any,
        predict: Functions,
        step: Functions | None,
        prepare: Preparation | None,
        metadata: dict[str, str],
        classes: tuple[str, ...] = (),
    ) -> None:
        self.network, self.x = network, x
        self.prepare, self.metadata, self.classes = prepare, metadata, classes
        self.predict, self.step = predict, step
        self.parts = [predict, *([] if step is None else [step])]
        self.y = network.predict(x)
        state = network.state
        names = [n for n in network.buffers if any(n in part.state for part in self.parts)]
        self.groups: dict[str, dict[str, Any]] = {
            ARRAYS: arrays_of(prepare),
            "PARAMS": dict(network.params),
            "STATE": {name: state[name] for name in names},
            "CONSTANTS": {n: a for part in self.parts for n, a in part.constants.items()},
        }
        self.groups = {name: arrays for name, arrays in self.groups.items() if arrays}
        self.arrays = {n: a for arrays in self.groups.values() for n, a in arrays.items()}

    def run(self) -> dict[str, Any]:
        """Execute it, but for its arrays, which are there."""
        module: dict[str, Any] = {"__name__": "standalone", **self.groups}
        exec(compile(self._functions([]), "<standalone>", "exec"), module)
        return module

    def whole(self, beside: str | None) -> str:
        """Give the text, with its arrays or with the name of the file beside it that has them.

        The weights stand last, so that one reads the computation first.
        """
        if beside is None:
            weights = arrays_inside(self.groups)
            own = ["import base64", ""] if "base64" in weights else []
        else:
            weights, own = arrays_beside(self.groups, beside), ["from pathlib import Path", ""]
        functions = self._functions(own)
        classes = ["\n".join(self._classes())] if self.classes else []
        return "\n\n\n".join([functions, *classes, weights, "\n".join(self._main())]) + "\n"

    def _functions(self, own: list[str]) -> str:
        written = {name: a for part in self.parts for name, a in part.written.items()}
        helpers = self.parts[-1].helpers.texts
        blocks = [*([text] for text in helpers.values()), self.predict.lines]
        if self.prepare is not None:
            blocks.append(text_of(self.prepare))
        blocks.append(self._predict())
        if self.step is not None:
            blocks += [self.step.lines, self._step(self.step)]
        said = [line for block in blocks for line in block]
        head = [*self._head(packages_of(said)), "", *own, *imports_of(["np.", *said])]
        if written:
            head += ["", *constant_lines(written)]
        blocks.insert(0, head)
        return "\n\n\n".join("\n".join(block) for block in blocks)

    # ---- above the functions -------------------------------------------------------------------

    def _head(self, packages: list[str]) -> list[str]:
        x, y = (self._form(array, self.predict) for array in (self.x, self.y))
        N = ", for N samples" if self.predict.is_free else ""
        kind = "" if self.prepare is not None else f", {self.x.dtype}"
        rows = [("predict(x)", f"y {y} of x {x}{kind}{N}")]
        if self.prepare is not None:
            rows.append(("prepare(x)", f"part of predict: {said_of(self.prepare)}"))
        if self.step is not None:
            call, gives = self._call(self.step)
            rows.append((f"step({call}, lr)", f"{gives} after a step of gradient descent"))
        rows += [
            (name, ", ".join(f"{key}{_GAP}{_unbroken(array)}" for key, array in arrays.items()))
            for name, arrays in self.groups.items()
        ]
        rows += metadata_lines(self.metadata)
        width = max(len(name) for name, _ in rows) + 4
        fixed = [
            f"{name} takes x of shape {self.x.shape} alone: {part.reason}."
            for name, part in zip(("predict", "step"), self.parts, strict=False)
            if part.reason
        ]
        needs = " and ".join(["NumPy", *packages])
        return [
            f'"""Needs only {needs}: a {type(self.network).__name__}, written by clearprop '
            f"{clearprop.__version__}.",
            "",
            *(line for name, text in rows for line in _wrapped(f"{name:{width}}{text}", width)),
            *([""] if fixed else []),
            *(line for text in fixed for line in _wrapped(text, 0)),
            "",
            *self._commands(),
            "python FILE                checks that results are those it had when it was written",
            '"""',
        ]

    def _form(self, array: Any, part: Functions) -> str:
        """Write a shape, with N for the number of samples."""
        if not part.is_free or array.shape[:1] != self.x.shape[:1]:
            return str(array.shape)
        return (
            "(" + ", ".join(["N", *map(str, array.shape[1:])]) + (")" if array.ndim > 1 else ",)")
        )

    def _call(self, step: Functions) -> tuple[str, str]:
        state = ", state" if "state" in step.arguments else ""
        return f"params{state}, x, t", f"(params{state}, loss)"

    # ---- functions -----------------------------------------------------------------------------

    def _predict(self) -> list[str]:
        part = self.predict
        others = [name for name in part.arguments if name != "x"]
        given = "".join(f", {name}=None" for name in others)
        x, y = (self._form(array, part) for array in (self.x, self.y))
        return [
            f"def predict(x{given}):",
            f'    """Compute y, shape {y}, of samples x, shape {x}."""',
            *(f"    {n} = {n.upper()} if {n} is None else {n}" for n in others),
            *self._taken("x", f'np.asarray(x, "{self.x.dtype}")'),
            *self._checked(part),
            *self._prepared(),
            f"    return network({', '.join(part.passed)})",
        ]

    def _step(self, part: Functions) -> list[str]:
        call, gives = self._call(part)
        state = "state, " if "state" in part.arguments else ""
        return [
            f"def step({call}, lr):",
            f'    """Go one step down the gradient: {gives}, with the loss before it."""',
            *self._taken("x, t", f'np.asarray(x, "{self.x.dtype}"), np.asarray(t)'),
            *self._checked(part),
            *self._prepared(),
            f"    loss, {state}saved = forward({', '.join(part.passed)})",
            "    gradients = backward(saved)",
            "    lr = float(lr)  # a NumPy float64 would make float64 of float32",
            "    params = {name: p - lr * gradients[name] for name, p in params.items()}",
            f"    return params, {state}loss",
        ]

    def _taken(self, names: str, arrays: str) -> list[str]:
        plain = arrays if self.prepare is None else arrays.replace(f', "{self.x.dtype}"', "")
        return [f"    {names} = {plain}"]

    def _prepared(self) -> list[str]:
        return [] if self.prepare is None else ["    x = prepare(x)"]

    def _checked(self, part: Functions) -> list[str]:
        found, shape = (
            ("x.shape[1:]", self.x.shape[1:]) if part.is_free else ("x.shape", self.x.shape)
        )
        message = f"x has shape {{x.shape}}, and not {self._form(self.x, part)}"
        return [f"    if {found} != {shape}:", f'        raise ValueError(f"{message}")']

    def _commands(self) -> list[str]:
        if not self.classes:
            return ["python FILE x.npy y.npy    predicts the samples of x.npy"]
        return [
            "python FILE x.npy          prints the class of each sample of x.npy",
            "python FILE x.npy y.npy    saves their scores",
        ]

    # ---- below the functions -------------------------------------------------------------------

    def _saved(self) -> list[str]:
        """Say what has been written, and what it means where that is known."""
        meant = textwrap.wrap(self.metadata.get("y", ""), WIDTH - 20)
        if not meant:
            return ['        return print(f"{arguments[1]}: y {y.shape}")']
        said = [*(f"{line} " for line in meant[:-1]), meant[-1]]
        return [
            "        return print(",
            '            f"{arguments[1]}: y {y.shape}, "',
            *(f"            {json.dumps(line, ensure_ascii=False)}" for line in said),
            "        )",
        ]

    def _classes(self) -> list[str]:
        lines = [f"    {json.dumps(name)}," for name in self.classes]
        return ["# fmt: off", "CLASSES = (", *lines, ")", "# fmt: on"]

    def _printed(self) -> list[str]:
        """Print numbers; or the name of each class, a line a sample, as a command does."""
        if not self.classes:
            return ["            return print(y)"]
        return [
            "            for scores in y:",
            "                print(CLASSES[scores.argmax()])",
            "            return None",
        ]

    def _main(self) -> list[str]:
        shape = (2, *self.x.shape[1:]) if self.predict.is_free else self.x.shape
        text, x = example_for(self.prepare, shape, self.x.dtype)
        with np.errstate(all="ignore"):
            y = self.network.predict(x).reshape(-1)[:_COMPARED]
        rounding = 1e-9 if y.dtype == np.float64 else 1e-5
        most = float(np.max(np.abs(y), where=np.isfinite(y), initial=0.0))
        numbers = _wrapped(f"expected = {literal(y.astype(float))}", 4, WIDTH - 4)
        least = f"{rounding * most:.0e}"
        close = f"np.testing.assert_allclose(found, expected, rtol={rounding}, atol={least})"
        return [
            "def main(arguments):",
            '    """Predict the samples of a .npy file; without one, check this file."""',
            "    if arguments:",
            "        y = predict(np.load(arguments[0]))",
            "        if len(arguments) == 1:",
            *self._printed(),
            "        np.save(arguments[1], y)",
            *self._saved(),
            f"    x = {text}",
            f"    found = predict(x).reshape(-1)[:{_COMPARED}]",
            "    # fmt: off",
            *(f"    {line}" for line in numbers),
            "    # fmt: on",
            f"    {close}",
            '    return print("The results are those it had when it was written.")',
            "",
            "",
            'if __name__ == "__main__":',
            "    import sys",
            "",
            "    main(sys.argv[1:])",
        ]


def _wrapped(text: str, indent: int, width: int = WIDTH) -> list[str]:
    wrapped = textwrap.wrap(text, width, subsequent_indent=" " * indent, break_on_hyphens=False)
    return [line.replace(_GAP, " ") for line in wrapped]


def _unbroken(array: Any) -> str:
    return str(array.shape).replace(" ", _GAP)
