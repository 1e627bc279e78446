"""`clearprop export`: each form gives what `clearprop predict` gives; nothing is overwritten."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import refusal, run
from trained import flowers, houses, picture_of, train

from clearprop import data
from clearprop.data import read_rows
from clearprop.data.picture import as_seen, open_picture
from clearprop.train import read_run

CONV = "conv 4 5, relu, pool 2, batchnorm, affine 10"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("made")
    short = ("--iterations", 20, "--batch", 20)
    train(folder / "runs/conv", "--data", digits, "--model", CONV, *short)
    train(folder / "runs/large", "--data", digits, "--hidden", 400, *short)
    train(folder / "runs/flowers", "--data", flowers(folder / "flowers.csv"), *short)
    price = ("--target", "price", "--model", "affine 8, relu, affine 1", "--lr", 1e-5)
    train(folder / "runs/houses", "--data", houses(folder / "houses.csv"), *price, *short)
    for digit in (0, 1):
        picture_of(folder / f"{digit}.png", digit)
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(*words: Any) -> str:
    code, output, errors = run("export", *words)
    assert (code, errors) == (0, "")
    return output


def predicted(*words: Any) -> np.ndarray:
    """Scores, or numbers, as the command gives them."""
    code, output, _ = run("predict", *words, "--json")
    assert code == 0
    rows = json.loads(output)["predictions"]
    return np.array([row.get("scores", [row["prediction"]]) for row in rows])


def stored(name: str) -> Any:
    """Samples as they are stored, read without the command."""
    if name in ("conv", "large"):
        border = read_run(name).predictor().border
        pictures = [open_picture(f"{n}.png") for n in (0, 1)]
        return np.stack([as_seen(p, (1, 28, 28), as_is=True, border=border) for p in pictures])
    return read_rows(f"{name}.csv", read_run(name).predictor().columns).x


INPUTS = {
    "conv": ["0.png", "1.png"],
    "large": ["0.png", "1.png"],
    "flowers": ["flowers.csv"],
    "houses": ["houses.csv"],
}


@pytest.mark.parametrize("name", INPUTS)
def test_onnx_gives_what_predict_gives(here: Path, name: str) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    output = export(name, "--onnx")
    session = onnxruntime.InferenceSession(f"{name}.onnx")
    (y,) = session.run(["predicted"], {"x": stored(name)})
    expected = predicted(name, *INPUTS[name])
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["run"] == name
    if name == "flowers":
        assert metadata["classes"] == "long, wide"
        assert metadata["columns of x"] == "length, width"
    code = output.partition("Try it: python -c ")[2].strip()
    done = subprocess.run(
        [sys.executable, "-c", code.strip('"')], capture_output=True, text=True, check=True
    )
    assert "array(" in done.stdout


@pytest.mark.parametrize("name", INPUTS)
def test_the_file_needs_only_numpy_and_gives_what_predict_gives(here: Path, name: str) -> None:
    output = export(name, "--numpy", "model.py", "--step")
    assert "step(params, " in output
    np.save("x.npy", stored(name))
    without = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.split('.')[0] in ('clearprop', 'PIL', 'safetensors', 'llvmlite'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import runpy\n"
        "sys.argv = ['model.py', *sys.argv[1:]]\n"
        "runpy.run_path('model.py', run_name='__main__')\n"
    )
    for given in ([], ["x.npy", "y.npy"]):
        subprocess.run([sys.executable, "-c", without, *given], check=True, capture_output=True)
    expected = predicted(name, *INPUTS[name])
    np.testing.assert_allclose(np.load("y.npy"), expected, rtol=1e-5)
    words = [sys.executable, "-c", without, "x.npy"]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    rows = json.loads(run("predict", name, *INPUTS[name], "--json")[1])["predictions"]
    if name == "houses":
        assert told.startswith("[[")
    else:
        assert told.split("\n") == [*(str(row["prediction"]) for row in rows), ""]
    if name == "conv":
        none = np.load("x.npy")[:0]
        assert runpy.run_path("model.py")["predict"](none).shape == (0, 10)
    assert (here / "model.npz").exists() == (name == "large")
    assert ("which stays beside it" in output) == (name == "large")


def test_the_step_takes_samples_as_they_are_stored(here: Path) -> None:
    export("flowers", "--numpy", "model.py", "--step")
    model = runpy.run_path("model.py")
    x, t = stored("flowers"), np.arange(60) % 2
    params = model["PARAMS"]
    for _ in range(60):
        params, loss = model["step"](params, x, t, 0.5)
    first = model["step"](model["PARAMS"], x, t, 0.5)[1]
    assert loss < first / 3
    of = read_run("flowers").predictor()
    assert float(first) == pytest.approx(float(of.network.loss(of.prepare(x), t)), rel=1e-5)


def test_the_step_of_a_regression_says_which_learning_rate_is_that_of_the_training(
    here: Path,
) -> None:
    import runpy

    told = " ".join(export("houses", "--numpy", "model.py", "--step").split())
    factor = float(told.partition("that of a training divided by ")[2].split()[0])
    model, table = runpy.run_path("model.py"), data.load("houses.csv", target="price")
    x, t = table.train
    params = model["PARAMS"]
    for _ in range(50):
        params, loss = model["step"](params, x, t, 0.05 / factor)
    assert loss < model["step"](model["PARAMS"], x, t, 0.0)[1] / 3


def test_safetensors_are_named_as_in_pytorch(here: Path) -> None:
    from safetensors import safe_open

    output = export("conv", "--safetensors", "net.safetensors")
    assert "not inside  what is done to samples first: x / 255" in output
    with safe_open("net.safetensors", framework="numpy") as file:
        names = set(file.keys())
        metadata = json.loads(file.metadata()["clearprop"])["metadata"]
    affine = {"5.weight", "5.bias"}  # a Flatten stands before it
    assert {name for name in names if name.startswith(("0.", "5."))} == {
        "0.weight",
        "0.bias",
        *affine,
    }
    assert {name.partition(".")[0] for name in names} == {"0", "3", "5"}
    assert json.loads(metadata["prepare"]) == {"kind": "scaled", "dtype": "float32"}
    export("flowers", "--safetensors", "rows.safetensors")
    with safe_open("rows.safetensors", framework="numpy") as file:
        assert set(file.keys()) == {"0.weight", "0.bias", "2.weight", "2.bias"}
        metadata = json.loads(file.metadata()["clearprop"])["metadata"]
    kept = json.loads(metadata["prepare"])
    assert data.preparation(kept) == read_run("flowers").predictor().prepare


def test_safetensors_say_what_is_done_to_predictions_last(here: Path) -> None:
    from safetensors import safe_open

    export("houses", "--safetensors", "net.safetensors")
    with safe_open("net.safetensors", framework="numpy") as file:
        W, b, V, c = (file.get_tensor(f"{n}.{kind}") for n in (0, 2) for kind in ("weight", "bias"))
        metadata = json.loads(file.metadata()["clearprop"])["metadata"]
    first, last = (data.preparation(json.loads(metadata[k])) for k in ("prepare", "prepare_target"))
    assert isinstance(last, data.Standardized)
    y = np.maximum(first(stored("houses")) @ W.T + b, 0) @ V.T + c
    np.testing.assert_allclose(last.undo(y), predicted("houses", "houses.csv"), rtol=1e-5)


def test_weights_alone_give_standard_deviations(here: Path) -> None:
    from safetensors.numpy import load_file

    said = " ".join(export("houses", "--safetensors", "net.safetensors").split())
    found = re.search(r"gives y in standard deviations; (\S+) \* y \+ (\S+) is the price", said)
    assert found is not None, said
    w, x = load_file("net.safetensors"), stored("houses")
    x = read_run("houses").predictor().prepare(x)
    y = np.maximum(x @ w["0.weight"].T + w["0.bias"], 0) @ w["2.weight"].T + w["2.bias"]
    expected = predicted("houses", "houses.csv")
    np.testing.assert_allclose(float(found[1]) * y + float(found[2]), expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["onnx", "numpy"])
def test_what_is_exported_keeps_the_digits_of_the_unit(here: Path, name: str) -> None:
    config = Path("runs/houses/config.json")
    kept = json.loads(config.read_text())
    kept["data"]["prepare_target"] |= {"mean": [1.7e9], "std": [10.0]}
    config.write_text(json.dumps(kept))
    export("houses", f"--{name}", "net." + {"onnx": "onnx", "numpy": "py"}[name])
    x = stored("houses")
    if name == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
        (y,) = onnxruntime.InferenceSession("net.onnx").run(None, {"x": x})
    else:
        y = runpy.run_path("net.py")["predict"](x)
    assert y.dtype == np.float64
    expected = predicted("houses", "houses.csv")
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(y - 1.7e9, expected - 1.7e9, rtol=1e-4, atol=1e-5)


def test_all_forms_at_once_under_the_name_of_the_run(here: Path) -> None:
    before = set(here.iterdir())
    export("runs/flowers/config.json", "--onnx", "--numpy", "--safetensors")
    made = {path.name for path in set(here.iterdir()) - before}
    assert made == {"flowers.onnx", "flowers.py", "flowers.safetensors"}


def test_nothing_is_overwritten_unless_asked(here: Path) -> None:
    for option, name in (
        ("--onnx", "flowers.onnx"),
        ("--numpy", "flowers.py"),
        ("--safetensors", "flowers.safetensors"),
    ):
        (here / name).write_text("mine")
        assert "this file exists" in refusal("export", "flowers", option)
        assert (here / name).read_text() == "mine"
        export("flowers", option, "--force")
        assert (here / name).read_bytes() != b"mine"
    (here / "large.npz").write_text("mine")
    assert "large.npz: this file exists" in refusal("export", "large", "--numpy")
    assert not (here / "large.py").exists()
    weights = here / "runs/flowers/weights.safetensors"
    told = refusal("export", "flowers", "--safetensors", weights, "--force")
    assert "this is a file of a run" in told


def test_requests_that_make_no_sense(here: Path) -> None:
    assert "no form is named" in refusal("export", "flowers")
    for form in ("onnx", "numpy", "safetensors"):
        assert f"--{form} is -." in refusal("export", "flowers", f"--{form}", "-")
    assert not Path("-").exists()
    assert "--step stands without --numpy" in refusal("export", "flowers", "--onnx", "--step")
    assert "there is no run" in refusal("export", "flower", "--onnx")
    assert "no folder to write to" in refusal("export", "flowers", "--onnx", "none/x.onnx")
    (here / "runs/flowers/weights.safetensors").unlink()
    assert "weights.safetensors is not there" in refusal("export", "flowers", "--onnx")
    assert not (here / "flowers.onnx").exists()


def test_a_file_says_what_goes_in_and_what_comes_out(here: Path) -> None:
    export("houses", "--numpy")
    text = (here / "houses.py").read_text()
    head = " ".join(text[: text.index("import numpy")].split())
    assert "mean and deviation are taken out here" in head
    assert "columns of x area, rooms" in head
    assert "the price predicted" in head


def test_the_file_says_what_it_has_written(here: Path) -> None:
    export("flowers", "--numpy", "flowers.py")
    np.save("x.npy", stored("flowers"))
    words = [sys.executable, "flowers.py", "x.npy", "y.npy"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == (
        "y.npy: y (60, 2), scores of long, wide; the largest is the class, softmax makes "
        "probabilities\n"
    )
    assert np.load("y.npy").shape == (60, 2)


def test_onnx_of_a_table_takes_the_dtype_that_the_page_names(here: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    export("flowers", "--onnx")
    session = onnxruntime.InferenceSession("flowers.onnx")
    assert session.get_inputs()[0].type == "tensor(double)"
    page = Path(__file__).parents[2].joinpath("docs/export.md").read_text()
    assert "`float64` of a table" in page
    rows = page.partition("| here | there |")[2].partition("\n\n")[0]
    assert "`Residual`" in rows  # no blank line divides the table
