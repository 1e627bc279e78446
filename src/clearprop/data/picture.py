"""Pictures from a file, as the network sees the images that it was trained on."""

from __future__ import annotations

import math
import operator
import os
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from clearprop.data.files import as_path, cannot_open, place, size_of_file
from clearprop.data.fill import MNIST_FILL
from clearprop.data.ink import cut_out
from clearprop.errors import DataError, OptionError, ShapeError
from clearprop.extras import require

# Those that Pillow decodes itself: for EPS it would start another program.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
_LARGEST = 4096  # pixels of the longer side that are worth being looked at
_LIGHT = 128  # of 255, from which on a ground is light
_FULL = 0.7  # of the pixels of a stroke are paler than what becomes 255; chosen by trying


def read_image(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    *,
    as_is: bool = False,
    fill: float = MNIST_FILL,
) -> npt.NDArray[np.uint8]:
    """Picture of a digit, in the form of MNIST's images.

    Ink becomes 255 and paper 0, whether the picture is dark on light, light on dark or in colours;
    the ink is cut out, scaled to fit into a part of the field, 20/28, with its aspect kept, and
    laid so that its centre of mass is in the middle, as far as none of it is cut off.

    Parameters
    ----------
    path : str or path
        A picture with one digit on paper of one colour: PNG, JPEG, GIF, BMP, TIFF, WebP or PPM, of
        8 or 16 bits, with a palette, or transparent. It is turned as its EXIF data say.
    shape : (C, H, W)
        Of the result, such as ``dataset.shape``. C is 1, or with ``as_is`` 1 or 3.
    as_is : bool, default False
        Only resize: no ink is looked for, nothing is inverted, the aspect is not kept. This is for
        images that are no digits.
    fill : float, default 20/28
        How much of the field the ink fits into. Those of MNIST leave room around; the digits of
        scikit-learn fill their field, 1.0.

    Returns
    -------
    ndarray of uint8, shape (C, H, W)

    Raises
    ------
    DataError
        There is no such file; it is no picture, is damaged, or is of a format that is not read; it
        has more pixels than Pillow holds for safe (``PIL.Image.MAX_IMAGE_PIXELS``, 89 million); or
        it is blank.
    ShapeError, OptionError
        `shape` is none of images; `fill` is out of its limits.
    MissingExtraError
        Pillow is not installed.

    Source
    ------
    Y. LeCun, C. Cortes and C. J. C. Burges, *The MNIST database of handwritten digits*: "size
    normalized to fit in a 20x20 pixel box while preserving their aspect ratio", "centered in a
    28x28 image by computing the center of mass of the pixels, and translating the image so as to
    position this point at the center of the 28x28 field".

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image, ImageDraw
    >>> sheet = Image.new("RGB", (300, 200), "khaki")
    >>> ImageDraw.Draw(sheet).line([(40, 30), (40, 130)], fill="navy", width=12)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "one.png")
    ...     sheet.save(path)
    ...     x = read_image(path, (1, 28, 28))
    >>> x.shape, x.dtype, np.flatnonzero(x.sum(axis=(0, 1))), (x.sum(axis=(0, 2)) > 0).sum()
    ((1, 28, 28), dtype('uint8'), array([13, 14]), np.int64(20))
    """
    _checked(shape, as_is)  # before the file is opened
    name = as_path(path, "read_image")
    return as_seen(open_picture(name), shape, as_is=as_is, fill=fill, path=name)


def as_seen(
    picture: Any,
    shape: tuple[int, ...],
    *,
    as_is: bool = False,
    fill: float = MNIST_FILL,
    border: str | None = None,
    path: str = "",
) -> npt.NDArray[np.uint8]:
    """Give a picture that `open_picture` has opened as the network sees it; see `read_image`.

    Images that are "dark" or "light" at their ``border`` are not digits, and not just any pictures:
    something stands before an empty ground. With ``as_is`` a picture is then laid on a square of
    its own ground, so that the aspect is kept, and inverted where its ground is the other one. Ink
    that is cut out is laid on that ground: it becomes dark where the ``border`` is "light".
    """
    channels, height, width = _checked(shape, as_is)
    if not 0 < fill <= 1:
        raise OptionError(
            f"read_image: fill is {fill!r}.",
            why="the ink fits into a part of the field, above 0 and at most 1.",
            write="read_image(path, shape, fill=20 / 28)",
        )
    if as_is:
        image = require("PIL.Image", "train", "reads pictures", "read_image")
        flat = picture.convert("L" if channels == 1 else "RGB")
        if border is not None:
            flat = _on_ground(flat, border, height, width)
        sized = np.asarray(flat.resize((width, height), image.Resampling.BILINEAR))
        return np.ascontiguousarray(sized.reshape(height, width, channels).transpose(2, 0, 1))
    ink = cut_out(picture)
    if ink is None:
        raise DataError(
            "read_image: the picture is blank.",
            where=place(path),
            why="no pixel differs from the paper, as it is at the border, by more than its noise.",
            write="read_image(path, shape) with a digit on it; as_is=True for images that are no "
            "digits",
        )
    seen = _centred(_fitted(ink, height, width, fill), height, width)[None]
    return 255 - seen if border == "light" else seen


def _around(picture: Any, part: float) -> float:
    """Give the grey value, from 0 to 255, that a part of the border is not lighter than."""
    grey = np.asarray(picture.convert("L"))
    return float(np.quantile(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]), part))


def is_inverted(picture: Any, border: str | None) -> bool:
    """Whether the border of a picture is light and should be dark, or the other way round."""
    return border is not None and (_around(picture, 0.5) > _LIGHT) == (border == "dark")


def _on_ground(flat: Any, border: str, height: int, width: int) -> Any:
    """Lay a picture on its ground, in the aspect of the field, with the ground it should have."""
    image = require("PIL.Image", "train", "reads pictures", "read_image")
    if is_inverted(flat, border):
        flat = image.eval(flat, lambda level: 255 - level)
    scale = max(flat.width / width, flat.height / height)
    size = max(flat.width, round(width * scale)), max(flat.height, round(height * scale))
    level = _around(flat, 0.25 if border == "dark" else 0.75)  # something may stand at an edge
    ground = image.new(flat.mode, size, (round(level),) * len(flat.getbands()))
    ground.paste(flat, ((size[0] - flat.width) // 2, (size[1] - flat.height) // 2))
    return ground


def _checked(shape: tuple[int, ...], as_is: bool) -> tuple[int, int, int]:
    try:
        channels, height, width = (operator.index(size) for size in shape)
    except (TypeError, ValueError):
        channels = height = width = 0
    if channels in ((1, 3) if as_is else (1,)) and min(height, width) > 0:
        return channels, height, width
    raise ShapeError(
        f"read_image: shape is {shape!r}.",
        why="it is that of an image, (C, H, W), with 1 channel for a digit, and with 1 or 3 for "
        "as_is=True.",
        write="read_image(path, (1, 28, 28))",
    )


def open_picture(path: str) -> Any:
    """Give the picture in RGB, upright, on paper where it was transparent."""
    image = require("PIL.Image", "train", "reads pictures", "read_image")
    turned = require("PIL.ImageOps", "train", "reads pictures", "read_image").exif_transpose
    try:
        size_of_file(path, "read_image", "digit.png")
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError as error:
        raise cannot_open(path, error, "read_image") from error
    image.init()
    formats = [name for name in _FORMATS if name in image.OPEN]  # Pillow is built without some
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its decoders, about what they pass over
            warnings.simplefilter("error", image.DecompressionBombWarning)
            with image.open(path, formats=formats) as opened:
                turned(opened, in_place=True)
                return _in_rgb(_smaller(opened), image)
    except (image.DecompressionBombWarning, image.DecompressionBombError) as error:
        raise DataError(
            "read_image: the picture has too many pixels.",
            where=place(path),
            why=f"a small file may unfold into many gigabytes. {error}",
            write="read_image(path, shape) with a smaller copy of the picture.",
        ) from error
    except image.UnidentifiedImageError as error:
        raise DataError(
            "read_image: this is no picture that can be read: it begins with the bytes "
            f"{start.hex(' ')}."
            if start
            else "read_image: the file is empty: 0 bytes.",
            where=place(path),
            why=f"pictures are {', '.join(formats)}, whatever the name of the file says.",
            write="read_image(path, shape) with the picture saved as PNG.",
        ) from error
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise DataError(
            f"read_image: the picture cannot be decoded: {error}.",
            where=place(path),
            why="the file is truncated or damaged.",
            write="read_image(path, shape) after fetching the file again.",
        ) from error


def _smaller(picture: Any) -> Any:
    """Give a very large picture in fewer pixels, before it is converted, which takes copies."""
    factor = -(-max(picture.size) // _LARGEST)
    direct = picture.mode in ("L", "LA", "RGB", "RGBA")  # numbers in a palette have no mean
    return picture.reduce(factor) if direct and factor > 1 else picture


def _in_rgb(picture: Any, image: Any) -> Any:
    if picture.mode.startswith(("I", "F")):
        return image.fromarray(_bytes(np.asarray(picture))).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    paper = image.new("RGBA", layered.size, _paper_below(layered))
    return image.alpha_composite(paper, layered).convert("RGB")


def _bytes(levels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Grey values of 16 bits, or of 32 or floats, in 8 bits."""
    if levels.dtype.kind in "ui":
        most: float = 65_535 if levels.max() <= 65_535 else levels.max()
    else:
        if not np.isfinite(levels).all():
            raise ValueError("it has grey values that are not finite")
        most = next((m for m in (1.0, 255.0, 65_535.0) if levels.max() <= m), levels.max())
    return np.rint(np.clip(levels / most, 0, 1) * 255).astype(np.uint8)


def _paper_below(layered: Any) -> tuple[int, int, int]:
    """The colour for what is transparent: unlike the ink, where only ink is there."""
    small = layered.copy()
    small.thumbnail((256, 256))
    pixels = np.asarray(small)
    seen = pixels[pixels[..., 3] >= 128][:, :3]
    if not len(seen):
        return 255, 255, 255
    middle = np.median(seen, axis=0)
    if 2 * len(seen) > pixels[..., 3].size:  # paper with transparent corners
        return tuple(int(level) for level in middle)  # type: ignore[return-value]
    return (255, 255, 255) if middle.mean() < 128 else (0, 0, 0)


def _fitted(ink: npt.NDArray[Any], height: int, width: int, fill: float) -> npt.NDArray[Any]:
    """Scale the ink to fit into a part of the field."""
    image = require("PIL.Image", "train", "reads pictures", "read_image")
    scale = min(height * fill / ink.shape[0], width * fill / ink.shape[1])
    rows, columns = (max(1, round(size * scale)) for size in ink.shape)
    sized = image.fromarray(ink).resize((columns, rows), image.Resampling.BILINEAR)
    fitted = np.asarray(sized, np.float32)
    strokes = fitted[fitted > 0.1 * fitted.max()]
    full: np.floating[Any] = np.quantile(strokes, _FULL)  # a thin stroke has become pale
    return np.clip(fitted / full, 0, 1)


def _centred(ink: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Lay the ink so that its centre of mass is in the middle."""
    field = np.zeros((height, width), np.uint8)
    mass = ink.sum()
    corner = []
    for axis, size in enumerate((height, width)):
        centre = ink.sum(axis=1 - axis) @ np.arange(ink.shape[axis]) / mass
        nearest = math.ceil(size / 2 - centre - 0.5)
        corner.append(min(max(nearest, 0), size - ink.shape[axis]))
    top, left = corner
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(ink * 255)
    return field
