"""Blocks of Python out of a file: a script, a notebook, a page with fences, a pasted notebook.

A line of a script or a page is a line of the file. A line of a notebook is a line of a cell, so
the cell is part of the file's name: ``notes.ipynb cell 3``, line 12. Cells are counted from 1, text
cells included. The text of a block begins with as many empty lines as stand above it, so that every
line number that Python gives is the user's.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clearprop.check.handwritten.fences import headings_of, indented, unfenced
from clearprop.check.handwritten.prompts import console_text, pasted_cells
from clearprop.errors import DataError

LARGEST = 32 * 2**20

#: Languages of a fence that are Python, and those that say nothing.
_PYTHON = {"python", "py", "python3", "py3", "ipython", "ipython3", "code-cell", "pycon", "sage"}
_SILENT = {"", "text", "plaintext", "txt", "code"}

#: How a line of code among prose begins.
_OPENS = re.compile(r"((async )?def|class)\s+\w+\s*[(:]|import \w+|from \S+ import\b|@\w")


@dataclass(frozen=True)
class Block:
    """Some lines of Python in a file.

    Attributes
    ----------
    file : str
        As it stands in every `Place`: ``layers.py``, ``notes.ipynb cell 3``.
    line : int
        Its first line.
    text : str
        Its code below ``line - 1`` empty lines: ``ast.parse(text)`` numbers lines as the file does.
    headings : tuple of str
        The headings above it, nearest first.
    tree : ast.Module or None
        What it parses to; None where it does not.
    problem : str
        Why it does not parse, or what is wrong with the file there; "" for nothing.
    """

    file: str
    line: int
    text: str
    headings: tuple[str, ...] = ()
    tree: ast.Module | None = None
    problem: str = ""


def read(path: str | Path) -> list[Block]:
    r"""Give the blocks of Python in a file, in order.

    Parameters
    ----------
    path : str or Path
        ``.ipynb``: the code cells. ``.py``: all of it. Anything else: fenced blocks whose language
        is Python, or that name none and parse; cells of a notebook pasted as text (``In [7]:``), up
        to where prose or output begins; without both, the code that stands in it.

    Returns
    -------
    list of Block
        Those that do not parse have a `problem` and no `tree`; of a block that parses in part, the
        parts. Empty for an empty file.

    Raises
    ------
    DataError
        If the file is missing, a folder, binary, no text in UTF-8, larger than 32 MB, or not the
        notebook that its name says.

    Examples
    --------
    >>> import tempfile
    >>> page = Path(tempfile.mkdtemp()) / "page.md"
    >>> _ = page.write_text("# A layer\n```python\ndef forward(x):\n    return x\n```\n")
    >>> [block] = read(page)
    >>> block.line, block.headings, block.tree.body[0].lineno
    (3, ('A layer',), 3)
    """
    path = Path(path)
    text = _text_of(path)
    if path.suffix == ".ipynb":
        return _notebook(str(path), text)
    lines = text.splitlines()
    if path.suffix in (".py", ".pyw"):
        return _blocks(str(path), lines, 1)
    return _page(str(path), lines)


def parse(text: str) -> ast.Module:
    """Parse without warnings; SyntaxError says whatever goes wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            reason = "it is nested too deeply" if not isinstance(error, ValueError) else str(error)
            raise SyntaxError(reason) from None


# ---- files -------------------------------------------------------------------------------------


def _text_of(path: Path) -> str:
    where = str(path)
    if path.is_dir():
        raise DataError(f"{where} is a folder.", write="the path of one file.")
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"{where} has {size:,} bytes.", why="Source has at most 32 MB.")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{where} cannot be read.", why=f"{error.strerror}.") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif path.suffix == ".py":
        try:
            encoding = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        except SyntaxError as error:
            raise DataError(f"{where} cannot be read.", why=f"{error.msg}.") from None
    else:
        encoding = "utf-8-sig"
    if encoding != "utf-16" and b"\0" in data:
        raise DataError(f"{where} is binary.", why="It has a byte 0.", write="a text file.")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{where} is no text in {encoding.removesuffix('-sig').upper()}.",
            where=f"line {line}, byte {error.start}",
            write="the file saved as UTF-8.",
        ) from None


def _notebook(file: str, text: str) -> list[Block]:
    if not text.strip():
        return []
    try:
        cells = _cells(json.loads(text))
    except json.JSONDecodeError as error:
        raise DataError(
            f"{file} is not a whole notebook.",
            where=f"line {error.lineno}, column {error.colno}",
            why=f"{error.msg}: a notebook is JSON.",
        ) from None
    except (TypeError, KeyError, AttributeError, RecursionError):
        raise DataError(
            f"{file} is JSON, but no notebook.", why="It has no list of cells."
        ) from None
    found: list[Block] = []
    headings: tuple[str, ...] = ()
    for number, (kind, source) in enumerate(cells, 1):
        lines = source.splitlines()
        if kind == "code":
            found += _blocks(f"{file} cell {number}", lines, 1, headings)
        else:
            headings = (*reversed(headings_of(lines)), *headings)
    return found


def _cells(notebook: dict[str, Any]) -> list[tuple[str, str]]:
    if "worksheets" in notebook:  # nbformat 3
        cells = [cell for sheet in notebook["worksheets"] for cell in sheet["cells"]]
    else:
        cells = list(notebook["cells"])
    found = []
    for cell in cells:
        source = cell.get("source", cell.get("input", ""))
        text = source if isinstance(source, str) else "".join(source)
        found.append((str(cell["cell_type"]), text))
    return found


def _page(file: str, lines: list[str]) -> list[Block]:
    """Give the blocks of a text that is not all code."""
    fenced, rest, unclosed = unfenced(lines)
    found = []
    for fence in fenced:
        silent = fence.language in _SILENT
        if silent or fence.language in _PYTHON:
            found += _blocks(file, fence.lines, fence.line, fence.headings, whole=silent)
    cells = pasted_cells(rest)
    headings = headings_of(rest[: cells[0].line - 1]) if cells else []
    for cell in cells:  # what follows its code is prose, and its headings are of the next cells
        above = tuple(reversed(headings))
        found += _mixed(file, cell.lines, cell.line, above, starts_with_code=True)
        headings += headings_of(cell.lines[len(_code(cell.lines)) :])
    if not fenced and not cells:
        found = _blocks(file, lines, 1, whole=True) or _mixed(file, lines, 1)
        for block in indented(lines) if not found else ():
            found += _blocks(file, block.lines, block.line, block.headings, whole=True)
    if unclosed and found:
        found.append(Block(file, unclosed, "", problem="the fence that opens here is never closed"))
    return sorted(found, key=lambda block: block.line)


# ---- blocks ------------------------------------------------------------------------------------


def _blocks(
    file: str,
    lines: list[str],
    line: int,
    headings: tuple[str, ...] = (),
    whole: bool = False,
) -> list[Block]:
    """Make one block of some lines; several where they parse in part; none if only ``whole``."""
    if not any(text.strip() for text in lines):
        return []
    lines = console_text(lines)
    block, problem = _block(file, lines, line, headings)
    if not problem:
        return [block]
    plain = _without_magics(lines)
    block, problem = _block(file, plain, line, headings)
    if not problem:
        return [block]
    if whole:
        return []
    found = []
    for start, piece in _pieces(plain):
        block, problem = _block(file, piece, line + start, headings)
        if problem:
            kept = [] if piece[0].startswith(("def", "class", "@", "async")) else _longest(piece)
            if any(text.strip() for text in kept):
                found.append(_block(file, kept, line + start, headings)[0])
            block = replace(block, problem=problem)
        found.append(block)
    return found


def _block(file: str, lines: list[str], line: int, headings: tuple[str, ...]) -> tuple[Block, str]:
    """Make a block, and say why it does not parse; "" where it does."""
    text = "\n" * (line - 1) + "\n".join(lines) + "\n"
    try:
        return Block(file, line, text, headings, parse(text)), ""
    except SyntaxError as error:
        at = f"line {error.lineno}" if error.lineno else f"the block at line {line}"
        return Block(file, line, text, headings), f"{at} does not parse: {error.msg}"


def _pieces(lines: list[str]) -> list[tuple[int, list[str]]]:
    """Cut where a line at the margin begins a definition or an import: (index, lines)."""
    starts = [0]
    for index, text in enumerate(lines):
        opens = re.match(r"(def|class|async def|import|from)\b|@\w", text)
        after_decorator = index and lines[index - 1].startswith("@")
        if opens and index and not after_decorator:
            starts.append(index)
    ends = [*starts[1:], len(lines)]
    pieces = [(a, lines[a:b]) for a, b in zip(starts, ends, strict=True)]
    return [(start, piece) for start, piece in pieces if any(text.strip() for text in piece)]


def _longest(lines: list[str]) -> list[str]:
    """Give the longest beginning of some lines that parses."""
    lines = _without_magics(lines) if _fails(lines) else list(lines)
    while lines:
        while lines and not lines[-1].strip():
            lines.pop()
        failing = _fails(lines)
        if not failing:
            break
        del lines[min(failing, len(lines)) - 1 :]
    return lines


def _code(lines: list[str]) -> list[str]:
    """Give the code with which some lines begin: no comments below it, no definition cut short."""
    kept = _longest(lines)
    body = parse("\n".join(kept) + "\n").body
    if body and isinstance(body[-1], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        following = next((text for text in lines[len(kept) :] if text.strip()), "")
        if following.startswith((" ", "\t")):
            body.pop()
    return kept[: body[-1].end_lineno] if body else []


def _fails(lines: list[str]) -> int:
    """Give the line, from 1, at which Python stops reading; 0 if it does not."""
    try:
        parse("\n".join(lines) + "\n")
    except SyntaxError as error:
        return max(error.lineno or 1, 1)
    return 0


def _mixed(
    file: str,
    lines: list[str],
    line: int,
    headings: tuple[str, ...] = (),
    starts_with_code: bool = False,
) -> list[Block]:
    """Find code among prose: what the lines begin with, and definitions and imports below."""
    found: list[Block] = []
    index = 0
    while index < len(lines):
        if not (starts_with_code and not index) and not _OPENS.match(lines[index]):
            index += 1
            continue
        code = _code(lines[index:])
        above = headings or tuple(reversed(headings_of(lines[:index])))
        found += _blocks(file, code, line + index, above)
        index += len(code)
        broken = _definition(lines[index:])
        if broken:  # no prose: a definition that does not parse
            found += _blocks(file, broken, line + index, above)
        index += len(broken) or 1
    return found


def _definition(lines: list[str]) -> list[str]:
    """Give the definition that some lines begin with, by its indentation; none if it is none."""
    start = next((i for i, text in enumerate(lines) if text.strip()), len(lines))
    while start < len(lines) and lines[start].startswith("@"):
        start += 1
    if start == len(lines) or not re.match(r"((async )?def|class)\s+\w+\s*[(:]", lines[start]):
        return []
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t)"):
        end += 1
    return lines[:end]


def _without_magics(lines: list[str]) -> list[str]:
    """Blank what only a notebook understands; a whole cell of another language at once."""
    first = next((text for text in lines if text.strip()), "")
    magic = re.match(r"%%(\w+)", first)
    if magic and magic[1] not in {"time", "timeit", "capture", "prun", "writefile", "python3"}:
        return [""] * len(lines)
    found = []
    for text in lines:
        is_magic = re.match(r"\s*([%!?]|[\w.]+\?{1,2}\s*$)|\s*[\w, ]+=\s*[%!]\w", text)
        indent = text[: len(text) - len(text.lstrip())]
        found.append((f"{indent}pass" if indent else "") if is_magic else text)
    return found
