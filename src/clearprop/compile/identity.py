"""A plan as a text that says all of it: equal texts have equal machine code."""

from __future__ import annotations

from typing import Any

import numpy as np

from clearprop.compile.affine import Affine, Var
from clearprop.compile.grouping import Group
from clearprop.compile.nests import (
    Block,
    Draw,
    Factored,
    Fourier,
    Nest,
    Packing,
    Product,
    Store,
    Windows,
    Work,
    walked,
)
from clearprop.compile.planning import Plan
from clearprop.compile.scalars import (
    Apply,
    Array,
    Chosen,
    Constant,
    Convert,
    Load,
    Number,
    Scalar,
    Total,
)


def identity_of(plan: Plan, words: dict[Array, int], scratch: int) -> str:
    """Write down everything that the machine code of a plan depends on, but for the processor."""
    return _Writer(words).text(plan, scratch)


class _Writer:
    def __init__(self, words: dict[Array, int]) -> None:
        self.arrays: dict[Array, str] = {a: f"w{k}" for a, k in words.items()}
        self.vars: dict[Var, str] = {}
        self.values: dict[Scalar, str] = {}
        self.lines: list[str] = []

    def text(self, plan: Plan, scratch: int) -> str:
        self.lines.append(f"scratch {scratch} words {len(self.arrays)}")
        for p, phase in enumerate(plan.phases):
            for part in phase:
                if isinstance(part, Group):
                    self.group(p, part)
                else:
                    self.lines.append(f"phase {p} call")
        return "\n".join(self.lines)

    def array(self, array: Array) -> str:
        name = self.arrays.setdefault(array, f"a{len(self.arrays)}")
        return f"{name}:{array.dtype.str}{array.shape}"

    def var(self, var: Var) -> str:
        return self.vars.setdefault(var, f"v{len(self.vars)}")

    def place(self, place: Affine) -> str:
        terms = [f"{f}*{self.var(v)}" for v, f in place.terms]
        return "+".join([*terms, str(place.constant)])

    def group(self, p: int, group: Group) -> None:
        parts = [f"{self.array(a)}={start!r}" for a, start in group.parts.items()]
        local = [self.array(a) for a in group.local]
        sizes = (group.rows, group.shard_rows)
        self.lines.append(f"phase {p} group {sizes} {self.var(group.shard)} {parts} {local}")
        for stage in group.stages:
            local = [self.array(a) for a in stage.local]
            self.lines.append(f"stage {stage.block_rows} {local}")
            for work in stage.works:
                self.work(work)

    def work(self, work: Work) -> None:
        if isinstance(work, Nest):
            self.nest(work)
        elif isinstance(work, Product):
            blocks = [self.block(b) for b in (work.c, work.a, work.b)]
            axes = [f"{self.var(v)}:{v.extent}" for v in work.axes]
            packed = None if work.packed is None else self.array(work.packed)
            self.lines.append(f"product {axes} {blocks} {work.sizes} {work.by_rows} {packed}")
        elif isinstance(work, Packing):
            of = [self.block(b) for b in (work.product.c, work.product.a, work.product.b)]
            self.lines.append(f"pack {self.array(work.out)} {work.parts} {of} {work.product.sizes}")
        elif isinstance(work, Windows):
            arrays = [self.array(a) for a in (work.out, work.first, work.second)]
            self.lines.append(f"windows {work.target} {arrays} {sorted(work.attributes.items())}")
        elif isinstance(work, Factored):
            axes = [f"{self.var(v)}:{v.extent}" for v in work.axes]
            blocks = [self.block(work.out), *(self.block(b) for b, _ in work.inputs)]
            self.lines.append(f"factored {work.name} {work.n} {work.columns} {axes} {blocks}")
        elif isinstance(work, Fourier):
            axes = [f"{self.var(v)}:{v.extent}" for v in work.axes]
            given = ["0" if b is None else self.block(b) for b in (work.re, work.im)]
            blocks = [self.block(work.out), *given]
            self.lines.append(f"fourier {work.n} {work.inverse} {work.norm} {axes} {blocks}")
        else:
            assert isinstance(work, Draw)
            arrays = [self.array(a) for a in (work.out, work.key)]
            self.lines.append(f"draw {work.name} {arrays} {work.rate!r} {work.first}")

    def block(self, block: Block) -> str:
        return f"{self.array(block.array)}@{self.place(block.place)}{block.strides}"

    def nest(self, nest: Nest) -> None:
        axes = [f"{self.var(v)}:{v.extent}" for v in nest.axes]
        special = [None if v is None else self.var(v) for v in (nest.lanes, nest.row)]
        self.lines.append(f"nest {axes} {special} {nest.depth}")
        for value in walked(nest.values()):
            if value not in self.values:
                name = self.values[value] = f"x{len(self.values)}"
                self.lines.append(f"{name}:{value.dtype.str} {self.value(value)}")
        for total, value in nest.totals:
            self.lines.append(f"total {self.known(total)} {self.known(value)}")
        for kind, stores in (("store", nest.stores), ("result", nest.results)):
            self.lines += [f"{kind} {self.store(store)}" for store in stores]

    def store(self, store: Store) -> str:
        target = f"{self.array(store.array)}@{self.place(store.place)}"
        return f"{target} {self.known(store.value)} {store.adds}"

    def known(self, value: Scalar) -> str:
        if value not in self.values:
            self.values[value] = f"x{len(self.values)} {self.value(value)}"
        return self.values[value]

    def value(self, value: Scalar) -> str:
        parts: Any = " ".join(self.known(part) for part in value.parts)
        if isinstance(value, Constant):
            return f"constant {np.asarray(value.value).tobytes().hex()}"
        if isinstance(value, Load):
            return f"load {self.array(value.array)}@{self.place(value.place)}"
        if isinstance(value, Number):
            return f"number {self.place(value.place)}"
        if isinstance(value, Chosen):
            return f"chosen {self.var(value.var)}:{value.var.extent} {value.axis} {parts}"
        if isinstance(value, Total):
            return f"{value.combine} from {np.asarray(value.start).tobytes().hex()}"
        if isinstance(value, Convert):
            return f"convert {parts}"
        assert isinstance(value, Apply)
        return f"{value.name} {parts}"
