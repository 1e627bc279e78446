"""A run that was interrupted goes on as if it had not been, to the bit."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop import nn, optim, train
from clearprop.errors import ClearpropError, DataError, NonFiniteError, OptionError, RunError


def blobs(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    t = np.arange(count) % 3
    x = np.random.default_rng(seed).normal(size=(count, 4)) + 3 * np.eye(3, 4)[t]
    return x.astype(np.float32), t


DATA = blobs(60), blobs(20, 1)


def network(units: int = 8) -> nn.Sequential:
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.Affine.initial(4, units, seed=rng, dtype="float32"),
        nn.BatchNorm.initial(units, dtype="float32"),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Affine.initial(units, 3, seed=rng, dtype="float32"),
        loss=nn.SoftmaxWithLoss(),
    )


def stream() -> Iterator[Any]:
    x, t = DATA[0]
    for start, stop in ((0, 20), (20, 40), (40, 60), (5, 12)):
        yield x[start:stop], t[start:stop]


FORMS: dict[str, dict[str, Any]] = {
    "as in the documents": {"lr": 0.1},
    "a rule with a state, on a schedule": {
        "optimizer": optim.Adam(optim.Cosine(0.02, 50), clip_norm=1.0)
    },
    "in a random order": {"lr": 0.1, "replace": False, "validation": 0.2},
    "a stream": {"lr": 0.1, "data": (stream, DATA[1])},
    "in NumPy": {"optimizer": optim.SGD(0.1, momentum=0.9), "interpret": True, "replace": False},
}


class Ending:
    """A watcher that ends a run, or breaks it."""

    def __init__(self, at: int, error: BaseException | None = None) -> None:
        self.at, self.error = at, error

    def next_look(self, done: int) -> int:
        return self.at if done < self.at else sys.maxsize

    def __call__(self, metrics: train.Metrics) -> bool:
        if metrics.iterations >= self.at and self.error is not None:
            raise self.error
        return metrics.iterations >= self.at


def run(
    form: dict[str, Any], iterations: int = 47, *more: Any, **options: Any
) -> tuple[nn.Sequential, train.Metrics, train.Diary, train.EarlyStopping]:
    net, metrics = network(), train.Metrics()
    diary = train.Diary(net, DATA[0][0], 47)
    early = train.EarlyStopping(net, patience=1000, by="test_loss")
    chosen = {"data": DATA, "batch": 8, "seed": 5, **form, **options}
    watch = [diary, early, *more]
    with suppress(KeyboardInterrupt):
        train.fit(
            net, chosen.pop("data"), iterations=iterations, metrics=metrics, watch=watch, **chosen
        )
    return net, metrics, diary, early


def left_by(found: Any) -> dict[str, Any]:
    net, metrics, diary, early = found
    arrays = {name: value.tobytes() for name, value in {**net.params, **net.state}.items()}
    rows = np.array(metrics.rows, float)
    return {
        **arrays,
        "loss": metrics.loss.tobytes(),
        "rows": rows.tobytes(),
        "diary": repr((diary.moments, diary.norms, diary.dead)),
        "best": repr(early.best),
    }


@pytest.mark.parametrize(
    ("at", "how"),
    [
        (0, "ended"),
        (17, "interrupted"),
        (46, "ended"),
        *(pytest.param(at, "interrupted", marks=pytest.mark.slow) for at in (0, 1, 46)),
        *(pytest.param(at, "ended", marks=pytest.mark.slow) for at in (1, 17, 30)),
    ],
)
@pytest.mark.parametrize("name", FORMS)
def test_it_goes_on_to_the_bit(tmp_path: Path, name: str, at: int, how: str) -> None:
    form = FORMS[name]
    whole = left_by(run(form))
    end = Ending(at, KeyboardInterrupt() if how == "interrupted" else None)
    first = run(form, 47, end, checkpoints=train.Checkpoints(tmp_path, every=7))
    assert first[1].iterations == at
    again = run(form, checkpoints=train.Checkpoints(tmp_path, every=7), resume=True)
    assert left_by(again) == whole


def test_it_goes_on_from_the_end_with_more_updates(tmp_path: Path) -> None:
    form = FORMS["in a random order"]
    run(form, 20, checkpoints=train.Checkpoints(tmp_path))
    again = run(form, checkpoints=train.Checkpoints(tmp_path), resume=True)
    assert left_by(again) == left_by(run(form))


def test_without_a_checkpoint_it_begins(tmp_path: Path) -> None:
    form = FORMS["as in the documents"]
    found = run(form, checkpoints=train.Checkpoints(tmp_path / "new"), resume=True)
    assert left_by(found) == left_by(run(form))


def test_a_run_does_not_write_over_another(tmp_path: Path) -> None:
    form = FORMS["as in the documents"]
    run(form, 20, checkpoints=train.Checkpoints(tmp_path))
    with pytest.raises(RunError, match="step 20 already"):
        run(form, checkpoints=train.Checkpoints(tmp_path))


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": optim.Adam(0.1)},
        {"model": network(9)},
    ],
)
def test_the_checkpoint_of_another_run(tmp_path: Path, other: dict[str, Any]) -> None:
    train.fit(network(), DATA, lr=0.1, iterations=9, checkpoints=train.Checkpoints(tmp_path))
    net = other.pop("model", None) or network()
    before = {name: value.copy() for name, value in net.params.items()}
    with pytest.raises(DataError, match="another run"):
        train.fit(net, DATA, checkpoints=train.Checkpoints(tmp_path), resume=True, **other)
    assert all(np.array_equal(net.params[name], value) for name, value in before.items())


class Shifted:
    """Prepares samples; what it does depends on what is on it, and not on its name or its text."""

    def __init__(self, by: float) -> None:
        self.by = np.float32(by)

    def __call__(self, x: Any) -> Any:
        return x + self.by


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"prepare": Shifted(1.0)}, ""),
        ({"prepare": lambda x: x + np.float32(1.0)}, ""),  # another text, the same numbers
        ({"prepare": Shifted(2.0)}, "prepare makes other numbers of the first 8 samples"),
        ({"prepare": None}, "prepare makes other numbers of the first 8 samples"),
        ({"data": (blobs(60, 7), None)}, "the first 8 samples are others"),
    ],
)
def test_other_samples_and_another_prepare_are_said(
    tmp_path: Path, other: dict[str, Any], said: str
) -> None:
    checkpoints = train.Checkpoints(tmp_path)
    first = {"data": (DATA[0], None), "prepare": Shifted(1.0)}
    options: dict[str, Any] = {"lr": 0.1, "interpret": True, "checkpoints": checkpoints}
    train.fit(network(), iterations=3, **first, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train.fit(network(), iterations=5, resume=True, **{**first, **other}, **options)
    expected = [f"train: {said} than before the checkpoint."] if said else []
    assert [str(warning.message) for warning in caught] == expected
    assert all(warning.filename == __file__ for warning in caught)


def test_nothing_is_said_of_samples_that_nobody_has_seen(tmp_path: Path) -> None:
    options: dict[str, Any] = {"lr": 0.1, "interpret": True}
    options["checkpoints"] = checkpoints = train.Checkpoints(tmp_path)
    train.fit(network(), (stream, None), iterations=3, **options)
    assert checkpoints.latest().required().facts["first_samples"] is None
    again = {"iterations": 5, "resume": True, "prepare": Shifted(1.0)}
    train.fit(network(), (stream, None), **again, **options)  # a warning would be an error
    assert checkpoints.latest().required().step == 5


def test_what_is_damaged_is_said_and_the_one_before_is_taken(tmp_path: Path) -> None:
    form = FORMS["as in the documents"]
    run(form, 30, checkpoints=train.Checkpoints(tmp_path, every=10))
    newest = max(tmp_path.glob("*.safetensors"))
    newest.write_bytes(newest.read_bytes()[:-5])
    with pytest.warns(RuntimeWarning, match="Step 20 is used"):
        again = run(form, checkpoints=train.Checkpoints(tmp_path, every=10), resume=True)
    assert left_by(again) == left_by(run(form))


def test_what_made_a_loss_infinite_is_behind_the_checkpoint(tmp_path: Path) -> None:
    x, t = blobs(60)
    x[11] = np.nan
    net = network()
    with pytest.raises(NonFiniteError) as caught:
        train.fit(net, ((x, t), None), batch=5, checkpoints=train.Checkpoints(tmp_path))
    last = train.Checkpoints(tmp_path).latest().required()
    assert f"iteration {last.step + 1}" in str(caught.value)
    assert len(last.arrays["metrics/loss"]) == last.step
    for name, value in net.params.items():
        assert np.array_equal(last.arrays[f"params/{name}"], value)


@pytest.mark.parametrize("options", [{"every": 0}, {"seconds": -1.0}, {"keep": 0}])
def test_checkpoints_that_cannot_be(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        train.Checkpoints(tmp_path, **options)


# ---- kill -9 -------------------------------------------------------------------------------------

SCRIPT = """
import sys
from contextlib import suppress
from pathlib import Path
import numpy as np
from clearprop import nn, optim, train

rng = np.random.default_rng(0)
x, t = rng.normal(size=(500, 20)).astype(np.float32), rng.integers(0, 3, 500)
net = nn.Sequential(
    nn.Affine.initial(20, 16, seed=1, dtype="float32"), nn.BatchNorm.initial(16, dtype="float32"),
    nn.ReLU(), nn.Dropout(0.3), nn.Affine.initial(16, 3, seed=2, dtype="float32"),
    loss=nn.SoftmaxWithLoss(),
)
print("begins", flush=True)
train.fit(
    net, ((x, t), None), optimizer=optim.Adam(0.01), batch=32, iterations=1000, replace=False,
    seed=3, checkpoints=train.Checkpoints(Path(sys.argv[1]), every=20), resume=True,
    watch=lambda metrics: None,
)
np.savez(sys.argv[2], loss=net.params["W1"], **net.params, **net.state)
"""


def killed(folder: Path, script: Path, result: Path, seconds: float) -> bool:
    """Run the script, and kill it so long after it has begun; whether it was killed."""
    command = [sys.executable, script, folder, result]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def kills(tmp_path: Path, count: int) -> None:
    """Compare so many runs, each killed once or more often, with one that was not."""
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    began = time.monotonic()
    assert not killed(tmp_path / "whole", script, tmp_path / "whole.npz", 300)
    length = time.monotonic() - began
    with np.load(tmp_path / "whole.npz") as file:
        whole = {name: file[name].tobytes() for name in file}
    rng = np.random.default_rng(0)
    same = happened = 0
    while same < count:
        folder, result = tmp_path / "run", tmp_path / "run.npz"
        moments = []
        while killed(folder, script, result, float(rng.uniform(0.02, 0.7 * length))):
            moments.append(max((path.stem for path in folder.glob("*.safetensors")), default="0"))
        happened += len(moments)
        with np.load(result) as file:
            assert {name: file[name].tobytes() for name in file} == whole
        same += bool(moments)
        print(
            f"{same} runs the same; {happened} kills; last whole checkpoints: {moments}", flush=True
        )
        shutil.rmtree(folder)
        result.unlink()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("count", [2, pytest.param(500, marks=pytest.mark.slow)])
def test_killed_at_random_moments_the_weights_are_the_same(tmp_path: Path, count: int) -> None:
    kills(tmp_path, count)


def test_errors_say_where(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ClearpropError, match="checkpoint"):
        train.fit(network(), DATA, iterations=3, checkpoints=train.Checkpoints(file))
