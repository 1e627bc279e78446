"""What is written from a second run: the program of the page, and the generated source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clearprop.draw.facts import Facts
from clearprop.draw.page.quantities import Quantities
from clearprop.draw.page.recording import MOST_OPERATIONS, UnwritableError, run_again, write_program
from clearprop.errors import ClearpropError
from clearprop.tensor import Tensor

if TYPE_CHECKING:
    from clearprop.tracing import Gradients, Graph


def programs(
    graph: Graph, gradients: Gradients | None, facts: Facts, quantities: Quantities
) -> dict[str, Any]:
    """Write ``program`` and ``generated``; where one cannot be, why not."""
    try:
        if len(facts.operations) > MOST_OPERATIONS:
            raise UnwritableError(
                f"The graph has {len(facts.operations)} operations; a page computes and lists "
                f"up to {MOST_OPERATIONS}. clearprop.source writes more."
            )
        again = run_again(graph)
    except Exception as error:  # the page is about this one run, and says why it is not more
        return {"program": {"why": _why(error)}, "generated": {"why": _why(error)}}
    found: dict[str, Any] = {}
    try:
        found["program"] = write_program(graph, again, gradients, quantities)
    except Exception as error:
        found["program"] = {"why": _why(error)}
    try:
        found["generated"] = _generated(again, graph, facts)
    except Exception as error:
        found["generated"] = {"why": _why(error)}
    return found


def _generated(again: Graph, graph: Graph, facts: Facts) -> dict[str, Any]:
    """Write the backward pass as source, and say which of its lines belong to which step."""
    from clearprop.source.module import write_lines
    from clearprop.source.program import program_of

    if not isinstance(again._output, Tensor):
        raise UnwritableError("Source is written of a function that returns one array.")
    program = program_of(again, graph._call[0])
    lines = write_lines(program)
    now = dict(zip(again.nodes, graph.nodes, strict=True))
    forward: dict[int, list[int]] = {}
    backward: dict[int, list[int]] = {}
    for number, line in enumerate(lines, 1):
        of = line.node if line.part == "forward" else line.of
        if of is None or of not in now:
            continue
        places = forward if line.part == "forward" else backward
        places.setdefault(facts.number.get(now[of], 0), []).append(number)
    for step in range(len(facts.operations), 0, -1):  # what is written within its user's line
        users = facts.uses.get(facts.operations[step - 1], [])
        if step not in forward and len(users) == 1:
            inside = forward.get(facts.number[users[0][0]])
            if inside:
                forward[step] = inside
    return {"text": [line.text for line in lines], "forward": forward, "backward": backward}


def _why(error: Exception) -> str:
    if isinstance(error, ClearpropError | UnwritableError):
        return str(error)
    return f"Running the function again failed: {type(error).__name__}: {error}"
