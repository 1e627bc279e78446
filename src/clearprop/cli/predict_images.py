"""``clearprop predict`` for a run on images."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from glob import glob  # a pattern may begin at any folder
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import typer

from clearprop.cli.explanation import explain
from clearprop.cli.predictions import (
    cells,
    facts_of,
    for_the_command,
    form_of,
    percent,
    print_table,
    write_csv,
)
from clearprop.data.fill import MNIST_FILL
from clearprop.errors import ClearpropError, DataError, OptionError

if TYPE_CHECKING:
    from clearprop.cli.screen import Screen
    from clearprop.train import Predicted, Predictor, Run

_ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
_MOST_PICTURES = 6  # on a terminal, unless they are asked for
_BAR = 24  # columns of a bar of 100 %


class Image(NamedTuple):
    """A picture: its path, as it is, as the network sees it, and its width and height."""

    path: str
    picture: Any
    seen: Any
    size: tuple[int, int]


def predict_images(
    run: Run,
    predictor: Predictor,
    inputs: Sequence[str],
    *,
    look: Path | None,
    as_is: bool,
    cut: bool | None,
    pictures: bool | None,
    out: str | None,
    json: str | None,
) -> bool:
    """Predict pictures, and show or write what is predicted.

    Returns
    -------
    bool
        Whether all could be read.
    """
    from clearprop.cli.screen import Screen, write_json

    paths = image_files(inputs)
    fill = _fill(run, predictor, as_is, cut)
    border = None if as_is or predictor.shape[0] != 1 else predictor.border
    images, problems = read_images(paths, predictor.shape, fill, border)
    if fill is None:
        _tell_inverted(images, border)
    shape = (len(images), *predictor.shape)
    found = predictor(np.array([image.seen for image in images], np.uint8).reshape(shape))
    if out is not None:
        write_csv(out, {"file": [image.path for image in images]}, found, "prediction")
    if json is not None:
        facts = [{"file": i.path, **facts_of(found, n)} for n, i in enumerate(images)]
        failed = [{"file": path, "error": str(error)} for path, error in problems.items()]
        write_json({"run": str(run.path), "predictions": facts, "problems": failed}, json)
    if look is not None and images:
        from clearprop.cli.sheet import write_sheet

        write_sheet(look, images, found, str(run.path))
    if "-" not in (out, json) and images:
        screen = Screen()
        if pictures if pictures is not None else _wants_pictures(screen, len(images)):
            _print_pictures(screen, images, found)
        else:
            head = ["image", "prediction", "probability", "then"]
            form = form_of(found.scores)
            lines = [[image.path, *cells(found, n, form)] for n, image in enumerate(images)]
            print_table(screen, [head, *lines])
        for target in (look, out, json):
            if target is not None:
                screen.line(f"Written: {target}")
        if problems:
            screen.line()
            sys.stdout.flush()
    for error in problems.values():
        explain(error)
    return not problems


def image_files(inputs: Sequence[str]) -> list[str]:
    """Open folders, and patterns that a shell has left as they are.

    Raises
    ------
    OptionError
        There is no picture in a folder.
    """
    paths: list[str] = []
    for given in inputs:
        place = Path(given)
        if place.is_dir():
            inside = [path for path in sorted(place.iterdir()) if _is_picture(path)]
            if not inside:
                raise OptionError(
                    f"{given}: there is no picture in this folder.",
                    why=f"files that end in {', '.join(_ENDINGS)} are taken.",
                    write="clearprop predict RUN IMAGE",
                )
            paths += map(str, inside)
        elif place.is_symlink() or place.exists():
            paths.append(given)
        else:
            paths += sorted(glob(given)) or [given]  # noqa: PTH207
    return list(dict.fromkeys(paths))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS and path.name[:1] != "." and path.is_file()


def _fill(run: Run, predictor: Predictor, as_is: bool, cut: bool | None) -> float | None:
    """Say how much of the field ink is to fill, None where it is not cut out; tell a guess."""
    channels = predictor.shape[0]
    if len(predictor.shape) != 3 or channels not in (1, 3):
        raise OptionError(
            f"predict: a sample of this run has shape {predictor.shape}.",
            where=repr(str(run.path)),
            why="pictures are made into 1 channel of grey or 3 of colour.",
            write="train.read_run(RUN).predictor()(x) in Python, with such samples",
        )
    if cut:
        _must_be_cuttable(run, channels, as_is)
        return MNIST_FILL if predictor.fill is None else predictor.fill
    if as_is or cut is False:
        return None
    if predictor.fill is not None and run.settings.get("data") not in (None, "digits"):
        typer.echo(
            "Pictures are taken for digits on paper: ink is cut out and becomes light. "
            "--no-cut keeps them whole; --as-is only resizes them.",
            err=True,
        )
    return predictor.fill


def _must_be_cuttable(run: Run, channels: int, as_is: bool) -> None:
    if as_is:
        raise OptionError(
            "predict: --cut stands beside --as-is.",
            why="ink that is cut out is not left as it is.",
            write=f"clearprop predict {run.path} IMAGE --cut",
        )
    if channels != 1:
        raise OptionError(
            "predict: --cut is given, and the images of this run are in colour.",
            where=repr(str(run.path)),
            why="ink that is cut out is grey: so much of it in each pixel.",
            write=f"clearprop predict {run.path} IMAGE",
        )


def _tell_inverted(images: Sequence[Image], border: str | None) -> None:
    from clearprop.data.picture import is_inverted

    count = sum(is_inverted(image.picture, border) for image in images)
    if count:
        one = "1 picture is" if count == 1 else f"{count:,} pictures are"
        typer.echo(
            f"{one} inverted: the images of this run are {border} at the border. --as-is only "
            "resizes.",
            err=True,
        )


def read_images(
    paths: Sequence[str], shape: tuple[int, ...], fill: float | None, border: str | None = None
) -> tuple[list[Image], dict[str, ClearpropError]]:
    """Read what can be read; and what cannot, with the reason."""
    from clearprop.data.picture import as_seen, open_picture

    how: dict[str, Any] = {"as_is": fill is None, "fill": fill or MNIST_FILL, "border": border}
    images: list[Image] = []
    problems: dict[str, ClearpropError] = {}
    for path in paths:
        try:
            picture = open_picture(path)
            seen, size = as_seen(picture, shape, **how, path=path), picture.size
            picture.thumbnail((512, 512))
            images.append(Image(path, picture, seen, size))
        except DataError as error:
            problems[path] = for_the_command(error, "read_image", "IMAGE")
        except MemoryError:
            problems[path] = DataError(
                "there is not enough memory for this picture.",
                where=repr(path),
                why="it is unfolded before it is made smaller.",
                write="clearprop predict RUN IMAGE with a smaller copy",
            )
    return images, problems


# ---- on a terminal -----------------------------------------------------------------------------


def _wants_pictures(screen: Screen, count: int) -> bool:
    is_able = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and screen.has_blocks
    return bool(is_able and count <= _MOST_PICTURES)


def _print_pictures(screen: Screen, images: Sequence[Image], found: Predicted) -> None:
    """Print each picture as the network sees it, and beside it what it is taken for."""
    from clearprop.cli.blocks import blocks

    for number, image in enumerate(images):
        screen.heading(image.path)
        lines = blocks(image.seen, colours=screen.has_colours)
        beside = _bars(found, number)
        start = max(0, (len(lines) - len(beside)) // 2)
        for place in range(max(len(lines), start + len(beside))):
            picture = lines[place] if place < len(lines) else None
            text = beside[place - start] if 0 <= place - start < len(beside) else ("", "")
            screen.beside(picture, lines[0].cell_len, *text)
    screen.line()


def _bars(found: Predicted, number: int) -> list[tuple[str, str]]:
    likeliest = found.likeliest(number, 4)
    if not likeliest:
        return [(cells(found, number, form_of(found.scores))[0], "bold")]
    width = max(len(name) for name, _ in likeliest)
    rows = []
    for place, (name, p) in enumerate(likeliest):
        bar = "█" * round(p * _BAR) or "▏"
        style = ("bold" if p >= 0.5 else "bold yellow") if place == 0 else "dim"
        rows.append((f"{name:<{width}}  {percent(p):>7}  {bar}", style))
    return rows
