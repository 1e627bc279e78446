"""Notebooks and consoles pasted as text: ``In [7]:``, ``...:``, ``>>>``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_IN = re.compile(r"\s{0,3}In\s*\[\s*(?:\d+|\*|None)?\s*\]\s*:?\s*(?P<code>.*)$")
_OUT = re.compile(r"\s{0,3}Out\s*\[\s*\d*\s*\]\s*:?")
_MORE = re.compile(r"\s*\.{3,}:\s?(?P<code>.*)$")


@dataclass(frozen=True)
class PastedCell:
    """What follows a prompt, prose included; ``line`` is the number of the first line."""

    line: int
    lines: list[str]


def pasted_cells(lines: list[str]) -> list[PastedCell]:
    """Find the cells of a notebook that was pasted as text."""
    starts = [index for index, text in enumerate(lines) if _IN.match(text)]
    found = []
    for start, end in pairwise([*starts, len(lines)]):
        prompt = _IN.match(lines[start])
        body = [prompt["code"] if prompt else ""]
        for text in lines[start + 1 : end]:
            more = _MORE.match(text)
            if _OUT.match(text):
                break
            body.append(more["code"] if more else text)
        found.append(PastedCell(start + 1, body))
    return found


def console_text(lines: list[str]) -> list[str]:
    """Take the prompts of Python's console away, and what it printed, if there are any."""
    if not any(text.startswith(">>> ") for text in lines):
        return lines
    return [text[4:] if text.startswith((">>> ", "... ")) else "" for text in lines]
