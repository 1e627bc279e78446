"""MNIST: 70,000 handwritten digits, shipped with the package or read from a folder."""

from __future__ import annotations

import os
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from clearprop.data.files import as_path, name_contents, place
from clearprop.data.idx import read_idx
from clearprop.data.labels import one_hot as one_hot_rows
from clearprop.errors import DataError, DTypeError, ShapeError

CLASSES = 10
SIDE = 28

# SHA-256 of the decompressed content, as the README.md beside the files lists them.
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

_SAMPLE_SHAPES = {"image": (SIDE, SIDE), "flat": (SIDE * SIDE,), "channels": (1, SIDE, SIDE)}


class Split(NamedTuple):
    """Images `x` and their labels `t`, sample by sample."""

    x: npt.NDArray[Any]
    t: npt.NDArray[Any]

    def __repr__(self) -> str:
        """Shapes and dtypes: the values would fill the screen."""
        x, t = (f"{array.dtype} {array.shape}" for array in self)
        return f"Split(x={x}, t={t})"


class MNIST(NamedTuple):
    """The samples to train with and those to test with."""

    train: Split
    test: Split


def mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    dtype: npt.DTypeLike = "uint8",
    shape: Literal["image", "flat", "channels"] = "image",
    one_hot: bool = False,
) -> MNIST:
    """Handwritten digits and their labels, ``(x_train, t_train), (x_test, t_test)``.

    Parameters
    ----------
    folder : str or path, optional
        Where to read the four files from, such as a copy of Fashion-MNIST under the same names:
        train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte, each plain or with .gz (the plain one is read if both are there).
        By default the MNIST that comes with clearprop, whose SHA-256 is checked.
    dtype : {"uint8", "float32", "float64"}, default "uint8"
        Of the images: the bytes of the file, or floats.
    shape : {"image", "flat", "channels"}, default "image"
        Of the images: (N, 28, 28), or (N, 784) for a dense layer, or (N, 1, 28, 28) for a
        convolution.
    one_hot : bool, default False
        Labels as one-hot rows instead of integers.

    Returns
    -------
    MNIST
        A pair of pairs, also by name: ``mnist().train.x``. For MNIST, N is 60,000 in ``train``
        and 10,000 in ``test``.

        x : ndarray, shape as chosen
            Units: 0 is the background and 255 the ink for uint8; **floats are scaled into
            [0, 1]**, that is, divided by 255.
        t : ndarray of int64, shape (N,)
            With ``one_hot=True``: shape (N, 10), in the float dtype of the images, or float32
            beside uint8 images.

    Raises
    ------
    DataError
        The folder or a file is missing, cannot be read or is damaged; images are not 28 x 28
        bytes; there are not as many labels as images; a label is not in 0..9.
    DTypeError, ShapeError
        `dtype` or `shape` is none of the above.

    Source
    ------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998. The files: Y. LeCun and C. Cortes, *The
    MNIST database of handwritten digits*, CC BY-SA 3.0.

    Examples
    --------
    >>> (x_train, t_train), (x_test, t_test) = mnist()
    >>> x_train.shape, x_train.dtype, t_train[:5]
    ((60000, 28, 28), dtype('uint8'), array([5, 0, 4, 1, 9]))
    >>> mnist(dtype="float32", shape="flat", one_hot=True).test
    Split(x=float32 (10000, 784), t=float32 (10000, 10))
    """
    image_type = _image_type(dtype)
    if shape not in tuple(_SAMPLE_SHAPES):
        raise ShapeError(
            f"mnist: shape is {shape!r}.",
            why="images have the shape 'image' (N, 28, 28), 'flat' (N, 784) or 'channels' "
            "(N, 1, 28, 28).",
            write="mnist(shape='flat')",
        )
    if folder is None:
        files = {name: _shipped(name) for name in SHA256}
    else:
        paths = _find(as_path(folder, "mnist"))
        files = {name: File(path, read_idx(path).array) for name, path in paths.items()}

    def split(which: str) -> Split:
        images = files[f"{which}-images-idx3-ubyte"]
        labels = files[f"{which}-labels-idx1-ubyte"]
        _check(images, labels)
        x = images.array.reshape(-1, *_SAMPLE_SHAPES[shape])
        if image_type.kind == "f":
            x = scaled(x, image_type)
        t = labels.array.astype(np.int64)
        if one_hot:
            t = one_hot_rows(t, CLASSES, dtype=x.dtype if x.dtype.kind == "f" else np.float32)
        return Split(x, t)

    return MNIST(split("train"), split("t10k"))


def scaled(x: Any, dtype: npt.DTypeLike = "float32") -> Any:
    r""":math:`x / 255`: bytes as floats in [0, 1].

    Parameters
    ----------
    x : array of uint8, any shape
        Bytes, such as grey values.
    dtype : {"float32", "float64"}, default "float32"
        Of the result.

    Returns
    -------
    array
        Of the same shape. It is divided, and not multiplied by 1/255: so 255 becomes 1, and every
        value is rounded once.

    Examples
    --------
    >>> import numpy as np
    >>> scaled(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)

    Images stay bytes in memory, a quarter of what floats take, where this is done batch by batch:
    ``train.fit(net, data.mnist(shape="flat"), prepare=data.scaled)``.
    """
    return x / np.dtype(dtype).type(255)


class File(NamedTuple):
    """What was read from one file."""

    path: str
    array: npt.NDArray[Any]


def _image_type(dtype: npt.DTypeLike) -> np.dtype[Any]:
    try:
        found = np.dtype("O" if dtype is None else dtype)  # np.dtype(None) would be float64
    except TypeError:
        found = np.dtype("O")
    if found not in (np.dtype(np.uint8), np.dtype(np.float32), np.dtype(np.float64)):
        raise DTypeError(
            f"mnist: dtype is {dtype!r}.",
            why="the images are bytes, 'uint8', or scaled into [0, 1], 'float32' or 'float64'.",
            write="mnist(dtype='float32')",
        )
    return found


def _shipped(name: str) -> File:
    # Only here: together they take longer to import than the rest of this package.
    import hashlib
    from importlib import resources

    again = "pip install --force-reinstall clearprop, in a shell"
    packed = resources.files("clearprop.data") / "mnist" / f"{name}.gz"
    if not packed.is_file():
        raise DataError(
            "mnist: a file that comes with clearprop is missing.",
            where=repr(str(packed)),
            why="the installation is not complete.",
            write=again,
        )
    try:
        with resources.as_file(packed) as path:  # a temporary file, where clearprop is in a zip
            raw = read_idx(str(path))
    except DataError as error:
        raise DataError(
            f"mnist: a file that comes with clearprop cannot be read. {error.what}",
            where=repr(str(packed)),
            why=error.why,
            write=again,
        ) from error
    digest = hashlib.sha256(raw.header)
    digest.update(raw.array.data)
    if digest.hexdigest() != SHA256[name]:
        raise DataError(
            "mnist: a file that comes with clearprop is not the published one: the SHA-256 of "
            f"its content is {digest.hexdigest()}.",
            where=repr(str(packed)),
            why=f"that of the published content is {SHA256[name]}.",
            write=f"{again}; data of your own are read with mnist(folder).",
        )
    return File(str(packed), raw.array)


def _find(folder: str) -> dict[str, str]:
    """Return the path of each of the four files in `folder`."""
    found = {
        name: path
        for name in SHA256
        for path in (os.path.join(folder, f"{name}.gz"), os.path.join(folder, name))
        if os.path.lexists(path)  # the plain file, named last, is kept if both are there
    }
    missing = [name for name in SHA256 if name not in found]
    if not missing:
        return found
    write = "mnist() for the MNIST that comes with clearprop, or mnist(folder) with the folder that"
    try:
        os.listdir(folder)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"mnist: the folder cannot be read: {reason}.",
            where=place(folder),
            why=f"mnist looked there for {', '.join(SHA256)}, each plain or with .gz.",
            write=f"{write} holds these files and may be read.",
        ) from error
    raise DataError(
        f"mnist: {len(missing)} of the 4 files are missing: {', '.join(missing)}, each plain or "
        "with .gz.",
        where=place(folder),
        why=f"the folder holds {name_contents(folder)}.",
        write=f"{write} holds these files, under these names.",
    )


def _check(images: File, labels: File) -> None:
    x, t = images.array, labels.array
    if x.dtype != np.uint8 or x.ndim != 3 or x.shape[1:] != (SIDE, SIDE) or not len(x):
        raise DataError(
            f"mnist: the images have shape {x.shape} and dtype {x.dtype}.",
            where=place(images.path),
            why="mnist reads images of shape (N, 28, 28) and dtype uint8, at least one.",
            write=f"load_idx({images.path!r}), which reads any shape and dtype.",
        )
    check_labels(images, labels, "mnist")
    wrong = np.flatnonzero((t < 0) | (t >= CLASSES))
    if wrong.size:
        raise DataError(
            f"mnist: the label at position {wrong[0]:,} is {t[wrong[0]]}; {wrong.size:,} of "
            f"{len(t):,} labels are not in 0..9.",
            where=place(labels.path),
            why="the ten classes are numbered from 0 to 9.",
            write=f"load_idx({labels.path!r}), which reads labels of any range.",
        )


def check_labels(images: File, labels: File, caller: str) -> None:
    """Refuse labels that are no whole numbers, or not one for each image.

    Raises
    ------
    DataError
    """
    x, t = images.array, labels.array
    if t.dtype.kind not in "ui" or t.ndim != 1:
        raise DataError(
            f"{caller}: the labels have shape {t.shape} and dtype {t.dtype}.",
            where=place(labels.path),
            why="labels are whole numbers of shape (N,).",
            write=f"data.load_idx({labels.path!r}), which reads any shape and dtype.",
        )
    if len(x) != len(t):
        raise DataError(
            f"{caller}: there are {len(x):,} images and {len(t):,} labels.",
            where=f"{place(images.path)} and {place(labels.path)}",
            why="each image has one label, so one of the files belongs to another data set.",
            write=f"data.{caller}(folder) with images and labels of the same download.",
        )
