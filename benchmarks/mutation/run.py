"""Measure the checker of hand-written backward passes: false alarms and mistakes found.

python -m benchmarks.mutation                            # everything
python -m benchmarks.mutation mutants --sample 200       # some of the mutants, at random
python -m benchmarks.mutation mutants --per-kind 3 --show missed
python -m benchmarks.mutation mutants --entry Affine --kind axis --show all
python -m benchmarks.mutation originals --seeds 3
python -m benchmarks.mutation equivalents
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.mutation.entries import ENTRIES
from benchmarks.mutation.judged import CORPUS, NOT_FOUND, Judged, Outcome, check, expected, judge
from benchmarks.mutation.store import Decided, read

SHOWN: dict[str, Callable[[Outcome], bool]] = {
    "all": lambda o: True,
    "missed": lambda o: not o.caught,
    "line": lambda o: o.caught and not o.line_right,
    "cause": lambda o: o.caught and bool(expected(o.mutant)) and not o.cause_right,
}


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts",
        nargs="*",
        default=[],
        metavar="PART",
        help="originals, mutants, equivalents (originals and mutants where none is given)",
    )
    parser.add_argument("--seeds", type=int, default=20, help="how often originals are checked")
    parser.add_argument("--seed", type=int, default=0, help="of the sample and of the checker")
    parser.add_argument("--sample", type=int, help="so many mutants, at random")
    parser.add_argument("--per-kind", type=int, help="so many mutants of each kind, at random")
    parser.add_argument("--kind", action="append", help="only mutants of this kind")
    parser.add_argument("--entry", action="append", help="only this layer")
    parser.add_argument("--behaviour", action="append", help="only mutants that behave so")
    parser.add_argument("--id", action="append", help="only this mutant, as Affine/axis/1")
    parser.add_argument("--show", choices=SHOWN, help="print these mutants with their findings")
    parser.add_argument("--json", type=Path, help="write every record to this file")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    unknown = set(options.parts) - {"originals", "mutants", "equivalents"}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    options.parts = options.parts or ["originals", "mutants"]
    return options


def chosen(options: argparse.Namespace, *, killed: bool) -> list[Decided]:
    """The mutants that the options ask for."""

    def wanted(m: Decided) -> bool:
        return all(
            not allowed or value in allowed
            for allowed, value in (
                (options.kind, m.kind),
                (options.entry, m.entry),
                (options.behaviour, m.behaviour),
                (options.id, m.id),
            )
        )

    rows = [m for m in read() if m.killed == killed and m.behaviour != "hangs" and wanted(m)]
    rng = random.Random(options.seed)
    if options.per_kind:
        by_kind = defaultdict(list)
        for m in rows:
            by_kind[m.kind].append(m)
        rows = [
            m for ms in by_kind.values() for m in rng.sample(ms, min(options.per_kind, len(ms)))
        ]
    if options.sample and options.sample < len(rows):
        rows = rng.sample(rows, options.sample)
    return rows


def judged_all(rows: list[Decided], options: argparse.Namespace) -> list[Outcome]:
    """Check mutants, in several processes if asked for."""
    if options.processes == 1:
        return _some((rows, options.seed))
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    parts = [(rows[i :: options.processes], options.seed) for i in range(options.processes)]
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        outcomes = [o for part in pool.map(_some, parts) for o in part]
    return sorted(outcomes, key=lambda o: rows.index(o.mutant))


def _some(work: tuple[list[Decided], int]) -> list[Outcome]:
    rows, seed = work
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        for number, mutant in enumerate(rows, 1):
            outcomes.append(judge(mutant, Path(folder), seed))
            if number % 50 == 0:
                print(f"{number} of {len(rows)}", file=sys.stderr, flush=True)
    return outcomes


def originals(options: argparse.Namespace) -> list[Judged]:
    """Check every file of the corpus as it is, with many seeds, and count what is said."""
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, list[float]] = defaultdict(list)
    told: list[Judged] = []
    entries = [e for e in ENTRIES if not options.entry or e.name in options.entry]
    for file in sorted({e.file for e in entries}):
        names = [e.name for e in entries if e.file == file]
        for seed in range(options.seeds):
            some = names if options.entry else None
            found = check(CORPUS / f"{file}.py", some, options.seed + seed)
            for j in found:
                verdicts[j.name or file][j.verdict] += 1
                seconds[j.name or file].append(j.seconds)
                told.append(j)
            for name in set(names) - {j.name for j in found}:
                verdicts[name][NOT_FOUND] += 1
        print(f"{file}.py", file=sys.stderr, flush=True)
    good = {"correct", "convention"}
    print(f"\nOriginals, {options.seeds} seeds\n")
    total: Counter[str] = Counter()
    for name, counter in verdicts.items():
        total.update(counter)
        if set(counter) - good:
            print(f"  {name:32} " + ", ".join(f"{v} {n}" for v, n in counter.items()))
            said = next((j for j in told if j.name == name and j.verdict not in good), None)
            if said:
                print(f"      {said.cause} {said.sentence or said.reason}")
    print("  " + ", ".join(f"{v}: {n}" for v, n in sorted(total.items())))
    every = [s for times in seconds.values() for s in times]
    print(f"  false alarms: {total['fault']} of {sum(total.values())}; {timing(every)}")
    return told


def timing(seconds: Iterable[float]) -> str:
    times = sorted(seconds)
    return f"median {median(times):.2f} s, maximum {times[-1]:.2f} s" if times else "no times"


def table(outcomes: list[Outcome]) -> None:
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    by_behaviour: dict[str, list[Outcome]] = defaultdict(list)
    for o in outcomes:
        by_kind[o.mutant.kind].append(o)
        by_behaviour[o.mutant.behaviour].append(o)
    print(
        f"\n{'':24}{'mutants':>8}{'caught':>8}{'line':>8}{'cause':>8}{'median s':>10}{'max s':>8}"
    )
    for title, groups in (("kind", by_kind), ("behaviour", by_behaviour)):
        print(title)
        for name in sorted(groups):
            row(f"  {name}", groups[name])
    row("all", outcomes)


def row(name: str, outcomes: list[Outcome]) -> None:
    def percent(several: list[bool]) -> str:
        return f"{100 * sum(several) / len(several):.1f}" if several else "–"

    caught = [o for o in outcomes if o.caught]
    named = [o for o in caught if expected(o.mutant)]
    times = [o.judged.seconds for o in outcomes]
    print(
        f"{name:24}{len(outcomes):8}"
        f"{percent([o.caught for o in outcomes]):>8}"
        f"{percent([o.line_right for o in caught]):>8}"
        f"{percent([o.cause_right for o in named]):>8}"
        f"{median(times):10.2f}{max(times):8.2f}"
    )


def show(o: Outcome) -> None:
    m, j = o.mutant, o.judged
    print(f"\n{m.id}  ({m.behaviour or 'equivalent'}: {', '.join(m.gradients) or '–'})")
    print(f"  {m.file}.py:{m.first}  {m.before}")
    print(f"  {'':{len(m.file) + 4}}→ {m.after}")
    print(f"  {j.verdict}  {j.cause}  {j.gradient}  line {j.line or '–'} (right: {m.right})")
    for text in (j.sentence, j.remedy and f"write: {j.remedy}", j.reason):
        if text:
            print(f"      {text}")


def main(arguments: list[str] | None = None) -> int:
    options = parsed(arguments)
    records: dict[str, Any] = {}
    if "originals" in options.parts:
        records["originals"] = [asdict(j) for j in originals(options)]
    for part, killed in (("mutants", True), ("equivalents", False)):
        if part not in options.parts:
            continue
        outcomes = judged_all(chosen(options, killed=killed), options)
        for o in outcomes:
            if options.show and SHOWN[options.show](o):
                show(o)
        if killed and outcomes:
            table(outcomes)
        print(f"\n{part}: {Counter(o.judged.verdict for o in outcomes)}")
        print(f"{timing(o.judged.seconds for o in outcomes)}; none of those that hang was run")
        records[part] = [{"id": o.mutant.id, **asdict(o.judged)} for o in outcomes]
    if options.json:
        options.json.write_text(json.dumps(records, indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
