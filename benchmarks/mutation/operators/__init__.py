"""Mistakes that people make, as changes of a syntax tree; an import registers its kinds."""

from __future__ import annotations

from benchmarks.mutation.operators import (  # noqa: F401
    arithmetic,
    caches,
    harmless,
    indexing,
    reductions,
    statements,
    variables,
)
from benchmarks.mutation.operators.planting import Mutant, mutants

__all__ = ["Mutant", "mutants"]
