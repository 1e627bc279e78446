"""`clearprop train` beside the same experiment in PyTorch: whole processes, in turn."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.suite.measuring import goals
from benchmarks.suite.processes import ratio, spread
from benchmarks.suite.side import OURS
from benchmarks.suite.threads import environment, pin

TITLE = "clearprop train: the whole process, 10,000 steps of 784-50-10"
FLOOR = {"PyTorch": 3.0}
AIM = {"PyTorch": 5.0}


def commands(threads: int, data: Path, out: Path) -> dict[str, list[str]]:
    train = [sys.executable, "-m", "clearprop", "train", "--plain", "--threads", str(threads)]
    script = [sys.executable, "-m", "benchmarks.suite.train_torch"]
    return {
        f"{OURS}, train": [*train, "--out", str(out)],
        "PyTorch, script": [*script, str(data), str(out), str(threads)],
    }


def measure(threads: int, rounds: int) -> dict[str, Any]:
    """Run the commands in turn; the first round fills the caches and is not counted."""
    import clearprop.data

    data = Path(clearprop.data.__file__).parent / "mnist"
    times: dict[str, list[float]] = {}
    missing: dict[str, str] = {}

    def restrict() -> None:
        pin(threads)

    names = list(commands(threads, data, data))
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as cache:
        for done in range(rounds + 1):
            for name in names:
                if name in missing:
                    continue
                with tempfile.TemporaryDirectory(prefix="benchmarks-") as out:
                    began = perf_counter()
                    run = subprocess.run(
                        commands(threads, data, Path(out))[name],
                        env=environment(threads, Path(cache)),
                        preexec_fn=restrict,
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    seconds = perf_counter() - began
                if run.returncode:
                    said = run.stderr.strip().splitlines()
                    missing[name] = said[-1] if said else f"exit {run.returncode}"
                elif done:
                    times.setdefault(name, []).append(seconds)
    rows = []
    for name in names:
        row: dict[str, Any] = {"side": name, "peer": name.split(",")[0]}
        rows.append(row)
        if name in missing:
            row["not available"] = missing[name]
            continue
        row |= {"samples": times[name], "step": spread(times[name])}
        ours = times.get(names[0])
        if ours is not None and name != names[0]:
            row["ratio"] = ratio(times[name], ours)
    found = {"case": "train", "title": TITLE, "threads": threads, "rows": rows}
    return found | {"goals": goals(sys.modules[__name__], rows)}
