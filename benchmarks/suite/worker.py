"""One side in a process of its own: it starts, says what that cost, and times a chunk when asked.

python -m benchmarks.suite.worker CASE SIDE THREADS DATA [--verify]

It answers in lines of JSON; each line that it reads asks for one more sample. The driver sets the
environment; the processors are chosen here, before any library is imported.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.suite.threads import pin

IMPORTS = {"PyTorch": "torch", "JAX": "jax", "micrograd": "micrograd.nn", "clearprop": "clearprop"}
VERIFIED_STEPS = 10


def status(key: str) -> int:
    """Give VmRSS (memory now) or VmHWM (the most so far) in bytes.

    `ru_maxrss` is the same as the latter, but a process inherits its parent's.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def forget_peak() -> bool:
    """Let VmHWM begin anew."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def threads_used(peer: str) -> dict[str, int]:
    """Give the number of threads of each pool that is there."""
    found: dict[str, int] = {}
    with suppress(ImportError):
        import threadpoolctl

        for pool in threadpoolctl.threadpool_info():
            name = f"{pool['internal_api']} of {Path(pool['filepath']).name}"
            found[name] = pool["num_threads"]
    if peer == "PyTorch":
        import torch

        found["torch"] = torch.get_num_threads()
    return found


def main() -> None:
    case_name, side_name, threads, data, *flags = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a compiler prints is no answer
    processors = pin(int(threads))

    began = perf_counter()
    peer = side_name.split(",")[0]
    import numpy as np

    if peer in IMPORTS:
        importlib.import_module(IMPORTS[peer])
    facts: dict[str, Any] = {"import": perf_counter() - began, "processors": processors}
    facts["memory after import"] = status("VmRSS")

    from benchmarks.suite.side import Problem, run_of

    case, side = run_of(case_name, side_name)
    x, t = np.load(Path(data) / "x.npy"), np.load(Path(data) / "t.npy")
    problem = Problem(x, t, "--verify" in flags, int(threads))
    chunk = VERIFIED_STEPS if problem.verify else side.chunk or case.CHUNK
    facts["chunk"] = chunk
    order = np.random.default_rng(1).integers(0, len(x), (chunk, case.BATCH))
    most = status("VmHWM")
    forget_peak()
    base = status("VmRSS")

    began = perf_counter()
    run = side.start(problem)
    verified = problem.verify
    del problem, x, t  # a library that has made a copy keeps that alone
    converted = run.convert(order)
    first = converted if side.whole or verified else run.convert(order[:1])
    losses = run.steps(first)
    facts["first call"] = perf_counter() - began
    most = max(most, status("VmHWM"))
    facts["peak memory"] = status("VmHWM") - base
    if verified:
        facts |= {"losses": np.asarray(losses, float).tolist(), "probe": run.probe()}
    else:
        forget_peak()
        run.steps(converted)
        facts["peak memory of steps"] = status("VmHWM") - base
        facts["peak memory of process"] = max(most, status("VmHWM"))
    facts["threads"] = threads_used(peer)
    too_many = {pool: n for pool, n in facts["threads"].items() if n > int(threads)}
    assert not too_many, f"more than {threads} threads: {too_many}"
    print(json.dumps(facts), file=answers)

    for _ in sys.stdin:
        gc.collect()
        began = perf_counter()
        losses = run.steps(converted)
        seconds = (perf_counter() - began) / chunk
        assert len(losses) == chunk, f"{len(losses)} losses of {chunk} steps"
        print(json.dumps(seconds), file=answers)


if __name__ == "__main__":
    main()
