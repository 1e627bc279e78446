"""How a subclass of `torch.autograd.Function` is driven, with a ``ctx`` of ours.

Torch calls ``backward`` from C++, once, and repairs what it returns: it sums a gradient to the
shape of its input. Here both methods are called as torch would call them, so that a second
backward, an exchanged body and the gradients as they were returned can be seen. What torch refuses
is refused.
"""

from __future__ import annotations

import ast
import copy
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from clearprop.check.handwritten.attempts import NoSetupError
from clearprop.check.handwritten.driving import (
    Driver,
    Given,
    Gradient,
    Parameter,
    Run,
    arguments_of,
)
from clearprop.check.handwritten.meaning import is_parameter, is_target
from clearprop.check.handwritten.model import CONVENTION, Array, Candidate, Finding, Place
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.torch_context import (
    Context,
    array_of,
    as_torch,
    is_tensor,
    loses_an_axis,
    needs_gradient,
    summed,
)
from clearprop.check.handwritten.torch_frozen import frozen_beside


class TorchDriver(Driver):
    """A subclass of `torch.autograd.Function`: arrays go in and out as NumPy float64."""

    chained = True
    numpy = "torch"

    def __init__(self, candidate: Candidate, source: Source) -> None:
        self.torch: Any = sys.modules["torch"]
        self.cls: Any = candidate.backward
        forward, backward = self._method("forward"), self._method("backward")
        names = candidate.namespace | {self.cls.__name__: self.cls}
        found = replace(candidate, forward=forward, backward=backward, namespace=names)
        super().__init__(found, source)
        base = self.torch.autograd.Function
        self.sets_up = self.cls.setup_context is not base.setup_context
        self.every = arguments_of(self.cls.forward, 0 if self.sets_up else 1)
        self.inputs = [
            Parameter(p.name) if p.default is None and is_parameter(p.name) else p
            for p in self.every
        ]
        self.upstreams = arguments_of(self.cls.backward, 1)
        self.ctx = next(iter(inspect.signature(backward).parameters), "ctx")
        tree = source.tree(forward)
        if tree is not None:
            source.learn(forward.__code__, _Keeping().visit(copy.deepcopy(tree)))
        self.returned = source.returned(backward)
        self.written, self.line = _last_return(source.tree(backward))
        pairs = zip([p.name for p in self.every], self.written, strict=False)
        self.without = {name for name, part in pairs if part == "None"}
        if len(self.written) > 1 or len(self.every) > 1:
            self.without |= {p.name for p in self.every[len(self.written) :]}
        self.remedies: dict[str, str] = {}
        self.frozen: set[str] = set()
        self.suspects_cache = tree is not None and self._renames(tree, source.tree(backward))

    def _renames(self, forward: ast.FunctionDef, backward: ast.FunctionDef | None) -> bool:
        """Whether backward calls a saved tensor as forward calls another value."""
        calls = [n for n in ast.walk(forward) if isinstance(n, ast.Call)]
        saves = [n for n in calls if ast.unparse(n.func).endswith(".save_for_backward")]
        if len(saves) != 1 or backward is None:
            return False
        saved = [ast.unparse(each) for each in saves[0].args]
        taken = [ast.unparse(each) for each in _unpacked(backward)]
        known = {n.id for n in ast.walk(forward) if isinstance(n, ast.Name)}
        pairs = zip(saved, taken, strict=False)
        return len(saved) == len(taken) and any(a != b and b in known for a, b in pairs)

    def _method(self, name: str) -> Any:
        """Give the function that a method runs; torch calls static methods only."""
        raw = inspect.getattr_static(self.cls, name)
        function = function_of(raw)
        if getattr(function, "__module__", "").partition(".")[0] == "torch":
            raise NoSetupError(f"it has no {name}")
        if not isinstance(raw, staticmethod):
            raise NoSetupError(
                f"torch calls static methods only: write @staticmethod above def {name}"
            )
        return function

    # ---- calls ---------------------------------------------------------------------------------

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        names, values = self._arguments(run.given)
        before = {n: run.given[n].copy() for n in names if isinstance(run.given.get(n), np.ndarray)}
        kind = type(f"{self.cls.__name__}Backward", (Context,), {})  # as torch calls it in errors
        ctx = kind(tuple(needs_gradient(value) for value in values))
        with self._settled(gradients=False):
            result = self._called(ctx, values)
        ctx.seal()
        for name, value in zip(names, values, strict=True):
            if any(value is each for each in ctx._dirty):
                run.given[name] = before[name]  # it said that it writes to this one
        outputs = result if isinstance(result, tuple) else (result,)
        run.layer, run.cache = ctx, (names, values, outputs)
        run.outputs = tuple(array_of(y) for y in outputs if self._differentiable(ctx, y))
        return run.outputs

    def _called(self, ctx: Context, values: list[Any]) -> Any:
        if not self.sets_up:
            return self.cls.forward(ctx, *values)
        result = self.cls.forward(*values)
        self.cls.setup_context(ctx, tuple(values), result)
        return result

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        names, values, outputs = run.cache
        rest = list(upstream)
        incoming = []
        for y in outputs:
            if self._differentiable(run.layer, y):
                incoming.append(self._tensor(rest.pop(0)))
            elif is_tensor(y):
                zeros = self.torch.zeros_like(y)
                incoming.append(zeros if run.layer._materializes else None)
            else:
                incoming.append(None)
        with self._settled(gradients=False):
            result = self.cls.backward(run.layer, *incoming)
        run.result = self._accepted(result, names, values)

    def _accepted(self, result: Any, names: list[str], values: list[Any]) -> dict[str, Any]:
        """Give the gradients by name; raise where torch would."""
        parts = list(result) if isinstance(result, tuple) else [result]
        count = len(values)
        while len(parts) > count and parts[-1] is None:
            parts.pop()
        owner = f"{self.cls.__name__}Backward"
        if len(parts) != count:
            kept = (self.written + ["None"] * count)[:count]
            many = f"forward takes {', '.join(names)}: one gradient for each, None for no tensor"
            self._refuse(
                f"function {owner} returned an incorrect number of gradients "
                f"(expected {count}, got {len(parts)}); {many}",
                kept if len(self.written) == len(parts) else [],
            )
        for i, (name, value, part) in enumerate(zip(names, values, parts, strict=True)):
            if part is not None and not is_tensor(value):
                self._refuse(
                    f"function {owner} returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable: {name} is a "
                    f"{type(value).__name__}",
                    self._with_none(i),
                )
            if part is not None and not is_tensor(part):
                kind = type(part).__name__
                self._refuse(f"expected Variable or None (got {kind})", self._with_none(i))
            if (
                part is not None
                and needs_gradient(value)
                and loses_an_axis(part.shape, value.shape)
            ):
                self._refuse(
                    f"Function {owner} returned an invalid gradient at index {i} - got "
                    f"{list(part.shape)} but expected shape compatible with {list(value.shape)}",
                    [],
                )
        arrays = [None if part is None else array_of(part) for part in parts]
        return dict(zip(names, arrays, strict=True))

    def _with_none(self, i: int) -> list[str]:
        if i >= len(self.written):
            return []
        return [*self.written[:i], "None", *self.written[i + 1 :]]

    def _refuse(self, message: str, parts: list[str]) -> NoReturn:
        """Raise at the last ``return`` of backward, so that a traceback shows it."""
        if parts:
            self.remedies[message] = f"return {', '.join(parts)}"
        code = compile("\n" * (max(self.line, 1) - 1) + "raise error", self.file, "exec")
        exec(code, {"error": RuntimeError(message)})
        raise AssertionError(message)

    # ---- gradients -----------------------------------------------------------------------------

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        leaves = set(leaves)
        return [
            Gradient(self._label(name), name, summed(part, np.shape(run.given[name])))
            for name, part in run.result.items()
            if name in leaves and (part is not None or self._is_owed(name))
        ]

    def _label(self, name: str) -> str:
        at = [p.name for p in self.every].index(name)
        given = self.returned[at] if at < len(self.returned) else ""
        return given if given and self.returned.count(given) == 1 else f"d{name}"

    def _is_owed(self, name: str) -> bool:
        return not is_target(name) and (name == self.inputs[0].name or is_parameter(name))

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`: torch asks for one gradient each, so that none is left out."""
        return []

    def moves(self, name: str, value: Any) -> bool:
        """See `Driver.moves`: what backward returns None for is a setting, unless it is owed."""
        if name not in self.without:
            return True
        return not isinstance(value, float) and self._is_owed(name)

    def examined(self, shot: Any, tolerance: float) -> list[Finding]:
        """See `Driver.examined`: each argument alone, the others frozen."""
        return frozen_beside(self, shot, tolerance)

    def plain(self, value: Any) -> Any:
        """See `Driver.plain`."""
        return array_of(value) if is_tensor(value) else value

    def conventions(self, run: Run) -> list[Finding]:
        """See `Driver.conventions`: torch sums a gradient to the shape of its input."""
        findings = []
        for name, part in (run.result or {}).items():
            shape = np.shape(run.given[name])
            if part is not None and part.shape != shape and summed(part, shape).shape == shape:
                label = self._label(name)
                sentence = (
                    f"{label} has shape {part.shape} where {name} has {shape}: torch sums it over "
                    "the other axes."
                )
                findings.append(Finding(CONVENTION, "kept-dimension", sentence, label))
        return findings

    def completed(self, finding: Finding) -> Finding:
        """See `Driver.completed`: what is refused is refused for the last ``return``."""
        remedy, sentence = self._spelled(finding.remedy), self._spelled(finding.sentence)
        sentence = re.sub(r"\bnp\.(?=\w+\()", "torch.", sentence)
        if finding.cause == "raises" and (lost := self._unsaved(finding.place)):
            sentence += " forward saves nothing for backward."
            remedy = f"{self.ctx}.save_for_backward({', '.join(lost)})  # in forward"
            return replace(finding, cause="unset", sentence=sentence, remedy=remedy)
        for message, known in self.remedies.items():
            if message in finding.sentence and not remedy:
                remedy = known
        cause = "wrong-value" if ".save_for_backward(" in remedy else finding.cause
        return replace(finding, cause=cause, sentence=sentence, remedy=remedy)

    def _spelled(self, text: str) -> str:
        return re.sub(r"\bself\.", f"{self.ctx}.", as_torch(text))

    def _unsaved(self, place: Place | None) -> list[str]:
        """Name what backward unpacks of saved tensors on a line, where forward saves none."""
        forward, backward = self.candidate.forward, self.source.tree(self.backward_function)
        setup = self.source.text(self.cls.setup_context) if self.sets_up else ""
        if place is None or backward is None or "save" in self.source.text(forward) + setup:
            return []
        lost = _unpacked(backward)
        return [ast.unparse(each) for each in lost] if lost and lost[0].lineno == place.line else []

    def settings(self, proposal: Any) -> Iterator[Given]:
        """See `Driver.settings`: what may be None."""
        for before, now in zip(self.every, self.inputs, strict=True):
            if before.default is None and now.required:
                yield {now.name: None}

    def differentiated(
        self, given: Given, leaves: Given, upstream: tuple[Any, ...]
    ) -> dict[str, Array]:
        """Let torch differentiate what forward computes, as if backward were not there.

        Raises
        ------
        TypeError
            If it cannot: forward goes through NumPy, or uses what has no derivative.
        """
        if not self.own:
            raise TypeError("torch does not follow its forward")
        values = {k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
        try:
            with self._settled(gradients=True):
                names, tensors = self._arguments(values | leaves)
                roots = dict(zip(names, tensors, strict=True))
                moved = [t.clone() if is_tensor(t) and needs_gradient(t) else t for t in tensors]
                ctx = Context(tuple(map(needs_gradient, moved)))
                result = self._called(ctx, moved)
                outputs = result if isinstance(result, tuple) else (result,)
                outputs = tuple(y for y in outputs if self._differentiable(ctx, y))
                pairs = zip(upstream, outputs, strict=True)
                total = sum((self._tensor(w) * y).sum() for w, y in pairs)
                wanted = [roots[name] for name in leaves]
                found = self.torch.autograd.grad(total, wanted, allow_unused=True)
        except Exception as error:
            raise TypeError(f"torch does not differentiate its forward ({error})") from error
        return {
            name: np.zeros(np.shape(leaves[name])) if g is None else array_of(g)
            for name, g in zip(leaves, found, strict=True)
        }

    # ---- tensors -------------------------------------------------------------------------------

    def _arguments(self, given: Given) -> tuple[list[str], list[Any]]:
        """Give the arguments of ``apply``, as far as one is given: it takes positions only."""
        last = max((i for i, p in enumerate(self.every) if p.name in given), default=-1)
        names, values = [], []
        for p in self.every[: last + 1]:
            value = given.get(p.name, p.default)
            names.append(p.name)
            plain = p.name in self.without and not isinstance(value, np.ndarray)
            values.append(value if plain else self._tensor(value, needs=p.name not in self.frozen))
        return names, values

    def _tensor(self, value: Any, needs: bool = False) -> Any:
        """Give a tensor that shares an array's memory, so that writes to it are seen."""
        if isinstance(value, np.ndarray) and value.ndim and value.dtype.kind in "fiub":
            tensor = self.torch.from_numpy(value)
        elif isinstance(value, float | np.floating) or type(value) is np.ndarray:
            tensor = self.torch.from_numpy(np.array(value))
        elif value is None or isinstance(value, int | str | tuple | list | type):
            return value
        else:
            raise TypeError(f"torch takes no {type(value).__name__}")
        if not tensor.is_floating_point():
            return tensor
        return tensor.to(self.torch.float64).requires_grad_(needs)

    def _differentiable(self, ctx: Context, y: Any) -> bool:
        constant = any(y is each for each in ctx._constant)
        return is_tensor(y) and y.is_floating_point() and not constant

    @contextmanager
    def _settled(self, *, gradients: bool) -> Iterator[None]:
        """Compute in double precision; random draws are the same each time."""
        torch = self.torch
        before, threads = torch.get_default_dtype(), torch.get_num_threads()
        torch.set_num_threads(1)  # arrays this small are slower with more
        with torch.random.fork_rng(devices=[]), torch.set_grad_enabled(gradients):
            torch.default_generator.manual_seed(0)
            torch.set_default_dtype(torch.float64)
            try:
                yield
            finally:
                torch.set_default_dtype(before)
                torch.set_num_threads(threads)


class _Keeping(ast.NodeTransformer):
    """Writes ``ctx._saved = (x, w)`` for ``ctx.save_for_backward(x, w)``: it can be edited so."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        call = node.value
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            return node
        if call.func.attr != "save_for_backward" or call.keywords:
            return node
        target = ast.Attribute(call.func.value, "_saved", ast.Store())
        made = ast.Assign([target], ast.Tuple(call.args, ast.Load()))
        return ast.fix_missing_locations(ast.copy_location(made, node))


def _unpacked(backward: ast.FunctionDef) -> list[ast.expr]:
    """Give the names under which backward has the saved tensors."""
    for node in ast.walk(backward):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
            continue
        if ast.unparse(node.value).endswith(".saved_tensors"):
            return node.targets[0].elts
    return []


def _last_return(tree: ast.FunctionDef | None) -> tuple[list[str], int]:
    """Give the source of what the last ``return`` gives, part by part, and its line."""
    returns = [n for n in ast.walk(tree) if isinstance(n, ast.Return)] if tree else []
    if not returns:
        return [], 0
    last = max(returns, key=lambda node: node.lineno)
    value = last.value
    parts = value.elts if isinstance(value, ast.Tuple) else [value] if value else []
    if any(isinstance(part, ast.Starred) for part in parts):
        return [], last.lineno
    return [ast.unparse(part) for part in parts], last.lineno
