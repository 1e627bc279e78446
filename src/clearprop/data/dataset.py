"""A data set: what to train with, what to test with, and what the numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clearprop.data.mnist import Split
from clearprop.data.preparing import Preparation, Standardized


@dataclass(frozen=True, eq=False, repr=False)
class DataSet:
    """Samples and labels to train and to test with.

    Attributes
    ----------
    name : str
        What it is called: ``mnist``, or the name of the file or folder.
    train, test : Split
        Samples ``x`` and labels ``t``. Images are bytes of shape (N, C, H, W); rows of a table are
        floats of shape (N, D), the columns but the target. ``t`` is int64 of shape (N,), numbers
        of classes, or float64 of shape (N, 1) for a regression.
    prepare : Scaled or Standardized
        What is done to the samples of a batch before the network gets them.
    prepare_target : Standardized or None
        Of a regression: what is done to the targets of a batch, so that the network learns numbers
        about 0 whatever their unit; ``prepare_target.undo(y)`` gives predictions their unit again.
    classes : tuple of str, or None
        The names of the classes, in the order of their numbers; None for a regression.
    columns : tuple of str
        The names of the columns of a table that are given; none for images.
    target : str, or None
        The name of the column that is predicted; None for images.
    without : tuple of str
        The names of a table's columns that were left out.

    Examples
    --------
    >>> from clearprop import data
    >>> data.load("mnist")
    DataSet 'mnist': 60,000 + 10,000 samples of shape (1, 28, 28), 10 classes
    """

    name: str
    train: Split
    test: Split
    prepare: Preparation
    classes: tuple[str, ...] | None
    columns: tuple[str, ...] = ()
    target: str | None = None
    prepare_target: Standardized | None = None
    without: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample: (C, H, W) of an image, (D,) of a row."""
        return tuple(self.train.x.shape[1:])

    def unit(self, network: Any) -> Standardized | None:
        """Give `prepare_target` where a network learns with it: where its loss is one of numbers.

        With any other loss, such as one of your own that does not say its ``degree``, targets are
        learned as they are.
        """
        degree = getattr(getattr(network, "last_layer", None), "degree", None)
        return None if degree is None else self.prepare_target

    def predict(self, network: Any, x: Any) -> Any:
        """Predict samples as they are stored; of a regression, in the unit of the targets.

        Parameters
        ----------
        network : Sequential
            Which was trained with this data set.
        x : ndarray
            Samples as those of ``train.x``, not yet prepared.

        Returns
        -------
        ndarray
            Scores of the classes, or numbers, in float64.
        """
        y = network.predict(self.prepare(x))
        unit = self.unit(network)
        return y if unit is None else unit.undo(y)

    def __repr__(self) -> str:
        """Sizes and shapes: the values would fill the screen."""
        kind = "a regression" if self.classes is None else f"{len(self.classes):,} classes"
        return (
            f"DataSet {self.name!r}: {len(self.train.x):,} + {len(self.test.x):,} samples of "
            f"shape {self.shape}, {kind}"
        )
