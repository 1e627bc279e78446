"""The definitions of a file, executed; what would train, print or read data is left out."""

from __future__ import annotations
import __future__

import ast
import builtins
import copy
import difflib
import re
import sys
import types
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clearprop.check.handwritten import prelude
from clearprop.check.handwritten.harmless import Harmless
from clearprop.check.handwritten.local import importing_from, package_above
from clearprop.check.handwritten.model import Place
from clearprop.check.handwritten.modules import module_of, name_in, register_lines
from clearprop.check.handwritten.names import Names, names_of
from clearprop.check.handwritten.placeholders import Placeholder, why_not
from clearprop.check.handwritten.reading import Block
from clearprop.check.handwritten.statements import (
    bound_by,
    is_idle,
    is_main,
    levels_of,
    registers,
    single_imports,
    what_runs_in,
)

_DEFINES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Pass | ast.Import | ast.ImportFrom

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True)
class Definition:
    """A function or class at the top of a file; one of several where its name is bound again."""

    name: str
    object: Any
    node: Function | None
    place: Place
    headings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A definition that does not parse or raised, and why."""

    name: str
    place: Place
    reason: str
    source: str = ""


@dataclass(frozen=True)
class Loaded:
    """What a file defines.

    Attributes
    ----------
    namespace : dict
        The globals of its code. What was not run is a `Placeholder`.
    notes : tuple of str
        What the reader of a report should know: names from the prelude, imports that are missing.
    failures : tuple of Failure
        Definitions that are not there.
    definitions : tuple of Definition
        All others, in order.
    registered : tuple of (str, Place)
        Functions that were given a derivative by HIPS autograd's ``defvjp``.
    """

    namespace: dict[str, Any]
    notes: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    definitions: tuple[Definition, ...] = ()
    registered: tuple[tuple[str, Place], ...] = ()


def load(blocks: list[Block], folder: str | Path | None = None) -> Loaded:
    r"""Execute the imports, definitions and harmless assignments of some blocks, in order.

    Loops, ``with``, ``if __name__ == "__main__"`` and expressions do not run, nor do assignments
    that call what might train (see `harmless`): a name that they bind raises when it is used. The
    same holds for imports that are missing. Files beside the file are imported in the same way.

    Parameters
    ----------
    blocks : list of Block
        As `read` gives them.
    folder : str or Path, optional
        Where modules of the user are looked for; the folder of the first block by default.

    Returns
    -------
    Loaded
        A name that is defined twice has two definitions.

    Examples
    --------
    >>> text = "def half(x):\n    return x / 2\ntrained = train(half)\n"
    >>> loaded = load([Block("page.md", 1, text, tree=ast.parse(text))])
    >>> loaded.namespace["half"](3.0)
    1.5
    >>> loaded.namespace["trained"]
    <trained: line 3 was not run: it calls train>
    """
    file = re.sub(r" cell \d+$", "", blocks[0].file) if blocks else ""
    module = module_of(file, blocks)
    path = Path(folder) if folder is not None else Path(file).resolve().parent
    loading = _Loading(vars(module), blocks)

    def fill(each: types.ModuleType, found: list[Block]) -> None:
        _fill(each, found, loading.notes)

    with importing_from(path, fill):
        levels = levels_of([block.tree for block in blocks if block.tree])
        module.__package__ = package_above(path, levels, fill) if levels else ""
        loading.run(blocks)
    return loading.done()


def _fill(module: types.ModuleType, blocks: list[Block], notes: list[str]) -> None:
    """Load a module of the user's that the file imports."""
    register_lines(blocks)
    loading = _Loading(vars(module), blocks)
    loading.run(blocks)
    notes += [f"{failure.place}: {failure.reason}" for failure in loading.failures]


# ---- statements --------------------------------------------------------------------------------


@dataclass
class _Loading:
    """One run through the statements of a file."""

    namespace: dict[str, Any]
    blocks: list[Block]
    notes: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)
    registered: list[tuple[str, Place]] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    flags: int = __future__.annotations.compiler_flag  # what annotates need not be importable
    bodies: dict[int, Any] = field(default_factory=dict)
    values: list[Any] = field(default_factory=list)  # kept alive: bodies knows them by id

    def __post_init__(self) -> None:
        self.names: Names = names_of([b.tree for b in self.blocks if b.tree], _texts(self.blocks))
        self.harmless = Harmless(self.namespace, self.bodies)
        self.module_name = self.namespace.get("__name__", "")

    def run(self, blocks: list[Block]) -> None:
        assumed = (set(self.names.read) | self.names.read_outside) - self.names.bound
        self.given = prelude.provide(assumed, self.namespace)
        if not blocks:
            self.notes.append("no Python code was found")
        for block in blocks:
            if block.problem:
                self._unread(block)
            cell = block.file != self.namespace.get("__file__")
            name = name_in(self.module_name, block.file) if cell else self.module_name
            self.namespace["__name__"] = name if name in sys.modules else self.module_name
            for statement in block.tree.body if block.tree else ():
                self._statement(statement, block)
        self.namespace["__name__"] = self.module_name

    def done(self) -> Loaded:
        given = [name for name, value in self.given.items() if self.namespace[name] is value]
        if given:  # what the file imported since then is its own
            verb = "was" if len(given) == 1 else "were"
            self.notes.append(f"{', '.join(given)} {verb} taken from the prelude")
        if self.skipped:
            count = len(self.skipped)
            what = "1 statement was" if count == 1 else f"{count} statements were"
            some = ", ".join(map(str, self.skipped[:8])) + (", …" if self.skipped[8:] else "")
            self.notes.append(f"{what} not run, in line {some}")
        self._undefined()
        return Loaded(
            self.namespace,
            tuple(dict.fromkeys(self.notes)),
            tuple(self.failures),
            tuple(self.definitions),
            tuple(self.registered),
        )

    def _undefined(self) -> None:
        for name, line in sorted(self.names.read.items(), key=lambda item: item[1]):
            if name in self.namespace or name in self.names.bound or hasattr(builtins, name):
                continue
            near = difflib.get_close_matches(name, _own(self.namespace), 1, 0.4)
            also = f"; the nearest name is {near[0]}" if near else ""
            self.notes.append(f"{name}, used in line {line}, is defined nowhere{also}")

    def _unread(self, block: Block) -> None:
        found = re.search(r"^\s*(?:async )?(?:def|class)\s+(\w+)", block.text, re.MULTILINE)
        line = re.match(r"line (\d+) ", block.problem)
        number = int(line[1]) if line else block.line
        self.notes.append(f"{block.file}, {block.problem}")
        if found and block.tree is None:
            place = self._place(block, number)
            self.failures.append(Failure(found[1], place, block.problem, block.text))
            reason = f"its definition does not parse ({place})"
            self.namespace[found[1]] = Placeholder(found[1], reason)

    def _statement(self, node: ast.stmt, block: Block) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self._import(node, block)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self._define(node, block)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            self._assign(node, block)
        elif isinstance(node, ast.Expr) and registers(node.value):
            self._register(node, block)
        elif isinstance(node, ast.Try) or (isinstance(node, ast.If) and not is_main(node)):
            self._branches(node, block)
        else:
            self._leave_out(node, "", quiet=is_idle(node))

    def _execute(self, node: ast.stmt, block: Block) -> None:
        tree = ast.Module([node], [])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            code = compile(tree, block.file, "exec", self.flags, dont_inherit=True)
            exec(code, self.namespace)

    def _import(self, node: ast.Import | ast.ImportFrom, block: Block) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                self.flags |= getattr(__future__, alias.name).compiler_flag
            return
        missing: dict[str, str] = {}
        for single in single_imports(node):
            try:
                self._execute(single, block)
                bound = single.names[0].asname or single.names[0].name
                if isinstance(self.namespace.get(bound), Placeholder):
                    self.given |= prelude.provide({bound}, self.namespace)
            except (Exception, SystemExit) as error:
                missing[single.names[0].name] = why_not(error)
                self._do_without(single, why_not(error))
        if missing:
            reason = next(iter(missing.values()))
            what = f" ({', '.join(missing)})" if isinstance(node, ast.ImportFrom) else ""
            where = f"line {node.lineno} of {block.file}"
            self.notes.append(f"{where} could not be imported{what}: {reason}")

    def _do_without(self, node: ast.Import | ast.ImportFrom, reason: str) -> None:
        """Let the prelude stand in for an import, or a name that says why it has no value."""
        alias = node.names[0]
        origin = (node.module if isinstance(node, ast.ImportFrom) else None) or alias.name
        bound = alias.asname or alias.name.partition(".")[0]
        if bound == "*":
            assumed = (set(self.names.read) | self.names.read_outside) - self.names.bound
            self.given |= prelude.provide(assumed - set(self.namespace), self.namespace)
        elif given := prelude.provide({bound}, self.namespace):
            self.given |= given
        else:
            why = f"{origin} could not be imported in line {node.lineno} ({reason})"
            self.namespace[bound] = Placeholder(bound, why)

    def _define(self, node: Any, block: Block) -> None:
        reason = self.harmless.reason_of_definition(node)
        if reason:
            self._failed(node, block, reason)
            return
        try:
            self._execute(self._kept(node), block)
        except (Exception, SystemExit) as error:
            self._failed(node, block, why_not(error))
            return
        self._keep(node.name, self.namespace[node.name], node, block)

    def _keep(self, name: str, value: Any, node: Any, block: Block, line: int = 0) -> None:
        if node is not None:
            self.bodies[id(value)] = node
        self.values.append(value)
        place = self._place(block, line or node.lineno)
        self.definitions.append(Definition(name, value, node, place, block.headings))

    def _failed(self, node: Any, block: Block, reason: str) -> None:
        place = self._place(block, node.lineno)
        self.failures.append(Failure(node.name, place, reason, ast.unparse(node)))
        self.notes.append(f"{node.name} ({place}) could not be defined: {reason}")
        self.namespace[node.name] = Placeholder(node.name, f"it could not be defined: {reason}")

    def _kept(self, node: Any) -> Any:
        """Leave out what would run in the body of a class."""
        if not isinstance(node, ast.ClassDef):
            return node
        kept: list[ast.stmt] = []
        for item in node.body:
            value = getattr(item, "value", None)
            binds = isinstance(item, ast.Assign | ast.AnnAssign)
            if isinstance(item, ast.ClassDef):
                kept.append(self._kept(item))
            elif self.harmless.reason_of_definition(item):
                self.skipped.append(item.lineno)
            elif (
                isinstance(item, _DEFINES)
                or isinstance(value, ast.Constant)
                or (binds and not self.harmless.reason(value))
            ):
                kept.append(item)
            else:
                self.skipped.append(item.lineno)
        found = copy.copy(node)
        found.body = kept or [ast.copy_location(ast.Pass(), node)]
        return found

    def _assign(self, node: Any, block: Block) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        reason = self.harmless.reason(node.value)
        reason = reason or next(filter(None, map(self.harmless.reason_of_target, targets)), "")
        name = getattr(targets[0], "id", "")
        if isinstance(node, ast.AugAssign) and isinstance(self.namespace.get(name), Placeholder):
            reason = reason or f"it needs {name}, which has no value here"
        if reason:
            self._leave_out(node, reason)
            return
        try:
            self._execute(node, block)
        except (Exception, SystemExit) as error:
            self._leave_out(node, f"it raises {why_not(error)}")
            return
        if not isinstance(targets[0], ast.Name):
            return
        value = self.namespace.get(targets[0].id)  # none for a mere annotation
        if isinstance(value, types.FunctionType) and id(value) not in self.bodies:
            lambda_ = node.value if isinstance(node.value, ast.Lambda) else None
            self._keep(targets[0].id, value, lambda_, block, node.lineno)

    def _leave_out(self, node: ast.stmt, reason: str, quiet: bool = False) -> None:
        """Give the names that a statement would bind a value that says why they have none."""
        if quiet:
            return
        self.skipped.append(node.lineno)
        why = f"line {node.lineno} was not run"
        for name in bound_by(node):
            held = self.namespace.get(name)
            looped = isinstance(node, ast.For | ast.While | ast.With) and held is not None
            if id(held) not in self.bodies and not looped:
                text = f"{why}: {reason}" if reason else why
                self.namespace[name] = Placeholder(name, text)

    def _register(self, node: ast.Expr, block: Block) -> None:
        call: Any = node.value
        first = call.args[0] if call.args else None
        name = call.func.value if call.func.__class__ is ast.Attribute else first
        place = self._place(block, node.lineno)
        if isinstance(name, ast.Name):
            self.registered.append((name.id, place))
        try:
            self._execute(node, block)
        except (Exception, SystemExit) as error:
            self.notes.append(f"line {node.lineno} could not be run: {why_not(error)}")

    def _branches(self, node: ast.Try | ast.If, block: Block) -> None:
        """Run a whole ``try`` or ``if`` where all that stands in it may run."""
        inner = [item for item in ast.walk(node) if isinstance(item, ast.stmt) and item is not node]
        reason = what_runs_in(node, self.harmless)
        if reason:
            self._leave_out(node, reason)
            return
        try:
            self._execute(node, block)
        except (Exception, SystemExit) as error:
            self._leave_out(node, f"it raises {why_not(error)}")
            self.notes.append(f"line {node.lineno} raises {why_not(error)}")
            return
        for item in inner:
            if isinstance(item, ast.FunctionDef | ast.ClassDef):
                value = self.namespace.get(item.name)
                code: Any = getattr(value, "__code__", None)
                if value is not None and (code is None or code.co_firstlineno == item.lineno):
                    self._keep(item.name, value, item, block)

    def _place(self, block: Block, line: int) -> Place:
        lines = block.text.splitlines()
        text = lines[line - 1].strip() if line <= len(lines) else ""
        return Place(block.file, line, text)


def _texts(blocks: list[Block]) -> list[str]:
    return [block.text for block in blocks if block.tree]


def _own(namespace: dict[str, Any]) -> list[str]:
    return [name for name in namespace if not name.startswith("__")]
