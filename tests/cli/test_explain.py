"""`clearprop explain`: a formula as text, picture, page and JSON, and requests that are wrong."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clearprop.cli import app


def run(*words: Any) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["explain", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


APPLES = ("price * count * tax", "price=100", "count=2", "tax=1.1")
TEXT = """\
Values
  price = 100
  count = 2
  tax = 1.1

Forward: values go from left to right
  (1)  price * count = 200
  (2)  (1) * tax     = 220

Backward from 1: upstream × local = downstream
  (2)  to (1): 1 × 1.1 = 1.1
       to tax: 1 × 200 = 200
  (1)  to price: 1.1 × 2 = 2.2
       to count: 1.1 × 100 = 110

So the result, 220, has the derivatives
  with respect to price: 2.2
  with respect to count: 110
  with respect to tax: 200
"""


def test_the_steps_are_told() -> None:
    assert run(*APPLES) == (0, TEXT, "")


def test_parts_are_added_where_paths_meet() -> None:
    code, told, _ = run("t = x + y; t**2 + x", "x=1", "y=2")
    assert code == 0
    assert "Where paths meet, their parts are added\n  x: 1 + 6 = 7\n" in told
    assert "(1)  t = x + y = 3" in told


def test_a_result_that_is_used_has_its_own_part_of_the_sum(tmp_path: Path) -> None:
    path = tmp_path / "several.py"
    path.write_text("def f(x):\n    t = x * 2\n    return t, t * 3 + t * 5\n", encoding="utf-8")
    code, told, notes = run(f"{path}:f", "x=1.0")
    assert code == 0
    assert "The result has 2 parts: the derivatives are those of their sum." in notes
    assert "Backward from 1 and 1:" in told
    assert "  t: 5 + 3 + 1 (a result) = 9\n" in told
    assert "So the result, 2 and 16, has" in told


def test_several_results_of_one_step_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "several.py"
    text = "import numpy as np\ndef f(A):\n    return np.sum(np.linalg.eigh(A)[1])\n"
    path.write_text(text, encoding="utf-8")
    told = run(f"{path}:f", "A=[[2.0, 1.0], [1.0, 3.0]]")[1]
    assert "(2)  sum((1)[1])" in told
    assert "to (1)[1]: 1 → [[1, 1], [1, 1]]" in told


def test_small_arrays_are_written_out_and_large_ones_summed_up() -> None:
    told = run("sum(x @ W)", "x=[[1, 2], [3, 4]]", "W=[[1, 0], [0, 1]]")[1]
    assert "to W: [[1, 1], [1, 1]] → [[4, 4], [6, 6]]" in told
    told = run("sum(x**2)", "--shape", "x=20,30")[1]
    assert "x = (20, 30) " in told


def test_what_is_drawn_depends_on_the_seed_alone() -> None:
    first, again, other = (run("sum(x**2)", "--shape", "x=4", "--seed", s)[1] for s in (0, 0, 1))
    assert first == again != other


def test_what_is_proposed_is_said_so_that_it_can_be_given() -> None:
    code, told, notes = run("x @ W")
    assert code == 0
    assert "'x=[[1, 0.5], [-0.5, 2]]' 'W=[[0.5, -1], [1, 0.2]]'" in notes
    assert "The result has shape (2, 2): the derivatives are those of its sum." in notes
    again = run("x @ W", "x=[[1, 0.5], [-0.5, 2]]", "W=[[0.5, -1], [1, 0.2]]")
    assert again[1] == told
    assert "Proposed" not in again[2]


def test_a_formula_may_begin_with_a_minus_sign() -> None:
    assert "with respect to x: -6" in run("-x**2", "x=3")[1]


def test_a_file_gets_the_page_and_nothing_else_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "apples.html"
    code, told, notes = run(*APPLES, "-o", path)
    assert (code, told, notes) == (0, "", f"{path}: the page\n")
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert len(page) < 400_000
    assert run(*APPLES, "-o", path, "--text")[1] == TEXT


def test_a_file_ending_in_svg_gets_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "apples.svg"
    assert run(*APPLES, "-o", path)[2] == f"{path}: the picture\n"
    picture = path.read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert run(*APPLES, "--svg")[1] == picture


def test_json_has_every_step(tmp_path: Path) -> None:
    code, told, _ = run(*APPLES, "--json")
    found = json.loads(told)
    assert code == 0
    assert found["arguments"]["price"] == {"value": "100", "derivative": "2.2"}
    step = found["steps"][1]
    assert (step["number"], step["text"], step["value"]) == (2, "(1) * tax", "220")
    assert step["passed"][1] == {"to": "tax", "upstream": "1", "local": "200", "downstream": "200"}
    path = tmp_path / "apples.json"
    assert run(*APPLES, "--json", path)[1] == TEXT
    assert json.loads(path.read_text(encoding="utf-8")) == found


def test_the_page_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []

    def remember(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", remember)
    path = tmp_path / "apples.html"
    run(*APPLES, "-o", path, "--open")
    assert opened == [path.as_uri()]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    run(*APPLES, "--open")
    assert opened[1].startswith(tmp_path.as_uri())
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert "No browser was found; the page is " in run(*APPLES, "--open")[2]


def test_a_value_that_is_not_finite_is_exit_code_1() -> None:
    code, told, notes = run("log(x)", "x=0")
    assert code == 1
    assert "with respect to x: inf" in told
    assert "NaN or infinite" in notes


@pytest.mark.parametrize(
    ("words", "line", "answer"),
    [
        (("1 + sin x",), "1 + sin x\n        ^\n", "sin is written sin(x)."),
        (("a + b", "a=[1,2]", "b=[1,2,3]"), "a + b\n^\n", "(2,) and (3,) do not fit"),
        (("x**2", "x=4,3"), "", "x=[4,3] for values, or --shape x=4,3"),
        (("x**2", "y=4"), "", "y is given a value, and stands nowhere in the formula."),
        (("x**2", "4"), "", "4: this is not a name, = and a value."),
        (("x**2", "x=1", "x=2"), "", "x is given twice."),
        (("x**2", "x=1", "--shape", "x=2"), "", "x is given twice."),
        (("x**2", "--shape", "x=0"), "", "--shape x=0"),
        (("x**2", "--shape", "x=99999,99999"), "", "at most 10,000 elements"),
        (("__import__('os')",), "__import__('os')\n", "stands in the formula"),
        (("x**2", "-o", "/nowhere/at/all.html"), "", "cannot be written"),
        (("x**2", "-o", "x.png"), "", "-o x.html, or x.svg"),
    ],
)
def test_a_wrong_request_is_one_paragraph(words: tuple[str, ...], line: str, answer: str) -> None:
    code, told, error = run(*words)
    assert (code, told) == (2, "")
    assert error.startswith(f"{line}")
    paragraph = error.split("error: ")[1]
    assert answer in paragraph
    assert paragraph.count("\n") == 1
    assert "Traceback" not in error


def test_a_function_that_uses_nothing_is_no_mistake_in_the_command_itself(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("def constant():\n    return 3.0\n", encoding="utf-8")
    code, _, error = run(f"{file}:constant")
    assert code == 2
    assert "The result of constant depends on no argument. Why: " in error


def test_what_a_function_raises_does_not_write_to_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text("def f(x):\n    raise ValueError('\\x1b]0;title\\x07')\n", encoding="utf-8")
    code, _, error = run(f"{file}:f", "x=1")
    assert code == 2
    assert r"\x1b]0;title\x07" in error
    assert error.replace("\n", "").isprintable()
