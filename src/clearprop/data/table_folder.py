"""A table as a folder of .npy files, written once in pieces, and read as memory maps."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from clearprop.data.dataset import DataSet
from clearprop.data.files import as_path, place
from clearprop.data.mnist import Split
from clearprop.data.moments import Moments, standardized_target
from clearprop.data.preparing import Dtype, Standardized, preparation
from clearprop.data.splitting import check_seed, check_test, draw_rows
from clearprop.data.table import Floats, Options, Task, columns_without, parted, read
from clearprop.errors import ClearpropError, DataError, OptionError

DESCRIPTION = "table.json"
_FORMAT = "clearprop table 1"
_ARRAYS = ("x_train", "t_train", "x_test", "t_test")
_NUMBERS = 1 << 20  # copied at once


def csv_to_npy(
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    target: str | int | None = None,
    task: Task | None = None,
    header: bool | None = None,
    without: Iterable[str | int] = (),
    seed: int = 0,
    test: float | None = None,
    dtype: Literal["float32", "float64"] = "float64",
) -> DataSet:
    r"""Write a table into a folder that `load` then opens as memory maps.

    The table is read in pieces, so that memory stays small whatever its length: one piece of about
    a million numbers, and 8 bytes a row for the target. The samples to test with are drawn here and
    written apart, so that both parts are read from the disk where they lie, without a copy.

    Parameters
    ----------
    path : str or path
        The table, as for `load`.
    folder : str or path
        Where to write; it is made, and may exist if it is empty. It appears when all is written.
    target, task, header, without, seed, test
        As for `load`.
    dtype : {"float64", "float32"}, default "float64"
        Of the numbers on disk. float32 takes half the room, and 7 digits are kept of each.

    Returns
    -------
    DataSet
        ``load(folder)``.

    Raises
    ------
    DataError
        As `load`; or the folder is not empty or cannot be written.
    OptionError
        As `load`; or `dtype` is none of the above.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pathlib.Path(folder, "or.csv")
    ...     _ = table.write_text("a,b,y\n0,0,no\n0,1,yes\n1,0,yes\n1,1,yes\n0,0,no\n")
    ...     csv_to_npy(table, pathlib.Path(folder, "or"))
    DataSet 'or': 4 + 1 samples of shape (2,), 2 classes
    """
    source, out = as_path(path, "csv_to_npy"), as_path(folder, "csv_to_npy")
    if dtype not in ("float32", "float64"):
        raise OptionError(
            f"csv_to_npy: dtype is {dtype!r}.",
            why="numbers are kept as 'float64' or 'float32'.",
            write="csv_to_npy(path, folder, dtype='float32')",
        )
    fraction, number = check_test(test), check_seed(seed)
    options = Options(target, task, header, columns_without(without, "csv_to_npy"))
    passing = f"{os.path.realpath(out)}.{os.getpid()}.part"
    try:
        _refuse_occupied(out)
        os.makedirs(os.path.dirname(passing), exist_ok=True)
        os.mkdir(passing)
        try:
            _write(source, passing, options, number, fraction, dtype)
            with suppress(FileNotFoundError):
                os.rmdir(os.path.realpath(out))  # empty; a system may not replace it
            os.replace(passing, os.path.realpath(out))
        except BaseException:
            shutil.rmtree(passing, ignore_errors=True)
            raise
    except OSError as error:
        raise DataError(
            f"csv_to_npy: the folder cannot be written: {error.strerror or error}.",
            where=place(out),
            why="the disk or the folder refuses it; for a moment it holds the table twice.",
            write="csv_to_npy(path, folder), on a disk with room and where you may write.",
        ) from error
    return load_table(out, "float32", None)


def _refuse_occupied(folder: str) -> None:
    with suppress(FileNotFoundError):
        if os.listdir(folder):
            raise DataError(
                "csv_to_npy: the folder exists and is not empty.",
                where=place(folder),
                why="nothing is overwritten.",
                write="csv_to_npy(path, folder) with another folder.",
            )


def _write(
    source: str, folder: str, options: Options, seed: int, test: float, dtype: Dtype
) -> None:
    rows = os.path.join(folder, "rows")  # all of them: how many there are shows at the end
    with open(rows, "wb") as file:

        def keep(piece: Floats) -> None:
            with np.errstate(over="ignore"):
                kept = piece.astype(dtype)
            if not np.isfinite(kept).all():
                raise _too_large(source, np.abs(piece).max())
            kept.tofile(file)

        layout, target = read(source, options, "csv_to_npy", keep)
    width = len(layout.columns)
    drawn = draw_rows(len(target.t), test, seed)
    moments = Moments(width)
    tested = int(drawn.sum())
    with (
        _npy(folder, "x_train", dtype, (len(drawn) - tested, width)) as train_file,
        _npy(folder, "x_test", dtype, (tested, width)) as test_file,
        open(rows, "rb") as again,
    ):
        for train, held_back in parted(_again(again, width, dtype), drawn):
            train.tofile(train_file)
            held_back.tofile(test_file)
            moments.add(train)
    os.unlink(rows)
    t_train, name = target.t[~drawn], layout.names[layout.target]
    np.save(os.path.join(folder, "t_train.npy"), t_train)
    np.save(os.path.join(folder, "t_test.npy"), target.t[drawn])
    prepare = moments.standardized(layout.columns, "float32", source, "csv_to_npy")
    prepare_target = standardized_target(t_train, name, "float32", source, "csv_to_npy")
    description = {
        "format": _FORMAT,
        "source": os.path.basename(source),
        "columns": layout.columns,
        "target": name,
        "without": layout.without,
        "classes": target.classes,
        "seed": seed,
        "test": test,
        "prepare": prepare.to_dict(),
        "prepare_target": None if prepare_target is None else prepare_target.to_dict(),
    }
    with open(os.path.join(folder, DESCRIPTION), "w", encoding="utf-8") as text:
        json.dump(description, text, indent=1, ensure_ascii=False)


@contextmanager
def _npy(folder: str, name: str, dtype: Dtype, shape: tuple[int, int]) -> Iterator[BinaryIO]:
    """Open a .npy file behind its header; in the end it is on the disk."""
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    with open(os.path.join(folder, f"{name}.npy"), "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        yield file
        file.flush()
        os.fsync(file.fileno())


def _again(file: BinaryIO, width: int, dtype: Dtype) -> Iterator[npt.NDArray[Any]]:
    count = max(1, _NUMBERS // width) * width
    while (piece := np.fromfile(file, dtype, count)).size:
        yield piece.reshape(-1, width)


def _too_large(source: str, largest: float) -> DataError:
    return DataError(
        f"csv_to_npy: the number {largest:g} is not one of float32.",
        where=place(source),
        why="float32 ends at 3.4e38.",
        write="csv_to_npy(path, folder, dtype='float64')",
    )


def load_table(folder: str, dtype: Dtype, test: float | None) -> DataSet:
    """Open a folder that `csv_to_npy` has written; see `load`."""
    if test is not None:
        raise OptionError(
            f"load: test is {test!r}, and this table has been divided already.",
            where=place(folder),
            why="csv_to_npy wrote the rows to test with apart from the others.",
            write="data.csv_to_npy(path, folder, test=0.3), into another folder",
        )
    described = _described(folder)
    try:
        prepare = preparation({**described["prepare"], "dtype": dtype})
        classes = described["classes"]
        classes = None if classes is None else tuple(map(str, classes))
        columns, target = tuple(map(str, described["columns"])), str(described["target"])
        without = tuple(map(str, described.get("without", ())))  # an earlier version has none
    except (KeyError, TypeError, ValueError) as error:
        reason = error.what if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
        raise _damaged(folder, DESCRIPTION, reason.rstrip(".")) from error
    t_train = _mapped(folder, "t_train")
    data = DataSet(
        os.path.basename(os.path.abspath(folder)),
        Split(_mapped(folder, "x_train"), t_train),
        Split(_mapped(folder, "x_test"), _mapped(folder, "t_test")),
        prepare,
        classes,
        columns,
        target,
        without=without,
    )
    _check(folder, data)
    if classes is not None:
        return data
    # a folder of an earlier version does not have it
    kept = described.get("prepare_target") or standardized_target(
        t_train, target, dtype, folder, "load"
    )
    return replace(data, prepare_target=_of_target(folder, kept, dtype))


def _of_target(folder: str, kept: Any, dtype: Dtype) -> Standardized:
    try:
        made = kept if isinstance(kept, Standardized) else preparation({**kept, "dtype": dtype})
    except (TypeError, DataError) as error:
        raise _damaged(
            folder, DESCRIPTION, str(getattr(error, "what", error)).rstrip(".")
        ) from error
    if not isinstance(made, Standardized) or len(made.mean) != 1:
        raise _damaged(folder, DESCRIPTION, "it does not have one mean of the target")
    return made


def _described(folder: str) -> dict[str, Any]:
    path = os.path.join(folder, DESCRIPTION)
    try:
        with open(path, encoding="utf-8") as file:
            described = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(folder, DESCRIPTION, str(error)) from error
    if not isinstance(described, dict) or described.get("format") != _FORMAT:
        raise _damaged(folder, DESCRIPTION, f"its format is not {_FORMAT!r}")
    return described


def _mapped(folder: str, name: str) -> npt.NDArray[Any]:
    try:
        array = np.lib.format.open_memmap(os.path.join(folder, f"{name}.npy"), mode="r")
    except (OSError, ValueError, OverflowError) as error:
        raise _damaged(folder, f"{name}.npy", str(error)) from error
    return np.asarray(array)


def _check(folder: str, data: DataSet) -> None:
    width = len(data.columns)
    for which, (x, t) in (("train", data.train), ("test", data.test)):
        if x.dtype not in (np.float32, np.float64) or x.shape != (len(t), width) or not len(t):
            found = f"it holds {x.dtype} of shape {x.shape}, beside {len(t)} targets"
            raise _damaged(folder, f"x_{which}.npy", found)
        if data.classes is None:
            right = t.dtype == np.float64 and t.shape == (len(t), 1)
        else:
            right = t.dtype == np.int64 and t.ndim == 1
            right = right and t.min() >= 0 and t.max() < len(data.classes)
        if not right:
            found = f"it holds {t.dtype} of shape {t.shape}, or a class that has no name"
            raise _damaged(folder, f"t_{which}.npy", found)
    if len(data.prepare.to_dict().get("mean", ())) != width:
        raise _damaged(folder, DESCRIPTION, f"it does not have a mean for each of {width} columns")


def _damaged(folder: str, name: str, reason: str) -> ClearpropError:
    return DataError(
        f"load: {name} is not what csv_to_npy wrote: {reason}.",
        where=place(folder),
        why="a file of the folder is missing, or was changed or cut short.",
        write="data.csv_to_npy(path, folder), which writes it anew",
    )
