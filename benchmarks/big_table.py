"""A table of 1,000,000 rows and 100 columns, trained on from the disk: memory and time.

python benchmarks/big_table.py FOLDER [--rows N] [--columns D] [--task classes|regression]
    [--epochs 2] [--batch 256] [--how map,loaded,stream,text,command]

The table, about 0.8 GB of text, is made in FOLDER, with its conversion beside it; both stay there,
and are used again. Each way to train is a process of its own, which takes samples of its memory:
anonymous (its own), and of files (pages of the map, which the system takes back when it needs
them).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

LINE = "affine 128, relu, affine 64, relu, affine {}"
CLASSES = 5
LEVELS = 4096  # different numbers in the table: each is written once, and then looked up
ROWS = 10_000  # made at once
WAYS = {
    "map": "train.fit on the folder of csv_to_npy",
    "loaded": "train.fit on data.load of the CSV file",
    "stream": "train.fit on batches that a generator reads from the folder",
    "text": "train.fit on batches that a generator reads from the CSV file itself",
    "command": "clearprop train --data FOLDER, with validation and patience",
}


# ---- the table ---------------------------------------------------------------------------------


def make_table(path: Path, rows: int, columns: int, task: str) -> None:
    """Write a table whose target is a function of its columns, and some noise."""
    rng = np.random.default_rng(0)
    scales, shifts = 10.0 ** rng.integers(-2, 4, columns), rng.normal(size=columns) * 10
    values = np.sort(rng.normal(size=LEVELS))
    texts = [[f"{v:.6g}" for v in values * a + b] for a, b in zip(scales, shifts, strict=True)]
    hidden, out = rng.normal(size=(columns, 16)) / columns**0.5, rng.normal(size=(16, CLASSES))
    names = [f"column{k}" for k in range(columns)]
    with path.open("w") as file:
        file.write(",".join([*names, "target"]) + "\n")
        for start in range(0, rows, ROWS):
            numbers = rng.integers(LEVELS, size=(min(ROWS, rows - start), columns))
            scores = np.tanh(2 * values[numbers] @ hidden) @ out
            scores += 0.3 * rng.normal(size=scores.shape)
            if task == "classes":
                targets = [f"kind{k}" for k in scores.argmax(axis=1).tolist()]
            else:
                targets = [f"{v:.2f}" for v in (1e6 + 1e5 * scores[:, 0]).tolist()]
            of_columns = [
                [text[k] for k in column.tolist()]
                for text, column in zip(texts, numbers.T, strict=True)
            ]
            file.writelines(",".join(row) + "\n" for row in zip(*of_columns, targets, strict=True))


# ---- memory ------------------------------------------------------------------------------------


class Memory:
    """Samples of the memory of this process, in MB: anonymous, and of files."""

    def __init__(self, seconds: float = 0.1) -> None:
        self.samples: list[tuple[float, float, float]] = []
        self._seconds, self._done = seconds, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._started = time.perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            own, files = self.now()
            self.samples.append((time.perf_counter() - self._started, own, files))
            if self._done.wait(self._seconds):
                return

    @staticmethod
    def now() -> tuple[float, float]:
        """Give what the process has now."""
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
        found = {name: int(rest[0]) for name, *rest in (line.split() for line in lines)}
        own = found["Anonymous:"] / 1024
        return own, found["Rss:"] / 1024 - own

    def shown(self, count: int = 8) -> list[str]:
        """Say how it went on: the most of each stretch of the time."""
        parts = np.array_split(np.array(self.samples), count)
        return [
            f"  until {part[-1, 0]:6.1f} s   own {part[:, 1].max():7.1f} MB   "
            f"of files {part[:, 2].max():7.1f} MB"
            for part in parts
            if len(part)
        ]


# ---- time --------------------------------------------------------------------------------------


@contextlib.contextmanager
def timed(seconds: dict[str, float]) -> Iterator[None]:
    """Take the time of the parts of `train.fit`, each without those inside it."""
    from clearprop.train import loop, updates
    from clearprop.train.sources import FromArrays, FromStream

    def wrap(owner: Any, name: str, part: str) -> None:
        plain = getattr(owner, name)

        def measured(*args: Any, **options: Any) -> Any:
            started = time.perf_counter()
            inside.append(0.0)
            try:
                return plain(*args, **options)
            finally:
                whole = time.perf_counter() - started
                seconds[part] = seconds.get(part, 0.0) + whole - inside.pop()
                inside[-1] += whole

        setattr(owner, name, measured)
        undo.append((owner, name, plain))

    undo: list[tuple[Any, str, Any]] = []
    inside = [0.0]
    wrap(updates.Compiled, "__init__", "make the program")
    wrap(updates.Compiled, "_run", "steps in machine code")
    for source in (FromArrays, FromStream):
        wrap(source, "take", "draw or read batches")
    wrap(updates.Compiled, "_check", "check labels")
    wrap(loop, "_row", "measure all samples")
    try:
        yield
    finally:
        for owner, name, plain in undo:
            setattr(owner, name, plain)


def seconds_of_gathering(x: Any, t: Any, batch: int, steps: int, columns: Any) -> float:
    """Time a program that gathers and prepares batches, as a step does, and then only adds."""
    import clearprop as cp

    rng = np.random.default_rng(1)

    def step(carry: Any, part: Any, x: Any, t: Any) -> Any:
        return carry + np.sum(columns(x[part])), np.sum(t[part])

    scan = cp.compile(step).scan
    parts = rng.integers(len(x), size=(500, batch))
    arrays = [np.asarray(memoryview(a).toreadonly()) for a in (x, t)]
    scan(np.float32(0), parts[:1], *arrays)
    started = time.perf_counter()
    scan(np.float32(0), parts, *arrays)
    return (time.perf_counter() - started) * steps / len(parts)


def batches_of_text(path: Path, batch: int, classes: tuple[str, ...] | None) -> Iterator[Any]:
    """Read a CSV file batch by batch; the last one may be smaller."""
    numbers = {name: k for k, name in enumerate(classes or ())}
    with path.open() as file:
        last = next(file).count(",")
        converters = {last: numbers.__getitem__} if classes else None
        while lines := list(islice(file, batch)):
            rows = np.loadtxt(lines, delimiter=",", converters=converters, ndmin=2)
            yield rows[:, :-1], rows[:, -1].astype(int) if classes else rows[:, -1:]


# ---- ways to train -----------------------------------------------------------------------------


def train_once(how: str, folder: Path, given: argparse.Namespace) -> None:
    """Train in this process, and print what it took."""
    from clearprop import data, nn, optim, train

    where = folder / ("table.csv" if how == "loaded" else "table")
    seconds: dict[str, float] = {}
    with Memory() as memory:
        started = time.perf_counter()
        table = data.load(where)
        loading = time.perf_counter() - started
        outputs = 1 if table.classes is None else len(table.classes)
        loss = nn.MSE() if table.classes is None else nn.SoftmaxWithLoss()
        layers = nn.layers_of(LINE.format(outputs), table.shape, dtype="float32")
        net = nn.Sequential(*layers, loss=loss)
        options: dict[str, Any] = {"optimizer": optim.Adam(), "epochs": given.epochs}
        samples: Any = table
        if how in ("stream", "text"):
            x, t = table.train

            def batches() -> Iterator[Any]:
                if how == "text":
                    yield from batches_of_text(folder / "table.csv", given.batch, table.classes)
                    return
                for start in range(0, len(x) - given.batch + 1, given.batch):
                    yield x[start : start + given.batch], t[start : start + given.batch]

            samples = batches, table.test
            options |= {"prepare": table.prepare, "prepare_target": table.prepare_target}
        else:
            early = train.EarlyStopping(net, patience=5)
            options |= {"validation": 0.1, "watch": early, "replace": False}
        started = time.perf_counter()
        with timed(seconds):
            metrics = train.fit(net, samples, batch=given.batch, **options)
        whole = time.perf_counter() - started
    print(f"loading {loading:.1f} s, training {whole:.1f} s, {metrics.iterations:,} updates")
    seconds["Python, and what is left"] = whole - sum(seconds.values())
    if how not in ("stream", "text"):
        gather = seconds_of_gathering(*table.train, given.batch, metrics.iterations, table.prepare)
        seconds["steps in machine code"] -= gather
        seconds["of steps: read and prepare rows"] = gather
    for part, taken in sorted(seconds.items(), key=lambda pair: -pair[1]):
        print(f"  {taken:7.2f} s {100 * taken / whole:5.1f} %   {part}")
    print(*memory.shown(), sep="\n")
    last = metrics.rows[-1]
    known = {name: value for name, value in last._asdict().items() if not np.isnan(value)}
    print("  " + ", ".join(f"{name} {value:.4g}" for name, value in known.items()))


def command(folder: Path, given: argparse.Namespace) -> None:
    """Train by the command line, and watch its memory from inside."""
    out = folder / f"run{time.time_ns()}"
    words = ["train", "--data", str(folder / "table"), "--out", str(out), "--plain", "--shuffle"]
    words += ["--model", LINE.format(CLASSES if given.task == "classes" else 1)]
    words += ["--epochs", str(given.epochs), "--batch", str(given.batch), "--optimizer", "adam"]
    words += ["--validation", "0.1", "--patience", "5"]
    from clearprop.cli import main

    sys.argv = ["clearprop", *words]
    started = time.perf_counter()
    with Memory() as memory, contextlib.suppress(SystemExit):
        main()
    print(f"{time.perf_counter() - started:.1f} s", *memory.shown(), sep="\n")
    print(json.loads((out / "result.json").read_text()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--task", choices=["classes", "regression"], default="classes")
    parser.add_argument("--epochs", type=float, default=2)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--how", default=",".join(WAYS))
    parser.add_argument("--inside", help="used by the script itself: one way, in this process")
    given = parser.parse_args()
    folder: Path = given.folder
    if given.inside == "convert":
        from clearprop import data

        started = time.perf_counter()
        with Memory() as memory:
            print(data.csv_to_npy(folder / "table.csv", folder / "table"))
        print(f"{time.perf_counter() - started:.1f} s", *memory.shown(), sep="\n")
        return
    if given.inside:
        train_once(given.inside, folder, given) if given.inside != "command" else command(
            folder, given
        )
        return
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "table.csv").exists():
        started = time.perf_counter()
        make_table(folder / "new.csv", given.rows, given.columns, given.task)
        (folder / "new.csv").rename(folder / "table.csv")
        print(f"the table was made in {time.perf_counter() - started:.1f} s")
    print(f"{(folder / 'table.csv').stat().st_size / 1e6:,.0f} MB of text", flush=True)
    ways = {} if (folder / "table").exists() else {"convert": "data.csv_to_npy"}
    for how, said in (ways | {name: WAYS[name] for name in given.how.split(",")}).items():
        print(f"\n{how}: {said}", flush=True)
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--inside", how], check=True)


if __name__ == "__main__":
    main()
