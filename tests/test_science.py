"""Programs of science in plain NumPy: differentiated, checked, drawn, written out and compiled."""

import importlib
from pathlib import Path

import numpy as np
import pytest

import clearprop as cp

FOLDER = Path(__file__).parents[1] / "examples" / "science"
#: How large, and how many of the arguments, the first ones, have derivatives.
PROGRAMS = {
    "kalman": (3, 2),
    "gaussian_process": (8, 3),
    "deconvolution": (8, 2),
    "hodgkin_huxley": (4, 3),
    "planets": (3, 2),
}


@pytest.fixture(params=PROGRAMS)
def program(request, monkeypatch):
    """Give a function of what is differentiated, and these arguments."""
    monkeypatch.syspath_prepend(FOLDER)
    module = importlib.import_module(request.param)
    size, count = PROGRAMS[request.param]
    arguments = module.example(size)
    return lambda *given: module.cost(*given, *arguments[count:]), arguments[:count]


def test_every_program_is_here():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(PROGRAMS)
    for name in PROGRAMS:
        text = (FOLDER / f"{name}.py").read_text()
        assert [line for line in text.splitlines() if "import" in line] == ["import numpy as np"]


def test_it_is_differentiated_and_checked(program):
    cost, arguments = program
    value, _ = cp.value_and_grad(cost, range(len(arguments)))(*arguments)
    assert value == cost(*arguments)
    report = cp.check(cost, *arguments)
    assert report.ok, report


def test_it_is_drawn(program, tmp_path):
    cost, arguments = program
    graph = cp.trace(cost, *arguments)
    graph.to_html(tmp_path / "page.html", gradients=graph.backward())
    assert (tmp_path / "page.html").read_text(encoding="utf-8").endswith("</html>\n")


def test_its_backward_pass_is_written_out(program):
    cost, arguments = program
    written: dict = {}
    exec(cp.source(cost, *arguments), written)
    value, gradients = cp.value_and_grad(cost, range(len(arguments)))(*arguments)
    again, found = written["gradients"](*arguments)
    assert again == value
    for one, other in zip(found, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_it_is_compiled(program):
    pytest.importorskip("llvmlite")
    cost, arguments = program
    derivative = cp.value_and_grad(cost, range(len(arguments)))
    value, gradients = derivative(*arguments)
    again, compiled = cp.compile(derivative)(*arguments)
    np.testing.assert_allclose(again, value, rtol=1e-12)
    for one, other in zip(compiled, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
