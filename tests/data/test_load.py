"""What `load` finds: MNIST, the digits of scikit-learn, folders of IDX files, and what is none."""

from __future__ import annotations

import builtins
import gzip
import pickle
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clearprop.data import DataSet, Scaled, load, mnist
from clearprop.errors import ClearpropError, DataError, MissingExtraError, OptionError

NAMES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
FASHION = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist


def as_idx(array: np.ndarray) -> bytes:
    code = {"uint8": 8, "int8": 9, "int32": 0x0C, "float32": 0x0D}[array.dtype.name]
    start = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return start + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(folder: Path, arrays: dict[str, np.ndarray], *, packed: bool = False) -> None:
    for name, array in arrays.items():
        content = as_idx(array)
        path = folder / f"{name}-idx{array.ndim}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)


def images(*shape: int, labels: Any = (2, 3, 5, 2, 3, 5), test: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    t = np.array(labels, np.uint8)
    return {
        "train-images": rng.integers(0, 256, (len(t), *shape)).astype(np.uint8),
        "train-labels": t,
        "t10k-images": rng.integers(0, 256, (test, *shape)).astype(np.uint8),
        "t10k-labels": t[:test],
    }


def refusal(what: Any, error: type[Exception] = DataError, **options: Any) -> str:
    with pytest.raises(error) as caught:
        load(what, **options)
    text = str(caught.value)
    assert "\n" not in text
    for part in ("Why: ", "Write instead: "):
        assert text.count(part) == 1
    return text


# By name -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [None, "mnist"])
def test_mnist(what: str | None) -> None:
    data = load(what)
    known = mnist()
    np.testing.assert_array_equal(data.train.x[:, 0], known.train.x)
    np.testing.assert_array_equal(data.test.t, known.test.t)
    assert (data.name, data.shape, data.columns) == ("mnist", (1, 28, 28), ())
    assert data.classes == tuple("0123456789")
    assert data.train.x.dtype == np.uint8
    assert data.prepare == Scaled()
    assert load(what, dtype="float64").prepare == Scaled("float64")


def test_a_data_set_is_what_it_is_and_can_be_sent() -> None:
    data = load("mnist")
    with pytest.raises(AttributeError):
        data.name = "other"  # type: ignore[misc]
    small = DataSet("few", data.test, data.test, data.prepare, data.classes)
    again = pickle.loads(pickle.dumps(small))
    np.testing.assert_array_equal(again.train.x, small.train.x)
    assert again.prepare == small.prepare


def test_the_digits_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
    check_digits(datasets.load_digits())


def test_digits_from_what_scikit_learn_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    found = types.SimpleNamespace(
        images=rng.integers(0, 17, (1797, 8, 8)).astype(float), target=rng.integers(0, 10, 1797)
    )
    datasets = types.ModuleType("sklearn.datasets")
    datasets.load_digits = lambda: found  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sklearn", types.ModuleType("sklearn"))
    monkeypatch.setitem(sys.modules, "sklearn.datasets", datasets)
    check_digits(found)


def check_digits(found: Any) -> None:
    data = load("digits")
    assert repr(data) == "DataSet 'digits': 1,438 + 359 samples of shape (1, 8, 8), 10 classes"
    assert data.train.x.dtype == np.uint8
    x = np.concatenate([data.train.x, data.test.x])[:, 0]
    t = np.concatenate([data.train.t, data.test.t])
    stored = np.rint(found.images * 255 / 16)
    order, known = (
        np.lexsort(np.column_stack([a.reshape(1797, -1), b]).T)
        for a, b in ((x, t), (stored, found.target))
    )
    np.testing.assert_array_equal(x[order], stored[known])
    np.testing.assert_array_equal(t[order], found.target[known])
    assert data.prepare(np.array([255], np.uint8)) == 1
    assert len(load("digits", test=0.5).test.x) == 898
    assert not np.array_equal(load("digits", seed=1).test.t, data.test.t)


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "sklearn":
            raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
        return real(name, *rest)

    monkeypatch.setattr("importlib.import_module", missing)
    text = refusal("digits", MissingExtraError)
    assert "sklearn is not installed" in text
    assert "pip install 'clearprop[sklearn]'" in text


# Folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(5, 7), (28, 28), (3, 4, 6), (1, 2, 2)])
def test_images_of_any_shape(tmp_path: Path, shape: tuple[int, ...], packed: bool) -> None:
    arrays = images(*shape)
    write(tmp_path, arrays, packed=packed)
    data = load(tmp_path)
    assert data.name == tmp_path.name
    assert data.shape == (shape if len(shape) == 3 else (1, *shape))
    np.testing.assert_array_equal(data.train.x.ravel(), arrays["train-images"].ravel())
    np.testing.assert_array_equal(data.test.x.ravel(), arrays["t10k-images"].ravel())
    assert data.classes == ("2", "3", "5")
    assert data.train.t.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.train.t.dtype == np.int64
    assert data.prepare == Scaled()


def test_classes_that_only_one_part_has(tmp_path: Path) -> None:
    arrays = images(2, 2)
    arrays["t10k-labels"] = np.array([9, 0, 3], np.uint8)
    write(tmp_path, arrays)
    data = load(str(tmp_path))
    assert data.classes == ("0", "2", "3", "5", "9")
    assert data.test.t.tolist() == [4, 0, 2]


def test_more_classes_than_a_byte_counts(tmp_path: Path) -> None:
    arrays = images(1, 1, labels=[0] * 300)
    arrays["train-labels"] = np.arange(300, dtype=np.int32) * 1000
    write(tmp_path, arrays)
    classes = load(tmp_path).classes
    assert classes is not None
    assert classes[-1] == "299000"


def test_names_with_a_dot(tmp_path: Path) -> None:
    write(tmp_path, images(2, 2))
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert load(tmp_path).shape == (1, 2, 2)


def test_a_folder_called_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist").mkdir()
    write(tmp_path / "mnist", images(2, 2))
    monkeypatch.chdir(tmp_path)
    assert load("mnist").shape == (1, 28, 28)
    assert load("./mnist").shape == (1, 2, 2)
    assert load(Path("mnist")).shape == (1, 2, 2)


def test_the_files_to_train_with_alone(tmp_path: Path) -> None:
    arrays = images(2, 2, labels=[0, 1] * 10)
    write(tmp_path, {name: arrays[name] for name in NAMES[:2]})
    text = refusal(tmp_path)
    assert "files are missing: t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte" in text
    assert "test=0.2), which draws" in text
    data = load(tmp_path, test=0.25)
    assert (len(data.train.x), len(data.test.x)) == (15, 5)
    pairs = sorted(
        (x.tobytes(), int(t))
        for part in (data.train, data.test)
        for x, t in zip(*part, strict=True)
    )
    known = zip(arrays["train-images"], arrays["train-labels"], strict=True)
    assert pairs == sorted((x.tobytes(), int(t)) for x, t in known)


@pytest.mark.parametrize("name", NAMES)
def test_one_file_is_missing(tmp_path: Path, name: str) -> None:
    arrays = images(2, 2)
    del arrays[name]
    write(tmp_path, arrays)
    assert f"files are missing: {name}-idx" in refusal(tmp_path)
    assert "files are missing" in refusal(tmp_path, test=0.2)


def test_one_image_cannot_be_divided(tmp_path: Path) -> None:
    arrays = images(2, 2, labels=[1], test=1)
    write(tmp_path, {name: arrays[name] for name in NAMES[:2]})
    assert "there is 1 image" in refusal(tmp_path, test=0.5)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"train-labels": np.zeros(5, np.uint8)}, "6 images and 5 labels"),
        ({"t10k-labels": np.zeros(4, np.uint8)}, "3 images and 4 labels"),
        ({"train-images": np.zeros((6, 2, 2), np.float32)}, "dtype float32"),
        ({"train-images": np.zeros((0, 2, 2), np.uint8)}, "shape (0, 2, 2)"),
        ({"train-images": np.zeros((6, 0, 2), np.uint8)}, "shape (6, 0, 2)"),
        ({"train-labels": np.zeros(6, np.float32)}, "dtype float32"),
        ({"t10k-images": np.zeros((3, 2, 3), np.uint8)}, "shape (1, 2, 2), the test images"),
        (
            {"train-labels": np.zeros(6, np.uint8), "t10k-labels": np.zeros(3, np.uint8)},
            "all samples are of one class, '0'",
        ),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, change: dict[str, np.ndarray], what: str) -> None:
    write(tmp_path, images(2, 2) | change)
    assert what in refusal(tmp_path)


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    write(tmp_path, images(2, 2))
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    assert "the content is truncated" in refusal(tmp_path)
    path.write_bytes(bytes([0, 0, 8, 3]) + b"\xff" * 12)
    assert "the content is truncated" in refusal(tmp_path)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    text = refusal(tmp_path)
    assert "the folder holds no data that is known" in text
    assert "it holds 'notes.txt'" in text


@pytest.mark.parametrize("options", [{"target": "y"}, {"task": "classes"}, {"header": False}])
def test_what_is_said_about_columns_of_images(tmp_path: Path, options: dict[str, Any]) -> None:
    write(tmp_path, images(2, 2))
    for what in (None, "digits", tmp_path):
        assert "this is no CSV file" in refusal(what, OptionError, **options)


def test_data_that_are_divided_already(tmp_path: Path) -> None:
    write(tmp_path, images(2, 2))
    for what in ("mnist", tmp_path):
        assert "say themselves which samples" in refusal(what, OptionError, test=0.3)


def test_a_dtype_that_is_no_float() -> None:
    with pytest.raises(ClearpropError, match="'float32' or 'float64'"):
        load("mnist", dtype="int8")  # type: ignore[arg-type]


@pytest.mark.skipif(not FASHION.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_fashion_mnist_as_debian_packs_it() -> None:
    data = load(FASHION)
    assert repr(data) == (
        "DataSet 'fashion-mnist': 60,000 + 10,000 samples of shape (1, 28, 28), 10 classes"
    )
    assert np.bincount(data.test.t).tolist() == [1000] * 10


def test_a_data_frame_needs_no_loading() -> None:
    class DataFrame:
        def to_numpy(self) -> None: ...

    with pytest.raises(DataError, match=r"is a DataFrame.*\.to_numpy\(\).*train\.fit\(net"):
        load(DataFrame())  # type: ignore[arg-type]
