"""Images with labels: folders of IDX files, and the digits of scikit-learn."""

from __future__ import annotations

import os

import numpy as np

from clearprop.data.dataset import DataSet
from clearprop.data.files import name_contents, place
from clearprop.data.idx import read_idx
from clearprop.data.mnist import File, Split, check_labels, mnist
from clearprop.data.preparing import Dtype, Scaled
from clearprop.data.splitting import check_several, draw_rows, number_names
from clearprop.errors import DataError, OptionError
from clearprop.extras import require

_PARTS = {
    "training images": ("train-images", (3, 4)),
    "training labels": ("train-labels", (1,)),
    "test images": ("t10k-images", (3, 4)),
    "test labels": ("t10k-labels", (1,)),
}
_DIGITS_MOST = 16  # the largest grey value of scikit-learn's digits


def load_mnist(dtype: Dtype, test: float | None) -> DataSet:
    """Give the MNIST that comes with the package."""
    _refuse_test(test, "mnist", "'mnist'")
    train, held_back = (Split(part.x.reshape(-1, 1, *part.x.shape[1:]), part.t) for part in mnist())
    return DataSet("mnist", train, held_back, Scaled(dtype), tuple("0123456789"))


def load_digits(seed: int, dtype: Dtype, test: float | None) -> DataSet:
    """Give the 1,797 digits of 8 x 8 pixels that come with scikit-learn."""
    datasets = require("sklearn.datasets", "sklearn", "holds the digits", "data.load('digits')")
    digits = datasets.load_digits()
    x = np.rint(digits.images * (255 / _DIGITS_MOST)).astype(np.uint8)[:, None]
    drawn = draw_rows(len(x), test, seed)
    t = digits.target.astype(np.int64)
    train, held_back = Split(x[~drawn], t[~drawn]), Split(x[drawn], t[drawn])
    return DataSet("digits", train, held_back, Scaled(dtype), tuple("0123456789"))


def holds_idx(folder: str) -> bool:
    """Whether a folder holds a file of images under one of MNIST's names."""
    return any(_find(folder, *_PARTS[part]) for part in _PARTS)


def load_idx_folder(folder: str, seed: int, dtype: Dtype, test: float | None) -> DataSet:
    """Give the images of a folder under MNIST's names; see `load`."""
    found = {part: _find(folder, *how) for part, how in _PARTS.items()}
    missing = [part for part, path in found.items() if path is None]
    drawn_here = missing == ["test images", "test labels"] and test is not None
    if missing and not drawn_here:
        raise _incomplete(folder, missing)
    if not missing:
        _refuse_test(test, folder, repr(folder))
    files = {part: File(path, read_idx(path).array) for part, path in found.items() if path}
    x, t = _checked(files["training images"], files["training labels"])
    if drawn_here:
        rows = draw_rows(len(x), test, seed) if len(x) > 1 else None
        if rows is None:
            raise _too_few(files["training images"])
        train, held_back = Split(x[~rows], t[~rows]), Split(x[rows], t[rows])
    else:
        train, held_back = Split(x, t), Split(*_checked(files["test images"], files["test labels"]))
        if held_back.x.shape[1:] != x.shape[1:]:
            raise DataError(
                f"load: the training images have shape {x.shape[1:]}, the test images "
                f"{held_back.x.shape[1:]}.",
                where=place(folder),
                why="a network takes samples of one shape.",
                write="data.load(folder) with training and test files of the same data set.",
            )
    values = np.unique(np.concatenate([np.unique(train.t), np.unique(held_back.t)]))
    classes = number_names(values)
    check_several(classes, files["training labels"].path, "load")
    train, held_back = (
        Split(part.x, np.searchsorted(values, part.t).astype(np.int64))
        for part in (train, held_back)
    )
    return DataSet(
        os.path.basename(os.path.abspath(folder)), train, held_back, Scaled(dtype), classes
    )


def _find(folder: str, stem: str, dimensions: tuple[int, ...]) -> str | None:
    """Return the path of a file by any of its usual names, a plain one before one with .gz."""
    for end in ("", ".gz"):
        for count in dimensions:
            for dot in "-.":  # a dot, where the file has been unpacked from Kaggle's archive
                path = os.path.join(folder, f"{stem}{dot}idx{count}-ubyte{end}")
                if os.path.lexists(path):
                    return path
    return None


def _checked(images: File, labels: File) -> Split:
    x, t = images.array, labels.array
    if x.dtype != np.uint8 or x.ndim not in (3, 4) or 0 in x.shape:
        raise DataError(
            f"load: the images have shape {x.shape} and dtype {x.dtype}.",
            where=place(images.path),
            why="images are bytes of shape (N, H, W), or (N, C, H, W) in colour, at least one.",
            write=f"data.load_idx({images.path!r}), which reads any shape and dtype.",
        )
    check_labels(images, labels, "load")
    return Split(x[:, None] if x.ndim == 3 else x, t.astype(np.int64))


def _incomplete(folder: str, missing: list[str]) -> DataError:
    names = ", ".join(f"{_PARTS[part][0]}-idx{_PARTS[part][1][0]}-ubyte" for part in missing)
    alone = missing == ["test images", "test labels"]
    return DataError(
        f"load: files are missing: {names}, each plain or with .gz.",
        where=place(folder),
        why=f"the folder holds {name_contents(folder)}.",
        write=f"data.load({folder!r}, test=0.2), which draws the samples to test with from those "
        "to train with."
        if alone
        else "data.load(folder) with the folder that holds all four, under MNIST's names.",
    )


def _too_few(images: File) -> DataError:
    return DataError(
        f"load: there is {len(images.array)} image.",
        where=place(images.path),
        why="at least one is to train with and one to test with.",
        write="data.load(folder) with more images.",
    )


def _refuse_test(test: float | None, where: str, shown: str) -> None:
    if test is not None:
        raise OptionError(
            f"load: test is {test!r}, and these data say themselves which samples are to test "
            "with.",
            where=repr(where),
            why="nothing is drawn there.",
            write=f"data.load({shown})",
        )
