"""A run that writes checkpoints and is killed at it, again and again, and goes on each time.

``python checkpoint_kills.py WAY FOLDER ROUNDS``; a process of its own, for what it kills are forks
of itself, which start in a millisecond. Every state follows from the one before, generator
included: so a wrong one, an old one or a mixed one is told from the right one.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from clearprop.train import Checkpoints, checkpoints, generator_facts, restore_generator

SIZE = 30_000  # numbers: 240 kB, which the disk takes about as long for as Python for the rest


def states() -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """The run that is never interrupted."""
    return go_on(0, np.zeros(SIZE), np.random.default_rng(0))


def go_on(step: int, W: Any, rng: Any) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    while True:
        step += 1
        W = 0.5 * W + rng.random(SIZE)
        arrays = {"W": W, "step": np.array(step), "empty": np.zeros((0, 3), np.float32)}
        yield step, arrays, {"rng": generator_facts(rng)}


def run(folder: Path, tell: Callable[[int], object]) -> None:
    """Go on from the last checkpoint for ever, and tell which are known to be whole."""
    with Checkpoints(folder, keep=2, made_with={}) as kept:
        assert not list(folder.glob(".step*"))  # what the one before left
        found = kept.latest()
        assert not found.refused
        last = found.checkpoint
        run = states()
        if last is not None:
            run = go_on(last.step, last.arrays["W"], restore_generator(last.facts["rng"]))
        for step, arrays, facts in run:
            kept.write(step, arrays, facts)
            tell(step - 1)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


# ---- ways to die --------------------------------------------------------------------------------


def at_any_moment(number: int) -> None:
    """By the parent."""


def at_a_call(number: int) -> None:
    """Before the call of this number that changes anything on disk, or after it."""
    calls = count()

    def lethal(call: Callable[..., Any]) -> Callable[..., Any]:
        def calling(*args: Any, **options: Any) -> Any:
            if next(calls) == number:
                die()
            result = call(*args, **options)
            if next(calls) == number:
                die()
            return result

        return calling

    for name in ("open", "replace", "unlink"):
        setattr(Path, name, lethal(getattr(Path, name)))
    for name in ("open", "fsync"):
        setattr(os, name, lethal(getattr(os, name)))
    content = checkpoints.file_content
    checkpoints.file_content = lambda *args: map(lethal(bytes), content(*args))  # type: ignore[assignment]


def after_some_bytes(number: int) -> None:
    """In the middle of one of its first files, by the kernel."""
    rng = random.Random(number)
    whole, calls, content = rng.randrange(3), count(), checkpoints.file_content
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def last(*args: Any) -> Any:
        parts = content(*args)
        if next(calls) == whole:
            most = rng.randrange(sum(map(len, parts)))
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return parts

    checkpoints.file_content = last


# ---- rounds -------------------------------------------------------------------------------------


def child(folder: Path, way: Callable[[int], None], number: int) -> tuple[int, int]:
    """Fork a run off; give its number, and where it tells its steps."""
    told, telling = os.pipe()
    pid = os.fork()
    if pid:
        os.close(telling)
        return pid, told
    try:
        way(number)
        run(folder, lambda step: os.write(telling, struct.pack("q", step)))
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(1)


def kill_all(way: Callable[[int], None], folder: Path, rounds: int) -> dict[str, int]:
    expected, state = states(), (0, {}, {})
    rng = random.Random(rounds)
    newest = leftovers = 0
    for number in range(rounds):
        pid, told = child(folder, way, number)
        steps = b""
        if way is at_any_moment:
            steps = os.read(told, 8)  # it is at work
            time.sleep(rng.uniform(0, 0.03))
            os.kill(pid, signal.SIGKILL)
        with os.fdopen(told, "rb") as rest:
            steps += rest.read()
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), f"round {number}: it was not killed, but ended with {status}"
        acknowledged = max([newest, *(step for (step,) in struct.iter_unpack("q", steps))])

        there = len(list(folder.glob(".step*")))
        assert there <= 1
        leftovers += there
        found = Checkpoints(folder, made_with={}).latest() if folder.exists() else None
        if found is None or found.checkpoint is None:
            assert acknowledged == 0
            continue
        assert not found.refused
        last = found.checkpoint
        assert acknowledged <= last.step <= acknowledged + 2, (number, acknowledged, last.step)
        while state[0] < last.step:
            state = next(expected)
        assert set(last.arrays) == set(state[1])
        for name, array in state[1].items():
            np.testing.assert_array_equal(last.arrays[name], array, strict=True)
        assert last.facts == state[2]
        newest = last.step
    return {"rounds": rounds, "newest": newest, "leftovers": leftovers}


def main(way: str, folder: str, rounds: str) -> None:
    if way == "run":
        with contextlib.suppress(BrokenPipeError):
            run(Path(folder), lambda step: print(step, flush=True))
        return
    print(json.dumps(kill_all(globals()[way], Path(folder), int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
