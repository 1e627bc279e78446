"""How a primitive of HIPS autograd is driven: its function, and the rules of ``defvjp``.

A rule takes ``ans`` and the arguments and gives a function of the gradient that comes in. Each
stands for one argument; all of them are judged together.
"""

from __future__ import annotations

import ast
import copy
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from types import CodeType, FunctionType
from typing import Any

from clearprop.check.handwritten.attempts import NoSetupError
from clearprop.check.handwritten.driving import (
    Driver,
    Given,
    Gradient,
    Parameter,
    Run,
    arguments_of,
    outputs_of,
)
from clearprop.check.handwritten.lambdas import lambda_of
from clearprop.check.handwritten.model import Candidate, Finding
from clearprop.check.handwritten.source import Source
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.state import is_array

_NUMPY = re.compile(r"\bnp\.")


class RuleDriver(Driver):
    """A function with rules for its derivative."""

    chained = True

    def __init__(self, candidate: Candidate, source: Source) -> None:
        self.primitive = candidate.backward
        self.registered: Any = _registered(self.primitive)
        if self.registered is None:
            raise NoSetupError("autograd knows no rule for it")
        fun = self.primitive.fun
        self.every = arguments_of(fun, 0)
        self.rules = rules_of(self.primitive)
        if not self.rules:
            raise NoSetupError("its rules are not written in this file")
        first = self.rules[0][1]
        names = {f"rule {i}": rule for i, (_, rule) in enumerate(self.rules)}
        namespace = {k: v for k, v in candidate.namespace.items() if not _may_loop(v, source)}
        namespace |= names
        found = replace(candidate, forward=fun, backward=first, namespace=namespace)
        super().__init__(found, source)
        self.inputs = self.every
        written = {fun, *(rule for _, rule in self.rules)}
        trees = [(f, tree) for f in written if (tree := source.tree(f)) is not None]
        self.alias = _alias_of_numpy(fun.__globals__, [tree for _, tree in trees])
        for function, tree in trees if self.alias else ():
            function.__globals__.setdefault("np", function.__globals__[self.alias])
            source.learn(function.__code__, _Renamed(self.alias).visit(copy.deepcopy(tree)))
        self.lambdas: dict[CodeType, ast.Lambda] = {}
        for _, rule in self.rules:
            if (node := lambda_of(rule)) is not None:
                self.lambdas[rule.__code__] = node
        self.upstreams = [Parameter(_takes(source.tree(first)))]
        self.returned: list[str] = []

    def forward(self, run: Run) -> tuple[Any, ...]:
        """See `Driver.forward`."""
        args, options = self._arguments(run.given)
        run.cache = self.primitive.fun(*args, **options)
        run.outputs = outputs_of(run.cache)
        return run.outputs

    def backward(self, run: Run, upstream: tuple[Any, ...]) -> None:
        """See `Driver.backward`."""
        args, options = self._arguments(run.given)
        g = upstream if isinstance(run.cache, tuple | list) else upstream[0]
        run.result = {}
        for i in self._judged(args):
            pull = self.registered((i,), run.cache, tuple(args), options)
            run.result[self.every[i].name] = next(iter(pull(g)))

    def _judged(self, args: list[Any]) -> list[int]:
        """Give the positions that have a rule of the user's and may move."""
        known = [i for i, _ in self.rules if i is not None]
        every = known or range(len(args))
        return [i for i in every if i < len(args) and _is_real(args[i])]

    def _arguments(self, given: Given) -> tuple[list[Any], Given]:
        """Give what stands by position, and the rest by name, as people call it."""
        args = [given[p.name] for p in self.every if p.required]
        rest = {p.name: given[p.name] for p in self.every if not p.required and p.name in given}
        return args, rest

    def gradients(self, run: Run, leaves: Iterable[str]) -> list[Gradient]:
        """See `Driver.gradients`."""
        found = run.result or {}
        return [Gradient(f"d{name}", name, found[name]) for name in leaves if name in found]

    def owed(self, leaves: Iterable[str], given: set[str]) -> list[str]:
        """See `Driver.owed`: an argument without a rule is meant to have none."""
        return []

    def settings(self, proposal: Any) -> Iterator[Given]:
        """See `Driver.settings`: an axis, and arguments that are broadcast."""
        defaults = {p.name: p.default for p in self.every if not p.required}
        for name in ("axis", "dim"):
            if name in defaults:
                yield {name: 0}
                yield {name: 1}
                for kept in {"keepdims", "keepdim"} & set(defaults):
                    yield {name: 0, kept: True}
        ruled = [p.name for i, p in enumerate(self.every) if i in dict(self.rules)]
        shapes = {n: proposal.specs[n].shape for n in ruled if proposal.specs[n].shape}
        for name in list(shapes)[1:]:
            if shapes[name] == next(iter(shapes.values())) and len(shapes[name]) > 1:
                kind = proposal.specs[name]
                yield {name: replace(kind, shape=shapes[name][1:])}
                yield {name: replace(kind, shape=(*shapes[name][:-1], 1))}

    def completed(self, finding: Finding) -> Finding:
        """See `Driver.completed`: the line of the rule, names and lambdas as they are written."""
        if self.alias:
            finding = replace(
                finding,
                sentence=_NUMPY.sub(f"{self.alias}.", finding.sentence),
                remedy=_NUMPY.sub(f"{self.alias}.", finding.remedy),
            )
        rule = self._rule_of(finding)
        if rule is None:
            return finding
        node = self.lambdas.get(rule.__code__)
        remedy = finding.remedy
        if node is not None and remedy.startswith("return "):
            inner = f"lambda {self.upstreams[0].name}: " * isinstance(node.body, ast.Lambda)
            remedy = f"lambda {ast.unparse(node.args)}: {inner}{remedy.removeprefix('return ')}"
        place = finding.place
        if not finding.remedy and (place is None or finding.evidence is not None):
            tree = self.source.tree(rule)
            if tree is not None:
                place = self.source.place(rule, _line_of_result(tree))
        return replace(finding, remedy=remedy, place=place)

    def _rule_of(self, finding: Finding) -> FunctionType | None:
        names = [p.name for p in self.every]
        for i, rule in self.rules:
            if i is None or f"d{names[i]}" in finding.gradient.split(", "):
                return rule
        return self.rules[0][1] if not finding.gradient else None


class _Renamed(ast.NodeTransformer):
    """Writes ``np`` for another name of NumPy, as the edits know it."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Exchange the name."""
        if node.id != self.alias:
            return node
        return ast.copy_location(ast.Name("np", node.ctx), node)


def _alias_of_numpy(names: dict[str, Any], trees: list[ast.FunctionDef]) -> str:
    """Give what functions call NumPy: ``anp``; "" where that is ``np`` or ``numpy``."""
    used = {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}
    if used & {"np", "numpy"}:
        return ""
    modules = ("autograd.numpy", "numpy")
    return next((n for n in sorted(used) if getattr(names.get(n), "__name__", "") in modules), "")


def _registered(primitive: Any) -> Any:
    core: Any = sys.modules.get("autograd.core")
    return core.primitive_vjps.get(primitive) if core is not None else None


def rules_of(primitive: Any) -> list[tuple[int | None, FunctionType]]:
    """Give the rules that a user has written, each with the argument it is for; None for all."""
    registered = _registered(primitive)
    if registered is None:
        return []
    if _is_users(registered):
        return [(None, registered)]
    found: list[tuple[int | None, FunctionType]] = []
    for cell in registered.__closure__ or ():
        held = cell.cell_contents
        pairs = held.items() if isinstance(held, dict) else [(None, held)]
        for i, rule in pairs:
            plain = rule.func if isinstance(rule, partial) else rule
            plain = function_of(plain)
            if isinstance(plain, FunctionType) and _is_users(plain):
                found.append((i, plain))
    forward = [rule for rule in found if rule[0] is not None]
    return forward or found[:1]


def _may_loop(value: Any, source: Source) -> bool:
    """Whether it is a helper with a ``while``, as ``unbroadcast`` has: an edit may never end it."""
    tree = source.tree(value) if isinstance(value, FunctionType) else None
    return tree is not None and any(isinstance(node, ast.While) for node in ast.walk(tree))


def _is_users(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).partition(".")[0] != "autograd"


def _is_real(value: Any) -> bool:
    return isinstance(value, float) or (is_array(value) and value.dtype.kind == "f")


def _takes(tree: ast.FunctionDef | None) -> str:
    """Give the name of the gradient that comes in: the argument of the function inside."""
    for node in ast.walk(tree) if tree is not None else ():
        if node is not tree and isinstance(node, ast.Lambda | ast.FunctionDef) and node.args.args:
            return node.args.args[0].arg
    return "g"


def _line_of_result(tree: ast.FunctionDef) -> int:
    """Give the line of what is returned innermost."""
    inner = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda | ast.FunctionDef)][-1]
    if isinstance(inner, ast.Lambda):
        return inner.body.lineno
    returns = [n.lineno for n in ast.walk(inner) if isinstance(n, ast.Return)]
    return max(returns, default=inner.lineno)
