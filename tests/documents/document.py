"""Code read out of a document: found by its text, run, and named by the line where it stands."""

import os
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

VARIABLE = "CLEARPROP_DOCUMENTS"
NUMBERS = ("000", "001", "002", "003", "004")


def folder():
    """Where the documents are: as the variable says, or beside the repository."""
    beside = Path(__file__).parents[2].parent / "shared" / "seeds"
    return Path(os.environ.get(VARIABLE) or beside)


def need_documents():
    """Skip a test, or at the top of a module all of it, where there are no documents."""
    if not os.environ.get(VARIABLE) and not folder().is_dir():
        reason = f"the five documents are not here: set {VARIABLE} to their folder"
        pytest.skip(reason, allow_module_level=True)


def read_documents():
    found = {}
    for number in NUMBERS:
        (path,) = folder().glob(f"{number}*.txt")
        found[number] = Document(number, path.read_text(encoding="utf-8"))
    return found


def indent(line):
    return len(line) - len(line.lstrip())


class Document:
    """One document; its code is run, never copied."""

    def __init__(self, number, text):
        self.number = number
        self.lines = text.splitlines()

    def line(self, text, after=None):
        """Find the number, from 1, of the first line with a text; below another one, if given."""
        start = 0 if after is None else self.line(after)
        for number, line in enumerate(self.lines[start:], start + 1):
            if text in line:
                return number
        raise AssertionError(f"document {self.number} has no line with {text!r} (after {after!r})")

    def at(self, text, after=None):
        """Say which document, which line, and what stands there."""
        number = self.line(text, after)
        return f"document {self.number}, line {number}: {self.lines[number - 1].strip()}"

    def source(self, text, after=None):
        """Take the definition that begins on the line with this text."""
        first = self.line(text, after) - 1
        taken = [self.lines[first]]
        for line in self.lines[first + 1 :]:
            if line.strip() and indent(line) <= indent(taken[0]):
                break
            taken.append(line)
        return textwrap.dedent("\n".join(taken))

    def cell(self, text, after=None):
        """Take the fenced block in which the line with this text stands."""
        here = self.line(text, after) - 1
        fences = [i for i, line in enumerate(self.lines) if line.startswith("```")]
        first = max(i for i in fences if i < here) + 1
        return "\n".join(self.lines[first : min(i for i in fences if i > here)])

    def run(self, source, /, **names):
        """Run code with ``np`` and these names at hand; give all the names there are then."""
        namespace = {"np": np, "__name__": f"document_{self.number}", **names}
        exec(compile(source, f"<document {self.number}>", "exec"), namespace)
        return namespace

    def define(self, *texts, after=None, **names):
        """Give the last of some classes or functions, each with those before it at hand."""
        found = None
        for text in texts:
            source = self.source(text, after)
            name = re.match(r"(?:class|def) (\w+)", source)[1]
            found = names[name] = self.run(source, **names)[name]
        return found
