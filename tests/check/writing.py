"""Files of users, written for a test, and what is found in them."""

import json
import textwrap

from clearprop.check.handwritten.finding import find
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
