"""Columns of a table that only count its rows: an index that was saved with it, an id."""

from __future__ import annotations

import numpy as np

from clearprop.data.dataset import DataSet

_LOOKED_AT = 100  # rows from the start, at which most other columns are known


def counting_columns(data: DataSet) -> list[str]:
    r"""Names of the columns whose values are a, a + 1, a + 2, … in the order of the rows.

    The rows to test with are drawn from anywhere between, so both parts increase, and together
    they have each of these numbers once.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from clearprop import data
    >>> rows = [f"{number},{number % 3},{number % 2 * 1.5}" for number in range(7)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pathlib.Path(folder, "table.csv")
    ...     _ = table.write_text("\n".join(["id,a,price", *rows]))
    ...     counting_columns(data.load(table))
    ['id']
    """
    parts = (data.train.x, data.test.x)
    count = sum(map(len, parts))
    if count < 3 or len(data.columns) < 2:  # then there would be no column left
        return []
    found = []
    for number, name in enumerate(data.columns):
        if not all(_may_count(x[:_LOOKED_AT, number]) for x in parts):
            continue
        values = np.sort(np.concatenate([x[:, number] for x in parts]))
        if np.array_equal(values, values[0] + np.arange(count)):
            found.append(name)
    return found


def _may_count(x: np.ndarray) -> bool:
    return bool(np.all(np.diff(x) >= 1) and np.all(x == np.trunc(x)))
