"""Why derivatives are zero, for the page: `why_zero`, where there is something to explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.draw.facts import Facts
from clearprop.draw.page.quantities import Quantities

if TYPE_CHECKING:
    from clearprop.tracing import Gradients

_MOST_VALUES, _MOST_PATHS = 24, 6  # explained, in the order of the program
_MOST_NODES = 1500  # of the graph: each explanation looks at all that a value leads to


def explain_zeros(
    gradients: Gradients | None, facts: Facts, quantities: Quantities
) -> dict[int, Any]:
    """Explain the zeros of each derivative that has some, by the number of its value."""
    found: dict[int, Any] = {}
    if gradients is None or len(facts.graph.nodes) > _MOST_NODES:
        return found
    for (meaning, node, _), place in quantities.places.items():
        if meaning != "value" or place < 0 or len(found) >= _MOST_VALUES:
            continue
        if not node.active or not gradients.reached(node):
            continue
        derivative = np.asarray(gradients[node])
        if not derivative.size or np.count_nonzero(derivative) == derivative.size:
            continue
        why = gradients.why_zero(node)
        found[place] = {
            "paths": [
                {
                    "names": list(path.names),
                    "steps": [facts.number[n] for n in path.nodes if n in facts.number],
                    "why": path.reason,
                    "line": None if path.line is None else path.line.number,
                }
                for path in why.paths[:_MOST_PATHS]
            ],
            "more": max(len(why.paths) - _MOST_PATHS, 0),
        }
    return found
