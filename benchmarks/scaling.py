"""How far several processes go: a model of scaling, from what one and two of them take here.

python benchmarks/scaling.py [--write docs/scaling_table.md] [--network NAME,Gbit/s,MICROSECONDS]
python benchmarks/scaling.py --check [--rate 100mbit]

It measures the computation of each net of `parallel.py`, and sums of two processes over shared
memory, and says what an update takes on 8, 64 and 1,024 machines: `scaled/model.py` has the
formula. --check compares the model with training between two network namespaces, over TCP on a
cable of limited rate, and kills a process there; it takes root.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.interpreted import machine
from benchmarks.parallel import NETS
from benchmarks.scaled.machines import MPIEXEC, Machines, two_machines
from benchmarks.scaled.model import Computing, Network, Scaling
from clearprop.train.parallel.processes import SHARDS

ROOT = Path(__file__).parents[1]
PROCESSES = 8, 64, 1_024
MANY = 16_384  # samples of a batch that is large enough for all of them
RATES = "100mbit", "1gbit"
# Gbit/s, and microseconds of a message beside what ours takes in memory
NETWORKS = {
    "1 Gbit/s Ethernet, TCP": (0.94, 30.0),
    "10 Gbit/s Ethernet, TCP": (9.4, 30.0),
    "40 Gbit/s, usNIC": (37.2, 1.93),
    "100 Gbit/s, RDMA": (97.0, 2.0),
}
SOURCES = (
    "The last ones are given, not measured, and a message costs there what ours costs in memory "
    "beside: of Ethernet the rate without headers (1448 of 1538 bytes), and 30 µs, about what TCP "
    "takes through two kernels and a switch; 37.2 Gbit/s and 1.93 µs are what [Cisco has measured]"
    "(https://blogs.cisco.com/performance/mpi-over-40gb-ethernet) with MPI; of 100 Gbit/s, both "
    "are round numbers. `--network NAME,Gbit/s,MICROSECONDS` gives others."
)
_ENVIRONMENT = {
    "CLEARPROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
}


# ---- measuring ---------------------------------------------------------------------------------


def measured(processes: int, nets: list[str], rounds: int, machines: Machines | None = None) -> Any:
    """Measure in processes of this machine, or of two; see `scaled/measuring.py`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "measured.json"
        program = [sys.executable, "-m", "benchmarks.scaled.measuring", str(file)]
        program += ["--rounds", str(rounds), *(word for net in nets for word in ("--net", net))]
        if machines is not None:
            run = machines.run([*program, "--whole"], _ENVIRONMENT)
        else:
            run = subprocess.Popen(
                [str(MPIEXEC), "-n", str(processes), *program] if processes > 1 else program,
                env={**os.environ, **_ENVIRONMENT},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        said, _ = run.communicate()
        if run.returncode or not file.exists():
            raise SystemExit(f"{' '.join(program)} ended with {run.returncode}:\n{said}")
        return json.loads(file.read_text())


def size_of(net: str) -> int:
    """Give the bytes of all gradients of a net, and its loss."""
    return sum(each.nbytes for each in NETS[net][0]().params.values()) + 4


# ---- the tables --------------------------------------------------------------------------------


def short(seconds: float) -> str:
    """Write a time with three digits."""
    power = 0 if seconds >= 1 else 3 if seconds >= 1e-3 else 6
    number = seconds * 10**power
    digits = 0 if number >= 100 else 1 if number >= 10 else 2
    return f"{number:.{digits}f} { {0: 's', 3: 'ms', 6: 'µs'}[power] }"


def gains(model: Scaling, batches: Sequence[int], alone: int) -> str:
    """Write how many samples a second more there are on so many processes, and of how many."""
    found = []
    for processes, batch in zip(PROCESSES, batches, strict=True):
        gain = model.speed_up(processes, batch, alone) if batch >= processes else 0.0
        share = f"{gain:.{1 if gain < 100 else 0}f} ({gain / processes:.0%})"
        found.append(share if gain else "too few samples")
    return ", ".join(found)


def scaling_rows(net: str, computing: Computing, networks: dict[str, Network]) -> list[str]:
    """Write the rows of a net: batches that grow, and two that stay."""
    own = NETS[net][2]
    rows = []
    for name, network in networks.items():
        shards = 1 if name.endswith("--fast-sum") else SHARDS
        model = Scaling(computing, size_of(net), network, shards)
        cells = [gains(model, [own * r for r in PROCESSES], own)]
        cells += [gains(model, [batch] * len(PROCESSES), batch) for batch in (own, MANY)]
        rows.append(f"| {net} | {name} | {' | '.join(cells)} |")
    return rows


def tables(nets: list[str], one: Any, two: Any, given: dict[str, tuple[float, float]]) -> str:
    """Write what was measured, and what follows."""
    computing = {net: Computing.fitted(one, net) for net in nets}
    ours = Network.fitted("shared memory", two, "exact")
    networks = {
        "shared memory": ours,
        "shared memory, --fast-sum": Network.fitted("shared memory, --fast-sum", two, "fast"),
    }
    for name, (rate, latency) in given.items():
        message = ours.of_message + latency * 1e-6
        networks[name] = Network(name, message, 8e-9 / rate, ours.adding)
    (batch,) = {NETS[net][2] for net in nets}
    said = f"{batch} samples a process", f"{batch} samples", f"{MANY:,} samples"
    counts = ", ".join(f"{r:,}" for r in PROCESSES)
    lines = [
        f"How many samples a second more than one process, on {counts} machines, and which part of",
        "the machines that is:",
        "",
        f"| net | network | {' | '.join(said)} |",
        "|---|---|---|---|---|",
        *(row for net in nets for row in scaling_rows(net, computing[net], networks)),
        "",
        f"Measured on {machine()['CPU']}, one thread for each process:",
        "",
        "| net | gradients | an update, u | a shard, a | a sample, b | off by, at most |",
        "|---|---|---|---|---|---|",
    ]
    for net, c in computing.items():
        times = " | ".join(map(short, (c.of_update, c.of_shard, c.of_sample)))
        lines.append(f"| {net} | {size_of(net) / 1e6:.2f} MB | {times} | {c.off:.0%} |")
    lines += ["", "| network | a message, α | a gigabyte, β | off by, at most |"]
    lines += ["|---|---|---|---|"]
    for name, network in networks.items():
        off = f"{network.off:.0%}" if network.off else "given"
        words = f"{short(network.of_message)} | {short(network.of_byte * 1e9)} | {off}"
        lines.append(f"| {name} | {words} |")
    return "\n".join([*lines, "", f"Adding a gigabyte, γ: {short(ours.adding * 1e9)}. {SOURCES}\n"])


# ---- the check ---------------------------------------------------------------------------------


def check(rates: Sequence[str], nets: list[str], rounds: int) -> None:
    """Compare the model with training between two machines, and end one of the processes there."""
    with two_machines() as machines:
        print("| cable | net | sum | predicted: computing | sum | update | measured: sum | update |"
              " off |\n|---|---|---|---|---|---|---|---|---|", flush=True)  # fmt: skip
        for rate in rates:
            machines.limit(rate)
            found = measured(2, nets, rounds, machines)
            for form, shards in (("exact", SHARDS), ("fast", 1)):
                network = Network.fitted(rate, found, form)
                for net in nets:
                    print(compared(found, net, network, form, shards), flush=True)
            exact = Network.fitted(rate, found, "exact")
            print(f"\n{rate}: {short(exact.of_message)} a message, "
                  f"{8e-6 / exact.of_byte:,.0f} Mbit/s; sums are off by {exact.off:.0%} at most.\n",
                  flush=True)  # fmt: skip
        print(killed(machines))


def compared(found: Any, net: str, network: Network, form: str, shards: int) -> str:
    """Write a row: an update of two processes by the model, and as it was measured."""
    model = Scaling(Computing.fitted(found, net), size_of(net), network, shards)
    batch = NETS[net][2]
    update, summing = model.update(2, batch), network(2, size_of(net))
    took, summed = found[f"whole/{net}/{form}"]
    times = map(short, (update - summing, summing, update, summed, took))
    return f"| {network.name} | {net} | {form} | {' | '.join(times)} | {update / took - 1:+.0%} |"


FOR_EVER = """
import numpy as np
from clearprop import nn, train
processes = train.mpi()
names = processes.names()
if processes.is_first:
    print(names, flush=True)
x, t = np.zeros((100, 4)), np.zeros(100, int)
train.fit(nn.Sequential(nn.Affine.initial(4, 3, seed=0), loss=nn.SoftmaxWithLoss()),
          ((x, t), None), batch=32, iterations=10**9, parallel=processes)
"""


def killed(machines: Machines) -> str:
    """Kill the process on the other machine; say how long the first lives on, and what is said."""
    run = machines.run([sys.executable, "-c", FOR_EVER], _ENVIRONMENT)
    assert run.stdout is not None
    said = ""
    while len(pids := re.findall(r"pid (\d+)", said)) < 2:
        line = run.stdout.readline()
        if not line:
            raise SystemExit(f"the run that was to be killed ended by itself:\n{said}")
        said += line
    time.sleep(2)
    when = time.monotonic()
    os.kill(int(pids[1]), signal.SIGKILL)
    rest, _ = run.communicate(timeout=60)
    seconds = time.monotonic() - when
    guarded = "nobody watches" not in said + rest
    named = re.findall(r"process 1 on \S+ [^.:]*|PID \d+ RUNNING AT \S+", rest)
    return (
        f"The process on the other machine was killed: all had ended after {seconds:.1f} s with "
        f"exit code {run.returncode}; guarded: {guarded}; named: {named}"
    )


def main() -> None:
    said = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    said.add_argument("--rounds", type=int, default=7)
    said.add_argument("--network", action="append", default=[], help="NAME,Gbit/s,microseconds")
    said.add_argument(
        "--write", type=Path, help="the tables, as a page of the documentation has them"
    )
    said.add_argument("--check", action="store_true", help="between two network namespaces")
    said.add_argument("--rate", action="append", help="of the cable of --check, as tc has it")
    said.add_argument("--net", choices=NETS, action="append", help="by default, all of them")
    given = said.parse_args()
    nets = given.net or list(NETS)
    if given.check:
        check(given.rate or RATES, nets, given.rounds)
        return
    networks = dict(NETWORKS)
    for text in given.network:
        name, rate, latency = text.rsplit(",", 2)
        networks[name] = float(rate), float(latency)
    one, two = (measured(count, nets, given.rounds) for count in (1, 2))
    text = tables(nets, one, two, networks)
    print(text)
    if given.write:
        given.write.write_text(text)


if __name__ == "__main__":
    main()
