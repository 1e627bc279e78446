"""What is printed: the steps, what a process costs, the goals; and the verification."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.interpreted import shown
from benchmarks.suite.side import OURS

Result = dict[str, Any]


def print_steps(console: Console, found: Result) -> None:
    """Print a row for each side: time of a step, ratio, memory, and what a process costs."""
    threads = f"{found['threads']} thread" + "s" * (found["threads"] > 1)
    title = escape(f"{found['title']}; {threads}")
    table = Table(title=title, title_justify="left")
    table.add_column("", min_width=28)
    head = ("a step", "10 %", "90 %", "× clearprop", "10 %", "90 %")
    process = ("import", "first, cold", "cached", "process, cold", "cached")
    for name in (*head, *process):
        table.add_column(name, justify="right")
    for row in found["rows"]:
        if "not available" in row:
            continue
        cold, cached = row.get("cold", {}), row.get("cached", {})
        table.add_row(
            escape(row["side"]),
            *(shown(row["step"][key], "s") for key in ("median", "p10", "p90")),
            *(_number(row.get("ratio", {}).get(key)) for key in ("median", "p10", "p90")),
            *(
                _seconds(facts.get(key))
                for facts, key in (
                    (cached, "import"),
                    (cold, "first call"),
                    (cached, "first call"),
                    (cold, "whole process"),
                    (cached, "whole process"),
                )
            ),
        )
    console.print(table)
    _print_memory(console, found["rows"])
    for row in found["rows"]:
        if "not available" in row:
            console.print(f"{row['side']}: not available ({escape(row['not available'][:300])})")
    for goal in found["goals"]:
        console.print(_goal(goal), highlight=False)
    console.print()


def _print_memory(console: Console, rows: list[Result]) -> None:
    """Print a row for each side: memory at its highest, of a cold and of a cached process."""
    table = Table(title="memory at its highest", title_justify="left")
    table.add_column("", min_width=28)
    kinds = ("peak memory of steps", "peak memory", "peak memory of process")
    for name in ("steps, cold", "cached", "to the first loss", "cached", "process", "cached"):
        table.add_column(name, justify="right")
    for row in rows:
        runs = [row.get("cold", {}), row.get("cached", row.get("timed", {}))]
        if any(runs):
            cells = (_bytes(facts.get(kind)) for kind in kinds for facts in runs)
            table.add_row(escape(row["side"]), *cells)
    console.print(table)


def print_verification(console: Console, found: Result) -> bool:
    """Print whether the sides agree; give whether all that ran do."""
    table = Table(title=escape(found["title"]), title_justify="left")
    for name in ("", "first loss", "last loss", "error, in units of the tolerance", ""):
        table.add_column(name, justify="left" if not name else "right")
    agree = True
    for row in found["rows"]:
        if "not available" in row:
            table.add_row(escape(f"{row['side']}: not available ({row['not available'][:200]})"))
            continue
        agree &= row["agrees"]
        losses = (f"{row['losses'][k]:.6g}" for k in (0, -1))
        verdict = "agrees" if row["agrees"] else "[red]differs"
        table.add_row(escape(row["side"]), *losses, f"{row['error']:.2g}", verdict)
    console.print(table)
    return agree


def _goal(goal: Result) -> str:
    wanted = [f"floor {goal['floor']:g} ×"] if goal["floor"] is not None else []
    wanted += [f"aim {goal['aim']:g} ×"] if goal["aim"] is not None else []
    text = f"{OURS} against {goal.get('best form', goal['against'])}: {', '.join(wanted)}"
    if "ratio" not in goal:
        return f"{text}; not measured"
    r = goal["ratio"]
    text += f"; measured {times(r['median'])} × [{times(r['p10'])}, {times(r['p90'])}]"
    return text + ({True: ", met", False: ", not met"}.get(goal.get("met"), ""))


def times(ratio: float) -> str:
    """Write a ratio: two decimals, or three digits where it is large."""
    digits = max(0, len(f"{ratio:.0f}") - 3)
    return f"{ratio:.2f}" if ratio < 100 else f"{round(ratio, -digits):,.0f}"


def _number(value: float | None) -> str:
    return "" if value is None else times(value)


def _bytes(value: float | None) -> str:
    return "" if value is None else f"{value / 1e6:,.0f} MB"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
