"""The convolutional networks for 20 epochs, whole processes: how good they get, and how soon.

python benchmarks/accuracies.py [--model NAME …] [--data FOLDER] [--epochs N] [--threads N]
    [--seed N …] [--alone]

``clearprop train --model NAME --optimizer adam --schedule cosine --shuffle`` and a PyTorch script
that does the same (`benchmarks/suite/train_torch_images.py`), one after the other; with --alone
only the first. The second run of a seed finds its machine code on disk; the first one makes it.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.suite.threads import environment, pin


def main() -> None:
    import clearprop.data

    said = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    inside = Path(clearprop.data.__file__).parent / "mnist"
    said.add_argument("--model", nargs="+", default=["simple-conv", "deep-conv"])
    said.add_argument("--data", type=Path, default=inside)
    said.add_argument("--epochs", type=int, default=20)
    said.add_argument("--threads", type=int, default=2)
    said.add_argument("--seed", type=int, nargs="+", default=[0])
    said.add_argument("--alone", action="store_true")
    given = said.parse_args()
    train = [sys.executable, "-m", "clearprop", "train", "--optimizer", "adam", "--shuffle"]
    train += ["--schedule", "cosine", "--plain", "--data", str(given.data)]
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as cache:
        for model in given.model:
            for seed in given.seed:
                counts = ["--epochs", str(given.epochs), "--threads", str(given.threads)]
                ours = [*train, "--model", model, "--seed", str(seed), *counts]
                times = [timed("clearprop", model, seed, given.threads, Path(cache), ours)]
                if given.alone:
                    continue
                script = [sys.executable, "-m", "benchmarks.suite.train_torch_images"]
                theirs = [*script, str(given.data), "{out}", str(given.threads), model]
                theirs.append(str(given.epochs))
                times.append(timed("PyTorch", model, seed, given.threads, Path(cache), theirs))
                print(f"{model}: clearprop is {times[1] / times[0]:.2f} times as fast", flush=True)


def timed(name: str, model: str, seed: int, threads: int, cache: Path, command: list[str]) -> float:
    """Run one process; say how long it took, and how good the network got."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        out = Path(folder) / "run"
        if name == "clearprop":
            command = [*command, "--out", str(out)]
        else:
            out.mkdir()
            command = [str(out) if part == "{out}" else part for part in command]
        began = perf_counter()
        subprocess.run(
            command,
            env=environment(threads, cache),
            preexec_fn=lambda: pin(threads),
            stdout=subprocess.DEVNULL,
            check=True,
        )
        seconds = perf_counter() - began
        if name == "clearprop":
            with (out / "accuracy.csv").open(newline="") as file:
                *_, last = csv.DictReader(file)
            accuracy = float(last["test_accuracy"])
        else:
            accuracy = json.loads((out / "metrics.json").read_text())["rows"][-1][-1]
    print(
        f"{model}, seed {seed}, {name}: {seconds:.1f} s, test accuracy {accuracy:.4f}", flush=True
    )
    return seconds


if __name__ == "__main__":
    main()
