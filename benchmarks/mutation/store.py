"""The mutants that were decided, in `decisions.tsv`: neither PyTorch nor the operators are needed.

A row is one mutant: which layer, the kind of mistake, the lines of the file that are replaced and
by what, the lines that a finding may point to, what the oracle saw and in which gradients.
Behaviour "" is an equivalent mutant: nothing that was tried tells it from the original.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

STORE = Path(__file__).parent / "decisions.tsv"
COLUMNS = ("id", "file", "first", "last", "right", "behaviour", "gradients", "before", "lines")


@dataclass(frozen=True)
class Decided:
    """A mutant and what the oracle saw."""

    entry: str
    kind: str
    number: int
    file: str
    first: int
    last: int
    right: tuple[int, ...]
    behaviour: str
    gradients: tuple[str, ...]
    before: str
    lines: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.entry}/{self.kind}/{self.number}"

    @property
    def killed(self) -> bool:
        """Whether a gradient is wrong, or an array of the caller's is written to."""
        return self.behaviour not in ("", "hangs")

    @property
    def after(self) -> str:
        return joined(self.lines)

    def source(self, original: str) -> str:
        """The file with this mistake in it."""
        lines = original.splitlines()
        if joined(lines[self.first - 1 : self.last]) != self.before:
            raise ValueError(f"{self.file}.py is no longer what {self.id} was made from")
        lines[self.first - 1 : self.last] = self.lines
        return "\n".join(lines) + "\n"


def joined(lines: Iterable[str]) -> str:
    """Lines as one, for a table."""
    return " ⏎ ".join(line.strip() for line in lines if line.strip())


def write(rows: Iterable[Decided], path: Path = STORE) -> None:
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        cells = (
            row.id,
            row.file,
            str(row.first),
            str(row.last),
            ",".join(map(str, row.right)),
            row.behaviour,
            ",".join(row.gradients),
            row.before,
            json.dumps("\n".join(row.lines), ensure_ascii=False),
        )
        assert not any("\t" in c for c in cells), row
        lines.append("\t".join(cells))
    path.write_text("\n".join(lines) + "\n")


def read(path: Path = STORE) -> list[Decided]:
    rows = []
    for line in path.read_text().splitlines()[1:]:
        name, file, first, last, right, behaviour, gradients, before, lines = line.split("\t")
        entry, kind, number = name.split("/")
        rows.append(
            Decided(
                entry,
                kind,
                int(number),
                file,
                int(first),
                int(last),
                tuple(int(r) for r in right.split(",")),
                behaviour,
                tuple(g for g in gradients.split(",") if g),
                before,
                tuple(json.loads(lines).split("\n")),
            )
        )
    return rows
