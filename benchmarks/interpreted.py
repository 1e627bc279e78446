"""clearprop's interpreted face beside its peers, in one table.

python benchmarks/interpreted.py [--case NAME …] [--rounds N] [--json FILE]

Each case runs in a fresh process, with the same number of threads for every library, which is
set before anything is imported. `benchmarks/README.md` says what is measured and how.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.suite.threads import environment, pin

SCIENCE = ("gaussian_process", "deconvolution", "kalman")
CASES = ("network", "apples", "chain", "overhead", "rosenbrock", "filling", *SCIENCE)
THREADS = {"network": (1, 2), "gaussian_process": (1, 2)}  # one thread where no BLAS is called
PACKAGES = ("clearprop", "numpy", "torch", "autograd", "mygrad", "micrograd", "jax")


def run_child(case: str, threads: int, rounds: int) -> dict[str, Any]:
    """Measure one case in a process of its own."""
    command = [sys.executable, __file__, "--child", case, str(threads), "--rounds", str(rounds)]
    with tempfile.TemporaryDirectory() as cache:
        run = subprocess.run(
            command,
            env={**environment(threads, Path(cache)), "CLEARPROP_THREADS": str(threads)},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    if run.returncode:
        sys.exit(f"{case} with {threads} threads failed.")
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def child(case: str, threads: int, rounds: int) -> None:
    """Be that process: print the result as JSON."""
    pin(threads)
    import torch
    from threadpoolctl import threadpool_info

    torch.set_num_threads(threads)
    module = importlib.import_module(f"peers.{case}")
    rows = module.measure(rounds)
    pools = [(p.get("internal_api"), p.get("version"), p["num_threads"]) for p in threadpool_info()]
    assert all(used == threads for *_, used in pools), pools
    found = {"case": case, "title": module.TITLE, "threads": threads, "pools": pools, "rows": rows}
    print(json.dumps(found, default=float))


def machine(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Give the facts without which no number means anything."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    return {
        "CPU": f"{_cpu()}, {len(os.sched_getaffinity(0))} cores",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in packages),
        "BLAS of NumPy": f"{blas['name']} {blas['version']}",
        "load before": f"{load} (1, 5, 15 minutes)",
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def shown(value: float, unit: str) -> str:
    """Write a number with three digits that matter; seconds in the unit that fits them."""
    if unit == "s":
        factor, unit = next(
            (f, u) for f, u in ((1, "s"), (1e3, "ms"), (1e6, "µs")) if value * f >= 1 or u == "µs"
        )
        value *= factor
    return f"{value:,.0f} {unit}" if abs(value) >= 1000 else f"{value:#.3g} {unit}"


def table_of(found: dict[str, Any]) -> Table:
    threads = f"{found['threads']} thread" + "s" * (found["threads"] > 1)
    title = escape(f"{found['title']}; {threads}")
    table = Table(title=title, title_justify="left")
    table.add_column("", min_width=34)
    for name in ("median", "10 %", "90 %", "rounds", "× clearprop", "target"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("met")
    for row in found["rows"]:
        numbers = [shown(row[k], row["unit"]) if k in row else "" for k in ("median", "p10", "p90")]
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        met = {True: "[green]yes", False: "[red]no", None: ""}[row.get("met")]
        rounds = str(row.get("rounds", ""))
        table.add_row(escape(row["name"]), *numbers, rounds, ratio, row.get("target", ""), met)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", action="append", choices=CASES, help="only this; may be repeated")
    parser.add_argument("--rounds", type=int, default=60, help="at most; a case also ends in time")
    parser.add_argument("--json", type=Path, help="write every number here too")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        case, threads = options.child
        child(case, int(threads), options.rounds)
        return

    console = Console(width=None if sys.stdout.isatty() else 132)
    facts = machine()
    for name, fact in facts.items():
        console.print(f"[bold]{name}[/bold]: {fact}", highlight=False)
    console.print(
        "× clearprop: the median, over that of clearprop's fastest row of the same case\n"
    )
    results = []
    for case in options.case or CASES:
        for threads in THREADS.get(case, (1,)):
            results.append(run_child(case, threads, options.rounds))
            console.print(table_of(results[-1]))
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "results": results}, indent=1))


if __name__ == "__main__":
    main()
