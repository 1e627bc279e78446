"""MNIST: the published numbers in every form on offer, and folders that are not as expected."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clearprop
from clearprop.data import MNIST, Split, load_idx, mnist
from clearprop.errors import DataError, DTypeError, ShapeError

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SHIPPED = resources.files("clearprop.data") / "mnist"


def as_idx(array: np.ndarray) -> bytes:
    code = {"uint8": 8, "int8": 9, "float32": 0x0D}[array.dtype.name]
    start = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return start + array.astype(array.dtype.newbyteorder(">")).tobytes()


def refusal(folder: Any = None) -> str:
    with pytest.raises(DataError) as caught:
        mnist(folder)
    text = str(caught.value)
    assert "\n" not in text
    for part in ("Where: ", "Why: ", "Write instead: "):
        assert text.count(part) == 1
    return text


@pytest.fixture(scope="module")
def data() -> MNIST:
    return mnist()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven clothes to train with and three to test with, alternately plain and compressed."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        count = 7 if name.startswith("train") else 3
        if "images" in name:
            array = rng.integers(0, 256, (count, 28, 28), np.uint8)
            (tmp_path / name).write_bytes(as_idx(array))
        else:
            array = np.arange(count, dtype=np.uint8)
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(as_idx(array)))
    return tmp_path


# The published numbers -----------------------------------------------------------------------


def test_as_published(data: MNIST) -> None:
    (x_train, t_train), (x_test, t_test) = data
    assert x_train.shape == (60_000, 28, 28)
    assert x_test.shape == (10_000, 28, 28)
    assert x_train.dtype == x_test.dtype == np.uint8
    assert t_train.shape == (60_000,)
    assert t_test.shape == (10_000,)
    assert t_train.dtype == t_test.dtype == np.int64
    # How many of each digit there are, and the mean and deviation that everyone standardises with.
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(t_train).tolist() == counts
    assert np.bincount(t_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert x_train.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert x_train.std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert t_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert t_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_names_and_repr(data: MNIST) -> None:
    assert data.train.x is data[0][0]
    assert data.test.t is data[1][1]
    assert repr(data) == (
        "MNIST(train=Split(x=uint8 (60000, 28, 28), t=int64 (60000,)), "
        "test=Split(x=uint8 (10000, 28, 28), t=int64 (10000,)))"
    )


def test_arrays_are_the_callers_own(folder: Path) -> None:
    first = mnist(folder)
    for array in (first.train.x, first.train.t, first.test.x, first.test.t):
        assert array.flags.writeable
        assert array.flags.c_contiguous
        array[...] = 0
    assert mnist(folder).train.x.any()


def test_readme_beside_the_files_tells_the_truth() -> None:
    table = {
        name: (int(size.replace(",", "")), digest)
        for name, size, digest in re.findall(
            r"\| `(\S+)` \| ([\d,]+) \| `([0-9a-f]{64})` \|",
            (SHIPPED / "README.md").read_text("utf-8"),
        )
    }
    assert tuple(table) == NAMES
    for name in NAMES:
        content = gzip.decompress((SHIPPED / f"{name}.gz").read_bytes())
        assert table[name] == (len(content), hashlib.sha256(content).hexdigest())


# The forms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.dtype(np.float64), float])
def test_floats_are_scaled(dtype: Any, folder: Path) -> None:
    for floats, whole in zip(mnist(folder, dtype=dtype), mnist(folder), strict=True):
        assert floats.x.dtype == np.dtype(dtype)
        assert floats.t.dtype == np.int64
        np.testing.assert_array_equal(floats.x, (whole.x / 255.0).astype(dtype))


def test_floats_of_the_shipped_files(data: MNIST) -> None:
    x = mnist(dtype="float32", shape="flat").test.x
    assert x.min() == 0
    assert x.max() == 1
    np.testing.assert_array_equal(np.rint(x * 255).reshape(-1, 28, 28), data.test.x)


@pytest.mark.parametrize(
    ("shape", "sample"), [("image", (28, 28)), ("flat", (784,)), ("channels", (1, 28, 28))]
)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_shapes(folder: Path, shape: Any, sample: tuple[int, ...], dtype: str) -> None:
    for split, reference in zip(
        mnist(folder, shape=shape, dtype=dtype), mnist(folder), strict=True
    ):
        assert split.x.shape == (len(reference.t), *sample)
        assert split.x.flags.c_contiguous
        scale = 1 if dtype == "uint8" else np.float32(255)
        np.testing.assert_array_equal(split.x.ravel(), (reference.x / scale).astype(dtype).ravel())


@pytest.mark.parametrize(
    ("dtype", "rows"), [("uint8", "float32"), ("float32", "float32"), ("float64", "float64")]
)
def test_one_hot(folder: Path, dtype: str, rows: str) -> None:
    for split in mnist(folder, dtype=dtype, one_hot=True):
        assert split.t.dtype == rows
        np.testing.assert_array_equal(split.t, np.eye(10)[np.arange(len(split.x))])


@pytest.mark.parametrize("dtype", ["int32", "float16", None, "no such type", ">f4", bool, object])
def test_wrong_dtype(dtype: Any) -> None:
    with pytest.raises(DTypeError, match=r"mnist: dtype is .* \[0, 1\].*mnist\(dtype='float32'\)"):
        mnist(dtype=dtype)


@pytest.mark.parametrize("shape", ["flatten", None, (28, 28), [28, 28], 784])
def test_wrong_shape(shape: Any) -> None:
    with pytest.raises(ShapeError, match=r"mnist: shape is .*'image'.*'flat'.*'channels'"):
        mnist(shape=shape)


# A folder of one's own -----------------------------------------------------------------------


def test_folder(folder: Path) -> None:
    for given in (folder, str(folder), f"{folder}/"):
        (x_train, t_train), (x_test, t_test) = mnist(given)
        np.testing.assert_array_equal(x_train, load_idx(folder / NAMES[0]))
        np.testing.assert_array_equal(x_test, load_idx(folder / NAMES[2]))
        assert t_train.tolist() == [0, 1, 2, 3, 4, 5, 6]
        assert t_test.tolist() == [0, 1, 2]


def test_current_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert len(mnist(".").train.x) == 7


def test_plain_file_goes_first(folder: Path) -> None:
    (folder / NAMES[3]).write_bytes(as_idx(np.array([9, 9, 9], np.uint8)))
    assert mnist(folder).test.t.tolist() == [9, 9, 9]


def test_missing_files(folder: Path) -> None:
    (folder / NAMES[0]).rename(folder / "train-images.idx3-ubyte")
    (folder / f"{NAMES[3]}.gz").unlink()
    text = refusal(folder)
    assert f"2 of the 4 files are missing: {NAMES[0]}, {NAMES[3]}, each plain or with .gz" in text
    assert "'train-images.idx3-ubyte'" in text
    assert repr(str(folder)) in text


def test_missing_folder(tmp_path: Path) -> None:
    text = refusal(tmp_path / "nowhere")
    assert "the folder cannot be read: No such file or directory" in text
    assert all(name in text for name in NAMES)
    assert repr(str(tmp_path / "nowhere")) in text
    assert "4 of the 4 files are missing" in refusal(tmp_path)


def test_folder_that_is_a_file(folder: Path) -> None:
    assert "the folder cannot be read: Not a directory" in refusal(folder / NAMES[0])


def test_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", deny)
    assert "the folder cannot be read: Permission denied" in refusal(tmp_path)


def test_folder_with_an_impossible_name() -> None:
    assert "the folder cannot be read" in refusal("a\0b")


@pytest.mark.parametrize("folder", [3, [], 1.5])
def test_folder_that_is_no_path(folder: Any) -> None:
    with pytest.raises(DTypeError, match="mnist: the path is of type"):
        mnist(folder)


def test_file_that_is_a_folder(folder: Path) -> None:
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0]).mkdir()
    assert "this is a folder, not a file" in refusal(folder)


def test_damaged_file(folder: Path) -> None:
    path = folder / f"{NAMES[1]}.gz"
    path.write_bytes(path.read_bytes()[:-3])
    text = refusal(folder)
    assert "gzip stream is truncated" in text
    assert repr(str(path)) in text


@pytest.mark.parametrize("labels", [6, 8, 0])
def test_counts_disagree(folder: Path, labels: int) -> None:
    (folder / NAMES[1]).write_bytes(as_idx(np.zeros(labels, np.uint8)))
    text = refusal(folder)
    assert f"there are 7 images and {labels} labels" in text
    assert repr(str(folder / NAMES[0])) in text
    assert repr(str(folder / NAMES[1])) in text


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (np.array([0, 10, 255], np.uint8), "position 1 is 10; 2 of 3"),
        (np.array([0, 1, -1], np.int8), "position 2 is -1; 1 of 3"),
    ],
)
def test_labels_out_of_range(folder: Path, labels: np.ndarray, what: str) -> None:
    (folder / NAMES[3]).write_bytes(as_idx(labels))
    text = refusal(folder)
    assert f"the label at {what} labels are not in 0..9" in text
    assert repr(str(folder / NAMES[3])) in text


@pytest.mark.parametrize(
    ("index", "array"),
    [
        (0, np.zeros((7, 784), np.uint8)),
        (0, np.zeros((7, 27, 28), np.uint8)),
        (0, np.zeros((7, 28, 28), np.float32)),
        (0, np.zeros((7, 28, 28), np.int8)),
        (0, np.zeros((0, 28, 28), np.uint8)),
        (0, np.zeros(7, np.uint8)),
        (1, np.zeros((7, 1), np.uint8)),
        (1, np.zeros(7, np.float32)),
        (1, np.zeros((7, 28, 28), np.uint8)),
    ],
)
def test_wrong_arrays(folder: Path, index: int, array: np.ndarray) -> None:
    (folder / NAMES[index]).write_bytes(as_idx(array))
    text = refusal(folder)
    assert f"the {('images', 'labels')[index]} have shape {array.shape}" in text
    assert str(array.dtype) in text
    assert f"load_idx({str(folder / NAMES[index])!r})" in text


# The shipped files ---------------------------------------------------------------------------


@pytest.fixture
def installation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped files that a test may damage."""
    copy = folder / "installed"
    shutil.copytree(str(SHIPPED), copy / "mnist")
    monkeypatch.setattr(resources, "files", lambda package: copy)
    return copy / "mnist"


def test_shipped_file_of_other_content(installation: Path) -> None:
    content = bytearray(gzip.decompress((installation / f"{NAMES[1]}.gz").read_bytes()))
    content[100] = (content[100] + 1) % 10
    (installation / f"{NAMES[1]}.gz").write_bytes(gzip.compress(content, 1))
    text = refusal()
    assert "is not the published one: the SHA-256" in text
    assert hashlib.sha256(content).hexdigest() in text
    assert "pip install --force-reinstall clearprop" in text


def test_header_counts_in_the_sha256(installation: Path) -> None:
    content = gzip.decompress((installation / f"{NAMES[1]}.gz").read_bytes())
    reshaped = bytes([0, 0, 8, 2]) + struct.pack(">2I", 60_000, 1) + content[8:]
    (installation / f"{NAMES[1]}.gz").write_bytes(gzip.compress(reshaped, 1))
    assert "is not the published one" in refusal()


def test_shipped_file_damaged_or_gone(installation: Path) -> None:
    path = installation / f"{NAMES[1]}.gz"
    path.write_bytes(path.read_bytes()[:1000])
    text = refusal()
    assert "comes with clearprop cannot be read. load_idx: the gzip stream is truncated" in text
    assert "pip install --force-reinstall clearprop" in text
    path.unlink()
    assert "a file that comes with clearprop is missing" in refusal()


def test_a_users_folder_is_not_compared_with_the_published_one(
    folder: Path, installation: Path
) -> None:
    assert len(mnist(folder).train.x) == 7


def test_from_a_zip(tmp_path: Path) -> None:
    package = Path(clearprop.errors.__file__).parent
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        for path in sorted(package.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                packed.write(path, f"clearprop/{path.relative_to(package).as_posix()}")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'packed.zip')!r})\n"
        "import clearprop.data as data; print(data.__file__, data.mnist().test)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "packed.zip" in done.stdout
    assert (
        repr(Split(np.zeros((10_000, 28, 28), np.uint8), np.zeros(10_000, np.int64))) in done.stdout
    )
