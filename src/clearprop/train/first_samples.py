"""By what a run that goes on sees that its samples are others, or are prepared otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from clearprop.train.sources import Source
from clearprop.train.updates import Prepare, prepared

_COUNT = 8  # of samples that are compared: what prepares them is one function for all


def first_samples(source: Source, prepare: Prepare | None) -> dict[str, Any] | None:
    """Describe the first samples, as they are and as the network gets them.

    A function cannot be kept in a file, nor can its text say what it reads; what it makes of some
    samples can.

    Parameters
    ----------
    source : Source
        Where batches come from.
    prepare : callable, optional
        What is done to samples before the network gets them.

    Returns
    -------
    dict or None
        How many they are, and a SHA-256 of either; None of a stream, whose samples are not there
        before they are asked for, and where preparing raises, which the run itself will say.

    Examples
    --------
    >>> from clearprop.train.sources import Drawn, FromArrays
    >>> x, t = np.eye(3), np.arange(3)
    >>> found = first_samples(FromArrays(x, t, Drawn(3, 1, np.random.default_rng(0))), None)
    >>> found["count"], found["stored"] == found["prepared"]
    (3, True)
    """
    if not source.constants:
        return None
    x = np.array(source.constants[0][:_COUNT])
    try:
        ready = np.asarray(prepared(x.copy(), prepare))
    except Exception:  # whatever the function of the user's raises
        return None
    return {"count": len(x), "stored": _sha256(x), "prepared": _sha256(ready)}


def _sha256(array: Any) -> str:
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def change(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    """Say what differs, as a sentence; "" where nothing does, or nothing is known.

    Parameters
    ----------
    before, now : mapping or None
        As from `first_samples`.

    Examples
    --------
    >>> kept = {"count": 8, "stored": "a", "prepared": "b"}
    >>> change(kept, {**kept, "prepared": "c"})
    'prepare makes other numbers of the first 8 samples than before the checkpoint.'
    >>> change(kept, {**kept, "stored": "c", "prepared": "d"})
    'the first 8 samples are others than before the checkpoint.'
    """
    if before is None or now is None or before == now:
        return ""
    first = f"the first {now['count']} samples"
    if before["stored"] != now["stored"]:
        return f"{first} are others than before the checkpoint."
    return f"prepare makes other numbers of {first} than before the checkpoint."
