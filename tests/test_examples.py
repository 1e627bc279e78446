"""The examples run, in small, and leave something to look at."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = {"why_backpropagation.py": ["--quick"]}
COLOURS = [(0xA6 / 255, 0x3D / 255, 0), (0x0B / 255, 0x57 / 255, 0xB0 / 255)]
PICTURES = {"apples.py": "apples.svg", "why_backpropagation.py": "why_backpropagation.png"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run an example as from the command line, in an empty folder; give what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(name, *arguments):
        monkeypatch.setattr("sys.argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_every_example_is_run_here():
    assert sorted(PICTURES) == sorted(path.name for path in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", PICTURES)
def test_an_example_leaves_its_picture_in_the_current_folder(run, name, tmp_path):
    printed = run(name, *SMALL.get(name, []))
    assert printed.endswith(f"{PICTURES[name]}\n")
    assert [path.name for path in tmp_path.iterdir()] == [PICTURES[name]]


def test_apples_prints_and_draws_the_influences(run, tmp_path):
    printed = run("apples.py", "elsewhere.svg").splitlines()
    rows = {words[0]: words[1:] for words in map(str.split, printed[1:-1])}
    assert rows == {
        "apple": ["100.0", "2.2"],
        "number": ["2.0", "110.0"],
        "tax": ["1.1", "200.0"],
        "apple_price": ["200.0", "1.1"],
        "price": ["220.0", "1.0"],
    }
    picture = (tmp_path / "elsewhere.svg").read_text(encoding="utf-8")
    assert all(f">{number}<" in picture for number in ("220", "2.2", "110", "200", "1.1"))


def test_why_backpropagation_draws_what_it_times(run, tmp_path):
    from matplotlib import image

    printed = run("why_backpropagation.py", "elsewhere.png", "--quick").splitlines()
    times = [float(word) for line in printed[:-1] for word in line.split()[2::2]]
    assert len(times) == 2 * 4
    assert min(times) > 0
    pixels = image.imread(tmp_path / "elsewhere.png")
    assert pixels.shape[:2] == (690, 1650)
    for colour in COLOURS:  # a line of each in both panels
        found = np.all(np.isclose(pixels[..., :3], colour, atol=0.01), axis=-1)
        assert min(found[:, :800].sum(), found[:, 850:].sum()) > 100
