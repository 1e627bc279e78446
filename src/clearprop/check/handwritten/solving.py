"""Edits that are computed, not guessed: what a statement lacks to give a true gradient.

Forward says what the gradient of everything in it is. Where a statement of backward gives
none of them, each part of it is solved for (`inverting`), and what is missing there is looked
for among the values that the line can read (`matching`). Whether it mends anything is
found out as with other edits: by running it.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.driving_functions import DerivativeDriver
from clearprop.check.handwritten.edits.model import Edit, World
from clearprop.check.handwritten.edits.scope import Scope, is_gradient
from clearprop.check.handwritten.edits.trees import Path, binary, negative, put
from clearprop.check.handwritten.inverting import Needed, needed_in
from clearprop.check.handwritten.matching import Match, Pool
from clearprop.check.handwritten.meaning import last_of, stems
from clearprop.check.handwritten.model import Array
from clearprop.check.handwritten.probing import Shot, quiet
from clearprop.check.handwritten.state import is_array
from clearprop.check.handwritten.straight import (
    expressions_of,
    is_plain,
    straight,
    targets_of,
    values_before_lines,
)
from clearprop.check.handwritten.truth import Cotangents

#: Of computing time, in seconds; of edits; of gradients that a statement might have to give.
_SECONDS, _MOST, _GOALS = 0.3, 60, 8
#: So many ways to mend one part are followed.
_WAYS = 6
#: Arrays with more entries are left alone: what is solved must not cost more than it saves.
_LARGEST = 5000
#: What is so much smaller than the largest entry is taken for 0.
_TINY = 1e-12


class Solver:
    """What the lines of a function can read, and what they ought to give."""

    def __init__(
        self, driver: Driver, shot: Shot, function: Any, tree: ast.FunctionDef, scope: Scope
    ) -> None:
        self.driver, self.shot, self.function, self.tree, self.scope = (
            driver,
            shot,
            function,
            tree,
            scope,
        )
        self.before = values_before_lines(driver, shot, function.__code__)
        self.world = World(tree, scope, lambda _: None)
        self._pools: dict[Any, Pool] = {}

    def edits(self, truths: Cotangents, wanted: set[int], suspect: int) -> Iterator[Edit]:
        """Give edits of the wanted lines, those of the suspect first."""
        end = time.process_time() + _SECONDS
        places = [place for place in straight(self.tree) if not wanted or place[2].lineno in wanted]
        places.sort(key=lambda p: (not self._gives(p[2]), p[2].lineno != suspect))
        for given, edit in enumerate(self._all(places, truths, end)):
            if edit is not None:
                yield edit
            if given >= _MOST or time.process_time() > end:
                return

    def _all(
        self, places: list[tuple[Path, int, ast.stmt]], truths: Cotangents, end: float
    ) -> Iterator[Edit | None]:
        for known in (False, True):
            for path, start, statement in places:
                for match, part, how in self._matches(statement, truths, known):
                    yield self._edit(path, start, statement, match, part, how)
                if time.process_time() > end:
                    return
            for path, start, statement in places if not known else ():
                yield from self._inserted(path, start, statement, truths)
                if time.process_time() > end:
                    return

    def _inserted(
        self, path: Path, start: int, statement: ast.stmt, truths: Cotangents
    ) -> Iterator[Edit]:
        """Add to a value after it, or after the line whose result is read nowhere."""
        target = targets_of(statement)[0] if isinstance(statement, ast.Assign) else ""
        if not target.isidentifier():
            return
        unread = {name for name in self.world.dead if not self.world.used.get(name)}
        ends = [p for p in straight(self.tree) if set(targets_of(p[2])) & unread]
        ends.append((path, start, statement))
        for its_path, at, last in ends:
            if last.lineno < statement.lineno:
                continue
            line = self._next(last.lineno)
            env = self.before.get(line)
            if env is None or not is_array(env.get(target)):
                continue
            value: Array = env[target]
            if not 2 < value.size <= _LARGEST:
                continue
            pool = self._pool(value.shape, line, env)
            for goal in self._goals(statement, value, "", None, truths):
                rest = goal - value
                ways = [*pool.terms(rest), *(m for m in pool.quotients(rest) if m.over)]
                needed = set(targets_of(last)) & unread
                ways = [m for m in ways if not needed or needed & {*m.over, *m.under}]
                for match in sorted(ways, key=lambda m: m.simplicity)[:_WAYS]:
                    source = f"{match.source or '1'}"
                    source += f" / ({match.divisor})" if match.divisor else ""
                    sign = "-" if match.number < 0 else "+"
                    new = ast.parse(f"{target} {sign}= {self.scope.spelled(source)}").body[0]
                    for node in ast.walk(new):
                        if hasattr(node, "lineno"):
                            ast.copy_location(node, last)
                    rank = 1.5 + 0.3 * match.simplicity
                    what = f"`{ast.unparse(new)}` after it"
                    where = (self.tree, its_path, at, (last,), (last, new), self.scope.source)
                    yield Edit("missing-term", last.lineno, rank, what, *where, solved=True)

    def _next(self, line: int) -> int:
        """Give the first line that runs after another, of the straight ones."""
        later = [n for n in self.before if n > line]
        return min(later, default=0)

    def _matches(
        self, statement: ast.stmt, truths: Cotangents, known: bool
    ) -> Iterator[tuple[Match, Needed, str]]:
        env = self.before.get(statement.lineno)
        if env is None:
            return

        def value_of(node: ast.expr) -> Any:
            return self._value(node, env)

        for node, path, old in expressions_of(statement):
            value = value_of(node)
            if not is_array(value) or value.dtype.kind != "f" or not 2 < value.size <= _LARGEST:
                continue
            if truths.knows(value) != known:
                continue
            for goal in self._goals(statement, value, old, value_of, truths):
                for part in needed_in(node, path, goal, value_of):
                    yield from self._of_part(part, statement.lineno, env)

    def _of_part(
        self, part: Needed, line: int, env: dict[str, Any]
    ) -> Iterator[tuple[Match, Needed, str]]:
        pool = self._pool(part.value.shape, line, env)
        needed = np.where(np.abs(part.needed) < _TINY * np.max(np.abs(part.needed)), 0, part.needed)
        with np.errstate(all="ignore"):
            rest = needed - part.value
            ratio = needed / part.value
        own = ast.unparse(part.node)
        ways = [(m, "+") for m in pool.terms(rest) if own not in m.over]
        ways += [(m, "+") for m in pool.quotients(rest) if m.over and own not in m.over]
        ways += [(m, "*") for m in pool.terms(ratio)] + [(m, "*") for m in pool.quotients(ratio)]
        if isinstance(part.node, ast.Name | ast.Attribute):
            ways += [(m, "=") for m in pool.terms(part.needed) if m.over and own not in m.over]
        if not ways and len(part.path) == 1:
            ways = [(m, "+") for m in pool.triples(rest)]
        ways.sort(key=lambda way: way[0].simplicity)
        for match, how in ways[:_WAYS]:
            yield match, part, how

    def _goals(
        self, statement: ast.stmt, value: Array, old: str, value_of: Any, truths: Cotangents
    ) -> list[Array]:
        """Give what an expression might have to be."""
        names = [last_of(name) for name in targets_of(statement)]
        labels = {last_of(c.gradient.label) for c in self.shot.wrong}
        mine = isinstance(statement, ast.Return) or any(name in labels for name in names)
        goals: list[Array] = []
        for c in self.shot.wrong if mine else ():
            if c.found is None or c.kind == "none" or c.found.shape != value.shape:
                continue
            if c.expected.shape == value.shape:
                goals.append(c.expected)
                with np.errstate(all="ignore"):  # a derivative is multiplied by what comes in
                    goals.append(c.expected * (value / c.found))
        if not truths.scaled:
            said = {stem for name in names for stem in stems(name)}
            pairs = [(label, g) for label, g in truths.values if g.shape == value.shape]
            pairs.sort(key=lambda pair: last_of(pair[0] or "") not in said)
            goals += [g for _, g in pairs]
        before: Any = (
            value_of(ast.parse(targets_of(statement)[0], mode="eval").body) if old else 0.0
        )
        if old in ("+", "-", "*", "/") and not is_array(before):
            return []
        fitting = (g for g in goals if old == "" or g.shape == np.shape(before))
        whole = [_undone(g, before, old) for g in fitting]
        distinct: list[Array] = []
        for g in whole:
            fits = g.shape == value.shape and np.isfinite(g).all() and bool(np.any(g))
            if fits and not any(np.allclose(g, other) for other in [value, *distinct]):
                distinct.append(g)
        return distinct[:_GOALS]

    def _value(self, node: ast.expr, env: dict[str, Any]) -> Any:
        if not is_plain(node, self.scope.functions):
            return None
        try:
            with quiet():
                code = compile(ast.Expression(node), "<part>", "eval")
                return eval(code, self.function.__globals__, env)
        except Exception:
            return None

    def _pool(self, shape: tuple[int, ...], line: int, env: dict[str, Any]) -> Pool:
        key = shape, line
        if key not in self._pools:
            sources = dict.fromkeys([*self.scope.reads(line), *self.scope.factors[:80]])
            arrays = [n for n in self.scope.reads(line) if self.scope.value(n).shape][:3]
            calls = (f"{f}({n})" for f in self.scope.functions[:4] for n in arrays)
            sources.update(dict.fromkeys(calls))
            for name in self.scope.reads(line):
                value = self._value(_parsed(name), env)
                if is_array(value) and value.ndim > 1 and is_gradient(name):
                    sources[f"{name}.sum(axis=-1, keepdims=True)"] = None
                    sources[f"{name}.sum(axis=0)"] = None
                fewer = is_array(value) and is_gradient(name) and 0 < value.ndim == len(shape) - 1
                if fewer and value.shape == shape[:-1]:  # ds[..., None] * u
                    sources[f"{name}[..., None]"] = None
                elif fewer and value.shape == (*shape[:-2], shape[-1]):
                    sources[f"{name}[..., None, :]"] = None
            sources.update(dict.fromkeys(self._products(shape, line, env)))
            values = {}
            for source in sources:
                if self.world.read(source, line) is None:
                    continue
                value = self._value(_parsed(self.scope.spelled(source)), env)
                shaped = is_array(value) and value.ndim > 0 and value.size <= _LARGEST
                if shaped or (type(value) is float and value not in (0.0, 1.0)):
                    values[source] = value
            counts = {}
            for source in self.scope.batch[:4]:
                count = self._value(_parsed(source), env)
                if isinstance(count, int | np.integer) and count > 1:
                    counts[source] = float(count)
            self._pools[key] = Pool(values, shape, counts)
        return self._pools[key]

    def _products(self, shape: tuple[int, ...], line: int, env: dict[str, Any]) -> Iterator[str]:
        """Give the matrix products of a gradient with another array that have a shape."""
        if len(shape) != 2:
            return
        named = ((n, self._value(_parsed(n), env)) for n in self.scope.reads(line))
        found = {n: v.shape for n, v in named if is_array(v) and v.ndim == 2}
        products = [f for f in self.scope.factors if "@" in f or "dot(" in f]
        values = ((f, self._value(_parsed(self.scope.spelled(f)), env)) for f in products)
        others = found | {f: v.shape for f, v in values if is_array(v) and v.ndim == 2}
        for name, b in found.items():
            if not (is_gradient(name) or name in self.scope.upstream):
                continue
            for other, a in others.items():
                if other == name:
                    continue
                if a[0] == b[0] and (a[1], b[1]) == shape:
                    yield f"({other}.T @ {name})"
                if a[0] == b[0] and (b[1], a[1]) == shape:
                    yield f"({name}.T @ {other})"
                if a[1] == b[1] and (b[0], a[0]) == shape:
                    yield f"({name} @ {other}.T)"

    def _edit(
        self, path: Path, start: int, statement: ast.stmt, match: Match, part: Needed, how: str
    ) -> Edit | None:
        line, node = statement.lineno, part.node
        term = self.world.read(match.source, line) if match.source else None
        under = self.world.read(match.divisor, line) if match.divisor else None
        if (match.source and term is None) or (match.divisor and under is None):
            return None
        minus = match.number < 0
        if how == "*":
            new = node if term is None else binary(node, ast.Mult(), term)
            new = new if under is None else binary(new, ast.Div(), under)
            new = negative(new) if minus else new
            words = ["minus"] if minus else []
            words += [f"multiply by `{match.source}`"] if term is not None else []
            words += [f"divide by `{match.divisor}`"] if under is not None else []
            cause, what = self._cause_of_factor(match), ", ".join(words)
        else:
            one = term if term is not None else _parsed("1.0")
            ast.copy_location(one, node)
            one = one if under is None else binary(one, ast.Div(), under)
            whole = match.source or "1"
            whole += f" / ({match.divisor})" if " " in match.divisor else ""
            whole += f" / {match.divisor}" if match.divisor and " " not in match.divisor else ""
            if how == "=":
                new = negative(one) if minus else one
                what = f"`{'-' * minus}{whole}` in the place of `{ast.unparse(node)}`"
                cause = "wrong-value"
            else:
                turned = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
                if turned and not minus:
                    new = binary(one, ast.Sub(), node.operand)  # type: ignore[attr-defined]
                else:
                    new = binary(node, ast.Sub() if minus else ast.Add(), one)
                what = f"{'subtract' if minus else 'add'} `{whole}`"
                cause = "missing-term"
        rank = 1.3 + 0.3 * match.simplicity + 0.1 * (len(part.path) > 1)
        rank += 0.3 * (not self._gives(statement)) + 0.1 * (how == "=")
        rank += 0.3 * (how == "*" and bool(match.over and match.under))
        changed = put(statement, part.path, new)
        at = (self.tree, path, start, (statement,), (changed,), self.scope.source, (node, new))
        return Edit(cause, line, rank, what, *at, solved=True)

    def _gives(self, statement: ast.stmt) -> bool:
        """Whether a statement gives a gradient, by its name or because it returns."""
        names = targets_of(statement)
        wrong = {last_of(c.gradient.label) for c in self.shot.wrong}
        return not names or any(is_gradient(n) or last_of(n) in wrong for n in names)

    def _cause_of_factor(self, match: Match) -> str:
        names = (*match.over, *match.under)
        if not names:
            counted = match.count or match.times
            alone = abs(match.number) == 1.0
            return "batch-factor" if counted else "sign" if alone else "factor"
        incoming = () if isinstance(self.driver, DerivativeDriver) else self.scope.upstream
        if any(name in incoming for name in names):
            return "upstream-ignored"
        masks = (self.scope.value(name).mask or ">" in name or "<" in name for name in names)
        return "mask" if any(masks) else "local-factor"


def _undone(goal: Array, before: Any, sign: str) -> Array:
    """Give what a value is changed by, with ``+=``, ``-=``, ``*=`` or ``/=``, to reach a goal."""
    with np.errstate(all="ignore"):
        if sign == "+":
            return np.asarray(goal - before)
        if sign == "-":
            return np.asarray(before - goal)
        if sign == "*":
            return np.asarray(goal / before)
        return np.asarray(before / goal) if sign == "/" else goal


def _parsed(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body
