"""Which lines of a backward pass a gradient is made by, read from the names that its lines use."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from clearprop.check.handwritten.edits.trees import BLOCKS, dotted, names_in
from clearprop.check.handwritten.meaning import last_of

#: Names of libraries and of the object: no data is in them.
_NO_DATA = frozenset({"np", "numpy", "torch", "self"})


@dataclass(frozen=True)
class Slices:
    """The lines that each name of a function is made by, whatever the order in which they run.

    Attributes
    ----------
    made : dict
        Of each name that is set: for each place where it is, the lines (the statement, and the
        loops and conditions around it) and the names that they read.
    returned : list
        Of each part of what is returned, the same.
    """

    made: dict[str, list[tuple[frozenset[int], frozenset[str]]]] = field(default_factory=dict)
    returned: list[tuple[frozenset[int], frozenset[str]]] = field(default_factory=list)

    def of(self, label: str) -> frozenset[int]:
        """Give the lines that make a gradient; none where no name is its name."""
        label = label.strip("[]'\"")
        names = [name for name in self.made if last_of(name) == last_of(label)]
        ends = [end for end in self.returned if any(last_of(n) == last_of(label) for n in end[1])]
        if not names and not ends:
            names = self._updated(last_of(label).removeprefix("d"))
        if not names and not ends:
            ends = self.returned
        lines = {line for end in ends for line in end[0]}
        for name in self.reaching(names or {name for end in ends for name in end[1]}):
            lines |= {line for at, _ in self.made.get(name, ()) for line in at}
        return frozenset(lines)

    def _updated(self, of: str) -> list[str]:
        """Give a parameter that is made of itself: its change says what its gradient is."""
        ways = ((name, read) for name, each in self.made.items() for _, read in each)
        return [name for name, read in ways if last_of(name) == of and name in read]

    def around(self, line: int) -> frozenset[int]:
        """Give the lines that make what the statement on a line reads."""
        read = {n for ways in self.made.values() for at, names in ways if line in at for n in names}
        read |= {n for at, names in self.returned if line in at for n in names}
        return frozenset(found for name in read for found in self.of(name) if name in self.made)

    def reaching(self, names: Iterable[str]) -> set[str]:
        """Give all names that some names are made of, themselves included."""
        seen: set[str] = set()
        waiting = [*names]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += [n for _, read in self.made.get(name, ()) for n in read]
        return seen


def dead_names(function: ast.FunctionDef) -> set[str]:
    """Name what a function computes and what takes no part in all that it gives."""
    slices = slices_of(function)
    given = {name for _, names in slices.returned for name in names}
    taken = {argument.arg for argument in function.args.args}
    outside = {name for name in slices.made if "." in name or name in taken}
    live = slices.reaching(given | outside)
    computed = {
        target.id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Name | ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return {n for n in computed - live if not n.startswith("_")}


def slices_of(function: ast.FunctionDef) -> Slices:
    """Read which names each statement of a function sets and reads."""
    slices = Slices()
    _read(function.body, frozenset(), frozenset(), slices)
    return slices


def _read(
    block: Iterable[ast.stmt], lines: frozenset[int], names: frozenset[str], slices: Slices
) -> None:
    for statement in block:
        here = lines | {statement.lineno}
        for targets, read in _assignments(statement):
            for name in targets:
                slices.made.setdefault(name, []).append((here, names | read))
        if isinstance(statement, ast.Return) and statement.value is not None:
            value = statement.value
            parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
            slices.returned.extend((here, names | _names(part)) for part in parts)
        around = _names(*(getattr(statement, f, None) for f in ("test", "iter")))
        targets = set(names_in(statement.target)) if isinstance(statement, ast.For) else set()
        for part in BLOCKS:
            inner = getattr(statement, part, None)
            if isinstance(inner, list) and not isinstance(statement, ast.FunctionDef):
                below = [h for each in inner for h in getattr(each, "body", [])]
                inner = inner if part != "handlers" else below
                _read(inner, here, names | around | targets, slices)


def _assignments(statement: ast.stmt) -> Iterator[tuple[set[str], frozenset[str]]]:
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            yield from _assigned(target, statement.value)
    elif isinstance(statement, ast.AugAssign):
        yield set(names_in(statement.target)), _names(statement.target, statement.value)
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield from _assigned(statement.target, statement.value)
    elif isinstance(statement, ast.For):
        yield set(names_in(statement.target)), _names(statement.iter)
    elif isinstance(statement, ast.FunctionDef):
        yield {statement.name}, _names(statement)
    elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        # np.add.at(dW, i, e), dxs.append(dx): what a call is given may be written to
        read = _names(statement.value)
        yield {name for name in read if name not in _NO_DATA}, read


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[set[str], frozenset[str]]]:
    several = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
    if several and len(target.elts) == len(value.elts):  # type: ignore[attr-defined]
        for one, its_value in zip(target.elts, value.elts, strict=True):  # type: ignore[attr-defined]
            yield from _assigned(one, its_value)
        return
    inside = [n for n in ast.walk(target) if isinstance(n, ast.Subscript)]
    named = set(names_in(target))
    keyed = {f"{dotted(n.value)}.{n.slice.value}" for n in inside if _is_key(n)}  # type: ignore[attr-defined]
    yield (keyed or named), _names(value, *(n.slice for n in inside))


def _is_key(node: ast.Subscript) -> bool:
    return isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)


def _names(*nodes: ast.AST | None) -> frozenset[str]:
    """Find the names that expressions read: ``x``, ``self.W``, ``grads.W1`` for ``grads["W1"]``."""
    found: set[str] = set()
    for node in nodes:
        for part in ast.walk(node) if node is not None else ():
            if isinstance(part, ast.Name):
                found.add(part.id)
            elif isinstance(part, ast.Attribute) and dotted(part):
                found.add(dotted(part))
            elif isinstance(part, ast.Subscript) and _is_key(part) and dotted(part.value):
                found.add(f"{dotted(part.value)}.{part.slice.value}")  # type: ignore[attr-defined]
    return frozenset(found - _NO_DATA)


def blamed(function: ast.FunctionDef, wrong: Iterable[str], right: Iterable[str]) -> dict[int, int]:
    """Say how well each line explains which gradients are wrong; lines not given explain nothing.

    Parameters
    ----------
    wrong, right : iterable of str
        The labels of the gradients that are wrong, and of those that are right.

    Returns
    -------
    dict
        Line → 0 where it takes part in all the wrong and in none of the right gradients, 1 where
        in all the wrong and in some right ones, 2 where in some of the wrong.

    Examples
    --------
    >>> import ast
    >>> source = '''def backward(self, dout):
    ...     dz = dout * self.mask
    ...     self.dW = self.x.T @ dz
    ...     return dz @ self.W
    ... '''
    >>> blamed(ast.parse(source).body[0], ["dW"], ["dx"])
    {2: 1, 3: 0}
    """
    slices = slices_of(function)
    of_wrong = [lines for label in wrong if (lines := slices.of(label))]
    of_right: set[int] = set()
    for label in right:
        of_right |= slices.of(label)
    found: dict[int, int] = {}
    for line in sorted(set().union(*of_wrong)) if of_wrong else ():
        everywhere = all(line in lines for lines in of_wrong)
        found[line] = (1 if line in of_right else 0) if everywhere else 2
    return found
