"""Several processes, started by mpiexec: the same bits, one folder, one end, and going on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mpi4py", reason="mpi4py is not installed")
SCRIPTS = Path(sysconfig.get_path("scripts"))
if not (SCRIPTS / "mpiexec").exists():
    pytest.skip("there is no mpiexec beside Python", allow_module_level=True)

TRAIN = [sys.executable, "-m", "clearprop", "train", "--plain", "--data", "digits", "--batch", "50"]


def start(processes: int, *words: Any, **options: Any) -> subprocess.Popen[str]:
    command = [str(SCRIPTS / "mpiexec"), "-n", str(processes), *map(str, words)]
    if not processes:
        command = list(map(str, words))
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        **options,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=120)
    return process.returncode, out


def train(processes: int, *words: Any) -> str:
    code, out = ended(start(processes, *TRAIN, *words))
    assert code == 0, out
    return out


def digest(run: Path) -> str:
    return json.loads((run / "result.json").read_text())["weights_sha256"]


def pids(run: subprocess.Popen[str]) -> list[int]:
    """Read what the first process says until the processes are named."""
    for line in run.stdout:
        if found := re.findall(r"pid (\d+)", line):
            return list(map(int, found))
    raise AssertionError(run.wait())


LONG = "--iterations", 100_000, "--checkpoint", 50, "--model", "affine 10", "--interpret"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def test_one_and_two_processes_give_the_same_bits(folder):
    options = "--model", "affine 9, batchnorm, affine 10", "--iterations", 20, "--optimizer", "adam"
    for count in (0, 2):
        out = train(count, *options, "--shards", 4, "--out", folder / f"same{count}")
    assert re.search(r"2 processes: 0 on \S+ \(pid \d+\), 1 on ", out)
    assert len({digest(folder / f"same{count}") for count in (0, 2)}) == 1
    assert len({(folder / f"same{count}" / "accuracy.csv").read_text() for count in (0, 2)}) == 1


def test_a_killed_process_ends_all_and_fewer_go_on(folder):
    run = start(2, *TRAIN, *LONG, "--out", folder / "killed")
    victim = pids(run)[1]
    while not list((folder / "killed").glob("checkpoints/*.safetensors")):
        time.sleep(0.05)
    os.kill(victim, signal.SIGKILL)
    code, out = ended(run)
    assert code != 0
    assert re.search(r"process 1 on \S+ is no longer there|PID \d+ RUNNING AT", out)
    step = max(int(p.stem.split("-")[-1]) for p in (folder / "killed" / "checkpoints").glob("*.s*"))
    ends = "--iterations", step + 60
    assert (
        "Goes on after"
        in ended(start(0, *TRAIN[:4], "--plain", "--resume", folder / "killed", *ends))[1]
    )
    train(0, *LONG[2:], *ends, "--shards", 8, "--out", folder / "whole")
    assert digest(folder / "killed") == digest(folder / "whole")


def test_a_stopped_process_is_named(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(silence=2))
    run = start(2, sys.executable, script, cwd=tmp_path)
    while len(list(tmp_path.glob("pid*"))) < 2:
        time.sleep(0.05)
    time.sleep(1)
    os.kill(int((tmp_path / "pid0").read_text()), signal.SIGSTOP)
    code, out = ended(run)
    assert code != 0
    assert re.search(r"process 0 on \S+ has given no sign of life for 2 seconds", out)


SCRIPT = """
import os
import pathlib
import numpy as np
from clearprop import nn, train

processes = train.mpi(silence={silence})
rng = np.random.default_rng(0)
x, t = rng.normal(size=(100, 4)), rng.integers(0, 3, 100)
net = nn.Sequential(nn.Affine.initial(4, 3, seed=0), loss=nn.SoftmaxWithLoss())
made = pathlib.Path(f"pid{{processes.rank}}.new")
made.write_text(str(os.getpid()))
made.rename(f"pid{{processes.rank}}")
train.fit(net, ((x, t), None), batch=32, iterations=10**9, parallel=processes)
"""

OTHER = """
import numpy as np
from clearprop import nn, train

processes = train.mpi()
rank = processes.rank
rng = np.random.default_rng({seed})
x, t = rng.normal(size=(100, 4)), rng.integers(0, 3, 100)
net = nn.Sequential(nn.Affine.initial(4, 3, seed=0), loss=nn.SoftmaxWithLoss())
{before}
data = (x, t), None
how = dict(lr={lr}, seed={of_batches}, prepare={prepare}, replace={replace})
train.fit(net, data, batch={batch}, iterations=50, parallel=processes, **how)
"""
SAME = {"seed": "0", "before": "", "lr": "0.1", "of_batches": "0"}
SAME |= {"batch": "32", "prepare": "None", "replace": "True"}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": "rank"}, "the SHA-256 of the samples is"),
        ({"batch": "32 + 8 * rank"}, "batch is 32 for process 0"),
        ({"prepare": "(lambda x: -x) if rank else None"}, "samples, prepared, is"),
        ({"replace": "rank == 0"}, "replace is True"),
        ({"lr": "0.1 + rank"}, r"the rule is SGD\(lr=0.1"),
        ({"before": "assert rank == 0, 'I am another'"}, "I am another"),
        ({"before": "x[70] = np.nan"}, "x has 4 NaN, the first at"),
        ({"before": "if rank: raise SystemExit(3)"}, "of 2 processes 1 end, and the others go on"),
    ],
)
def test_what_is_wrong_ends_all(other, said, tmp_path):
    script = tmp_path / "run.py"
    script.write_text(OTHER.format(**SAME | other))
    code, out = ended(start(2, sys.executable, script))
    assert code != 0
    assert re.search(said, out), out


BEST = """
class Best:
    def __call__(self, metrics):
        pass

    def finish(self, metrics):
        net.params["b1"] = np.full(3, 7.0)

train.fit(net, data, batch=32, iterations=5, watch=Best(), parallel=processes)
np.save(f"b1_{rank}.npy", net.params["b1"])
"""


def test_what_a_watcher_leaves_is_on_all_processes(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(OTHER.format(**SAME) + BEST)
    code, out = ended(start(2, sys.executable, script, cwd=tmp_path))
    assert code == 0, out
    for rank in range(2):
        assert np.load(tmp_path / f"b1_{rank}.npy").tolist() == [7.0, 7.0, 7.0]


def test_a_signal_saves_first(folder):
    run = start(2, *TRAIN, *LONG, "--out", folder / "stopped")
    one, other = pids(run)
    while not list((folder / "stopped").glob("checkpoints/*.safetensors")):
        time.sleep(0.05)
    os.kill(other, signal.SIGTERM)
    time.sleep(0.05)
    os.kill(one, signal.SIGTERM)  # as Slurm does: it is no second signal
    _, out = ended(run)
    found = json.loads((folder / "stopped" / "result.json").read_text())
    assert found["ended"] == "SIGTERM", out
    assert 0 < found["iterations"] < 100_000
