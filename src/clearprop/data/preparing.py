"""What is done to a batch before a network gets it, as a value that can be kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clearprop.data.mnist import scaled
from clearprop.errors import DataError, DTypeError, ShapeError

Dtype = Literal["float32", "float64"]


@dataclass(frozen=True)
class Scaled:
    r""":math:`x / 255`: bytes as floats in [0, 1], by `scaled`.

    Parameters
    ----------
    dtype : {"float32", "float64"}, default "float32"
        Of the result.

    Examples
    --------
    >>> import numpy as np
    >>> Scaled()(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)
    """

    dtype: Dtype = "float32"

    def __post_init__(self) -> None:
        check_dtype(self.dtype)

    def __call__(self, x: Any) -> Any:
        """Divide."""
        return scaled(x, self.dtype)

    def to_dict(self) -> dict[str, Any]:
        """Give what `preparation` makes it from again: strings and numbers, as JSON holds them."""
        return {"kind": "scaled", "dtype": self.dtype}


@dataclass(frozen=True)
class Standardized:
    r""":math:`(x - \mu) / \sigma`, column by column.

    Parameters
    ----------
    mean, std : tuple of float, length D
        :math:`\mu` and :math:`\sigma`, usually those of the samples to train with.
    dtype : {"float32", "float64"}, default "float32"
        Of the result. It is computed in float64 and rounded once: dates and other large numbers
        keep what distinguishes them.

    Raises
    ------
    DataError
        A number is not finite, or a :math:`\sigma` is not positive.
    ShapeError
        There are not as many :math:`\mu` as :math:`\sigma`; when called, `x` does not have D
        columns.

    Examples
    --------
    >>> import numpy as np
    >>> Standardized((1.0, 10.0), (2.0, 5.0))(np.array([[3.0, 0.0]]))
    array([[ 1., -2.]], dtype=float32)
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    dtype: Dtype = "float32"

    def __post_init__(self) -> None:
        check_dtype(self.dtype)
        if len(self.mean) != len(self.std):
            raise ShapeError(
                f"Standardized: {len(self.mean)} means and {len(self.std)} standard deviations.",
                why="each column has one of both.",
                write="Standardized(x.mean(axis=0).tolist(), x.std(axis=0).tolist())",
            )
        for column, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            if not (math.isfinite(mean) and math.isfinite(std) and std > 0):
                raise DataError(
                    f"Standardized: the mean of column {column} is {mean!r}, the standard "
                    f"deviation {std!r}.",
                    why="both are finite, and it is divided by the second.",
                    write="std = 1.0 for a column that is constant",
                )

    def __call__(self, x: Any) -> Any:
        """Subtract and divide."""
        if x.shape[-1:] != (len(self.mean),):
            raise ShapeError(
                f"Standardized: x has shape {x.shape}.",
                why=f"its last axis is the {len(self.mean)} columns of the table.",
                write=f"x.reshape(-1, {len(self.mean)}), with the columns in their order",
            )
        return ((x - np.array(self.mean)) / np.array(self.std)).astype(self.dtype)

    def undo(self, y: Any) -> Any:
        r"""Give :math:`\sigma y + \mu`, in float64: predictions in the unit of the targets.

        Examples
        --------
        >>> import numpy as np
        >>> price = Standardized((1000.0,), (100.0,))
        >>> price.undo(price(np.array([[1050.0], [800.0]])))
        array([[1050.],
               [ 800.]])
        """
        return np.asarray(y, np.float64) * np.array(self.std) + np.array(self.mean)

    def to_dict(self) -> dict[str, Any]:
        """Give what `preparation` makes it from again: strings and numbers, as JSON holds them."""
        return {
            "kind": "standardized",
            "mean": list(self.mean),
            "std": list(self.std),
            "dtype": self.dtype,
        }


Preparation = Scaled | Standardized


def preparation(kept: Mapping[str, Any]) -> Preparation:
    """Make a preparation again from what its ``to_dict`` gave, such as after a trip through JSON.

    Parameters
    ----------
    kept : dict

    Returns
    -------
    Scaled or Standardized

    Raises
    ------
    DataError
        It is not what ``to_dict`` gives.

    Examples
    --------
    >>> import json
    >>> text = json.dumps(Standardized((1.0,), (2.0,)).to_dict())
    >>> preparation(json.loads(text))
    Standardized(mean=(1.0,), std=(2.0,), dtype='float32')
    """
    try:
        if kept["kind"] == "scaled":
            return Scaled(kept["dtype"])
        if kept["kind"] == "standardized":
            mean, std = (tuple(float(v) for v in kept[name]) for name in ("mean", "std"))
            return Standardized(mean, std, kept["dtype"])
    except (KeyError, TypeError, ValueError) as error:
        raise _unknown(kept) from error
    raise _unknown(kept)


def _unknown(kept: object) -> DataError:
    return DataError(
        f"preparation: {str(kept)[:100]} is none.",
        why="it has a kind, 'scaled' or 'standardized', a dtype, and the second mean and std.",
        write="preparation(dataset.prepare.to_dict())",
    )


def check_dtype(dtype: object) -> None:
    """Refuse what is no dtype of a network's input."""
    if dtype not in ("float32", "float64"):
        raise DTypeError(
            f"prepare: dtype is {dtype!r}.",
            why="a network gets floats, 'float32' or 'float64'.",
            write="dtype='float32'",
        )
