"""What all processes of a run must have in common, looked at before the first update."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clearprop.errors import DataError
from clearprop.train.environment import DECISIVE, describe_environment
from clearprop.train.parallel.processes import Processes
from clearprop.train.sources import Source

_WHOLE = 1 << 26  # bytes of an array that are all looked at; of a longer one, some rows
_ROWS = 256


def check_same(processes: Processes, facts: Mapping[str, Any]) -> None:
    """Refuse processes that would compute something else.

    Parameters
    ----------
    processes : Processes
    facts : mapping of str to Any
        What this process has, by the names that a message has.

    Raises
    ------
    DataError
        On all of them, with the first difference.
    """
    every = processes.collect((processes.host, dict(facts)))
    first_host, first = every[0]
    for rank, (host, found) in enumerate(every):
        for name, value in first.items():
            if found.get(name) != value:
                raise DataError(
                    f"train: the processes do not do the same: {name} is {value} for process 0 "
                    f"on {first_host}, and {found.get(name)} for process {rank} on {host}.",
                    why="each makes every update, and after it all have the same parameters.",
                    write="the same program, with the same arguments, versions and data, for each",
                )


def check_parameters(processes: Processes, params: Mapping[str, Any]) -> None:
    """Refuse to go on where a watcher, or a processor, has made other parameters somewhere.

    Raises
    ------
    DataError
        On all of them.
    """
    check_same(processes, {"the SHA-256 of the parameters": _digest(params.values())})


def facts_of(
    model: Any, source: Source, rule: Any, how: tuple[Any, bool], processes: Processes
) -> dict[str, Any]:
    """Say what decides the numbers of a run, in words and digests.

    Parameters
    ----------
    model, source, rule
        The parts of the run.
    how : tuple
        Its length, and whether it is interpreted.
    processes : Processes
    """
    length, interpret = how
    environment = describe_environment(machine_code=not interpret)
    return {
        **{name: environment[name] for name in DECISIVE if name in environment},
        "the way of adding": repr(processes).partition(", ")[0],
        "the length": str(length),
        "interpret": interpret,
        "the rule": repr(rule),
        "the network": repr(model),
        "the SHA-256 of the samples": _digest(source.constants),
        "the SHA-256 of the initial parameters": _digest(model.params.values()),
        "the generator of the batches": source.facts,
    }


def _digest(arrays: Iterable[Any]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        is_long = array.nbytes > _WHOLE and len(array) > _ROWS
        rows = array[:: len(array) // _ROWS] if is_long else array
        found.update(np.ascontiguousarray(rows).data)
    return found.hexdigest()[:16]
