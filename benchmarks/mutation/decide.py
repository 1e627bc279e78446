"""Make every mutant, let PyTorch decide, and keep the decisions in `decisions.tsv`.

python -m benchmarks.mutation.decide            # about three minutes
python -m benchmarks.mutation.decide --check    # the same, and compare with what is kept
python -m benchmarks.mutation.decide --entry Affine --show
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator

from benchmarks.mutation.entries import ENTRIES
from benchmarks.mutation.entry import Entry
from benchmarks.mutation.operators import Mutant, harmless, mutants
from benchmarks.mutation.oracle import Decision, decide
from benchmarks.mutation.store import STORE, Decided, read, write

#: How many of a kind are kept of one layer; of wrong names there are as many as one likes.
KEPT, KEPT_OF_NAMES = 4, 2
NAMES = {"wrong-variable", "wrong-upstream", "cached-wrong", "dtype"}
#: Those that raise are found by running them once: one of a kind is enough.
KEPT_RAISING, KEPT_EQUIVALENT, KEPT_HARMLESS = 1, 1, 2


def decided(entry: Entry) -> Iterator[Decided]:
    """The mutants of one layer that are kept, with their decisions."""
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants(entry):
        by_kind.setdefault(mutant.kind, []).append(mutant)
    for kind, all_of_kind in by_kind.items():
        random.Random(f"{entry.name}/{kind}").shuffle(all_of_kind)
        kept: list[tuple[Mutant, Decision]] = []
        room = {
            "raises": KEPT_RAISING,
            "": KEPT_HARMLESS if kind in harmless.KINDS else KEPT_EQUIVALENT,
            "killed": KEPT_OF_NAMES if kind in NAMES else KEPT,
        }
        for mutant in all_of_kind:
            if not room["" if kind in harmless.KINDS else "killed"]:
                break
            decision = decide(entry, mutant.source(entry.source))
            if kind in harmless.KINDS and decision.behaviour:
                raise AssertionError(f"{entry.name}, {mutant}: {decision.behaviour}")
            group = decision.behaviour if decision.behaviour in room else "killed"
            if room[group]:
                room[group] -= 1
                kept.append((mutant, decision))
        kept.sort(key=lambda pair: (pair[0].first, pair[0].lines))
        for number, (m, d) in enumerate(kept, 1):
            row = (m.first, m.last, m.right, d.behaviour, d.gradients, m.before, m.lines)
            yield Decided(entry.name, kind, number, entry.file, *row)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entry", help="only this layer; nothing is written")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--show", action="store_true", help="print every mutant")
    options = parser.parse_args()

    rows: list[Decided] = []
    for entry in ENTRIES:
        if options.entry in (None, entry.name):
            rows.extend(decided(entry))
            print(f"{len(rows):5} {entry.name}", file=sys.stderr, flush=True)
    if options.show:
        for row in rows:
            print(f"{row.id:40} {row.behaviour or 'equivalent':14} {row.before}  →  {row.after}")
    print(Counter(row.behaviour or "equivalent" for row in rows))
    if options.check:
        kept = [r for r in read() if options.entry in (None, r.entry)]
        changed = {r.id for r in set(kept) ^ set(rows)}
        print(f"{len(changed)} decisions differ", *sorted(changed)[:20])
        return 1 if changed else 0
    if not options.entry:
        write(rows)
        print(f"{len(rows)} mutants in {STORE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
