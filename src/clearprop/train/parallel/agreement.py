"""What all processes of a run must have in common, looked at before the first update."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from clearprop.errors import DataError, OptionError
from clearprop.train.environment import DECISIVE, describe_environment
from clearprop.train.first_samples import first_samples
from clearprop.train.parallel.processes import Processes
from clearprop.train.splits import Subset
from clearprop.train.updates import Prepare

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


def check_processes(parallel: Any) -> None:
    """Refuse what is none of `mpi`'s.

    Raises
    ------
    OptionError
    """
    if parallel is not None and not isinstance(parallel, Processes):
        raise OptionError(
            f"train: parallel is {parallel!r}.",
            why="it is the processes that train together, which know each other.",
            write="fit(…, parallel=train.mpi())",
        )


def facts_of(
    model: Any,
    source: Any,
    rule: Any,
    how: tuple[Any, bool, Prepare | None, Mapping[str, Subset]],
    processes: Processes,
) -> dict[str, Any]:
    """Say what decides the numbers of a run, in words and digests.

    Parameters
    ----------
    model, source, rule
        The parts of the run.
    how : tuple
        Its length, whether it is interpreted, what prepares samples, and those that are measured.
    processes : Processes
    """
    length, interpret, prepare, splits = how
    drawn = getattr(source, "drawn", None)  # of a stream there is none, which is refused later
    first = first_samples(source, prepare) or {}
    environment = describe_environment(machine_code=not interpret)
    return {
        **{name: environment[name] for name in DECISIVE if name in environment},
        "the way of adding": repr(processes).partition(", ")[0],
        "the length": str(length),
        "batch": getattr(drawn, "size", None),
        "replace": getattr(drawn, "replace", None),
        "the number of samples to train with": getattr(drawn, "samples", None),
        "interpret": interpret,
        "the rule": repr(rule),
        "the network": repr(model),
        "the SHA-256 of the samples": _digest(source.constants),
        "the SHA-256 of the first samples, prepared,": first.get("prepared"),
        **{
            f"the SHA-256 of the {name} samples": _digest(
                each for each in split if each is not None
            )
            for name, split in splits.items()
            if name != "train"
        },
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
