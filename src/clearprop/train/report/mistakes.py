"""What a network makes of samples it was not trained on: how often, how surely, how wrongly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_PIECE = 10_000  # samples predicted at once


@dataclass(frozen=True)
class Mistakes:
    """The predictions of a network beside the labels.

    Attributes
    ----------
    confusion : ndarray of int, shape (classes, classes)
        ``confusion[i, j]`` samples of class i were taken for class j.
    wrong : ndarray of int
        The samples that were taken for another class, the surest mistakes first.
    taken_for : ndarray of int
        The class that each sample was taken for.
    probability : ndarray
        With which probability it was, from 0 to 1; NaN where the scores are no numbers.
    """

    confusion: npt.NDArray[np.int64]
    wrong: npt.NDArray[np.int64]
    taken_for: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]


def find_mistakes(
    predict: Callable[[Any], Any], x: npt.NDArray[Any], t: npt.NDArray[Any]
) -> Mistakes:
    """Predict every sample, and count.

    Parameters
    ----------
    predict : callable
        ``network.predict``, or what else gives a score for each class.
    x : ndarray, shape (samples, …)
    t : ndarray of int, shape (samples,)

    Returns
    -------
    Mistakes

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import nn
    >>> net = nn.Sequential(nn.Affine(np.eye(2), np.zeros(2)), loss=nn.SoftmaxWithLoss())
    >>> x, t = np.array([[3.0, 0], [0, 1], [0, 9]]), np.array([0, 1, 0])
    >>> mistakes = find_mistakes(net.predict, x, t)
    >>> mistakes.confusion.tolist(), mistakes.wrong.tolist()
    ([[1, 1], [0, 1]], [2])
    """
    with np.errstate(all="ignore"):  # a run that diverged: its probabilities are NaN, and say so
        pieces = [predict(x[i : i + _PIECE]) for i in range(0, len(x), _PIECE)]
        scores = np.concatenate(pieces).astype(float)
        powers = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        probabilities = powers / np.sum(powers, axis=1, keepdims=True)
    taken_for = np.argmax(scores, axis=1)
    probability = np.max(probabilities, axis=1)
    classes = scores.shape[1]
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (t, taken_for), 1)
    wrong = np.flatnonzero(taken_for != t)
    surest = wrong[np.argsort(-probability[wrong], kind="stable")]
    return Mistakes(confusion, surest, taken_for, probability)
