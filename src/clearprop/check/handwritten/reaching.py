"""Probes for the branches of backward that no probe took yet; what stays out of reach is said."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from itertools import chain
from types import CodeType
from typing import Any

from clearprop.check.handwritten.driving import Driver
from clearprop.check.handwritten.driving_classes import LayerDriver
from clearprop.check.handwritten.meaning import is_statistic, last_of
from clearprop.check.handwritten.model import Unjudged
from clearprop.check.handwritten.probing import Shot, prepare, prepared, quiet, shoot
from clearprop.check.handwritten.running import Ran
from clearprop.check.handwritten.setups import Setup
from clearprop.check.handwritten.sources import function_of
from clearprop.check.handwritten.specs import Spec
from clearprop.check.handwritten.switches import Key, Switches, attributes_made_of, changed, said
from clearprop.check.handwritten.texts import Texts
from clearprop.check.handwritten.unrun import Unrun, unrun

#: At most so many other settings are tried of one candidate, in so many rounds.
_MOST = 24
_ROUNDS = 3


class Reach:
    """What of backward has run, and what else was tried.

    ``given`` are the names whose values the user has said: they stay as they are.
    """

    def __init__(self, driver: Driver, setup: Setup, given: Collection[str]) -> None:
        self.driver = driver
        self.setup = setup
        self.given = given
        self.ran = Ran(driver.backward_function, driver.source)
        self.aside: dict[tuple[CodeType, int], str] = {}

    def probes(
        self, base: Shot, texts: Callable[[], Texts], seed: int, tolerance: float
    ) -> Iterator[Shot]:
        """Probe with the settings that the conditions of backward's other branches ask for."""
        switches: Switches | None = None
        tried: set[str] = set()
        for _ in range(_ROUNDS):
            before = len(tried)
            for each in self.missing():
                test = each.condition.test
                if test is None:
                    continue
                switches = switches or Switches(self.driver, self.setup.proposal, texts)
                straight = switches.settings(test, each.condition.wanted, each.tree)
                around = switches.detours(test)
                ways = chain(((s, True) for s in straight), ((s, False) for s in around))
                for setting, direct in ways:
                    if not setting or repr(setting) in tried or self._is_given(setting):
                        continue
                    if len(tried) >= _MOST:
                        return
                    tried.add(repr(setting))
                    shot = self._shot(setting, base, seed, tolerance)
                    if shot is not None and self._accepted(shot, each, setting, direct):
                        yield shot
                        yield from self._later(shot, setting, seed, tolerance)
                        break
            if len(tried) == before:
                return

    def missing(self) -> list[Unrun]:
        """Give what has not run, but for classes that are judged by themselves."""
        own = getattr(self.driver, "cls", None)
        return [each for each in unrun(self.ran) if not _is_of_another(each.code, own, self.driver)]

    def unjudged(self) -> tuple[Unjudged, ...]:
        """Say what is not judged; of what forward runs as well, forward is believed."""
        return tuple(
            Unjudged(
                each.tree.name,
                self.driver.source.place(self.ran.function(each.code), each.first),
                each.last,
                each.condition.said,
                self.aside.get((each.code, each.first), ""),
            )
            for each in self.missing()
            if each.code not in self.ran.forward
        )

    def _is_given(self, setting: dict[Key, Any]) -> bool:
        return any((key if isinstance(key, str) else key[0]) in self.given for key in setting)

    def _shot(
        self, setting: dict[Key, Any], base: Shot, seed: int, tolerance: float
    ) -> Shot | None:
        proposal = changed(self.setup.proposal, setting)
        arrays = any(isinstance(v, Spec) and v.kind != "value" for v in setting.values())
        try:
            with quiet():
                leaves = None if arrays else list(base.leaves)
                shot = prepare(self.driver, proposal, seed + 1, "fb", leaves)
        except Exception:
            return None
        shot = replace(shot, setting=said(setting, proposal))
        return shoot(self.driver, shot, tolerance, self.ran.fresh())

    def _later(
        self, shot: Shot, setting: dict[Key, Any], seed: int, tolerance: float
    ) -> Iterator[Shot]:
        """Probe again after another forward, with a flag as it usually is.

        The statistics that a layer keeps are zeros and ones at first, which hide a factor.
        """
        flags = {p.name: p.default for p in self.driver.inputs if p.name in setting}
        if not shot.right or not flags or not all(type(f) is bool for f in flags.values()):
            return
        if not any(is_statistic(last_of(leaf)) for leaf in shot.leaves):
            return
        earlier = self.setup.proposal.draw(seed + 1000)
        names = {p.name for p in self.driver.inputs}
        before = {k: v for k, v in earlier.items() if k in names} | flags
        try:
            with quiet():
                again = prepared(self.driver, shot.given, seed, "Ffb", (before,), list(shot.leaves))
        except Exception:
            return
        yield shoot(self.driver, replace(again, setting=shot.setting), tolerance)

    def _accepted(self, shot: Shot, each: Unrun, setting: dict[Key, Any], direct: bool) -> bool:
        """Whether a probe came to what had not run, and says something about it.

        Of what forward never reads it knows no derivative: a penalty that backward adds is not
        in what forward gives. That there is no gradient may be meant, as in a first layer; and an
        error counts only where the setting is one that backward itself asks about.
        """
        assert shot.ran is not None
        if not self.ran.adds(shot.ran):
            return False
        why = ""
        if shot.error is not None:
            if not direct or isinstance(shot.error, NotImplementedError):
                why = f"with {shot.setting} backward raises {type(shot.error).__name__}"
        elif not shot.comparisons or any(c.kind == "none" for c in shot.comparisons):
            why = f"with {shot.setting} no gradient is given"
        if not why and not shot.right:
            unknown = [name for name in map(_name, setting) if not self._forward_reads(name)]
            if unknown:
                why = f"forward does not use {unknown[0]}: what it changes is not in its derivative"
        if why and direct:
            self.aside.setdefault((each.code, each.first), why)
        if not why:
            self.ran.add(shot.ran)
        return not why

    def _forward_reads(self, name: str) -> bool:
        """Whether forward, or what it calls, uses an argument, or an attribute made of it."""
        driver = self.driver
        cls = driver.cls if isinstance(driver, LayerDriver) else None
        trees = self._trees_of_forward(cls)
        init = driver.source.tree(getattr(cls, "__init__", None)) if cls else None
        names = {name} | attributes_made_of(name, [*trees, *([init] if init else [])])
        for tree in trees:
            for node in ast.walk(tree):
                own = getattr(node, "attr", getattr(node, "id", getattr(node, "value", None)))
                loaded = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
                if loaded and isinstance(own, str) and own.strip("_") in names:
                    return True
        return False

    def _trees_of_forward(self, cls: Any) -> list[ast.FunctionDef]:
        """Give the syntax of forward and of what it calls, as far as names lead."""
        candidate, source = self.driver.candidate, self.driver.source
        first = getattr(cls, self.driver.forward_name, None) if cls else candidate.forward
        queue: list[Any] = [first or candidate.backward]
        codes: set[CodeType] = set()
        trees = []
        for function in queue:
            code = getattr(function_of(function), "__code__", None)
            if code is None or code in codes:
                continue
            codes.add(code)
            trees.append(source.tree(function))
            queue += [getattr(cls, n, None) or candidate.namespace.get(n) for n in code.co_names]
        return [tree for tree in trees if tree is not None]


def _name(key: Key) -> str:
    return key[1] if isinstance(key, tuple) else key.removeprefix("self.").strip("_")


def _is_of_another(code: CodeType, own: Any, driver: Driver) -> bool:
    """Whether a function is a method of a class that has a backward of its own."""
    if code is function_of(driver.backward_function).__code__:
        return False
    bases = own.__mro__ if isinstance(own, type) else ()
    for other in driver.candidate.namespace.values():
        if not isinstance(other, type) or other in bases:
            continue
        codes = [getattr(function_of(f), "__code__", None) for f in vars(other).values()]
        if code in codes:
            return any(hasattr(other, name) for name in ("backward", "gradient", "grad", "bprop"))
    return False
