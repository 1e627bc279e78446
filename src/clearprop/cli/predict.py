"""``clearprop predict``: what a trained network says of new images, or of new rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from clearprop.cli.completing import RUN
from clearprop.cli.files import must_be_no_file_of_a_run, must_be_writable, must_not_exist
from clearprop.errors import OptionError

_OUTPUT, _IMAGES = "What comes out", "Images"


def predict(
    run: Annotated[str, RUN],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE… | TABLE.csv",
            help="Images, or folders of them, for a run on images; one table for a run on a table.",
            show_default=False,
        ),
    ],
    look: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw a sheet: each image as it is and as the network sees it, and what it is "
            "taken for.",
            rich_help_panel=_IMAGES,
        ),
    ] = None,
    cut: Annotated[
        bool | None,
        typer.Option(
            "--cut/--no-cut",
            help="Cut the ink of digits out and lay it as in the images of the run, or keep images "
            "whole: in grey, those whose border is light are then inverted, where those of the run "
            "are dark there.",
            show_default="--cut, if the images of the run are digits of one size",
            rich_help_panel=_IMAGES,
        ),
    ] = None,
    as_is: Annotated[
        bool,
        typer.Option(
            "--as-is",
            help="Only resize images: nothing is cut out or inverted, and the aspect is not kept.",
            rich_help_panel=_IMAGES,
        ),
    ] = False,
    pictures: Annotated[
        bool | None,
        typer.Option(
            "--pictures/--no-pictures",
            help="On the screen too: each image as the network sees it.",
            show_default="on a terminal, for at most 6",
            rich_help_panel=_IMAGES,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE.csv",
            help="Write all predictions as CSV, with the probability of each class; - for the "
            "screen.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="[PATH.json]",
            help="JSON, to the screen or into a file: all probabilities.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    whole: Annotated[
        bool,
        typer.Option(
            "--all", help="Every row of a table, however long it is.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Overwrite a file that exists.", rich_help_panel=_OUTPUT),
    ] = False,
) -> None:
    """Predict new images, or new rows of a table, with a trained network.

    Images are PNG, JPEG, GIF, BMP, TIFF, WebP or PPM, of any size. A digit may be dark on light,
    light on dark or in colours: look at what the network sees (--look) before you blame it.

    A table has a header with the columns that the run was trained on, in any order; others, such as
    that of the target, are left out. Of a run on a table without a header it has none either.

    A file that exists is kept, unless you say --force.

    Exit codes: 0 all is predicted, 1 but for some images that cannot be read, with an error for
    each, 2 the request was wrong.

    For example:

    - `clearprop predict first three.png photo.jpg`

    - `clearprop predict first scans/ --look sheet.png`

    - `clearprop predict houses new.csv --out prices.csv`

    - `clearprop predict first three.png --json | jq -r '.predictions[].prediction'`
    """
    from clearprop.cli.run_state import told_before_predicting
    from clearprop.legible import legible_name
    from clearprop.train import read_run

    targets = [Path(path) for path in (look, out, json) if path not in (None, "-")]
    _check_targets(targets, inputs)
    for path in () if force else targets:
        must_not_exist(path, f"clearprop predict {run}")
    if json == "-" and out == "-":
        raise OptionError(
            "predict: --json and --out are both for the screen.",
            why="a program that reads it would get two forms.",
            write="--json --out FILE.csv",
        )
    of = read_run(run)
    predictor = of.predictor()
    if told := told_before_predicting(of):
        typer.echo(legible_name(told), err=True)
    if len(predictor.shape) == 1:
        from clearprop.cli.predict_table import predict_table

        cutting = ("no-cut", cut is False), ("cut", cut)
        for name, given in (("look", look), *cutting, ("as-is", as_is), ("pictures", pictures)):
            if given:
                raise OptionError(
                    f"predict: --{name} is given, and this run is on a table.",
                    why="there are no images.",
                    write=f"clearprop predict {run} TABLE.csv",
                )
        predict_table(of, predictor, inputs, out, json, whole)
        return
    from clearprop.cli.predict_images import predict_images

    if not predict_images(
        of,
        predictor,
        inputs,
        look=look,
        as_is=as_is,
        cut=cut,
        pictures=pictures,
        out=out,
        json=json,
    ):
        raise typer.Exit(1)


def _check_targets(targets: Sequence[Path], inputs: Sequence[str]) -> None:
    """Refuse to write over what is read, and two files of one name."""
    places = [path.absolute() for path in targets]
    for path, place in zip(targets, places, strict=True):
        must_be_no_file_of_a_run(path)
        must_be_writable(path)
        if place in [Path(given).absolute() for given in inputs] or places.count(place) > 1:
            raise OptionError(
                f"{path}: it is named twice.",
                why="what is read is never overwritten, and each file gets one content.",
                write="another path for what comes out",
            )
