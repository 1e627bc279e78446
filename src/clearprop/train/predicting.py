"""What a trained network says of samples as they are stored: classes with names, or numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from clearprop.data.fill import MNIST_FILL
from clearprop.data.preparing import Preparation, Standardized, preparation
from clearprop.errors import NonFiniteError, ShapeError
from clearprop.nn.losses import SoftmaxWithLoss
from clearprop.train.models import PIXELS

if TYPE_CHECKING:
    from clearprop.nn import Sequential

_ROWS = 500  # samples at once, which fit into a cache

Floats = npt.NDArray[np.floating[Any]]


class Predicted(NamedTuple):
    """What is predicted of N samples.

    Attributes
    ----------
    scores : ndarray, shape (N, K)
        What the network gives. For a regression these are the numbers, in their own unit.
    probabilities : ndarray, shape (N, K), or None
        Of each class; None for a regression.
    classes : tuple of str, length K, or None
        Their names.
    """

    scores: Floats
    probabilities: Floats | None
    classes: tuple[str, ...] | None

    @property
    def labels(self) -> list[str]:
        """The name of the likeliest class of each sample; of a regression there are none."""
        if self.classes is None or self.probabilities is None:
            return []
        return [self.classes[number] for number in self.probabilities.argmax(axis=1)]

    def likeliest(self, sample: int, count: int = 3) -> list[tuple[str, float]]:
        """Give the likeliest classes of a sample with their probabilities, the first one first."""
        if self.classes is None or self.probabilities is None:
            return []
        row = self.probabilities[sample]
        order = np.argsort(-row, kind="stable")[:count]
        return [(self.classes[number], float(row[number])) for number in order]


@dataclass(frozen=True)
class Predictor:
    """A trained network, and what it was trained on: samples as they are stored go in.

    Attributes
    ----------
    network : Sequential
        Its loss says what the probabilities are; of one without a loss they are the softmax.
    shape : tuple of int
        Of one sample as it is stored: (C, H, W) of an image, (D,) of a row.
    prepare : Scaled or Standardized
        What is done to samples before the network gets them.
    prepare_target : Standardized or None
        Of a regression: what was done to its targets. It is undone in float64, so that numbers
        that are large beside their differences, such as dates, keep them.
    classes : tuple of str, or None
        The names of the classes; None for a regression.
    columns : tuple of str
        The names of a table's columns but the target; none for images.
    fill : float or None
        What `data.read_image` takes as ``fill``; None where pictures are only to be resized.
    border : "dark", "light" or None
        How the images are at their border: pictures that are the other way round are inverted.

    Examples
    --------
    >>> from clearprop import data, nn
    >>> net = nn.Sequential(nn.Affine(np.eye(2), np.zeros(2)), loss=nn.SoftmaxWithLoss())
    >>> predict = Predictor(net, (2,), data.Standardized((1.0, 1.0), (1.0, 1.0)), ("no", "yes"))
    >>> found = predict([[1.0, 3.0], [2.0, 1.0]])
    >>> found.labels, [(name, round(p, 2)) for name, p in found.likeliest(0)]
    (['yes', 'no'], [('yes', 0.88), ('no', 0.12)])
    """

    network: Sequential
    shape: tuple[int, ...]
    prepare: Preparation
    classes: tuple[str, ...] | None
    columns: tuple[str, ...] = ()
    fill: float | None = None
    prepare_target: Standardized | None = None
    border: str | None = None

    def __call__(self, x: Any) -> Predicted:
        """Predict.

        Parameters
        ----------
        x : array_like, shape (N, *shape)
            Samples as they are stored: bytes of images, numbers of a table.

        Returns
        -------
        Predicted

        Raises
        ------
        ShapeError
            The samples have another shape.
        NonFiniteError
            The network gives NaN or infinity for a sample.
        """
        x = np.asarray(x)
        if x.shape[1:] != self.shape or not x.ndim:
            raise ShapeError(
                f"predict: x has shape {x.shape}.",
                why=f"one sample of this run has shape {self.shape}, and the first axis counts "
                "them.",
                write=f"x.reshape{(-1, *self.shape)}",
            )
        pieces = [self._scores(x[start : start + _ROWS]) for start in range(0, len(x), _ROWS)]
        scores = np.concatenate(pieces or [self._scores(np.zeros((1, *self.shape)))[:0]])
        if not np.isfinite(scores).all():
            first = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
            raise NonFiniteError(
                f"predict: the network gives {scores[first].tolist()} for sample {first}.",
                why="the sample is far from all that it was trained on, or its weights are not "
                "finite.",
                write="samples like those that it was trained on",
            )
        if self.classes is None:
            return Predicted(scores, None, None)
        last = self.network.last_layer or SoftmaxWithLoss()
        return Predicted(scores, last.probabilities(scores), self.classes)

    def _scores(self, x: Any) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):  # it is said above
            y = self.network.predict(self.prepare(x))
            return y if self.prepare_target is None else self.prepare_target.undo(y)


def predictor_for(
    network: Sequential,
    data: Mapping[str, Any],
    shape: tuple[int, ...],
    dtype: Any,
    unit: Standardized | None,
) -> Predictor:
    """Make it of what the configuration of a run says of its data; what it leaves out is MNIST's.

    Raises
    ------
    DataError, DTypeError, ShapeError
        What it says makes no sense.
    """
    names = data.get("classes", "0123456789")
    columns = data.get("columns") or ()
    if shape == (PIXELS,) and not columns:
        shape = (1, 28, 28)
    fill = data.get("fill", MNIST_FILL)
    border = data.get("border")
    is_fill = isinstance(fill, float | int) and 0 < fill <= 1
    return Predictor(
        network,
        shape,
        preparation(data.get("prepare", {"kind": "scaled", "dtype": dtype})),
        None if names is None else tuple(map(str, names)),
        tuple(map(str, columns)),
        float(fill) if is_fill and len(shape) == 3 and shape[0] == 1 else None,
        unit,
        border if border in ("dark", "light") else None,
    )
