"""The benchmark suite compares like with like: every side makes the same steps."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
LIBRARIES = {"PyTorch": "torch", "JAX": "jax", "micrograd": "micrograd"}
CASES = ("two_layer", "mlp", "four_layers", "small_conv", "deep_conv", "moons")


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))


def problem():
    from benchmarks.suite.side import Problem

    rng = np.random.default_rng(0)
    x, t = rng.random((300, 784), dtype=np.float32), rng.integers(0, 10, 300)
    return Problem(x, t, verify=True, threads=1)


def losses(case, side):
    order = np.random.default_rng(1).integers(0, 300, (10, case.BATCH))
    run = side.start(problem())
    return run.steps(run.convert(order))


def two_layer_by_clearprop(case):
    from clearprop import nn, optim

    W1, b1, W2, b2 = case.initial().values()
    layers = (nn.Affine(W1, b1), nn.Sigmoid(), nn.Affine(W2, b2))
    net = nn.Sequential(*layers, loss=nn.SoftmaxWithLoss())
    x, t = problem().x, problem().t
    for indices in np.random.default_rng(1).integers(0, 300, (10, case.BATCH)):
        value, gradient = net.loss_and_gradient(x[indices], t[indices])
        net.params = optim.sgd(dict(net.params), gradient, case.LR)
        yield value


def test_the_steps_written_by_hand_are_those_of_the_library():
    from benchmarks.cases import two_layer

    by_hand = next(side for side in two_layer.SIDES if side.peer == "NumPy")
    np.testing.assert_allclose(
        losses(two_layer, by_hand), list(two_layer_by_clearprop(two_layer)), rtol=1e-5
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what peers warn of is theirs
@pytest.mark.parametrize("name", CASES)
def test_the_peers_make_the_same_steps(name):
    case = importlib.import_module(f"benchmarks.cases.{name}")
    lacking = [LIBRARIES[s.peer] for s in case.SIDES if s.peer in LIBRARIES]
    for library in dict.fromkeys(lacking):
        pytest.importorskip(
            library, reason=f"{library} is not installed: pip install -e '.[bench]'"
        )
    sides = [s for s in case.SIDES if s.peer != "machine" and "compile" not in s.form]
    first, *others = [(side.name, losses(case, side)) for side in sides]
    assert first[1][-1] != first[1][0]
    for other, found in others:
        np.testing.assert_allclose(
            found, first[1], rtol=1e-3, atol=1e-5, err_msg=f"{other} and {first[0]} differ"
        )


@pytest.mark.parametrize("name", [*CASES, "polynomial", "tanh_exp", "softplus"])
def test_each_case_says_what_it_is_and_clearprop_takes_part(name):
    from benchmarks.suite.side import OURS, load

    case, sides = load(name)
    assert sides[0].name == OURS
    assert len({side.name for side in sides}) == len(sides), "two sides have one name"
    assert set(case.FLOOR) <= {side.peer for side in sides}, "a floor against nobody"
    assert case.CHUNK > 0
    assert case.TITLE


def test_a_side_that_cannot_run_is_said_to_be_missing_and_has_no_number(tmp_path):
    from benchmarks.suite.measuring import goals
    from benchmarks.suite.processes import NotAvailableError, Place, Worker
    from benchmarks.suite.side import Side

    side = Side("nobody", "", lambda problem: None)
    worker = Worker("no_such_case", side, 1, Place(tmp_path, tmp_path))
    with pytest.raises(NotAvailableError, match="no_such_case"):
        worker.ready()

    from benchmarks.cases import two_layer

    rows = [
        {"side": "clearprop", "peer": "clearprop", "not available": "yes"},
        {"side": "PyTorch, eager", "peer": "PyTorch", "step": {"median": 1.0}},
    ]
    against_torch, against_jax = goals(two_layer, rows)
    assert against_torch == {
        "against": "PyTorch", "floor": 3.0, "aim": 5.0, "best form": "PyTorch, eager"
    }  # fmt: skip
    assert "met" not in against_jax


def test_ratios_are_taken_round_by_round_against_the_best_form():
    from benchmarks.cases import two_layer
    from benchmarks.suite.measuring import goals
    from benchmarks.suite.processes import ratio, spread

    ours, slow, fast = [1.0, 2.0, 1.0], [9.0, 9.0, 9.0], [4.0, 8.0, 4.0]
    rows = [
        {"side": f"PyTorch, {name}", "peer": "PyTorch", "step": spread(times)}
        | {"ratio": ratio(times, ours)}
        for name, times in (("slow", slow), ("fast", fast))
    ]
    goal = goals(two_layer, rows)[0]
    assert goal["best form"] == "PyTorch, fast"
    assert goal["ratio"] == {"median": 4.0, "p10": 4.0, "p90": 4.0, "rounds": 3}
    assert goal["met"] is True


def test_another_curve_is_found_to_differ():
    from benchmarks.suite.measuring import _error

    one = {"losses": [2.0, 1.0], "probe": []}
    assert _error({"losses": [2.0, 1.0005], "probe": []}, one, "losses") < 1
    assert _error({"losses": [2.0, 1.01], "probe": []}, one, "losses") > 1
    assert _error({"losses": [2.0, np.nan], "probe": []}, one, "losses") > 1
    assert _error({"losses": [2.0], "probe": []}, one, "losses") > 1


def test_a_worker_says_what_its_start_cost_and_times_what_it_is_asked_for(tmp_path):
    given = problem()
    np.save(tmp_path / "x.npy", given.x)
    np.save(tmp_path / "t.npy", given.t)
    command = [sys.executable, "-m", "benchmarks.suite.worker", "two_layer", "NumPy, by hand", "1"]
    run = subprocess.run(
        [*command, str(tmp_path)],
        cwd=ROOT, input="go\ngo\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    facts, *samples = map(json.loads, run.stdout.splitlines())
    assert {"import", "first call", "peak memory of steps", "threads"} <= facts.keys()
    assert len(samples) == 2
    assert all(seconds > 0 for seconds in samples)


def test_the_goals_become_a_table():
    from benchmarks.suite.pages import markdown

    def row(side, seconds):
        return {"side": side, "step": {"median": seconds, "p10": seconds / 2, "p90": 2 * seconds}}

    ratio = {"median": 3.0, "p10": 1.5, "p90": 6.0}
    goal = {"against": "B", "floor": 2.0, "best form": "B, fast", "ratio": ratio, "met": True}
    far = goal | {"floor": 5.0, "met": False}
    rows = [row("clearprop", 1e-4), row("B", 5e-4), row("B, fast", 3e-4)]
    found = {"title": "a case", "threads": 2, "rows": rows, "goals": [goal, far, {"against": "C"}]}
    machine = {"CPU": "one", "packages": "a 1.0, b missing", "BLAS of NumPy": "c"}
    said, _, *table = markdown(machine, [found]).splitlines()
    assert said == "one, a 1.0, c."
    assert table[2:] == [
        "| a case | 2 | 100 µs | B, fast | 300 µs | **3.00**, 1.50 to 6.00 | 2 |",
        "| a case | 2 | 100 µs | B, fast | 300 µs | **3.00**, 1.50 to 6.00 | 5: not met |",
    ]
