"""What an argument may be, in letters: kinds, shapes, values; and a whole set of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clearprop.check.handwritten.driving import Given

Dims = dict[str, int]


@dataclass(frozen=True)
class Spec:
    """What one argument may be: a kind, a shape in letters, a value."""

    kind: str
    shape: tuple[str | int, ...] = ()
    value: Any = None
    of: str = ""

    def __hash__(self) -> int:
        return hash((self.kind, self.shape, self.of, repr(self.value)))

    def draw(self, dims: Dims, rng: np.random.Generator, dtype: Any = np.float64) -> Any:
        """Draw a value."""
        shape = tuple(dims[s] if isinstance(s, str) else s for s in self.shape)
        if self.kind == "value":
            return self.value
        if self.kind == "made":
            return self.value()
        if self.kind == "list":
            return [spec.draw(dims, rng, dtype) for spec in self.value]
        if self.kind == "drawn":
            return self.value.draw(rng)
        if self.kind == "shape":
            return shape
        if self.kind == "size":
            return dims[self.value]
        if self.kind == "labels":
            count = int(np.prod(shape))  # at least one label comes twice
            return rng.permutation(
                np.arange(count) % min(dims[self.of], max(1, count - 1))
            ).reshape(shape)
        if self.kind == "lengths":
            return rng.integers(1, dims[self.of] + 1, shape)
        if self.kind == "one-hot" and shape[-1] > 1:  # of one unit, a class or the other
            labels = rng.permutation(np.arange(shape[0]) % shape[-1])
            return np.eye(shape[-1], dtype=dtype)[labels]
        if self.kind in ("binary", "one-hot"):
            return (rng.permutation(int(np.prod(shape))) % 2).reshape(shape).astype(dtype)
        if self.kind == "signs":
            return (
                (2.0 * (rng.permutation(int(np.prod(shape))) % 2) - 1).reshape(shape).astype(dtype)
            )
        if self.kind == "probabilities":
            p = rng.uniform(0.2, 1.0, shape)
            return (p / p.sum(axis=-1, keepdims=True)).astype(dtype)
        if self.kind == "unit":
            return rng.uniform(0.1, 0.9, shape).astype(dtype)
        if self.kind == "positive":
            return rng.uniform(0.5, 2.0, shape).astype(dtype)
        if self.kind == "float":
            return float(rng.normal())
        return np.asarray(rng.normal(size=shape), dtype)


def array(*shape: str | int) -> Spec:
    """Say: numbers of a normal distribution."""
    return Spec("array", shape)


def size(letter: str) -> Spec:
    """Say: the integer that a letter stands for."""
    return Spec("size", value=letter)


def value(thing: Any) -> Spec:
    """Say: just this."""
    return Spec("value", value=thing)


def several(*specs: Spec) -> Spec:
    """Say: a list of such."""
    return Spec("list", value=specs)


def other_form(spec: Spec) -> Spec | None:
    """Give labels as rows with a single 1, and such rows as labels; None for anything else."""
    if spec.kind == "labels" and len(spec.shape) == 1:
        return Spec("one-hot", (*spec.shape, spec.of))
    if spec.kind == "one-hot" and isinstance(spec.shape[-1], str):
        return Spec("labels", spec.shape[:-1], of=spec.shape[-1])
    return None


@dataclass(frozen=True)
class Proposal:
    """Specs of all arguments, and numbers for the letters."""

    world: str
    specs: dict[str, Spec]
    dims: Dims
    fixed: Given = field(default_factory=dict)

    def draw(self, seed: int, dtype: Any = np.float64) -> Given:
        """Draw all arguments."""
        rng = np.random.default_rng([seed, 271828])
        drawn = {name: spec.draw(self.dims, rng, dtype) for name, spec in self.specs.items()}
        for path in [path for path in drawn if path.endswith("']")]:
            name, _, key = path[:-2].partition("['")
            drawn.setdefault(name, {})[key] = drawn.pop(path)
        return drawn | {k: _copied(v) for k, v in self.fixed.items()}

    def with_specs(self, specs: dict[str, Spec]) -> Proposal:
        """Give the same with other specs of some arguments."""
        return Proposal(self.world, self.specs | specs, self.dims, self.fixed)

    def resized(self, dims: Dims) -> Proposal:
        """Give the same with other numbers for the letters."""
        return Proposal(self.world, self.specs, self.dims | dims, self.fixed)


def _copied(thing: Any) -> Any:
    return thing.copy() if isinstance(thing, np.ndarray) else thing
