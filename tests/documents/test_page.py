"""The page about the documents quotes what stands on the line that it names."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "documents.md"
ROWS = re.findall(r"(?m)^\| (\d{3}):(\d+) \| `([^`]+)`", PAGE.read_text(encoding="utf-8"))


def test_the_page_has_rows_for_every_document():
    assert {number for number, _, _ in ROWS} == {"000", "001", "002", "003", "004"}
    assert len(ROWS) > 50


@pytest.mark.parametrize(("number", "line", "quoted"), ROWS)
def test_the_page_quotes_the_line_it_names(documents, number, line, quoted):
    assert quoted in documents[number].lines[int(line) - 1]
