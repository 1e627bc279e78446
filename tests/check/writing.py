"""Files of users, written for a test, and what is found in them."""

import ast
import json
import textwrap

from clearprop.check.handwritten.finding import find
from clearprop.check.handwritten.judging import check_file
from clearprop.check.handwritten.loading import load
from clearprop.check.handwritten.reading import read


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def notebook(folder, *cells, name="notes.ipynb"):
    """Write a notebook: a cell is code, or text if it begins with ``#`` and a space."""
    written = [
        {
            "cell_type": "markdown" if cell.startswith("# ") else "code",
            "source": cell.splitlines(keepends=True),
        }
        for cell in cells
    ]
    path = folder / name
    path.write_text(json.dumps({"cells": written, "nbformat": 4}), encoding="utf-8")
    return path


def load_text(folder, text, name="layers.py"):
    return load(read(write(folder, name, text)))


def find_text(folder, text, name="layers.py"):
    """Give the candidates by name, and the names of the bystanders."""
    blocks = read(write(folder, name, text))
    found, bystanders = find(blocks, load(blocks))
    return {each.name: each for each in found}, set(bystanders)


def judged(folder, text, name):
    """Give the judgement of what has a name in a file."""
    (judgement,) = check_file(write(folder, "layers.py", text), [name]).judgements
    return judgement


def last(text, folder, name="layers.py"):
    """Give the judgement of the last that has a backward in a file, to which NumPy is known."""
    path = write(folder, name, "import numpy as np\n" + textwrap.dedent(text))
    return check_file(path).judgements[-1]


def line_with(text, part):
    (number,) = [n for n, line in enumerate(text.splitlines(), 1) if part in line]
    return number


def parsed(source):
    """Give the syntax tree of the first statement."""
    return ast.parse(source).body[0]
