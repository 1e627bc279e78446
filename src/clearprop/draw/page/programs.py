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
    except (Exception, SystemExit) as error:  # the page is about one run, and says why not more
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
    from clearprop.source import lines_of

    if facts.is_constant:
        raise UnwritableError(
            "There is no backward pass: the result depends on no argument of real numbers."
        )
    if not isinstance(again._output, Tensor):
        raise UnwritableError("Source is written of a function that returns one array.")
    lines = lines_of(again)
    step_of = {
        new: facts.number[old]
        for new, old in zip(again.nodes, graph.nodes, strict=True)
        if old in facts.number
    }
    forward: dict[int, list[int]] = {}
    backward: dict[int, list[int]] = {}
    around: dict[int, list[int]] = {}  # by the forward line that they belong to, as it is written
    heading = 0
    for number, line in enumerate(lines, 1):
        if line.part == "forward":
            if line.node in step_of:
                forward.setdefault(step_of[line.node], []).append(number)
            continue
        if line.of is None or line.of not in step_of:
            continue
        if line.node is None:
            heading = number
            continue
        stage = line.node.stage
        step = step_of.get(stage[0]) if stage else None
        for place, found in ((backward, step), (around, step_of[line.of])):
            if found is not None:
                place.setdefault(found, []).extend([heading, number] if heading else [number])
    for step in range(len(facts.operations), 0, -1):  # what is written within its user's line
        users = facts.uses.get(facts.operations[step - 1], [])
        inside = forward.get(facts.number[users[0][0]]) if len(users) == 1 else None
        if step not in forward and inside:
            forward[step] = inside
        if step not in backward and step in around:
            backward[step] = around[step]
    backward = {step: sorted(set(numbers)) for step, numbers in backward.items()}
    return {"text": [line.text for line in lines], "forward": forward, "backward": backward}


def _why(error: BaseException) -> str:
    if isinstance(error, ClearpropError | UnwritableError):
        return str(error)
    if isinstance(error, SystemExit):
        return (
            "The function leaves the program, by sys.exit or the like, when it is run again; "
            "a page computes with a function that only returns."
        )
    return f"Running the function again failed: {type(error).__name__}: {error}"
