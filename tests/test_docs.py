"""Every block of the README and the docs runs, and prints what the page shows.

A ``python`` fence with ``>>>`` is a doctest. A ``{code-cell}`` fence shows no output of its own
(the docs build adds it), so it has to run without an error. The blocks of one page share one
namespace, as a reader would type them from top to bottom.
"""

import doctest
import linecache
import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

FENCE = re.compile(
    r"^(?P<ticks>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=ticks)[ \t]*$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    """One fence of a page that runs."""

    kind: str  # "doctest" or "cell"
    text: str
    line: int  # of its first line in the page, from 1


def blocks_of(text: str) -> list[Block]:
    blocks = []
    for fence in FENCE.finditer(text):
        words = fence["info"].split()
        line = text.count("\n", 0, fence.start("body")) + 1
        if words[:1] == ["python"] and ">>>" in fence["body"]:
            blocks.append(Block("doctest", fence["body"], line))
        elif words[:1] == ["{code-cell}"]:
            if fence["body"].startswith(":tags: [dask]\n") and not find_spec("dask"):
                continue  # of the extra `docs` alone: fifteen packages, for one example
            # ":tags: [...]" is for the docs build; emptied, so that lines keep their numbers
            blocks.append(Block("cell", re.sub(r"(?m)^:\w+:.*$", "", fence["body"]), line))
    return blocks


def remember_source(filename: str, source: str) -> None:
    """Let ``inspect`` and clearprop find the text of code that has no file of its own."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)


def run_page(name: str, text: str) -> int:
    """Run all blocks of a page and count the examples; fail with the report of the first bad."""
    namespace = {"__name__": "__main__"}
    ran = 0
    for kind, body, line in blocks_of(text):
        if kind == "cell":
            where = f"<{name}, line {line}>"
            remember_source(where, body)
            exec(compile(body, where, "exec"), namespace)
            ran += 1
            continue
        test = doctest.DocTestParser().get_doctest(
            body, namespace, f"{name}:{line}", name, line - 1
        )
        test.globs = namespace  # DocTest copies; the next block needs what this one defines
        for number, example in enumerate(test.examples):
            remember_source(f"<doctest {test.name}[{number}]>", example.source)
        report: list[str] = []
        result = doctest.DocTestRunner(optionflags=FLAGS).run(
            test, out=report.append, clear_globs=False
        )
        if result.failed:
            pytest.fail("".join(report), pytrace=False)
        ran += result.attempted
    return ran


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pages write pictures and runs
    monkeypatch.syspath_prepend(ROOT / "examples" / "science")  # as docs/conf.py does


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs_and_prints_what_it_shows(page):
    text = page.read_text(encoding="utf-8")
    assert run_page(page.name, text) >= text.count("\n>>> ")


def test_readme_has_examples():
    assert len(blocks_of(README.read_text(encoding="utf-8"))) > 0


def test_a_wrong_output_is_reported():
    with pytest.raises(pytest.fail.Exception, match=r"Expected:\s+3\s+Got:\s+2"):
        run_page("page.md", "```python\n>>> 1 + 1\n3\n```\n")


def test_a_failing_cell_is_reported():
    with pytest.raises(ZeroDivisionError):
        run_page("page.md", "```{code-cell}\n:tags: [hide-input]\n1 / 0\n```\n")


def test_blocks_share_one_namespace():
    doctest_1, cell, doctest_2 = ">>> x = 1\n", "y = x + 1\n", ">>> y\n2\n"
    page = (
        f"```python\n{doctest_1}```\n\n```{{code-cell}}\n{cell}```\n\n```python\n{doctest_2}```\n"
    )
    assert run_page("page.md", page) == 3


def test_readme_has_the_two_commands_once():
    lines = README.read_text(encoding="utf-8").splitlines()
    commands = [line.partition("#")[0].rstrip() for line in lines if line.startswith("pip install")]
    assert commands == [
        "pip install '.[train]' && clearprop train",
        "pip install '.[test]' && pytest -n 2 --dist loadfile",
    ]
    assert sum("pytest" in line for line in lines) == 1  # .ci/run looks for it
