"""The fenced blocks of a page, and the headings above them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"(?P<before>\s*(?:>\s?)*(?:[-*+]\s+)?)(?P<mark>`{3,}|~{3,})(?P<info>[^`]*)$")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(?P<text>.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"(=+|-{3,})\s*$")


@dataclass(frozen=True)
class Fence:
    """The lines between two fences; ``line`` is the number of the first."""

    language: str
    line: int
    lines: list[str]
    headings: tuple[str, ...]


def unfenced(lines: list[str]) -> tuple[list[Fence], list[str], int]:
    """Give the fenced blocks, the other lines with theirs blanked, and an unclosed fence's line."""
    found: list[Fence] = []
    rest = list(lines)
    headings: list[str] = []
    index = 0
    while index < len(lines):
        opening = _FENCE.match(lines[index])
        if not opening:
            headings += headings_of(lines[max(index - 1, 0) : index + 1], last=True)
            index += 1
            continue
        end = _closing(lines, index + 1, opening["mark"])
        body = [_dedented(text, opening["before"]) for text in lines[index + 1 : end]]
        above = tuple(reversed(headings))
        found.append(Fence(_language(opening["info"]), index + 2, body, above))
        rest[index : end + 1] = [""] * len(rest[index : end + 1])
        if end == len(lines):
            return found, rest, index + 1
        index = end + 1
    return found, rest, 0


def headings_of(lines: list[str], last: bool = False) -> list[str]:
    """Give the headings among some lines of Markdown; only one that ends at the last, if asked."""
    found = []
    for index in range(len(lines) - 1 if last else 0, len(lines)):
        heading = _HEADING.match(lines[index])
        above = lines[index - 1].strip() if index else ""
        if heading and heading["text"]:
            found.append(heading["text"])
        elif (
            above and _UNDERLINE.match(lines[index]) and not above.startswith(("|", "-", "=", ">"))
        ):
            found.append(above)
    return found


def indented(lines: list[str]) -> list[Fence]:
    """Give the blocks that a page marks by four spaces and an empty line above."""
    found: list[Fence] = []
    inside = False
    for index, text in enumerate(lines):
        if not text.strip():
            if inside:
                found[-1].lines.append("")
            continue
        opens = not index or not lines[index - 1].strip()
        if text.startswith("    ") and opens and not inside:
            above = tuple(reversed(headings_of(lines[:index])))
            found.append(Fence("", index + 1, [], above))
        inside = text.startswith("    ") and (inside or opens)
        if inside:
            found[-1].lines.append(text[4:])
    return found


def _closing(lines: list[str], start: int, mark: str) -> int:
    for index in range(start, len(lines)):
        text = lines[index].strip().lstrip("> ")
        if text.startswith(mark) and not text.strip(mark[0]):
            return index
    return len(lines)


def _dedented(text: str, before: str) -> str:
    """Take away what stands before the fence: a quotation mark, the indent of a list."""
    for _ in range(before.count(">")):
        text = re.sub(r"^\s*>\s?", "", text)
    if ">" in before:
        return text
    indent = len(before)
    return text[indent:] if not text[:indent].strip() else text.lstrip()


def _language(info: str) -> str:
    words = re.findall(r"[\w+#-]+", info.replace("code-cell", "code-cell "))
    return words[0].lower() if words else ""
