"""What decides a branch, and the values with which it goes the other way.

``if self.mode == "test"`` is traced to the argument that ``self.mode`` came from; ``"test"`` is
what to give it.
"""

from __future__ import annotations

import ast
import inspect
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from clearprop.check.handwritten.driving import Driver, Parameter
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.guesses import specs_for
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.specs import Proposal, Spec, array, value
from clearprop.check.handwritten.texts import Texts

#: What is set: an argument ``mode``, an attribute ``self.mode``, an entry ``("param", "mode")``.
Key = str | tuple[str, str]
_DEEPEST = 6
_ORDER: dict[type, Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}
#: An input of so many axes.
_OF_RANK = {1: array("D"), 2: array("N", "D"), 3: array("N", 2, "D"), 4: array("N", "C", "P", "Q")}


class Switches:
    """Finds the settings with which a condition comes out otherwise."""

    def __init__(self, driver: Driver, proposal: Proposal, texts: Callable[[], Texts]) -> None:
        self.driver = driver
        self.proposal = proposal
        self.texts = texts
        self.arguments = {p.name: p for p in getattr(driver, "upstreams", [])}
        self.arguments |= {p.name: p for p in getattr(driver, "takes", [])}
        self.arguments |= {p.name: p for p in [*driver.constructor, *driver.inputs]}
        self.trees = self._trees()

    def settings(
        self, test: ast.expr, wanted: bool, tree: ast.FunctionDef
    ) -> Iterator[dict[Key, Any]]:
        """Give what to set so that a test comes out as wanted, the likeliest first."""
        yield from self._direct(test, wanted, tree)

    def detours(self, test: ast.expr) -> Iterator[dict[Key, Any]]:
        """Give what may change a test in another way.

        Forward takes its other branches to the values in it; and at last each flag is turned round.
        """
        names = {_last(n) for n in ast.walk(test) if isinstance(n, ast.Attribute | ast.Name)}
        for other in self.trees:
            for node in ast.walk(other):
                if isinstance(node, ast.If) and names & _stored(node):
                    for way in (True, False):
                        yield from self._direct(node.test, way, other)
        for p in self.arguments.values():
            spec = self.proposal.specs.get(p.name)
            flag = p.default if spec is None else spec.value
            if type(flag) is bool:
                yield {p.name: not flag}

    def _direct(
        self, test: ast.expr, wanted: bool, tree: ast.FunctionDef
    ) -> Iterator[dict[Key, Any]]:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield from self._direct(test.operand, not wanted, tree)
        elif isinstance(test, ast.BoolOp):
            parts = [list(self._direct(part, wanted, tree)) for part in test.values]
            if isinstance(test.op, ast.And) is wanted:  # each of them must be so
                yield {k: v for part in parts for first in part[:1] for k, v in first.items()}
            for part in parts:
                yield from part
        elif isinstance(test, ast.Compare) and len(test.ops) == 1:
            yield from self._compared(test, wanted, tree)
        else:
            for key in self._keys(test, tree):
                yield from ({key: each} for each in self._truths(key, wanted))

    def _compared(
        self, test: ast.Compare, wanted: bool, tree: ast.FunctionDef
    ) -> Iterator[dict[Key, Any]]:
        kind: type = type(test.ops[0])
        left, right = test.left, test.comparators[0]
        if isinstance(left, ast.Constant):
            left, right = right, left
            swapped: dict[type, type] = {
                ast.Gt: ast.Lt,
                ast.Lt: ast.Gt,
                ast.GtE: ast.LtE,
                ast.LtE: ast.GtE,
            }
            kind = swapped.get(kind, kind)
        if kind in (ast.NotEq, ast.IsNot, ast.NotIn):
            wanted = not wanted
        try:
            literal = ast.literal_eval(right)
        except ValueError:
            return
        rank = _ranked(left)
        if rank is not None:
            yield from self._of_rank(rank, kind, literal, wanted, tree)
            return
        for key in self._keys(left, tree):
            for each in self._values(key, kind, literal, wanted, left):
                yield {key: each}

    def _values(
        self, key: Key, kind: type, literal: Any, wanted: bool, named: ast.expr
    ) -> Iterator[Any]:
        if kind in _ORDER:
            if type(literal) in (int, float):
                near = [literal, literal + 1, literal - 1, literal + 0.5, literal - 0.5]
                yield from (n for n in near if bool(_ORDER[kind](n, literal)) is wanted)
        elif kind in (ast.In, ast.NotIn):
            known = list(literal) if isinstance(literal, tuple | list | set) else []
            if wanted:
                yield from known
            else:
                yield from (s for s in self._strings(named) if s not in known)
        elif literal is None:
            yield from [None] if wanted else self._arrays(key)
        elif wanted:
            yield literal
        elif type(literal) is bool:
            yield not literal
        elif isinstance(literal, str):
            yield from (s for s in self._strings(named) if s != literal)
            yield "test" if literal.startswith("train") else f"not {literal}"
        elif type(literal) in (int, float):
            yield from (literal + 1, literal + 2, literal - 1)

    def _truths(self, key: Key, wanted: bool) -> Iterator[Any]:
        if not wanted:
            yield False
            yield None
            return
        yield True
        p = self.arguments.get(key) if isinstance(key, str) else None
        if p is not None and p.default is None:
            yield from self._arrays(key)
        elif p is not None and type(p.default) in (int, float):
            yield 0.5

    def _arrays(self, key: Key) -> list[Spec]:
        """Say what may stand in the place of None."""
        if not isinstance(key, str) or key not in self.arguments:
            return []
        role = "constructor" if key in {p.name for p in self.driver.constructor} else "argument"
        found = specs_for(Parameter(key), self.proposal.world, role, self.texts())
        return [spec for spec in found if spec.value is not None or spec.kind != "value"][:6]

    def _of_rank(
        self, thing: ast.expr, kind: type, literal: Any, wanted: bool, tree: ast.FunctionDef
    ) -> Iterator[dict[Key, Any]]:
        """Give the data as many axes as a test asks for."""
        first = next(iter(self.driver.inputs), None)
        own = self.proposal.specs.get(first.name) if first is not None else None
        if first is None or own is None or type(literal) is not int or not own.shape:
            return
        compare: Callable[[Any, Any], Any] = _ORDER.get(kind, operator.eq)
        for count, spec in _OF_RANK.items():
            if bool(compare(count, literal)) is wanted and count != len(own.shape):
                yield {first.name: spec}
                for letter in ("C", "CPQ") if count == 4 else ():  # of each channel, or flattened
                    setting: dict[Key, Any] = {first.name: spec}
                    for name, each in self.proposal.specs.items():
                        if each.shape == ("D",):
                            setting[name] = array(letter)
                    yield setting

    # ---- where a value comes from --------------------------------------------------------------

    def _keys(self, thing: ast.expr, tree: ast.FunctionDef, depth: int = 0) -> list[Key]:
        """Name the arguments, entries or attributes that an expression takes its value from."""
        if depth > _DEEPEST:
            return []
        if isinstance(thing, ast.Call):
            func = thing.func
            if isinstance(func, ast.Attribute) and func.attr == "get" and thing.args:
                return self._entries(func.value, thing.args[0], tree, depth)
            inner = func.value if isinstance(func, ast.Attribute) else next(iter(thing.args), None)
            return [] if inner is None else self._keys(inner, tree, depth + 1)
        if isinstance(thing, ast.Subscript):
            return self._entries(thing.value, thing.slice, tree, depth)
        if isinstance(thing, ast.Attribute):
            return self._of_attribute(thing, depth)
        if isinstance(thing, ast.Name):
            given = [a.arg for a in (*tree.args.args, *tree.args.kwonlyargs)]
            if thing.id in self.arguments and (thing.id in given or depth == 0):
                return [thing.id]
            found = [
                key
                for value_, inside in self._assigned(thing.id, tree)
                for key in self._keys(value_, inside, depth + 1)
            ]
            return list(dict.fromkeys(found))
        if isinstance(thing, ast.BoolOp | ast.IfExp):
            names: list[Key] = [n.id for n in ast.walk(thing) if isinstance(n, ast.Name)]
            return [name for name in names if name in self.arguments][:1]
        return []

    def _entries(
        self, owner: ast.expr, index: ast.expr, tree: ast.FunctionDef, depth: int
    ) -> list[Key]:
        if not isinstance(index, ast.Constant):
            return []
        if not isinstance(index.value, str):
            return []
        entry = index.value
        found: list[Key] = []
        for key in self._keys(owner, tree, depth + 1):
            spec = self.proposal.specs.get(key) if isinstance(key, str) else None
            if isinstance(key, str) and spec is not None and isinstance(spec.value, dict):
                found.append((key, entry))
        kept = [
            v
            for other in self.trees
            for node in ast.walk(other)
            if isinstance(node, ast.Dict)
            for k, v in zip(node.keys, node.values, strict=True)
            if isinstance(k, ast.Constant) and k.value == entry
        ]  # cache = {"mode": mode}
        found += [n.id for n in kept if isinstance(n, ast.Name) and n.id in self.arguments]
        return list(dict.fromkeys(found))

    def _of_attribute(self, thing: ast.Attribute, depth: int) -> list[Key]:
        found: list[Key] = []
        for tree in self.trees:
            for node in ast.walk(tree):
                for target, value_ in _pairs(node):
                    if isinstance(target, ast.Attribute) and target.attr == thing.attr:
                        found += self._keys(value_, tree, depth + 1)
        plain = thing.attr.strip("_")
        found += [name for name in (thing.attr, plain) if name in self.arguments]
        if not found and self._may_set(thing):
            found = [f"self.{thing.attr}"]
        return list(dict.fromkeys(found))

    def _may_set(self, thing: ast.Attribute) -> bool:
        """Whether an attribute is a flag that whoever uses the class sets."""
        driver = self.driver
        if not isinstance(driver, LayerDriver) or driver.template is not None:
            return False
        forward = getattr(driver.cls, driver.forward_name, None)
        own = isinstance(thing.value, ast.Name) and thing.value.id == "self"
        return own and forward is not None and thing.attr not in driver.source.set_of_self(forward)

    def _assigned(
        self, name: str, tree: ast.FunctionDef
    ) -> Iterator[tuple[ast.expr, ast.FunctionDef]]:
        """Give what a name is assigned; of ``x, mode = cache`` what forward put there."""
        for node in ast.walk(tree):
            for target, value_ in _pairs(node):
                if isinstance(target, ast.Name) and target.id == name:
                    yield value_, tree
                if not isinstance(target, ast.Tuple):
                    continue
                names = [getattr(part, "id", "") for part in target.elts]
                if name not in names:
                    continue
                for other in self.trees:
                    for packed in ast.walk(other):
                        if isinstance(packed, ast.Tuple) and len(packed.elts) == len(names):
                            part = packed.elts[names.index(name)]
                            if isinstance(packed.ctx, ast.Load) and other is not tree:
                                yield part, other

    def _strings(self, named: ast.expr) -> list[str]:
        """Give the texts that the code compares with a thing of this name."""
        name = _last(named)
        found: list[str] = []
        for tree in self.trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.Subscript) and _last(node.slice) == name:
                    found += self._table(node.value)
                if isinstance(node, ast.Compare) and _last(node.left) == name:
                    inner = (n for c in node.comparators for n in ast.walk(c))
                elif isinstance(node, ast.Match) and _last(node.subject) == name:
                    inner = (n for case in node.cases for n in ast.walk(case.pattern))
                else:
                    continue
                found += [
                    n.value
                    for n in inner
                    if isinstance(n, ast.Constant) and isinstance(n.value, str)
                ]
        return list(dict.fromkeys(found))

    def _table(self, thing: ast.expr) -> list[str]:
        """Give the keys of ``{"relu": …, "tanh": …}``, there or in a table of the file."""
        if isinstance(thing, ast.Dict):
            keys = [k.value for k in thing.keys if isinstance(k, ast.Constant)]
        else:
            held = self.driver.candidate.namespace.get(_last(thing))
            keys = list(held) if isinstance(held, dict) else []
        return [key for key in keys if isinstance(key, str)]

    def _trees(self) -> list[ast.FunctionDef]:
        """Give the syntax of forward and backward, and of all methods beside them."""
        driver = self.driver
        functions: list[Any] = [driver.candidate.forward, driver.backward_function]
        if isinstance(driver, LayerDriver):
            functions = [f for base in driver.cls.__mro__[:-1] for f in vars(base).values()]
        found = [driver.source.tree(f) for f in functions if inspect.isfunction(function_of(f))]
        return [tree for tree in found if tree is not None]


def changed(proposal: Proposal, setting: dict[Key, Any]) -> Proposal:
    """Give a proposal with other values."""
    specs: dict[str, Spec] = {}
    for key, thing in setting.items():
        if isinstance(key, tuple):
            name, entry = key
            held = specs.get(name, proposal.specs[name])
            specs[name] = value(held.value | {entry: thing})
        else:
            specs[key] = thing if isinstance(thing, Spec) else value(thing)
    return proposal.with_specs(specs)


def said(setting: dict[Key, Any], proposal: Proposal) -> str:
    """Write a setting as a person does: ``mode = 'test'``."""
    parts = []
    for key, thing in setting.items():
        name = key if isinstance(key, str) else f"{key[0]}[{key[1]!r}]"
        if isinstance(thing, Spec) and thing.kind != "value":
            sizes = (proposal.dims[n] if isinstance(n, str) else n for n in thing.shape)
            parts.append(f"{name} of shape ({', '.join(map(str, sizes))})")
        else:
            parts.append(f"{name} = {thing.value if isinstance(thing, Spec) else thing!r}")
    return ", ".join(parts)


def attributes_made_of(name: str, trees: list[ast.FunctionDef]) -> set[str]:
    """Name the attributes that are assigned something with a name in it: ``self.kind = mode``."""
    return {
        _last(target)
        for tree in trees
        for node in ast.walk(tree)
        for target, value_ in _pairs(node)
        if isinstance(target, ast.Attribute)
        and any(isinstance(n, ast.Name) and n.id.strip("_") == name for n in ast.walk(value_))
    }


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Give target and value of an assignment; of ``a, b = x, y`` each of them."""
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
            else:
                yield target, node.value


def _ranked(thing: ast.expr) -> ast.expr | None:
    """Give ``x`` of ``x.ndim``, ``len(x.shape)`` or ``np.ndim(x)``."""
    text = ast.unparse(thing)
    if isinstance(thing, ast.Attribute) and thing.attr == "ndim":
        return thing.value
    if isinstance(thing, ast.Call) and re.match(r"^(len\(.*\.shape\)|np\.ndim\(.*\))$", text):
        return thing.args[0]
    return None


def _stored(node: ast.AST) -> set[str]:
    """Name what is assigned to somewhere inside, attributes by their own name."""
    return {
        _last(n)
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute | ast.Name) and isinstance(n.ctx, ast.Store)
    }


def _last(thing: ast.AST) -> str:
    """Give the last name of an expression: ``mode`` of ``self.mode`` and of ``param["mode"]``."""
    if isinstance(thing, ast.Name):
        return thing.id.strip("_")
    if isinstance(thing, ast.Attribute):
        return thing.attr.strip("_")
    if isinstance(thing, ast.Subscript):
        return str(getattr(thing.slice, "value", ""))
    if isinstance(thing, ast.Call) and isinstance(thing.func, ast.Attribute):
        return _last(thing.func.value)
    return ""
