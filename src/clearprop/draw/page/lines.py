"""The user's functions as text, and where in them each step stands."""

from __future__ import annotations

import linecache
from pathlib import PurePath
from typing import Any

from clearprop.graph import Node
from clearprop.listing import lines_of
from clearprop.places import Written, cell_of, span_of

_LONGEST = 160  # lines of one function


class Listings:
    """The functions whose lines computed something.

    Attributes
    ----------
    entries : list of dict
        ``file``, ``name`` (none of a formula), the number of the first line, and the lines.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self._places: dict[Any, int | None] = {}  # by code object, or by the lines of a text

    def find(self, node: Node) -> list[int] | None:
        """Give the listing of a node, and its lines and columns there; None without a text."""
        if not node.place:
            return None
        code = node.place[0][0]
        first, last, start, end = span_of(node.place)
        if first is None:
            return None
        key = code.text if isinstance(code, Written) else code
        if key not in self._places:
            self._places[key] = self._add(code, first)
        place = self._places[key]
        if place is None:
            return None
        entry = self.entries[place]
        if not entry["first"] <= first < entry["first"] + len(entry["lines"]):
            return None
        lines = entry["lines"]
        rows = [lines[n - entry["first"]] for n in (first, last or first) if self._has(entry, n)]
        if len(rows) < 2 or start is None or end is None:
            return [place, first, first, 0, len(rows[0])]
        cut = entry["indent"]
        return [
            place,
            first,
            last or first,
            max(_characters(rows[0], start - cut), 0),
            max(_characters(rows[1], end - cut), 0),
        ]

    @staticmethod
    def _has(entry: dict[str, Any], number: int) -> bool:
        return bool(0 <= number - entry["first"] < len(entry["lines"]))

    @property
    def formula(self) -> str:
        """The formula, where it is one that is walked; on one line."""
        for entry in self.entries:
            if not entry["name"]:
                return "; ".join(filter(None, map(str.strip, entry["lines"])))
        return ""

    def _add(self, code: Any, first: int) -> int | None:
        if isinstance(code, Written):
            return self._enter(code.line.file, "", 1, list(code.text))
        start = code.co_firstlineno
        lines = lines_of(code)
        if code.co_name == "<module>" or len(lines) > _LONGEST:
            every = linecache.getlines(code.co_filename)
            start = max(first - _LONGEST // 4, 1)
            lines = every[start - 1 : start - 1 + _LONGEST]
        lines = [line.rstrip("\n") for line in lines]
        if not any(lines):
            return None
        file = cell_of(code.co_filename) or PurePath(code.co_filename).name
        return self._enter(file, code.co_name, start, lines)

    def _enter(self, file: str, name: str, start: int, lines: list[str]) -> int:
        indent = min((len(s) - len(s.lstrip()) for s in lines if s.strip()), default=0)
        self.entries.append(
            {
                "file": file,
                "name": name,
                "first": start,
                "indent": indent,
                "lines": [line[indent:] for line in lines],
            }
        )
        return len(self.entries) - 1


def _characters(line: str, count: int) -> int:
    """Say how many characters the first bytes of a line are: Python counts columns in bytes."""
    return len(line.encode()[: max(count, 0)].decode(errors="ignore"))
