"""One door to all data: by name, from a folder, or from a table."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from clearprop.data.dataset import DataSet
from clearprop.data.files import as_path, name_contents, place
from clearprop.data.images import holds_idx, load_digits, load_idx_folder, load_mnist
from clearprop.data.preparing import Dtype, check_dtype
from clearprop.data.splitting import check_seed, check_test
from clearprop.data.table import Options, Task, columns_without, load_csv
from clearprop.data.table_folder import DESCRIPTION, load_table
from clearprop.errors import DataError, OptionError
from clearprop.places import current_line


def load(
    what: str | os.PathLike[str] | None = None,
    *,
    seed: int = 0,
    target: str | int | None = None,
    test: float | None = None,
    task: Task | None = None,
    header: bool | None = None,
    without: Iterable[str | int] = (),
    dtype: Dtype = "float32",
) -> DataSet:
    r"""Samples and labels to train and to test with, from wherever they are.

    Parameters
    ----------
    what : str or path, optional
        One of

        - ``"mnist"``, also where nothing is given: the MNIST that comes with clearprop;
        - ``"digits"``: the 1,797 digits of 8 x 8 pixels that come with scikit-learn (the extra
          ``sklearn``), their 17 grey values spread over a byte;
        - a folder of IDX files under MNIST's names, plain or with .gz, such as Fashion-MNIST:
          bytes of any height and width, in colour where they have four dimensions, (N, C, H, W),
          and of any classes;
        - a CSV file, plain or compressed with gzip: see the notes;
        - a folder that `csv_to_npy` wrote.

        A folder of the name ``mnist`` is ``"./mnist"``, or ``Path("mnist")``.
    seed : int, default 0
        Which samples are drawn to test with, where the data do not say themselves.
    target : str or int, optional
        Of a table: the column that is to be predicted, by its name, or by its number from 0, -1
        being the last. By default the last.
    test : float, optional
        The part that is to test with, by default 0.2 of the rows of a table and of the digits. A
        folder with the two files to train with alone is divided if it is given. MNIST, a folder of
        four files and one of `csv_to_npy` are divided already, and refuse it.
    task : {"classes", "regression"}, optional
        Of a table: what its target is. By default texts are classes, and so are whole numbers, of
        which at most 20 are different and which are at least as many as the square of that; other
        numbers are a regression.
    header : bool, optional
        Of a table: whether the first line has the names of the columns. By default it is found out.
    without : sequence of str or int
        Of a table: the columns that are left out, by name or number as the target. What stands in
        them is not looked at, so that they may have texts and gaps.
    dtype : {"float32", "float64"}, default "float32"
        What ``prepare`` gives.

    Returns
    -------
    DataSet
        Its samples stay as they are stored, images as bytes; ``prepare`` is for each batch: bytes
        are divided by 255, columns of a table are brought to mean 0 and standard deviation 1
        of the samples to train with.

    Raises
    ------
    DataError
        There is no such file; it is damaged, or is not what it should be; a cell of a table is
        missing or no number, and then the message names line and column.
    OptionError
        An option has no meaning, or none for these data.
    MissingExtraError
        scikit-learn is not installed.

    Notes
    -----
    Tables are text in UTF-8 (or UTF-16 with a byte order mark), separated by commas, semicolons or
    tabs, with quotes where a cell holds a separator. They are read by `numpy.loadtxt`, in float64.
    Blank lines are passed over. Names of classes are sorted, numbers by value.

    The first line is a header, if no cell of it is a number. If it has texts above numbers and
    numbers too, or the numbers 0, 1, 2, …, it may be either, and ``header`` is asked for.

    Examples
    --------
    >>> from clearprop import data
    >>> mnist = data.load()
    >>> mnist.train.x.shape, mnist.train.x.dtype, mnist.prepare(mnist.test.x[:1]).max()
    ((60000, 1, 28, 28), dtype('uint8'), np.float32(1.0))

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pathlib.Path(folder, "points.csv")
    ...     _ = table.write_text("x1;x2;kind\n1;2;up\n3;1;down\n2;2;up\n4;3;down\n")
    ...     points = data.load(table, test=0.25)
    >>> points.classes, points.columns, points.test.x
    (('down', 'up'), ('x1', 'x2'), array([[2., 2.]]))
    """
    check_test(test)
    check_seed(seed)
    check_dtype(dtype)
    left_out = columns_without(without, "load")
    if what is None or (isinstance(what, str) and what in ("mnist", "digits")):
        _refuse_table_options(what or "mnist", target, task, header, left_out or None)
        return load_digits(seed, dtype, test) if what == "digits" else load_mnist(dtype, test)
    if hasattr(what, "to_numpy"):
        raise _already_there(what)
    path = as_path(what, "load")
    try:
        is_folder = os.path.isdir(path)
    except ValueError:  # a null character; the reader of files says so
        is_folder = False
    if not is_folder:
        return load_csv(path, seed, dtype, test, Options(target, task, header, left_out))
    _refuse_table_options(path, target, task, header, left_out or None)
    if os.path.lexists(os.path.join(path, DESCRIPTION)):
        return load_table(path, dtype, test)
    if holds_idx(path):
        return load_idx_folder(path, seed, dtype, test)
    raise DataError(
        "load: the folder holds no data that is known.",
        where=place(path),
        why=f"it holds {name_contents(path)}; IDX files have the names of MNIST's, such as "
        "train-images-idx3-ubyte.gz.",
        write="data.load(folder) with such a folder, or data.load('table.csv')",
    )


def _already_there(frame: Any) -> DataError:
    """Give the error for a table of pandas or another library, which needs no loading."""
    return DataError(
        f"load: what is given is a {type(frame).__name__}, and no file.",
        where=current_line(2),
        why="it is in memory: fit takes what NumPy makes an array of.",
        write="x, t = df[columns].to_numpy(), df[target].to_numpy(), then "
        "train.fit(net, ((x, t), None)); or df.to_csv('table.csv', index=False) and "
        "data.load('table.csv')",
    )


def _refuse_table_options(what: str, *options: object) -> None:
    for name, value in zip(("target", "task", "header", "without"), options, strict=True):
        if value is not None:
            raise OptionError(
                f"load: {name} is {value!r}, and this is no CSV file.",
                where=repr(what),
                why=f"{name} says something about a table that is read now.",
                write=f"data.load({what!r}), or data.load('table.csv', {name}={value!r})",
            )
