"""The compiled training step beside PyTorch, JAX and others, in their best forms.

python -m benchmarks [--case NAME …] [--threads 1,2] [--rounds N] [--peers torch,jax]
                     [--json FILE] [--plot FILE] [--table FILE] [--no-cold] [--verify]
python -m benchmarks --results a.json --results b.json --table FILE --plot FILE

`benchmarks/README.md` says what is measured and how.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.cases import CASES
from benchmarks.interpreted import PACKAGES, machine
from benchmarks.suite import experiments
from benchmarks.suite.measuring import measure, prepared, verify
from benchmarks.suite.pages import markdown
from benchmarks.suite.tables import print_steps, print_verification

MOST_PROCESSES = 9  # of `train`: each is seconds long
TRAIN = "train"  # a whole process, not a step
NAMES = {"torch": "pytorch"}  # what a peer is called on the command line


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def names(text: str) -> set[str]:
    return {NAMES.get(part.strip().lower(), part.strip().lower()) for part in text.split(",")}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    add = parser.add_argument
    add("--case", action="append", choices=[*CASES, TRAIN], help="only this; may be repeated")
    add("--threads", type=numbers, default=[1, 2], help="numbers of threads, such as 1,2")
    add("--rounds", type=int, default=20, help="samples of each side")
    add("--budget", type=float, default=120.0, help="seconds of rounds; a case ends then")
    add("--peers", type=names, help="only these: torch, jax, numpy, micrograd")
    add("--json", type=Path, help="write every number here too")
    add("--plot", type=Path, help="draw the steps; .png, .svg or .pdf")
    add("--table", type=Path, help="write the goals as a table in Markdown")
    add("--results", type=Path, action="append", help="measure nothing: read what --json wrote")
    add("--no-cold", action="store_true", help="no whole processes: only the steps are timed")
    add("--verify", action="store_true", help="time nothing: check that all sides agree")
    options = parser.parse_args()
    if options.results:
        read = [json.loads(file.read_text()) for file in options.results]
        _show(read[-1]["machine"], [found for one in read for found in one["results"]], options)
        return 0

    console = Console(width=None if sys.stdout.isatty() else 190)
    cases = options.case or [*CASES, TRAIN]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        data = Path(folder)
        facts = machine((*PACKAGES, "jax", "jaxlib", "numba", "scipy")) | prepared(data)
        for name, fact in facts.items():
            console.print(f"[bold]{name}[/bold]: {fact}", highlight=False)
        if options.verify:
            agree = [
                print_verification(console, verify(case, data, options.peers))
                for case in cases
                if case != TRAIN
            ]
            return 0 if all(agree) else 1
        results = []
        for case in cases:
            for threads in options.threads:
                if case == TRAIN:
                    found = experiments.measure(threads, min(options.rounds, MOST_PROCESSES))
                else:
                    found = measure(
                        case,
                        threads,
                        data,
                        peers=options.peers,
                        rounds=options.rounds,
                        budget=options.budget,
                        cold=not options.no_cold,
                    )
                results.append(found)
                print_steps(console, found)
                if options.json:  # after each case: a run that is stopped leaves what it has
                    text = json.dumps({"machine": facts, "results": results}, indent=1)
                    options.json.write_text(text)
        _show(facts, results, options)
    return 0


def _show(
    facts: dict[str, Any], results: list[dict[str, Any]], options: argparse.Namespace
) -> None:
    """Write the plot and the table that were asked for."""
    if options.plot:
        from benchmarks.suite.plots import plot

        plot(results, options.plot)
    if options.table:
        options.table.write_text(markdown(facts, results), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
