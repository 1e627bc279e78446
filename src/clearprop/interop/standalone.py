"""A network as one readable Python file that needs only NumPy."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clearprop.errors import OptionError, StagingError
from clearprop.interop.exported import checked, example_of
from clearprop.interop.preparations import as_stored, checked_preparation
from clearprop.interop.programs import predict_functions, step_functions
from clearprop.interop.standalone_text import OWN, StandaloneText
from clearprop.interop.writing import write_whole
from clearprop.nn.sequential import Sequential
from clearprop.places import current_line
from clearprop.source.expressions import Helpers

if TYPE_CHECKING:
    from clearprop.data.preparing import Preparation

_MOST_INSIDE = 1 << 20  # bytes of weights in the text, unless asked for


def to_numpy(
    network: Sequential,
    x_example: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    t_example: Any = None,
    weights: str = "auto",
    prepare: Preparation | None = None,
    metadata: Mapping[str, str] | None = None,
    classes: Sequence[str] | None = None,
) -> str:
    """Write a network, as it is now, as a Python file that needs only NumPy.

    The file has ``predict(x)``, the arrays ``PARAMS`` (and ``STATE``: running means and their
    like), and runs by itself: ``python model.py x.npy y.npy`` predicts the samples of a file,
    ``python model.py`` checks that the results are those it had when it was written. The
    computation is what `source` writes, with the names of layers.

    Parameters
    ----------
    network : Sequential
    x_example : array_like, shape (N, …)
        Some samples, with `prepare` as they are stored: the program is for samples of this shape
        and dtype. For how many samples, see Notes.
    path : str or path, optional
        Where to write it.
    t_example : array_like, optional
        Labels of these samples. The file then has the training step too: ``step(params, x, t, lr)``
        gives ``(params, loss)`` after one step of gradient descent; with Dropout or BatchNorm
        ``step(params, state, x, t, lr)`` gives ``(params, state, loss)``.
    weights : {"auto", "inside", "beside"}
        Where the weights are: in the text, small ones as numbers and others as base64; or beside
        it, ``model.npz`` of ``model.py``. By default beside where they have more than 1 MiB and a
        path is given.
    prepare : Scaled or Standardized, optional
        What is done to samples before the network gets them, ``dataset.prepare``. The file then
        has it as ``prepare(x)``, and ``predict`` and ``step`` take samples as they are stored.
    metadata : mapping of str to str, optional
        What is to be known of the network, for its first lines: ``{"y": "scores"}``.
    classes : sequence of str, optional
        The names of the classes, where the outputs are their scores. The file then has them as
        ``CLASSES``, and ``python model.py x.npy`` prints the likeliest of each sample.

    Returns
    -------
    str
        The text of the file.

    Raises
    ------
    OptionError
        ``network`` is no `Sequential`; ``weights`` is something else, or beside without a path;
        ``classes`` are no names, one for each output; a file cannot be written.
    ShapeError, DTypeError, LabelError
        From the layer that the examples do not fit; `prepare` takes bytes, and they are none.
    StagingError
        A layer branches on values or keeps numbers to itself: there is no such program, see
        `source`.
    OrderError
        ``t_example`` is given and the network has no loss.

    Notes
    -----
    The program is recorded for three numbers of samples. Where these differ only in multiples of
    the number of samples and their reciprocals, the file takes any number of them. Otherwise it
    takes as many as ``x_example`` has, and its first lines say so and why. The text is run once
    before it is given, and must give what the network gives.

    Labels are not checked by ``step``.

    Examples
    --------
    >>> import numpy as np
    >>> from clearprop import interop, nn
    >>> net = nn.TwoLayerNet(4, 5, 3)
    >>> text = interop.to_numpy(net, np.ones((2, 4)))
    >>> print(text[: text.index("def predict")])
    \"\"\"Needs only NumPy: a TwoLayerNet, written by clearprop ...
    <BLANKLINE>
    predict(x)    y (N, 3) of x (N, 4), float64, for N samples
    PARAMS        W1 (4, 5), b1 (5,), W2 (5, 3), b2 (3,)
    <BLANKLINE>
    python FILE x.npy y.npy    predicts the samples of x.npy
    python FILE                checks that results are those it had when it was written
    \"\"\"
    <BLANKLINE>
    import numpy as np
    <BLANKLINE>
    <BLANKLINE>
    def network(x, params):
        \"\"\"Compute y from x.\"\"\"
        W1 = params["W1"]
        b1 = params["b1"]
        W2 = params["W2"]
        b2 = params["b2"]
        affine1 = x @ W1 + b1  # (N, 5)
        relu1 = np.maximum(affine1, 0)  # (N, 5)
        affine2 = relu1 @ W2 + b2  # (N, 3)
        return affine2
    <BLANKLINE>
    <BLANKLINE>
    """
    network = checked(network, "to_numpy")
    beside = _beside(network, path, weights)
    prepare = checked_preparation(prepare, "to_numpy")
    stored = x_example if prepare is None else as_stored(prepare, x_example, "to_numpy")
    x = example_of(network, x_example if prepare is None else prepare(stored))
    t = None if t_example is None else np.array(t_example)
    predict = predict_functions(network, x, Helpers(OWN), OWN)
    step = None
    if t is not None:
        step = step_functions(network, x, t, predict.helpers, OWN)
        if any(_differ(array, step.arrays.get(name)) for name, array in predict.arrays.items()):
            step = step_functions(network, x, t, predict.helpers, OWN | {*predict.arrays})
    names = _names(classes, network.predict(x))
    file = StandaloneText(network, x, predict, step, prepare, dict(metadata or {}), names)
    _check(file, network, stored, x, t)
    text = file.whole(None if beside is None else beside.name)
    if path is not None:
        if beside is not None:
            write_whole(beside, lambda stream: np.savez(stream, **file.arrays))
        write_whole(Path(path), lambda stream: stream.write(text.encode()))
    return text


def _names(classes: Sequence[str] | None, y: Any) -> tuple[str, ...]:
    """Give the names of the classes, none where there are none."""
    names = () if classes is None else tuple(classes)
    is_text = not isinstance(classes, str) and all(isinstance(name, str) for name in names)
    if classes is None or (is_text and y.ndim == 2 and len(names) == y.shape[1]):
        return names
    raise OptionError(
        f"to_numpy: classes is {classes!r:.60}.",
        where=current_line(2),
        why=f"They are names, one for each score, and y has shape {y.shape}.",
        write="classes=['no', 'yes']",
    )


def _differ(a: Any, b: Any) -> bool:
    """Whether two arrays of one name cannot be one."""
    return b is not None and (a.dtype != b.dtype or not np.array_equal(a, b))


def has_many_weights(network: Sequential) -> bool:
    """Say whether a file has its weights beside it, where nothing else is asked for."""
    return sum(array.nbytes for array in network.params.values()) > _MOST_INSIDE


def _beside(network: Sequential, path: str | os.PathLike[str] | None, weights: str) -> Path | None:
    """Give the file that the weights are written to, if they are not in the text."""
    if weights not in ("auto", "inside", "beside") or (weights == "beside" and path is None):
        raise OptionError(
            f"to_numpy: weights is {weights!r}, path is {path!r}.",
            where=current_line(2),
            why="The weights are inside the text, or beside it in a file that is named after it.",
            write="weights='inside', or weights='beside' and path='model.py'",
        )
    is_beside = weights == "beside" or (weights == "auto" and has_many_weights(network))
    return Path(path).with_suffix(".npz") if is_beside and path is not None else None


def _check(file: StandaloneText, network: Sequential, stored: Any, x: Any, t: Any) -> None:
    """Run the functions once: they must give what the network gives."""
    module = file.run()
    pairs = [(module["predict"](stored), network.predict(x))]
    if t is not None:
        state = [module["STATE"]] if "STATE" in module else []
        *_, loss = module["step"](module["PARAMS"], *state, stored, t, 0.0)
        pairs.append((loss, network.loss(x, t, train=True)))
    for found, expected in pairs:
        rounding = 1e3 * np.finfo(expected.dtype).eps
        if not np.allclose(found, expected, rounding, rounding, equal_nan=True):
            raise StagingError(
                "to_numpy: the text that was written does not compute what the network does.",
                where=current_line(2),
                why="A layer computes with something that is neither a parameter nor a buffer, "
                "and that changed in between.",
                write="parameters = (…) or buffers = (…) in the class of that layer",
            )
