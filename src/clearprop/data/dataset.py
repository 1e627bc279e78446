"""A data set: what to train with, what to test with, and what the numbers mean."""

from __future__ import annotations

from dataclasses import dataclass

from clearprop.data.mnist import Split
from clearprop.data.preparing import Preparation


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
    classes : tuple of str, or None
        The names of the classes, in the order of their numbers; None for a regression.
    columns : tuple of str
        The names of a table's columns but the target; none for images.

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

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample: (C, H, W) of an image, (D,) of a row."""
        return tuple(self.train.x.shape[1:])

    def __repr__(self) -> str:
        """Sizes and shapes: the values would fill the screen."""
        kind = "a regression" if self.classes is None else f"{len(self.classes):,} classes"
        return (
            f"DataSet {self.name!r}: {len(self.train.x):,} + {len(self.test.x):,} samples of "
            f"shape {self.shape}, {kind}"
        )
