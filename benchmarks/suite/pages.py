"""The table for the documentation, from results that were measured before."""

from __future__ import annotations

from typing import Any

from benchmarks.interpreted import shown
from benchmarks.suite.tables import times

Result = dict[str, Any]

HEAD = (
    "| case | threads | clearprop | against | takes | ratio, 10 to 90 % | goal |\n"
    "|---|---|---|---|---|---|---|\n"
)


def markdown(machine: dict[str, Any], results: list[Result]) -> str:
    """Write a row for each case and goal: against the best form of each peer."""
    packages = [p for p in machine["packages"].split(", ") if not p.endswith(" missing")]
    facts = ", ".join([machine["CPU"], *packages, machine["BLAS of NumPy"]])
    rows = [line for found in results for line in _rows(found)]
    return f"{facts}.\n\n{HEAD}" + "".join(rows)


def _rows(found: Result) -> list[str]:
    ours, *_ = found["rows"]
    of = {row["side"]: row for row in found["rows"]}
    lines = []
    for goal in found["goals"]:
        if "best form" not in goal or goal["best form"] not in of:
            continue
        ratio, floor = goal["ratio"], goal["floor"]
        cells = (
            found["title"],
            found["threads"],
            shown(ours["step"]["median"], "s"),
            goal["best form"],
            shown(of[goal["best form"]]["step"]["median"], "s"),
            f"**{times(ratio['median'])}**, {times(ratio['p10'])} to {times(ratio['p90'])}",
            "" if floor is None else f"{floor:g}" + ("" if goal["met"] else ": not met"),
        )
        lines.append("| " + " | ".join(map(str, cells)).replace(". ", " ") + " |\n")
    return lines
