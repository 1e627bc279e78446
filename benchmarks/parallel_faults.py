"""Faults of a run on several processes: each ends all, and the run goes on to the same weights.

python benchmarks/parallel_faults.py [--faults N] [--seed N]

A run of two processes is interrupted at a random moment: one process is killed, or stopped, or gets
SIGTERM, or the disk of the first is full. Then it goes on, on one, two or four processes. The
weights at the end are compared with those of a run that nothing happened to.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from pathlib import Path

MPIEXEC = str(Path(sysconfig.get_path("scripts")) / "mpiexec")
TRAIN = [sys.executable, "-m", "clearprop", "train", "--plain"]
RUN = ["--data", "digits", "--model", "affine 20, batchnorm, relu, dropout 0.2, affine 10"]
RUN += ["--batch", "64", "--optimizer", "adam", "--iterations", "2000", "--checkpoint", "100"]
FAULTS = "kill", "stop", "terminate", "full disk"


def started(processes: int, words: list[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a run."""
    with log.open("wb") as file:
        return subprocess.Popen(
            [MPIEXEC, "-n", str(processes), *TRAIN, *words],
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "CLEARPROP_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )


def weights_of(run: Path) -> str:
    """Give the digest of the weights with which a run ended as asked."""
    result = json.loads((run / "result.json").read_text())
    return str(result["weights_sha256"]) if result["ended"] == "as asked" else result["ended"]


def fault(kind: str, run: Path, log: Path, chance: random.Random) -> float:
    """Let something happen to a run of two processes; give the seconds until all had ended."""
    process = started(2, [*RUN, "--out", str(run)], log)
    found: list[str] = []
    while len(found) < 2 and process.poll() is None:
        time.sleep(0.02)
        found = re.findall(r"pid (\d+)", log.read_text())
    pids = list(map(int, found))
    time.sleep(chance.uniform(0.0, 5.0))
    victim = chance.choice(pids)
    when = time.monotonic()
    try:
        if kind == "full disk":  # no file of the first process may grow beyond so many bytes
            resource.prlimit(pids[0], resource.RLIMIT_FSIZE, (2_000, 2_000))
        else:
            signals = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "terminate": signal.SIGTERM}
            os.kill(victim, signals[kind])
    except ProcessLookupError:
        pass  # it had ended
    process.wait(timeout=300)
    return time.monotonic() - when


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    said.add_argument("--faults", type=int, default=100)
    said.add_argument("--seed", type=int, default=0)
    given = said.parse_args()
    chance, tally = random.Random(given.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started(2, [*RUN, "--out", str(folder / "whole")], folder / "log").wait()
        whole = weights_of(folder / "whole")
        for k in range(given.faults):
            kind, run, log = FAULTS[k % len(FAULTS)], folder / f"run{k}", folder / f"log{k}"
            seconds = fault(kind, run, log, chance)
            ended = "killed"
            if (run / "result.json").exists():
                ended = json.loads((run / "result.json").read_text())["ended"]
            steps = sorted(p.name for p in run.glob("checkpoints/*.safetensors"))
            count = chance.choice([1, 2, 4])
            code = started(count, ["--resume", str(run)], folder / f"again{k}").wait()
            same = not code and weights_of(run) == whole
            named = re.search(r"process \d on .*|PID \d+ RUNNING AT .*", log.read_text())
            tally[f"{kind}: {'same' if same else 'OTHER'}"] += 1
            print(
                f"{k:3} {kind:9} after it all ended in {seconds:5.1f} s ({ended:.40}), "
                f"last checkpoint {steps[-1] if steps else 'none'}, on with {count}: "
                f"{'same weights' if same else 'OTHER WEIGHTS'}; {named[0][:60] if named else ''}",
                flush=True,
            )
            if not same:
                print((folder / f"again{k}").read_text(), log.read_text(), flush=True)
    print(dict(tally))


if __name__ == "__main__":
    main()
