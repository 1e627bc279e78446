"""`assert_gradients`, and the plugin: what passes, what fails and what it says then."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_reports import affine, judged

from clearprop.check import worker
from clearprop.check.handwritten.model import FAULT, NOT_JUDGED, Judgement, Place, Unjudged
from clearprop.testing import assert_gradients

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]


class Doubles:
    """A layer; what is said of it is in its attribute."""

    verdict = "correct"

    def forward(self, x):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


@pytest.fixture(autouse=True)
def layers_are_judged_by_their_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def check_layer(layer, *inputs, **options) -> Judgement:
        assert options.pop("seed", 3) == 3
        assert not options
        if isinstance(layer, tuple):
            return judged("pair", Place("a.py", 1))
        if layer.verdict == FAULT:
            return affine("layers.py")
        return Judgement("A", "layer", Place("a.py", 1), layer.verdict, reason="it is odd")

    package = importlib.import_module("clearprop.check")
    monkeypatch.setattr(package, "check_layer", check_layer, raising=False)


# ---- the assertion ---------------------------------------------------------------------------


def test_what_is_right_passes() -> None:
    assert_gradients(Doubles(), np.ones(3), seed=3)
    assert_gradients(Doubles)
    assert_gradients((np.sin, np.cos))
    assert_gradients(lambda x: np.sum(np.tanh(x)), np.array([0.1, 0.2]), seed=3)


def test_a_fault_fails_with_the_report() -> None:
    layer = Doubles()
    layer.verdict = FAULT
    with pytest.raises(AssertionError) as error:
        assert_gradients(layer)
    assert "✗ Affine  fault" in str(error.value)
    assert "self.dW = np.dot(self.x.T, dout)" in str(error.value)
    assert "1 backward pass: 1 fault." in str(error.value)


def test_what_was_not_judged_fails() -> None:
    layer = Doubles()
    layer.verdict = NOT_JUDGED
    with pytest.raises(AssertionError, match="not judged because it is odd"):
        assert_gradients(layer)


def test_a_function_with_a_wrong_rule_fails() -> None:
    import clearprop as cp

    @cp.primitive
    def half_square(x):
        return x * x / 2

    @half_square.vjp("x")
    def _(dy, x):
        return 2 * dy * x

    with pytest.raises(AssertionError, match="found 6, expected 3"):
        assert_gradients(half_square, 3.0)


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(TypeError, match="int has no backward"):
        assert_gradients(3)


# ---- the plugin ------------------------------------------------------------------------------

MARKED = """
import numpy as np
import pytest
from check.test_pytest_plugin import Doubles

@pytest.fixture
def scale():
    return 2.0

@pytest.mark.gradients(np.array([0.1, 0.2]))
def test_function(scale):
    return lambda x: np.sum(np.tanh(scale * x))

@pytest.mark.gradients
class TestLayers:
    @pytest.mark.parametrize("verdict", ["correct", "convention", "fault", "not judged"])
    def test_layer(self, verdict):
        layer = Doubles()
        layer.verdict = verdict
        return layer

    def test_pair(self):
        return np.sin, np.cos

@pytest.mark.gradients
def test_nothing():
    pass

@pytest.mark.gradients
def test_raises():
    raise RuntimeError("mine")

@pytest.mark.gradients
def test_number():
    return 3

def test_unmarked():
    pass
"""


@pytest.fixture
def plugin(request: pytest.FixtureRequest) -> list[str]:
    """What loads the plugin where the installed package has not done so."""
    loaded = request.config.pluginmanager.has_plugin("clearprop_pytest")
    return [] if loaded else ["-p", "clearprop_pytest"]


def test_marked_tests(pytester: pytest.Pytester, plugin: list[str]) -> None:
    pytester.makepyfile(MARKED)
    result = pytester.runpytest_inprocess(*plugin, "--strict-markers", "-Werror", "-v")
    result.assert_outcomes(passed=5, failed=5)
    text = result.stdout.str()
    failures = text[: text.index("short test summary")]  # which CI services get whole, others cut
    assert failures.count("dW is half of what it should be: line 14 divides by 2.") == 1
    assert failures.count("not judged because it is odd") == 1
    assert "test_nothing is marked with gradients and returns nothing" in text
    assert "RuntimeError: mine" in text
    assert "TypeError: assert_gradients: int has no backward and is no function." in text
    assert "All traceback entries are hidden" not in text
    assert "raise AssertionError(" not in text  # the report, not our own code


def test_files_to_check(
    pytester: pytest.Pytester, plugin: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(ROOT / "src"), str(ROOT / "tests")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    isolated = importlib.import_module("clearprop.check.isolation").check_file_isolated
    monkeypatch.setitem(isolated.__kwdefaults__, "judge", "standing_judge:judge_candidates")
    pytester.makefile(".py", right="def A(): return 'correct'", wrong="def B(): return 'fault'")
    words = [f"--clearprop-check={name}" for name in ("right.py", "wrong.py:B", "none.py")]
    result = pytester.runpytest_inprocess(*plugin, *words)
    result.assert_outcomes(passed=1, failed=2)
    text = result.stdout.str()
    assert "checks right.py, wrong.py:B, none.py, which are executed" in text
    assert "✗ B  fault" in text
    assert "none.py: there is no such file" in text
    assert "During handling of the above exception" not in text


def test_lines_that_did_not_run_are_named(
    pytester: pytest.Pytester, plugin: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Place("a.py", 4)
    judgement = replace(judged("Gate", at), unjudged=(Unjudged("backward", at, 5, "the branch"),))
    package = importlib.import_module("clearprop.check")
    monkeypatch.setattr(package, "check_layer", lambda layer: judgement)
    pytester.makepyfile(
        """
        import pytest
        from check.test_pytest_plugin import Doubles

        @pytest.mark.gradients
        def test_gate():
            return Doubles
        """
    )
    result = pytester.runpytest_inprocess(*plugin, "--strict-markers", "-Werror")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*backward passes that were judged in part*",
            "not judged: Gate: lines 4–5 of backward did not run in any probe (the branch)",
        ]
    )


def test_unused_it_imports_nothing_of_clearprop(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import sys\n\ndef test_a():\n"
        "    assert not {'clearprop', 'numpy', 'rich'} & sys.modules.keys()\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "clearprop_pytest",
        "-p",
        "no:cacheprovider",
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "src"),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert "clearprop" not in done.stdout


def test_it_is_registered_under_its_own_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"clearprop_pytest": "clearprop_pytest"}


def test_the_worker_calls_the_judge_of_the_package() -> None:
    assert worker.JUDGE == "clearprop.check.handwritten.judging:judge_candidates"
