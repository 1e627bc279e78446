"""docs/elsewhere.md: every tab runs, and prints the numbers of clearprop's block beneath it."""

import contextlib
import functools
import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from test_docs import FENCE, remember_source

PAGE = Path(__file__).parents[1] / "docs" / "elsewhere.md"
TEXT = PAGE.read_text(encoding="utf-8")

#: By the key of a tab: what has to be installed for it.
NEEDS = {
    "torch": ["torch"],
    "jax": ["jax", "optax"],
    "autograd": ["autograd"],
    "keras": ["keras", "jax"],
    "hand": [],
}
DIGITS = 1e-7  # as the page says
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


def sections():
    """Give the text before the first section, and that of each of the ten, with its first line."""
    starts = [m.start() for m in re.finditer(r"^## \d+\. ", TEXT, re.MULTILINE)]
    end = TEXT.index("\n## Names you may type")
    cuts = [0, *starts, end]
    return list(itertools.pairwise(cuts))


def programs(begin, end):
    """Give the blocks of a section by tab; "clearprop" and "shared" for those without one."""
    found = {}
    for fence in FENCE.finditer(TEXT, begin, end):
        info, body = fence["info"].split(), fence["body"]
        before = TEXT[: fence.start()]
        line = before.count("\n") + 2
        tab = re.findall(r"^:sync: (\w+)$", before[before.rfind("\n::::{tab-set}") :], re.MULTILINE)
        if info == ["{code-cell}"]:
            key = "shared" if body.startswith(":tags: [shared]") else "clearprop"
            body = re.sub(r"(?m)^:tags:.*$", "", body)
        else:
            assert info == ["python"], fence[0]
            key = tab[-1]
        found.setdefault(key, []).append((line, body))
    return found


def numbers_printed(key):
    """Run one column from top to bottom, and give what each section printed."""
    namespace = {"__name__": "__main__"}
    printed = []
    for begin, end in sections():
        blocks = programs(begin, end)
        numbers = []
        for line, body in [*blocks.get("shared", []), *blocks.get(key, [])]:
            where = f"<elsewhere.md, {key}, line {line}>"
            remember_source(where, body)
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(body, where, "exec"), namespace)
            numbers += map(float, NUMBER.findall(out.getvalue()))
        printed.append(numbers)
    return printed


@contextlib.contextmanager
def settings_restored(key):
    """Leave the other tests of this process what a tab sets for all of its library."""
    if key in ("jax", "keras"):
        import jax

        x64 = jax.config.jax_enable_x64
    try:
        yield
    finally:
        if key == "torch":
            import torch

            torch.set_default_dtype(torch.float32)
        elif key in ("jax", "keras"):
            jax.config.update("jax_enable_x64", x64)
        if key == "keras":
            import keras

            keras.config.set_floatx("float32")


@functools.cache
def numbers_of_clearprop():
    return numbers_printed("clearprop")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the networks are saved there


def test_there_are_ten_things_in_every_tab():
    parts = sections()
    assert len(parts) == 11
    for begin, end in parts[1:]:
        assert set(programs(begin, end)) == {*NEEDS, "clearprop"}


@pytest.mark.filterwarnings("default")  # theirs are not ours to judge
@pytest.mark.parametrize("key", NEEDS)
def test_a_tab_prints_the_numbers_of_clearprop(key, monkeypatch):
    if key == "keras":
        monkeypatch.setenv("KERAS_BACKEND", "jax")
    for package in NEEDS[key]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    ours = numbers_of_clearprop()
    assert [len(numbers) > 0 for numbers in ours] == [False] + 10 * [True]
    with settings_restored(key):
        theirs = numbers_printed(key)
    for number, (here, there) in enumerate(zip(ours, theirs, strict=True)):
        np.testing.assert_allclose(
            there, here, rtol=DIGITS, atol=DIGITS, err_msg=f"{key}, section {number}"
        )


def test_another_number_would_be_noticed(monkeypatch):
    monkeypatch.setattr(
        "test_elsewhere.TEXT", TEXT.replace("dh = 2 * (h - y) / len(y)", "dh = (h - y) / len(y)")
    )
    assert numbers_printed("hand")[1] != numbers_of_clearprop()[1]
